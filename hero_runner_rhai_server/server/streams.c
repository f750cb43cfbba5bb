/*
 * GET /sse/session/<id>: a session's lines and changes as server-sent events.
 * GET /sse/logs?session=a&session=b: those of several sessions on one stream.
 *
 * A subscriber is a cursor for each session: the number of the last line it was sent, and which
 * status and progress it has seen. What it is sent next is always worked out from the session, so a
 * reader that is slow or stopped holds nothing up and costs nothing; lines that are kept nowhere any
 * more are told as a gap. Order within a session: the lines that were there at the beginning, then
 * the present status, then lines and changes as they come, then the end.
 */
#include "server/runner.h"

#include <errno.h>
#include <hero_rpc/stream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_PREFIX "/sse/session/"
#define SESSIONS_MAX 64 /* on one stream */

struct subscriber;

/* One session on the stream. */
struct follower {
    struct session_watch watch;
    struct subscriber *subscriber;
    struct session *session; /* held by the watch */
    uint64_t cursor;         /* last line sent */
    uint64_t backfill;       /* last line there was at the beginning */
    unsigned status_seen, progress_seen;
    bool has_ended; /* its end has been sent */
};

struct subscriber {
    struct rpc_stream *stream;
    bool is_multiple; /* all objects tell the session */
    size_t count;     /* of followers */
    size_t next;      /* whose turn it is */
    struct follower followers[];
};

/* ---- Events ------------------------------------------------------------------------------- */

/* Objects of ours have no newline in them, so they are the data of an event as they are, written
 * straight into the stream's buffer. */
static void begin_event(struct rpc_strbuf *out, const char *name) {
    rpc_strbuf_add(out, "event: ", 7);
    rpc_strbuf_add_text(out, name);
    rpc_strbuf_add(out, "\ndata: ", 7);
}

static void end_event(struct rpc_strbuf *out) {
    rpc_strbuf_add(out, "\n\n", 2);
}

/* The cursor as the event's id; with several sessions, all of them in the order of the request. */
static void add_id(const struct subscriber *subscriber, struct rpc_strbuf *out) {
    rpc_strbuf_add(out, "id: ", 4);
    for (size_t i = 0; i < subscriber->count; i++) {
        if (i > 0) rpc_strbuf_add_char(out, '.');
        rpc_strbuf_add_int(out, (long long)subscriber->followers[i].cursor);
    }
    rpc_strbuf_add_char(out, '\n');
}

/* For objects that do not tell their session by themselves. */
static void add_session_id(const struct follower *follower, struct rpc_strbuf *out) {
    if (!follower->subscriber->is_multiple) return;
    rpc_strbuf_add_text(out, "\"session_id\":\"");
    rpc_strbuf_add_text(out, follower->session->id);
    rpc_strbuf_add_text(out, "\",");
}

static void add_info(const struct follower *follower, struct rpc_strbuf *out, const char *name) {
    struct rpc_strbuf info = RPC_STRBUF_INIT;
    rpc_strbuf_add_char(&info, '{');
    session_write_info(follower->session, &info);
    rpc_strbuf_add_char(&info, '}');
    begin_event(out, name);
    rpc_strbuf_add(out, rpc_strbuf_text(&info), info.len);
    end_event(out);
    rpc_strbuf_done(&info);
}

static void add_progress(const struct follower *follower, struct rpc_strbuf *out) {
    begin_event(out, "progress");
    rpc_strbuf_add_char(out, '{');
    add_session_id(follower, out);
    rpc_strbuf_add_text(out, follower->session->progress + 1); /* behind its brace */
    end_event(out);
}

static void add_gap(struct follower *follower, uint64_t until, struct rpc_strbuf *out) {
    uint64_t dropped = until - follower->cursor;
    follower->cursor = until;
    add_id(follower->subscriber, out);
    begin_event(out, "gap");
    rpc_strbuf_add_char(out, '{');
    add_session_id(follower, out);
    rpc_strbuf_add_text(out, "\"dropped\":");
    rpc_strbuf_add_int(out, (long long)dropped);
    rpc_strbuf_add_char(out, '}');
    end_event(out);
}

static void add_line(struct follower *follower, const struct ring_line *line,
                     struct rpc_strbuf *out) {
    bool is_stderr = (line->stream & ~FRAME_LINE_PARTIAL) == FRAME_STREAM_STDERR;
    follower->cursor = line->seq;
    add_id(follower->subscriber, out);
    begin_event(out, is_stderr ? "stderr" : "stdout");
    session_write_line(follower->session, line, out);
    end_event(out);
}

/* ---- What comes next ---------------------------------------------------------------------- */

/* Lines up to `until`, or until `want` bytes are there (then false). */
static bool add_lines(struct follower *follower, struct rpc_strbuf *out, size_t want,
                      uint64_t until) {
    const struct ring *ring = &follower->session->ring;
    if (follower->cursor < ring_dropped(ring)) add_gap(follower, ring_dropped(ring), out);
    struct ring_line line;
    while (follower->cursor < until && ring_get(ring, follower->cursor + 1, &line)) {
        if (out->len >= want) return false;
        add_line(follower, &line, out);
    }
    return true;
}

static void add_changes(struct follower *follower, struct rpc_strbuf *out) {
    const struct session *session = follower->session;
    if (follower->status_seen != session->status_version) {
        add_info(follower, out, "status");
        follower->status_seen = session->status_version;
    }
    if (follower->progress_seen != session->progress_version) {
        add_progress(follower, out);
        follower->progress_seen = session->progress_version;
    }
}

static enum rpc_stream_state produce_one(struct follower *follower, struct rpc_strbuf *out,
                                         size_t want) {
    if (follower->has_ended) return RPC_STREAM_END;
    if (!add_lines(follower, out, want, follower->backfill)) return RPC_STREAM_MORE;
    bool has_ended = session_has_ended(follower->session);
    if (!has_ended) add_changes(follower, out);
    if (!add_lines(follower, out, want, UINT64_MAX)) return RPC_STREAM_MORE;
    if (!has_ended) return RPC_STREAM_IDLE;
    add_changes(follower, out);
    add_info(follower, out, "end");
    follower->has_ended = true;
    return RPC_STREAM_END;
}

/* Each in turn; one that has more is left for the others and taken up again where it was. */
static enum rpc_stream_state produce(void *ctx, struct rpc_strbuf *out, size_t want) {
    struct subscriber *subscriber = ctx;
    size_t ended = 0;
    for (size_t i = 0; i < subscriber->count; i++) {
        struct follower *follower = &subscriber->followers[subscriber->next];
        enum rpc_stream_state state = produce_one(follower, out, want);
        subscriber->next = (subscriber->next + 1) % subscriber->count;
        if (state == RPC_STREAM_MORE) return RPC_STREAM_MORE;
        ended += state == RPC_STREAM_END;
    }
    return ended == subscriber->count ? RPC_STREAM_END : RPC_STREAM_IDLE;
}

static void closed(void *ctx) {
    struct subscriber *subscriber = ctx;
    for (size_t i = 0; i < subscriber->count; i++)
        session_unwatch(subscriber->followers[i].session, &subscriber->followers[i].watch);
    free(subscriber);
}

static void on_changed(struct session_watch *watch) {
    struct follower *follower = (void *)((char *)watch - offsetof(struct follower, watch));
    if (follower->subscriber->stream) rpc_stream_wake(follower->subscriber->stream);
}

static const struct rpc_stream_ops stream_ops = {.produce = produce, .closed = closed};

/* ---- Requests ----------------------------------------------------------------------------- */

static struct subscriber *new_subscriber(bool is_multiple, size_t count) {
    struct subscriber *subscriber =
        calloc(1, sizeof *subscriber + count * sizeof subscriber->followers[0]);
    if (subscriber) subscriber->is_multiple = is_multiple;
    return subscriber;
}

static void add_follower(struct subscriber *subscriber, struct session *session, uint64_t after) {
    struct follower *follower = &subscriber->followers[subscriber->count++];
    *follower = (struct follower){
        .watch.changed = on_changed,
        .subscriber = subscriber,
        .session = session,
        .cursor = after,
        .backfill = ring_last_seq(&session->ring),
    };
    session_watch(session, &follower->watch);
}

static void open_stream(struct rpc_request *request, struct subscriber *subscriber) {
    subscriber->stream = rpc_stream_open(request, &stream_ops, subscriber);
    if (!subscriber->stream) closed(subscriber);
}

static void get_session(struct rpc_request *request, void *ctx) {
    struct runner *runner = ctx;
    const char *id = rpc_request_path(request) + strlen(PATH_PREFIX);
    struct session *session = sessions_find(&runner->sessions, id);
    struct subscriber *subscriber;
    uint64_t after = 0;
    if (!session) {
        rpc_request_reply_error(request, 404, "unknown session \"%s\"", id);
    } else if (rpc_sse_resume_id(request, "after_seq", &after) < 0) {
        rpc_request_reply_error(request, 400, "Last-Event-ID or after_seq: not a line number");
    } else if (!(subscriber = new_subscriber(false, 1))) {
        rpc_request_reply_error(request, 500, "out of memory");
    } else {
        add_follower(subscriber, session, after);
        open_stream(request, subscriber);
    }
}

/* The cursors of an id: as many numbers as there are sessions, with a dot between. */
static int read_cursors(const char *text, uint64_t *cursors, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (*text < '0' || *text > '9') return -1;
        char *end;
        errno = 0;
        cursors[i] = strtoull(text, &end, 10);
        if (errno || *end != (i + 1 < count ? '.' : '\0')) return -1;
        text = end + 1;
    }
    return 0;
}

static void get_logs(struct rpc_request *request, void *ctx) {
    struct runner *runner = ctx;
    const char *ids[SESSIONS_MAX];
    uint64_t cursors[SESSIONS_MAX] = {0};
    size_t count = rpc_request_query_all(request, "session", ids, SESSIONS_MAX);
    const char *resume = rpc_request_header(request, "Last-Event-ID");
    if (count == 0 || count > SESSIONS_MAX) {
        rpc_request_reply_error(request, 400, "session: 1 to %d of them must be given",
                                SESSIONS_MAX);
        return;
    }
    if (resume && read_cursors(resume, cursors, count) < 0) {
        rpc_request_reply_error(request, 400, "Last-Event-ID: not %zu line numbers", count);
        return;
    }
    struct subscriber *subscriber = new_subscriber(true, count);
    if (!subscriber) {
        rpc_request_reply_error(request, 500, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct session *session = sessions_find(&runner->sessions, ids[i]);
        if (!session) {
            rpc_request_reply_error(request, 404, "unknown session \"%s\"", ids[i]);
            closed(subscriber);
            return;
        }
        add_follower(subscriber, session, cursors[i]);
    }
    open_stream(request, subscriber);
}

int streams_add_routes(struct runner *runner) {
    int failed = rpc_server_route(runner->server, "GET", PATH_PREFIX, get_session, runner);
    return failed ? failed : rpc_server_route(runner->server, "GET", "/sse/logs", get_logs, runner);
}
