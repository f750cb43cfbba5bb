/* One client's connection: its life in MHD, watching for its end, time-outs. */
#include "hero_rpc/clock.h"
#include "server.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void connection_add(struct rpc_server *server, int fd, const struct sockaddr *address,
                    socklen_t address_len, const struct rpc_peer *peer, struct tcp_guard *guard) {
    struct connection *c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        return;
    }
    c->server = server;
    c->fd = fd;
    c->peer = *peer;
    c->progress_ms = rpc_clock_monotonic_ms();
    c->guard = tcp_guard_ref(guard);
    LIST_INSERT_HEAD(&server->connections, c, link);
    server->connection_count++;

    server->adding = c;
    bool is_added = MHD_add_connection(server->daemon, fd, address, address_len) == MHD_YES;
    server->adding = NULL;
    /* A connection that MHD did start is freed by connection_notify, also when it then failed. */
    if (!is_added && !c->mhd) {
        LIST_REMOVE(c, link);
        server->connection_count--;
        tcp_guard_unref(c->guard);
        free(c);
    }
    server_schedule(server);
}

static void connection_free(struct connection *c) {
    connection_unwatch(c);
    LIST_REMOVE(c, link);
    c->server->connection_count--;
    rpc_strbuf_done(&c->request.body);
    rpc_strbuf_done(&c->request.headers);
    tcp_guard_unref(c->guard);
    free(c);
}

void connection_notify(void *ctx, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode code) {
    struct rpc_server *server = ctx;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        server->adding->mhd = mhd;
        *socket_context = server->adding;
    } else if (*socket_context) {
        connection_free(*socket_context);
        *socket_context = NULL;
    }
}

/* Whether the peer is gone for good. A Unix peer that only shut down its writing side still reads,
 * and poll tells the two apart; on TCP a FIN is all that is seen of either. */
static bool peer_is_gone(const struct connection *c) {
    struct pollfd p = {.fd = c->fd, .events = POLLIN | POLLRDHUP};
    if (poll(&p, 1, 0) < 0) return false;
    if (p.revents & (POLLHUP | POLLERR | POLLNVAL)) return true;
    return !c->peer.is_unix && (p.revents & POLLRDHUP);
}

static bool peer_has_sent(const struct connection *c) {
    char byte;
    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Edge-triggered, so that bytes or a half-closed peer that we leave alone do not fire for ever. */
static void on_watch(evutil_socket_t fd, short events, void *ctx) {
    (void)fd, (void)events;
    struct connection *c = ctx;
    bool is_events = c->stream && c->stream->is_events;
    if (peer_is_gone(c) || (is_events && peer_has_sent(c))) connection_kill(c);
}

void connection_watch(struct connection *c) {
    if (c->is_watched) return;
    if (event_assign(&c->watch, c->server->base, c->fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST,
                     on_watch, c) == 0 &&
        event_add(&c->watch, NULL) == 0)
        c->is_watched = true;
}

void connection_unwatch(struct connection *c) {
    if (!c->is_watched) return;
    event_del(&c->watch);
    c->is_watched = false;
}

/* A suspended connection is resumed and MHD's call-back then says that it is over; any other one
 * notices the shutdown as a hang-up on its descriptor. */
void connection_kill(struct connection *c) {
    connection_unwatch(c);
    if (c->stream)
        stream_abort(c->stream);
    else if (c->request.state == REQUEST_HELD)
        request_client_gone(&c->request);
    shutdown(c->fd, SHUT_RDWR);
}

void connection_sweep(struct rpc_server *server, int64_t now_ms) {
    int64_t limit_ms = (int64_t)server->config.idle_timeout_s * 1000;
    struct connection *c, *next;
    for (c = LIST_FIRST(&server->connections); c; c = next) {
        next = LIST_NEXT(c, link);
        const struct rpc_stream *stream = c->stream;
        bool is_spared =
            stream ? stream->is_events || stream->is_suspended : c->request.state == REQUEST_HELD;
        if (!is_spared && now_ms - c->progress_ms >= limit_ms) connection_kill(c);
    }
}
