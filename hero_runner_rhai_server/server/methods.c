/*
 * The JSON-RPC methods, documented in openrpc.json. Params have been checked against that document
 * when a method is called; what is checked in the methods is what a schema cannot say.
 */
#include "server/methods.h"

void refuse(struct rpc_call *call, const char *param, const char *what) {
    rpc_call_fail(call, RPC_INVALID_PARAMS, json_pack("{s:s}", "param", param),
                  "parameter \"%s\" %s", param, what);
}

json_t *given_param(const struct rpc_call *call, const char *name) {
    json_t *value = rpc_call_param(call, name);
    return json_is_null(value) ? NULL : value;
}

struct session *find_session(struct rpc_call *call, struct runner *runner) {
    const char *id = rpc_call_text(call, "session_id", "");
    struct session *session = sessions_find(&runner->sessions, id);
    if (!session)
        rpc_call_fail(call, ERROR_UNKNOWN_SESSION, json_pack("{s:s}", "session_id", id),
                      "unknown session \"%s\"", id);
    return session;
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
    {"script_check", script_check},
    {"functions", functions},
    {"stats", stats},
    {"config_get", config_get},
    {"reload", reload},
    {"drain", drain},
    {NULL, NULL},
};
