#include "proc/link.h"

#include "core/module.h"
#include "core/native.h"
#include "core/text.h"
#include "net/http.h"
#include "net/socket.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUEST_TIMEOUT_S 60
#define CONNECT_TIMEOUT_NS INT64_C(5000000000)
#define SECONDS_MAX 1e9
#define LOG_TAIL_MAX_BYTES 1000

static _Thread_local struct {
    struct proc_client *client; /* NULL until the first call, and after it was not reached */
    rhai_call *call;            /* the one that goes on */
    bool is_thrown;             /* and has thrown already */
} shared;

/* ---- The transport ----------------------------------------------------------------------- */

static int interrupt(struct rpc_error *err) {
    shared.is_thrown = true;
    rpc_error_set(err, RPC_ERROR_INTERRUPTED, 0, "interrupted");
    return -1;
}

/* A request has failed: because nobody is there, or otherwise. */
static int explain(const char *socket_path, const char *cause, struct rpc_error *err) {
    int fd = -1;
    int failed = socket_connect_unix(herolib_call_session(shared.call), socket_path,
                                     herolib_now_ns() + CONNECT_TIMEOUT_NS, &fd);
    if (fd >= 0) close(fd);
    if (failed == -ECANCELED) {
        rhai_throw_terminated(shared.call);
        return interrupt(err);
    }
    if (failed)
        rpc_error_set(err, RPC_ERROR_UNREACHABLE, -failed, "no hero_proc answers at %s: %s",
                      socket_path, socket_error_text(failed));
    else
        rpc_error_set(err, RPC_ERROR_PROTOCOL, 0, "%s: %s", socket_path, cause);
    return -1;
}

static int make_request(void *ctx, const char *socket_path, const char *path, const char *body,
                        size_t len, struct rpc_strbuf *ret_body, struct rpc_error *err) {
    (void)ctx;
    static const char *const headers[] = {"Content-Type: application/json", "Expect:"};
    char url[256], cause[HTTP_ERROR_BYTES];
    struct http_request request = HTTP_REQUEST_INIT;
    struct http_response response;
    if (shared.is_thrown) return interrupt(err);
    snprintf(url, sizeof url, "http://localhost%s", path);
    request.method = body ? "POST" : "GET";
    request.url = url;
    request.headers = headers;
    request.header_count = HEROLIB_COUNT(headers);
    request.body = body;
    request.body_len = len;
    request.timeout_s = REQUEST_TIMEOUT_S;
    request.keeps_redirects = true;
    request.unix_socket = socket_path;
    switch (http_perform(shared.call, &request, &response, cause)) {
    case HTTP_THROWN: return interrupt(err);
    case HTTP_FAILED: return explain(socket_path, cause, err);
    case HTTP_ANSWERED: break;
    }
    rpc_strbuf_clear(ret_body);
    rpc_strbuf_add(ret_body, response.body, response.body_len);
    int status = response.status;
    http_response_done(&response);
    return status;
}

static int pass_time(void *ctx, int64_t ms, struct rpc_error *err) {
    (void)ctx;
    int64_t deadline_ns = herolib_now_ns() + ms * 1000000;
    if (herolib_wait(herolib_call_session(shared.call), NULL, 0, deadline_ns) >= 0) return 0;
    rhai_throw_terminated(shared.call);
    return interrupt(err);
}

/* ---- Calls ------------------------------------------------------------------------------- */

struct proc_client *link_client(rhai_call *call) {
    static const struct proc_transport transport = {.http = make_request, .pause = pass_time};
    struct rpc_error err = {0};
    shared.call = call;
    shared.is_thrown = false;
    if (!shared.client) shared.client = proc_open_with(&transport, NULL, &err);
    if (!shared.client) link_throw(call, &err);
    return shared.client;
}

static rhai_status throw_text(rhai_call *call, struct rpc_error *err, const char *more,
                              const char *log, int log_len) {
    rhai_status status = shared.is_thrown
                             ? RHAI_ERROR
                             : rhai_throw(call, "proc: %s: %s%s%.*s", rhai_call_name(call),
                                          err->message, more, log_len, log);
    /* Another one may come, elsewhere. */
    if (err->kind == RPC_ERROR_UNREACHABLE) {
        proc_close(shared.client);
        shared.client = NULL;
    }
    rpc_error_clear(err);
    return status;
}

rhai_status link_throw(rhai_call *call, struct rpc_error *err) {
    return throw_text(call, err, "", "", 0);
}

rhai_status link_throw_log(rhai_call *call, struct rpc_error *err, struct rpc_strbuf *log) {
    const char *text = rpc_strbuf_text(log);
    size_t len = log->len, from = len > LOG_TAIL_MAX_BYTES ? len - LOG_TAIL_MAX_BYTES : 0;
    while (len > 0 && text[len - 1] == '\n')
        len--;
    while (from < len && text_is_continuation(text[from]))
        from++;
    if (from > len) from = len;
    rhai_status status = throw_text(call, err, len > from ? "; last lines of its log:\n" : "",
                                    text + from, (int)(len - from));
    rpc_strbuf_done(log);
    return status;
}

rhai_status link_goes_on(void) {
    return shared.is_thrown ? RHAI_ERROR : RHAI_OK;
}

/* ---- Values ------------------------------------------------------------------------------ */

rhai_status link_value(rhai_call *call, const json_t *json, rhai_value *ret) {
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    rhai_error *error = NULL;
    if (!text) return rhai_throw_out_of_memory(call);
    rhai_status status = rhai_from_json(rhai_call_engine(call), text, strlen(text), ret, &error);
    free(text);
    if (status == RHAI_OK) return RHAI_OK;
    status =
        rhai_throw(call, "proc: %s: the answer: %s", rhai_call_name(call), rhai_error_text(error));
    rhai_error_free(error);
    return status;
}

rhai_status link_take(rhai_call *call, json_t *json, rhai_value *ret) {
    rhai_status status = link_value(call, json, ret);
    json_decref(json);
    return status;
}

json_t *link_json(rhai_call *call, const rhai_value *value) {
    rhai_value text;
    bool is_truncated;
    size_t len;
    if (rhai_to_json(rhai_call_engine(call), value, 0, &text, &is_truncated) != RHAI_OK) {
        rhai_throw_out_of_memory(call);
        return NULL;
    }
    const char *bytes = rhai_as_text(&text, &len);
    json_error_t error;
    json_t *json = json_loadb(bytes, len, JSON_DECODE_ANY, &error);
    if (!json) rhai_throw(call, "proc: %s: %s", rhai_call_name(call), error.text);
    rhai_value_done(rhai_call_engine(call), &text);
    return json;
}

rhai_status link_lines(rhai_call *call, struct rpc_strbuf *text, rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    rhai_value array = rhai_unit();
    rhai_status status = rhai_new_array(engine, &array);
    if (status != RHAI_OK) rhai_throw_out_of_memory(call);
    const char *line = rpc_strbuf_text(text);
    for (size_t len; status == RHAI_OK && *line; line += len + (line[len] == '\n')) {
        len = strcspn(line, "\n");
        status = value_push_text(call, &array, line, len);
    }
    rpc_strbuf_done(text);
    if (status == RHAI_OK)
        *ret = array;
    else
        rhai_value_done(engine, &array);
    return status;
}

rhai_status link_seconds(rhai_call *call, const rhai_value *seconds, int64_t *ret_ms) {
    double given = -1;
    if (rhai_type_of(seconds) == RHAI_INT) given = (double)rhai_as_int(seconds);
    if (rhai_type_of(seconds) == RHAI_FLOAT) given = rhai_as_float(seconds);
    if (!(given >= 0))
        return rhai_throw(call, "proc: %s: seconds are a number, 0 or more", rhai_call_name(call));
    *ret_ms = (int64_t)ceil(fmin(given, SECONDS_MAX) * 1000);
    return RHAI_OK;
}

const char *link_name(rhai_call *call, const rhai_value *name) {
    return text_argument(call, name, "proc: the name");
}

json_t *link_service(const struct proc_service_status *status, const json_t *record) {
    json_t *map = json_is_object(record) ? json_copy((json_t *)(uintptr_t)record) : json_object();
    json_t *own = json_pack("{s:s, s:s, s:I, s:s, s:I, s:I}", "name", status->name, "state",
                            proc_state_name(status->state), "pid", (json_int_t)status->pid, "why",
                            status->why ? status->why : "", "restarts",
                            (json_int_t)status->restarts, "since_ms", (json_int_t)status->since_ms);
    if (!map || !own || json_object_update(map, own) < 0) {
        json_decref(map);
        map = NULL;
    }
    json_decref(own);
    return map;
}

rhai_status link_give_service(rhai_call *call, struct proc_client *client, const char *name,
                              rhai_value *ret) {
    struct proc_service_status status;
    struct rpc_error err = {0};
    if (proc_service_status(client, name, &status, &err) < 0) return link_throw(call, &err);
    json_t *map = link_service(&status, json_object_get(status.json, "status"));
    proc_service_status_done(&status);
    return link_take(call, map, ret);
}
