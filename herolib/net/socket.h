/* socket.h - names looked up and connections made while the session can be stopped.
 *
 * Deadlines are those of herolib_wait. All return 0, -ECANCELED when the session must stop, -ETIMEDOUT
 * at the deadline, another negative errno, or for a name that is not found the EAI_ code of
 * getaddrinfo(3) as a positive number; socket_error_text tells any of them.
 */
#ifndef HEROLIB_NET_SOCKET_H
#define HEROLIB_NET_SOCKET_H

#include <herolib/herolib.h>

#include <netdb.h>

/* getaddrinfo(3) on a thread of its own, unless `host` is an address. *ret is freed by
 * freeaddrinfo. */
int socket_resolve(herolib_session *session, const char *host, int port, int64_t deadline_ns,
                   struct addrinfo **ret);

/* A connected, non-blocking stream socket: the first address that answers. */
int socket_connect(herolib_session *session, const char *host, int port, int64_t deadline_ns,
                   int *ret_fd);
int socket_connect_unix(herolib_session *session, const char *path, int64_t deadline_ns,
                        int *ret_fd);

const char *socket_error_text(int failed);

#endif
