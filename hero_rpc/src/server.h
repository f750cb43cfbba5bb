/*
 * The inside of the HTTP server, shared by http_server.c, listen.c, connection.c, request.c,
 * stream.c and event_stream.c.
 *
 * libmicrohttpd (MHD) runs without a listening socket and without threads; its epoll descriptor is
 * one event of our loop. Each accepted descriptor has a struct connection, found through MHD's
 * socket context; HTTP/1.1 has one request at a time on a connection, so the request lives inside.
 *
 *   accept → connection → request ─┬─ reply at once
 *                                  ├─ held: suspended in MHD, descriptor watched by our loop
 *                                  └─ stream: watched for its whole life; a body is suspended
 *                                     while idle, events are written past MHD, which sleeps
 *
 * MHD's own time-outs are off: it would look at every connection with a time-out of its own (the
 * streams) in each round. A sweep of ours closes what makes no progress.
 */
#ifndef HERO_RPC_SERVER_H
#define HERO_RPC_SERVER_H

#include "hero_rpc/bind.h"
#include "hero_rpc/http_server.h"
#include "hero_rpc/stream.h"
#include "tcp_guard.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <microhttpd.h>
#include <sys/queue.h>
#include <sys/uio.h>

struct listener {
    LIST_ENTRY(listener) link;
    struct rpc_server *server;
    struct event event;
    int fd;                      /* Unix: owned by the binding */
    struct rpc_binding *binding; /* Unix, else NULL */
    struct tcp_guard *guard;     /* TCP, else NULL; shared with its connections */
    bool is_lost;                /* Unix: told on_problem already */
};

/* A client that was told no at the door and may not have read it yet. */
struct refusal {
    LIST_ENTRY(refusal) link;
    struct rpc_server *server;
    struct event event;
    int fd;
};

struct route {
    char *method;
    char *path;
    size_t path_len;
    bool is_prefix;
    rpc_handler *handler;
    void *ctx;
};

enum request_state {
    REQUEST_NONE,     /* between requests */
    REQUEST_BODY,     /* the body is coming in */
    REQUEST_HANDLER,  /* the handler runs */
    REQUEST_HELD,     /* suspended, waits for its answer */
    REQUEST_ANSWERED, /* response is set */
    REQUEST_SENDING,  /* MHD has the response */
    REQUEST_STREAMED, /* suspended, event_stream.c writes the answer */
    REQUEST_GONE,     /* the client went away, or has had its events; to be closed */
};

struct rpc_request {
    enum request_state state;
    bool is_http_1_0;
    bool is_too_large; /* the body is read and thrown away, then answered with 413 */
    const char *method;
    const char *path;
    struct rpc_strbuf body;
    size_t discarded_bytes;
    struct rpc_strbuf headers; /* of the answer: name NUL value NUL ... */
    unsigned status;
    struct MHD_Response *response;
    void (*gone)(void *ctx);
    void *gone_ctx;
};

struct connection {
    LIST_ENTRY(connection) link;
    struct rpc_server *server;
    struct MHD_Connection *mhd; /* NULL until MHD has started it */
    int fd;                     /* owned by MHD */
    struct rpc_peer peer;
    struct tcp_guard *guard; /* NULL on Unix sockets */
    int64_t progress_ms;     /* when bytes last moved, monotonic */
    struct event watch;
    bool is_watched;
    struct rpc_request request;
    struct rpc_stream *stream; /* NULL unless the answer is one */
};

/* The rest of a batch of events, in this order. */
enum { PENDING_TEXT, PENDING_BLOCK, PENDING_TAIL, PENDING_PARTS };

struct rpc_stream {
    LIST_ENTRY(rpc_stream) link;
    struct connection *connection;
    const struct rpc_stream_ops *ops;
    void *ctx;
    struct rpc_strbuf rest; /* produced, but it did not fit; rest_sent of it is out */
    size_t rest_sent;
    int64_t sent_ms;   /* when bytes last went out, monotonic */
    bool is_events;    /* server-sent events; else a body in pieces */
    bool is_suspended; /* a body: MHD waits for rpc_stream_wake */
    bool is_caught_up; /* the last produce said IDLE and nobody called wake since */
    bool is_ending;    /* the last produce said END */
    bool is_aborted;   /* to be closed without a proper end, or closed with one */

    /* Of events. */
    TAILQ_ENTRY(rpc_stream) ready_link;
    struct event room;
    struct iovec pending[PENDING_PARTS];
    struct rpc_block *block; /* PENDING_BLOCK points into it; NULL: none */
    bool is_ready;           /* in ready_streams: has its turn in this round of the loop */
    bool is_full;            /* waits for `room` */
    bool is_chunked, has_begun;
    bool is_over; /* the last batch is pending, or sent */
    bool heartbeat_is_due;
};

struct rpc_server {
    struct rpc_server_config config;
    struct event_base *base;
    struct MHD_Daemon *daemon;
    struct event poll_event;  /* MHD's epoll descriptor */
    struct event pump_event;  /* made active by hand: MHD has work in this round of the loop */
    struct event yield_event; /* zero timer: MHD has work left for the next round */
    struct event write_event; /* made active by hand, or a zero timer: streams have their turns */
    struct event heartbeat_event;
    struct event sweep_event;
    struct event check_event;
    bool is_closing; /* no new calls */
    bool is_pumping;
    bool has_resumed;          /* a connection was resumed since the last MHD_run */
    int reserve_fd;            /* given up for a moment to answer when descriptors run out */
    struct connection *adding; /* the connection MHD_add_connection is working on */
    LIST_HEAD(, listener) listeners;
    LIST_HEAD(, refusal) refusals;
    unsigned refusal_count;
    LIST_HEAD(, connection) connections;
    LIST_HEAD(, rpc_stream) streams;
    TAILQ_HEAD(, rpc_stream) ready_streams;
    unsigned connection_count;
    unsigned stream_count;
    struct route *routes;
    size_t route_count;
    struct rpc_strbuf scratch; /* what a stream produces goes through here */
};

/* http_server.c */
/* Lets MHD run in this round of the loop; many calls cost one run. */
void server_schedule(struct rpc_server *server);
void server_resume(struct rpc_server *server, struct MHD_Connection *mhd);
void __attribute__((format(printf, 2, 3)))
server_problem(struct rpc_server *server, const char *format, ...);

/* listen.c */
void listener_close(struct listener *listener);
void refusal_close(struct refusal *refusal);
/* Checks that the Unix listeners' paths are still theirs. */
void listener_check_all(struct rpc_server *server);

/* connection.c */
/* Hands an accepted descriptor to MHD; takes it in any case. */
void connection_add(struct rpc_server *server, int fd, const struct sockaddr *address,
                    socklen_t address_len, const struct rpc_peer *peer, struct tcp_guard *guard);
/* MHD's calls. */
void connection_notify(void *ctx, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode code);
/* Watches for the client going away, until unwatched. */
void connection_watch(struct connection *c);
void connection_unwatch(struct connection *c);
/* Makes MHD drop the connection, whatever it is doing. */
void connection_kill(struct connection *c);
/* Closes connections that make no progress. */
void connection_sweep(struct rpc_server *server, int64_t now_ms);

/* request.c */
enum MHD_Result request_access(void *ctx, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_len, void **request_context);
void request_completed(void *ctx, struct MHD_Connection *mhd, void **request_context,
                       enum MHD_RequestTerminationCode code);
/* The client of a held call has gone. */
void request_client_gone(struct rpc_request *request);
/* Hands over a finished response; takes it. NULL (no memory) closes the connection. */
void request_answer(struct rpc_request *request, unsigned status, struct MHD_Response *response);
struct connection *request_connection(const struct rpc_request *request);
/* The answer is written past MHD, which keeps the connection until request_give_up. */
void request_take_over(struct rpc_request *request);
/* Lets MHD close the connection of a suspended request. */
void request_give_up(struct rpc_request *request);
/* The header lines that the handler has added. */
void request_add_headers(const struct rpc_request *request, struct rpc_strbuf *out);

/* stream.c */
/* NULL: the request has been answered with an error. */
struct rpc_stream *stream_new(struct rpc_request *request, const struct rpc_stream_ops *ops,
                              void *ctx);
/* Without telling its owner. */
void stream_free(struct rpc_stream *stream);
void stream_abort(struct rpc_stream *stream);
void stream_closed(struct rpc_stream *stream);

/* event_stream.c */
/* Gives it a turn in this round of the loop, if it can use one. */
void event_stream_make_ready(struct rpc_stream *stream);
/* It writes no more. */
void event_stream_stop(struct rpc_stream *stream);
/* The turns of all that are ready. */
void event_streams_write(struct rpc_server *server);
/* Has a comment sent where nothing was sent for too long. */
void event_streams_heartbeat(struct rpc_server *server, int64_t now_ms);

#endif
