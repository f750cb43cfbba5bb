/*
 * HTTP requests that the server makes itself: scripts of script_url, and callbacks. libcurl's multi
 * interface on the loop; nothing here waits (names are looked up on libcurl's own threads).
 */
#ifndef RUNNER_SERVER_HTTP_H
#define RUNNER_SERVER_HTTP_H

#include <hero_rpc/error.h>
#include <hero_rpc/strbuf.h>
#include <stdint.h>

struct event_base;
struct http;
struct http_call;

struct http *http_new(struct event_base *base, struct rpc_error *err);
/* Calls under way are given up. */
void http_free(struct http *http);

struct http_request {
    const char *url;         /* http or https */
    const char *unix_socket; /* NULL: over the network */
    const char *body;        /* to POST as JSON; NULL: GET */
    size_t len;
    const char *if_none_match; /* an ETag; NULL: none */
    int64_t timeout_ms;        /* for all of it */
    int64_t max_bytes;         /* of the answer, unpacked; more is an error */
};

struct http_answer {
    long status;       /* 100-599; 0: none came */
    const char *error; /* why not; NULL: an answer has come */
    struct rpc_strbuf body;
    char *etag; /* NULL: none */
};
/* The answer is borrowed, but what is taken out of it (rpc_strbuf_take, etag) is the callee's. */
typedef void http_done(void *ctx, struct http_answer *answer);

/* Texts are copied. `done` is called later, from the loop. NULL without memory. */
struct http_call *http_start(struct http *http, const struct http_request *request, http_done *done,
                             void *ctx);
/* `done` will not be called. */
void http_give_up(struct http_call *call);

/* Whether a call can be made of it. */
bool http_is_address(const char *url);

#endif
