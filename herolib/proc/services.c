/* services.c - what hero_proc keeps running. */
#include "core/module.h"
#include "proc/link.h"
#include "proc/remove.h"

#include <hero_proc_sdk/lenient.h>

#include <string.h>

#define WAIT_MS 30000 /* unless a script says another time */
#define LOG_LINES 100
#define LOG_LINES_MAX 10000

/* ---- Looking ----------------------------------------------------------------------------- */

static rhai_status service_list(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    struct proc_client *client = link_client(call);
    struct proc_service_list list;
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    if (proc_service_list(client, &list, &err) < 0) return link_throw(call, &err);
    json_t *maps = json_array();
    for (size_t i = 0; i < list.count; i++)
        json_array_append_new(maps, link_service(&list.services[i], NULL));
    proc_service_list_done(&list);
    return link_take(call, maps, ret);
}

static rhai_status service_status(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = link_name(call, &args[0]);
    struct proc_client *client = name ? link_client(call) : NULL;
    return client ? link_give_service(call, client, name, ret) : RHAI_ERROR;
}

static rhai_status service_why(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = link_name(call, &args[0]);
    struct proc_client *client = name ? link_client(call) : NULL;
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    json_t *params = json_pack("{s:s}", "name", name);
    json_t *answer = proc_call(client, PROC_SERVICE_WHY, params, &err);
    json_decref(params);
    if (!answer) return link_throw(call, &err);
    const char *why =
        json_is_string(answer) ? json_string_value(answer) : lenient_text(answer, "why|reason");
    rhai_status status = link_take(call, json_string(why ? why : ""), ret);
    json_decref(answer);
    return status;
}

/* A service that is not there is told by its status; no lines are no error. */
static rhai_status service_logs(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t lines = rhai_call_nargs(call) > 1 ? rhai_as_int(&args[1]) : LOG_LINES;
    const char *name = link_name(call, &args[0]);
    struct proc_client *client = name ? link_client(call) : NULL;
    struct proc_service_status status;
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    if (lines < 1 || lines > LOG_LINES_MAX)
        return rhai_throw(call, "proc: service_logs: from 1 to %d lines", LOG_LINES_MAX);
    if (proc_service_status(client, name, &status, &err) < 0) return link_throw(call, &err);
    proc_service_status_done(&status);
    proc_service_log_tail(client, name, (unsigned)lines, &text);
    if (link_goes_on() == RHAI_OK) return link_lines(call, &text, ret);
    rpc_strbuf_done(&text);
    return RHAI_ERROR;
}

/* ---- Starting and stopping --------------------------------------------------------------- */

/* What a function that waits is given: a name, and seconds if it likes. NULL: thrown. */
static struct proc_client *begin(rhai_call *call, rhai_value *args, const char **ret_name,
                                 int64_t *ret_wait_ms) {
    *ret_wait_ms = WAIT_MS;
    *ret_name = link_name(call, &args[0]);
    if (!*ret_name ||
        (rhai_call_nargs(call) > 1 && link_seconds(call, &args[1], ret_wait_ms) != RHAI_OK))
        return NULL;
    return link_client(call);
}

/* After it was told to start: waits as long as it shall. */
static rhai_status await_start(rhai_call *call, struct proc_client *client, const char *name,
                               int64_t wait_ms, rhai_value *ret) {
    struct rpc_strbuf log = RPC_STRBUF_INIT;
    struct rpc_error err = {0};
    if (wait_ms > 0 && proc_service_wait(client, name, wait_ms, &log, &err) < 0)
        return link_throw_log(call, &err, &log);
    return link_give_service(call, client, name, ret);
}

static rhai_status service_start(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name;
    int64_t wait_ms;
    struct proc_client *client = begin(call, args, &name, &wait_ms);
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    if (proc_service_start(client, name, &err) < 0) return link_throw(call, &err);
    return await_start(call, client, name, wait_ms, ret);
}

static rhai_status service_restart(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name;
    int64_t wait_ms;
    struct proc_client *client = begin(call, args, &name, &wait_ms);
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    json_t *params = json_pack("{s:s}", "name", name);
    json_t *answer = proc_call(client, PROC_SERVICE_RESTART, params, &err);
    json_decref(params);
    if (!answer) return link_throw(call, &err);
    json_decref(answer);
    return await_start(call, client, name, wait_ms, ret);
}

static rhai_status service_stop(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name;
    int64_t wait_ms;
    bool was_there = true;
    struct proc_client *client = begin(call, args, &name, &wait_ms);
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    int failed = wait_ms > 0 ? proc_stop_service(client, name, wait_ms, &was_there, &err)
                             : proc_service_stop(client, name, &err);
    if (failed && proc_is_not_found(&err)) {
        rpc_error_clear(&err);
        failed = was_there = false;
    }
    if (failed) return link_throw(call, &err);
    *ret = rhai_from_bool(was_there);
    return RHAI_OK;
}

static rhai_status service_delete(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = link_name(call, &args[0]);
    struct proc_client *client = name ? link_client(call) : NULL;
    struct rpc_error err = {0};
    bool was_there;
    if (!client) return RHAI_ERROR;
    if (remove_service(client, name, &was_there, &err) < 0) return link_throw(call, &err);
    *ret = rhai_from_bool(was_there);
    return link_goes_on();
}

#define START_DOC                                                                                  \
    "Waits until it is running and its health checks pass, or has done what it had to do: at "     \
    "most so "                                                                                     \
    "many seconds, 30 when they are not given, not at all with 0. Gives its status. That it "      \
    "fails is "                                                                                    \
    "an error with the reason and the last lines of its log."

static const rhai_native functions[] = {
    {"service_list", "", service_list, RHAI_FN_VOLATILE, "service_list() -> array",
     "The services of hero_proc: maps with name, state (inactive, blocked, starting, running, "
     "degraded, stopping, exited, success, failed, unknown), pid (0: none), why (the reason, a "
     "sentence), restarts and since_ms."},
    {"service_status", "s", service_status, RHAI_FN_VOLATILE, "service_status(name: string) -> map",
     "One service: what service_list tells of it, and what else its hero_proc does, as wanted, "
     "actions "
     "and last_lines."},
    {"service_why", "s", service_why, RHAI_FN_VOLATILE, "service_why(name: string) -> string",
     "Why a service is in its state, in a sentence."},
    {"service_logs", "s", service_logs, RHAI_FN_VOLATILE, "service_logs(name: string) -> array",
     "The newest 100 lines of a service's log, oldest first."},
    {"service_logs", "si", service_logs, RHAI_FN_VOLATILE,
     "service_logs(name: string, lines: int) -> array", "So many lines, 10000 at most."},
    {"service_start", "s", service_start, RHAI_FN_VOLATILE, "service_start(name: string) -> map",
     "Starts a service and what it requires. " START_DOC},
    {"service_start", "s?", service_start, RHAI_FN_VOLATILE,
     "service_start(name: string, seconds: number) -> map",
     "Starts a service and what it requires. " START_DOC},
    {"service_restart", "s", service_restart, RHAI_FN_VOLATILE,
     "service_restart(name: string) -> map", "Stops a service and starts it. " START_DOC},
    {"service_restart", "s?", service_restart, RHAI_FN_VOLATILE,
     "service_restart(name: string, seconds: number) -> map",
     "Stops a service and starts it. " START_DOC},
    {"service_stop", "s", service_stop, RHAI_FN_VOLATILE, "service_stop(name: string) -> bool",
     "Stops a service, after those that require it, and waits up to 30 seconds until nothing of it "
     "runs. It stays registered. False when there is no such service."},
    {"service_stop", "s?", service_stop, RHAI_FN_VOLATILE,
     "service_stop(name: string, seconds: number) -> bool",
     "The same, waiting at most so many seconds; not at all with 0."},
    {"service_delete", "s", service_delete, RHAI_FN_VOLATILE,
     "service_delete(name: string) -> bool",
     "Stops a service and forgets it, together with its action when that has the same name, as "
     "new_service makes it. False when there is no such service."},
};

const herolib_module herolib_proc_services_module = {
    .name = "proc",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
