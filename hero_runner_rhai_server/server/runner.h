/* Everything the server has, in one place, and the parts that answer callers. */
#ifndef RUNNER_SERVER_RUNNER_H
#define RUNNER_SERVER_RUNNER_H

#include "server/archive.h"
#include "server/callbacks.h"
#include "server/cgroups.h"
#include "server/config.h"
#include "server/feed.h"
#include "server/files.h"
#include "server/forward.h"
#include "server/health.h"
#include "server/http.h"
#include "server/samples.h"
#include "server/sessions.h"
#include "server/slots.h"
#include "server/url_scripts.h"

#include <hero_rpc/http_server.h>
#include <hero_rpc/service.h>

#define SERVICE_NAME "hero_runner_rhai"

/* Application errors (openrpc.json). */
#define ERROR_UNKNOWN_SESSION (-32001)
#define ERROR_BUSY (-32002)
#define ERROR_WRONG_STATE (-32003)
#define ERROR_UNKNOWN_SCRIPT (-32004)
#define ERROR_UNAVAILABLE (-32005)

struct runner {
    struct config config;
    struct event_base *base;
    struct ring_limits ring_limits;
    struct sessions sessions;
    struct slots slots;
    struct health health;
    struct samples samples;
    struct event *second;      /* takes a sample */
    struct sample last_totals; /* counters since the start, at the last sample */
    uint64_t started_count;    /* sessions that began to run */
    struct cgroups *cgroups;
    struct archive *archive;
    struct feeds feeds;
    struct files *files;
    struct http *http;
    struct url_scripts *urls;
    struct callbacks *callbacks;
    json_t *functions;             /* the table of the present engine; NULL: not there yet */
    struct hidden *functions_task; /* asking for it; NULL: not now */
    TAILQ_HEAD(, functions_wait) functions_waits; /* calls that want it */
    struct rpc_call *reload_call;                 /* waits for the end of a reload; NULL: none */
    struct forward *forward;
    struct rpc_server *server;
    struct rpc_service *service;
    int64_t started_ms; /* monotonic */
    char instance[37];
};

/* methods.c: all documented methods, ended by a NULL name; their ctx is the runner. */
extern const struct rpc_service_method runner_methods[];

/* methods_admin.c: the object of `health` and GET /health; ctx is the runner. */
json_t *runner_health(void *ctx);
/* The object of `stats`, without history. */
json_t *runner_stats(struct runner *runner);

/* methods_script.c: asks a process of the present engine for its functions. */
void runner_init_functions(struct runner *runner);
void runner_ask_functions(struct runner *runner);
void runner_forget_functions(struct runner *runner);

/* methods_admin.c: a reload is over, see slots.h. */
void runner_note_reload(struct runner *runner, unsigned generation, const char *why);

/* accounts.c: counts and samples. */
int accounts_init(struct runner *runner);
void accounts_done(struct runner *runner);
int64_t accounts_memory_bytes(void); /* resident, of the server */
void accounts_note_change(struct runner *runner, const struct session *session);

/* streams.c: GET /sse/session/<id>, POST /sse/run; streams_all.c: GET /sse/sessions; metrics.c: GET
 * /metrics */
int streams_add_routes(struct runner *runner);
int streams_all_add_routes(struct runner *runner);
int metrics_add_routes(struct runner *runner);

#endif
