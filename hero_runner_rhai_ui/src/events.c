/*
 * GET /events: everything one browser watches as one stream, because browsers allow six connections
 * to a host and share them between all tabs.
 *
 *   /events?list=1&logs=<session>:<seq>,<session>:<seq>
 *
 * `list` is /sse/sessions of the runner, each of `logs` is /sse/session/<session> after line <seq>.
 * Their events come whole, one after the other, each with a line "from: sessions" or
 * "from: <session>" before it (a field that other readers of event streams pass over). Of our own:
 *
 *   event: hello   at once; a reader that does not get it sits behind something that buffers
 *   event: closed  a source has ended: {"status": <HTTP status>, "message"?}; 0: no answer
 *
 * The stream ends when its sources have, or when `list` has: the runner is gone. Sources are taken
 * in turn, an event each, and a source whose events are not taken is not read.
 */
#include "src/ui.h"
#include "src/upstream.h"

#include <ctype.h>
#include <event2/buffer.h>
#include <hero_rpc/stream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOGS_MAX 32
#define ID_BYTES_MAX 64

enum source_state {
    SOURCE_OPEN,  /* asked, or answering */
    SOURCE_ENDED, /* nothing more comes; what has come is to be passed on */
    SOURCE_TOLD,  /* so is its end */
};

struct source {
    struct feed *feed;
    char name[ID_BYTES_MAX + 1];
    struct upstream *upstream;
    enum source_state state;
    unsigned status; /* 0: no answer */
    bool is_inside;  /* a part of an event has been passed on */
    char why[256];
};

struct feed {
    struct ui *ui;
    struct rpc_stream *stream;
    bool has_list; /* source 0 is the list */
    bool has_said_hello;
    size_t count, turn;
    struct source sources[];
};

static void feed_free(void *ctx) {
    struct feed *feed = ctx;
    for (size_t i = 0; i < feed->count; i++)
        upstream_close(feed->sources[i].upstream);
    free(feed);
}

/* ---- What the browser gets --------------------------------------------------------------- */

static void begin_event(const struct source *source, struct rpc_strbuf *out) {
    rpc_strbuf_add_text(out, "from: ");
    rpc_strbuf_add_text(out, source->name);
    rpc_strbuf_add_char(out, '\n');
}

static void tell_end(struct source *source, struct rpc_strbuf *out) {
    struct rpc_strbuf data = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&data, "{\"status\":%u", source->status);
    if (*source->why) {
        rpc_strbuf_add_text(&data, ",\"message\":");
        rpc_strbuf_add_json_string(&data, source->why, strlen(source->why));
    }
    rpc_strbuf_add_char(&data, '}');
    begin_event(source, out);
    rpc_sse_add_event(out, "closed", NULL, rpc_strbuf_text(&data), data.len);
    rpc_strbuf_done(&data);
    source->state = SOURCE_TOLD;
}

static size_t waiting_bytes(const struct source *source) {
    bool has_body = source->status == 200 && source->state != SOURCE_TOLD;
    return has_body ? evbuffer_get_length(upstream_body(source->upstream)) : 0;
}

static bool ends_with_newline(struct evbuffer *body, size_t len) {
    struct evbuffer_ptr last;
    char c = '\0';
    if (evbuffer_ptr_set(body, &last, len - 1, EVBUFFER_PTR_SET) == 0)
        evbuffer_copyout_from(body, &last, &c, 1);
    return c == '\n';
}

/* Passes on the rest of one event, or as much of it as there is. */
static void take_event(struct source *source, struct rpc_strbuf *out) {
    struct evbuffer *body = upstream_body(source->upstream);
    struct evbuffer_ptr end = evbuffer_search(body, "\n\n", 2, NULL);
    size_t len = evbuffer_get_length(body);
    if (end.pos >= 0)
        len = (size_t)end.pos + 2;
    else if (ends_with_newline(body, len))
        len--; /* stays until it is known whether it is the first of two */
    char *to = len ? rpc_strbuf_reserve(out, len) : NULL;
    if (!to) return;
    evbuffer_remove(body, to, len);
    out->len += len;
    out->data[out->len] = '\0';
    source->is_inside = end.pos < 0;
}

/* The source whose event is not whole yet, else in turn the next one that has something: more than
 * the single byte that take_event leaves. */
static struct source *next_source(struct feed *feed) {
    for (size_t i = 0; i < feed->count; i++)
        if (feed->sources[i].is_inside) return &feed->sources[i];
    for (size_t i = 0; i < feed->count; i++) {
        struct source *source = &feed->sources[(feed->turn + i) % feed->count];
        if (waiting_bytes(source) <= 1 && source->state != SOURCE_ENDED) continue;
        feed->turn = (feed->turn + i + 1) % feed->count;
        return source;
    }
    return NULL;
}

static bool is_over(const struct feed *feed) {
    bool is_over = true;
    for (size_t i = 0; i < feed->count; i++)
        is_over &= feed->sources[i].state == SOURCE_TOLD;
    return is_over || (feed->has_list && feed->sources[0].state == SOURCE_TOLD &&
                       feed->sources[0].status != 404);
}

static enum rpc_stream_state produce(void *ctx, struct rpc_strbuf *out, size_t want) {
    struct feed *feed = ctx;
    if (!feed->has_said_hello) rpc_sse_add_event(out, "hello", NULL, "{}", 2);
    feed->has_said_hello = true;
    while (out->len < want && !out->failed) {
        if (is_over(feed)) return RPC_STREAM_END;
        struct source *source = next_source(feed);
        if (!source) return RPC_STREAM_IDLE;
        size_t waiting = waiting_bytes(source);
        if (waiting > 1) {
            if (!source->is_inside) begin_event(source, out);
            take_event(source, out);
        } else if (source->state != SOURCE_ENDED) {
            return RPC_STREAM_IDLE;
        } else if (source->is_inside) {
            return RPC_STREAM_CUT; /* half an event cannot be made whole */
        } else {
            tell_end(source, out);
        }
    }
    return RPC_STREAM_MORE;
}

static const struct rpc_stream_ops stream_ops = {produce, feed_free};

/* ---- What the runner sends --------------------------------------------------------------- */

static void on_head(void *ctx, const struct upstream_head *head) {
    struct source *source = ctx;
    source->status = head->status;
    watch_note(source->feed->ui, NULL);
    if (head->status == 200) return;
    source->state = SOURCE_ENDED;
    rpc_stream_wake(source->feed->stream);
}

static void on_data(void *ctx) {
    struct source *source = ctx;
    if (upstream_is_complete(source->upstream)) source->state = SOURCE_ENDED;
    rpc_stream_wake(source->feed->stream);
}

static void on_failed(void *ctx, const char *why) {
    struct source *source = ctx;
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    source->state = SOURCE_ENDED;
    if (source->status == 0) {
        watch_note(source->feed->ui, why);
        proxy_explain(source->feed->ui, why, &text);
        snprintf(source->why, sizeof source->why, "%s", rpc_strbuf_text(&text));
        rpc_strbuf_done(&text);
    }
    rpc_stream_wake(source->feed->stream);
}

static const struct upstream_ops upstream_ops = {on_head, on_data, on_failed};

/* ---- The request ------------------------------------------------------------------------- */

static bool open_source(struct feed *feed, const char *name, const char *target,
                        const char *headers) {
    struct source *source = &feed->sources[feed->count];
    const struct upstream_request request = {.method = "GET", .target = target, .headers = headers};
    source->feed = feed;
    snprintf(source->name, sizeof source->name, "%s", name);
    source->upstream =
        upstream_open(feed->ui->base, feed->ui->runner_socket, &request, &upstream_ops, source);
    if (!source->upstream) return false;
    feed->count++;
    return true;
}

/* Reads "<session>:<seq>" and moves behind it and its comma. False: it is not one. */
static bool next_log(const char **text, char id[ID_BYTES_MAX + 1], unsigned long long *seq) {
    size_t len = 0;
    const char *c = *text;
    for (; isalnum((unsigned char)*c) || *c == '-' || *c == '_'; c++) {
        if (len == ID_BYTES_MAX) return false;
        id[len++] = *c;
    }
    id[len] = '\0';
    if (len == 0 || *c != ':' || !isdigit((unsigned char)c[1])) return false;
    char *end;
    *seq = strtoull(c + 1, &end, 10);
    if (*end && *end != ',') return false;
    *text = *end ? end + 1 : end;
    return true;
}

static size_t count_logs(const char *logs) {
    size_t count = *logs ? 1 : 0;
    for (; *logs && count <= LOGS_MAX; logs++)
        count += *logs == ',';
    return count;
}

/* 0, or the HTTP status that tells what is wrong. */
static unsigned open_sources(struct feed *feed, const char *logs, const char *headers) {
    if (feed->has_list && !open_source(feed, "sessions", "/sse/sessions", headers)) return 500;
    for (size_t count = 0; *logs; count++) {
        char id[ID_BYTES_MAX + 1], target[2 * ID_BYTES_MAX];
        unsigned long long seq;
        if (count == LOGS_MAX || !next_log(&logs, id, &seq)) return 400;
        snprintf(target, sizeof target, "/sse/session/%s?after_seq=%llu", id, seq);
        if (!open_source(feed, id, target, headers)) return 500;
    }
    return feed->count ? 0 : 400;
}

static void get_events(struct rpc_request *request, void *ctx) {
    const char *logs = rpc_request_query(request, "logs");
    struct rpc_strbuf headers = RPC_STRBUF_INIT;
    size_t sources_max = count_logs(logs ? logs : "") + 1;
    struct feed *feed = calloc(1, sizeof *feed + sources_max * sizeof(struct source));
    unsigned status = 500;
    if (feed) {
        feed->ui = ctx;
        feed->has_list = rpc_request_query(request, "list") != NULL;
        proxy_add_caller(request, &headers);
        status = open_sources(feed, logs ? logs : "", rpc_strbuf_text(&headers));
        rpc_strbuf_done(&headers);
    }
    if (status == 0 && (feed->stream = rpc_stream_open(request, &stream_ops, feed))) return;
    if (feed) feed_free(feed);
    if (status == 400)
        rpc_request_reply_error(
            request, 400, "list=1 or logs=<session>:<seq>,... with at most %d sessions", LOGS_MAX);
    else if (status)
        rpc_request_reply_error(request, 500, "out of memory");
}

int events_add_routes(struct ui *ui) {
    return rpc_server_route(ui->server, "GET", "/events", get_events, ui);
}
