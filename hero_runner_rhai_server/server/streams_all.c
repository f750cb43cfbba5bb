/*
 * GET /sse/sessions: each change of status of any session, and the numbers of the server once a
 * second.
 *
 * A subscriber is a cursor again: the number of the last change it was told. Sessions are kept in
 * the order of their last change, so what is new is at the end of that list; a reader that is slow
 * finds only the present state of each session there, and holds nothing up. Those that have left it
 * meanwhile are counted, and told as a gap.
 */
#include "server/runner.h"

#include <hero_rpc/stream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct subscriber {
    struct sessions_watch watch;
    struct runner *runner;
    struct rpc_stream *stream;
    struct event *second;
    uint64_t cursor;
    uint64_t begun_at; /* the last change there was at the beginning */
    uint64_t dropped;  /* sessions that nobody can be told about any more */
    bool stats_is_due;
};

static void add_session(struct rpc_strbuf *out, const struct session *session) {
    static struct rpc_strbuf data; /* kept for its memory */
    rpc_strbuf_clear(&data);
    rpc_strbuf_add_char(&data, '{');
    session_write_info(session, &data);
    rpc_strbuf_add_char(&data, '}');
    rpc_sse_add_event(out, "session", NULL, rpc_strbuf_text(&data), data.len);
}

static void add_stats(struct rpc_strbuf *out, struct runner *runner) {
    struct rpc_strbuf data = RPC_STRBUF_INIT;
    json_t *stats = runner_stats(runner);
    rpc_strbuf_add_json(&data, stats);
    rpc_sse_add_event(out, "stats", NULL, rpc_strbuf_text(&data), data.len);
    json_decref(stats);
    rpc_strbuf_done(&data);
}

static void add_gap(struct rpc_strbuf *out, uint64_t dropped) {
    char data[48];
    int len = snprintf(data, sizeof data, "{\"dropped\":%llu}", (unsigned long long)dropped);
    rpc_sse_add_event(out, "gap", NULL, data, (size_t)len);
}

/* The first change behind the cursor; NULL: there is none. */
static const struct session *first_new(const struct subscriber *subscriber) {
    const struct sessions *sessions = &subscriber->runner->sessions;
    const struct session *session = TAILQ_LAST(&sessions->changes, session_changes), *found = NULL;
    for (; session && session->change_number > subscriber->cursor;
         session = TAILQ_PREV(session, session_changes, change_link))
        found = session;
    return found;
}

static enum rpc_stream_state produce(void *ctx, struct rpc_strbuf *out, size_t want) {
    struct subscriber *subscriber = ctx;
    struct runner *runner = subscriber->runner;
    queue_number(&runner->slots.queue);
    if (subscriber->dropped) add_gap(out, subscriber->dropped);
    subscriber->dropped = 0;
    const struct session *session = first_new(subscriber);
    for (; session && out->len < want; session = TAILQ_NEXT(session, change_link)) {
        /* At first those that are under way; afterwards every change. */
        if (session->change_number > subscriber->begun_at || !session_has_ended(session))
            add_session(out, session);
        subscriber->cursor = session->change_number;
    }
    if (session) return RPC_STREAM_MORE;
    if (subscriber->stats_is_due) add_stats(out, runner);
    subscriber->stats_is_due = false;
    return RPC_STREAM_IDLE;
}

static void closed(void *ctx) {
    struct subscriber *subscriber = ctx;
    TAILQ_REMOVE(&subscriber->runner->sessions.watches, &subscriber->watch, link);
    event_free(subscriber->second);
    free(subscriber);
}

static void on_changed(struct sessions_watch *watch) {
    struct subscriber *subscriber = (void *)((char *)watch - offsetof(struct subscriber, watch));
    if (subscriber->stream) rpc_stream_wake(subscriber->stream);
}

static void on_forgotten(struct sessions_watch *watch, const struct session *session) {
    struct subscriber *subscriber = (void *)((char *)watch - offsetof(struct subscriber, watch));
    uint64_t told =
        subscriber->cursor > subscriber->begun_at ? subscriber->cursor : subscriber->begun_at;
    if (session->change_number > told) subscriber->dropped++;
}

static void on_second(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct subscriber *subscriber = ctx;
    subscriber->stats_is_due = true;
    if (subscriber->stream) rpc_stream_wake(subscriber->stream);
}

static const struct rpc_stream_ops stream_ops = {.produce = produce, .closed = closed};

static void handle(struct rpc_request *request, void *ctx) {
    struct runner *runner = ctx;
    struct subscriber *subscriber = calloc(1, sizeof *subscriber);
    struct event *second =
        subscriber ? event_new(runner->base, -1, EV_PERSIST, on_second, subscriber) : NULL;
    if (!second) {
        free(subscriber);
        rpc_request_reply_error(request, 500, "out of memory");
        return;
    }
    *subscriber = (struct subscriber){
        .watch = {.changed = on_changed, .forgotten = on_forgotten},
        .runner = runner,
        .second = second,
        .begun_at = runner->sessions.change_count,
        .stats_is_due = true,
    };
    event_add(second, &(struct timeval){.tv_sec = 1});
    TAILQ_INSERT_TAIL(&runner->sessions.watches, &subscriber->watch, link);
    subscriber->stream = rpc_stream_open(request, &stream_ops, subscriber);
    if (!subscriber->stream) closed(subscriber);
}

int streams_all_add_routes(struct runner *runner) {
    return rpc_server_route(runner->server, "GET", "/sse/sessions", handle, runner);
}
