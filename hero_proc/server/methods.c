#include "server/methods.h"

#include <hero_rpc/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Helpers ----------------------------------------------------------------------------- */

const char *method_context(const struct rpc_call *call) {
    return spec_context(rpc_call_params(call));
}

void method_not_found(struct rpc_call *call, const char *kind, const char *name) {
    rpc_call_fail(call, ERROR_NOT_FOUND, json_pack("{s:s}", kind, name), "%s \"%s\" not found",
                  kind, name);
}

void method_refuse(struct rpc_call *call, struct rpc_error *err) {
    rpc_call_fail(call, err->kind == RPC_ERROR_SYSTEM ? RPC_INTERNAL_ERROR : RPC_INVALID_PARAMS,
                  NULL, "%s", err->message);
    rpc_error_clear(err);
}

bool method_may_begin(struct rpc_call *call, const struct daemon *daemon) {
    if (!daemon->is_ending) return true;
    rpc_call_fail(call, ERROR_SHUTTING_DOWN, NULL, "hero_proc is shutting down");
    return false;
}

json_t *method_spec(struct rpc_call *call, const char *nest) {
    json_t *nested = rpc_call_param(call, nest);
    json_t *spec = json_deep_copy(json_is_object(nested) ? nested : rpc_call_params(call));
    if (!spec) return NULL;
    json_object_del(spec, nest);
    if (!json_object_get(spec, "context") && !json_object_get(spec, "context_name"))
        json_object_set_new(spec, "context", json_string(method_context(call)));
    return spec;
}

struct method_store *method_store_new(struct rpc_call *call, json_t *result) {
    struct method_store *store = calloc(1, sizeof *store);
    if (store && result) {
        *store = (struct method_store){.call = call, .result = result};
        return store;
    }
    free(store);
    json_decref(result);
    rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
    return NULL;
}

void method_store_done(void *ctx, const char *why) {
    struct method_store *store = ctx;
    if (!why && store->stored) store->stored(store->ctx);
    if (why && store->not_stored) store->not_stored(store->ctx);
    if (why)
        rpc_call_fail(store->call, ERROR_READ_ONLY, NULL, "the state cannot be written: %s", why);
    else
        rpc_call_reply(store->call, json_incref(store->result));
    json_decref(store->result);
    free(store);
}

/* ---- The daemon itself -------------------------------------------------------------------- */

json_t *daemon_health(void *ctx) {
    const struct daemon *daemon = ctx;
    const char *problem = state_db_problem(daemon->db);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:s?}", "status", problem ? "degraded" : "ok",
                     "service", SUPERVISOR_OWN_NAME, "version", HERO_VERSION, "product",
                     "hero_runner_rhai", "uptime_ms",
                     (json_int_t)(rpc_clock_monotonic_ms() - daemon->started_ms), "writable",
                     problem == NULL, "problem", problem);
}

static void system_ping(struct rpc_call *call, void *ctx) {
    (void)ctx;
    rpc_call_reply(call, json_pack("{s:b, s:s}", "ok", true, "version", HERO_VERSION));
}

static void system_shutdown(struct rpc_call *call, void *ctx) {
    bool force = rpc_call_boolean(call, "force", false);
    rpc_call_reply(call, json_pack("{s:b}", "ok", true));
    daemon_end(ctx, force);
}

static json_int_t own_memory_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = 0;
    if (file && fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    if (file) fclose(file);
    return (json_int_t)pages * sysconf(_SC_PAGESIZE);
}

static void system_stats(struct rpc_call *call, void *ctx) {
    const struct daemon *daemon = ctx;
    const struct supervisor *supervisor = &daemon->supervisor;
    json_int_t services = 0, running = 0, actions = 0, jobs = 0, live = 0;
    const struct service *service;
    const struct action *action;
    const struct job *job;
    TAILQ_FOREACH(service, &supervisor->services, link) {
        services++;
        running += service_state(service) == SERVICE_RUNNING;
    }
    TAILQ_FOREACH(action, &supervisor->actions, link)
    actions++;
    TAILQ_FOREACH(job, &supervisor->jobs, link) {
        jobs++;
        live += job_state_is_live(job->state);
    }
    rpc_call_reply(call,
                   json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I}", "uptime_ms",
                             (json_int_t)(rpc_clock_monotonic_ms() - daemon->started_ms),
                             "memory_bytes", own_memory_bytes(), "services", services, "running",
                             running, "actions", actions, "jobs", jobs, "processes", live, "logs",
                             logs_stats_json(daemon->logs), "connections",
                             (json_int_t)rpc_server_connections(daemon->server), "streams",
                             (json_int_t)rpc_server_streams(daemon->server)));
}

/* rpc.discover, health and its aliases come with every service (hero_rpc/service.h). */
const struct rpc_service_method daemon_methods[] = {
    {"service.set", service_set_method},
    {"service.put", service_set_method},
    {"service.create", service_set_method},
    {"service.add", service_set_method},
    {"service.get", service_get_method},
    {"service.list", service_list_method},
    {"service.status", service_status_method},
    {"service.start", service_start_method},
    {"service.stop", service_stop_method},
    {"service.restart", service_restart_method},
    {"service.delete", service_delete_method},
    {"service.why", service_why_method},
    {"service.start_all", service_start_all_method},
    {"service.stop_all", service_stop_all_method},
    {"service.is_running", service_is_running_method},
    {"action.set", action_set_method},
    {"action.put", action_set_method},
    {"action.get", action_get_method},
    {"action.list", action_list_method},
    {"action.delete", action_delete_method},
    {"action.clean_by_tag", action_clean_by_tag_method},
    {"job.create", job_create_method},
    {"job.list", job_list_method},
    {"job.get", job_get_method},
    {"job.status", job_get_method},
    {"job.logs", job_logs_method},
    {"job.cancel", job_cancel_method},
    {"job.stop", job_cancel_method},
    {"job.retry", job_retry_method},
    {"job.delete", job_delete_method},
    {"run.submit", run_submit_method},
    {"run.list", run_list_method},
    {"run.get", run_get_method},
    {"run.jobs", run_jobs_method},
    {"run.cancel", run_cancel_method},
    {"run.delete", run_delete_method},
    {"logs.insert", logs_insert_method},
    {"log.insert", logs_insert_method},
    {"logs.list", logs_list_method},
    {"log.list", logs_list_method},
    {"logs.filter", logs_list_method},
    {"logs.sources", logs_sources_method},
    {"log.sources", logs_sources_method},
    {"secret.set", secret_set_method},
    {"secrets.set", secret_set_method},
    {"secret.get", secret_get_method},
    {"secrets.get", secret_get_method},
    {"secret.list", secret_list_method},
    {"secrets.list", secret_list_method},
    {"secret.delete", secret_delete_method},
    {"secrets.delete", secret_delete_method},
    {"system.ping", system_ping},
    {"system.shutdown", system_shutdown},
    {"system.stats", system_stats},
    {NULL, NULL},
};
