/*
 * Cron expressions (crontab(5), five fields): minute, hour, day of month, month, day of week, in
 * local time. A field is "*" or a list of numbers and ranges, each with an optional step ("a-b/n",
 * "*" with a step); months and weekdays may be named by their first three letters; 7 is Sunday too.
 * When both days are restricted, either is enough. Also @hourly, @daily, @midnight, @weekly,
 * @monthly, @yearly and @annually.
 */
#ifndef HERO_PROC_SERVER_CRON_H
#define HERO_PROC_SERVER_CRON_H

#include <hero_rpc/error.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define CRON_TEXT_MAX_BYTES 256

struct cron {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays; /* a bit for each value that fits */
    bool any_day, any_weekday;              /* the field begins with "*" */
};

/* RPC_ERROR_INVALID names the field and what is wrong with it, also when no date ever fits. */
int cron_parse(const char *text, struct cron *ret_cron, struct rpc_error *err);

/* The first time after `after` that fits, at second 0; 0 when there is none within 40 years (which
 * holds every day that exists). Where the clock is set forward a time that is skipped does not
 * come; where it is set back one that comes twice counts once. */
time_t cron_next(const struct cron *cron, time_t after);

#endif
