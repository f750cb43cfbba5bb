/*
 * What every Hero service answers on its sockets, in one call:
 *
 *   GET  /health                        the health object
 *   GET  /.well-known/heroservice.json  {protocol, name, title, version, description, socket}
 *   GET  /openrpc.json                  the document, as rpc.discover returns it
 *   POST /rpc                           JSON-RPC 2.0; only with methods
 *
 * Methods that need not be listed: rpc.discover, health and its aliases server.health and
 * rpc.health.
 */
#ifndef HERO_RPC_SERVICE_H
#define HERO_RPC_SERVICE_H

#include "hero_rpc/http_server.h"
#include "hero_rpc/jsonrpc.h"

struct rpc_service_method {
    const char *name;
    rpc_method *method;
};

struct rpc_service_options {
    const char *name;        /* "hero_runner_rhai" */
    const char *title;       /* for people */
    const char *version;     /* semantic version */
    const char *description; /* one line */
    const char *protocol;    /* "openrpc" or "ui" */
    const char *socket;      /* "rpc" or "ui" */
    const char *openrpc;     /* the document's text; copied */
    size_t openrpc_len;
    /* All documented methods, ended by a NULL name; NULL: no /rpc (a dashboard brings its own
     * proxy) and no check of the document against functions. */
    const struct rpc_service_method *methods;
    void *methods_ctx; /* handed to each of them */
    /* A new object; "status": "ok" and "service" and "version" are added when it lacks them. NULL:
     * just these three. Must not block. */
    json_t *(*health)(void *ctx);
    void *health_ctx;
};

struct rpc_service;

/* Adds the routes to a server. Fails when the document is wrong or does not match the methods. */
struct rpc_service *rpc_service_new(struct rpc_server *server,
                                    const struct rpc_service_options *options,
                                    struct rpc_error *err);
/* After the server was freed. NULL is allowed. */
void rpc_service_free(struct rpc_service *service);

/* POST to a path whose body is the params of a documented method, for answers that are not
 * JSON-RPC: `call->function` takes the request back and answers it, or fails the call. Then the
 * answer is the error as POST /rpc would give it, with an HTTP status: that of status_of, which may
 * be NULL and gives 0 for codes it does not know, else 500 for an internal error and 400. 503 comes
 * with Retry-After. Strings are borrowed, as long as the service lives. -1 only without memory. */
int rpc_service_add_entry(struct rpc_service *service, struct rpc_server *server, const char *path,
                          const struct rpc_entry *call, unsigned (*status_of)(int code));
/* The request of a call that came that way, to be answered (http_server.h); the call is gone. */
struct rpc_request *rpc_call_take_request(struct rpc_call *call);

const struct rpc_openrpc *rpc_service_openrpc(const struct rpc_service *service);

#endif
