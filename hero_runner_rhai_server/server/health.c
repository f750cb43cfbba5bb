#include "server/health.h"

#include "server/log.h"

#include <hero_rpc/clock.h>
#include <stdlib.h>
#include <string.h>

#define TEST_SCRIPT "{\"script\":\"print(\\\"self-test\\\"); [6, 7].reduce(|p, x| p * x, 1)\"}"
#define TEST_VALUE "42"
#define TEST_TIMEOUT_MS 5000
#define OLD_AFTER_INTERVALS 3

static void set_timer(struct health *health, int64_t ms) {
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(health->timer, &after);
}

static void note_result(struct health *health) {
    const struct session *test = health->test;
    bool was_good = health->is_good || !health->has_result;
    health->is_good = test->status == SESSION_SUCCEEDED && test->result.value &&
                      strcmp(test->result.value, TEST_VALUE) == 0 &&
                      ring_last_seq(&test->ring) == 1;
    health->has_result = true;
    health->result_ms = rpc_clock_monotonic_ms();
    health->duration_us = rpc_clock_monotonic_us() - health->begun_us;
    if (!health->is_good) health->failures++;
    if (health->is_good != was_good)
        log_warn(health->is_good ? "self-test is right again" : "self-test has failed",
                 "message=\"%s\"", test->message ? test->message : "wrong result");
}

static void on_changed(struct session_watch *watch) {
    struct health *health = (void *)((char *)watch - offsetof(struct health, watch));
    if (!session_has_ended(health->test)) return;
    note_result(health);
    session_unwatch(health->test, watch);
    health->test = NULL;
    set_timer(health, health->interval_ms);
}

static void begin_test(struct health *health) {
    struct session *test = session_new_hidden(TEST_SCRIPT, health->limits);
    if (!test) {
        set_timer(health, health->interval_ms);
        return;
    }
    test->timeout_ms = TEST_TIMEOUT_MS;
    health->test = test;
    health->watch.changed = on_changed;
    health->begun_us = rpc_clock_monotonic_us();
    session_watch(test, &health->watch);
    if (slots_submit_hidden(health->slots, test) != SLOTS_TAKEN) {
        session_unwatch(test, &health->watch);
        health->test = NULL;
    }
    session_unref(test);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    begin_test(ctx);
}

int health_init(struct health *health, struct event_base *base, struct slots *slots,
                const struct ring_limits *limits, int64_t interval_ms) {
    *health = (struct health){.slots = slots, .limits = limits, .interval_ms = interval_ms};
    health->timer = event_new(base, -1, 0, on_timer, health);
    if (!health->timer) return -1;
    begin_test(health);
    return 0;
}

void health_done(struct health *health) {
    if (health->test) session_unwatch(health->test, &health->watch);
    health->test = NULL;
    if (health->timer) event_free(health->timer);
}

bool health_is_good(const struct health *health) {
    int64_t age = rpc_clock_monotonic_ms() - health->result_ms;
    return health->has_result && health->is_good &&
           age <= OLD_AFTER_INTERVALS * health->interval_ms + TEST_TIMEOUT_MS;
}
