/*
 * GET /sse/logs?source=&tag=&level=&text=: new lines as server-sent events, each named by its
 * level, with the line's id as its id. A follower is a cursor: one that is slow is told how many it
 * missed.
 */
#include "server/daemon.h"

#include <hero_rpc/stream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct follower {
    struct logs_watch watch;
    struct logs *logs;
    struct rpc_stream *stream;
    uint64_t cursor;
    struct log_query query;
    char *source, *tag, *text;
};

static enum rpc_stream_state produce(void *ctx, struct rpc_strbuf *out, size_t want) {
    struct follower *follower = ctx;
    struct rpc_strbuf data = RPC_STRBUF_INIT;
    const struct log_line *line;
    bool has_lost;
    while (out->len < want && (line = logs_next(follower->logs, follower->cursor, &has_lost))) {
        if (has_lost) rpc_sse_add_event(out, "gap", NULL, "{}", 2);
        follower->cursor = line->id;
        if (!log_source_matches(line->source, follower->query.source) ||
            !log_line_matches(line, &follower->query))
            continue;
        rpc_strbuf_clear(&data);
        log_line_add_json(line, &data);
        rpc_sse_add_numbered(out, log_level_name(line->level), line->id, rpc_strbuf_text(&data),
                             data.len);
    }
    rpc_strbuf_done(&data);
    return out->len >= want ? RPC_STREAM_MORE : RPC_STREAM_IDLE;
}

static void closed(void *ctx) {
    struct follower *follower = ctx;
    logs_unwatch(follower->logs, &follower->watch);
    free(follower->source);
    free(follower->tag);
    free(follower->text);
    free(follower);
}

static void on_added(struct logs_watch *watch) {
    struct follower *follower = (struct follower *)watch;
    if (follower->stream) rpc_stream_wake(follower->stream);
}

static const struct rpc_stream_ops stream_ops = {.produce = produce, .closed = closed};

static char *copy(const char *text) {
    return text && *text ? strdup(text) : NULL;
}

static void handle(struct rpc_request *request, void *ctx) {
    struct daemon *daemon = ctx;
    const char *level = rpc_request_query(request, "level");
    uint64_t after = logs_last_id(daemon->logs);
    if (rpc_sse_resume_id(request, "after_id", &after) < 0) {
        rpc_request_reply_error(request, 400, "Last-Event-ID or after_id: not the id of a line");
        return;
    }
    struct follower *follower = calloc(1, sizeof *follower);
    if (!follower) {
        rpc_request_reply_error(request, 500, "out of memory");
        return;
    }
    follower->logs = daemon->logs;
    follower->cursor = after;
    follower->watch.added = on_added;
    follower->source = copy(rpc_request_query(request, "source"));
    follower->tag = copy(rpc_request_query(request, "tag"));
    follower->text = copy(rpc_request_query(request, "text"));
    follower->query = (struct log_query){.source = follower->source,
                                         .tags = {follower->tag},
                                         .tag_count = follower->tag ? 1 : 0,
                                         .level = level ? log_level_parse(level) : LOG_DEBUG,
                                         .text = follower->text};
    logs_watch(daemon->logs, &follower->watch);
    follower->stream = rpc_stream_open(request, &stream_ops, follower);
    if (!follower->stream) closed(follower);
}

int streams_add_routes(struct daemon *daemon) {
    return rpc_server_route(daemon->server, "GET", "/sse/logs", handle, daemon);
}
