/* specs.c - setting, asking for and deleting actions and services; starting and stopping these. */
#include "server/registry.h"

#include <errno.h>
#include <hero_rpc/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAIL(err, code, ...) (rpc_error_set((err), RPC_ERROR_INVALID, (code), __VA_ARGS__), -1)

static int fail_memory(struct rpc_error *err) {
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return -1;
}

static bool contains(const json_t *names, const char *name) {
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *entry = json_string_value(json_array_get(names, i));
        if (entry && strcmp(entry, name) == 0) return true;
    }
    return false;
}

/* ---- Actions ----------------------------------------------------------------------------- */

int supervisor_set_action(struct supervisor *supervisor, const json_t *json, struct rpc_error *err) {
    struct action_spec *spec = action_spec_parse(json, err);
    if (!spec) return -1;
    struct action *action = registry_find_action(supervisor, spec->context, spec->name);
    if (!action) {
        action = calloc(1, sizeof *action);
        if (!action) {
            action_spec_unref(spec);
            return fail_memory(err);
        }
        LIST_INSERT_HEAD(&supervisor->actions, action, link);
    }
    action_spec_unref(action->spec);
    action->spec = spec;
    state_db_put(supervisor->options.db, STATE_ACTION, spec->context, spec->name, spec->json, -1);
    schedule_action(supervisor, action);
    /* One that a service could not start without may be here now. */
    struct service *service;
    LIST_FOREACH(service, &supervisor->services, link)
        if (contains(service->spec->actions, spec->name)) service->refusal[0] = '\0';
    supervisor_evaluate_later(supervisor);
    return 0;
}

json_t *supervisor_get_action(struct supervisor *supervisor, const char *context, const char *name,
                              struct rpc_error *err) {
    const struct action *action = registry_find_action(supervisor, context, name);
    if (action) return json_deep_copy(action->spec->json);
    registry_not_found(err, "action", name);
    return NULL;
}

static json_t *action_summary(const struct action *action) {
    const struct action_spec *spec = action->spec;
    static const char *const interpreters[] = {"exec", "bash", "rhai"};
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:b, s:O}", "name", spec->name, "context",
                             spec->context, "script", spec->script, "interpreter",
                             interpreters[spec->interpreter], "is_process", spec->is_process, "tags",
                             spec->tags ? spec->tags : json_array());
    if (action->next_ms)
        json_object_set_new(json, "next_run_ms", json_integer(action->next_ms));
    return json;
}

json_t *supervisor_list_actions(struct supervisor *supervisor, const char *context) {
    json_t *list = json_array();
    const struct action *action;
    LIST_FOREACH(action, &supervisor->actions, link)
        if (strcmp(action->spec->context, context) == 0)
            json_array_insert_new(list, 0, action_summary(action));
    return list;
}

static const struct service *find_user(const struct supervisor *supervisor,
                                       const struct action_spec *spec) {
    const struct service *service;
    LIST_FOREACH(service, &supervisor->services, link)
        if (strcmp(service->spec->context, spec->context) == 0 &&
            contains(service->spec->actions, spec->name))
            return service;
    return NULL;
}

static void delete_action(struct supervisor *supervisor, struct action *action) {
    state_db_delete(supervisor->options.db, STATE_ACTION, action->spec->context, action->spec->name);
    LIST_REMOVE(action, link);
    action_spec_unref(action->spec);
    free(action);
}

int supervisor_delete_action(struct supervisor *supervisor, const char *context, const char *name,
                             struct rpc_error *err) {
    struct action *action = registry_find_action(supervisor, context, name);
    if (!action) return registry_not_found(err, "action", name);
    const struct service *user = find_user(supervisor, action->spec);
    if (user)
        return FAIL(err, SUPERVISOR_WRONG_STATE, "the service \"%s\" uses this action",
                    user->spec->name);
    delete_action(supervisor, action);
    return 0;
}

json_t *supervisor_clean_actions(struct supervisor *supervisor, const char *context, const char *tag,
                                 bool is_dry_run) {
    json_t *names = json_array();
    struct action *action = LIST_FIRST(&supervisor->actions);
    while (action) {
        struct action *next = LIST_NEXT(action, link);
        bool is_meant = strcmp(action->spec->context, context) == 0 &&
                        contains(action->spec->tags, tag) && !find_user(supervisor, action->spec);
        if (is_meant) json_array_append_new(names, json_string(action->spec->name));
        if (is_meant && !is_dry_run) delete_action(supervisor, action);
        action = next;
    }
    return names;
}

/* ---- Services ---------------------------------------------------------------------------- */

/* Follows requires and after from `name`; true when that leads to `target`, with the way in `path`. */
static bool leads_to(const struct supervisor *supervisor, const char *context,
                     const struct service_spec *from, const struct service_spec *target,
                     unsigned depth, char *path, size_t size) {
    const json_t *lists[] = {from->requires, from->after};
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; i < json_array_size(lists[list]); i++) {
            const char *name = json_string_value(json_array_get(lists[list], i));
            if (!name) continue;
            size_t len = strlen(path);
            snprintf(path + len, size - len, " -> %s", name);
            if (strcmp(name, target->name) == 0) return true;
            const struct service *next = registry_find_service(supervisor, context, name);
            bool is_found = next && depth < 64 &&
                            leads_to(supervisor, context, next->spec, target, depth + 1, path, size);
            if (is_found) return true;
            path[len] = '\0';
        }
    return false;
}

static int check_cycle(const struct supervisor *supervisor, const struct service_spec *spec,
                       struct rpc_error *err) {
    char path[300];
    snprintf(path, sizeof path, "%s", spec->name);
    if (!leads_to(supervisor, spec->context, spec, spec, 0, path, sizeof path)) return 0;
    return FAIL(err, SUPERVISOR_BAD_SPEC, "the dependencies go round in a circle: %s", path);
}

static int check_actions(const struct service_spec *spec, struct rpc_error *err) {
    if (json_array_size(spec->actions) <= SERVICE_JOBS_MAX) return 0;
    rpc_error_set(err, RPC_ERROR_INVALID, SUPERVISOR_BAD_SPEC,
                  "\"actions\" has more than %d entries", SERVICE_JOBS_MAX);
    return -1;
}

int supervisor_set_service(struct supervisor *supervisor, const json_t *json,
                           struct rpc_error *err) {
    struct service_spec *spec = service_spec_parse(json, err);
    if (!spec) return -1;
    struct service *service = registry_find_service(supervisor, spec->context, spec->name);
    struct service *added = service ? NULL : calloc(1, sizeof *added);
    if (!service && !added) fail_memory(err);
    bool is_good = (service || added) && check_cycle(supervisor, spec, err) == 0 &&
                   check_actions(spec, err) == 0;
    if (!is_good) {
        free(added);
        service_spec_unref(spec);
        return -1;
    }
    if (added) {
        service = added;
        service->supervisor = supervisor;
        service->since_ms = rpc_clock_wall_ms();
        service->wanted = spec->wanted;
        LIST_INSERT_HEAD(&supervisor->services, service, link);
    }
    if (spec->says_wanted) service->wanted = spec->wanted;
    health_stop(service->probe); /* its check was of the old spec */
    service->probe = NULL;
    service->is_probe_ready = service->is_probe_failing = false;
    service_spec_unref(service->spec);
    service->spec = spec;
    service->is_deleting = false;
    service->refusal[0] = '\0';
    state_db_put(supervisor->options.db, STATE_SERVICE, spec->context, spec->name, spec->json,
                 (int)service->wanted);
    supervisor_evaluate_later(supervisor);
    return 0;
}

json_t *supervisor_get_service(struct supervisor *supervisor, const char *context, const char *name,
                               struct rpc_error *err) {
    const struct service *service = registry_find_service(supervisor, context, name);
    if (!service) {
        registry_not_found(err, "service", name);
        return NULL;
    }
    json_t *json = json_deep_copy(service->spec->json);
    if (json) json_object_set_new(json, "status", json_string(wanted_name(service->wanted)));
    return json;
}

static json_t *job_of_service(const struct job *job) {
    json_t *json = json_pack("{s:s, s:s, s:I, s:I, s:I}", "name", job->spec->name, "state",
                             job_state_name(job->state), "pid",
                             (json_int_t)(job->process ? process_pid(job->process) : 0), "job_id",
                             (json_int_t)job->id, "attempt", (json_int_t)job->attempt);
    if (job->has_exit_code) json_object_set_new(json, "exit_code", json_integer(job->exit_code));
    if (*job->error) json_object_set_new(json, "error", json_string(job->error));
    return json;
}

static json_t *status_of(struct service *service) {
    char why[900];
    json_t *actions = json_array(), *pids = json_array(), *last_lines = NULL;
    int64_t restarts = service->probe_restarts, pid = 0;
    service->state = service_work_out_state(service);
    service_explain(service, why, sizeof why);
    for (size_t i = 0; i < service->job_count; i++) {
        const struct job *job = service->jobs[i];
        json_array_append_new(actions, job_of_service(job));
        restarts += job->restarts;
        if (job->process) json_array_append_new(pids, json_integer(process_pid(job->process)));
        if (job->process && !pid) pid = process_pid(job->process);
        bool is_of_interest = job->state == JOB_FAILED || job->state == JOB_BACKOFF;
        if (is_of_interest && !last_lines) last_lines = job_tail(job);
    }
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:o, s:s, s:I, s:I, s:I, s:o}", "name", service->spec->name,
        "context", service->spec->context, "state", service_state_name(service->state), "wanted",
        wanted_name(service->wanted), "pid", (json_int_t)pid, "pids", pids, "why", why, "since_ms",
        (json_int_t)service->since_ms, "restarts", (json_int_t)restarts, "run_id",
        (json_int_t)service->run, "actions", actions);
    if (last_lines) json_object_set_new(json, "last_lines", last_lines);
    return json;
}

json_t *supervisor_service_status(struct supervisor *supervisor, const char *context,
                                  const char *name, struct rpc_error *err) {
    struct service *service = registry_find_service(supervisor, context, name);
    if (service) return status_of(service);
    registry_not_found(err, "service", name);
    return NULL;
}

json_t *supervisor_list_services(struct supervisor *supervisor, const char *context) {
    json_t *list = json_array();
    struct service *service;
    LIST_FOREACH(service, &supervisor->services, link)
        if (strcmp(service->spec->context, context) == 0)
            json_array_insert_new(list, 0, status_of(service));
    return list;
}

static void want(struct service *service, enum wanted wanted) {
    if (service->wanted == wanted) return;
    service->wanted = wanted;
    state_db_set_wanted(service->supervisor->options.db, service->spec->context, service->spec->name,
                        (int)wanted);
}

/* It, and what it requires or wants; what conflicts with it is not wanted any more. */
static void want_start(struct service *service, unsigned depth) {
    struct supervisor *supervisor = service->supervisor;
    const json_t *lists[] = {service->spec->requires, service->spec->wants,
                             service->spec->conflicts};
    want(service, WANTED_START);
    for (size_t list = 0; list < 3; list++)
        for (size_t i = 0; i < json_array_size(lists[list]); i++) {
            const char *name = json_string_value(json_array_get(lists[list], i));
            struct service *other =
                name ? registry_find_service(supervisor, service->spec->context, name) : NULL;
            if (!other || other == service) continue;
            if (list == 2)
                want(other, WANTED_STOP);
            else if (other->wanted != WANTED_START && depth < 64)
                want_start(other, depth + 1);
        }
    /* A run that has ended by itself is over; one that runs goes on. */
    if (!service_has_live_jobs(service)) service->is_started = false;
    service->refusal[0] = '\0';
    service->probe_restarts = 0;
}

int supervisor_start_service(struct supervisor *supervisor, const char *context, const char *name,
                             int64_t *ret_run, struct rpc_error *err) {
    struct service *service = registry_find_service(supervisor, context, name);
    if (!service) return registry_not_found(err, "service", name);
    if (supervisor->is_stopping)
        return FAIL(err, SUPERVISOR_STOPPING, "%s is stopping", SUPERVISOR_OWN_NAME);
    want_start(service, 0);
    for (int round = 0; round < 2; round++)
        service_evaluate(service);
    supervisor_evaluate_later(supervisor);
    if (ret_run) *ret_run = service->is_started ? service->run : 0;
    return 0;
}

int supervisor_stop_service(struct supervisor *supervisor, const char *context, const char *name,
                            struct rpc_error *err) {
    struct service *service = registry_find_service(supervisor, context, name);
    if (!service) return registry_not_found(err, "service", name);
    want(service, WANTED_STOP);
    service->is_restarting = false;
    service->refusal[0] = '\0';
    supervisor_evaluate_later(supervisor);
    return 0;
}

int supervisor_restart_service(struct supervisor *supervisor, const char *context, const char *name,
                               struct rpc_error *err) {
    struct service *service = registry_find_service(supervisor, context, name);
    if (!service) return registry_not_found(err, "service", name);
    if (service_has_live_jobs(service)) service->is_restarting = true;
    return supervisor_start_service(supervisor, context, name, NULL, err);
}

int supervisor_delete_service(struct supervisor *supervisor, const char *context, const char *name,
                              struct rpc_error *err) {
    struct service *service = registry_find_service(supervisor, context, name);
    if (!service) return registry_not_found(err, "service", name);
    service->wanted = WANTED_STOP;
    service->is_restarting = false;
    service->is_deleting = true;
    state_db_delete(supervisor->options.db, STATE_SERVICE, context, name);
    supervisor_evaluate_later(supervisor);
    return 0;
}

size_t supervisor_start_services(struct supervisor *supervisor, bool start) {
    size_t count = 0;
    struct service *service;
    LIST_FOREACH(service, &supervisor->services, link) {
        if (service->spec->is_system || service->wanted == WANTED_IGNORE) continue;
        if (start)
            want_start(service, 0);
        else
            want(service, WANTED_STOP);
        count++;
    }
    supervisor_evaluate_later(supervisor);
    return count;
}
