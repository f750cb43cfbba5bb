#include "client.h"

#include "hero_proc_sdk/lenient.h"

#include <errno.h>
#include <stdlib.h>

static json_t *query_json(const struct proc_log_query *query) {
    json_t *params = json_object();
    if (query->source) json_object_set_new(params, "source", json_string(query->source));
    if (query->level) json_object_set_new(params, "level", json_string(query->level));
    if (query->text) json_object_set_new(params, "text", json_string(query->text));
    if (query->since_ms) json_object_set_new(params, "since_ms", json_integer(query->since_ms));
    if (query->until_ms) json_object_set_new(params, "until_ms", json_integer(query->until_ms));
    if (query->limit) json_object_set_new(params, "limit", json_integer(query->limit));
    if (query->after) json_object_set_new(params, "cursor", json_deep_copy(query->after));
    if (query->tags) {
        json_t *tags = json_array();
        for (const char *const *tag = query->tags; *tag; tag++)
            json_array_append_new(tags, json_string(*tag));
        json_object_set_new(params, "tags", tags);
    }
    return params;
}

/* Names of levels that some servers count. */
static const char *level_of(const json_t *record) {
    static const struct {
        int64_t from;
        const char *name;
    } steps[] = {{254, "error"}, {40, "critical"}, {30, "warn"}, {20, "notice"}, {10, "info"}};
    const char *text = lenient_text(record, "level|loglevel|log_level|severity");
    int64_t number = lenient_number(record, "level|loglevel|log_level|severity", -1);
    if (text || number < 0) return text ? text : "";
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (number >= steps[i].from) return steps[i].name;
    return "debug";
}

void proc_log_line_read(const json_t *record, struct proc_log_line *ret_line) {
    if (json_is_string(record)) {
        *ret_line =
            (struct proc_log_line){.source = "", .level = "", .text = json_string_value(record)};
        return;
    }
    const char *source = lenient_text(record, "source|src|service");
    const char *text = lenient_text(record, "line|content|message|text|msg");
    *ret_line = (struct proc_log_line){
        .source = source ? source : "",
        .level = level_of(record),
        .tags = lenient_array(record, "tags"),
        .timestamp_ms = lenient_time_ms(
            lenient_get(record, "timestamp_ms|timestamp|epoch_ms|epoch|ts|time|created_at")),
        .text = text ? text : "",
    };
}

static bool is_newest_first(const struct proc_log_page *page) {
    return page->count > 1 &&
           page->lines[0].timestamp_ms > page->lines[page->count - 1].timestamp_ms;
}

int proc_logs_list(struct proc_client *client, const struct proc_log_query *query,
                   struct proc_log_page *ret_page, struct rpc_error *err) {
    json_t *result = client_call(client, PROC_LOGS_LIST, query_json(query), err), *record;
    if (!result) return -1;
    const json_t *list = lenient_list(result, "lines|logs|entries|items|records");
    struct proc_log_page page = {
        .lines = calloc(json_array_size(list) + 1, sizeof *page.lines),
        .cursor = lenient_get(result, "cursor|next_cursor|next|last_id"),
        .json = result,
    };
    if (!page.lines) {
        json_decref(result);
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    size_t index;
    json_array_foreach((json_t *)(uintptr_t)list, index, record)
        proc_log_line_read(record, &page.lines[page.count++]);
    if (is_newest_first(&page))
        for (size_t i = 0; i < page.count / 2; i++) {
            struct proc_log_line line = page.lines[i];
            page.lines[i] = page.lines[page.count - 1 - i];
            page.lines[page.count - 1 - i] = line;
        }
    *ret_page = page;
    return 0;
}

void proc_log_page_done(struct proc_log_page *page) {
    free(page->lines);
    json_decref(page->json);
    *page = (struct proc_log_page){0};
}
