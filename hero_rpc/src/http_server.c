/* The server object: MHD driven by a libevent loop, timers, routes. */
#include "hero_rpc/clock.h"
#include "hero_rpc/fd.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often MHD may run before the rest of the loop has its turn. */
#define PUMP_ROUNDS_MAX 16

static const struct rpc_server_config default_config = {
    .body_limit_bytes = 16 * 1024 * 1024,
    .connection_limit = 1024,
    .stream_limit = 1024,
    /* MHD clears all of it after each request, so more is not faster. */
    .connection_memory_bytes = 32 * 1024,
    .idle_timeout_s = 60,
    .heartbeat_ms = 15000,
    .socket_check_ms = 2000,
};

void server_problem(struct rpc_server *server, const char *format, ...) {
    if (!server->config.on_problem) return;
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    server->config.on_problem(server->config.ctx, message);
}

static bool has_work(struct rpc_server *server) {
    MHD_UNSIGNED_LONG_LONG wait_ms;
    return server->has_resumed ||
           (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES && wait_ms == 0);
}

/* MHD needs several runs for one answer of a resumed connection (build it, send it, reset), so run
 * until it is done. With work left the zero timer lets the loop poll first; making an event active
 * from its own callback would keep the loop from ever polling again. */
static void pump(struct rpc_server *server) {
    if (server->is_pumping) return;
    server->is_pumping = true;
    int rounds = 0;
    do {
        server->has_resumed = false;
        MHD_run(server->daemon);
    } while (has_work(server) && ++rounds < PUMP_ROUNDS_MAX);
    server->is_pumping = false;
    if (has_work(server)) event_add(&server->yield_event, &(struct timeval){0, 0});
}

static void on_pump(evutil_socket_t fd, short events, void *ctx) {
    (void)fd, (void)events;
    pump(ctx);
}

void server_schedule(struct rpc_server *server) {
    if (!server->is_pumping) event_active(&server->pump_event, EV_TIMEOUT, 0);
}

void server_resume(struct rpc_server *server, struct MHD_Connection *mhd) {
    server->has_resumed = true;
    MHD_resume_connection(mhd);
    server_schedule(server);
}

static void on_write(evutil_socket_t fd, short events, void *ctx) {
    (void)fd, (void)events;
    event_streams_write(ctx);
}

static void on_heartbeat(evutil_socket_t fd, short events, void *ctx) {
    (void)fd, (void)events;
    event_streams_heartbeat(ctx, rpc_clock_monotonic_ms());
}

static void on_sweep(evutil_socket_t fd, short events, void *ctx) {
    (void)fd, (void)events;
    connection_sweep(ctx, rpc_clock_monotonic_ms());
}

static void on_check(evutil_socket_t fd, short events, void *ctx) {
    (void)fd, (void)events;
    listener_check_all(ctx);
}

static int start_timer(struct rpc_server *server, struct event *event, event_callback_fn callback,
                       unsigned period_ms) {
    struct timeval period = {period_ms / 1000, (suseconds_t)(period_ms % 1000) * 1000};
    if (event_assign(event, server->base, -1, EV_PERSIST, callback, server) != 0) return -1;
    return event_add(event, &period);
}

static int start_events(struct rpc_server *server) {
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info) return -1;
    if (event_assign(&server->poll_event, server->base, info->epoll_fd, EV_READ | EV_PERSIST,
                     on_pump, server) != 0 ||
        event_assign(&server->pump_event, server->base, -1, 0, on_pump, server) != 0 ||
        event_assign(&server->yield_event, server->base, -1, 0, on_pump, server) != 0 ||
        event_assign(&server->write_event, server->base, -1, 0, on_write, server) != 0 ||
        event_add(&server->poll_event, NULL) != 0)
        return -1;
    unsigned idle_ms = server->config.idle_timeout_s * 1000;
    /* Looked at four times per period, so that a heartbeat is at most one period late. */
    return start_timer(server, &server->heartbeat_event, on_heartbeat,
                       (server->config.heartbeat_ms + 3) / 4) ||
                   start_timer(server, &server->sweep_event, on_sweep, (idle_ms + 3) / 4) ||
                   start_timer(server, &server->check_event, on_check,
                               server->config.socket_check_ms)
               ? -1
               : 0;
}

static void stop_events(struct rpc_server *server) {
    struct event *events[] = {&server->poll_event,  &server->pump_event,      &server->yield_event,
                              &server->write_event, &server->heartbeat_event, &server->sweep_event,
                              &server->check_event};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (event_initialized(events[i])) event_del(events[i]);
}

static struct MHD_Daemon *start_daemon(struct rpc_server *server) {
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0,
                            NULL, NULL, request_access, server, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            server->config.connection_memory_bytes,
                            /* One more than ours: the limit that answers is in listen.c. */
                            MHD_OPTION_CONNECTION_LIMIT, server->config.connection_limit + 1,
                            MHD_OPTION_NOTIFY_COMPLETED, request_completed, server,
                            MHD_OPTION_NOTIFY_CONNECTION, connection_notify, server,
                            MHD_OPTION_END);
}

static void apply_config(struct rpc_server_config *config, const struct rpc_server_config *given) {
    *config = default_config;
    if (!given) return;
    if (given->body_limit_bytes) config->body_limit_bytes = given->body_limit_bytes;
    if (given->connection_limit) config->connection_limit = given->connection_limit;
    if (given->stream_limit) config->stream_limit = given->stream_limit;
    if (given->connection_memory_bytes)
        config->connection_memory_bytes = given->connection_memory_bytes;
    if (given->idle_timeout_s) config->idle_timeout_s = given->idle_timeout_s;
    if (given->heartbeat_ms) config->heartbeat_ms = given->heartbeat_ms;
    if (given->socket_check_ms) config->socket_check_ms = given->socket_check_ms;
    config->on_problem = given->on_problem;
    config->ctx = given->ctx;
}

struct rpc_server *rpc_server_new(struct event_base *base, const struct rpc_server_config *config,
                                  struct rpc_error *err) {
    struct rpc_server *server = calloc(1, sizeof *server);
    if (!server) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    apply_config(&server->config, config);
    server->base = base;
    LIST_INIT(&server->listeners);
    LIST_INIT(&server->refusals);
    LIST_INIT(&server->connections);
    LIST_INIT(&server->streams);
    TAILQ_INIT(&server->ready_streams);
    server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->daemon = start_daemon(server);
    if (!server->daemon || start_events(server) != 0) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, errno, "cannot start the HTTP server: %s",
                      strerror(errno));
        rpc_server_free(server);
        return NULL;
    }
    return server;
}

static void free_routes(struct rpc_server *server) {
    for (size_t i = 0; i < server->route_count; i++) {
        free(server->routes[i].method);
        free(server->routes[i].path);
    }
    free(server->routes);
}

void rpc_server_free(struct rpc_server *server) {
    if (!server) return;
    rpc_server_close_listeners(server);
    struct refusal *refusal;
    while ((refusal = LIST_FIRST(&server->refusals)))
        refusal_close(refusal);
    if (server->daemon) {
        /* MHD must not be stopped with suspended connections: kill resumes them, and a run lets MHD
         * see it. */
        server->is_closing = true;
        struct connection *c, *next;
        for (c = LIST_FIRST(&server->connections); c; c = next) {
            next = LIST_NEXT(c, link);
            connection_kill(c);
        }
        pump(server);
        MHD_stop_daemon(server->daemon);
    }
    stop_events(server);
    rpc_fd_close(&server->reserve_fd);
    free_routes(server);
    rpc_strbuf_done(&server->scratch);
    free(server);
}

void rpc_server_close_listeners(struct rpc_server *server) {
    struct listener *listener;
    while ((listener = LIST_FIRST(&server->listeners)))
        listener_close(listener);
}

unsigned rpc_server_connections(const struct rpc_server *server) {
    return server->connection_count;
}

unsigned rpc_server_streams(const struct rpc_server *server) {
    return server->stream_count;
}

int rpc_server_route(struct rpc_server *server, const char *method, const char *path,
                     rpc_handler *handler, void *ctx) {
    struct route *routes =
        realloc(server->routes, (server->route_count + 1) * sizeof *server->routes);
    if (!routes) return -1;
    server->routes = routes;
    struct route route = {
        .method = strdup(method), .path = strdup(path), .handler = handler, .ctx = ctx};
    if (!route.method || !route.path) {
        free(route.method);
        free(route.path);
        return -1;
    }
    route.path_len = strlen(path);
    route.is_prefix = route.path_len > 0 && path[route.path_len - 1] == '/';
    routes[server->route_count++] = route;
    return 0;
}
