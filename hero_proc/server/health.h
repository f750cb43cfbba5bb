/*
 * The health checks of something that runs: all of them often until each has passed once, then each
 * at its interval.
 */
#ifndef HERO_PROC_SERVER_HEALTH_H
#define HERO_PROC_SERVER_HEALTH_H

#include "server/spec.h"

struct event_base;
struct health;

#define HEALTH_FIRST_INTERVAL_MS 100 /* until ready */

struct health_ops {
    void (*ready)(void *ctx); /* every check has passed */
    /* After that: a check that has passed (why NULL) or failed, so many times in a row. */
    void (*result)(void *ctx, const struct check_spec *check, const char *why, int64_t failures);
};

/* `checks` must live as long. NULL without memory. */
struct health *health_start(struct event_base *base, const struct check_spec *checks, size_t count,
                            const struct health_ops *ops, void *ctx);
void health_stop(struct health *health); /* NULL is allowed; also from within its functions */
/* Why it is not ready yet: the last failure; "" when there was none. */
const char *health_why(const struct health *health);

#endif
