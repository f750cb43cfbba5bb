/* Everything of one hero_proc_server. */
#ifndef HERO_PROC_SERVER_DAEMON_H
#define HERO_PROC_SERVER_DAEMON_H

#include "server/config.h"
#include "server/logs.h"
#include "server/secrets.h"
#include "server/supervisor.h"

#include <hero_rpc/http_server.h>
#include <hero_rpc/service.h>

#define DAEMON_INSTANCE_BYTES 33

struct daemon {
    struct event_base *base;
    struct config config;
    struct rpc_server *server;
    struct rpc_service *service;
    struct state_db *db;
    struct logs *logs;
    struct secrets *secrets;
    struct supervisor supervisor;
    char *state_dir, *run_dir, *program_dir;
    char instance[DAEMON_INSTANCE_BYTES]; /* of this state, the same for each daemon that has it */
    int64_t started_ms;                   /* monotonic */
    bool is_ending;
};

/* With `force` what it has started is stopped first. Ends the loop. */
void daemon_end(struct daemon *daemon, bool force);

/* (methods.c) */
extern const struct rpc_service_method daemon_methods[];
json_t *daemon_health(void *ctx);
/* (streams.c) GET /sse/logs. -1 without memory. */
int streams_add_routes(struct daemon *daemon);

/* (openrpc_document.c, made from openrpc.json) */
extern const char openrpc_document[];
extern const size_t openrpc_document_len;

#endif
