/*
 * GET /sse/session/<id>: a session's lines and changes as server-sent events.
 * POST /sse/run: the same of a session that begins with the request, whose body is the params of
 * session_start. The first event is its status, so the id is known before anything else.
 * GET /sse/logs?session=a&session=b: those of several sessions on one stream.
 *
 * A subscriber is a cursor for each session: the number of the last line it was sent, and which
 * status and progress it has seen. What it is sent next is always worked out from the session and
 * its feed, so a reader that is slow or stopped holds nothing up and costs nothing; lines that are
 * kept nowhere any more are told as a gap. Order within a session: the lines that were there at the
 * beginning, then the present status, then lines and changes as they come, then the end.
 */
#include "server/feed.h"
#include "server/methods.h"
#include "server/submit.h"

#include <errno.h>
#include <hero_rpc/stream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_PREFIX "/sse/session/"
#define SESSIONS_MAX 64 /* on one stream */
/* Fewer bytes are copied: one write for what belongs together, and no block held for a little. */
#define COPY_MAX_BYTES (4 * 1024)

struct subscriber;

/* One session on the stream. */
struct follower {
    struct session_watch watch;
    struct subscriber *subscriber;
    struct session *session; /* held by the watch */
    struct feed *feed;
    uint64_t cursor;   /* last line sent */
    uint64_t backfill; /* last line there was at the beginning */
    unsigned status_seen, progress_seen;
    struct rpc_strbuf first; /* events before all others */
    bool has_ended;          /* its end has been sent */
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

/* Events of one session for a stream of several: the same, but for the id. */
static void add_with_ids(struct follower *follower, const struct feed_piece *piece,
                         struct rpc_strbuf *out) {
    const char *at = piece->block->bytes + piece->offset, *end = at + piece->len;
    while (at < end) {
        const char *rest = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        const char *next = (const char *)memmem(rest, (size_t)(end - rest), "\n\n", 2) + 2;
        follower->cursor++;
        add_id(follower->subscriber, out);
        rpc_strbuf_add(out, rest, (size_t)(next - rest));
        at = next;
    }
}

/* ---- What comes next ---------------------------------------------------------------------- */

/* Lines up to `until`: ALL when they have been added, MORE when `want` bytes are there or a block
 * has been added, WAIT when the next one has to be stored or read first, LOST when it cannot be. */
enum lines_state { LINES_ALL, LINES_MORE, LINES_WAIT, LINES_LOST };

static enum lines_state add_lines(struct follower *follower, struct rpc_strbuf *out, size_t want,
                                  uint64_t until) {
    const struct subscriber *subscriber = follower->subscriber;
    struct feed_piece piece;
    while (follower->cursor < until) {
        if (out->len >= want) return LINES_MORE;
        switch (feed_next(follower->feed, follower->cursor, until, &piece)) {
        case FEED_WAIT: return LINES_WAIT;
        case FEED_FAILED: return LINES_LOST;
        case FEED_GAP: add_gap(follower, piece.last_seq, out); continue;
        case FEED_LINES: break;
        }
        if (subscriber->is_multiple) {
            add_with_ids(follower, &piece, out);
            continue;
        }
        follower->cursor = piece.last_seq;
        if (piece.len > COPY_MAX_BYTES) {
            rpc_stream_add_block(subscriber->stream, piece.block, piece.offset, piece.len);
            return LINES_MORE;
        }
        rpc_strbuf_add(out, piece.block->bytes + piece.offset, piece.len);
    }
    return LINES_ALL;
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
    static const enum rpc_stream_state states[] = {
        [LINES_MORE] = RPC_STREAM_MORE,
        [LINES_WAIT] = RPC_STREAM_IDLE,
        [LINES_LOST] = RPC_STREAM_CUT,
    };
    if (follower->has_ended) return RPC_STREAM_END;
    if (follower->first.len > 0) rpc_strbuf_add(out, follower->first.data, follower->first.len);
    rpc_strbuf_done(&follower->first);
    enum lines_state lines = add_lines(follower, out, want, follower->backfill);
    if (lines != LINES_ALL) return states[lines];
    bool has_ended = session_has_ended(follower->session);
    if (!has_ended) add_changes(follower, out);
    lines = add_lines(follower, out, want, ring_last_seq(&follower->session->ring));
    if (lines != LINES_ALL) return states[lines];
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
        if (state == RPC_STREAM_MORE || state == RPC_STREAM_CUT) return state;
        ended += state == RPC_STREAM_END;
    }
    return ended == subscriber->count ? RPC_STREAM_END : RPC_STREAM_IDLE;
}

static void closed(void *ctx) {
    struct subscriber *subscriber = ctx;
    for (size_t i = 0; i < subscriber->count; i++) {
        rpc_strbuf_done(&subscriber->followers[i].first);
        feed_close(subscriber->followers[i].feed);
        session_unwatch(subscriber->followers[i].session, &subscriber->followers[i].watch);
    }
    free(subscriber);
}

static void on_changed(struct session_watch *watch) {
    struct follower *follower = (void *)((char *)watch - offsetof(struct follower, watch));
    struct rpc_stream *stream = follower->subscriber->stream;
    if (stream) rpc_stream_wake(stream);
}

static const struct rpc_stream_ops stream_ops = {.produce = produce, .closed = closed};

/* ---- Requests ----------------------------------------------------------------------------- */

/* A request whose sessions are being found, one after the other. */
struct opening {
    struct rpc_request *request;
    struct runner *runner;
    struct archive_search *search; /* under way; NULL: none */
    struct subscriber *subscriber;
    size_t count; /* of ids */
    const char *ids[SESSIONS_MAX];
    uint64_t cursors[SESSIONS_MAX];
};

static void end_opening(struct opening *opening) {
    if (opening->search) archive_give_up(opening->search);
    if (opening->subscriber) closed(opening->subscriber);
    free(opening);
}

static void opening_gone(void *ctx) {
    end_opening(ctx);
}

static struct subscriber *subscriber_new(size_t count, bool is_multiple) {
    struct subscriber *subscriber =
        calloc(1, sizeof *subscriber + count * sizeof subscriber->followers[0]);
    if (subscriber) subscriber->is_multiple = is_multiple;
    return subscriber;
}

/* NULL without memory. */
static struct follower *add_follower(struct runner *runner, struct subscriber *subscriber,
                                     struct session *session, uint64_t after) {
    struct feed *feed = feed_open(&runner->feeds, session);
    if (!feed) return NULL;
    struct follower *follower = &subscriber->followers[subscriber->count++];
    *follower = (struct follower){
        .watch.changed = on_changed,
        .subscriber = subscriber,
        .session = session,
        .feed = feed,
        .cursor = after,
        .backfill = ring_last_seq(&session->ring),
    };
    session_watch(session, &follower->watch);
    return follower;
}

/* Takes over the subscriber. */
static void open_stream(struct rpc_request *request, struct subscriber *subscriber) {
    subscriber->stream = rpc_stream_open(request, &stream_ops, subscriber);
    if (!subscriber->stream) closed(subscriber);
}

static void find_next(struct opening *opening);

static void on_found(void *ctx, struct session *session, const char *error) {
    struct opening *opening = ctx;
    struct subscriber *subscriber = opening->subscriber;
    size_t index = subscriber->count;
    opening->search = NULL;
    if (error) {
        rpc_request_reply_error(opening->request, 503, "the history cannot be read: %s", error);
    } else if (!session) {
        rpc_request_reply_error(opening->request, 404, "unknown session \"%s\"",
                                opening->ids[index]);
    } else if (!add_follower(opening->runner, subscriber, session, opening->cursors[index])) {
        rpc_request_reply_error(opening->request, 500, "out of memory");
    } else {
        find_next(opening);
        return;
    }
    end_opening(opening);
}

static void find_next(struct opening *opening) {
    struct subscriber *subscriber = opening->subscriber;
    if (subscriber->count < opening->count) {
        struct archive_search *search = archive_find(
            opening->runner->archive, opening->ids[subscriber->count], false, on_found, opening);
        if (search) opening->search = search; /* else it is over already */
        return;
    }
    rpc_request_on_gone(opening->request, NULL, NULL);
    opening->subscriber = NULL;
    open_stream(opening->request, subscriber);
    end_opening(opening);
}

/* Takes a request with its ids, and cursors that are zero. */
static struct opening *begin_opening(struct rpc_request *request, struct runner *runner,
                                     size_t count, bool is_multiple) {
    struct opening *opening = calloc(1, sizeof *opening);
    struct subscriber *subscriber = opening ? subscriber_new(count, is_multiple) : NULL;
    if (!subscriber) {
        free(opening);
        rpc_request_reply_error(request, 500, "out of memory");
        return NULL;
    }
    opening->request = request;
    opening->runner = runner;
    opening->subscriber = subscriber;
    opening->count = count;
    return opening;
}

static void run_opening(struct opening *opening) {
    rpc_request_on_gone(opening->request, opening_gone, opening);
    find_next(opening);
}

static void get_session(struct rpc_request *request, void *ctx) {
    uint64_t after = 0;
    if (rpc_sse_resume_id(request, "after_seq", &after) < 0) {
        rpc_request_reply_error(request, 400, "Last-Event-ID or after_seq: not a line number");
        return;
    }
    struct opening *opening = begin_opening(request, ctx, 1, false);
    if (!opening) return;
    opening->ids[0] = rpc_request_path(request) + strlen(PATH_PREFIX);
    opening->cursors[0] = after;
    run_opening(opening);
}

/* The cursors of an id: as many numbers as there are sessions, with a dot between. */
static int read_cursors(const char *text, uint64_t *cursors, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (*text < '0' || *text > '9') return -1;
        char *end;
        errno = 0;
        cursors[i] = strtoull(text, &end, 10);
        if (errno || cursors[i] > INT64_MAX || *end != (i + 1 < count ? '.' : '\0')) return -1;
        text = end + 1;
    }
    return 0;
}

static void get_logs(struct rpc_request *request, void *ctx) {
    const char *ids[SESSIONS_MAX];
    size_t count = rpc_request_query_all(request, "session", ids, SESSIONS_MAX);
    const char *resume = rpc_request_header(request, "Last-Event-ID");
    if (!resume) resume = rpc_request_query(request, "after_seq");
    uint64_t cursors[SESSIONS_MAX] = {0};
    if (count == 0 || count > SESSIONS_MAX) {
        rpc_request_reply_error(request, 400, "session: 1 to %d of them must be given",
                                SESSIONS_MAX);
        return;
    }
    if (resume && read_cursors(resume, cursors, count) < 0) {
        rpc_request_reply_error(request, 400, "Last-Event-ID or after_seq: not %zu line numbers",
                                count);
        return;
    }
    struct opening *opening = begin_opening(request, ctx, count, true);
    if (!opening) return;
    memcpy(opening->ids, ids, count * sizeof ids[0]);
    memcpy(opening->cursors, cursors, count * sizeof cursors[0]);
    run_opening(opening);
}

/* ---- A session and its stream in one request ------------------------------------------------- */

static bool has_room(const struct runner *runner) {
    return rpc_server_streams(runner->server) < runner->config.streams;
}

static void follow_new(struct rpc_call *call, struct runner *runner, struct session *session) {
    if (!has_room(runner)) { /* any more: others came while its script was read */
        rpc_call_fail(call, ERROR_BUSY, json_pack("{s:s}", "session_id", session->id),
                      "busy: session %s has begun, but too many streams are open", session->id);
        return;
    }
    struct rpc_request *request = rpc_call_take_request(call);
    struct subscriber *subscriber = subscriber_new(1, false);
    struct follower *follower = subscriber ? add_follower(runner, subscriber, session, 0) : NULL;
    /* Now, and not when it is sent: then it may have ended, and its lines come before that. */
    if (follower) add_changes(follower, &follower->first);
    if (follower && !follower->first.failed) {
        open_stream(request, subscriber);
        return;
    }
    if (subscriber) closed(subscriber);
    rpc_request_reply_error(request, 500, "out of memory");
}

static void follow_when_recorded(struct rpc_call *call, struct runner *runner,
                                 struct session *session) {
    when_recorded(call, runner, session, follow_new);
}

static void post_run(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    if (has_room(runner))
        submit(call, runner, rpc_call_params(call), NULL, follow_when_recorded);
    else
        rpc_call_fail(call, ERROR_BUSY, NULL, "busy: too many open streams: %lld",
                      (long long)runner->config.streams);
}

static unsigned status_of(int code) {
    switch (code) {
    case ERROR_BUSY:
    case ERROR_UNAVAILABLE: return 503;
    case ERROR_UNKNOWN_SCRIPT: return 404;
    default: return 0;
    }
}

int streams_add_routes(struct runner *runner) {
    const struct rpc_entry run = {"session_start", post_run, runner};
    if (rpc_server_route(runner->server, "GET", PATH_PREFIX, get_session, runner) < 0 ||
        rpc_server_route(runner->server, "GET", "/sse/logs", get_logs, runner) < 0)
        return -1;
    return rpc_service_add_entry(runner->service, runner->server, "/sse/run", &run, status_of);
}
