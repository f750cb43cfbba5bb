/*
 * Schedules: each action with one has a timer of its own.
 *
 * The next time is worked out once, when the one before has come. An interval follows the monotonic
 * clock; times that were missed do not come later. A cron expression follows the wall clock, so the
 * timer looks at it at least each minute: after a step forward an action runs once, and after one
 * back, times that have been do not come again unless the step was a large one.
 */
#include "server/supervisor.h"

#include <event2/event.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/log.h>

#define LOOK_EVERY_MS 60000
#define LARGE_STEP_MS (3 * 3600 * 1000)

static void arm(struct action *action, int64_t now_ms) {
    int64_t ms = action->next_ms - now_ms;
    if (ms > LOOK_EVERY_MS) ms = LOOK_EVERY_MS;
    if (ms < 0) ms = 0;
    event_add(action->timer, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
}

static int64_t next_by_cron(const struct action *action, int64_t now_ms) {
    return (int64_t)cron_next(&action->spec->cron, now_ms / 1000) * 1000;
}

static void start_job(struct action *action) {
    struct job_request request = {.spec = action->spec};
    if (job_find_unfinished(action->supervisor, action->spec)) {
        rpc_log_warn("scheduled action still runs", "action=%s", action->spec->name);
        return;
    }
    request.tags = json_pack("[s]", "schedule");
    job_create(action->supervisor, &request);
    json_decref(request.tags);
    supervisor_reconcile_later(action->supervisor);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct action *action = ctx;
    bool is_cron = action->spec->has_cron;
    int64_t now_ms = is_cron ? rpc_clock_wall_ms() : rpc_clock_monotonic_ms();
    bool is_due = now_ms >= action->next_ms;
    if (is_cron && (is_due || action->next_ms - now_ms > LARGE_STEP_MS))
        action->next_ms = next_by_cron(action, now_ms);
    else if (is_due)
        action->next_ms +=
            (now_ms - action->next_ms) / action->spec->interval_ms * action->spec->interval_ms +
            action->spec->interval_ms;
    /* 0: no such time will come. */
    if (action->next_ms > 0) arm(action, now_ms);
    if (is_due) start_job(action);
}

int schedule_begin(struct action *action) {
    if (action->timer) event_free(action->timer);
    action->timer = NULL;
    action->next_ms = 0;
    if (!action->spec->has_cron && action->spec->interval_ms == 0) return 0;
    action->timer = event_new(action->supervisor->options.base, -1, 0, on_timer, action);
    if (!action->timer) return -1;
    int64_t now_ms = action->spec->has_cron ? rpc_clock_wall_ms() : rpc_clock_monotonic_ms();
    action->next_ms =
        action->spec->has_cron ? next_by_cron(action, now_ms) : now_ms + action->spec->interval_ms;
    if (action->next_ms > 0) arm(action, now_ms);
    return 0;
}

int64_t action_next_ms(const struct action *action) {
    if (action->next_ms == 0 || action->spec->has_cron) return action->next_ms;
    return rpc_clock_wall_ms() + action->next_ms - rpc_clock_monotonic_ms();
}
