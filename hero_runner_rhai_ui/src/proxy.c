/*
 * POST /rpc, POST /sse/run and every GET /sse/ path, passed on to the runner as they are.
 *
 * The answer is pulled: the browser's socket has room, then bytes are taken from the upstream, then
 * the upstream reads on. A browser that goes away closes the upstream, so a held call or stream of
 * the runner ends with it; a runner that goes away cuts the browser's answer, which shows that it
 * is not whole.
 */
#include "src/ui.h"
#include "src/upstream.h"

#include <event2/buffer.h>
#include <hero_rpc/jsonrpc.h>
#include <hero_rpc/stream.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Beside the codes of the runner's own errors. */
#define RUNNER_DOWN (-32099)

struct passage {
    struct ui *ui;
    struct rpc_request *request; /* until it is answered */
    struct rpc_stream *stream;   /* from then on */
    struct upstream *upstream;
    bool is_call, is_cut; /* is_call: errors are those of JSON-RPC */
};

static void passage_free(void *ctx) {
    struct passage *passage = ctx;
    upstream_close(passage->upstream);
    free(passage);
}

/* ---- The caller -------------------------------------------------------------------------- */

/* Headers of those who stand before us, such as hero_router. They connect to our Unix socket; over
 * TCP anybody could have written them. */
static const char *const identity_headers[] = {"X-Hero-User", "X-Hero-Context", "X-Hero-Claims",
                                               "X-Hero-Impersonator"};

void proxy_add_caller(struct rpc_request *request, struct rpc_strbuf *out) {
    const struct rpc_peer *peer = rpc_request_peer(request);
    if (peer->has_uid) rpc_strbuf_addf(out, "X-Hero-Uid: %u\r\n", (unsigned)peer->uid);
    if (!peer->is_unix) return;
    for (size_t i = 0; i < sizeof identity_headers / sizeof *identity_headers; i++) {
        const char *value = rpc_request_header(request, identity_headers[i]);
        if (value) rpc_strbuf_addf(out, "%s: %s\r\n", identity_headers[i], value);
    }
}

/* ---- The runner is not there ------------------------------------------------------------- */

void proxy_explain(const struct ui *ui, const char *why, struct rpc_strbuf *out) {
    rpc_strbuf_addf(out, "the runner does not answer at %s: %s; hero_runner_rhai --start starts it",
                    ui->runner_socket, why);
}

/* The id of the call, if there is one. */
static json_t *call_id(struct rpc_request *request) {
    size_t len;
    const char *body = rpc_request_body(request, &len);
    json_t *call = json_loadb(body, len, 0, NULL);
    json_t *id = json_incref(json_object_get(call, "id"));
    json_decref(call);
    return id ? id : json_null();
}

static void reply_down(struct passage *passage, const char *why) {
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    struct rpc_request *request = passage->request;
    proxy_explain(passage->ui, why, &text);
    rpc_request_add_header(request, "Cache-Control", "no-store");
    if (passage->is_call)
        rpc_request_reply_json(request, 502,
                               json_pack("{s:s, s:o, s:{s:i, s:s, s:{s:s}}}", "jsonrpc", "2.0",
                                         "id", call_id(request), "error", "code", RUNNER_DOWN,
                                         "message", rpc_strbuf_text(&text), "data", "socket",
                                         passage->ui->runner_socket));
    else
        rpc_request_reply_error(request, 502, "%s", rpc_strbuf_text(&text));
    rpc_strbuf_done(&text);
}

/* ---- The answer -------------------------------------------------------------------------- */

static enum rpc_stream_state produce(void *ctx, struct rpc_strbuf *out, size_t want) {
    struct passage *passage = ctx;
    struct evbuffer *body = upstream_body(passage->upstream);
    size_t len = evbuffer_get_length(body);
    if (len > want) len = want;
    char *to = len ? rpc_strbuf_reserve(out, len) : NULL;
    if (to) {
        evbuffer_remove(body, to, len);
        out->len += len;
        out->data[out->len] = '\0';
    }
    if (evbuffer_get_length(body)) return RPC_STREAM_MORE;
    if (upstream_is_complete(passage->upstream)) return RPC_STREAM_END;
    if (passage->is_cut) return len ? RPC_STREAM_MORE : RPC_STREAM_CUT;
    return RPC_STREAM_IDLE;
}

static const struct rpc_stream_ops stream_ops = {produce, passage_free};

static void on_head(void *ctx, const struct upstream_head *head) {
    struct passage *passage = ctx;
    struct rpc_request *request = passage->request;
    const char *type = *head->content_type ? head->content_type : NULL;
    bool is_stream = type && strncasecmp(type, "text/event-stream", 17) == 0;
    passage->request = NULL;
    watch_note(passage->ui, NULL);
    if (*head->retry_after) rpc_request_add_header(request, "Retry-After", head->retry_after);
    if (!is_stream) rpc_request_add_header(request, "Cache-Control", "no-store");
    if (head->len == 0)
        rpc_request_reply_static(request, head->status, type, NULL, 0);
    else if (is_stream && head->status == 200)
        passage->stream = rpc_stream_open(request, &stream_ops, passage);
    else
        passage->stream =
            rpc_stream_open_body(request, head->status, type, head->len, &stream_ops, passage);
    if (!passage->stream) passage_free(passage);
}

static void on_data(void *ctx) {
    struct passage *passage = ctx;
    rpc_stream_wake(passage->stream);
}

static void on_failed(void *ctx, const char *why) {
    struct passage *passage = ctx;
    if (passage->stream) {
        passage->is_cut = true;
        rpc_stream_wake(passage->stream);
        return;
    }
    watch_note(passage->ui, why);
    reply_down(passage, why);
    passage_free(passage);
}

static const struct upstream_ops upstream_ops = {on_head, on_data, on_failed};

/* ---- The request ------------------------------------------------------------------------- */

static void pass_on(struct ui *ui, struct rpc_request *request, bool is_call) {
    struct passage *passage = calloc(1, sizeof *passage);
    struct rpc_strbuf target = RPC_STRBUF_INIT, headers = RPC_STRBUF_INIT;
    const char *last_id = rpc_request_header(request, "Last-Event-ID");
    rpc_request_add_target(request, "token", &target);
    proxy_add_caller(request, &headers);
    if (last_id) rpc_strbuf_addf(&headers, "Last-Event-ID: %s\r\n", last_id);
    if (passage && !target.failed && !headers.failed) {
        struct upstream_request upstream = {.method = rpc_request_method(request),
                                            .target = rpc_strbuf_text(&target),
                                            .headers = rpc_strbuf_text(&headers)};
        if (is_call) upstream.body = rpc_request_body(request, &upstream.len);
        *passage = (struct passage){.ui = ui, .request = request, .is_call = is_call};
        passage->upstream =
            upstream_open(ui->base, ui->runner_socket, &upstream, &upstream_ops, passage);
    }
    rpc_strbuf_done(&target);
    rpc_strbuf_done(&headers);
    if (passage && passage->upstream) {
        rpc_request_on_gone(request, passage_free, passage);
        return;
    }
    free(passage);
    rpc_request_reply_error(request, 500, "out of memory");
}

/* A page of another site can send a form or plain text without asking, JSON only when we allow it,
 * which we do not (Fetch, "CORS-safelisted request-header"). */
static bool is_json(const char *type) {
    return type && strncasecmp(type, "application/json", 16) == 0 &&
           (type[16] == '\0' || type[16] == ';' || type[16] == ' ');
}

static void post_call(struct rpc_request *request, void *ctx) {
    struct ui *ui = ctx;
    if (!ui->config.rpc_proxy)
        rpc_request_reply_error(request, 403,
                                "calls through the dashboard are switched off here; "
                                "the runner's own socket serves them");
    else if (!rpc_request_peer(request)->is_unix &&
             !is_json(rpc_request_header(request, "Content-Type")))
        rpc_request_reply_error(request, 415, "the body must be application/json");
    else
        pass_on(ui, request, true);
}

static void get_sse(struct rpc_request *request, void *ctx) {
    pass_on(ctx, request, false);
}

int proxy_add_routes(struct ui *ui) {
    if (rpc_server_route(ui->server, "POST", "/rpc", post_call, ui) != 0 ||
        rpc_server_route(ui->server, "POST", "/sse/run", post_call, ui) != 0)
        return -1;
    return rpc_server_route(ui->server, "GET", "/sse/", get_sse, ui);
}
