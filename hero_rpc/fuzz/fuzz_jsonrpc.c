/* Bodies of POST /rpc: whatever comes, the answer is one JSON text or none, given exactly once; and
 * as params alone, given once or withdrawn. */
#include "hero_rpc/jsonrpc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char document[] =
    "{\"openrpc\":\"1.2.6\",\"info\":{\"title\":\"T\",\"version\":\"1\"},\"methods\":["
    "{\"name\":\"echo\",\"params\":["
    "{\"name\":\"text\",\"required\":true,\"schema\":{\"type\":\"string\",\"maxLength\":5}},"
    "{\"name\":\"env\",\"schema\":{\"type\":\"object\",\"additionalProperties\":{\"type\":"
    "\"string\"}}},"
    "{\"name\":\"args\",\"schema\":{\"type\":\"array\",\"items\":{\"type\":[\"string\","
    "\"integer\"],\"minimum\":0}}},"
    "{\"name\":\"tree\",\"schema\":{\"$ref\":\"#/components/schemas/Tree\"}}],"
    "\"result\":{\"name\":\"r\",\"schema\":{}}},"
    "{\"name\":\"hold\",\"params\":[],\"result\":{\"name\":\"r\",\"schema\":{}}}],"
    "\"components\":{\"schemas\":{\"Tree\":{\"type\":\"object\",\"additionalProperties\":{"
    "\"oneOf\":[{\"$ref\":\"#/components/schemas/Tree\"},{\"enum\":[null,1,\"a\"]}]}}}}}";

static struct rpc_call *held[RPC_BATCH_MAX_CALLS];
static size_t held_count;
static unsigned answers;

static void call_echo(struct rpc_call *call, void *ctx) {
    (void)ctx;
    rpc_call_reply(call, json_incref(rpc_call_params(call)));
}

static void call_hold(struct rpc_call *call, void *ctx) {
    (void)ctx;
    held[held_count++] = call;
}

static void withdraw(struct rpc_call *call, void *ctx) {
    (void)ctx;
    if (rpc_call_withdraw(call) != &answers) abort();
    answers++;
}

static void take_answer(void *ctx, char *text, size_t len, int code) {
    (void)ctx, (void)code;
    answers++;
    if (!text) return;
    json_t *json = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    if (!json) abort();
    json_decref(json);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct rpc_openrpc *doc;
    static struct rpc_dispatcher *dispatcher;
    if (!doc) {
        doc = rpc_openrpc_parse(document, sizeof document - 1, NULL);
        dispatcher = rpc_dispatcher_new(doc, NULL);
        if (rpc_dispatcher_add(dispatcher, "echo", 0, call_echo, NULL, NULL) != 0 ||
            rpc_dispatcher_add(dispatcher, "hold", 0, call_hold, NULL, NULL) != 0)
            abort();
    }
    held_count = answers = 0;
    struct rpc_exchange *exchange =
        rpc_dispatcher_handle(dispatcher, (const char *)data, size, NULL, take_answer, NULL);
    /* With an odd size the client leaves before the held calls are answered. */
    bool leaves = exchange && size % 2;
    if (leaves) rpc_exchange_abandon(exchange);
    for (size_t i = 0; i < held_count; i++)
        rpc_call_reply(held[i], json_true());
    if (answers != (leaves ? 0 : 1)) abort();

    static const struct rpc_entry entry = {"echo", withdraw, NULL};
    answers = 0;
    if (rpc_dispatcher_handle_params(dispatcher, &entry, (const char *)data, size, NULL,
                                     take_answer, &answers))
        abort();
    if (answers != 1) abort();
    return 0;
}
