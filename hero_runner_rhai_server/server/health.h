/*
 * Whether sessions really work: a script of known result is run every few seconds as a session of
 * its own, hidden and beside the slots. Asking for the health never starts anything; it reports the
 * last test and its age.
 */
#ifndef RUNNER_SERVER_HEALTH_H
#define RUNNER_SERVER_HEALTH_H

#include "server/slots.h"

struct health {
    struct slots *slots;
    const struct ring_limits *limits;
    int64_t interval_ms;
    struct event *timer;
    struct session *test; /* under way; NULL: none */
    struct session_watch watch;
    int64_t begun_us; /* monotonic */
    bool has_result, is_good;
    int64_t duration_us, result_ms; /* of the last one; when, monotonic */
    unsigned failures;
};

/* The first test begins at once and waits for a session process. -1 without memory. */
int health_init(struct health *health, struct event_base *base, struct slots *slots,
                const struct ring_limits *limits, int64_t interval_ms);
void health_done(struct health *health);

/* The last test was right and is not too old. */
bool health_is_good(const struct health *health);

#endif
