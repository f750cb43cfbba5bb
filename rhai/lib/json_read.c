#include "lib/json_read.h"

#include <string.h>

#include "lib/number_text.h"

/* A container that is not complete yet. */
typedef struct open_container {
    rhai_value value;
    rhai_str *key; /* of the entry being read; NULL in arrays */
} open_container;

typedef struct reading {
    json_reader *r;
    heap *h;
    const char *p, *end;
    text buffer; /* of strings with escapes */
    open_container stack[JSON_MAX_DEPTH];
    uint32_t depth;
    json_result result; /* of the first failure */
} reading;

/* ---- Failures: all return false ---- */

static bool invalid(reading *in, const char *at, const char *message) {
    in->result = JSON_INVALID;
    in->r->message = message;
    in->r->at = (size_t)(at - in->r->text);
    return false;
}

static bool no_memory(reading *in) {
    in->result = JSON_NO_MEMORY;
    return false;
}

/* ---- Pieces ---- */

/* The next character; 0, which JSON never has outside strings, at the end. */
static char peek(const reading *in) {
    return in->p < in->end ? *in->p : '\0';
}

static char skip_space(reading *in) {
    while (in->p < in->end && (*in->p == ' ' || *in->p == '\n' || *in->p == '\t' || *in->p == '\r'))
        in->p++;
    return peek(in);
}

/* Ends a run of plain characters in a string: a quote, a backslash, a control character. */
static const char *find_special(const char *p, const char *end) {
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
        uint64_t hits = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
                        ((word - ones * 0x20) & ~word);
        if (hits & highs) break;
        p += 8;
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    return p;
}

static bool read_hex4(reading *in, const char *escape, uint32_t *ret) {
    if (in->end - in->p < 4) return invalid(in, escape, "incomplete escape sequence");
    *ret = 0;
    for (int i = 0; i < 4; i++) {
        char c = *in->p++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return invalid(in, escape, "invalid hexadecimal digit in escape sequence");
        *ret = *ret << 4 | (uint32_t)digit;
    }
    return true;
}

/* What follows \u: a character, or half of one that needs another \u for the second half. */
static bool read_unicode(reading *in, const char *escape) {
    uint32_t c;
    if (!read_hex4(in, escape, &c)) return false;
    if (c >= 0xd800 && c <= 0xdfff) {
        if (in->r->only_script_like || c >= 0xdc00 || in->end - in->p < 2 || in->p[0] != '\\' ||
            in->p[1] != 'u')
            return invalid(in, escape, "unpaired surrogate in escape sequence");
        in->p += 2;
        uint32_t low;
        if (!read_hex4(in, escape, &low)) return false;
        if (low < 0xdc00 || low > 0xdfff)
            return invalid(in, escape, "unpaired surrogate in escape sequence");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    text_add_char(&in->buffer, c);
    return true;
}

static bool read_escape(reading *in) {
    const char *escape = in->p++;
    char c = peek(in);
    in->p++;
    switch (c) {
    case '"':
    case '\\': break;
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case 'u': return read_unicode(in, escape);
    case '/':
        if (in->r->only_script_like) return invalid(in, escape, "invalid escape sequence");
        break;
    case 'b':
    case 'f':
        if (in->r->only_script_like) return invalid(in, escape, "invalid escape sequence");
        c = c == 'b' ? '\b' : '\f';
        break;
    default: return invalid(in, escape, "invalid escape sequence");
    }
    text_add(&in->buffer, &c, 1);
    return true;
}

/* The string at p, which is at its opening quote. The text lies in the source or in the buffer. */
static bool read_string(reading *in, const char **ret, size_t *ret_len) {
    const char *open = in->p++;
    const char *run = in->p;
    in->p = find_special(in->p, in->end);
    *ret = run;
    *ret_len = (size_t)(in->p - run);
    if (peek(in) != '"') {
        in->buffer.len = 0;
        for (;;) {
            text_add(&in->buffer, run, (size_t)(in->p - run));
            if (in->p == in->end) return invalid(in, open, "string without end");
            if (*in->p == '"') break;
            if (*in->p != '\\') return invalid(in, in->p, "control character in string");
            if (!read_escape(in)) return false;
            run = in->p;
            in->p = find_special(in->p, in->end);
        }
        if (in->buffer.failed) return no_memory(in);
        *ret = in->buffer.data ? in->buffer.data : "";
        *ret_len = in->buffer.len;
    }
    in->p++;
    /* In a script, a doubled quote is a quote. */
    if (in->r->only_script_like && peek(in) == '"')
        return invalid(in, in->p, "unexpected character");
    return true;
}

static size_t skip_digits(reading *in) {
    const char *from = in->p;
    while (in->p < in->end && *in->p >= '0' && *in->p <= '9')
        in->p++;
    return (size_t)(in->p - from);
}

static bool read_float_text(reading *in, const char *from, double *ret) {
    size_t len = (size_t)(in->p - from);
    if (in->p == in->end) { /* nothing behind it that would stop the conversion */
        in->buffer.len = 0;
        text_add(&in->buffer, from, len);
        if (in->buffer.failed) return no_memory(in);
        from = in->buffer.data;
    }
    parse_float_text(from, len, ret);
    return true;
}

/* Up to 15 digits are exact as a double, and so are powers of ten up to 10^22: one operation on
 * them rounds once, so the result is the nearest double (W. D. Clinger, 1990). */
static bool short_float(uint64_t digits, size_t count, int exponent, double *ret) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (count > 15 || exponent < -22 || exponent > 22) return false;
    *ret = exponent < 0 ? (double)digits / powers[-exponent] : (double)digits * powers[exponent];
    return true;
}

static uint64_t digits_value(const char *from, const char *to) {
    uint64_t value = 0;
    for (; from < to; from++) {
        if (*from != '.') value = value * 10 + (uint64_t)(*from - '0');
    }
    return value;
}

static bool read_number(reading *in, rhai_value *ret) {
    const char *from = in->p;
    bool negative = *from == '-';
    in->p += negative;
    const char *digits = in->p;
    size_t whole = skip_digits(in), decimals = 0;
    if (whole == 0 || (*digits == '0' && whole > 1)) return invalid(in, from, "invalid number");
    bool is_float = false;
    if (peek(in) == '.') {
        is_float = true;
        in->p++;
        decimals = skip_digits(in);
        if (decimals == 0) return invalid(in, from, "invalid number");
    }
    const char *digits_end = in->p;
    int exponent = 0;
    if (peek(in) == 'e' || peek(in) == 'E') {
        is_float = true;
        in->p++;
        bool down = peek(in) == '-';
        in->p += down || peek(in) == '+';
        const char *power = in->p;
        size_t count = skip_digits(in);
        if (count == 0) return invalid(in, from, "invalid number");
        exponent = count > 4 ? 9999 : (int)digits_value(power, in->p);
        if (down) exponent = -exponent;
    }
    if (!is_float && whole <= 19) {
        uint64_t value = digits_value(digits, digits_end);
        if (value <= (uint64_t)INT64_MAX + negative) {
            *ret = VALUE_INT((int64_t)(negative ? -value : value));
            return true;
        }
    }
    double f;
    uint64_t value = whole + decimals <= 15 ? digits_value(digits, digits_end) : 0;
    if (short_float(value, whole + decimals, exponent - (int)decimals, &f))
        f = negative ? -f : f;
    else if (!read_float_text(in, from, &f))
        return false;
    if (!in->r->only_script_like && f - f != 0) return invalid(in, from, "number out of range");
    *ret = VALUE_FLOAT(f);
    return true;
}

static bool read_word(reading *in, const char *word, rhai_value v, rhai_value *ret) {
    size_t len = strlen(word);
    if ((size_t)(in->end - in->p) < len || memcmp(in->p, word, len) != 0)
        return invalid(in, in->p, "unexpected character");
    in->p += len;
    *ret = v;
    return true;
}

/* ---- Structure ---- */

static bool begin_container(reading *in, rhai_type type) {
    if (in->depth >= in->r->max_depth) return invalid(in, in->p, "nested too deeply");
    void *made = type == RHAI_MAP ? (void *)map_new(in->h, 0) : (void *)arr_new(in->h, 0);
    if (!made) return no_memory(in);
    in->p++;
    in->stack[in->depth++] = (open_container){.value = VALUE_OBJ(type, made)};
    return true;
}

static rhai_value end_container(reading *in) {
    in->p++;
    return in->stack[--in->depth].value;
}

/* The key of the next entry and the colon. */
static bool read_key(reading *in) {
    open_container *top = &in->stack[in->depth - 1];
    if (skip_space(in) != '"') return invalid(in, in->p, "expecting a key in quotes");
    const char *at = in->p, *key;
    size_t len;
    if (!read_string(in, &key, &len)) return false;
    if (in->r->only_script_like && map_find_text(in->h, as_map(&top->value), key, len))
        return invalid(in, at, "repeated key");
    top->key = str_intern(in->h, key, len);
    if (!top->key) return no_memory(in);
    if (skip_space(in) != ':') return invalid(in, in->p, "expecting ':' after a key");
    in->p++;
    return true;
}

/* A value that is not a container. */
static bool read_scalar(reading *in, rhai_value *ret) {
    char c = peek(in);
    if (c == '"') {
        const char *s;
        size_t len;
        if (!read_string(in, &s, &len)) return false;
        return value_new_text(in->h, s, len, ret) || no_memory(in);
    }
    if (c == '-' || (c >= '0' && c <= '9')) return read_number(in, ret);
    switch (c) {
    case 't': return read_word(in, "true", VALUE_BOOL(true), ret);
    case 'f': return read_word(in, "false", VALUE_BOOL(false), ret);
    case 'n': return read_word(in, "null", VALUE_UNIT, ret);
    default: return invalid(in, in->p, in->p < in->end ? "unexpected character" : "unexpected end");
    }
}

/* Puts a complete value where it belongs; it is taken over. */
static bool deliver(reading *in, rhai_value *v) {
    open_container *top = &in->stack[in->depth - 1];
    bool done;
    if (top->value.type == RHAI_ARRAY) {
        done = arr_push(in->h, as_arr(&top->value), v);
    } else {
        done = map_set(in->h, as_map(&top->value), top->key, v);
        obj_unref(in->h, top->key);
        top->key = NULL;
    }
    if (!done) value_drop(in->h, v);
    return done || no_memory(in);
}

/* After an element: the comma (and a key) before the next one, or the end of the container. */
static bool read_separator(reading *in, bool *ret_closes) {
    open_container *top = &in->stack[in->depth - 1];
    bool is_map = top->value.type == RHAI_MAP;
    char c = skip_space(in);
    *ret_closes = c == (is_map ? '}' : ']');
    if (*ret_closes && is_map) map_trim(in->h, as_map(&top->value));
    if (*ret_closes) return true;
    if (c != ',')
        return invalid(in, in->p, is_map ? "expecting ',' or '}'" : "expecting ',' or ']'");
    in->p++;
    return !is_map || read_key(in);
}

static bool read_all(reading *in, rhai_value *ret) {
    for (;;) {
        rhai_value v;
        char c = skip_space(in);
        if (c == '{') {
            if (!begin_container(in, RHAI_MAP)) return false;
            if (skip_space(in) != '}') {
                if (!read_key(in)) return false;
                continue;
            }
            v = end_container(in);
        } else if (in->depth == 0 && in->r->only_script_like) {
            return invalid(in, in->p, "expecting an object");
        } else if (c == '[') {
            if (!begin_container(in, RHAI_ARRAY)) return false;
            if (skip_space(in) != ']') continue;
            v = end_container(in);
        } else if (!read_scalar(in, &v)) {
            return false;
        }

        bool closes = true;
        while (closes) {
            if (in->depth == 0) {
                *ret = v;
                return true;
            }
            if (!deliver(in, &v) || !read_separator(in, &closes)) return false;
            if (closes) v = end_container(in);
        }
    }
}

json_result json_read(json_reader *r, rhai_value *ret) {
    reading in; /* large, and the stack needs no initial values */
    in.r = r;
    in.h = r->h;
    in.p = r->text;
    in.end = r->text + r->len;
    in.depth = 0;
    in.result = JSON_OK;
    text_init(&in.buffer, r->h);
    rhai_value v = VALUE_UNIT;
    if (read_all(&in, &v)) {
        r->at = (size_t)(in.p - r->text);
        skip_space(&in);
        if (!r->is_prefix && in.p < in.end) invalid(&in, in.p, "unexpected text at the end");
    }
    if (in.result == JSON_OK)
        *ret = v;
    else
        value_drop(r->h, &v);
    while (in.depth > 0) {
        open_container *top = &in.stack[--in.depth];
        obj_unref(r->h, top->key);
        value_drop(r->h, &top->value);
    }
    text_done(&in.buffer);
    return in.result;
}
