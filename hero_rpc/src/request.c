/* A request: from MHD's call-backs to the handler and back. */
#include "hero_rpc/clock.h"
#include "server.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A body over the limit is read to its end and thrown away, because a client that is cut off while
 * sending does not get to read why. Over this factor times the limit it is cut off all the same. */
#define DISCARD_FACTOR 4
/* A body buffer that has grown beyond this is not kept for the next request. */
#define BODY_KEPT_BYTES (64 * 1024)
/* Answers over this size are handed to MHD in pieces, which shows whether the client reads. */
#define WHOLE_ANSWER_BYTES (64 * 1024)
#define PIECE_BYTES (32 * 1024)

struct connection *request_connection(const struct rpc_request *request) {
    return (struct connection *)(uintptr_t)((const char *)request -
                                            offsetof(struct connection, request));
}

static void request_reset(struct rpc_request *request) {
    if (request->response) MHD_destroy_response(request->response);
    if (request->body.cap > BODY_KEPT_BYTES) rpc_strbuf_done(&request->body);
    struct rpc_strbuf body = request->body;
    struct rpc_strbuf headers = request->headers;
    *request = (struct rpc_request){.body = body, .headers = headers};
    rpc_strbuf_clear(&request->body);
    rpc_strbuf_clear(&request->headers);
}

/* --- Routes --- */

static bool route_matches(const struct route *route, const char *path) {
    return route->is_prefix ? strncmp(path, route->path, route->path_len) == 0
                            : strcmp(path, route->path) == 0;
}

static bool method_matches(const struct route *route, const char *method) {
    return strcmp(route->method, "*") == 0 || strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* An exact path beats any prefix, a longer prefix a shorter one. */
static size_t route_weight(const struct route *route) {
    return route->path_len * 2 + (route->is_prefix ? 0 : 1);
}

static const struct route *find_route(const struct rpc_server *server,
                                      const struct rpc_request *request, bool *ret_path_is_known) {
    const struct route *best = NULL;
    *ret_path_is_known = false;
    for (size_t i = 0; i < server->route_count; i++) {
        const struct route *route = &server->routes[i];
        if (!route_matches(route, request->path)) continue;
        *ret_path_is_known = true;
        if (!method_matches(route, request->method)) continue;
        if (!best || route_weight(route) > route_weight(best)) best = route;
    }
    return best;
}

static void dispatch(struct rpc_request *request) {
    struct connection *c = request_connection(request);
    size_t limit = c->server->config.body_limit_bytes;
    bool path_is_known;
    if (request->is_too_large) {
        rpc_request_reply_error(request, 413, "the body is larger than %zu bytes", limit);
        return;
    }
    if (request->body.failed) {
        rpc_request_reply_error(request, 500, "out of memory");
        return;
    }
    const struct route *route = find_route(c->server, request, &path_is_known);
    if (route)
        route->handler(request, route->ctx);
    else if (path_is_known)
        rpc_request_reply_error(request, 405, "%s is not allowed for %s", request->method,
                                request->path);
    else
        rpc_request_reply_error(request, 404, "nothing at %s", request->path);
}

/* --- MHD's call-backs --- */

/* The announced length; 0 when there is none (a chunked body is counted as it comes). */
static unsigned long long announced_length(struct MHD_Connection *mhd) {
    const char *text = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Content-Length");
    return text ? strtoull(text, NULL, 10) : 0;
}

static enum MHD_Result send_response(struct connection *c) {
    struct rpc_request *request = &c->request;
    if (!request->response) return MHD_NO;
    request->state = REQUEST_SENDING;
    return MHD_queue_response(c->mhd, request->status, request->response);
}

static enum MHD_Result begin(struct connection *c, const char *url, const char *method) {
    struct rpc_request *request = &c->request;
    size_t limit = c->server->config.body_limit_bytes;
    request->state = REQUEST_BODY;
    request->method = method;
    request->path = url;
    if (c->guard && !tcp_guard_admit(c->guard, request)) return send_response(c);
    unsigned long long length = announced_length(c->mhd);
    if (length <= limit) {
        if (length) rpc_strbuf_reserve(&request->body, (size_t)length);
        return MHD_YES;
    }
    request->is_too_large = true;
    /* A client that asks first, or whose body we will not even throw away, is told at once. */
    if (length / DISCARD_FACTOR > limit ||
        MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, "Expect")) {
        dispatch(request);
        return send_response(c);
    }
    return MHD_YES;
}

static enum MHD_Result take_body(struct connection *c, const char *upload, size_t len) {
    struct rpc_request *request = &c->request;
    size_t limit = c->server->config.body_limit_bytes;
    if (!request->is_too_large && len <= limit - request->body.len) {
        rpc_strbuf_add(&request->body, upload, len);
        return MHD_YES;
    }
    request->is_too_large = true;
    rpc_strbuf_clear(&request->body);
    request->discarded_bytes += len;
    return request->discarded_bytes / DISCARD_FACTOR > limit ? MHD_NO : MHD_YES;
}

static enum MHD_Result run_handler(struct connection *c) {
    struct rpc_request *request = &c->request;
    if (c->server->is_closing) return MHD_NO;
    request->state = REQUEST_HANDLER;
    dispatch(request);
    if (request->state == REQUEST_ANSWERED) return send_response(c);
    if (request->state == REQUEST_HANDLER) request->state = REQUEST_HELD;
    MHD_suspend_connection(c->mhd);
    connection_watch(c);
    return MHD_YES;
}

enum MHD_Result request_access(void *ctx, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_len, void **request_context) {
    (void)ctx;
    struct connection *c = *request_context;
    if (!c) {
        c = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
        *request_context = c;
        c->request.is_http_1_0 = strcmp(version, "HTTP/1.0") == 0;
        c->progress_ms = rpc_clock_monotonic_ms();
        return begin(c, url, method);
    }
    c->progress_ms = rpc_clock_monotonic_ms();
    if (*upload_len) {
        enum MHD_Result result = take_body(c, upload, *upload_len);
        *upload_len = 0;
        return result;
    }
    switch (c->request.state) {
    case REQUEST_BODY: return run_handler(c);
    case REQUEST_ANSWERED: return send_response(c);
    default: return MHD_NO; /* REQUEST_GONE */
    }
}

void request_completed(void *ctx, struct MHD_Connection *mhd, void **request_context,
                       enum MHD_RequestTerminationCode code) {
    (void)ctx, (void)mhd, (void)code;
    struct connection *c = *request_context;
    if (!c) return;
    *request_context = NULL;
    c->progress_ms = rpc_clock_monotonic_ms();
    connection_unwatch(c);
    if (c->stream) stream_closed(c->stream);
    request_reset(&c->request);
}

void request_give_up(struct rpc_request *request) {
    struct connection *c = request_connection(request);
    request->state = REQUEST_GONE;
    server_resume(c->server, c->mhd);
}

void request_client_gone(struct rpc_request *request) {
    request->state = REQUEST_GONE;
    if (request->gone) request->gone(request->gone_ctx);
    request_give_up(request);
}

/* --- What the client sent --- */

static struct MHD_Connection *mhd_of(const struct rpc_request *request) {
    return request_connection(request)->mhd;
}

const char *rpc_request_method(const struct rpc_request *request) {
    return request->method;
}
const char *rpc_request_path(const struct rpc_request *request) {
    return request->path;
}

const char *rpc_request_query(const struct rpc_request *request, const char *name) {
    return MHD_lookup_connection_value(mhd_of(request), MHD_GET_ARGUMENT_KIND, name);
}

struct values {
    const char *name;
    const char **places;
    size_t max, count;
};

static enum MHD_Result collect_value(void *ctx, enum MHD_ValueKind kind, const char *name,
                                     const char *value) {
    (void)kind;
    struct values *values = ctx;
    if (strcmp(name, values->name) != 0) return MHD_YES;
    if (values->count < values->max) values->places[values->count] = value ? value : "";
    values->count++;
    return MHD_YES;
}

size_t rpc_request_query_all(const struct rpc_request *request, const char *name,
                             const char **ret_values, size_t max) {
    struct values values = {.name = name, .places = ret_values, .max = max};
    MHD_get_connection_values(mhd_of(request), MHD_GET_ARGUMENT_KIND, collect_value, &values);
    return values.count;
}

const char *rpc_request_header(const struct rpc_request *request, const char *name) {
    return MHD_lookup_connection_value(mhd_of(request), MHD_HEADER_KIND, name);
}

static void add_encoded(struct rpc_strbuf *out, const char *text, const char *plain) {
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr(plain, *text))
            rpc_strbuf_add_char(out, *text);
        else
            rpc_strbuf_addf(out, "%%%02X", (unsigned char)*text);
    }
}

struct query {
    struct rpc_strbuf *out;
    const char *without;
    char separator;
};

static enum MHD_Result add_argument(void *ctx, enum MHD_ValueKind kind, const char *key,
                                    const char *value) {
    (void)kind;
    struct query *query = ctx;
    if (query->without && strcmp(key, query->without) == 0) return MHD_YES;
    rpc_strbuf_add_char(query->out, query->separator);
    query->separator = '&';
    add_encoded(query->out, key, "-._~");
    if (value) {
        rpc_strbuf_add_char(query->out, '=');
        add_encoded(query->out, value, "-._~");
    }
    return MHD_YES;
}

void rpc_request_add_target(const struct rpc_request *request, const char *without,
                            struct rpc_strbuf *out) {
    struct query query = {out, without, '?'};
    add_encoded(out, request->path, "/-._~");
    MHD_get_connection_values(mhd_of(request), MHD_GET_ARGUMENT_KIND, add_argument, &query);
}

const char *rpc_request_body(const struct rpc_request *request, size_t *ret_len) {
    if (ret_len) *ret_len = request->body.len;
    return rpc_strbuf_text(&request->body);
}

const struct rpc_peer *rpc_request_peer(const struct rpc_request *request) {
    return &request_connection(request)->peer;
}

struct rpc_server *rpc_request_server(const struct rpc_request *request) {
    return request_connection(request)->server;
}

void rpc_request_on_gone(struct rpc_request *request, void (*gone)(void *ctx), void *ctx) {
    request->gone = gone;
    request->gone_ctx = ctx;
}

/* --- Answers --- */

void rpc_request_add_header(struct rpc_request *request, const char *name, const char *value) {
    rpc_strbuf_add(&request->headers, name, strlen(name) + 1);
    rpc_strbuf_add(&request->headers, value, strlen(value) + 1);
}

/* The next of the added headers, behind *at, which begins as NULL. */
static bool next_header(const struct rpc_request *request, const char **at, const char **ret_name,
                        const char **ret_value) {
    const struct rpc_strbuf *headers = &request->headers;
    const char *name = *at ? *at : headers->data;
    if (!name || name == headers->data + headers->len) return false;
    *ret_name = name;
    *ret_value = name + strlen(name) + 1;
    *at = *ret_value + strlen(*ret_value) + 1;
    return true;
}

static void apply_headers(const struct rpc_request *request, struct MHD_Response *response) {
    const char *at = NULL, *name, *value;
    while (next_header(request, &at, &name, &value))
        MHD_add_response_header(response, name, value);
}

void request_add_headers(const struct rpc_request *request, struct rpc_strbuf *out) {
    const char *at = NULL, *name, *value;
    while (next_header(request, &at, &name, &value))
        rpc_strbuf_addf(out, "%s: %s\r\n", name, value);
}

void request_take_over(struct rpc_request *request) {
    request->state = REQUEST_STREAMED;
    request->gone = NULL;
    rpc_strbuf_done(&request->body); /* the stream may live for days */
}

void request_answer(struct rpc_request *request, unsigned status, struct MHD_Response *response) {
    struct connection *c = request_connection(request);
    bool was_held = request->state == REQUEST_HELD;
    if (response) apply_headers(request, response);
    request->status = status;
    request->response = response;
    request->state = REQUEST_ANSWERED;
    request->gone = NULL;
    if (!was_held) return;
    if (!c->stream) connection_unwatch(c);
    server_resume(c->server, c->mhd);
}

/* A large answer: bytes that MHD asks for as the client takes them. */
struct pieces {
    struct connection *connection;
    char *owned; /* freed with it, may be NULL */
    const char *bytes;
    size_t len;
};

static ssize_t read_piece(void *ctx, uint64_t position, char *to, size_t max) {
    struct pieces *pieces = ctx;
    pieces->connection->progress_ms = rpc_clock_monotonic_ms();
    size_t n = pieces->len - (size_t)position;
    if (n > max) n = max;
    memcpy(to, pieces->bytes + position, n);
    return (ssize_t)n;
}

static void free_pieces(void *ctx) {
    struct pieces *pieces = ctx;
    free(pieces->owned);
    free(pieces);
}

static struct MHD_Response *respond_in_pieces(struct connection *c, const char *bytes, char *owned,
                                              size_t len) {
    struct pieces *pieces = malloc(sizeof *pieces);
    if (!pieces) {
        free(owned);
        return NULL;
    }
    *pieces = (struct pieces){c, owned, bytes, len};
    struct MHD_Response *response =
        MHD_create_response_from_callback(len, PIECE_BYTES, read_piece, pieces, free_pieces);
    if (!response) free_pieces(pieces);
    return response;
}

/* owned: what to free afterwards, or NULL for bytes that outlive the server. */
static void reply(struct rpc_request *request, unsigned status, const char *content_type,
                  const char *bytes, char *owned, size_t len) {
    struct MHD_Response *response;
    if (len > WHOLE_ANSWER_BYTES) {
        response = respond_in_pieces(request_connection(request), bytes, owned, len);
    } else {
        response = MHD_create_response_from_buffer(
            len, (void *)(uintptr_t)bytes, owned ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
        if (!response) free(owned);
    }
    if (response && content_type) MHD_add_response_header(response, "Content-Type", content_type);
    request_answer(request, status, response);
}

void rpc_request_reply_static(struct rpc_request *request, unsigned status,
                              const char *content_type, const void *body, size_t len) {
    reply(request, status, content_type, len ? body : "", NULL, len);
}

void rpc_request_reply_take(struct rpc_request *request, unsigned status, const char *content_type,
                            char *body, size_t len) {
    if (body)
        reply(request, status, content_type, body, body, len);
    else
        reply(request, status, content_type, "", NULL, 0);
}

void rpc_request_reply(struct rpc_request *request, unsigned status, const char *content_type,
                       const void *body, size_t len) {
    char *copy = len ? malloc(len) : NULL;
    if (len && !copy) {
        request_answer(request, 500, NULL);
        return;
    }
    if (len) memcpy(copy, body, len);
    rpc_request_reply_take(request, status, content_type, copy, len);
}

void rpc_request_reply_json(struct rpc_request *request, unsigned status, json_t *value) {
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    if (value)
        rpc_strbuf_add_json(&text, value);
    else
        text.failed = true;
    json_decref(value);
    size_t len = 0;
    char *body = rpc_strbuf_take(&text, &len);
    if (body)
        rpc_request_reply_take(request, status, "application/json", body, len);
    else
        request_answer(request, 500, NULL);
}

void rpc_request_reply_error(struct rpc_request *request, unsigned status, const char *format,
                             ...) {
    struct rpc_strbuf message = RPC_STRBUF_INIT, body = RPC_STRBUF_INIT;
    va_list args;
    va_start(args, format);
    rpc_strbuf_vaddf(&message, format, args);
    va_end(args);
    rpc_strbuf_add_text(&body, "{\"error\":");
    rpc_strbuf_add_json_string(&body, rpc_strbuf_text(&message), message.len);
    rpc_strbuf_add_char(&body, '}');
    rpc_strbuf_done(&message);
    size_t len = 0;
    char *text = rpc_strbuf_take(&body, &len);
    if (text)
        rpc_request_reply_take(request, status, "application/json", text, len);
    else
        request_answer(request, status, NULL);
}
