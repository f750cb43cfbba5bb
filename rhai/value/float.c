/* Decimal forms of floats. */
#include "value/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* d.ddd x 10^exponent */
typedef struct decimal {
    char digits[24];
    int len;
    int exponent;
} decimal;

static void strip_zeros(decimal *d) {
    while (d->len > 1 && d->digits[d->len - 1] == '0')
        d->len--;
}

static void set_digits(decimal *d, uint64_t whole, int scale) {
    int len = 1;
    for (uint64_t rest = whole; rest > 9; rest /= 10)
        len++;
    d->len = len;
    d->exponent = len - 1 - scale;
    for (; len > 0; whole /= 10)
        d->digits[--len] = (char)('0' + whole % 10);
    strip_zeros(d);
}

/* Whole numbers and those with few decimals, without printing and reading back. A decimal of at
 * most 15 digits that rounds to `f` is the only one so short. */
static bool digits_of_simple(double f, decimal *d) {
    static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    const double exact = 1e15;
    for (int k = 0; k < 7; k++) {
        double scaled = nearbyint(f * tens[k]);
        if (scaled >= exact) return false;
        if (scaled >= 1 && scaled / tens[k] == f) {
            set_digits(d, (uint64_t)scaled, k);
            return true;
        }
    }
    return false;
}

static double read_back(const decimal *d) {
    char number[40];
    /* No decimal point: its form depends on the locale. */
    snprintf(number, sizeof number, "%.*se%d", d->len, d->digits, d->exponent - (d->len - 1));
    return strtod(number, NULL);
}

static void print_digits(double f, int precision, decimal *d) {
    char printed[48];
    snprintf(printed, sizeof printed, "%.*e", precision - 1, f);
    const char *e = strchr(printed, 'e');
    d->len = 0;
    for (const char *s = printed; s < e; s++)
        if (*s >= '0' && *s <= '9') d->digits[d->len++] = *s;
    d->exponent = atoi(e + 1);
}

static void next_up(decimal *d) {
    int i = d->len - 1;
    while (i >= 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
    } else {
        d->digits[0] = '1';
        d->exponent++;
    }
}

/* Shortest digits of a positive, finite number: the nearest decimal of each length is tried.
 * Below a power of two the gap is half as wide as above it, so there the neighbour above may
 * read back where the nearest does not. */
static void shortest_digits(double f, decimal *d) {
    if (digits_of_simple(f, d)) return;
    int exponent;
    bool is_power_of_two = frexp(f, &exponent) == 0.5;
    for (int precision = f < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        print_digits(f, precision, d);
        if (read_back(d) == f) break;
        decimal above = *d;
        next_up(&above);
        if (is_power_of_two && read_back(&above) == f) {
            *d = above;
            break;
        }
    }
    strip_zeros(d);
}

static void add_zeros(text *t, int count) {
    while (count-- > 0)
        text_add(t, "0", 1);
}

static void add_exponential(text *t, const decimal *d) {
    text_add(t, d->digits, 1);
    if (d->len > 1) {
        text_add(t, ".", 1);
        text_add(t, d->digits + 1, (size_t)d->len - 1);
    }
    text_add(t, "e", 1);
    text_add_int(t, d->exponent);
}

static void add_positional(text *t, const decimal *d) {
    if (d->exponent < 0) {
        text_add(t, "0.", 2);
        add_zeros(t, -d->exponent - 1);
        text_add(t, d->digits, (size_t)d->len);
        return;
    }
    int whole = d->exponent + 1 < d->len ? d->exponent + 1 : d->len;
    text_add(t, d->digits, (size_t)whole);
    add_zeros(t, d->exponent + 1 - whole);
    text_add(t, ".", 1);
    if (whole < d->len)
        text_add(t, d->digits + whole, (size_t)(d->len - whole));
    else
        text_add(t, "0", 1);
}

/* `f` is not 0. */
static void add_float(text *t, double f, bool is_exponential) {
    if (isnan(f)) {
        text_add(t, "NaN", 3);
        return;
    }
    if (f < 0) text_add(t, "-", 1);
    if (isinf(f)) {
        text_add(t, "inf", 3);
        return;
    }
    decimal d;
    shortest_digits(fabs(f), &d);
    if (is_exponential)
        add_exponential(t, &d);
    else
        add_positional(t, &d);
}

void text_add_float(text *t, double f) {
    /* The bounds are single-precision numbers, so not quite powers of ten. */
    const double most = 1e13F, least = 1e-13F;
    if (f == 0)
        text_add(t, "0.0", 3);
    else
        add_float(t, f, fabs(f) > most || fabs(f) < least);
}

void text_add_float_debug(text *t, double f) {
    if (f == 0)
        text_add_cstr(t, signbit(f) ? "-0.0" : "0.0");
    else
        add_float(t, f, fabs(f) >= 1e16 || fabs(f) < 1e-4);
}
