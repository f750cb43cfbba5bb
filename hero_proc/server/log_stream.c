/*
 * GET /sse/logs?source=&tag=&level=&text=: lines as they come, as server-sent events `line` whose id
 * is the line's number. Without Last-Event-ID it begins with what comes next. A reader that is slower
 * than the memory of recent lines is told how many it has missed (`gap`).
 */
#include "server/daemon.h"

#include <hero_rpc/stream.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct follower {
    LIST_ENTRY(follower) link;
    struct daemon *daemon;
    struct rpc_stream *stream;
    uint64_t cursor; /* the last line looked at */
    char *source, *tags, *text;
    struct logs_filter filter;
};

static LIST_HEAD(, follower) followers = LIST_HEAD_INITIALIZER(followers);

static void closed(void *ctx) {
    struct follower *follower = ctx;
    LIST_REMOVE(follower, link);
    free(follower->source);
    free(follower->tags);
    free(follower->text);
    free(follower);
}

static void add_gap(struct rpc_strbuf *out, uint64_t lost, uint64_t last) {
    char data[64];
    int len = snprintf(data, sizeof data, "{\"dropped\":%llu}", (unsigned long long)lost);
    rpc_sse_add_numbered(out, "gap", last, data, (size_t)len);
}

static enum rpc_stream_state produce(void *ctx, struct rpc_strbuf *out, size_t want) {
    struct follower *follower = ctx;
    struct log_line line;
    while (logs_recent_after(follower->daemon->logs, follower->cursor, &line)) {
        if (out->len >= want) return RPC_STREAM_MORE;
        if (line.id > follower->cursor + 1) add_gap(out, line.id - follower->cursor - 1, line.id - 1);
        follower->cursor = line.id;
        if (!logs_filter_fits(&follower->filter, &line)) continue;
        struct rpc_strbuf data = RPC_STRBUF_INIT;
        logs_write_line(&line, &data);
        rpc_sse_add_numbered(out, "line", line.id, rpc_strbuf_text(&data), data.len);
        rpc_strbuf_done(&data);
    }
    return RPC_STREAM_IDLE;
}

static void on_added(void *ctx) {
    (void)ctx;
    struct follower *follower;
    LIST_FOREACH(follower, &followers, link)
        if (follower->stream) rpc_stream_wake(follower->stream);
}

static char *copy_query(const struct rpc_request *request, const char *name) {
    const char *text = rpc_request_query(request, name);
    return strdup(text ? text : "");
}

static const struct rpc_stream_ops ops = {.produce = produce, .closed = closed};

static void handle(struct rpc_request *request, void *ctx) {
    struct daemon *daemon = ctx;
    uint64_t after = logs_last_id(daemon->logs);
    if (rpc_sse_resume_id(request, "after_id", &after) < 0) {
        rpc_request_reply_error(request, 400, "Last-Event-ID or after_id: not a line number");
        return;
    }
    struct follower *follower = calloc(1, sizeof *follower);
    if (!follower) {
        rpc_request_reply_error(request, 500, "out of memory");
        return;
    }
    LIST_INSERT_HEAD(&followers, follower, link);
    follower->daemon = daemon;
    follower->cursor = after;
    follower->source = copy_query(request, "source");
    follower->tags = copy_query(request, "tag");
    follower->text = copy_query(request, "text");
    if (!follower->source || !follower->tags || !follower->text) {
        closed(follower);
        rpc_request_reply_error(request, 500, "out of memory");
        return;
    }
    const char *level = rpc_request_query(request, "level");
    follower->filter = (struct logs_filter){.source = follower->source,
                                            .tags = follower->tags,
                                            .text = follower->text,
                                            .level = level ? log_level_parse(level)
                                                           : LOG_DEBUG_LEVEL};
    follower->stream = rpc_stream_open(request, &ops, follower);
    if (!follower->stream) closed(follower);
}

int log_stream_add_routes(struct daemon *daemon) {
    logs_on_added(daemon->logs, on_added, daemon);
    return rpc_server_route(daemon->server, "GET", "/sse/logs", handle, daemon);
}
