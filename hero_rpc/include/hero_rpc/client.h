/*
 * A blocking HTTP client for Hero services, over Unix sockets and TCP. The connection is kept
 * between calls. A client is used by one thread at a time.
 *
 * Kinds of error, so that a program can tell "start the server first" from "your request is wrong":
 * RPC_ERROR_UNREACHABLE, _TIMEOUT, _INTERRUPTED, _HTTP, _PROTOCOL, _RPC (see error.h).
 */
#ifndef HERO_RPC_CLIENT_H
#define HERO_RPC_CLIENT_H

#include "hero_rpc/error.h"
#include "hero_rpc/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct rpc_client;

/* Neither connects yet. The path must be a socket path of at most 107 bytes. */
struct rpc_client *rpc_client_new_unix(const char *socket_path, struct rpc_error *err);
/* base_url: "http://127.0.0.1:8080", without a path. token: sent as a bearer token; may be NULL. */
struct rpc_client *rpc_client_new_tcp(const char *base_url, const char *token,
                                      struct rpc_error *err);
void rpc_client_free(struct rpc_client *client);

/* Time to connect (default 5 s) and for a whole call (default 60 s); 0 leaves one as it is, a
 * negative total means no limit (a held call). */
void rpc_client_set_timeouts(struct rpc_client *client, long connect_ms, long total_ms);
/* A descriptor that ends any call or stream with RPC_ERROR_INTERRUPTED when it becomes readable
 * (an eventfd, or a pipe a signal handler writes to); -1: none. It is not read. */
void rpc_client_set_stop_fd(struct rpc_client *client, int fd);

/* Calls POST /rpc. params is borrowed; NULL: none. The result is a new reference (a JSON null is a
 * value, not NULL). */
json_t *rpc_client_call(struct rpc_client *client, const char *method, json_t *params,
                        struct rpc_error *err);

/* One HTTP request. body NULL: GET, else POST with application/json. The answer's body replaces
 * *ret_body (may be NULL). Every status is a success here; it is returned (100-599), -1 otherwise.
 */
int rpc_client_http(struct rpc_client *client, const char *path, const char *body, size_t len,
                    struct rpc_strbuf *ret_body, struct rpc_error *err);

struct rpc_sse_event {
    const char *event; /* "message" when the server gave none */
    const char *id;    /* the last id seen, "" when there was none */
    const char *data;  /* lines joined by newlines */
    size_t data_len;
};
/* false ends the reading. */
typedef bool rpc_sse_handler(void *ctx, const struct rpc_sse_event *event);

struct rpc_follow {
    const char *path;
    const char *last_event_id; /* where to go on; NULL: from the start */
    const char *body;          /* to POST as application/json; NULL: GET */
    size_t len;
    rpc_sse_handler *event;
    /* Events were handled, and there are no more yet: what the handler has put aside can go out
     * before the waiting. May be NULL. */
    bool (*pause)(void *ctx);
    void *ctx;
};

enum rpc_follow_end {
    RPC_FOLLOW_CLOSED = 0,  /* the server closed after a whole event */
    RPC_FOLLOW_STOPPED = 1, /* the handler returned false */
};
/*
 * Reads a stream of events until one of these ends, or -1 and the error (RPC_ERROR_INTERRUPTED for
 * the stop descriptor; RPC_ERROR_TIMEOUT when no byte, not even a heartbeat, came for three
 * heartbeats, 45 s). After an error the id of the last event handled is in
 * rpc_client_last_event_id, so that the caller can resume.
 */
int rpc_client_follow_with(struct rpc_client *client, const struct rpc_follow *follow,
                           struct rpc_error *err);
/* The same with GET and an event function alone. */
int rpc_client_follow(struct rpc_client *client, const char *path, const char *last_event_id,
                      rpc_sse_handler *handler, void *ctx, struct rpc_error *err);
/* "" when there was none; valid until the next rpc_client_follow. */
const char *rpc_client_last_event_id(const struct rpc_client *client);

/* Whether somebody accepts connections on a Unix socket, without sending anything. */
bool rpc_client_is_listening(const char *socket_path);

/* ---- Without a client: for programs that make HTTP requests in a way of their own ----------- */

/* The body of a POST /rpc, from malloc; params NULL: none. NULL: out of memory. */
char *rpc_encode_call(long long id, const char *method, const json_t *params, size_t *ret_len);
/* The result in an answer to it, as rpc_client_call gives it. status: of HTTP. */
json_t *rpc_read_answer(int status, const struct rpc_strbuf *body, long long id,
                        struct rpc_error *err);
/* RPC_ERROR_RPC when the body is an error of JSON-RPC; else RPC_ERROR_HTTP with what it says: the
 * message of {"error": "..."}, or its beginning. */
void rpc_set_http_error(int status, const struct rpc_strbuf *body, struct rpc_error *err);

#endif
