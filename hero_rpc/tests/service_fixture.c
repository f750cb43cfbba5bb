#include "service_fixture.h"

#include <stdio.h>
#include <stdlib.h>

const char service_document[] =
    "{\"openrpc\":\"1.2.6\",\"info\":{\"title\":\"Test\",\"version\":\"1.2.3\"},\"methods\":["
    "{\"name\":\"health\",\"params\":[],\"result\":{\"name\":\"health\",\"schema\":{\"type\":"
    "\"object\"}}},"
    "{\"name\":\"greet\",\"params\":[{\"name\":\"who\",\"required\":true,\"schema\":{\"type\":"
    "\"string\"}}],\"result\":{\"name\":\"text\",\"schema\":{\"type\":\"string\"}}},"
    "{\"name\":\"hold\",\"params\":[],\"result\":{\"name\":\"text\",\"schema\":{\"type\":"
    "\"string\"}}},"
    "{\"name\":\"nothing\",\"params\":[],\"result\":{\"name\":\"none\",\"schema\":{\"type\":"
    "\"null\"}}},"
    "{\"name\":\"fail\",\"params\":[],\"result\":{\"name\":\"none\",\"schema\":{}}}]}";

struct rpc_call *service_held;

static void call_greet(struct rpc_call *call, void *ctx) {
    (void)ctx;
    char text[64];
    snprintf(text, sizeof text, "hello %s", rpc_call_text(call, "who", ""));
    rpc_call_reply(call, json_string(text));
}

static void note_gone(void *ctx) {
    struct fixture *f = ctx;
    service_held = NULL;
    sem_post(&f->signalled);
}

static void call_hold(struct rpc_call *call, void *ctx) {
    struct fixture *f = ctx;
    service_held = call;
    rpc_call_on_gone(call, note_gone, f);
    sem_post(&f->signalled);
}

static void call_nothing(struct rpc_call *call, void *ctx) {
    (void)ctx;
    rpc_call_reply(call, json_null());
}

static void call_fail(struct rpc_call *call, void *ctx) {
    (void)ctx;
    rpc_call_fail(call, -32001, json_pack("{s:i}", "number", 7), "it failed");
}

static json_t *health(void *ctx) {
    (void)ctx;
    return json_pack("{s:s,s:i}", "status", "degraded", "sessions", 3);
}

static enum rpc_stream_state produce(void *ctx, struct rpc_strbuf *out, size_t want) {
    (void)want;
    uint64_t *cursor = ctx;
    while (*cursor < 5) {
        char data[8];
        int n = snprintf(data, sizeof data, "%d", (int)++*cursor);
        rpc_sse_add_numbered(out, *cursor == 5 ? "end" : "line", *cursor, data, (size_t)n);
    }
    return RPC_STREAM_END;
}

/* Never has anything. */
static enum rpc_stream_state produce_nothing(void *ctx, struct rpc_strbuf *out, size_t want) {
    (void)ctx, (void)out, (void)want;
    return RPC_STREAM_IDLE;
}

static void open_feed(struct rpc_request *request, const struct rpc_stream_ops *ops) {
    uint64_t *cursor = calloc(1, sizeof *cursor);
    if (rpc_sse_resume_id(request, NULL, cursor) < 0)
        rpc_request_reply_error(request, 400, "bad id");
    else if (rpc_stream_open(request, ops, cursor))
        return;
    free(cursor);
}

static void get_feed(struct rpc_request *request, void *ctx) {
    (void)ctx;
    static const struct rpc_stream_ops ops = {produce, free};
    open_feed(request, &ops);
}

static void get_silence(struct rpc_request *request, void *ctx) {
    struct fixture *f = ctx;
    static const struct rpc_stream_ops ops = {produce_nothing, free};
    open_feed(request, &ops);
    sem_post(&f->signalled);
}

static void greet_with_feed(struct rpc_call *call, void *ctx) {
    const char *who = rpc_call_text(call, "who", "");
    if (strcmp(who, "nobody") == 0)
        rpc_call_fail(call, -32001, json_pack("{s:s}", "who", who), "nobody is there");
    else if (strcmp(who, "busy") == 0)
        rpc_call_fail(call, -32002, NULL, "busy");
    else if (strcmp(who, "later") == 0)
        call_hold(call, ctx);
    else
        get_feed(rpc_call_take_request(call), ctx);
}

static unsigned status_of(int code) {
    return code == -32001 ? 409 : code == -32002 ? 503 : 0;
}

void add_service(struct fixture *f) {
    static const struct rpc_service_method methods[] = {{"greet", call_greet},
                                                        {"hold", call_hold},
                                                        {"nothing", call_nothing},
                                                        {"fail", call_fail},
                                                        {NULL, NULL}};
    const struct rpc_service_options options = {
        .name = "hero_test",
        .title = "Test",
        .version = "1.2.3",
        .description = "A service for tests",
        .protocol = "openrpc",
        .socket = "rpc",
        .openrpc = service_document,
        .openrpc_len = strlen(service_document),
        .methods = methods,
        .methods_ctx = f,
        .health = health,
    };
    struct rpc_error err = {0};
    f->service = rpc_service_new(f->server, &options, &err);
    if (!f->service) fail_msg("%s", err.message);
    const struct rpc_entry greeting = {"greet", greet_with_feed, f};
    rpc_service_add_entry(f->service, f->server, "/greeting", &greeting, status_of);
    rpc_server_route(f->server, "GET", "/feed", get_feed, f);
    rpc_server_route(f->server, "GET", "/silence", get_silence, f);
}
