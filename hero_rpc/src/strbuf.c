#include "hero_rpc/strbuf.h"
#include "utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAP_BYTES 256

void rpc_strbuf_init(struct rpc_strbuf *buf) {
    *buf = (struct rpc_strbuf)RPC_STRBUF_INIT;
}

void rpc_strbuf_done(struct rpc_strbuf *buf) {
    free(buf->data);
    rpc_strbuf_init(buf);
}

void rpc_strbuf_clear(struct rpc_strbuf *buf) {
    buf->len = 0;
    buf->failed = false;
    if (buf->data) buf->data[0] = '\0';
}

char *rpc_strbuf_reserve(struct rpc_strbuf *buf, size_t more) {
    if (buf->failed) return NULL;
    if (more < buf->cap - buf->len) return buf->data + buf->len;
    if (more > SIZE_MAX / 4 - buf->len) {
        buf->failed = true;
        return NULL;
    }
    size_t need = buf->len + more + 1;
    size_t cap = buf->cap ? buf->cap : FIRST_CAP_BYTES;
    while (cap < need)
        cap *= 2;
    char *data = realloc(buf->data, cap);
    if (!data) {
        buf->failed = true;
        return NULL;
    }
    if (!buf->data) data[0] = '\0';
    buf->data = data;
    buf->cap = cap;
    return data + buf->len;
}

void rpc_strbuf_add(struct rpc_strbuf *buf, const void *data, size_t len) {
    char *to = rpc_strbuf_reserve(buf, len);
    if (!to) return;
    if (len) memcpy(to, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void rpc_strbuf_add_text(struct rpc_strbuf *buf, const char *text) {
    rpc_strbuf_add(buf, text, strlen(text));
}

void rpc_strbuf_add_char(struct rpc_strbuf *buf, char c) {
    rpc_strbuf_add(buf, &c, 1);
}

void rpc_strbuf_vaddf(struct rpc_strbuf *buf, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    size_t room = buf->failed ? 0 : buf->cap - buf->len;
    int n = vsnprintf(room ? buf->data + buf->len : NULL, room, format, args);
    if (n < 0) {
        buf->failed = true;
    } else if ((size_t)n < room) {
        buf->len += (size_t)n;
    } else if (rpc_strbuf_reserve(buf, (size_t)n)) {
        vsnprintf(buf->data + buf->len, (size_t)n + 1, format, again);
        buf->len += (size_t)n;
    }
    va_end(again);
}

void rpc_strbuf_addf(struct rpc_strbuf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    rpc_strbuf_vaddf(buf, format, args);
    va_end(args);
}

void rpc_strbuf_add_int(struct rpc_strbuf *buf, long long value) {
    char digits[24];
    char *at = digits + sizeof digits;
    unsigned long long left =
        value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;
    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    if (value < 0) *--at = '-';
    rpc_strbuf_add(buf, at, (size_t)(digits + sizeof digits - at));
}

static void add_escaped(struct rpc_strbuf *buf, unsigned char c) {
    static const char short_form[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                      ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    if (c < sizeof short_form && short_form[c])
        rpc_strbuf_add(buf, (char[]){'\\', short_form[c]}, 2);
    else
        rpc_strbuf_addf(buf, "\\u%04x", c);
}

/* How many bytes from here on are printable ASCII that stands for itself in JSON, in whole groups
 * of eight. The four tests are the usual ones for "a byte below n" and "a byte equal to n" (Bit
 * Twiddling Hacks, "Determine if a word has a zero byte"). */
static size_t plain_groups(const unsigned char *at, size_t len) {
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
    size_t n = 0;
    for (; n + 8 <= len; n += 8) {
        uint64_t word;
        memcpy(&word, at + n, sizeof word);
        uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
        uint64_t special = (word - ones * 0x20) | ((quote - ones) & ~quote) |
                           ((backslash - ones) & ~backslash) | word;
        if (special & highs) break;
    }
    return n;
}

void rpc_strbuf_add_json_string(struct rpc_strbuf *buf, const char *text, size_t len) {
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + len;
    const unsigned char *plain = at; /* start of the bytes that can be copied as they are */
    rpc_strbuf_reserve(buf, len + 2);
    rpc_strbuf_add_char(buf, '"');
    while (at < end) {
        at += plain_groups(at, (size_t)(end - at));
        if (at == end) break;
        size_t skip = 1;
        size_t n = *at < 0x80 ? 1 : utf8_char_len(at, (size_t)(end - at), &skip);
        if (n && *at >= 0x20 && *at != '"' && *at != '\\') {
            at += n;
            continue;
        }
        rpc_strbuf_add(buf, plain, (size_t)(at - plain));
        if (n)
            add_escaped(buf, *at);
        else
            rpc_strbuf_add_text(buf, "\xef\xbf\xbd");
        at += n ? n : skip;
        plain = at;
    }
    rpc_strbuf_add(buf, plain, (size_t)(at - plain));
    rpc_strbuf_add_char(buf, '"');
}

/* The four hexadecimal digits of a \u escape; -1: they are none. */
static long hex4(const unsigned char *at, size_t len) {
    long value = 0;
    if (len < 4) return -1;
    for (size_t i = 0; i < 4; i++) {
        int c = at[i] | 0x20;
        bool is_digit = at[i] >= '0' && at[i] <= '9';
        if (!is_digit && (c < 'a' || c > 'f')) return -1;
        value = value * 16 + (is_digit ? at[i] - '0' : c - 'a' + 10);
    }
    return value;
}

static void add_utf8(struct rpc_strbuf *buf, unsigned long c) {
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    unsigned len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    char bytes[4];
    for (unsigned i = len; i-- > 1; c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(leads[len] | c);
    rpc_strbuf_add(buf, bytes, len);
}

/* Adds what the escape at a backslash means. Its length; 0: it is none. */
static size_t add_escape(struct rpc_strbuf *buf, const unsigned char *at, size_t len) {
    static const char meanings[] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    if (len < 2) return 0;
    if (at[1] != 'u') {
        if (at[1] >= sizeof meanings || !meanings[at[1]]) return 0;
        rpc_strbuf_add_char(buf, meanings[at[1]]);
        return 2;
    }
    long c = hex4(at + 2, len - 2);
    if (c < 0 || (c >= 0xdc00 && c <= 0xdfff)) return 0;
    if (c < 0xd800 || c > 0xdbff) {
        add_utf8(buf, (unsigned long)c);
        return 6;
    }
    long low = len >= 8 && at[6] == '\\' && at[7] == 'u' ? hex4(at + 8, len - 8) : -1;
    if (low < 0xdc00 || low > 0xdfff) return 0;
    add_utf8(buf, 0x10000 + ((unsigned long)(c - 0xd800) << 10) + (unsigned long)(low - 0xdc00));
    return 12;
}

size_t rpc_strbuf_add_unquoted(struct rpc_strbuf *buf, const char *json, size_t len) {
    const unsigned char *text = (const unsigned char *)json;
    size_t at = 1, kept = 1, skip; /* from `kept` on bytes stand for themselves */
    if (len == 0 || text[0] != '"') return 0;
    for (;;) {
        at += plain_groups(text + at, len - at);
        if (at >= len) return 0;
        unsigned char c = text[at];
        size_t n;
        if (c == '"' || c == '\\') {
            rpc_strbuf_add(buf, text + kept, at - kept);
            if (c == '"') return at + 1;
            n = add_escape(buf, text + at, len - at);
            kept = at + n;
        } else {
            n = c < ' ' ? 0 : utf8_char_len(text + at, len - at, &skip);
        }
        if (n == 0) return 0;
        at += n;
    }
}

static int append_dump(const char *data, size_t len, void *ctx) {
    struct rpc_strbuf *buf = ctx;
    rpc_strbuf_add(buf, data, len);
    return buf->failed ? -1 : 0;
}

void rpc_strbuf_add_json(struct rpc_strbuf *buf, const json_t *value) {
    if (json_dump_callback(value, append_dump, buf, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        buf->failed = true;
}

const char *rpc_strbuf_text(const struct rpc_strbuf *buf) {
    return buf->data ? buf->data : "";
}

char *rpc_strbuf_take(struct rpc_strbuf *buf, size_t *ret_len) {
    if (buf->failed) {
        rpc_strbuf_done(buf);
        return NULL;
    }
    char *data = buf->data;
    if (ret_len) *ret_len = buf->len;
    rpc_strbuf_init(buf);
    return data;
}
