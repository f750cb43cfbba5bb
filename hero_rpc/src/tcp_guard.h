/*
 * Who may call over TCP: the checks that a Unix socket gets from the kernel. One guard per TCP
 * listener, shared with the connections it accepted.
 */
#ifndef HERO_RPC_TCP_GUARD_H
#define HERO_RPC_TCP_GUARD_H

#include "hero_rpc/http_server.h"

#include <sys/socket.h>

struct tcp_guard;

/* local: the address bound. NULL without memory. */
struct tcp_guard *tcp_guard_new(const struct rpc_tcp_options *options,
                                const struct sockaddr_storage *local);
/* Both take NULL. */
struct tcp_guard *tcp_guard_ref(struct tcp_guard *guard);
void tcp_guard_unref(struct tcp_guard *guard);

/* Finds whose socket is at the other end, when that end is on this machine. */
void tcp_guard_find_peer(int fd, struct rpc_peer *ret_peer);

/* Checks Host, Origin and caller. False: the request has been answered. */
bool tcp_guard_admit(struct tcp_guard *guard, struct rpc_request *request);

/* Whether `host`, the value of a Host header or the part of an Origin behind "//", is one of the
 * guard's names, with any port. */
bool tcp_guard_knows_host(const struct tcp_guard *guard, const char *host);

#endif
