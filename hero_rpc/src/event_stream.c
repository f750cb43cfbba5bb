/*
 * Server-sent events, written to the socket without MHD.
 *
 * MHD has parsed the request and keeps the connection suspended; head, chunks and end are written
 * here (RFC 9112, 7.1), because MHD would copy each piece twice, cut it to its own buffer, and look
 * at all suspended connections whenever one is resumed. When the stream is over, the socket is shut
 * down and MHD is let go on, which finds nothing to answer and closes the connection.
 *
 * A batch is what one produce gave: a chunk of text, perhaps with the bytes of a block behind it.
 * What of it the socket does not take is pending until there is room.
 */
#include "hero_rpc/clock.h"
#include "hero_rpc/stream.h"
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH_BYTES (32 * 1024)
/* Written before others on the loop have their turn. */
#define TURN_BYTES (1024 * 1024)
#define CHUNK_HEAD_BYTES 10 /* eight digits, leading zeros are fine, and CR LF */

static const char heartbeat[] = ":\n\n";

/* ---- Blocks ------------------------------------------------------------------------------- */

struct rpc_block *rpc_block_new(size_t cap) {
    struct rpc_block *block = malloc(sizeof *block + cap);
    if (block) *block = (struct rpc_block){.refs = 1, .cap = cap};
    return block;
}

struct rpc_block *rpc_block_ref(struct rpc_block *block) {
    block->refs++;
    return block;
}

void rpc_block_unref(struct rpc_block *block) {
    if (block && --block->refs == 0) free(block);
}

void rpc_stream_add_block(struct rpc_stream *stream, struct rpc_block *block, size_t offset,
                          size_t len) {
    stream->block = rpc_block_ref(block);
    stream->pending[PENDING_BLOCK] =
        (struct iovec){.iov_base = block->bytes + offset, .iov_len = len};
}

/* ---- Turns -------------------------------------------------------------------------------- */

void event_stream_make_ready(struct rpc_stream *stream) {
    struct rpc_server *server = stream->connection->server;
    if (stream->is_ready || stream->is_full || stream->is_aborted) return;
    stream->is_ready = true;
    TAILQ_INSERT_TAIL(&server->ready_streams, stream, ready_link);
    event_active(&server->write_event, EV_TIMEOUT, 0);
}

static void make_unready(struct rpc_stream *stream) {
    if (stream->is_ready)
        TAILQ_REMOVE(&stream->connection->server->ready_streams, stream, ready_link);
    stream->is_ready = false;
}

static void on_room(evutil_socket_t fd, short events, void *ctx) {
    (void)fd, (void)events;
    struct rpc_stream *stream = ctx;
    stream->is_full = false;
    event_stream_make_ready(stream);
}

/* ---- Writing ------------------------------------------------------------------------------ */

static size_t pending_bytes(const struct rpc_stream *stream) {
    size_t len = 0;
    for (int i = 0; i < PENDING_PARTS; i++)
        len += stream->pending[i].iov_len;
    return len;
}

static void take_off(struct iovec *part, size_t *sent) {
    size_t n = *sent < part->iov_len ? *sent : part->iov_len;
    part->iov_base = (char *)part->iov_base + n;
    part->iov_len -= n;
    *sent -= n;
}

/* What is left of a batch waits for room. Its text is in a buffer that others use too. */
static void wait_for_room(struct rpc_stream *stream) {
    struct iovec *text = &stream->pending[PENDING_TEXT];
    if (text->iov_len && !stream->rest.len) {
        rpc_strbuf_add(&stream->rest, text->iov_base, text->iov_len);
        text->iov_base = stream->rest.data;
    }
    stream->is_full = true;
    if (stream->rest.failed || event_add(&stream->room, NULL) != 0)
        connection_kill(stream->connection);
}

/* False: some is left, or the client is gone. */
static bool send_pending(struct rpc_stream *stream) {
    struct connection *c = stream->connection;
    size_t len = pending_bytes(stream);
    if (len == 0) return true;
    struct msghdr message = {.msg_iov = stream->pending, .msg_iovlen = PENDING_PARTS};
    ssize_t got;
    do {
        got = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno != EAGAIN) {
        connection_kill(c);
        return false;
    }
    size_t sent = got < 0 ? 0 : (size_t)got;
    bool is_all = sent == len;
    for (int i = 0; i < PENDING_PARTS; i++)
        take_off(&stream->pending[i], &sent);
    if (got > 0) stream->sent_ms = c->progress_ms = rpc_clock_monotonic_ms();
    if (!is_all) {
        wait_for_room(stream);
        return false;
    }
    rpc_strbuf_done(&stream->rest);
    rpc_block_unref(stream->block);
    stream->block = NULL;
    return true;
}

static void add_head(const struct rpc_stream *stream, struct rpc_strbuf *out) {
    const struct rpc_request *request = &stream->connection->request;
    char date[64];
    struct tm now;
    time_t seconds = time(NULL);
    gmtime_r(&seconds, &now);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &now);
    rpc_strbuf_addf(out, "HTTP/1.1 200 OK\r\nDate: %s\r\nConnection: close\r\n%s", date,
                    stream->is_chunked ? "Transfer-Encoding: chunked\r\n" : "");
    rpc_strbuf_add_text(out, "Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"
                             "X-Accel-Buffering: no\r\n");
    request_add_headers(request, out);
    rpc_strbuf_add_text(out, "\r\n");
}

/* What of a chunk stands around `len` bytes; `at` is the place for its head. */
static const char *frame_chunk(const struct rpc_stream *stream, struct rpc_strbuf *out, size_t at,
                               size_t len) {
    if (!stream->is_chunked) return "";
    if (len == 0) {
        out->len = at;
        return stream->is_ending ? "0\r\n\r\n" : "";
    }
    char head[CHUNK_HEAD_BYTES + 1];
    snprintf(head, sizeof head, "%08X\r\n", (unsigned)len);
    memcpy(out->data + at, head, CHUNK_HEAD_BYTES);
    return stream->is_ending ? "\r\n0\r\n\r\n" : "\r\n";
}

/* Makes the next batch pending. False: the rest cannot be had. */
static bool make_batch(struct rpc_stream *stream) {
    struct rpc_strbuf *out = &stream->connection->server->scratch;
    rpc_strbuf_clear(out);
    if (!stream->has_begun) add_head(stream, out);
    stream->has_begun = true;
    size_t at = out->len;
    if (stream->is_chunked) rpc_strbuf_add(out, "00000000\r\n", CHUNK_HEAD_BYTES);
    size_t text_at = out->len;
    if (!stream->is_ending && !stream->is_caught_up) {
        enum rpc_stream_state state = stream->ops->produce(stream->ctx, out, BATCH_BYTES);
        if (state == RPC_STREAM_CUT) return false;
        stream->is_ending = state == RPC_STREAM_END;
        stream->is_caught_up = state == RPC_STREAM_IDLE;
    }
    if (out->failed) return false;
    size_t len = out->len - text_at + stream->pending[PENDING_BLOCK].iov_len;
    if (len == 0) {
        stream->is_caught_up = true;
        if (stream->heartbeat_is_due) rpc_strbuf_add(out, heartbeat, sizeof heartbeat - 1);
        len = out->len - text_at;
    }
    stream->heartbeat_is_due = false;
    const char *tail = frame_chunk(stream, out, at, len);
    stream->pending[PENDING_TEXT] = (struct iovec){.iov_base = out->data, .iov_len = out->len};
    stream->pending[PENDING_TAIL] =
        (struct iovec){.iov_base = (void *)(uintptr_t)tail, .iov_len = strlen(tail)};
    return !out->failed;
}

/* Sends what is pending, and the next batch. Returns the size of that. */
static size_t write_batch(struct rpc_stream *stream) {
    if (!send_pending(stream)) return 0;
    if (!stream->is_over && !make_batch(stream)) {
        connection_kill(stream->connection);
        return 0;
    }
    size_t len = pending_bytes(stream);
    stream->is_over |= stream->is_ending;
    if (!send_pending(stream)) return len;
    if (stream->is_over)
        connection_kill(stream->connection);
    else if (!stream->is_caught_up)
        event_stream_make_ready(stream);
    return len;
}

void event_streams_write(struct rpc_server *server) {
    struct rpc_stream *stream;
    size_t written = 0;
    while ((stream = TAILQ_FIRST(&server->ready_streams)) && written < TURN_BYTES) {
        make_unready(stream);
        written += write_batch(stream);
    }
    /* With a zero timer the loop polls first. */
    if (stream) event_add(&server->write_event, &(struct timeval){0, 0});
}

/* ---- Life --------------------------------------------------------------------------------- */

struct rpc_stream *rpc_stream_open(struct rpc_request *request, const struct rpc_stream_ops *ops,
                                   void *ctx) {
    struct rpc_stream *stream = stream_new(request, ops, ctx);
    if (!stream) return NULL;
    stream->is_events = true;
    /* HEAD asks for no more than the head. */
    stream->is_ending = strcmp(request->method, "HEAD") == 0;
    stream->is_chunked = !request->is_http_1_0 && !stream->is_ending;
    event_assign(&stream->room, stream->connection->server->base, stream->connection->fd,
                 EV_WRITE | EV_ET, on_room, stream);
    request_take_over(request);
    event_stream_make_ready(stream);
    return stream;
}

void event_stream_stop(struct rpc_stream *stream) {
    make_unready(stream);
    event_del(&stream->room);
    rpc_block_unref(stream->block);
    stream->block = NULL;
}

void event_streams_heartbeat(struct rpc_server *server, int64_t now_ms) {
    /* On time rather than late: the next look is a quarter of the period away. */
    int64_t quiet_ms = (int64_t)server->config.heartbeat_ms * 3 / 4;
    struct rpc_stream *stream;
    LIST_FOREACH(stream, &server->streams, link) {
        if (!stream->is_events || now_ms - stream->sent_ms < quiet_ms) continue;
        stream->heartbeat_is_due = true;
        event_stream_make_ready(stream);
    }
}

/* ---- The format --------------------------------------------------------------------------- */

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
