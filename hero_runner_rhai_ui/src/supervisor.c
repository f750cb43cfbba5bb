/*
 * GET /supervisor: what hero_proc says of our service, for the Admin tab.
 *
 * {"state": ..., "why": ..., ...} as its service.status answers, or {"error": "<message>"} when no
 * hero_proc answers or it does not know the service. Either is an answer, so the status is 200.
 */
#include "src/ui.h"
#include "src/upstream.h"

#include <event2/buffer.h>
#include <hero_rpc/paths.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 3000
#define ANSWER_BYTES_MAX (256 * 1024)

static const char status_call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"service.status\","
                                  "\"params\":{\"name\":\"" SERVICE_NAME "\"}}";

struct question {
    struct rpc_request *request;
    struct upstream *upstream;
    struct evbuffer *answer;
};

static void question_free(void *ctx) {
    struct question *question = ctx;
    upstream_close(question->upstream);
    if (question->answer) evbuffer_free(question->answer);
    free(question);
}

static void reply(struct question *question, json_t *object) {
    rpc_request_add_header(question->request, "Cache-Control", "no-store");
    rpc_request_reply_json(question->request, 200, object);
    question_free(question);
}

static void reply_error(struct question *question, const char *message) {
    reply(question, json_pack("{s:s}", "error", message));
}

static void on_head(void *ctx, const struct upstream_head *head) {
    (void)ctx, (void)head; /* the body tells all */
}

static void on_data(void *ctx) {
    struct question *question = ctx;
    evbuffer_add_buffer(question->answer, upstream_body(question->upstream));
    size_t len = evbuffer_get_length(question->answer);
    if (len > ANSWER_BYTES_MAX) {
        reply_error(question, "hero_proc answers too much");
        return;
    }
    if (!upstream_is_complete(question->upstream)) return;
    const char *text = (const char *)evbuffer_pullup(question->answer, -1);
    json_t *answer = text ? json_loadb(text, len, 0, NULL) : NULL;
    json_t *result = json_object_get(answer, "result");
    const char *error =
        json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
    if (json_is_object(result))
        reply(question, json_incref(result));
    else
        reply_error(question, error ? error : "hero_proc answers something else");
    json_decref(answer);
}

static void on_failed(void *ctx, const char *why) {
    struct question *question = ctx;
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&text, "no hero_proc answers: %s", why);
    reply_error(question, rpc_strbuf_text(&text));
    rpc_strbuf_done(&text);
}

static void get_supervisor(struct rpc_request *request, void *ctx) {
    struct ui *ui = ctx;
    static const struct upstream_ops ops = {on_head, on_data, on_failed};
    const struct upstream_request call = {.method = "POST",
                                          .target = "/rpc",
                                          .headers = "",
                                          .body = status_call,
                                          .len = sizeof status_call - 1,
                                          .timeout_ms = TIMEOUT_MS};
    struct rpc_error err = {0};
    struct question *question = calloc(1, sizeof *question);
    char *socket = rpc_path_socket("hero_proc", "rpc.sock", &err);
    if (question && socket && (question->answer = evbuffer_new()))
        question->upstream = upstream_open(ui->base, socket, &call, &ops, question);
    free(socket);
    if (question && question->upstream) {
        question->request = request;
        rpc_request_on_gone(request, question_free, question);
        return;
    }
    if (question) question_free(question);
    rpc_request_reply_error(request, 500, "%s", *err.message ? err.message : "out of memory");
    rpc_error_clear(&err);
}

int supervisor_add_routes(struct ui *ui) {
    return rpc_server_route(ui->server, "GET", "/supervisor", get_supervisor, ui);
}
