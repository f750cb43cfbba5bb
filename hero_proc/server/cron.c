#include "server/cron.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* February 29 falls on a given weekday every 28 years; across 2100, which has none, after 40. */
#define YEARS_AHEAD 40

struct field {
    const char *name;
    int least, most;
    const char *words; /* names of the values, three letters each; NULL: numbers only */
};

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELD_COUNT };

static const struct field fields[FIELD_COUNT] = {
    [MINUTE] = {"minute", 0, 59, NULL},
    [HOUR] = {"hour", 0, 23, NULL},
    [DAY] = {"day of month", 1, 31, NULL},
    [MONTH] = {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    [WEEKDAY] = {"day of week", 0, 7, "sunmontuewedthufrisat"},
};

static const struct {
    const char *name, *text;
} nicknames[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

/* ---- Reading ----------------------------------------------------------------------------- */

static int fail(struct rpc_error *err, const struct field *field, const char *text,
                const char *what) {
    rpc_error_set(err, RPC_ERROR_INVALID, 0, "cron: %s \"%s\": %s", field->name, text, what);
    return -1;
}

/* A number or a name; -1 when there is none. */
static int read_value(const struct field *field, const char **at) {
    if (isdigit((unsigned char)**at)) {
        int value = 0;
        while (isdigit((unsigned char)**at) && value < 1000)
            value = value * 10 + *(*at)++ - '0';
        return value;
    }
    for (int i = 0; field->words && field->words[3 * i]; i++) {
        if (strncasecmp(*at, field->words + 3 * i, 3) != 0) continue;
        *at += 3;
        return field->least + i;
    }
    return -1;
}

/* "*", "a", "a-b", each with "/n". */
static int read_item(const struct field *field, const char *text, const char **at, uint64_t *bits,
                     struct rpc_error *err) {
    int first = field->least, last = field->most, step = 1;
    if (**at == '*') {
        (*at)++;
    } else {
        first = last = read_value(field, at);
        if (first < 0) return fail(err, field, text, "a value is missing");
        if (**at == '-') {
            (*at)++;
            last = read_value(field, at);
        } else if (**at == '/') {
            last = field->most;
        }
        if (first < field->least || first > field->most || last < field->least ||
            last > field->most)
            return fail(err, field, text, "a value is out of range");
        if (last < first) return fail(err, field, text, "a range ends before it begins");
    }
    if (**at == '/') {
        (*at)++;
        step = isdigit((unsigned char)**at) ? read_value(field, at) : 0;
        if (step < 1) return fail(err, field, text, "a step must be a number from 1");
    }
    for (int value = first; value <= last; value += step)
        *bits |= UINT64_C(1) << value;
    return 0;
}

static int read_field(const struct field *field, const char *text, uint64_t *ret_bits,
                      struct rpc_error *err) {
    const char *at = text;
    *ret_bits = 0;
    do {
        if (read_item(field, text, &at, ret_bits, err) < 0) return -1;
    } while (*at == ',' && at++);
    return *at ? fail(err, field, text, "it cannot be read") : 0;
}

static int split(char *text, char *parts[FIELD_COUNT], struct rpc_error *err) {
    int count = 0;
    char *rest = NULL;
    for (char *part = strtok_r(text, " \t", &rest); part; part = strtok_r(NULL, " \t", &rest)) {
        if (count < FIELD_COUNT) parts[count] = part;
        count++;
    }
    if (count == FIELD_COUNT) return 0;
    rpc_error_set(err, RPC_ERROR_INVALID, 0,
                  "cron: five fields are needed (minute hour day month weekday), not %d", count);
    return -1;
}

int cron_parse(const char *text, struct cron *ret_cron, struct rpc_error *err) {
    char copy[CRON_TEXT_MAX_BYTES], *parts[FIELD_COUNT];
    uint64_t bits[FIELD_COUNT];
    for (size_t i = 0; i < sizeof nicknames / sizeof nicknames[0]; i++)
        if (strcasecmp(text, nicknames[i].name) == 0) text = nicknames[i].text;
    if (strlen(text) >= sizeof copy) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "cron: the expression is longer than %d bytes",
                      CRON_TEXT_MAX_BYTES - 1);
        return -1;
    }
    strcpy(copy, text);
    if (split(copy, parts, err) < 0) return -1;
    for (int i = 0; i < FIELD_COUNT; i++)
        if (read_field(&fields[i], parts[i], &bits[i], err) < 0) return -1;
    bits[WEEKDAY] |= bits[WEEKDAY] >> 7; /* 7 is Sunday */
    struct cron cron = {
        .minutes = bits[MINUTE],
        .hours = (uint32_t)bits[HOUR],
        .days = (uint32_t)bits[DAY],
        .months = (uint32_t)bits[MONTH],
        .weekdays = (uint32_t)bits[WEEKDAY] & 0x7F,
        .any_day = parts[DAY][0] == '*',
        .any_weekday = parts[WEEKDAY][0] == '*',
    };
    if (cron_next(&cron, time(NULL)) == 0) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "cron: \"%s\": there is no such date", text);
        return -1;
    }
    *ret_cron = cron;
    return 0;
}

/* ---- The next time ------------------------------------------------------------------------ */

static bool has(uint64_t bits, int value) {
    return bits >> value & 1;
}

static bool is_day(const struct cron *cron, const struct tm *time) {
    bool day = has(cron->days, time->tm_mday), weekday = has(cron->weekdays, time->tm_wday);
    if (cron->any_day || cron->any_weekday) return day && weekday;
    return day || weekday;
}

/* Normalises the fields (mktime(3)); what daylight saving time makes of them counts. */
static time_t settle(struct tm *time) {
    time->tm_isdst = -1;
    time->tm_sec = 0;
    return mktime(time);
}

time_t cron_next(const struct cron *cron, time_t after) {
    struct tm time;
    if (!localtime_r(&after, &time)) return 0;
    int last_year = time.tm_year + YEARS_AHEAD;
    time.tm_min++;
    time_t at = settle(&time);
    while (time.tm_year <= last_year) {
        if (at == (time_t)-1) return 0;
        if (!has(cron->months, time.tm_mon + 1)) {
            time.tm_mon++;
            time.tm_mday = 1;
            time.tm_hour = time.tm_min = 0;
        } else if (!is_day(cron, &time)) {
            time.tm_mday++;
            time.tm_hour = time.tm_min = 0;
        } else if (!has(cron->hours, time.tm_hour)) {
            time.tm_hour++;
            time.tm_min = 0;
        } else if (!has(cron->minutes, time.tm_min) || at <= after) {
            time.tm_min++;
        } else {
            return at;
        }
        at = settle(&time);
    }
    return 0;
}
