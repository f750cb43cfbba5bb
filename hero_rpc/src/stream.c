/* What all answers that are pulled have in common, and bodies, which MHD sends. */
#include "hero_rpc/stream.h"
#include "hero_rpc/clock.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- Bodies ------------------------------------------------------------------------------- */

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

struct rpc_stream *rpc_stream_open_body(struct rpc_request *request, unsigned status,
                                        const char *content_type, uint64_t len,
                                        const struct rpc_stream_ops *ops, void *ctx) {
    struct rpc_stream *stream = stream_new(request, ops, ctx);
    if (!stream) return NULL;
    /* The size is that of the pieces for a client of HTTP/1.0; later ones get what the connection's
     * memory leaves. */
    struct MHD_Response *response = MHD_create_response_from_callback(
        len, stream->connection->server->config.connection_memory_bytes, on_room, stream, NULL);
    if (!response) {
        stream_free(stream);
        rpc_request_reply_error(request, 500, "out of memory");
        return NULL;
    }
    if (content_type) MHD_add_response_header(response, "Content-Type", content_type);
    request_answer(request, status, response);
    return stream;
}

/* ---- Life --------------------------------------------------------------------------------- */

struct rpc_stream *stream_new(struct rpc_request *request, const struct rpc_stream_ops *ops,
                              void *ctx) {
    struct connection *c = request_connection(request);
    struct rpc_server *server = c->server;
    if (server->stream_count >= server->config.stream_limit) {
        rpc_request_add_header(request, "Retry-After", "1");
        rpc_request_reply_error(request, 503, "too many open streams: %u",
                                server->config.stream_limit);
        return NULL;
    }
    struct rpc_stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
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

void stream_free(struct rpc_stream *stream) {
    struct connection *c = stream->connection;
    if (stream->is_events) event_stream_stop(stream);
    c->stream = NULL;
    LIST_REMOVE(stream, link);
    c->server->stream_count--;
    rpc_strbuf_done(&stream->rest);
    free(stream);
}

void stream_closed(struct rpc_stream *stream) {
    const struct rpc_stream_ops *ops = stream->ops;
    void *ctx = stream->ctx;
    stream_free(stream);
    ops->closed(ctx);
}

void rpc_stream_wake(struct rpc_stream *stream) {
    stream->is_caught_up = false;
    if (stream->is_events)
        event_stream_make_ready(stream);
    else
        resume(stream);
}

void stream_abort(struct rpc_stream *stream) {
    if (stream->is_aborted) return;
    stream->is_aborted = true;
    if (stream->is_events) {
        event_stream_stop(stream);
        request_give_up(&stream->connection->request);
    } else {
        resume(stream);
    }
}
