#include "hero_cli/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { MS = 1, SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

/* Large ones first: the parts of a duration come in this order. */
static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {{"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", MS}};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The unit with exactly this name, NULL when there is none. */
static const struct unit *find_unit(const char *name, size_t len) {
    for (size_t i = 0; i < COUNT(units); i++)
        if (strlen(units[i].name) == len && memcmp(units[i].name, name, len) == 0) return &units[i];
    return NULL;
}

/* A number with at most three decimals, in thousandths. */
static bool parse_number(const char **at, int64_t *ret_thousandths) {
    const char *p = *at;
    int64_t value = 0;
    if (!is_digit(*p)) return false;
    for (; is_digit(*p); p++) {
        value = value * 10 + (*p - '0');
        if (value > DURATION_MAX_MS) return false;
    }
    value *= 1000;
    if (*p == '.') {
        int64_t weight = 100;
        if (!is_digit(*++p)) return false;
        for (; is_digit(*p); p++, weight /= 10) {
            if (weight == 0) return false;
            value += (*p - '0') * weight;
        }
    }
    *at = p;
    *ret_thousandths = value;
    return true;
}

bool duration_parse(const char *text, int64_t *ret_ms) {
    int64_t total = 0, last_unit = INT64_MAX;
    while (*text) {
        int64_t thousandths, part;
        if (!parse_number(&text, &thousandths)) return false;
        size_t name_len = strspn(text, "hms");
        const struct unit *unit = find_unit(text, name_len);
        if (!unit || unit->ms >= last_unit) return false;
        if (__builtin_mul_overflow(thousandths, unit->ms, &part) || part % 1000 != 0) return false;
        total += part / 1000;
        if (total > DURATION_MAX_MS) return false;
        last_unit = unit->ms;
        text += name_len;
    }
    if (total == 0) return false;
    *ret_ms = total;
    return true;
}

const char *duration_format(int64_t ms, char text[DURATION_TEXT_BYTES]) {
    if (ms < 0) ms = 0;
    if (ms < SECOND)
        snprintf(text, DURATION_TEXT_BYTES, "%" PRId64 "ms", ms);
    else if (ms < MINUTE)
        snprintf(text, DURATION_TEXT_BYTES, "%" PRId64 ".%" PRId64 "s", ms / SECOND,
                 ms % SECOND / 100);
    else if (ms < HOUR)
        snprintf(text, DURATION_TEXT_BYTES, "%" PRId64 "m%02" PRId64 "s", ms / MINUTE,
                 ms % MINUTE / SECOND);
    else if (ms < DAY)
        snprintf(text, DURATION_TEXT_BYTES, "%" PRId64 "h%02" PRId64 "m", ms / HOUR,
                 ms % HOUR / MINUTE);
    else
        snprintf(text, DURATION_TEXT_BYTES, "%" PRId64 "d%02" PRId64 "h", ms / DAY,
                 ms % DAY / HOUR);
    return text;
}
