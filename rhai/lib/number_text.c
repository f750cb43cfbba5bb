/* number_text.c - numbers out of text and into error messages. */
#include "lib/number_text.h"

#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static unsigned digit_of(char c) {
    if (c >= '0' && c <= '9') return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'Z') return (unsigned)(c - 'A') + 10;
    return UINT32_MAX;
}

/* Reads left to right, so that the first thing wrong is the one reported. */
const char *parse_int_text(const char *text, size_t len, unsigned radix, int64_t *ret) {
    if (len == 0) return "cannot parse integer from empty string";
    bool is_negative = text[0] == '-';
    size_t at = is_negative || text[0] == '+';
    if (at == len) return "invalid digit found in string";
    int64_t value = 0;
    for (; at < len; at++) {
        unsigned digit = digit_of(text[at]);
        if (digit >= radix) return "invalid digit found in string";
        int64_t step = is_negative ? -(int64_t)digit : (int64_t)digit;
        if (__builtin_mul_overflow(value, (int64_t)radix, &value) ||
            __builtin_add_overflow(value, step, &value))
            return is_negative ? "number too small to fit in target type"
                               : "number too large to fit in target type";
    }
    *ret = value;
    return NULL;
}

static size_t count_digits(const char *text, size_t len, size_t at) {
    size_t from = at;
    while (at < len && text[at] >= '0' && text[at] <= '9')
        at++;
    return at - from;
}

/* [sign] (digits [. digits] | . digits) [e [sign] digits], or a name. strtod alone would also
 * take hexadecimal and "nan(...)". */
static bool is_float_text(const char *text, size_t len) {
    size_t at = text[0] == '+' || text[0] == '-';
    static const char *const names[] = {"inf", "infinity", "nan"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (len - at == strlen(names[i]) && strncasecmp(text + at, names[i], len - at) == 0)
            return true;
    size_t digits = count_digits(text, len, at);
    at += digits;
    if (at < len && text[at] == '.') {
        size_t decimals = count_digits(text, len, at + 1);
        at += 1 + decimals;
        digits += decimals;
    }
    if (digits == 0) return false;
    if (at < len && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += at < len && (text[at] == '+' || text[at] == '-');
        size_t exponent = count_digits(text, len, at);
        if (exponent == 0) return false;
        at += exponent;
    }
    return at == len;
}

/* `text` ends in a NUL or in something that is no part of a number. */
const char *parse_float_text(const char *text, size_t len, double *ret) {
    if (len == 0) return "cannot parse float from empty string";
    if (!is_float_text(text, len)) return "invalid float literal";
    locale_t c = newlocale(LC_ALL_MASK, "C", NULL); /* glibc's static one: cannot fail */
    *ret = strtod_l(text, NULL, c);
    return NULL;
}

/* The digits and the power of ten of the first one: 0.0125 is "125" and -2. */
static int shortest_digits(double f, char digits[32]) {
    char text[40];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, f);
        if (strtod(text, NULL) == f) /* whatever the locale, it is the same for both */
            break;
    }
    size_t count = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') digits[count++] = *p;
    digits[count] = '\0';
    return (int)strtol(p + 1, NULL, 10);
}

const char *plain_float(double f, char buffer[PLAIN_FLOAT_SIZE]) {
    if (isnan(f)) return "NaN";
    if (isinf(f)) return f < 0 ? "-inf" : "inf";
    char digits[32];
    int first = shortest_digits(fabs(f), digits);
    int last = first - (int)strlen(digits) + 1;
    char *out = buffer;
    if (signbit(f)) *out++ = '-';
    for (int power = first > 0 ? first : 0; power >= (last < 0 ? last : 0); power--) {
        if (power == -1) *out++ = '.';
        *out++ = power > first || power < last ? '0' : digits[first - power];
    }
    *out = '\0';
    return buffer;
}
