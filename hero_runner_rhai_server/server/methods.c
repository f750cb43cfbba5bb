/*
 * The JSON-RPC methods, documented in openrpc.json. Params have been checked against that document
 * when a method is called; what is checked in the methods is what a schema cannot say.
 */
#include "server/methods.h"

#include <stdlib.h>
#include <string.h>

void refuse(struct rpc_call *call, const char *param, const char *what) {
    rpc_call_fail(call, RPC_INVALID_PARAMS, json_pack("{s:s}", "param", param),
                  "parameter \"%s\" %s", param, what);
}

json_t *given_param(const struct rpc_call *call, const char *name) {
    json_t *value = rpc_call_param(call, name);
    return json_is_null(value) ? NULL : value;
}

void refuse_unknown(struct rpc_call *call, const char *id) {
    rpc_call_fail(call, ERROR_UNKNOWN_SESSION, json_pack("{s:s}", "session_id", id),
                  "unknown session \"%s\"", id);
}

void fail_store(struct rpc_call *call, int error) {
    rpc_call_fail(call, ERROR_UNAVAILABLE, NULL, "the history cannot be used now: %s",
                  strerror(-error));
}

/* A call whose session is looked for in the store. */
struct finding {
    struct rpc_call *call;
    struct runner *runner;
    session_method *method;
    struct archive_search *search;
};

static void on_found(void *ctx, struct session *session, const char *error) {
    struct finding *finding = ctx;
    struct rpc_call *call = finding->call;
    rpc_call_on_gone(call, NULL, NULL);
    if (session)
        finding->method(call, finding->runner, session);
    else if (error)
        rpc_call_fail(call, ERROR_UNAVAILABLE, NULL, "the history cannot be read: %s", error);
    else
        refuse_unknown(call, rpc_call_text(call, "session_id", ""));
    free(finding);
}

static void on_gone(void *ctx) {
    struct finding *finding = ctx;
    archive_give_up(finding->search);
    free(finding);
}

void with_session(struct rpc_call *call, struct runner *runner, bool with_lines,
                  session_method *method) {
    const char *id = rpc_call_text(call, "session_id", "");
    struct session *session = sessions_find(&runner->sessions, id);
    if (session) {
        method(call, runner, session);
        return;
    }
    struct finding *finding = malloc(sizeof *finding);
    if (!finding) {
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
        return;
    }
    *finding = (struct finding){.call = call, .runner = runner, .method = method};
    rpc_call_on_gone(call, on_gone, finding);
    struct archive_search *search =
        archive_find(runner->archive, id, with_lines, on_found, finding);
    if (search) finding->search = search; /* else it is over already */
}

void reply_buffer(struct rpc_call *call, struct rpc_strbuf *buf) {
    if (buf->failed)
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
    else
        rpc_call_reply_text(call, rpc_strbuf_text(buf), buf->len);
    rpc_strbuf_done(buf);
}

long long clamp(long long value, long long most) {
    return value < most ? value : most;
}

/* rpc.discover, health and its aliases come with every service (hero_rpc/service.h). */
const struct rpc_service_method runner_methods[] = {
    {"session_start", session_start},
    {"session_run", session_run},
    {"session_rerun", session_rerun},
    {"session_stop", session_stop},
    {"session_stop_all", session_stop_all},
    {"session_list", session_list},
    {"session_get", session_get},
    {"session_request", session_request},
    {"session_logs", session_logs},
    {"session_result", session_result},
    {"session_delete", session_delete},
    {"script_save", script_save},
    {"script_list", script_list},
    {"script_get", script_get},
    {"script_delete", script_delete},
    {"script_check", script_check},
    {"functions", functions},
    {"stats", stats},
    {"config_get", config_get},
    {"reload", reload},
    {"drain", drain},
    {NULL, NULL},
};
