/*
 * Requests to the runner over its rpc.sock, without blocking.
 *
 * One connection carries one request, as HTTP/1.0, so a body is framed by its length or by the end
 * of the connection. The body is pulled: at most UPSTREAM_WINDOW_BYTES wait here, then nothing more
 * is read and the runner waits, so whoever consumes slowly slows its producer and nobody buffers.
 */
#ifndef UI_UPSTREAM_H
#define UI_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evbuffer;
struct event_base;
struct upstream;

#define UPSTREAM_WINDOW_BYTES (32 * 1024)

struct upstream_request {
    const char *method;
    const char *target;
    const char *headers; /* further header lines, each with its end; "" for none */
    const void *body;    /* copied */
    size_t len;
    unsigned timeout_ms; /* for the whole answer; 0: no limit */
};

struct upstream_head {
    unsigned status;
    const char *content_type; /* "" when there was none */
    const char *retry_after;  /* "" when there was none */
    uint64_t len;             /* UINT64_MAX: until the end of the connection */
};

/* Reads a head, its empty line included, in place: *head points into it. False: it is not HTTP. */
bool upstream_parse_head(char *text, struct upstream_head *head);

/* Called from the loop, never from within upstream_open. In each of them the upstream may be
 * closed. */
struct upstream_ops {
    /* The head is there; its texts are valid during the call. */
    void (*head)(void *ctx, const struct upstream_head *head);
    /* There is more in upstream_body, or the answer is complete (upstream_is_complete). */
    void (*data)(void *ctx);
    /* Nothing more will come although the answer is not complete, or there is no answer at all.
     * Called once; what is in upstream_body stays there. */
    void (*failed)(void *ctx, const char *why);
};

/* NULL only without memory. */
struct upstream *upstream_open(struct event_base *base, const char *socket_path,
                               const struct upstream_request *request,
                               const struct upstream_ops *ops, void *ctx);
/* Ends it, whatever state it is in. NULL is allowed. */
void upstream_close(struct upstream *upstream);

/* What has come of the body and was not taken yet. */
struct evbuffer *upstream_body(struct upstream *upstream);
/* Whether all of the body has come (it may still have to be taken). */
bool upstream_is_complete(const struct upstream *upstream);

#endif
