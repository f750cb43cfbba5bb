/*
 * The JSON-RPC methods, documented in openrpc.json. Params have been checked against that document
 * when a method is called; what is checked here is what a schema cannot say.
 */
#ifndef HERO_PROC_SERVER_METHODS_H
#define HERO_PROC_SERVER_METHODS_H

#include "server/daemon.h"

#define ERROR_NOT_FOUND (-32000)
#define ERROR_STATE (-32003) /* not possible as things are */
#define ERROR_SHUTTING_DOWN (-32006)
#define ERROR_READ_ONLY (-32010) /* the state cannot be written */

#define LIST_DEFAULT_LIMIT 100
#define LIST_MAX_LIMIT 10000

/* "core" when the call names none. */
const char *method_context(const struct rpc_call *call);
void method_not_found(struct rpc_call *call, const char *kind, const char *name);
void method_refuse(struct rpc_call *call, struct rpc_error *err); /* -32602; clears err */
/* False when the call was refused because the daemon is ending. */
bool method_may_begin(struct rpc_call *call, const struct daemon *daemon);
/* The spec of a call: its param `nest`, or all of its params; with the call's context. A new
 * reference. */
json_t *method_spec(struct rpc_call *call, const char *nest);

/* Answers with `result` (the reference is taken) when something is stored, and refuses otherwise.
 * The hook, which may be NULL, runs before a success is answered. */
struct method_store {
    struct rpc_call *call;
    json_t *result;
    void (*stored)(void *ctx); /* and gets ctx back in any case */
    void (*not_stored)(void *ctx);
    void *ctx;
};
struct method_store *method_store_new(struct rpc_call *call, json_t *result);
void method_store_done(void *ctx, const char *why); /* a state_db_done */

#define METHOD(name) void name(struct rpc_call *call, void *ctx)
/* methods_service.c */
METHOD(service_set_method);
METHOD(service_get_method);
METHOD(service_list_method);
METHOD(service_status_method);
METHOD(service_start_method);
METHOD(service_stop_method);
METHOD(service_restart_method);
METHOD(service_delete_method);
METHOD(service_why_method);
METHOD(service_start_all_method);
METHOD(service_stop_all_method);
METHOD(service_is_running_method);
/* methods_action.c */
METHOD(action_set_method);
METHOD(action_get_method);
METHOD(action_list_method);
METHOD(action_delete_method);
METHOD(action_clean_by_tag_method);
/* methods_job.c */
METHOD(job_create_method);
METHOD(job_list_method);
METHOD(job_get_method);
METHOD(job_logs_method);
METHOD(job_cancel_method);
METHOD(job_retry_method);
METHOD(job_delete_method);
METHOD(run_submit_method);
METHOD(run_list_method);
METHOD(run_get_method);
METHOD(run_jobs_method);
METHOD(run_cancel_method);
METHOD(run_delete_method);
/* methods_log.c */
METHOD(logs_insert_method);
METHOD(logs_list_method);
METHOD(logs_sources_method);
/* methods_secret.c */
METHOD(secret_set_method);
METHOD(secret_get_method);
METHOD(secret_list_method);
METHOD(secret_delete_method);
#undef METHOD

#endif
