/* runs.c - jobs and runs, as users ask for them. */
#include "server/registry.h"

#include <errno.h>
#include <hero_rpc/clock.h>
#include <stdio.h>
#include <string.h>

#define RUN_JOBS_MAX 256

static int wrong_state(struct rpc_error *err, int64_t id, const char *why) {
    rpc_error_set(err, RPC_ERROR_INVALID, SUPERVISOR_WRONG_STATE, "job %lld %s", (long long)id, why);
    return -1;
}

static int not_found(struct rpc_error *err, const char *what, int64_t id) {
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)id);
    return registry_not_found(err, what, number);
}

/* ---- As JSON ----------------------------------------------------------------------------- */

static json_t *job_json(const struct job_row *row) {
    json_t *json = json_pack(
        "{s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "id", (json_int_t)row->id, "context",
        row->context, "action", row->action, "phase", row->phase, "attempt",
        (json_int_t)row->attempt, "restarts", (json_int_t)row->restarts, "pid",
        (json_int_t)row->pid, "created_ms", (json_int_t)row->created_ms, "tags",
        row->tags ? json_deep_copy(row->tags) : json_array());
    if (!json) return NULL;
    if (row->service) json_object_set_new(json, "service", json_string(row->service));
    if (row->run) json_object_set_new(json, "run_id", json_integer(row->run));
    if (row->spec) json_object_set_new(json, "spec", json_deep_copy(row->spec));
    if (row->error) json_object_set_new(json, "error", json_string(row->error));
    if (row->has_exit_code) json_object_set_new(json, "exit_code", json_integer(row->exit_code));
    if (row->signal) json_object_set_new(json, "signal", json_integer(row->signal));
    if (row->started_ms) json_object_set_new(json, "started_ms", json_integer(row->started_ms));
    if (row->ended_ms) json_object_set_new(json, "ended_ms", json_integer(row->ended_ms));
    if (row->tail) json_object_set_new(json, "last_lines", json_deep_copy(row->tail));
    return json;
}

static void append_job(void *ctx, const struct job_row *row) {
    json_t *json = job_json(row);
    /* A list is for an overview. */
    json_object_del(json, "spec");
    json_object_del(json, "last_lines");
    json_array_append_new(ctx, json);
}

static void take_job(void *ctx, const struct job_row *row) {
    json_t **ret_json = ctx;
    *ret_json = job_json(row);
}

json_t *supervisor_get_job(struct supervisor *supervisor, int64_t id, struct rpc_error *err) {
    json_t *json = NULL;
    struct job_query query = {.id = id, .limit = 1};
    state_db_each_job(supervisor->options.db, &query, take_job, &json);
    const struct job *job = registry_find_job(supervisor, id);
    if (json && job) json_object_set_new(json, "last_lines", job_tail(job));
    if (!json) not_found(err, "job", id);
    return json;
}

json_t *supervisor_list_jobs(struct supervisor *supervisor, const struct job_query *query) {
    json_t *list = json_array();
    state_db_each_job(supervisor->options.db, query, append_job, list);
    return list;
}

/* ---- Creating ---------------------------------------------------------------------------- */

bool supervisor_is_action_live(const struct supervisor *supervisor, const struct action_spec *spec) {
    const struct job *job;
    TAILQ_FOREACH(job, &supervisor->jobs, link)
        if (!job_has_ended(job) && strcmp(job->spec->name, spec->name) == 0 &&
            strcmp(job->spec->context, spec->context) == 0)
            return true;
    return false;
}

/* A new reference to what is to be run. */
static struct action_spec *resolve(struct supervisor *supervisor, const char *context,
                                   const char *action_name, const json_t *json,
                                   struct rpc_error *err) {
    if (json) return action_spec_parse(json, err);
    const struct action *action =
        action_name ? registry_find_action(supervisor, context, action_name) : NULL;
    if (action) return action_spec_ref(action->spec);
    if (action_name)
        registry_not_found(err, "action", action_name);
    else
        rpc_error_set(err, RPC_ERROR_INVALID, SUPERVISOR_BAD_SPEC,
                      "either \"action\" or \"spec\" is needed");
    return NULL;
}

static int check_singleton(const struct supervisor *supervisor, const struct action_spec *spec,
                           struct rpc_error *err) {
    if (!spec->is_singleton || !supervisor_is_action_live(supervisor, spec)) return 0;
    rpc_error_set(err, RPC_ERROR_INVALID, SUPERVISOR_WRONG_STATE,
                  "the action \"%s\" is a singleton and runs already", spec->name);
    return -1;
}

static int check_open(const struct supervisor *supervisor, struct rpc_error *err) {
    if (!supervisor->is_stopping) return 0;
    rpc_error_set(err, RPC_ERROR_INVALID, SUPERVISOR_STOPPING, "hero_proc is stopping");
    return -1;
}

int64_t supervisor_create_job(struct supervisor *supervisor, const char *context, const char *action,
                              const json_t *json, const json_t *tags, struct rpc_error *err) {
    struct action_spec *spec = resolve(supervisor, context, action, json, err);
    if (!spec) return 0;
    struct job *job = NULL;
    if (check_open(supervisor, err) == 0 && check_singleton(supervisor, spec, err) == 0)
        job = supervisor_add_job(supervisor, spec, NULL, 0, tags, err);
    action_spec_unref(spec);
    supervisor_evaluate_later(supervisor);
    return job ? job->id : 0;
}

int64_t supervisor_submit_run(struct supervisor *supervisor, const char *context, const json_t *jobs,
                              const json_t *tags, struct rpc_error *err) {
    struct action_spec *specs[RUN_JOBS_MAX];
    size_t count = 0, wanted = json_array_size(jobs);
    if (check_open(supervisor, err) < 0) return 0;
    if (wanted == 0 || wanted > RUN_JOBS_MAX) {
        rpc_error_set(err, RPC_ERROR_INVALID, SUPERVISOR_BAD_SPEC, "\"jobs\" needs 1 to %d entries",
                      RUN_JOBS_MAX);
        return 0;
    }
    for (; count < wanted; count++) {
        const json_t *job = json_array_get(jobs, count);
        specs[count] = resolve(supervisor, context, json_string_value(json_object_get(job, "action")),
                               json_object_get(job, "spec"), err);
        if (!specs[count]) break;
    }
    int64_t run = count == wanted ? ++supervisor->last_run : 0;
    if (run)
        state_db_put_run(supervisor->options.db, run, NULL, rpc_clock_wall_ms(), tags);
    for (size_t i = 0; i < count; i++) {
        const json_t *own_tags = json_object_get(json_array_get(jobs, i), "tags");
        if (run) supervisor_add_job(supervisor, specs[i], NULL, run, own_tags, err);
        action_spec_unref(specs[i]);
    }
    supervisor_evaluate_later(supervisor);
    return run;
}

/* ---- What a job of a run waits for -------------------------------------------------------- */

static const char *dependency_at(const json_t *list, size_t index) {
    const json_t *entry = json_array_get(list, index);
    const char *name = json_string_value(entry);
    if (!name) name = json_string_value(json_object_get(entry, "action"));
    return name ? name : json_string_value(json_object_get(entry, "name"));
}

bool supervisor_may_begin(const struct supervisor *supervisor, const struct job *job,
                          const char **ret_failed) {
    const json_t *list = json_object_get(job->spec->json, "depends_on");
    for (size_t i = 0; job->run && i < json_array_size(list); i++) {
        const char *name = dependency_at(list, i);
        const struct job *other;
        TAILQ_FOREACH(other, &supervisor->jobs, link) {
            bool is_meant = name && other != job && other->run == job->run &&
                            strcmp(other->spec->name, name) == 0;
            if (!is_meant) continue;
            if (other->state == JOB_FAILED || other->state == JOB_CANCELLED) {
                *ret_failed = name;
                return false;
            }
            bool is_there = other->spec->is_process ? other->state == JOB_RUNNING
                                                    : other->state == JOB_SUCCEEDED;
            if (!is_there) return false;
        }
    }
    return true;
}

/* ---- Changing ---------------------------------------------------------------------------- */

int supervisor_cancel_job(struct supervisor *supervisor, int64_t id, struct rpc_error *err) {
    struct job *job = registry_find_job(supervisor, id);
    if (job && !job_has_ended(job)) {
        if (job->service)
            return wrong_state(err, id, "belongs to a service: stop that");
        job_cancel(job);
        return 0;
    }
    json_t *json = supervisor_get_job(supervisor, id, err);
    if (!json) return -1;
    json_decref(json);
    return wrong_state(err, id, "has ended already");
}

int64_t supervisor_retry_job(struct supervisor *supervisor, int64_t id, struct rpc_error *err) {
    json_t *json = supervisor_get_job(supervisor, id, err);
    if (!json) return 0;
    const struct job *job = registry_find_job(supervisor, id);
    int64_t again = 0;
    if (job && !job_has_ended(job))
        wrong_state(err, id, "has not ended");
    else
        again = supervisor_create_job(supervisor, spec_context(json), NULL,
                                      json_object_get(json, "spec"), json_object_get(json, "tags"),
                                      err);
    json_decref(json);
    return again;
}

int supervisor_delete_job(struct supervisor *supervisor, int64_t id, bool force,
                          struct rpc_error *err) {
    json_t *json = supervisor_get_job(supervisor, id, err);
    if (!json) return -1;
    json_decref(json);
    struct job *job = registry_find_job(supervisor, id);
    bool is_live = job && !job_has_ended(job);
    if (job && job->service) return wrong_state(err, id, "belongs to a service");
    if (is_live && !force) return wrong_state(err, id, "has not ended; with force it is cancelled");
    if (is_live) {
        /* Its record goes when it has ended: until then it is needed to know its process. */
        job_cancel(job);
        if (!job_has_ended(job)) return 0;
    }
    return state_db_delete_job(supervisor->options.db, id);
}

/* ---- Runs -------------------------------------------------------------------------------- */

struct run_list {
    struct supervisor *supervisor;
    json_t *list;
};

/* The worst phase of its jobs says how a run is. */
static const char *run_state(const json_t *jobs) {
    static const char *const worst_first[] = {"failed",  "unknown", "retrying", "running",
                                              "waiting", "pending", "cancelled"};
    for (size_t rank = 0; rank < sizeof worst_first / sizeof worst_first[0]; rank++)
        for (size_t i = 0; i < json_array_size(jobs); i++) {
            const json_t *phase = json_object_get(json_array_get(jobs, i), "phase");
            if (strcmp(json_string_value(phase), worst_first[rank]) == 0) return worst_first[rank];
        }
    return "succeeded";
}

static void append_run(void *ctx, int64_t id, const char *service, int64_t created_ms,
                       const json_t *tags) {
    struct run_list *runs = ctx;
    struct job_query query = {.run = id, .limit = RUN_JOBS_MAX};
    json_t *jobs = supervisor_list_jobs(runs->supervisor, &query), *ids = json_array();
    for (size_t i = json_array_size(jobs); i-- > 0;)
        json_array_append(ids, json_object_get(json_array_get(jobs, i), "id"));
    json_t *run = json_pack("{s:I, s:s, s:I, s:o, s:o}", "id", (json_int_t)id, "state",
                            run_state(jobs), "created_ms", (json_int_t)created_ms, "jobs", ids,
                            "tags", tags ? json_deep_copy(tags) : json_array());
    if (service) json_object_set_new(run, "service", json_string(service));
    json_array_append_new(runs->list, run);
    json_decref(jobs);
}

json_t *supervisor_list_runs(struct supervisor *supervisor, const char *service, int64_t limit) {
    struct run_list runs = {supervisor, json_array()};
    state_db_each_run(supervisor->options.db, 0, service, limit, append_run, &runs);
    return runs.list;
}

json_t *supervisor_get_run(struct supervisor *supervisor, int64_t id, struct rpc_error *err) {
    struct run_list runs = {supervisor, json_array()};
    state_db_each_run(supervisor->options.db, id, NULL, 1, append_run, &runs);
    json_t *run = json_incref(json_array_get(runs.list, 0));
    json_decref(runs.list);
    if (!run) not_found(err, "run", id);
    return run;
}

int supervisor_cancel_run(struct supervisor *supervisor, int64_t id, struct rpc_error *err) {
    json_t *run = supervisor_get_run(supervisor, id, err);
    if (!run) return -1;
    const char *service = json_string_value(json_object_get(run, "service"));
    int outcome = 0;
    struct job *job;
    if (service)
        outcome = supervisor_stop_service(supervisor, SPEC_DEFAULT_CONTEXT, service, err);
    else
        TAILQ_FOREACH(job, &supervisor->jobs, link)
            if (job->run == id) job_cancel(job);
    json_decref(run);
    return outcome;
}

int supervisor_delete_run(struct supervisor *supervisor, int64_t id, struct rpc_error *err) {
    json_t *run = supervisor_get_run(supervisor, id, err);
    if (!run) return -1;
    json_decref(run);
    const struct job *job;
    TAILQ_FOREACH(job, &supervisor->jobs, link)
        if (job->run == id && (job->service || !job_has_ended(job))) {
            rpc_error_set(err, RPC_ERROR_INVALID, SUPERVISOR_WRONG_STATE, "run %lld has not ended",
                          (long long)id);
            return -1;
        }
    return state_db_delete_run(supervisor->options.db, id);
}
