#include "server/job.h"

#include "server/backoff.h"
#include "server/health.h"
#include "server/job_command.h"
#include "server/kill_other.h"
#include "server/logs.h"

#include <event2/event.h>
#include <hero_rpc/clock.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define NAME_BYTES (2 * SPEC_NAME_MAX_BYTES + 2)
#define FIFO_PATH_BYTES 4096

static void handle(struct job *job, enum job_event event, const char *why, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- Output ------------------------------------------------------------------------------ */

static void keep_in_tail(struct job *job, const char *text, size_t len) {
    char **place = &job->tail[job->tail_count++ % JOB_TAIL_LINES];
    free(*place);
    *place = strndup(text, len < JOB_TAIL_LINE_MAX_BYTES ? len : JOB_TAIL_LINE_MAX_BYTES);
}

static void on_line(void *ctx, bool is_stderr, const char *text, size_t len) {
    struct job *job = ctx;
    char tags[96];
    keep_in_tail(job, text, len);
    if (!logs_may_add(job->world->logs, job->source, len)) return;
    snprintf(tags, sizeof tags, "[\"job=%lld\",\"kind=%s\"]", (long long)job->id,
             is_stderr ? "stderr" : "stdout");
    logs_add(job->world->logs, job->source, is_stderr ? LOG_WARN : LOG_INFO, tags,
             rpc_clock_wall_ms(), text, len);
}

/* The daemon's own word on the job, among the job's lines. */
static void say(struct job *job, enum log_level level, const char *text) {
    char tags[64];
    snprintf(tags, sizeof tags, "[\"job=%lld\",\"" LOG_OWN_TAG "\"]", (long long)job->id);
    logs_add(job->world->logs, job->source, level, tags, rpc_clock_wall_ms(), text, strlen(text));
}

/* ---- The process ------------------------------------------------------------------------- */

static void fifo_path(const struct job *job, char out[FIFO_PATH_BYTES]) {
    snprintf(out, FIFO_PATH_BYTES, "%s/%lld", job->world->run_dir, (long long)job->id);
}

static void make_mark(const struct job *job, char *out, size_t size) {
    snprintf(out, size, "%lld@%s", (long long)job->id, job->world->instance);
}

static void release_process(struct job *job) {
    char path[FIFO_PATH_BYTES];
    if (job->health) health_stop(job->health);
    job->health = NULL;
    if (!job->process) return;
    process_free(job->process);
    job->process = NULL;
    job->pid = 0;
    fifo_path(job, path);
    process_remove_fifos(path);
}

static void on_ended(void *ctx, int status) {
    struct job *job = ctx;
    job->has_exit_code = status >= 0;
    if (status >= 0)
        job->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    release_process(job);
    bool is_good = status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (status < 0)
        handle(job, JOB_EVENT_BROKEN,
               "it has ended, the exit code is unknown: it was started by a "
               "former daemon");
    else if (WIFSIGNALED(status))
        handle(job, JOB_EVENT_BROKEN, "it was ended by signal %d (%s)", WTERMSIG(status),
               strsignal(WTERMSIG(status)));
    else if (is_good && !job->spec->is_process)
        handle(job, JOB_EVENT_DONE, "it has ended with exit code 0");
    else
        handle(job, JOB_EVENT_BROKEN, "it has ended with exit code %d", WEXITSTATUS(status));
}

static const struct process_ops process_ops = {.line = on_line, .ended = on_ended};

static struct process_options process_options(struct job *job, char path[FIFO_PATH_BYTES]) {
    fifo_path(job, path);
    return (struct process_options){
        .base = job->world->base, .fifo_path = path, .ops = &process_ops, .ctx = job};
}

/* ---- Health ------------------------------------------------------------------------------ */

static void on_ready(void *ctx) {
    handle(ctx, JOB_EVENT_READY, "its health checks pass");
}

static void on_check(void *ctx, const struct check_spec *check, const char *why, int64_t failures) {
    struct job *job = ctx;
    if (!why)
        handle(job, JOB_EVENT_WELL, "its health checks pass again");
    else if (failures < check->failures)
        handle(job, JOB_EVENT_SICK, "a health check fails: %s", why);
    else
        handle(job, JOB_EVENT_HOPELESS, "a health check has failed %lld times: %s",
               (long long)failures, why);
}

static const struct health_ops health_ops = {.ready = on_ready, .result = on_check};

static void set_timer(struct job *job, int64_t ms) {
    event_add(job->timer, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
}

/* ---- Steps ------------------------------------------------------------------------------- */

static void on_cleared(void *ctx, const char *why) {
    struct job *job = ctx;
    job->clearing = NULL;
    if (why)
        handle(job, JOB_EVENT_BROKEN, "it cannot start: %s", why);
    else
        handle(job, JOB_EVENT_CLEARED, "%s", "it is being started");
}

static void clear(struct job *job) {
    if (kill_other_is_wanted(job->spec))
        job->clearing = kill_other_start(job->world->base, job->spec, on_cleared, job);
    if (!job->clearing) handle(job, JOB_EVENT_CLEARED, "%s", "it is being started");
}

static void watch(struct job *job) {
    if (job->check_count == 0 || !job->spec->is_process) {
        handle(job, JOB_EVENT_READY, "%s", job->why);
        return;
    }
    snprintf(job->why, sizeof job->why, "its health checks have not passed yet");
    job->health = health_start(job->world->base, job->checks, job->check_count, &health_ops, job);
    if (job->health)
        set_timer(job, job->spec->start_timeout_ms);
    else
        handle(job, JOB_EVENT_HOPELESS, "out of memory");
}

static void spawn_process(struct job *job) {
    struct rpc_error err = {0};
    struct job_command command;
    char path[FIFO_PATH_BYTES], mark[128];
    struct process_options options = process_options(job, path);
    make_mark(job, mark, sizeof mark);
    job->attempt++;
    job->has_exit_code = false;
    if (job_command_make(&command, job, mark, &err) == 0)
        job->process = process_start(&options, &command.spawn, &err);
    job_command_done(&command);
    if (!job->process) {
        process_remove_fifos(path);
        handle(job, JOB_EVENT_BROKEN, "%s", err.message);
        rpc_error_clear(&err);
        return;
    }
    job->pid = process_pid(job->process);
    job->start_ticks = process_start_ticks(job->process);
    job->started_ms = rpc_clock_wall_ms();
    snprintf(job->why, sizeof job->why, "it runs");
    job->world->changed(job->world->ctx, job);
    watch(job);
}

/* Ready. A job's time is counted from here, and so is a process's stability. */
static void settle(struct job *job) {
    int64_t ms = job->spec->is_process ? job->spec->stability_ms : job->spec->timeout_ms;
    if (ms > 0)
        set_timer(job, ms);
    else
        event_del(job->timer);
}

static void end_process(struct job *job) {
    if (job->health) health_stop(job->health);
    job->health = NULL;
    process_signal(job->process, job->spec->stop_signal);
    set_timer(job, job->spec->stop_timeout_ms);
}

static void finish(struct job *job) {
    char path[FIFO_PATH_BYTES];
    event_del(job->timer);
    if (job->clearing) kill_other_cancel(job->clearing);
    job->clearing = NULL;
    release_process(job);
    fifo_path(job, path);
    process_remove_fifos(path);
    job_command_remove_script(job);
    job->ended_ms = rpc_clock_wall_ms();
}

static void retry(struct job *job) {
    const struct retry_spec *policy = &job->spec->retry;
    event_del(job->timer);
    if (!backoff_may_retry(policy, job->attempt)) {
        size_t len = strlen(job->why);
        if (job->attempt > 1)
            snprintf(job->why + len, sizeof job->why - len, " (attempt %lld of %lld)",
                     (long long)job->attempt, (long long)policy->max_attempts);
        job->state = JOB_FAILED;
        say(job, LOG_ERROR, job->why);
        finish(job);
        return;
    }
    int64_t delay_ms = backoff_delay_ms(policy, job->attempt);
    char text[sizeof job->why + 64];
    snprintf(text, sizeof text, "%s; attempt %lld comes in %lld ms", job->why,
             (long long)job->attempt + 1, (long long)delay_ms);
    say(job, LOG_WARN, text);
    job->restarts++;
    set_timer(job, delay_ms);
}

static void (*const steps[])(struct job *job) = {
    [JOB_STEP_CLEAR] = clear,   [JOB_STEP_SPAWN] = spawn_process, [JOB_STEP_WATCH] = watch,
    [JOB_STEP_SETTLE] = settle, [JOB_STEP_END] = end_process,     [JOB_STEP_RETRY] = retry,
    [JOB_STEP_FINISH] = finish,
};

/* The one place where a job changes. */
static void handle(struct job *job, enum job_event event, const char *why, ...) {
    const struct job_transition *transition = job_transition(job->state, event);
    if (!transition->is_there) return;
    char text[sizeof job->why];
    va_list args;
    va_start(args, why);
    vsnprintf(text, sizeof text, why, args);
    va_end(args);
    /* What ends something tells more than that it has ended. */
    bool is_known = job->state == JOB_FAILING || job->state == JOB_STOPPING;
    if (!is_known) snprintf(job->why, sizeof job->why, "%s", text);
    if (job->state != transition->next) job->since_ms = rpc_clock_wall_ms();
    job->state = transition->next;
    job->nesting++;
    if (steps[transition->step]) steps[transition->step](job);
    if (--job->nesting == 0) job->world->changed(job->world->ctx, job);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct job *job = ctx;
    switch (job->state) {
    case JOB_STARTING:
        handle(job, JOB_EVENT_HOPELESS, "it was not ready after %lld ms%s%s",
               (long long)job->spec->start_timeout_ms, *health_why(job->health) ? ": " : "",
               health_why(job->health));
        break;
    case JOB_RUNNING:
    case JOB_DEGRADED:
        if (job->spec->is_process)
            job->attempt = 0;
        else
            handle(job, JOB_EVENT_HOPELESS, "it took longer than %lld ms",
                   (long long)job->spec->timeout_ms);
        break;
    case JOB_RETRYING: handle(job, JOB_EVENT_DELAY_OVER, "%s", "it is being started again"); break;
    case JOB_STOPPING:
    case JOB_FAILING: process_signal(job->process, SIGKILL); break;
    default: break;
    }
}

/* ---- From outside ------------------------------------------------------------------------ */

void job_go(struct job *job) {
    handle(job, JOB_EVENT_GO, "%s", "it is being started");
}

void job_hold(struct job *job, const char *why) {
    handle(job, JOB_EVENT_HOLD, "%s", why);
}

void job_give_up(struct job *job, const char *why) {
    handle(job, JOB_EVENT_GIVE_UP, "%s", why);
}

bool job_stop(struct job *job, const char *why) {
    if (job_state_is_final(job->state)) return false;
    bool is_failing = job->state == JOB_FAILING;
    handle(job, JOB_EVENT_STOP, "%s", why);
    if (is_failing) snprintf(job->why, sizeof job->why, "%s", why);
    return true;
}

void job_examine(struct job *job) {
    if (job->state != JOB_UNKNOWN) return;
    char path[FIFO_PATH_BYTES], mark[128];
    make_mark(job, mark, sizeof mark);
    if (job->pid == 0) {
        job->pid = process_find_marked(mark);
        job->start_ticks = job->pid ? process_read_start_ticks(job->pid) : 0;
    }
    struct process_identity identity = {job->pid, job->start_ticks, mark};
    struct process_options options = process_options(job, path);
    bool was_started = job->pid > 0;
    if (was_started) job->process = process_adopt(&options, &identity);
    if (job->process) {
        say(job, LOG_INFO, "taken over from a former daemon");
        handle(job, JOB_EVENT_FOUND, "it was taken over from a former daemon");
        if (job->was_stopping) job_stop(job, "it was being stopped");
        return;
    }
    job->pid = 0;
    process_remove_fifos(path);
    if (was_started)
        say(job, LOG_WARN, "it ended while no daemon was there; its last lines may be lost");
    if (job->was_stopping)
        handle(job, JOB_EVENT_STOP, "it was being stopped");
    else if (was_started)
        handle(job, JOB_EVENT_BROKEN,
               "it ended while no daemon was there, the exit code is unknown");
    else
        handle(job, JOB_EVENT_GO, "%s", "it is being started");
}

/* ---- Making and freeing ------------------------------------------------------------------ */

static int copy_checks(struct job *job) {
    size_t count = job->spec->check_count;
    bool has_probe = job->service && job->service->probe.target;
    job->checks = calloc(count + 1, sizeof *job->checks);
    if (!job->checks) return -1;
    if (count > 0) memcpy(job->checks, job->spec->checks, count * sizeof *job->checks);
    if (has_probe) job->checks[count] = job->service->probe;
    job->check_count = count + has_probe;
    return 0;
}

struct job *job_new(const struct job_world *world, int64_t id, struct action_spec *spec,
                    struct service_spec *service) {
    struct job *job = calloc(1, sizeof *job);
    char name[NAME_BYTES];
    if (!job) return NULL;
    *job = (struct job){
        .world = world,
        .id = id,
        .spec = action_spec_ref(spec),
        .service = service ? service_spec_ref(service) : NULL,
        .created_ms = rpc_clock_wall_ms(),
    };
    job->since_ms = job->created_ms;
    job->timer = event_new(world->base, -1, 0, on_timer, job);
    job->source = logs_source(world->logs, job_name(job, name, sizeof name));
    if (job->timer && job->source && copy_checks(job) == 0) return job;
    job_free(job);
    return NULL;
}

void job_free(struct job *job) {
    if (!job) return;
    if (job->health) health_stop(job->health);
    if (job->clearing) kill_other_cancel(job->clearing);
    process_free(job->process);
    if (job->timer) event_free(job->timer);
    for (size_t i = 0; i < JOB_TAIL_LINES; i++)
        free(job->tail[i]);
    free(job->checks);
    json_decref(job->inputs);
    json_decref(job->tags);
    action_spec_unref(job->spec);
    service_spec_unref(job->service);
    free(job);
}

const char *job_name(const struct job *job, char *out, size_t size) {
    if (job->service)
        snprintf(out, size, "%s.%s", job->service->name, job->spec->name);
    else
        snprintf(out, size, "%s", job->spec->name);
    return out;
}
