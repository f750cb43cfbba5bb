/*
 * Answers that are pulled as the client takes them: server-sent events, which have no end (WHATWG
 * HTML, "Server-sent events"), and bodies in pieces.
 *
 * A subscriber is a cursor into what the caller keeps anyway, never a queue: the server asks for
 * the next bytes only when the client's socket has room. A client that does not read costs what it
 * has not read of one batch, and delays nobody: streams with something to send take turns, a batch
 * each. A client that goes away, or sends bytes, is closed.
 *
 * Headers sent: 200, Content-Type: text/event-stream, Cache-Control: no-store, X-Accel-Buffering:
 * no, and those added with rpc_request_add_header. A comment goes out when nothing was sent for the
 * heartbeat time.
 */
#ifndef HERO_RPC_STREAM_H
#define HERO_RPC_STREAM_H

#include "hero_rpc/http_server.h"

struct rpc_stream;

enum rpc_stream_state {
    RPC_STREAM_MORE, /* there is more, ask again when the client has room */
    RPC_STREAM_IDLE, /* this is all there is; rpc_stream_wake says when there is more */
    RPC_STREAM_END,  /* these are the last bytes: send them, then close */
    RPC_STREAM_CUT,  /* the rest cannot be had: close so that the client sees it */
};

struct rpc_stream_ops {
    /* Appends the next events, whole, and moves the cursor behind them. Stop and say MORE once
     * out->len has reached `want` (some 32 KiB): an event that crosses it is fine, of any
     * size. Appending nothing with MORE counts as IDLE. `out` is shared and valid only during the
     * call, and need not be empty before it. Must not reply to requests, close servers or wake its
     * own stream. */
    enum rpc_stream_state (*produce)(void *ctx, struct rpc_strbuf *out, size_t want);
    /* The stream is over, for whatever reason; ctx is not used again. Called exactly once for each
     * stream opened. */
    void (*closed)(void *ctx);
};

/* Answers the request with a stream; the request is gone. NULL when there are too many (the
 * client got 503) or no memory (500): then `closed` is not called and ctx stays the caller's.
 * The first produce call comes later, from the loop. */
struct rpc_stream *rpc_stream_open(struct rpc_request *request, const struct rpc_stream_ops *ops,
                                   void *ctx);

/* Any other answer whose bytes come in pieces, by the same rules: with the status, the type and the
 * length given, without the headers above and without heartbeats; the connection lives on, and
 * bytes sent meanwhile are its next request. A client that takes nothing is closed after the idle
 * time. */
#define RPC_STREAM_UNKNOWN_LENGTH UINT64_MAX
struct rpc_stream *rpc_stream_open_body(struct rpc_request *request, unsigned status,
                                        const char *content_type, uint64_t len,
                                        const struct rpc_stream_ops *ops, void *ctx);

/* ---- Bytes that many streams send ---------------------------------------------------------- */

/* Encoded once, kept in memory once, and sent from there. Counted; freed with the last reference.
 * What a stream has been given must not change any more; bytes may be added behind it. */
struct rpc_block {
    unsigned refs;
    size_t len, cap;
    char bytes[];
};

/* Empty, with one reference. NULL without memory. */
struct rpc_block *rpc_block_new(size_t cap);
struct rpc_block *rpc_block_ref(struct rpc_block *block);
void rpc_block_unref(struct rpc_block *block); /* NULL is fine */

/* For `produce` of an event stream, once in a call and as the last thing in it: these bytes of the
 * block are sent behind what has been appended. Holds a reference until they are. */
void rpc_stream_add_block(struct rpc_stream *stream, struct rpc_block *block, size_t offset,
                          size_t len);

/* ---- Waking ------------------------------------------------------------------------------- */

/* There is more to send. Cheap, and free when the stream is not idle, so it may be called for each
 * event; the writing happens in the same round of the loop, once for all wakes in it. */
void rpc_stream_wake(struct rpc_stream *stream);

/* ---- The format ---------------------------------------------------------------------------- */

/* Appends one event. event and id may be NULL; data may contain newlines (one data: line each).
 * event and id must not. */
void rpc_sse_add_event(struct rpc_strbuf *out, const char *event, const char *id, const char *data,
                       size_t len);
/* The same with a number as id. */
void rpc_sse_add_numbered(struct rpc_strbuf *out, const char *event, uint64_t id, const char *data,
                          size_t len);

/* Where the client wants to go on: the header Last-Event-ID, else the query argument `name` (may be
 * NULL). 1 and *ret_id when there is one, 0 when there is none, -1 when it is not a number of
 * decimal digits that fits. */
int rpc_sse_resume_id(const struct rpc_request *request, const char *name, uint64_t *ret_id);

#endif
