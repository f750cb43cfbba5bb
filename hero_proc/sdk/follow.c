/* follow.c - log lines as they come. */
#include "client.h"

#include "hero_proc_sdk/lenient.h"

#include <hero_rpc/clock.h>

#include <string.h>

#define HTTP_NOT_FOUND 404
#define FOLLOW_PAUSE_MS 500
#define FOLLOW_LIMIT 1000

struct follow {
    bool (*line)(void *ctx, const struct proc_log_line *line);
    void *ctx;
};

static void add_parameter(struct rpc_strbuf *path, const char *name, const char *value) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    if (!value) return;
    rpc_strbuf_addf(path, "%c%s=", strchr(rpc_strbuf_text(path), '?') ? '&' : '?', name);
    for (const char *at = value; *at; at++) {
        if (strchr(plain, *at))
            rpc_strbuf_add_char(path, *at);
        else
            rpc_strbuf_addf(path, "%%%02X", (unsigned char)*at);
    }
}

static bool on_event(void *ctx, const struct rpc_sse_event *event) {
    struct follow *follow = ctx;
    struct proc_log_line line;
    json_t *record = json_loadb(event->data, event->data_len, JSON_DECODE_ANY, NULL);
    proc_log_line_read(record, &line);
    /* Other events (a gap, for one) have no line in them. */
    bool goes_on = !lenient_get(record, "line|content") || follow->line(follow->ctx, &line);
    json_decref(record);
    return goes_on;
}

static int follow_stream(struct proc_client *client, const struct proc_log_query *query,
                         struct follow *follow, struct rpc_error *err) {
    struct rpc_strbuf path = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&path, "/sse/logs");
    add_parameter(&path, "source", query->source);
    for (const char *const *tag = query->tags; tag && *tag; tag++)
        add_parameter(&path, "tag", *tag);
    add_parameter(&path, "level", query->level);
    add_parameter(&path, "text", query->text);
    int end = rpc_client_follow(client->rpc, rpc_strbuf_text(&path), NULL, on_event, follow, err);
    rpc_strbuf_done(&path);
    if (end == RPC_FOLLOW_CLOSED)
        rpc_error_set(err, RPC_ERROR_UNREACHABLE, 0, "hero_proc has closed the stream");
    return end == RPC_FOLLOW_STOPPED ? 0 : -1;
}

/* The page's lines from `first` on; false when the caller has enough. */
static bool tell_lines(const struct proc_log_page *page, size_t first, struct follow *follow) {
    for (size_t i = first; i < page->count; i++)
        if (!follow->line(follow->ctx, &page->lines[i])) return false;
    return true;
}

/* Without a cursor, lines of the last millisecond asked for come again: so many are known. */
static int follow_by_asking(struct proc_client *client, const struct proc_log_query *query,
                            struct follow *follow, struct rpc_error *err) {
    struct proc_log_query next = *query;
    json_t *cursor = NULL;
    size_t known = 0;
    bool goes_on = true;
    next.since_ms = rpc_clock_wall_ms();
    next.limit = FOLLOW_LIMIT;
    while (goes_on) {
        struct proc_log_page page;
        if (proc_logs_list(client, &next, &page, err) < 0) break;
        goes_on = tell_lines(&page, page.count < known ? page.count : known, follow);
        if (page.cursor) {
            json_decref(cursor);
            next.after = cursor = json_deep_copy(page.cursor);
        } else if (page.count > 0) {
            int64_t last_ms = page.lines[page.count - 1].timestamp_ms;
            known = 0;
            for (size_t i = page.count; i > 0 && page.lines[i - 1].timestamp_ms == last_ms; i--)
                known++;
            if (last_ms) next.since_ms = last_ms;
        }
        bool is_all = page.count < FOLLOW_LIMIT;
        proc_log_page_done(&page);
        if (goes_on && is_all && client_pause(client, FOLLOW_PAUSE_MS, err) < 0) break;
    }
    json_decref(cursor);
    return goes_on ? -1 : 0;
}

int proc_logs_follow(struct proc_client *client, const struct proc_log_query *query,
                     bool (*line)(void *ctx, const struct proc_log_line *line), void *ctx,
                     struct rpc_error *err) {
    struct follow follow = {line, ctx};
    struct rpc_error failure = {0};
    if (!client->rpc) return follow_by_asking(client, query, &follow, err);
    int result = follow_stream(client, query, &follow, &failure);
    if (result == 0) return 0;
    if (failure.kind == RPC_ERROR_HTTP && failure.code == HTTP_NOT_FOUND)
        return follow_by_asking(client, query, &follow, err);
    rpc_error_set(err, failure.kind, failure.code, "%s", failure.message);
    return -1;
}
