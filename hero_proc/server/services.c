#include "server/supervisor.h"

#include <hero_rpc/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const state_names[] = {
    [SERVICE_INACTIVE] = "inactive", [SERVICE_BLOCKED] = "blocked",
    [SERVICE_STARTING] = "starting", [SERVICE_RUNNING] = "running",
    [SERVICE_DEGRADED] = "degraded", [SERVICE_STOPPING] = "stopping",
    [SERVICE_EXITED] = "exited",     [SERVICE_SUCCESS] = "success",
    [SERVICE_FAILED] = "failed",     [SERVICE_UNKNOWN] = "unknown",
};

const char *service_state_name(enum service_state state) {
    return state_names[state];
}

/* ---- The table --------------------------------------------------------------------------- */

struct service *service_find(struct supervisor *supervisor, const char *context, const char *name) {
    struct service *service;
    TAILQ_FOREACH(service, &supervisor->services, link)
    if (strcmp(service->spec->name, name) == 0 && strcmp(service->spec->context, context) == 0)
        return service;
    return NULL;
}

struct service *service_put(struct supervisor *supervisor, struct service_spec *spec) {
    struct service *service = service_find(supervisor, spec->context, spec->name);
    if (service) {
        service_spec_unref(service->spec);
        service->spec = spec;
        return service;
    }
    service = calloc(1, sizeof *service);
    if (!service) {
        service_spec_unref(spec);
        return NULL;
    }
    service->supervisor = supervisor;
    service->spec = spec;
    service->since_ms = rpc_clock_wall_ms();
    TAILQ_INSERT_TAIL(&supervisor->services, service, link);
    return service;
}

void service_free(struct service *service) {
    TAILQ_REMOVE(&service->supervisor->services, service, link);
    service_spec_unref(service->spec);
    free(service->jobs);
    free(service);
}

void service_store(const struct service *service, state_db_done *done, void *ctx) {
    struct supervisor *supervisor = service->supervisor;
    char key[STATE_KEY_MAX_BYTES];
    snprintf(key, sizeof key, "%s/%s", service->spec->context, service->spec->name);
    json_t *json = json_pack("{s:O, s:b, s:b, s:I, s:s}", "spec", service->spec->json, "asked",
                             service->asked, "begun", service->begun, "run_id",
                             (json_int_t)service->run_id, "boot", supervisor->boot_id);
    state_db_put(supervisor->options.db, STATE_SERVICE, key, json, done, ctx);
    json_decref(json);
}

/* ---- Its state ---------------------------------------------------------------------------- */

/* What each state of a job makes of its service. The service has the first of these, from above,
 * that one of its jobs has: the worst one wins. */
static const enum service_state of_job[JOB_STATE_COUNT] = {
    [JOB_PENDING] = SERVICE_STARTING,  [JOB_WAITING] = SERVICE_STARTING,
    [JOB_CLEARING] = SERVICE_STARTING, [JOB_STARTING] = SERVICE_STARTING,
    [JOB_RUNNING] = SERVICE_RUNNING,   [JOB_DEGRADED] = SERVICE_DEGRADED,
    [JOB_FAILING] = SERVICE_DEGRADED,  [JOB_RETRYING] = SERVICE_STARTING,
    [JOB_STOPPING] = SERVICE_STOPPING, [JOB_UNKNOWN] = SERVICE_UNKNOWN,
    [JOB_SUCCEEDED] = SERVICE_SUCCESS, [JOB_FAILED] = SERVICE_FAILED,
    [JOB_CANCELLED] = SERVICE_EXITED,
};
static const enum service_state worst_first[] = {
    SERVICE_UNKNOWN,  SERVICE_STOPPING, SERVICE_FAILED, SERVICE_STARTING,
    SERVICE_DEGRADED, SERVICE_RUNNING,  SERVICE_EXITED, SERVICE_SUCCESS,
};

/* The job that decides it; NULL without jobs. */
static const struct job *deciding_job(const struct service *service) {
    for (size_t rank = 0; rank < sizeof worst_first / sizeof worst_first[0]; rank++)
        for (size_t i = 0; i < service->job_count; i++)
            if (of_job[service->jobs[i]->state] == worst_first[rank]) return service->jobs[i];
    return NULL;
}

bool service_is_active(const struct service *service) {
    for (size_t i = 0; i < service->job_count; i++)
        if (!job_state_is_final(service->jobs[i]->state)) return true;
    return false;
}

enum service_state service_state(const struct service *service) {
    bool is_active = service_is_active(service);
    if (service->asked && service->begun && *service->why_not) return SERVICE_FAILED;
    if (service->asked && !service->begun && !is_active) return SERVICE_BLOCKED;
    const struct job *job = deciding_job(service);
    if (job) return of_job[job->state];
    /* Without actions it stands for those it requires. */
    return service->asked && service->begun ? SERVICE_RUNNING : SERVICE_INACTIVE;
}

bool service_is_ready(const struct service *service) {
    enum service_state state = service_state(service);
    return state == SERVICE_RUNNING || state == SERVICE_SUCCESS || state == SERVICE_DEGRADED;
}

const char *service_wanted(const struct service *service) {
    if (!service->asked && service->spec->wanted == WANTED_IGNORE) return "ignore";
    return service->asked ? "start" : "stop";
}

void service_why(const struct service *service, char *out, size_t size) {
    const struct job *job = deciding_job(service);
    enum service_state state = service_state(service);
    if (*service->why_not && (state == SERVICE_BLOCKED || state == SERVICE_FAILED))
        snprintf(out, size, "%s", service->why_not);
    else if (state == SERVICE_BLOCKED)
        snprintf(out, size, "it is about to begin");
    else if (state == SERVICE_INACTIVE)
        snprintf(out, size, "nobody has started it");
    else if (!job)
        snprintf(out, size, "it has no actions, and what it requires is ready");
    else if (service->job_count > 1)
        snprintf(out, size, "%s: %s", job->spec->name, job->why);
    else
        snprintf(out, size, "%s", job->why);
}

/* ---- For callers -------------------------------------------------------------------------- */

static json_t *action_json(const struct job *job) {
    static const char *const healths[JOB_STATE_COUNT] = {
        [JOB_STARTING] = "starting", [JOB_RUNNING] = "ok",       [JOB_DEGRADED] = "failing",
        [JOB_FAILING] = "failing",   [JOB_STOPPING] = "unknown", [JOB_UNKNOWN] = "unknown"};
    const char *health = job->check_count > 0 ? healths[job->state] : NULL;
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:s?, s:I, s:I, s:s}", "name", job->spec->name,
                     "state", service_state_name(of_job[job->state]), "pid", (json_int_t)job->pid,
                     "job_id", (json_int_t)job->id, "exit_code",
                     job->has_exit_code ? json_integer(job->exit_code) : json_null(), "health",
                     health, "attempt", (json_int_t)job->attempt, "restarts",
                     (json_int_t)job->restarts, "why", job->why);
}

/* Actions that have no job yet are shown by their names. */
static json_t *actions_json(const struct service *service) {
    json_t *list = json_array(), *entry;
    size_t index;
    for (size_t i = 0; i < service->job_count; i++)
        json_array_append_new(list, action_json(service->jobs[i]));
    if (service->job_count > 0) return list;
    json_array_foreach((json_t *)(uintptr_t)service->spec->actions, index, entry)
        json_array_append_new(list, json_pack("{s:O, s:s, s:i}", "name", entry, "state",
                                              service_state_name(SERVICE_INACTIVE), "pid", 0));
    return list;
}

json_t *service_status_json(const struct service *service, bool with_actions) {
    char why[512];
    pid_t pid = 0;
    int64_t restarts = 0;
    json_t *pids = json_array();
    const struct job *job = deciding_job(service);
    enum service_state state = service_state(service);
    service_why(service, why, sizeof why);
    for (size_t i = 0; i < service->job_count; i++) {
        restarts += service->jobs[i]->restarts;
        if (service->jobs[i]->pid == 0) continue;
        if (pid == 0) pid = service->jobs[i]->pid;
        json_array_append_new(pids, json_integer(service->jobs[i]->pid));
    }
    bool is_of_job = job && state == of_job[job->state];
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:o, s:s, s:I, s:I, s:s}", "name", service->spec->name,
        "context", service->spec->context, "state", service_state_name(state), "wanted",
        service_wanted(service), "pid", (json_int_t)pid, "pids", pids, "why", why, "since_ms",
        (json_int_t)(is_of_job ? job->since_ms : service->since_ms), "restarts",
        (json_int_t)restarts, "class", service->spec->is_system ? "system" : "user");
    if (!json || !with_actions) return json;
    json_object_set_new(json, "actions", actions_json(service));
    json_object_set_new(json, "run_id",
                        service->run_id ? json_integer(service->run_id) : json_null());
    bool shows_lines = job && (state == SERVICE_FAILED || job->state == JOB_RETRYING);
    if (shows_lines) json_object_set_new(json, "last_lines", job_tail_json(job));
    return json;
}

json_t *service_own_status_json(const struct supervisor *supervisor) {
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:[i], s:s, s:I, s:i, s:s, s:[], s:n}", "name",
                     SUPERVISOR_OWN_NAME, "context", SPEC_DEFAULT_CONTEXT, "state", "running",
                     "wanted", "start", "pid", (int)getpid(), "pids", (int)getpid(), "why",
                     "it is this daemon", "since_ms", (json_int_t)supervisor->started_ms,
                     "restarts", 0, "class", "system", "actions", "run_id");
}
