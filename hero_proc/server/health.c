#include "server/health.h"

#include "server/probe.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

struct watched_check {
    struct health *health;
    const struct check_spec *spec;
    struct event *timer;
    struct probe *probe; /* while one is under way */
    bool has_passed;
    int64_t failures; /* in a row */
};

struct health {
    const struct health_ops *ops;
    void *ctx;
    bool is_ready;
    char why[256];
    size_t count;
    struct watched_check checks[];
};

const char *health_why(const struct health *health) {
    return health->why;
}

static void look_after(struct watched_check *check, int64_t ms) {
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(check->timer, &after);
}

static void look_again(struct watched_check *check) {
    int64_t ms = check->spec->interval_ms;
    bool is_first = !check->has_passed && ms > HEALTH_FIRST_INTERVAL_MS;
    look_after(check, is_first ? HEALTH_FIRST_INTERVAL_MS : ms);
}

static bool have_all_passed(const struct health *health) {
    for (size_t i = 0; i < health->count; i++)
        if (!health->checks[i].has_passed) return false;
    return true;
}

static void on_answer(void *ctx, const char *why) {
    struct watched_check *check = ctx;
    struct health *health = check->health;
    check->probe = NULL;
    check->failures = why ? check->failures + 1 : 0;
    check->has_passed |= !why;
    snprintf(health->why, sizeof health->why, "%s", why ? why : "");
    look_again(check);
    if (health->is_ready) {
        health->ops->result(health->ctx, check->spec, why, check->failures);
    } else if (have_all_passed(health)) {
        health->is_ready = true;
        health->ops->ready(health->ctx);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct watched_check *check = ctx;
    check->probe = probe_start(check->spec, on_answer, check);
    if (!check->probe) look_again(check);
}

struct health *health_start(struct event_base *base, const struct check_spec *checks, size_t count,
                            const struct health_ops *ops, void *ctx) {
    struct health *health = calloc(1, sizeof *health + count * sizeof *health->checks);
    if (!health) return NULL;
    health->ops = ops;
    health->ctx = ctx;
    for (size_t i = 0; i < count; i++) {
        struct watched_check *check = &health->checks[i];
        *check = (struct watched_check){.health = health, .spec = &checks[i]};
        check->timer = event_new(base, -1, 0, on_timer, check);
        health->count++;
        if (!check->timer) {
            health_stop(health);
            return NULL;
        }
        look_after(check, HEALTH_FIRST_INTERVAL_MS / 10);
    }
    return health;
}

void health_stop(struct health *health) {
    if (!health) return;
    for (size_t i = 0; i < health->count; i++) {
        probe_cancel(health->checks[i].probe);
        if (health->checks[i].timer) event_free(health->checks[i].timer);
    }
    free(health);
}
