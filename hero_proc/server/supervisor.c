#include "server/registry.h"

#include <errno.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRUNE_EVERY_S 600
#define DAY_MS INT64_C(86400000)
/* Rounds of looking at all services before the loop gets its turn again. */
#define ROUNDS_MAX 100

/* ---- Finding ----------------------------------------------------------------------------- */

struct action *registry_find_action(const struct supervisor *supervisor, const char *context,
                                    const char *name) {
    struct action *action;
    LIST_FOREACH(action, &supervisor->actions, link)
        if (strcmp(action->spec->name, name) == 0 && strcmp(action->spec->context, context) == 0)
            return action;
    return NULL;
}

struct service *registry_find_service(const struct supervisor *supervisor, const char *context,
                                      const char *name) {
    struct service *service;
    LIST_FOREACH(service, &supervisor->services, link)
        if (strcmp(service->spec->name, name) == 0 && strcmp(service->spec->context, context) == 0)
            return service;
    return NULL;
}

struct job *registry_find_job(const struct supervisor *supervisor, int64_t id) {
    struct job *job;
    TAILQ_FOREACH(job, &supervisor->jobs, link)
        if (job->id == id) return job;
    return NULL;
}

int registry_not_found(struct rpc_error *err, const char *what, const char *name) {
    rpc_error_set(err, RPC_ERROR_INVALID, SUPERVISOR_NOT_FOUND, "%s \"%s\" not found", what, name);
    return -1;
}

/* ---- Looking at everything again ---------------------------------------------------------- */

void supervisor_evaluate_later(struct supervisor *supervisor) {
    event_active(supervisor->evaluate, EV_TIMEOUT, 0);
}

/* Jobs of no service that wait for others of their run, or for their turn. */
static bool begin_pending(struct supervisor *supervisor) {
    struct job *job;
    TAILQ_FOREACH(job, &supervisor->jobs, link) {
        const char *failed = NULL;
        if (job->state != JOB_PENDING) continue;
        if (supervisor->is_stopping) {
            job_cancel(job);
            return true;
        }
        bool may_begin = supervisor_may_begin(supervisor, job, &failed);
        if (failed) {
            snprintf(job->error, sizeof job->error, "it depends on %s, which has failed", failed);
            job_cancel(job);
            return true;
        }
        if (!may_begin) continue;
        job_start(job);
        return true;
    }
    return false;
}

/* Ended jobs of no service are known from the database from now on. */
static void let_ended_go(struct supervisor *supervisor) {
    struct job *job = TAILQ_FIRST(&supervisor->jobs);
    while (job) {
        struct job *next = TAILQ_NEXT(job, link);
        bool is_needed = false; /* by others of its run */
        const struct job *other;
        TAILQ_FOREACH(other, &supervisor->jobs, link)
            is_needed |= other->run == job->run && job->run && !job_has_ended(other);
        if (!job->service && job_has_ended(job) && !is_needed) supervisor_let_go(supervisor, job);
        job = next;
    }
}

static void let_deleted_go(struct supervisor *supervisor) {
    struct service *service = LIST_FIRST(&supervisor->services);
    while (service) {
        struct service *next = LIST_NEXT(service, link);
        if (service->is_deleting && !service_has_live_jobs(service)) {
            service_forget_jobs(service);
            LIST_REMOVE(service, link);
            service_free(service);
        }
        service = next;
    }
}

static bool has_live_jobs(const struct supervisor *supervisor) {
    const struct job *job;
    TAILQ_FOREACH(job, &supervisor->jobs, link)
        if (!job_has_ended(job)) return true;
    return false;
}

static void evaluate(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct supervisor *supervisor = ctx;
    bool has_changed = true;
    for (int round = 0; has_changed && round < ROUNDS_MAX; round++) {
        struct service *service;
        has_changed = false;
        LIST_FOREACH(service, &supervisor->services, link)
            has_changed |= service_evaluate(service);
        has_changed |= begin_pending(supervisor);
    }
    let_ended_go(supervisor);
    let_deleted_go(supervisor);
    if (has_changed) supervisor_evaluate_later(supervisor);
    if (supervisor->is_stopping && supervisor->stopped && !has_live_jobs(supervisor)) {
        void (*stopped)(void *) = supervisor->stopped;
        supervisor->stopped = NULL;
        stopped(supervisor->stopped_ctx);
    }
}

void supervisor_stop_all(struct supervisor *supervisor, void (*stopped)(void *ctx), void *ctx) {
    struct job *job;
    supervisor->is_stopping = true;
    supervisor->stopped = stopped;
    supervisor->stopped_ctx = ctx;
    TAILQ_FOREACH(job, &supervisor->jobs, link)
        if (!job->service) job_cancel(job);
    supervisor_evaluate_later(supervisor);
}

/* ---- Jobs in the table -------------------------------------------------------------------- */

void supervisor_write_job(struct supervisor *supervisor, const struct job *job) {
    bool has_ended = job_has_ended(job);
    json_t *tail = has_ended ? job_tail(job) : NULL;
    struct job_row row = {
        .id = job->id,
        .run = job->run,
        .context = job->spec->context,
        .action = job->spec->name,
        .service = job->service,
        .spec = job->spec->json,
        .tags = job->tags,
        .phase = job_phase_name(job->state),
        .error = *job->error ? job->error : NULL,
        .attempt = job->attempt,
        .restarts = job->restarts,
        .pid = job->process ? process_pid(job->process) : 0,
        .start_ticks = job->process ? process_start_ticks(job->process) : 0,
        .has_exit_code = job->has_exit_code,
        .exit_code = job->exit_code,
        .signal = job->signal,
        .created_ms = job->created_ms,
        .started_ms = job->started_ms,
        .ended_ms = job->ended_ms,
        .tail = tail,
    };
    state_db_put_job(supervisor->options.db, &row);
    json_decref(tail);
}

static void on_job_changed(void *ctx, struct job *job) {
    struct supervisor *supervisor = ctx;
    supervisor_write_job(supervisor, job);
    supervisor_evaluate_later(supervisor);
}

static void on_job_line(void *ctx, const struct job *job, bool is_stderr, const char *text,
                        size_t len) {
    struct supervisor *supervisor = ctx;
    char source[LOGS_SOURCE_MAX_BYTES], tags[64];
    snprintf(source, sizeof source, "%s.%s", job->service ? job->service : "job", job->spec->name);
    snprintf(tags, sizeof tags, "job=%lld,kind=%s", (long long)job->id,
             is_stderr ? "stderr" : "stdout");
    logs_add(supervisor->options.logs, source, LOG_INFO_LEVEL, tags, rpc_clock_wall_ms(), text, len);
}

struct job *supervisor_add_job(struct supervisor *supervisor, struct action_spec *spec,
                               const char *service, int64_t run, const json_t *tags,
                               struct rpc_error *err) {
    struct job *job =
        job_new(&supervisor->owner, supervisor->last_job + 1, spec, service, run, tags);
    if (!job) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    supervisor->last_job++;
    TAILQ_INSERT_TAIL(&supervisor->jobs, job, link);
    supervisor_write_job(supervisor, job);
    return job;
}

void supervisor_let_go(struct supervisor *supervisor, struct job *job) {
    TAILQ_REMOVE(&supervisor->jobs, job, link);
    job_free(job);
}

/* ---- What was there before --------------------------------------------------------------- */

static void load_action(void *ctx, const char *context, const char *name, const json_t *spec,
                        int wanted) {
    (void)context, (void)wanted;
    struct supervisor *supervisor = ctx;
    struct rpc_error err = {0};
    struct action *action = calloc(1, sizeof *action);
    if (action) action->spec = action_spec_parse(spec, &err);
    if (!action || !action->spec) {
        rpc_log_error("an action cannot be read", "action=%s error=\"%s\"", name, err.message);
        free(action);
        rpc_error_clear(&err);
        return;
    }
    LIST_INSERT_HEAD(&supervisor->actions, action, link);
    schedule_action(supervisor, action);
}

static void load_service(void *ctx, const char *context, const char *name, const json_t *spec,
                         int wanted) {
    (void)context;
    struct supervisor *supervisor = ctx;
    struct rpc_error err = {0};
    struct service *service = calloc(1, sizeof *service);
    if (service) service->spec = service_spec_parse(spec, &err);
    if (!service || !service->spec) {
        rpc_log_error("a service cannot be read", "service=%s error=\"%s\"", name, err.message);
        free(service);
        rpc_error_clear(&err);
        return;
    }
    service->supervisor = supervisor;
    service->wanted = (enum wanted)wanted;
    service->since_ms = rpc_clock_wall_ms();
    LIST_INSERT_HEAD(&supervisor->services, service, link);
}

/* A job that had not ended: its process is looked for. */
static void load_job(void *ctx, const struct job_row *row) {
    struct supervisor *supervisor = ctx;
    struct rpc_error err = {0};
    struct action_spec *spec = row->spec ? action_spec_parse(row->spec, &err) : NULL;
    struct job *job =
        spec ? job_new(&supervisor->owner, row->id, spec, row->service, row->run, row->tags) : NULL;
    action_spec_unref(spec);
    if (!job) {
        rpc_log_error("a job cannot be taken over", "job=%lld error=\"%s\"", (long long)row->id,
                      err.message);
        rpc_error_clear(&err);
        return;
    }
    job->attempt = row->attempt;
    job->restarts = row->restarts;
    job->created_ms = row->created_ms;
    job->started_ms = row->started_ms;
    TAILQ_INSERT_TAIL(&supervisor->jobs, job, link);
    struct service *service =
        row->service ? registry_find_service(supervisor, row->context, row->service) : NULL;
    if (service && service->job_count < SERVICE_JOBS_MAX) {
        service->jobs[service->job_count++] = job;
        service->run = row->run;
        service->is_started = service->has_run = true;
    }
    char mark[32];
    snprintf(mark, sizeof mark, "%lld", (long long)row->id);
    struct process_identity identity = {
        .pid = (pid_t)row->pid, .start_ticks = row->start_ticks, .mark = mark};
    job_adopt(job, &identity);
    rpc_log_info("a job was taken over", "job=%lld action=%s pid=%d state=%s", (long long)job->id,
                 job->spec->name, (int)row->pid, job_state_name(job->state));
}

static void prune(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct supervisor *supervisor = ctx;
    state_db_prune(supervisor->options.db, supervisor->options.keep_jobs,
                   rpc_clock_wall_ms() - supervisor->options.keep_days * DAY_MS);
}

/* ---- Beginning and end -------------------------------------------------------------------- */

static int begin(struct supervisor *supervisor) {
    struct state_db *db = supervisor->options.db;
    struct event_base *base = supervisor->options.base;
    static const struct timeval often = {.tv_sec = PRUNE_EVERY_S};
    supervisor->evaluate = event_new(base, -1, 0, evaluate, supervisor);
    supervisor->prune = event_new(base, -1, EV_PERSIST, prune, supervisor);
    if (!supervisor->evaluate || !supervisor->prune || schedule_init(supervisor) < 0) return -1;
    event_add(supervisor->prune, &often);
    supervisor->last_job = state_db_last_job(db);
    supervisor->last_run = state_db_last_run(db);
    struct job_query unfinished = {.unfinished = true, .limit = INT64_MAX};
    if (state_db_each(db, STATE_ACTION, load_action, supervisor) < 0 ||
        state_db_each(db, STATE_SERVICE, load_service, supervisor) < 0 ||
        state_db_each_job(db, &unfinished, load_job, supervisor) < 0)
        return -1;
    supervisor_evaluate_later(supervisor);
    return 0;
}

struct supervisor *supervisor_new(const struct supervisor_options *options, struct rpc_error *err) {
    struct supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (!supervisor) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    supervisor->options = *options;
    supervisor->owner = (struct job_owner){.base = options->base,
                                           .state_dir = options->state_dir,
                                           .programs_dir = options->programs_dir,
                                           .changed = on_job_changed,
                                           .line = on_job_line,
                                           .ctx = supervisor};
    LIST_INIT(&supervisor->actions);
    LIST_INIT(&supervisor->services);
    TAILQ_INIT(&supervisor->jobs);
    if (begin(supervisor) == 0) return supervisor;
    const char *problem = state_db_problem(options->db);
    rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "state: %s", problem ? problem : "out of memory");
    supervisor_free(supervisor);
    return NULL;
}

void supervisor_free(struct supervisor *supervisor) {
    if (!supervisor) return;
    for (struct job *job; (job = TAILQ_FIRST(&supervisor->jobs));)
        supervisor_let_go(supervisor, job);
    for (struct service *service; (service = LIST_FIRST(&supervisor->services));) {
        LIST_REMOVE(service, link);
        service_free(service);
    }
    for (struct action *action; (action = LIST_FIRST(&supervisor->actions));) {
        LIST_REMOVE(action, link);
        action_spec_unref(action->spec);
        free(action);
    }
    if (supervisor->evaluate) event_free(supervisor->evaluate);
    if (supervisor->schedule) event_free(supervisor->schedule);
    if (supervisor->prune) event_free(supervisor->prune);
    free(supervisor);
}

void supervisor_stats(const struct supervisor *supervisor, struct supervisor_stats *ret_stats) {
    const struct action *action;
    const struct service *service;
    const struct job *job;
    *ret_stats = (struct supervisor_stats){0};
    LIST_FOREACH(action, &supervisor->actions, link)
        ret_stats->actions++;
    LIST_FOREACH(service, &supervisor->services, link)
        ret_stats->services++;
    TAILQ_FOREACH(job, &supervisor->jobs, link) {
        ret_stats->live_jobs += !job_has_ended(job);
        ret_stats->processes += job->process != NULL;
    }
}
