/* Listening sockets: accepting, who is there, limits, lost paths. */
#include "hero_rpc/fd.h"
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* Accepted in one go, before others have their turn. */
#define ACCEPT_BATCH 64
#define LISTEN_BACKLOG 1024
#define PEER_GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel, credentials(7) */

/* --- Saying no at the door, without MHD --- */

/* Closing at once would break the pipe of a client that is still sending, and unread bytes would
 * reset the connection: either way it might never read the answer. So the descriptor stays until
 * the client's request has come, for a moment and for a few clients. */
#define REFUSALS_MAX 64
#define REFUSAL_TIMEOUT_S 1

static void send_refusal(int fd, const char *status, const char *headers, const char *message) {
    char answer[512];
    int body_len = (int)strlen("{\"error\":\"\"}") + (int)strlen(message);
    int n = snprintf(answer, sizeof answer,
                     "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                     "%sConnection: close\r\n\r\n{\"error\":\"%s\"}",
                     status, body_len, headers, message);
    /* Nothing to do about a client that does not take it. */
    if (send(fd, answer, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) shutdown(fd, SHUT_WR);
}

static void drain_and_close(int fd) {
    char unread[4096];
    while (recv(fd, unread, sizeof unread, MSG_DONTWAIT) > 0) {
    }
    close(fd);
}

void refusal_close(struct refusal *refusal) {
    event_del(&refusal->event);
    drain_and_close(refusal->fd);
    LIST_REMOVE(refusal, link);
    refusal->server->refusal_count--;
    free(refusal);
}

static void on_refused_client(evutil_socket_t fd, short events, void *ctx) {
    (void)fd, (void)events;
    refusal_close(ctx);
}

static void refuse(struct rpc_server *server, int fd, const char *status, const char *headers,
                   const char *message) {
    send_refusal(fd, status, headers, message);
    struct refusal *refusal =
        server->refusal_count < REFUSALS_MAX ? calloc(1, sizeof *refusal) : NULL;
    if (!refusal ||
        event_assign(&refusal->event, server->base, fd, EV_READ, on_refused_client, refusal) != 0) {
        drain_and_close(fd);
        free(refusal);
        return;
    }
    refusal->server = server;
    refusal->fd = fd;
    LIST_INSERT_HEAD(&server->refusals, refusal, link);
    server->refusal_count++;
    event_add(&refusal->event, &(struct timeval){REFUSAL_TIMEOUT_S, 0});
}

/* --- Who is there --- */

static bool has_group(int fd, gid_t group) {
    socklen_t len = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE) return false;
    if (len > PEER_GROUPS_MAX * sizeof(gid_t)) return false;
    gid_t *groups = malloc(len);
    bool found = false;
    if (groups && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
        for (size_t i = 0; i < len / sizeof *groups; i++)
            found |= groups[i] == group;
    free(groups);
    return found;
}

static bool identify_unix(const struct listener *listener, int fd, struct rpc_peer *ret_peer) {
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) return false;
    *ret_peer = (struct rpc_peer){
        .is_unix = true, .has_uid = true, .uid = peer.uid, .gid = peer.gid, .pid = peer.pid};
    gid_t group = rpc_binding_gid(listener->binding);
    return peer.uid == 0 || peer.uid == geteuid() || peer.gid == group || has_group(fd, group);
}

static void take_connection(struct listener *listener, int fd, const struct sockaddr *address,
                            socklen_t address_len) {
    struct rpc_server *server = listener->server;
    struct rpc_peer peer;
    if (server->connection_count >= server->config.connection_limit) {
        refuse(server, fd, "503 Service Unavailable", "Retry-After: 1\r\n", "too many connections");
        return;
    }
    if (listener->binding) {
        if (!identify_unix(listener, fd, &peer)) {
            refuse(server, fd, "403 Forbidden", "",
                   "only the owner, root and the socket's group may call");
            return;
        }
    } else {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        tcp_guard_find_peer(fd, &peer);
    }
    connection_add(server, fd, address, address_len, &peer, listener->guard);
}

/* Out of descriptors: the reserve lets one client after the other be told so, instead of leaving
 * them waiting. Without the reserve (somebody else took its number) the listener, which stays
 * ready, would keep the loop spinning: it rests until the next check of the sockets. */
static bool refuse_without_descriptors(struct listener *listener) {
    struct rpc_server *server = listener->server;
    rpc_fd_close(&server->reserve_fd);
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        send_refusal(fd, "503 Service Unavailable", "Retry-After: 1\r\n", "out of descriptors");
        drain_and_close(fd); /* its number is the reserve's */
    }
    server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (server->reserve_fd < 0) event_del(&listener->event);
    return server->reserve_fd >= 0;
}

static void on_accept(evutil_socket_t event_fd, short events, void *ctx) {
    (void)event_fd, (void)events;
    struct listener *listener = ctx;
    bool has_told = false;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage address;
        socklen_t len = sizeof address;
        memset(&address, 0, sizeof address.ss_family);
        int fd =
            accept4(listener->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_connection(listener, fd, (struct sockaddr *)&address, len);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) return;
        bool is_short = errno == EMFILE || errno == ENFILE;
        if (!has_told) server_problem(listener->server, "cannot accept: %s", strerror(errno));
        has_told = true;
        if (!is_short || !refuse_without_descriptors(listener)) return;
    }
}

static int start_accepting(struct listener *listener) {
    if (event_assign(&listener->event, listener->server->base, listener->fd, EV_READ | EV_PERSIST,
                     on_accept, listener) != 0)
        return -1;
    return event_add(&listener->event, NULL);
}

void listener_close(struct listener *listener) {
    if (event_initialized(&listener->event)) event_del(&listener->event);
    if (listener->binding)
        rpc_binding_close(listener->binding);
    else
        rpc_fd_close(&listener->fd);
    tcp_guard_unref(listener->guard);
    LIST_REMOVE(listener, link);
    free(listener);
}

static struct listener *add_listener(struct rpc_server *server, struct rpc_error *err) {
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    listener->server = server;
    listener->fd = -1;
    LIST_INSERT_HEAD(&server->listeners, listener, link);
    return listener;
}

int rpc_server_listen_unix(struct rpc_server *server, const char *path, const char *state_dir,
                           struct rpc_error *err) {
    struct listener *listener = add_listener(server, err);
    if (!listener) return -1;
    listener->binding = rpc_binding_open(path, state_dir, err);
    if (listener->binding) {
        listener->fd = rpc_binding_fd(listener->binding);
        if (start_accepting(listener) == 0) return 0;
        rpc_error_set(err, RPC_ERROR_SYSTEM, errno, "cannot watch %s", path);
    }
    listener_close(listener);
    return -1;
}

static int parse_address(const char *text, uint16_t port, struct sockaddr_storage *ret_address,
                         socklen_t *ret_len, struct rpc_error *err) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;
    memset(ret_address, 0, sizeof *ret_address);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *ret_len = sizeof *v4;
        return 0;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *ret_len = sizeof *v6;
        return 0;
    }
    rpc_error_set(err, RPC_ERROR_INVALID, 0, "not a numeric IP address: \"%s\"", text);
    return -1;
}

static int bind_tcp(struct listener *listener, struct sockaddr_storage *address, socklen_t len) {
    int on = 1;
    listener->fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0 ||
        setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (address->ss_family == AF_INET6 &&
         setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
        bind(listener->fd, (struct sockaddr *)address, len) != 0 ||
        listen(listener->fd, LISTEN_BACKLOG) != 0)
        return -1;
    return getsockname(listener->fd, (struct sockaddr *)address, &len);
}

int rpc_server_listen_tcp(struct rpc_server *server, const struct rpc_tcp_options *options,
                          uint16_t *ret_port, struct rpc_error *err) {
    const char *text = options->address ? options->address : "127.0.0.1";
    struct sockaddr_storage address;
    socklen_t len;
    if (parse_address(text, options->port, &address, &len, err) != 0) return -1;
    struct listener *listener = add_listener(server, err);
    if (!listener) return -1;
    if (bind_tcp(listener, &address, len) != 0) {
        rpc_error_set_errno(err, "cannot listen on %s port %u", text, options->port);
    } else if (!(listener->guard = tcp_guard_new(options, &address)) ||
               start_accepting(listener) != 0) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    } else {
        /* sin_port and sin6_port are at the same place. */
        if (ret_port) *ret_port = ntohs(((struct sockaddr_in *)&address)->sin_port);
        return 0;
    }
    listener_close(listener);
    return -1;
}

static void check(struct listener *listener) {
    struct rpc_error err = {0};
    /* Binding again closes the old descriptor: whoever waits there is taken first, and its event
     * goes. */
    on_accept(listener->fd, EV_READ, listener);
    event_del(&listener->event);
    enum rpc_binding_state state = rpc_binding_check(listener->binding, &err);
    listener->fd = rpc_binding_fd(listener->binding);
    start_accepting(listener);
    if (state == RPC_BINDING_REBOUND)
        server_problem(listener->server, "%s had vanished and was bound again",
                       rpc_binding_path(listener->binding));
    else if (state == RPC_BINDING_LOST && !listener->is_lost)
        server_problem(listener->server, "%s is lost: %s", rpc_binding_path(listener->binding),
                       err.message);
    listener->is_lost = state == RPC_BINDING_LOST;
}

void listener_check_all(struct rpc_server *server) {
    struct listener *listener, *next;
    for (listener = LIST_FIRST(&server->listeners); listener; listener = next) {
        next = LIST_NEXT(listener, link);
        if (listener->binding) check(listener);
        if (!event_pending(&listener->event, EV_READ, NULL)) event_add(&listener->event, NULL);
    }
}
