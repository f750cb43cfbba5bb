/*
 * An HTTP/1.1 server on a libevent loop, over Unix sockets and TCP.
 *
 * Everything runs on the loop's thread; no call here blocks, and all of them are for that thread
 * only. libmicrohttpd does the protocol; accepting, limits and who may call are ours.
 *
 * Who may call. Unix sockets: root, the owner (our effective uid) and members of the socket file's
 * group, from SO_PEERCRED and SO_PEERGROUPS (socket(7), unix(7)); others get 403. TCP: see
 * rpc_server_listen_tcp.
 *
 * Life of a request. The handler is called once the whole body is there. It must bring about
 * exactly one of these, at once or later from any event of the loop:
 *   - one of the rpc_request_reply calls;
 *   - rpc_stream_open or rpc_stream_open_body (stream.h).
 * After that the request is gone and must not be used. A handler that returns without either holds
 * the call; a client that goes away meanwhile is noticed, then the function of rpc_request_on_gone
 * runs, and when it returns the request is gone too, with nothing to reply. A Unix client that has
 * only shut down its writing side still waits and gets its answer; over TCP that counts as gone.
 *
 * Answers of the server itself: 404 (no route), 405 (the path has routes, none for the method), 413
 * (body over the limit), 403, 421, 503. Bodies of errors are {"error": "<message>"}. HEAD is served
 * by the GET route without the body.
 */
#ifndef HERO_RPC_HTTP_SERVER_H
#define HERO_RPC_HTTP_SERVER_H

#include "hero_rpc/error.h"
#include "hero_rpc/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;
struct rpc_server;
struct rpc_request;

/* Zero in a member means its default. */
struct rpc_server_config {
    size_t body_limit_bytes;   /* 16 MiB; over it 413 */
    unsigned connection_limit; /* 1,024; over it 503 with Retry-After */
    unsigned stream_limit;     /* 1,024; over it 503 with Retry-After */
    /* 32 KiB: of a connection, for headers (431 when they do not fit) and for the piece of an
     * answer that is being sent; at least 4 KiB. */
    size_t connection_memory_bytes;
    unsigned idle_timeout_s;  /* 60; held calls and streams are spared */
    unsigned heartbeat_ms;    /* 15,000: comment on a stream on which nothing was sent */
    unsigned socket_check_ms; /* 2,000: how often the socket paths are checked */
    /* Told about what no caller can be told: a lost path, a failed accept. May be NULL. */
    void (*on_problem)(void *ctx, const char *message);
    void *ctx;
};

/* config may be NULL. The base must outlive the server. */
struct rpc_server *rpc_server_new(struct event_base *base, const struct rpc_server_config *config,
                                  struct rpc_error *err);
/* Closes listeners and connections. Held calls get their on_gone, streams their closed call.
 * Not to be called from inside a handler. NULL is allowed. */
void rpc_server_free(struct rpc_server *server);

/* Binds as bind.h says; state_dir may be NULL. */
int rpc_server_listen_unix(struct rpc_server *server, const char *path, const char *state_dir,
                           struct rpc_error *err);

struct rpc_tcp_options {
    const char *address; /* numeric IPv4 or IPv6 address; NULL is 127.0.0.1 */
    uint16_t port;       /* 0: any free one */
    const char *token;   /* secret for callers not known otherwise; NULL: none passes by token */
    bool wants_token;    /* nobody passes without the token, whoever they are */
    const char *const *host_names; /* further names allowed in Host, NULL-terminated; or NULL */
};
/*
 * A request on TCP passes when its Host is localhost, an address of loopback, the listening address
 * or one of host_names (421 otherwise, which stops DNS rebinding), its Origin, if any, is one of
 * the same names (403), and its caller is known: a loopback peer whose socket belongs to our uid or
 * to root (looked up in /proc/net/tcp; not with wants_token), or one that shows the token as
 * `Authorization: Bearer`, as the cookie hero_token, or as `?token=` in a GET. The last sets the
 * cookie (HttpOnly, SameSite=Strict) and redirects to the same path without it. Others get 401.
 * *ret_port (may be NULL) is the port bound.
 */
int rpc_server_listen_tcp(struct rpc_server *server, const struct rpc_tcp_options *options,
                          uint16_t *ret_port, struct rpc_error *err);

/* Stops accepting and removes the socket paths; what is open goes on. For an orderly end. */
void rpc_server_close_listeners(struct rpc_server *server);
unsigned rpc_server_connections(const struct rpc_server *server);
unsigned rpc_server_streams(const struct rpc_server *server);

typedef void rpc_handler(struct rpc_request *request, void *ctx);

/* Adds a route. method: "GET", "POST", ..., or "*" for any. path: exact, or, ending in "/", also
 * every path that begins with it ("/" alone: everything); the longest match wins, and an exact
 * match wins over a prefix. Strings are copied. -1 only without memory. */
int rpc_server_route(struct rpc_server *server, const char *method, const char *path,
                     rpc_handler *handler, void *ctx);

/* Who is at the other end, as of the connection's beginning. */
struct rpc_peer {
    bool is_unix;
    bool has_uid; /* uid is known: always on Unix sockets, on TCP for loopback peers */
    uid_t uid;
    gid_t gid; /* Unix only, as pid */
    pid_t pid; /* 0 when unknown */
    /* Only in rpc_call_peer, and only until the method first returns: whom the header X-Hero-User
     * names, which anybody can write. NULL: nobody. */
    const char *claimed_user;
};

/* What the client sent; all borrowed, valid as long as the request. */
const char *rpc_request_method(const struct rpc_request *request);
const char *rpc_request_path(const struct rpc_request *request); /* percent-decoded, no query */
const char *rpc_request_query(const struct rpc_request *request, const char *name);  /* or NULL */
/* All values of an argument that may be given several times, in order, "" for one without a value.
 * Returns how many there are; at most `max` are put into the array. */
size_t rpc_request_query_all(const struct rpc_request *request, const char *name,
                             const char **ret_values, size_t max);
const char *rpc_request_header(const struct rpc_request *request, const char *name); /* or NULL */
/* Appends path and query as they go into a request line, percent-encoded anew, without the query
 * argument `without` (NULL: all of them). */
void rpc_request_add_target(const struct rpc_request *request, const char *without,
                            struct rpc_strbuf *out);
const char *rpc_request_body(const struct rpc_request *request, size_t *ret_len); /* never NULL */
const struct rpc_peer *rpc_request_peer(const struct rpc_request *request);
struct rpc_server *rpc_request_server(const struct rpc_request *request);

/* The function to run when the client goes away before the answer; NULL takes it back. */
void rpc_request_on_gone(struct rpc_request *request, void (*gone)(void *ctx), void *ctx);

/* A header of the answer, before replying or opening a stream. Copied. Content-Type is given with
 * the reply, Content-Length is set by itself. */
void rpc_request_add_header(struct rpc_request *request, const char *name, const char *value);

/* Answers. content_type NULL: none (for 204). `reply` copies the body; `reply_static` refers to
 * bytes that outlive the server; `reply_take` owns bytes from malloc. */
void rpc_request_reply(struct rpc_request *request, unsigned status, const char *content_type,
                       const void *body, size_t len);
void rpc_request_reply_static(struct rpc_request *request, unsigned status,
                              const char *content_type, const void *body, size_t len);
void rpc_request_reply_take(struct rpc_request *request, unsigned status, const char *content_type,
                            char *body, size_t len);
/* A JSON value as the body; the reference is taken. */
void rpc_request_reply_json(struct rpc_request *request, unsigned status, json_t *value);
/* {"error": "<message>"} */
void rpc_request_reply_error(struct rpc_request *request, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
