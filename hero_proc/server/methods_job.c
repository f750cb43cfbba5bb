#include "server/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Making jobs -------------------------------------------------------------------------- */

/* What a job is to run: `action`, a name, or `spec`. NULL when it was refused. The reference is the
 * caller's. */
static struct action_spec *spec_of(struct daemon *daemon, const json_t *input, const char *context,
                                   struct rpc_error *err) {
    const json_t *given = json_object_get(input, "spec");
    const char *name = json_string_value(json_object_get(input, "action"));
    if (json_is_object(given)) {
        json_t *json = json_deep_copy(given);
        if (json && !json_object_get(json, "name"))
            json_object_set_new(json, "name", json_string(name ? name : "job"));
        if (json && !json_object_get(json, "context"))
            json_object_set_new(json, "context", json_string(context));
        struct action_spec *spec = action_spec_parse(json, err);
        json_decref(json);
        return spec;
    }
    struct action *action = name ? action_find(&daemon->supervisor, context, name) : NULL;
    if (action) return action_spec_ref(action->spec);
    if (name)
        rpc_error_set(err, RPC_ERROR_INVALID, ERROR_NOT_FOUND, "action \"%s\" not found", name);
    else
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "\"action\" or \"spec\" is needed");
    return NULL;
}

static void refuse(struct rpc_call *call, struct rpc_error *err) {
    if (err->code == ERROR_NOT_FOUND)
        rpc_call_fail(call, ERROR_NOT_FOUND, NULL, "%s", err->message);
    else
        method_refuse(call, err);
    rpc_error_clear(err);
}

static void on_stored(void *ctx) {
    struct job *job = ctx;
    job->is_held = false;
    supervisor_reconcile_later(job->world->ctx);
}

static void on_not_stored(void *ctx) {
    job_remove(ctx);
}

static bool is_second(struct daemon *daemon, const struct action_spec *spec,
                      struct rpc_error *err) {
    const struct job *other =
        spec->is_singleton ? job_find_unfinished(&daemon->supervisor, spec) : NULL;
    if (!other) return false;
    rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s is a singleton, and job %lld runs it", spec->name,
                  (long long)other->id);
    return true;
}

/* Only what is stored begins, so that an id that was told is never lost. */
static void create(struct rpc_call *call, struct daemon *daemon, struct job_request *request) {
    struct rpc_error err = {0};
    request->is_held = true;
    struct job *job = NULL;
    if (!is_second(daemon, request->spec, &err)) {
        job = job_create(&daemon->supervisor, request);
        if (!job) rpc_error_set(&err, RPC_ERROR_SYSTEM, 0, "out of memory");
    }
    if (!job) {
        refuse(call, &err);
        return;
    }
    struct method_store *store =
        method_store_new(call, json_pack("{s:I}", "id", (json_int_t)job->id));
    if (!store) return;
    store->stored = on_stored;
    store->not_stored = on_not_stored;
    store->ctx = job;
    job_store(job, method_store_done, store);
}

void job_create_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    if (!method_may_begin(call, daemon)) return;
    struct job_request request = {
        .spec = spec_of(daemon, rpc_call_params(call), method_context(call), &err),
        .inputs = rpc_call_param(call, "inputs"),
        .tags = rpc_call_param(call, "tags"),
    };
    if (request.spec)
        create(call, daemon, &request);
    else
        refuse(call, &err);
    action_spec_unref(request.spec);
}

/* ---- Jobs that are there ------------------------------------------------------------------- */

static struct job *find(struct rpc_call *call, struct daemon *daemon) {
    char name[32];
    long long id = rpc_call_integer(call, "id", 0);
    struct job *job = job_find(&daemon->supervisor, id);
    snprintf(name, sizeof name, "%lld", id);
    if (!job) method_not_found(call, "job", name);
    return job;
}

static bool is_wanted(const struct rpc_call *call, const struct job *job) {
    const char *action = rpc_call_text(call, "action", NULL);
    const char *service = rpc_call_text(call, "service", NULL);
    const char *phase = rpc_call_text(call, "phase", NULL);
    const char *context = rpc_call_text(call, "context", NULL);
    char name[2 * SPEC_NAME_MAX_BYTES + 2];
    if (action && strcmp(action, job->spec->name) != 0 &&
        strcmp(action, job_name(job, name, sizeof name)) != 0)
        return false;
    if (service && (!job->service || strcmp(service, job->service->name) != 0)) return false;
    if (context && strcmp(context, job->spec->context) != 0) return false;
    return !phase || strcmp(phase, job_phase_name(job->state)) == 0;
}

static size_t limit_of(const struct rpc_call *call) {
    long long limit = rpc_call_integer(call, "limit", LIST_DEFAULT_LIMIT);
    return (size_t)(limit < LIST_MAX_LIMIT ? limit : LIST_MAX_LIMIT);
}

void job_list_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    json_t *list = json_array();
    size_t limit = limit_of(call);
    const struct job *job;
    TAILQ_FOREACH_REVERSE(job, &daemon->supervisor.jobs, job_list, link)
    if (json_array_size(list) < limit && is_wanted(call, job))
        json_array_append_new(list, job_json(job, false));
    rpc_call_reply(call, json_pack("{s:o}", "jobs", list));
}

void job_get_method(struct rpc_call *call, void *ctx) {
    struct job *job = find(call, ctx);
    if (job) rpc_call_reply(call, job_json(job, true));
}

static void on_lines(void *ctx, const char *json, size_t len) {
    rpc_call_reply_text(ctx, json, len);
}

void job_logs_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    char tag[32], name[2 * SPEC_NAME_MAX_BYTES + 2];
    const struct job *job = find(call, daemon);
    if (!job) return;
    snprintf(tag, sizeof tag, "job=%lld", (long long)job->id);
    struct log_query query = {
        .source = job_name(job, name, sizeof name),
        .tags = {tag},
        .tag_count = 1,
        .since_ms = job->created_ms,
        .after_id = (uint64_t)rpc_call_integer(call, "after_id", 0),
        .limit = (size_t)rpc_call_integer(call, "limit", LIST_MAX_LIMIT),
        .without_own = true,
    };
    if (logs_query(daemon->logs, &query, on_lines, call) < 0)
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
}

void job_cancel_method(struct rpc_call *call, void *ctx) {
    struct job *job = find(call, ctx);
    if (job) rpc_call_reply(call, json_pack("{s:b}", "ok", job_stop(job, "it was cancelled")));
}

void job_retry_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    if (!method_may_begin(call, daemon)) return;
    struct job *job = find(call, daemon);
    if (!job) return;
    if (!job_state_is_final(job->state)) {
        rpc_call_fail(call, ERROR_STATE, NULL, "job %lld has not ended", (long long)job->id);
        return;
    }
    struct job_request request = {.spec = job->spec, .inputs = job->inputs, .tags = job->tags};
    create(call, daemon, &request);
}

void job_delete_method(struct rpc_call *call, void *ctx) {
    struct job *job = find(call, ctx);
    if (!job) return;
    if (!job_state_is_final(job->state)) {
        if (rpc_call_boolean(call, "force", false)) job_stop(job, "it was deleted");
        job->is_deleted = rpc_call_boolean(call, "force", false);
        if (!job->is_deleted) {
            rpc_call_fail(call, ERROR_STATE, NULL, "job %lld runs: it is deleted with force only",
                          (long long)job->id);
            return;
        }
    }
    if (job_state_is_final(job->state)) job_remove(job);
    rpc_call_reply(call, json_pack("{s:b}", "ok", true));
}

/* ---- Runs --------------------------------------------------------------------------------- */

static struct run *find_run(struct rpc_call *call, struct daemon *daemon) {
    char name[32];
    long long id = rpc_call_integer(call, "id", 0);
    struct run *run = run_find(&daemon->supervisor, id);
    snprintf(name, sizeof name, "%lld", id);
    if (!run) method_not_found(call, "run", name);
    return run;
}

/* All of them can be made, or none is. */
static struct action_spec **specs_of(struct daemon *daemon, struct rpc_call *call,
                                     const json_t *inputs, struct rpc_error *err) {
    size_t count = json_array_size(inputs);
    struct action_spec **specs = calloc(count + 1, sizeof(struct action_spec *));
    for (size_t i = 0; specs && i < count; i++) {
        specs[i] = spec_of(daemon, json_array_get(inputs, i), method_context(call), err);
        if (specs[i]) continue;
        while (i > 0)
            action_spec_unref(specs[--i]);
        free(specs);
        return NULL;
    }
    return specs;
}

void run_submit_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    const json_t *inputs = rpc_call_param(call, "jobs");
    if (!method_may_begin(call, daemon)) return;
    if (state_db_problem(daemon->db)) {
        rpc_call_fail(call, ERROR_READ_ONLY, NULL, "the state cannot be written: %s",
                      state_db_problem(daemon->db));
        return;
    }
    struct action_spec **specs = specs_of(daemon, call, inputs, &err);
    if (!specs) {
        refuse(call, &err);
        return;
    }
    struct run *run = run_create(&daemon->supervisor, method_context(call), NULL);
    json_t *ids = json_array();
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        const json_t *input = json_array_get(inputs, i);
        struct job_request request = {.spec = specs[i],
                                      .run_id = run ? run->id : 0,
                                      .inputs = json_object_get(input, "inputs"),
                                      .tags = json_object_get(input, "tags")};
        struct job *job = job_create(&daemon->supervisor, &request);
        if (job) json_array_append_new(ids, json_integer(job->id));
        action_spec_unref(specs[i]);
    }
    free(specs);
    supervisor_reconcile_later(&daemon->supervisor);
    rpc_call_reply(call,
                   json_pack("{s:I, s:o}", "id", (json_int_t)(run ? run->id : 0), "jobs", ids));
}

void run_list_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    json_t *list = json_array();
    size_t limit = limit_of(call);
    const struct run *run;
    TAILQ_FOREACH_REVERSE(run, &daemon->supervisor.runs, run_list, link)
    if (json_array_size(list) < limit)
        json_array_append_new(list, run_json(&daemon->supervisor, run));
    rpc_call_reply(call, json_pack("{s:o}", "runs", list));
}

void run_get_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    const struct run *run = find_run(call, daemon);
    if (run) rpc_call_reply(call, run_json(&daemon->supervisor, run));
}

void run_jobs_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    const struct run *run = find_run(call, daemon);
    json_t *list = json_array();
    const struct job *job;
    if (run) {
        TAILQ_FOREACH(job, &daemon->supervisor.jobs, link)
        if (job->run_id == run->id) json_array_append_new(list, job_json(job, false));
        rpc_call_reply(call, json_pack("{s:O}", "jobs", list));
    }
    json_decref(list);
}

void run_cancel_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    const struct run *run = find_run(call, daemon);
    struct job *job;
    bool any = false;
    if (!run) return;
    TAILQ_FOREACH(job, &daemon->supervisor.jobs, link)
    if (job->run_id == run->id) any |= job_stop(job, "its run was cancelled");
    rpc_call_reply(call, json_pack("{s:b}", "ok", any));
}

void run_delete_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct run *run = find_run(call, daemon);
    struct job *job, *next;
    if (!run) return;
    TAILQ_FOREACH(job, &daemon->supervisor.jobs, link) {
        if (job->run_id != run->id || job_state_is_final(job->state)) continue;
        rpc_call_fail(call, ERROR_STATE, NULL, "job %lld of the run has not ended",
                      (long long)job->id);
        return;
    }
    for (job = TAILQ_FIRST(&daemon->supervisor.jobs); job; job = next) {
        next = TAILQ_NEXT(job, link);
        if (job->run_id == run->id) job_remove(job);
    }
    run_remove(&daemon->supervisor, run);
    rpc_call_reply(call, json_pack("{s:b}", "ok", true));
}
