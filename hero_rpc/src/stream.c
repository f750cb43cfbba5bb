/* Answers pulled from their owner when the client's socket has room. */
#include "hero_rpc/stream.h"
#include "hero_rpc/clock.h"
#include "server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char heartbeat[] = ":\n\n";

static ssize_t send_rest(struct rpc_stream *stream, char *to, size_t max) {
    size_t n = stream->rest.len - stream->rest_sent;
    if (n > max) n = max;
    memcpy(to, stream->rest.data + stream->rest_sent, n);
    stream->rest_sent += n;
    if (stream->rest_sent == stream->rest.len) rpc_strbuf_done(&stream->rest);
    return (ssize_t)n;
}

/* Fills `to` from the owner; what does not fit is kept, which is at most one event. */
static ssize_t produce(struct rpc_stream *stream, char *to, size_t max) {
    struct rpc_strbuf *out = &stream->connection->server->scratch;
    rpc_strbuf_clear(out);
    enum rpc_stream_state state = stream->ops->produce(stream->ctx, out, max);
    if (state == RPC_STREAM_CUT) {
        stream->is_aborted = true;
        shutdown(stream->connection->fd, SHUT_RDWR);
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    stream->is_ending = state == RPC_STREAM_END;
    stream->is_caught_up = state == RPC_STREAM_IDLE || out->len == 0;
    if (out->failed) return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = out->len < max ? out->len : max;
    if (n) memcpy(to, out->data, n);
    if (n < out->len) {
        rpc_strbuf_add(&stream->rest, out->data + n, out->len - n);
        stream->rest_sent = 0;
        if (stream->rest.failed) return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    return (ssize_t)n;
}

static ssize_t on_room(void *ctx, uint64_t position, char *to, size_t max) {
    (void)position;
    struct rpc_stream *stream = ctx;
    ssize_t n = 0;
    /* The socket is shut down already. Ending with an error would leave the connection behind:
     * libmicrohttpd 0.9.75 marks one that fails right after it was resumed as closed, and then
     * waits for an event on it before it frees it. The last chunk fails to be sent instead. */
    if (stream->is_aborted) return MHD_CONTENT_READER_END_OF_STREAM;
    if (stream->rest.len)
        n = send_rest(stream, to, max);
    else if (stream->is_ending)
        return MHD_CONTENT_READER_END_OF_STREAM;
    else if (!stream->is_caught_up)
        n = produce(stream, to, max);

    if (n == 0 && stream->is_ending) return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == 0 && stream->heartbeat_is_due) {
        n = sizeof heartbeat - 1;
        memcpy(to, heartbeat, (size_t)n);
    }
    stream->heartbeat_is_due = false;
    if (n != 0) {
        stream->sent_ms = stream->connection->progress_ms = rpc_clock_monotonic_ms();
        return n;
    }
    MHD_suspend_connection(stream->connection->mhd);
    stream->is_suspended = true;
    return 0;
}

static void resume(struct rpc_stream *stream) {
    if (!stream->is_suspended) return;
    stream->is_suspended = false;
    server_resume(stream->connection->server, stream->connection->mhd);
}

void rpc_stream_wake(struct rpc_stream *stream) {
    stream->is_caught_up = false;
    resume(stream);
}

void stream_abort(struct rpc_stream *stream) {
    stream->is_aborted = true;
    resume(stream);
}

void stream_closed(struct rpc_stream *stream) {
    struct connection *c = stream->connection;
    c->stream = NULL;
    LIST_REMOVE(stream, link);
    c->server->stream_count--;
    rpc_strbuf_done(&stream->rest);
    stream->ops->closed(stream->ctx);
    free(stream);
}

void stream_heartbeat_all(struct rpc_server *server, int64_t now_ms) {
    /* On time rather than late: the next look is a quarter of the period away. */
    int64_t quiet_ms = (int64_t)server->config.heartbeat_ms * 3 / 4;
    struct rpc_stream *stream;
    LIST_FOREACH(stream, &server->streams, link) {
        if (!stream->is_events || !stream->is_suspended || now_ms - stream->sent_ms < quiet_ms)
            continue;
        stream->heartbeat_is_due = true;
        resume(stream);
    }
}

/* NULL: the request has been answered with an error. */
static struct rpc_stream *new_stream(struct rpc_request *request, uint64_t len,
                                     const struct rpc_stream_ops *ops, void *ctx,
                                     struct MHD_Response **ret_response) {
    struct connection *c = request_connection(request);
    struct rpc_server *server = c->server;
    if (server->stream_count >= server->config.stream_limit) {
        rpc_request_add_header(request, "Retry-After", "1");
        rpc_request_reply_error(request, 503, "too many open streams: %u",
                                server->config.stream_limit);
        return NULL;
    }
    struct rpc_stream *stream = calloc(1, sizeof *stream);
    /* The size is that of the pieces for a client of HTTP/1.0; later ones get what the connection's
     * memory leaves. */
    *ret_response = stream ? MHD_create_response_from_callback(
                                 len, server->config.connection_memory_bytes, on_room, stream, NULL)
                           : NULL;
    if (!*ret_response) {
        free(stream);
        rpc_request_reply_error(request, 500, "out of memory");
        return NULL;
    }
    stream->connection = c;
    stream->ops = ops;
    stream->ctx = ctx;
    stream->sent_ms = c->progress_ms = rpc_clock_monotonic_ms();
    c->stream = stream;
    LIST_INSERT_HEAD(&server->streams, stream, link);
    server->stream_count++;
    connection_watch(c);
    return stream;
}

struct rpc_stream *rpc_stream_open(struct rpc_request *request, const struct rpc_stream_ops *ops,
                                   void *ctx) {
    struct MHD_Response *response;
    struct rpc_stream *stream = new_stream(request, MHD_SIZE_UNKNOWN, ops, ctx, &response);
    if (!stream) return NULL;
    stream->is_events = true;
    MHD_add_response_header(response, "Content-Type", "text/event-stream");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Accel-Buffering", "no");
    MHD_add_response_header(response, "Connection", "close");
    request_answer(request, 200, response);
    return stream;
}

struct rpc_stream *rpc_stream_open_body(struct rpc_request *request, unsigned status,
                                        const char *content_type, uint64_t len,
                                        const struct rpc_stream_ops *ops, void *ctx) {
    struct MHD_Response *response;
    struct rpc_stream *stream = new_stream(request, len, ops, ctx, &response);
    if (!stream) return NULL;
    if (content_type) MHD_add_response_header(response, "Content-Type", content_type);
    request_answer(request, status, response);
    return stream;
}

/* --- Server-sent events --- */

static void add_field(struct rpc_strbuf *out, const char *name, const char *value, size_t len) {
    rpc_strbuf_add_text(out, name);
    rpc_strbuf_add(out, ": ", 2);
    rpc_strbuf_add(out, value, len);
    rpc_strbuf_add_char(out, '\n');
}

static void add_data(struct rpc_strbuf *out, const char *data, size_t len) {
    /* A carriage return also ends a line of the format, so it starts a new data line too. */
    const char *end = data + len;
    for (;;) {
        const char *line_end = data;
        while (line_end < end && *line_end != '\n' && *line_end != '\r')
            line_end++;
        add_field(out, "data", data, (size_t)(line_end - data));
        if (line_end == end) break;
        data = line_end + 1;
        if (*line_end == '\r' && data < end && *data == '\n') data++;
    }
    rpc_strbuf_add_char(out, '\n');
}

void rpc_sse_add_event(struct rpc_strbuf *out, const char *event, const char *id, const char *data,
                       size_t len) {
    if (id) add_field(out, "id", id, strlen(id));
    if (event) add_field(out, "event", event, strlen(event));
    add_data(out, data, len);
}

void rpc_sse_add_numbered(struct rpc_strbuf *out, const char *event, uint64_t id, const char *data,
                          size_t len) {
    rpc_strbuf_add(out, "id: ", 4);
    rpc_strbuf_add_int(out, (long long)id);
    rpc_strbuf_add_char(out, '\n');
    if (event) add_field(out, "event", event, strlen(event));
    add_data(out, data, len);
}

int rpc_sse_resume_id(const struct rpc_request *request, const char *name, uint64_t *ret_id) {
    const char *text = rpc_request_header(request, "Last-Event-ID");
    if (!text && name) text = rpc_request_query(request, name);
    if (!text) return 0;
    if (*text < '0' || *text > '9') return -1;
    char *end;
    errno = 0;
    unsigned long long id = strtoull(text, &end, 10);
    if (errno || *end || id > INT64_MAX) return -1;
    *ret_id = id;
    return 1;
}
