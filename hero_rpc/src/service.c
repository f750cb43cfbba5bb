#include "hero_rpc/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* A route to a method that answers in its own way. */
struct entry {
    SLIST_ENTRY(entry) link;
    struct rpc_service *service;
    struct rpc_entry call;
    unsigned (*status_of)(int code);
};

struct rpc_service {
    char *name;
    char *version;
    char *manifest; /* JSON text */
    size_t manifest_len;
    struct rpc_openrpc *openrpc;
    struct rpc_dispatcher *dispatcher; /* NULL without methods */
    json_t *(*health)(void *ctx);
    void *health_ctx;
    SLIST_HEAD(, entry) entries;
};

/* --- GET --- */

static json_t *health_object(struct rpc_service *service) {
    json_t *health = service->health ? service->health(service->health_ctx) : json_object();
    json_t *standard = json_pack("{s:s,s:s,s:s}", "status", "ok", "service", service->name,
                                 "version", service->version);
    /* What the service says itself wins. */
    if (!health || !standard || json_object_update_missing(health, standard) != 0) {
        json_decref(health);
        health = NULL;
    }
    json_decref(standard);
    return health;
}

static void get_health(struct rpc_request *request, void *ctx) {
    rpc_request_add_header(request, "Cache-Control", "no-store");
    rpc_request_reply_json(request, 200, health_object(ctx));
}

static void get_manifest(struct rpc_request *request, void *ctx) {
    const struct rpc_service *service = ctx;
    rpc_request_reply_static(request, 200, "application/json", service->manifest,
                             service->manifest_len);
}

static void get_openrpc(struct rpc_request *request, void *ctx) {
    const struct rpc_service *service = ctx;
    size_t len;
    const char *text = rpc_openrpc_text(service->openrpc, &len);
    rpc_request_reply_static(request, 200, "application/json", text, len);
}

/* --- POST --- */

/* Ties an exchange to the request that brought it. */
struct post {
    struct rpc_request *request;
    const struct entry *entry;     /* NULL: POST /rpc */
    struct rpc_exchange *exchange; /* NULL until the handler returns with calls held */
};

static unsigned status_of(const struct entry *entry, int code) {
    unsigned status = entry->status_of ? entry->status_of(code) : 0;
    if (status) return status;
    return code == RPC_INTERNAL_ERROR ? 500 : 400;
}

static void on_answer(void *ctx, char *text, size_t len, int code) {
    struct post *post = ctx;
    unsigned status = post->entry && code ? status_of(post->entry, code) : 200;
    if (status == 503) rpc_request_add_header(post->request, "Retry-After", "1");
    if (text)
        rpc_request_reply_take(post->request, status, "application/json", text, len);
    else
        rpc_request_reply_static(post->request, 204, NULL, NULL, 0);
    free(post);
}

static void on_client_gone(void *ctx) {
    struct post *post = ctx;
    rpc_exchange_abandon(post->exchange);
    free(post);
}

/* entry NULL: the body is of JSON-RPC. */
static void handle_post(struct rpc_request *request, struct rpc_service *service,
                        const struct entry *entry) {
    struct post *post = calloc(1, sizeof *post);
    if (!post) {
        rpc_request_reply_error(request, 500, "out of memory");
        return;
    }
    post->request = request;
    post->entry = entry;
    size_t len;
    const char *body = rpc_request_body(request, &len);
    struct rpc_dispatcher *dispatcher = service->dispatcher;
    struct rpc_peer peer = *rpc_request_peer(request);
    peer.claimed_user = rpc_request_header(request, "X-Hero-User");
    struct rpc_exchange *exchange =
        entry ? rpc_dispatcher_handle_params(dispatcher, &entry->call, body, len, &peer, on_answer,
                                             post)
              : rpc_dispatcher_handle(dispatcher, body, len, &peer, on_answer, post);
    if (!exchange) return; /* answered, or withdrawn; post is gone */
    post->exchange = exchange;
    rpc_request_on_gone(request, on_client_gone, post);
}

static void post_rpc(struct rpc_request *request, void *ctx) {
    handle_post(request, ctx, NULL);
}

static void post_entry(struct rpc_request *request, void *ctx) {
    const struct entry *entry = ctx;
    handle_post(request, entry->service, entry);
}

int rpc_service_add_entry(struct rpc_service *service, struct rpc_server *server, const char *path,
                          const struct rpc_entry *call, unsigned (*status_of)(int code)) {
    struct entry *entry = malloc(sizeof *entry);
    if (!entry) return -1;
    *entry = (struct entry){.service = service, .call = *call, .status_of = status_of};
    SLIST_INSERT_HEAD(&service->entries, entry, link);
    return rpc_server_route(server, "POST", path, post_entry, entry);
}

struct rpc_request *rpc_call_take_request(struct rpc_call *call) {
    struct post *post = rpc_call_withdraw(call);
    struct rpc_request *request = post->request;
    rpc_request_on_gone(request, NULL, NULL);
    free(post);
    return request;
}

/* --- Methods every service has --- */

static void call_health(struct rpc_call *call, void *ctx) {
    rpc_call_reply(call, health_object(ctx));
}

static void call_discover(struct rpc_call *call, void *ctx) {
    const struct rpc_service *service = ctx;
    size_t len;
    const char *text = rpc_openrpc_text(service->openrpc, &len);
    rpc_call_reply_text(call, text, len);
}

static const struct {
    const char *name;
    rpc_method *method;
} standard_methods[] = {
    {"health", call_health},
    {"server.health", call_health},
    {"rpc.health", call_health},
    {"rpc.discover", call_discover},
};

static bool brings_method(const struct rpc_service_options *options, const char *name) {
    for (const struct rpc_service_method *m = options->methods; m->name; m++)
        if (strcmp(m->name, name) == 0) return true;
    return false;
}

static int add_methods(struct rpc_service *service, const struct rpc_service_options *options,
                       struct rpc_error *err) {
    service->dispatcher = rpc_dispatcher_new(service->openrpc, err);
    if (!service->dispatcher) return -1;
    for (const struct rpc_service_method *m = options->methods; m->name; m++)
        if (rpc_dispatcher_add(service->dispatcher, m->name, RPC_METHOD_DOCUMENTED, m->method,
                               options->methods_ctx, err) != 0)
            return -1;
    for (size_t i = 0; i < sizeof standard_methods / sizeof *standard_methods; i++)
        if (!brings_method(options, standard_methods[i].name) &&
            rpc_dispatcher_add(service->dispatcher, standard_methods[i].name,
                               RPC_METHOD_UNDOCUMENTED, standard_methods[i].method, service,
                               err) != 0)
            return -1;
    return rpc_dispatcher_check(service->dispatcher, err);
}

/* --- The service --- */

static int make_manifest(struct rpc_service *service, const struct rpc_service_options *options) {
    json_t *manifest =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "protocol", options->protocol, "name", options->name,
                  "title", options->title, "version", options->version, "description",
                  options->description, "socket", options->socket);
    if (!manifest) return -1;
    service->manifest = json_dumps(manifest, JSON_COMPACT);
    json_decref(manifest);
    if (!service->manifest) return -1;
    service->manifest_len = strlen(service->manifest);
    return 0;
}

static int add_routes(struct rpc_service *service, struct rpc_server *server) {
    if (rpc_server_route(server, "GET", "/health", get_health, service) != 0 ||
        rpc_server_route(server, "GET", "/.well-known/heroservice.json", get_manifest, service) ||
        rpc_server_route(server, "GET", "/openrpc.json", get_openrpc, service) != 0)
        return -1;
    return service->dispatcher ? rpc_server_route(server, "POST", "/rpc", post_rpc, service) : 0;
}

struct rpc_service *rpc_service_new(struct rpc_server *server,
                                    const struct rpc_service_options *options,
                                    struct rpc_error *err) {
    struct rpc_service *service = calloc(1, sizeof *service);
    if (!service) goto no_memory;
    service->health = options->health;
    service->health_ctx = options->health_ctx;
    service->name = strdup(options->name);
    service->version = strdup(options->version);
    if (!service->name || !service->version || make_manifest(service, options) != 0) goto no_memory;
    service->openrpc = rpc_openrpc_parse(options->openrpc, options->openrpc_len, err);
    if (!service->openrpc) goto fail;
    if (options->methods && add_methods(service, options, err) != 0) goto fail;
    if (add_routes(service, server) == 0) return service;
no_memory:
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
fail:
    rpc_service_free(service);
    return NULL;
}

void rpc_service_free(struct rpc_service *service) {
    if (!service) return;
    struct entry *entry;
    while ((entry = SLIST_FIRST(&service->entries))) {
        SLIST_REMOVE_HEAD(&service->entries, link);
        free(entry);
    }
    rpc_dispatcher_free(service->dispatcher);
    rpc_openrpc_free(service->openrpc);
    free(service->manifest);
    free(service->name);
    free(service->version);
    free(service);
}

const struct rpc_openrpc *rpc_service_openrpc(const struct rpc_service *service) {
    return service->openrpc;
}
