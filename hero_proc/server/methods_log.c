#include "server/methods.h"

#include <hero_rpc/clock.h>
#include <stdlib.h>
#include <string.h>

#define LIST_LOGS_DEFAULT 200

/* ---- logs.insert -------------------------------------------------------------------------- */

static bool insert(struct daemon *daemon, const json_t *entry) {
    const json_t *line = json_object_get(entry, "line"), *tags = json_object_get(entry, "tags");
    const char *level = json_string_value(json_object_get(entry, "level"));
    const json_t *timestamp = json_object_get(entry, "timestamp_ms");
    struct log_source *source =
        logs_source(daemon->logs, json_string_value(json_object_get(entry, "source")));
    size_t len = json_string_length(line);
    if (!source || !logs_may_add(daemon->logs, source, len)) return false;
    char *tags_text = json_array_size(tags) > 0 ? json_dumps(tags, JSON_COMPACT) : NULL;
    logs_add(daemon->logs, source, level ? log_level_parse(level) : LOG_INFO,
             tags_text ? tags_text : "[]",
             timestamp ? json_integer_value(timestamp) : rpc_clock_wall_ms(),
             json_string_value(line), len);
    free(tags_text);
    return true;
}

void logs_insert_method(struct rpc_call *call, void *ctx) {
    const json_t *entries = rpc_call_param(call, "entries");
    json_int_t accepted = 0, dropped = 0;
    size_t index;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)entries, index, entry) {
        if (insert(ctx, entry))
            accepted++;
        else
            dropped++;
    }
    rpc_call_reply(call, json_pack("{s:I, s:I}", "accepted", accepted, "dropped", dropped));
}

/* ---- logs.list ---------------------------------------------------------------------------- */

static void on_lines(void *ctx, const char *json, size_t len) {
    rpc_call_reply_text(ctx, json, len);
}

static void add_tags(struct log_query *query, const json_t *tags) {
    size_t index;
    json_t *tag;
    json_array_foreach((json_t *)(uintptr_t)tags, index, tag)
        if (query->tag_count < LOG_QUERY_TAGS_MAX)
            query->tags[query->tag_count++] = json_string_value(tag);
}

void logs_list_method(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    const char *level = rpc_call_text(call, "level", NULL);
    long long limit = rpc_call_integer(call, "limit", LIST_LOGS_DEFAULT);
    long long cursor = rpc_call_integer(call, "cursor", 0);
    struct log_query query = {
        .source = rpc_call_text(call, "source", NULL),
        .level = level ? log_level_parse(level) : LOG_DEBUG,
        .text = rpc_call_text(call, "text", NULL),
        .since_ms = rpc_call_integer(call, "since_ms", 0),
        .until_ms = rpc_call_integer(call, "until_ms", 0),
        .after_id = (uint64_t)rpc_call_integer(call, "after_id", cursor),
        .limit = (size_t)(limit < LIST_MAX_LIMIT ? limit : LIST_MAX_LIMIT),
    };
    add_tags(&query, rpc_call_param(call, "tags"));
    if (logs_query(daemon->logs, &query, on_lines, call) < 0)
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
}

void logs_sources_method(struct rpc_call *call, void *ctx) {
    const struct daemon *daemon = ctx;
    rpc_call_reply(call, json_pack("{s:o}", "sources", logs_sources_json(daemon->logs)));
}
