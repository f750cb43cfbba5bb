/* logs.c - lines of hero_proc's log, and its secrets. */
#include "core/module.h"
#include "core/native.h"
#include "core/text.h"
#include "proc/link.h"

#include <hero_proc_sdk/lenient.h>

#include <stdlib.h>
#include <string.h>

/* ---- logs_list --------------------------------------------------------------------------- */

#define TAGS_MAX 16

/* Texts are borrowed from the map. */
struct query {
    struct proc_log_query log;
    const char *tags[TAGS_MAX + 1];
};

static const char *text_in(const rhai_value *map, const char *name) {
    size_t len;
    const rhai_value *text = rhai_map_get(map, name, strlen(name));
    return text ? rhai_as_text(text, &len) : NULL;
}

static int64_t number_in(const rhai_value *map, const char *name) {
    const rhai_value *number = rhai_map_get(map, name, strlen(name));
    return number ? rhai_as_int(number) : 0;
}

static rhai_status take_tags(rhai_call *call, const rhai_value *tags, struct query *query) {
    size_t count = tags ? rhai_array_len(tags) : 0, len;
    if (count > TAGS_MAX) return rhai_throw(call, "proc: logs_list: more than %d tags", TAGS_MAX);
    for (size_t i = 0; i < count; i++) {
        const rhai_value *tag = rhai_array_at(tags, i);
        if (rhai_type_of(tag) != RHAI_STRING)
            return rhai_throw(call, "proc: logs_list: tags are strings");
        query->tags[i] = rhai_as_text(tag, &len);
    }
    if (count > 0) query->log.tags = query->tags;
    return RHAI_OK;
}

static rhai_status take_query(rhai_call *call, const rhai_value *map, struct query *query) {
    static const struct value_option known[] = {{"source", RHAI_STRING}, {"tags", RHAI_ARRAY},
                                                {"level", RHAI_STRING},  {"text", RHAI_STRING},
                                                {"since_ms", RHAI_INT},  {"until_ms", RHAI_INT},
                                                {"limit", RHAI_INT}};
    if (value_check_options(call, map, "proc: logs_list", known, HEROLIB_COUNT(known)) != RHAI_OK)
        return RHAI_ERROR;
    int64_t limit = number_in(map, "limit");
    if (rhai_map_get(map, "limit", 5) && (limit < 1 || limit > UINT32_MAX))
        return rhai_throw(call, "proc: logs_list: the limit must be 1 or more");
    query->log = (struct proc_log_query){.source = text_in(map, "source"),
                                         .level = text_in(map, "level"),
                                         .text = text_in(map, "text"),
                                         .since_ms = number_in(map, "since_ms"),
                                         .until_ms = number_in(map, "until_ms"),
                                         .limit = (unsigned)limit};
    return take_tags(call, rhai_map_get(map, "tags", 4), query);
}

static json_t *line_map(const struct proc_log_line *line) {
    return json_pack("{s:I, s:s, s:s, s:o, s:s}", "timestamp_ms", (json_int_t)line->timestamp_ms,
                     "level", line->level, "source", line->source, "tags",
                     line->tags ? json_incref((json_t *)(uintptr_t)line->tags) : json_array(),
                     "line", line->text);
}

static rhai_status logs_list(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct query query = {0};
    struct proc_log_page page;
    struct rpc_error err = {0};
    size_t len;
    if (rhai_call_nargs(call) > 0 && rhai_type_of(&args[0]) == RHAI_STRING)
        query.log.source = rhai_as_text(&args[0], &len);
    else if (rhai_call_nargs(call) > 0 && take_query(call, &args[0], &query) != RHAI_OK)
        return RHAI_ERROR;
    struct proc_client *client = link_client(call);
    if (!client) return RHAI_ERROR;
    if (proc_logs_list(client, &query.log, &page, &err) < 0) return link_throw(call, &err);
    json_t *lines = json_array();
    for (size_t i = 0; i < page.count; i++)
        json_array_append_new(lines, line_map(&page.lines[i]));
    proc_log_page_done(&page);
    return link_take(call, lines, ret);
}

/* ---- Secrets ----------------------------------------------------------------------------- */

static rhai_status secret_get(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *key = link_name(call, &args[0]);
    struct proc_client *client = key ? link_client(call) : NULL;
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    char *value = proc_secret_get(client, key, &err);
    return value ? text_take(call, value, strlen(value), ret) : link_throw(call, &err);
}

static rhai_status secret_set(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    const char *key = link_name(call, &args[0]);
    const char *value = key ? text_argument(call, &args[1], "proc: the value") : NULL;
    struct proc_client *client = value ? link_client(call) : NULL;
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    return proc_secret_set(client, key, value, &err) < 0 ? link_throw(call, &err) : RHAI_OK;
}

static rhai_status secret_delete(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *key = link_name(call, &args[0]);
    struct proc_client *client = key ? link_client(call) : NULL;
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    bool is_deleted = proc_secret_delete(client, key, &err) == 0;
    if (!is_deleted && !proc_is_not_found(&err)) return link_throw(call, &err);
    rpc_error_clear(&err);
    *ret = rhai_from_bool(is_deleted);
    return RHAI_OK;
}

static rhai_status secret_list(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    struct proc_client *client = link_client(call);
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    json_t *answer = proc_call(client, PROC_SECRET_LIST, NULL, &err), *secret;
    if (!answer) return link_throw(call, &err);
    json_t *keys = json_array();
    size_t index;
    json_array_foreach(lenient_list(answer, "secrets|keys|items"), index, secret) {
        const char *key =
            json_is_string(secret) ? json_string_value(secret) : lenient_text(secret, "key|name");
        if (key) json_array_append_new(keys, json_string(key));
    }
    json_decref(answer);
    return link_take(call, keys, ret);
}

#define LINES_DOC                                                                                  \
    "The newest lines of hero_proc's log, oldest first: maps with timestamp_ms, level, source, "   \
    "tags "                                                                                        \
    "and line. "

static const rhai_native functions[] = {
    {"logs_list", "", logs_list, RHAI_FN_VOLATILE, "logs_list() -> array", LINES_DOC},
    {"logs_list", "s", logs_list, RHAI_FN_VOLATILE, "logs_list(source: string) -> array",
     LINES_DOC "Those of one source and what is below it: \"web\" has \"web.worker\"."},
    {"logs_list", "m", logs_list, RHAI_FN_VOLATILE, "logs_list(query: map) -> array",
     LINES_DOC "Those that match all of the query: source, tags (an array), level (this or above), "
               "text (contained in the line), since_ms and until_ms; limit says how many."},
    {"secret_get", "s", secret_get, RHAI_FN_VOLATILE, "secret_get(key: string) -> string",
     "A secret that hero_proc keeps. That there is none is an error."},
    {"secret_set", "ss", secret_set, RHAI_FN_VOLATILE, "secret_set(key: string, value: string)",
     "Has hero_proc keep a secret, encrypted, in the place of an earlier one."},
    {"secret_list", "", secret_list, RHAI_FN_VOLATILE, "secret_list() -> array",
     "The keys of all secrets, without their values."},
    {"secret_delete", "s", secret_delete, RHAI_FN_VOLATILE, "secret_delete(key: string) -> bool",
     "Forgets a secret; false when there was none."},
};

const herolib_module herolib_proc_logs_module = {
    .name = "proc",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
