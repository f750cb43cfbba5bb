#include "server/job.h"

#include "server/command_line.h"
#include "server/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *name, *phase;
} states[] = {
    [JOB_PENDING] = {"pending", "pending"},     [JOB_CLEARING] = {"clearing", "waiting"},
    [JOB_STARTING] = {"starting", "running"},   [JOB_RUNNING] = {"running", "running"},
    [JOB_DEGRADED] = {"degraded", "running"},   [JOB_STOPPING] = {"stopping", "running"},
    [JOB_BACKOFF] = {"backoff", "retrying"},    [JOB_UNKNOWN] = {"unknown", "unknown"},
    [JOB_SUCCEEDED] = {"success", "succeeded"}, [JOB_FAILED] = {"failed", "failed"},
    [JOB_CANCELLED] = {"cancelled", "cancelled"},
};

const char *job_state_name(enum job_state state) {
    return states[state].name;
}

const char *job_phase_name(enum job_state state) {
    return states[state].phase;
}

bool job_has_ended(const struct job *job) {
    return job->state >= JOB_SUCCEEDED;
}

bool job_is_alive(const struct job *job) {
    return job->process || job->state == JOB_UNKNOWN;
}

/* ---- Helpers ----------------------------------------------------------------------------- */

static void set_state(struct job *job, enum job_state state) {
    job->state = state;
    job->since_ms = rpc_clock_wall_ms();
    if (state >= JOB_SUCCEEDED) job->ended_ms = job->since_ms;
    job->owner->changed(job->owner->ctx, job);
}

static void set_timer(struct job *job, int64_t ms) {
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(job->timer, &after);
}

static void set_error(struct job *job, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void set_error(struct job *job, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(job->error, sizeof job->error, format, args);
    va_end(args);
}

static void fifo_path(const struct job *job, char out[PATH_MAX]) {
    snprintf(out, PATH_MAX, "%s/fifos/%lld", job->owner->state_dir, (long long)job->id);
}

static void script_path(const struct job *job, char out[PATH_MAX]) {
    snprintf(out, PATH_MAX, "%s/scripts/%lld.rhai", job->owner->state_dir, (long long)job->id);
}

/* ---- Making and freeing ------------------------------------------------------------------ */

static void on_timer(evutil_socket_t fd, short what, void *ctx);

struct job *job_new(const struct job_owner *owner, int64_t id, struct action_spec *spec,
                    const char *service, int64_t run, const json_t *tags) {
    struct job *job = calloc(1, sizeof *job);
    if (!job) return NULL;
    job->owner = owner;
    job->id = id;
    job->run = run;
    job->spec = action_spec_ref(spec);
    job->created_ms = job->since_ms = rpc_clock_wall_ms();
    job->timer = event_new(owner->base, -1, 0, on_timer, job);
    if (service) job->service = strdup(service);
    if (tags) job->tags = json_deep_copy(tags);
    if (job->timer && !(service && !job->service)) return job;
    job_free(job);
    return NULL;
}

void job_free(struct job *job) {
    if (!job) return;
    health_stop(job->health);
    kill_other_cancel(job->clearing);
    process_free(job->process);
    if (job->timer) event_free(job->timer);
    action_spec_unref(job->spec);
    json_decref(job->tags);
    free(job->service);
    free(job);
}

/* ---- Output ------------------------------------------------------------------------------ */

static void on_line(void *ctx, bool is_stderr, const char *text, size_t len) {
    struct job *job = ctx;
    char *kept = job->tail[job->tail_next];
    size_t kept_len = len < JOB_TAIL_LINE_BYTES ? len : JOB_TAIL_LINE_BYTES;
    memcpy(kept, text, kept_len);
    kept[kept_len] = '\0';
    job->tail_next = (job->tail_next + 1) % JOB_TAIL_LINES;
    if (job->tail_count < JOB_TAIL_LINES) job->tail_count++;
    job->owner->line(job->owner->ctx, job, is_stderr, text, len);
}

json_t *job_tail(const struct job *job) {
    json_t *lines = json_array();
    for (unsigned i = 0; i < job->tail_count; i++) {
        unsigned at = (job->tail_next + JOB_TAIL_LINES - job->tail_count + i) % JOB_TAIL_LINES;
        /* Bytes that are not UTF-8, or a character that was cut, are replaced. */
        struct rpc_strbuf text = RPC_STRBUF_INIT;
        rpc_strbuf_add_json_string(&text, job->tail[at], strlen(job->tail[at]));
        json_array_append_new(lines, json_loads(rpc_strbuf_text(&text), JSON_DECODE_ANY, NULL));
        rpc_strbuf_done(&text);
    }
    return lines;
}

/* ---- The end of an attempt --------------------------------------------------------------- */

int64_t job_backoff_ms(const struct retry_spec *retry, int64_t failures) {
    double ms = (double)retry->delay_ms;
    for (int64_t i = 1; i < failures && ms < (double)retry->max_delay_ms; i++)
        ms *= retry->backoff;
    return ms < (double)retry->max_delay_ms ? (int64_t)ms : retry->max_delay_ms;
}

static void clean_up(struct job *job) {
    char path[PATH_MAX];
    fifo_path(job, path);
    process_remove_fifos(path);
    script_path(job, path);
    unlink(path);
}

static void finish(struct job *job, enum job_state state) {
    event_del(job->timer);
    clean_up(job);
    set_state(job, state);
}

static void attempt_failed(struct job *job) {
    const struct action_spec *spec = job->spec;
    bool was_stable = rpc_clock_monotonic_ms() - job->attempt_began_ms >= spec->stability_ms;
    job->failures = spec->is_process && was_stable ? 1 : job->failures + 1;
    if (spec->retry.max_attempts > 0 && job->failures >= spec->retry.max_attempts) {
        finish(job, JOB_FAILED);
        return;
    }
    int64_t wait_ms = job_backoff_ms(&spec->retry, job->failures);
    job->next_attempt_ms = rpc_clock_wall_ms() + wait_ms;
    job->restarts++;
    set_timer(job, wait_ms);
    set_state(job, JOB_BACKOFF);
}

static void note_status(struct job *job, int status) {
    job->has_exit_code = status >= 0 && WIFEXITED(status);
    job->exit_code = job->has_exit_code ? WEXITSTATUS(status) : 0;
    job->signal = status >= 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (status < 0)
        set_error(job, "it ended, with an exit code that is unknown");
    else if (job->signal)
        set_error(job, "it was ended by signal %d (%s)", job->signal, strsignal(job->signal));
    else
        set_error(job, "it ended with exit code %d", job->exit_code);
}

/* The error says why it was stopped rather than how it then ended. */
static void on_ended(void *ctx, int status) {
    struct job *job = ctx;
    char why[sizeof job->error];
    enum job_stop stop = job->stop;
    snprintf(why, sizeof why, "%s", job->error);
    health_stop(job->health);
    job->health = NULL;
    process_free(job->process);
    job->process = NULL;
    job->stop = JOB_STOP_NONE;
    event_del(job->timer);
    note_status(job, status);
    if (stop == JOB_STOP_CANCEL) {
        job->error[0] = '\0';
        finish(job, JOB_CANCELLED);
    } else if (stop != JOB_STOP_NONE) {
        snprintf(job->error, sizeof job->error, "%s", why);
        attempt_failed(job);
    } else if (!job->spec->is_process && job->has_exit_code && job->exit_code == 0) {
        job->error[0] = '\0';
        finish(job, JOB_SUCCEEDED);
    } else {
        attempt_failed(job);
    }
}

static const struct process_ops process_ops = {.line = on_line, .ended = on_ended};

/* ---- Stopping ---------------------------------------------------------------------------- */

static void stop_process(struct job *job, enum job_stop stop) {
    job->stop = stop;
    health_stop(job->health);
    job->health = NULL;
    process_signal(job->process, job->spec->stop_signal);
    if (job->spec->stop_signal != SIGKILL) process_signal(job->process, SIGCONT);
    set_timer(job, job->spec->stop_timeout_ms);
    set_state(job, JOB_STOPPING);
}

void job_cancel(struct job *job) {
    if (job_has_ended(job)) return;
    if (job->state == JOB_STOPPING) {
        job->stop = JOB_STOP_CANCEL;
    } else if (job->process) {
        stop_process(job, JOB_STOP_CANCEL);
    } else {
        kill_other_cancel(job->clearing);
        job->clearing = NULL;
        finish(job, JOB_CANCELLED);
    }
}

/* ---- Health ------------------------------------------------------------------------------ */

static void begin_running(struct job *job) {
    event_del(job->timer);
    if (!job->spec->is_process && job->spec->timeout_ms > 0) set_timer(job, job->spec->timeout_ms);
    set_state(job, JOB_RUNNING);
}

static void on_ready(void *ctx) {
    struct job *job = ctx;
    if (job->state == JOB_STARTING || job->state == JOB_UNKNOWN) begin_running(job);
}

/* Comes from within the health checks, which cannot be stopped there: the timer does it. */
static void on_result(void *ctx, const struct check_spec *check, const char *why,
                      int64_t failures) {
    struct job *job = ctx;
    if (!why && job->state == JOB_DEGRADED) {
        job->error[0] = '\0';
        set_state(job, JOB_RUNNING);
    }
    if (!why || (job->state != JOB_RUNNING && job->state != JOB_DEGRADED)) return;
    set_error(job, "health check failed %lld times: %s", (long long)failures, why);
    if (job->state != JOB_DEGRADED) set_state(job, JOB_DEGRADED);
    if (failures < check->failures) return;
    job->stop = JOB_STOP_UNHEALTHY;
    set_timer(job, 0);
}

static const struct health_ops health_ops = {.ready = on_ready, .result = on_result};

static bool start_health(struct job *job) {
    if (job->spec->check_count == 0) return false;
    job->health = health_start(job->owner->base, job->spec->checks, job->spec->check_count,
                               &health_ops, job);
    return job->health;
}

/* ---- Beginning an attempt ---------------------------------------------------------------- */

static int write_script(const struct job *job, char path[PATH_MAX], struct rpc_error *err) {
    script_path(job, path);
    const char *text = job->spec->script;
    return rpc_file_replace(path, text, strlen(text), 0600, err);
}

/* The program that runs Rhai scripts: the runner's, else the language's own tool. */
static char *find_rhai(const struct job *job, const char *path, bool *ret_is_runner) {
    static const char *const names[] = {"hero_runner_rhai", "rhai"};
    for (int i = 0; i < 2; i++) {
        char beside[PATH_MAX];
        snprintf(beside, sizeof beside, "%s/%s", job->owner->programs_dir, names[i]);
        char *found = command_find(beside, "");
        if (!found) found = command_find(names[i], path);
        *ret_is_runner = i == 0;
        if (found) return found;
    }
    return NULL;
}

struct command {
    char *path;
    char **words;   /* of a command line, from malloc */
    char *argv[8];  /* otherwise */
    char script[PATH_MAX];
};

static int make_command(const struct job *job, const char *search_path, struct command *command,
                        struct rpc_error *err) {
    const struct action_spec *spec = job->spec;
    const char *name = "bash";
    bool is_runner;
    switch (spec->interpreter) {
    case INTERPRETER_EXEC:
        command->words = command_line_split(spec->script, err);
        if (!command->words) return -1;
        name = command->words[0];
        break;
    case INTERPRETER_BASH:
        command->argv[0] = (char *)(uintptr_t) "bash";
        command->argv[1] = (char *)(uintptr_t) "-c";
        command->argv[2] = (char *)(uintptr_t)spec->script;
        break;
    case INTERPRETER_RHAI:
        if (write_script(job, command->script, err) < 0) return -1;
        command->path = find_rhai(job, search_path, &is_runner);
        command->argv[0] = command->path;
        command->argv[1] = (char *)(uintptr_t) "run";
        command->argv[2] = command->script;
        name = "hero_runner_rhai or rhai";
        break;
    }
    if (spec->interpreter != INTERPRETER_RHAI) command->path = command_find(name, search_path);
    if (command->path) return 0;
    rpc_error_set(err, RPC_ERROR_SYSTEM, errno, "%s: %s", name,
                  errno == EACCES ? "is not executable" : "no such program");
    return -1;
}

static int begin_process(struct job *job, struct rpc_error *err) {
    struct command command = {0};
    char mark[32];
    snprintf(mark, sizeof mark, "%lld", (long long)job->id);
    char **envp = environment_make(job->spec->env, mark);
    if (!envp) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    char fifo[PATH_MAX];
    fifo_path(job, fifo);
    struct process_options options = {
        .base = job->owner->base, .fifo_path = fifo, .ops = &process_ops, .ctx = job};
    const char *home = environment_get(envp, "HOME");
    if (make_command(job, environment_get(envp, "PATH"), &command, err) == 0) {
        struct spawn_command started = {
            .path = command.path,
            .argv = command.words ? command.words : command.argv,
            .envp = envp,
            .cwd = job->spec->cwd ? job->spec->cwd : *home ? home : "/",
        };
        job->process = process_start(&options, &started, err);
    }
    free(command.path);
    free(command.words);
    environment_free(envp);
    return job->process ? 0 : -1;
}

static void begin_attempt(struct job *job) {
    struct rpc_error err = {0};
    job->attempt++;
    job->attempt_began_ms = rpc_clock_monotonic_ms();
    job->is_adopted = false;
    job->error[0] = '\0';
    if (!job->started_ms) job->started_ms = rpc_clock_wall_ms();
    if (begin_process(job, &err) < 0) {
        job->has_exit_code = false;
        job->signal = 0;
        set_error(job, "%s", err.message);
        attempt_failed(job);
    } else if (start_health(job)) {
        set_timer(job, job->spec->start_timeout_ms);
        set_state(job, JOB_STARTING);
    } else {
        begin_running(job);
    }
    rpc_error_clear(&err);
}

static void on_cleared(void *ctx, const char *why) {
    struct job *job = ctx;
    job->clearing = NULL;
    if (!why) {
        begin_attempt(job);
        return;
    }
    set_error(job, "%s", why);
    attempt_failed(job);
}

void job_start(struct job *job) {
    if (kill_other_is_wanted(job->spec)) {
        job->clearing = kill_other_start(job->owner->base, job->spec, on_cleared, job);
        if (job->clearing) {
            set_state(job, JOB_CLEARING);
            return;
        }
    }
    begin_attempt(job);
}

void job_adopt(struct job *job, const struct process_identity *identity) {
    char fifo[PATH_MAX];
    fifo_path(job, fifo);
    struct process_options options = {
        .base = job->owner->base, .fifo_path = fifo, .ops = &process_ops, .ctx = job};
    job->attempt_began_ms = rpc_clock_monotonic_ms();
    if (identity->pid > 0) job->process = process_adopt(&options, identity);
    if (!job->process && identity->pid > 0) {
        set_error(job, "it ended while no daemon was there; its last output may be lost");
        attempt_failed(job);
    } else if (!job->process) {
        job_start(job);
    } else {
        job->is_adopted = true;
        if (start_health(job)) {
            set_timer(job, job->spec->start_timeout_ms);
            set_state(job, JOB_UNKNOWN);
        } else {
            begin_running(job);
        }
    }
}

/* ---- Time -------------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct job *job = ctx;
    switch (job->state) {
    case JOB_BACKOFF: job_start(job); break;
    case JOB_STARTING:
    case JOB_UNKNOWN: {
        const char *last = health_why(job->health);
        set_error(job, "not healthy after %lld ms%s%s", (long long)job->spec->start_timeout_ms,
                  *last ? ": " : "", last);
        stop_process(job, JOB_STOP_START);
        break;
    }
    case JOB_RUNNING:
    case JOB_DEGRADED:
        if (job->stop != JOB_STOP_UNHEALTHY) {
            set_error(job, "its time of %lld ms is over", (long long)job->spec->timeout_ms);
            job->stop = JOB_STOP_TIMEOUT;
        }
        stop_process(job, job->stop);
        break;
    case JOB_STOPPING: process_signal(job->process, SIGKILL); break;
    default: break;
    }
}

/* ---- In words ---------------------------------------------------------------------------- */

void job_explain(const struct job *job, char *out, size_t size) {
    const char *name = job->spec->name;
    long long attempt = (long long)job->attempt;
    int64_t wait_ms = job->next_attempt_ms - rpc_clock_wall_ms();
    switch (job->state) {
    case JOB_PENDING: snprintf(out, size, "%s waits for its start", name); break;
    case JOB_CLEARING: snprintf(out, size, "%s waits for others to make room", name); break;
    case JOB_STARTING:
        snprintf(out, size, "%s has started and is not healthy yet%s%s", name,
                 *health_why(job->health) ? ": " : "", health_why(job->health));
        break;
    case JOB_RUNNING: snprintf(out, size, "%s runs", name); break;
    case JOB_DEGRADED: snprintf(out, size, "%s runs, but: %s", name, job->error); break;
    case JOB_STOPPING: snprintf(out, size, "%s has been asked to end", name); break;
    case JOB_BACKOFF:
        snprintf(out, size, "%s failed in attempt %lld: %s; the next one comes in %lld ms", name,
                 attempt, job->error, (long long)(wait_ms > 0 ? wait_ms : 0));
        break;
    case JOB_UNKNOWN:
        snprintf(out, size, "%s was found running after a start of hero_proc and is examined",
                 name);
        break;
    case JOB_SUCCEEDED: snprintf(out, size, "%s has done its work", name); break;
    case JOB_FAILED:
        snprintf(out, size, "%s failed after %lld attempt%s: %s", name, attempt,
                 attempt == 1 ? "" : "s", job->error);
        break;
    case JOB_CANCELLED: snprintf(out, size, "%s was stopped", name); break;
    }
}
