#include "value/text.h"

#include "value/escapes.h"

#include <stdio.h>
#include <string.h>

/* The text is written straight into the string it becomes. */

void text_init(text *t, heap *h) {
    *t = (text){.h = h};
}

void text_done(text *t) {
    obj_unref(t->h, t->str);
    text_init(t, t->h);
}

static bool fail(text *t) {
    t->failed = true;
    return false;
}

static bool grow(text *t, size_t len) {
    if (!t->str && !(t->str = str_new_room(t->h, len < 40 ? 40 : len))) return fail(t);
    if (len > t->str->cap - t->len) {
        rhai_value v = VALUE_OBJ(RHAI_STRING, t->str);
        t->str->len = (uint32_t)t->len;
        if (!str_own(t->h, &v, len)) return fail(t);
        t->str = as_str(&v);
    }
    t->data = t->str->data;
    t->cap = t->str->cap;
    return true;
}

bool text_reserve(text *t, size_t len) {
    if (t->failed) return false;
    return (t->str && len <= t->cap - t->len) || grow(t, len);
}

void text_add(text *t, const char *s, size_t len) {
    if (len == 0 || !text_reserve(t, len)) return;
    memcpy(t->data + t->len, s, len);
    t->len += len;
    t->data[t->len] = '\0';
}

void text_add_cstr(text *t, const char *s) {
    text_add(t, s, strlen(s));
}

void text_add_str(text *t, const rhai_str *s) {
    text_add(t, s->data, s->len);
}

void text_add_char(text *t, uint32_t c) {
    char bytes[4];
    text_add(t, bytes, utf8_write(c, bytes));
}

size_t int_text(int64_t i, char ret[INT_TEXT_MAX]) {
    char digits[INT_TEXT_MAX];
    size_t at = sizeof digits;
    uint64_t rest = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do
        digits[--at] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (i < 0) digits[--at] = '-';
    memcpy(ret, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

void text_add_int(text *t, int64_t i) {
    char digits[INT_TEXT_MAX];
    text_add(t, digits, int_text(i, digits));
}

void text_vprintf(text *t, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    char few[128];
    int len = vsnprintf(few, sizeof few, format, args);
    if (len >= 0 && (size_t)len < sizeof few) {
        text_add(t, few, (size_t)len);
    } else if (len > 0 && text_reserve(t, (size_t)len)) {
        vsnprintf(t->data + t->len, (size_t)len + 1, format, again);
        t->len += (size_t)len;
    }
    va_end(again);
}

void text_printf(text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    text_vprintf(t, format, args);
    va_end(args);
}

/* Gives back what was reserved too much, when it is worth it. */
static void trim(text *t) {
    size_t old_size = sizeof *t->str + t->str->cap + 1, size = sizeof *t->str + t->len + 1;
    if (old_size - size < 64 || old_size - size < old_size / 4) return;
    rhai_str *s = heap_resize(t->h, t->str, old_size, size);
    if (s) {
        s->cap = (uint32_t)t->len;
        t->str = s;
    }
}

bool text_finish(text *t, rhai_value *ret) {
    if (!t->failed && !t->str && !(t->str = str_new_room(t->h, 0))) t->failed = true;
    if (t->failed) {
        text_done(t);
        return false;
    }
    str_set_len(t->str, t->len);
    trim(t);
    *ret = VALUE_OBJ(RHAI_STRING, t->str);
    text_init(t, t->h);
    return true;
}

/* ---- Quoted and foreign text ---- */

static bool short_escape(uint32_t c, char quote, char *ret) {
    static const char from[] = "\t\r\n\\", to[] = "trn\\";
    if (c == (unsigned char)quote || c == 0) {
        *ret = c ? quote : '0';
        return true;
    }
    const char *found = c < 0x80 ? strchr(from, (int)c) : NULL;
    if (found) *ret = to[found - from];
    return found != NULL;
}

static void add_escaped(text *t, uint32_t c, char quote) {
    char letter;
    if (short_escape(c, quote, &letter)) {
        text_add(t, "\\", 1);
        text_add(t, &letter, 1);
    } else if (char_needs_escape(c)) {
        text_printf(t, "\\u{%x}", c);
    } else {
        text_add_char(t, c);
    }
}

static size_t plain_length(const char *s, size_t len) {
    size_t i = 0;
    while (i < len && s[i] >= ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '\\')
        i++;
    return i;
}

void text_add_quoted(text *t, const char *s, size_t len) {
    text_add(t, "\"", 1);
    for (size_t i = 0; i < len && !t->failed;) {
        size_t plain = plain_length(s + i, len - i);
        text_add(t, s + i, plain);
        i += plain;
        uint32_t c;
        size_t n = utf8_decode(s + i, len - i, &c);
        if (n == 0) break;
        add_escaped(t, c, '"');
        i += n;
    }
    text_add(t, "\"", 1);
}

void text_add_quoted_char(text *t, uint32_t c) {
    text_add(t, "'", 1);
    add_escaped(t, c, '\'');
    text_add(t, "'", 1);
}

/* How many bytes one replacement stands for: the longest start of a valid character, at least
 * one byte. */
static size_t invalid_length(const unsigned char *s, size_t len) {
    size_t want = s[0] >= 0xf0 && s[0] <= 0xf4   ? 4
                  : s[0] >= 0xe0 && s[0] <= 0xef ? 3
                  : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
                                                 : 1;
    unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    size_t n = 1;
    while (n < want && n < len && s[n] >= low && s[n] <= high) {
        low = 0x80;
        high = 0xbf;
        n++;
    }
    return n;
}

void text_add_lossy(text *t, const char *s, size_t len) {
    if (len == 0) return;
    size_t start = 0, i = 0;
    while (i < len) {
        uint32_t c;
        size_t n = utf8_decode(s + i, len - i, &c);
        if (n > 0) {
            i += n;
            continue;
        }
        text_add(t, s + start, i - start);
        text_add_char(t, 0xfffd);
        i += invalid_length((const unsigned char *)s + i, len - i);
        start = i;
    }
    text_add(t, s + start, len - start);
}
