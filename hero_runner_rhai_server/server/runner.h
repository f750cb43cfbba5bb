/* Everything the server has, in one place, and the parts that answer callers. */
#ifndef RUNNER_SERVER_RUNNER_H
#define RUNNER_SERVER_RUNNER_H

#include "server/config.h"
#include "server/forward.h"
#include "server/health.h"
#include "server/sessions.h"
#include "server/slots.h"
#include "server/zygote_link.h"

#include <hero_rpc/http_server.h>
#include <hero_rpc/service.h>

#define SERVICE_NAME "hero_runner_rhai"

/* Application errors (api.md). */
#define ERROR_UNKNOWN_SESSION (-32001)
#define ERROR_BUSY (-32002)

struct runner {
    struct config config;
    struct event_base *base;
    struct ring_limits ring_limits;
    struct sessions sessions;
    struct slots slots;
    struct zygote_link *zygote;
    struct health health;
    struct forward *forward;
    struct rpc_server *server;
    struct rpc_service *service;
    int64_t started_ms; /* monotonic */
    char instance[37];
};

/* methods.c: all documented methods, ended by a NULL name; their ctx is the runner. */
extern const struct rpc_service_method runner_methods[];

/* streams.c: GET /sse/session/<id> */
int streams_add_routes(struct runner *runner);

/* The object of `health` and GET /health; ctx is the runner. */
json_t *runner_health(void *ctx);

#endif
