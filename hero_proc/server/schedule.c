/* schedule.c - actions that run by themselves, at times of a cron expression or at an interval.
 *
 * The next time is worked out when the action is set and after each run, never by catching up: a time
 * that was missed, because the daemon or the machine was off or the clock was set, does not come
 * again. An action whose last job still runs is passed over.
 */
#include "server/registry.h"

#include <hero_rpc/clock.h>
#include <hero_rpc/log.h>

/* So often at least, so that a clock that was set is noticed. */
#define LOOK_EVERY_MS 30000
/* The clock was set back when it shows less than it did by more than this. */
#define STEP_MS 2000

static void work_out(struct action *action, int64_t now_ms) {
    const struct action_spec *spec = action->spec;
    action->next_ms = 0;
    if (spec->has_cron)
        action->next_ms = (int64_t)cron_next(&spec->cron, (time_t)(now_ms / 1000)) * 1000;
    else if (spec->interval_ms > 0)
        action->next_ms = now_ms + spec->interval_ms;
}

static void set_timer(struct supervisor *supervisor, int64_t now_ms) {
    const struct action *action;
    int64_t wait_ms = LOOK_EVERY_MS;
    LIST_FOREACH(action, &supervisor->actions, link) {
        int64_t own_ms = action->next_ms - now_ms;
        if (action->next_ms && own_ms < wait_ms) wait_ms = own_ms > 0 ? own_ms : 0;
    }
    struct timeval after = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    event_add(supervisor->schedule, &after);
}

static void run_now(struct supervisor *supervisor, const struct action *action) {
    struct rpc_error err = {0};
    if (supervisor_is_action_live(supervisor, action->spec)) {
        rpc_log_warn("a scheduled run is passed over: the last one still runs", "action=%s",
                     action->spec->name);
        return;
    }
    json_t *tags = json_pack("[s]", "scheduled");
    if (!supervisor_add_job(supervisor, action->spec, NULL, 0, tags, &err))
        rpc_log_error("a scheduled run cannot begin", "action=%s error=\"%s\"", action->spec->name,
                      err.message);
    json_decref(tags);
    rpc_error_clear(&err);
    supervisor_evaluate_later(supervisor);
}

static void look(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct supervisor *supervisor = ctx;
    int64_t now_ms = rpc_clock_wall_ms();
    bool was_set_back = now_ms + STEP_MS < supervisor->last_looked_ms;
    supervisor->last_looked_ms = now_ms;
    struct action *action;
    LIST_FOREACH(action, &supervisor->actions, link) {
        bool is_due = action->next_ms && action->next_ms <= now_ms && !supervisor->is_stopping;
        if (is_due) run_now(supervisor, action);
        if (is_due || was_set_back) work_out(action, now_ms);
    }
    set_timer(supervisor, now_ms);
}

int schedule_init(struct supervisor *supervisor) {
    supervisor->last_looked_ms = rpc_clock_wall_ms();
    supervisor->schedule = event_new(supervisor->options.base, -1, 0, look, supervisor);
    if (!supervisor->schedule) return -1;
    set_timer(supervisor, supervisor->last_looked_ms);
    return 0;
}

void schedule_action(struct supervisor *supervisor, struct action *action) {
    int64_t now_ms = rpc_clock_wall_ms();
    work_out(action, now_ms);
    set_timer(supervisor, now_ms);
}
