/* Numbers. */
#include "syntax/lex_scan.h"

#include <locale.h>
#include <stdlib.h>

static void set_float(lexer *lx) {
    char *end;
    locale_t c = newlocale(LC_ALL_MASK, "C", NULL); /* glibc's static one: cannot fail */
    double f = strtod_l(lx->buffer.data, &end, c);
    freelocale(c);
    if (end == lx->buffer.data + lx->buffer.len) {
        set(lx, TOK_FLOAT);
        lx->tok.f = f;
    } else {
        set_fault(lx, FAULT_NUMBER, lx->tok.pos, lx->buffer.data, lx->buffer.len);
    }
}

/* Decimal digits with an optional sign. False: too large for an integer. */
static bool parse_decimal(const char *s, size_t len, int64_t *ret) {
    bool is_negative = *s == '-';
    uint64_t n = 0;
    for (size_t i = is_negative; i < len; i++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, s[i] - '0', &n))
            return false;
    }
    if (n > (uint64_t)INT64_MAX + is_negative) return false;
    *ret = (int64_t)(is_negative ? 0 - n : n);
    return true;
}

/* 0x, 0o, 0b: any 64 bits. After a sign Rhai takes the letter for a digit, which fails. */
static void set_radix(lexer *lx, int radix, bool is_negative) {
    const char *digits = lx->buffer.data + 2;
    size_t len = lx->buffer.len - 2;
    uint64_t n = 0;
    bool ok = len > 0 && !is_negative;
    for (size_t i = 0; ok && i < len; i++)
        ok = !__builtin_mul_overflow(n, (uint64_t)radix, &n) &&
             !__builtin_add_overflow(n, (uint64_t)hex_digit(digits[i]), &n);
    if (ok) {
        set(lx, TOK_INT);
        lx->tok.i = (int64_t)n;
    } else {
        set_fault(lx, FAULT_NUMBER, lx->tok.pos, digits, len);
    }
}

static inline void add_digit(lexer *lx, const char *s, size_t len) {
    text_add(&lx->buffer, s, len);
}

/* Reads a period that belongs to the number: before a digit, or before what cannot be a name, a
 * second period or an underscore. */
static bool scan_period(lexer *lx) {
    char after = lx->p[1];
    if (is(after, DIGIT)) {
        add_digit(lx, ".", 1);
    } else if (lx->p + 1 < lx->end && after != '_' && after != '.' && !is(after, LETTER)) {
        add_digit(lx, ".0", 2);
    } else {
        return false;
    }
    lx->p++;
    return true;
}

static bool scan_exponent(lexer *lx) {
    char after = lx->p[1];
    if (is(after, DIGIT)) {
        add_digit(lx, "e", 1);
        lx->p++;
    } else if (after == '+' || after == '-') {
        add_digit(lx, "e", 1);
        add_digit(lx, &after, 1);
        lx->p += 2;
    } else {
        return false;
    }
    return true;
}

static int radix_of(char c) {
    switch (c | 32) {
    case 'x': return 16;
    case 'o': return 8;
    case 'b': return 2;
    default: return 0;
    }
}

static bool is_radix_digit(char c, int radix) {
    int digit = hex_digit(c);
    return digit >= 0 && digit < radix;
}

/* Everything but a few plain digits. lx->p is past the first digit. */
static void scan_long_number(lexer *lx, const char *start, bool is_negative) {
    int radix = 10;
    bool has_period = false, has_exponent = false;
    if (is_negative) add_digit(lx, "-", 1);
    add_digit(lx, start, 1);
    size_t first = lx->buffer.len;
    for (;;) {
        char c = *lx->p;
        if (c == '_') {
            lx->p++;
        } else if (is_radix_digit(c, radix)) {
            add_digit(lx, lx->p++, 1);
        } else if (c == '.' && !has_period && radix == 10) {
            if (!scan_period(lx)) break;
            has_period = true;
        } else if ((c == 'e' || c == 'E') && !has_exponent && radix == 10) {
            if (!scan_exponent(lx)) break;
            has_exponent = has_period = true;
        } else if (radix == 10 && *start == '0' && lx->buffer.len == first && radix_of(c)) {
            radix = radix_of(c);
            add_digit(lx, lx->p++, 1);
        } else {
            break;
        }
    }
    if (lx->buffer.failed) {
        set_no_memory(lx);
    } else if (radix != 10) {
        set_radix(lx, radix, is_negative);
    } else if (!has_period && parse_decimal(lx->buffer.data, lx->buffer.len, &lx->tok.i)) {
        set(lx, TOK_INT);
    } else {
        set_float(lx);
    }
}

void lex_scan_number(lexer *lx, const char *start, bool is_negative) {
    const char *p = start;
    int64_t n = 0;
    while (is(*p, DIGIT) && p - start < 18)
        n = n * 10 + (*p++ - '0');
    if (!is(*p, DIGIT | LETTER | UNDERSCORE) && *p != '.') {
        lx->p = p;
        set(lx, TOK_INT);
        lx->tok.i = is_negative ? -n : n;
    } else {
        lx->p = start + 1;
        scan_long_number(lx, start, is_negative);
    }
}
