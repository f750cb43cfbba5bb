/* daemon.h - what the parts of the daemon that talk to clients share. */
#ifndef HERO_PROC_SERVER_DAEMON_H
#define HERO_PROC_SERVER_DAEMON_H

#include "server/config.h"
#include "server/logs.h"
#include "server/secrets.h"
#include "server/supervisor.h"

#include <event2/event.h>
#include <hero_rpc/service.h>

struct daemon {
    struct config config;
    struct event_base *base;
    struct rpc_server *server;
    struct rpc_service *service;
    struct state_db *db;
    struct logs *logs;
    struct secrets *secrets;
    struct supervisor *supervisor;
    int64_t started_ms; /* monotonic */
    bool is_ending;
};

extern const struct rpc_service_method daemon_methods[]; /* methods.c; ctx is the daemon */
json_t *daemon_health(void *ctx);
/* Ends the daemon; with `force` what it runs too, and only then. */
void daemon_end(struct daemon *daemon, bool force);

/* GET /sse/logs: lines as they come. -1 without memory. */
int log_stream_add_routes(struct daemon *daemon);

#endif
