/*
 * GET /sse/session/<id>: a session's lines and changes as server-sent events.
 *
 * A subscriber is a cursor: the number of the last line it was sent, and which status and progress
 * it has seen. What it is sent next is always worked out from the session, so a reader that is slow
 * or stopped holds nothing up and costs nothing; lines that have left the ring meanwhile are told
 * as a gap. Order: the lines that were there at the beginning, then the present status, then lines
 * and changes as they come, then the end.
 */
#include "server/runner.h"

#include <hero_rpc/stream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_PREFIX "/sse/session/"

struct subscriber {
    struct session_watch watch;
    struct session *session; /* held by the watch */
    struct rpc_stream *stream;
    uint64_t cursor;   /* last line sent */
    uint64_t backfill; /* last line there was at the beginning */
    unsigned status_seen, progress_seen;
};

static void add_object(struct rpc_strbuf *out, const char *event,
                       void (*write)(const struct session *, struct rpc_strbuf *),
                       const struct session *session) {
    struct rpc_strbuf data = RPC_STRBUF_INIT;
    rpc_strbuf_add_char(&data, '{');
    write(session, &data);
    rpc_strbuf_add_char(&data, '}');
    rpc_sse_add_event(out, event, NULL, rpc_strbuf_text(&data), data.len);
    rpc_strbuf_done(&data);
}

static void add_gap(struct rpc_strbuf *out, uint64_t dropped, uint64_t last_dropped) {
    char data[64];
    int len = snprintf(data, sizeof data, "{\"dropped\":%llu}", (unsigned long long)dropped);
    rpc_sse_add_numbered(out, "gap", last_dropped, data, (size_t)len);
}

/* Lines up to `until`, or until `want` bytes are there (then false). */
static bool add_lines(struct subscriber *subscriber, struct rpc_strbuf *out, size_t want,
                      uint64_t until) {
    static struct rpc_strbuf data; /* kept for its memory */
    const struct session *session = subscriber->session;
    const struct ring *ring = &session->ring;
    if (subscriber->cursor < ring_dropped(ring)) {
        add_gap(out, ring_dropped(ring) - subscriber->cursor, ring_dropped(ring));
        subscriber->cursor = ring_dropped(ring);
    }
    struct ring_line line;
    while (subscriber->cursor < until && ring_get(ring, subscriber->cursor + 1, &line)) {
        if (out->len >= want) return false;
        rpc_strbuf_clear(&data);
        session_write_line(session, &line, &data);
        bool is_stderr = (line.stream & ~FRAME_LINE_PARTIAL) == FRAME_STREAM_STDERR;
        rpc_sse_add_numbered(out, is_stderr ? "stderr" : "stdout", line.seq, rpc_strbuf_text(&data),
                             data.len);
        subscriber->cursor++;
    }
    return true;
}

static void add_changes(struct subscriber *subscriber, struct rpc_strbuf *out) {
    const struct session *session = subscriber->session;
    if (subscriber->status_seen != session->status_version) {
        add_object(out, "status", session_write_info, session);
        subscriber->status_seen = session->status_version;
    }
    if (subscriber->progress_seen != session->progress_version) {
        rpc_sse_add_event(out, "progress", NULL, session->progress, strlen(session->progress));
        subscriber->progress_seen = session->progress_version;
    }
}

static enum rpc_stream_state produce(void *ctx, struct rpc_strbuf *out, size_t want) {
    struct subscriber *subscriber = ctx;
    const struct session *session = subscriber->session;
    if (!add_lines(subscriber, out, want, subscriber->backfill)) return RPC_STREAM_MORE;
    bool has_ended = session_has_ended(session);
    if (!has_ended) add_changes(subscriber, out);
    if (!add_lines(subscriber, out, want, UINT64_MAX)) return RPC_STREAM_MORE;
    if (!has_ended) return RPC_STREAM_IDLE;
    add_changes(subscriber, out);
    add_object(out, "end", session_write_info, session);
    return RPC_STREAM_END;
}

static void closed(void *ctx) {
    struct subscriber *subscriber = ctx;
    session_unwatch(subscriber->session, &subscriber->watch);
    free(subscriber);
}

static void on_changed(struct session_watch *watch) {
    struct subscriber *subscriber = (void *)((char *)watch - offsetof(struct subscriber, watch));
    if (subscriber->stream) rpc_stream_wake(subscriber->stream);
}

static const struct rpc_stream_ops stream_ops = {.produce = produce, .closed = closed};

static void handle(struct rpc_request *request, void *ctx) {
    struct runner *runner = ctx;
    const char *id = rpc_request_path(request) + strlen(PATH_PREFIX);
    struct session *session = sessions_find(&runner->sessions, id);
    uint64_t after = 0;
    if (!session) {
        rpc_request_reply_error(request, 404, "unknown session \"%s\"", id);
        return;
    }
    if (rpc_sse_resume_id(request, "after_seq", &after) < 0) {
        rpc_request_reply_error(request, 400, "Last-Event-ID or after_seq: not a line number");
        return;
    }
    struct subscriber *subscriber = calloc(1, sizeof *subscriber);
    if (!subscriber) {
        rpc_request_reply_error(request, 500, "out of memory");
        return;
    }
    subscriber->session = session;
    subscriber->cursor = after;
    subscriber->backfill = ring_last_seq(&session->ring);
    subscriber->watch.changed = on_changed;
    session_watch(session, &subscriber->watch);
    subscriber->stream = rpc_stream_open(request, &stream_ops, subscriber);
    if (!subscriber->stream) closed(subscriber);
}

int streams_add_routes(struct runner *runner) {
    return rpc_server_route(runner->server, "GET", PATH_PREFIX, handle, runner);
}
