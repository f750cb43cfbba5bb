#include "hero_runner_rhai_sdk/runner.h"
#include "internal.h"

#include <errno.h>
#include <hero_rpc/paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct runner {
    struct rpc_client *client;
    char *socket_path;
};

static const char *const status_names[] = {
    [RUNNER_PENDING] = "pending",     [RUNNER_RUNNING] = "running",
    [RUNNER_SUCCEEDED] = "succeeded", [RUNNER_FAILED] = "failed",
    [RUNNER_CANCELLED] = "cancelled",
};

#define STATUS_COUNT (sizeof status_names / sizeof status_names[0])

/* ---- Helpers ----------------------------------------------------------------------------- */

int sdk_out_of_memory(struct rpc_error *err) {
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return -1;
}

int sdk_unexpected(struct rpc_error *err, const char *what) {
    rpc_error_set(err, RPC_ERROR_PROTOCOL, 0, "the server's answer has no valid %s", what);
    return -1;
}

static bool has(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return value && !json_is_null(value);
}

void sdk_put_text(json_t *params, const char *name, const char *text) {
    if (text) json_object_set_new(params, name, json_string(text));
}

void sdk_put_number(json_t *params, const char *name, int64_t value) {
    if (value) json_object_set_new(params, name, json_integer(value));
}

/* ---- Life -------------------------------------------------------------------------------- */

struct runner *runner_open(const char *socket_path, struct rpc_error *err) {
    struct runner *runner = calloc(1, sizeof *runner);
    if (!runner) {
        sdk_out_of_memory(err);
        return NULL;
    }
    runner->socket_path =
        socket_path ? strdup(socket_path) : rpc_path_socket(RUNNER_SERVICE, "rpc.sock", err);
    if (runner->socket_path) runner->client = rpc_client_new_unix(runner->socket_path, err);
    if (runner->client) return runner;
    runner_close(runner);
    return NULL;
}

void runner_close(struct runner *runner) {
    if (!runner) return;
    rpc_client_free(runner->client);
    free(runner->socket_path);
    free(runner);
}

struct rpc_client *sdk_client(struct runner *runner) {
    return runner->client;
}

const char *runner_socket_path(const struct runner *runner) {
    return runner->socket_path;
}

void runner_set_stop_fd(struct runner *runner, int fd) {
    rpc_client_set_stop_fd(runner->client, fd);
}

/* ---- Reading answers --------------------------------------------------------------------- */

const char *runner_status_name(enum runner_status status) {
    return status_names[status];
}

bool runner_status_is_final(enum runner_status status) {
    return status >= RUNNER_SUCCEEDED;
}

void runner_session_done(struct runner_session *session) {
    json_decref(session->json);
    memset(session, 0, sizeof *session);
}

/* Takes a reference of its own to `json`. */
int sdk_read_session(json_t *json, struct runner_session *ret, struct rpc_error *err) {
    const char *id = text_of(json, "session_id"), *status = text_of(json, "status");
    if (!id || strlen(id) >= RUNNER_ID_BYTES) return sdk_unexpected(err, "session_id");
    struct runner_session session = {
        .reason = text_of(json, "reason"),
        .message = text_of(json, "message"),
        .has_exit_code = has(json, "exit_code"),
        .exit_code = (int)int_of(json, "exit_code"),
        .signal = (int)int_of(json, "signal"),
        .child_pid = (pid_t)int_of(json, "child_pid"),
        .queued_at_ms = int_of(json, "queued_at_ms"),
        .started_at_ms = int_of(json, "started_at_ms"),
        .ended_at_ms = int_of(json, "ended_at_ms"),
        .lines = (uint64_t)int_of(json, "lines"),
        .bytes = (uint64_t)int_of(json, "bytes"),
        .queue_position = (unsigned)int_of(json, "queue_position"),
        .priority = (int)int_of(json, "priority"),
        .source_kind = text_of(json_object_get(json, "source"), "kind"),
        .source_name = text_of(json_object_get(json, "source"), "name"),
        .tags = json_object_get(json, "tags"),
        .has_usage = has(json, "usage"),
        .dropped_lines = (uint64_t)int_of(json, "dropped_lines"),
        .forwarding = text_of(json, "forwarding"),
        .has_progress = has(json, "progress"),
    };
    snprintf(session.id, sizeof session.id, "%s", id);
    size_t at = 0;
    while (at < STATUS_COUNT && (!status || strcmp(status, status_names[at]) != 0))
        at++;
    if (at == STATUS_COUNT) return sdk_unexpected(err, "status");
    session.status = (enum runner_status)at;
    const json_t *progress = json_object_get(json, "progress");
    session.progress_done = json_number_value(json_object_get(progress, "done"));
    session.progress_total = json_number_value(json_object_get(progress, "total"));
    session.progress_text = text_of(progress, "text");
    const json_t *caller = json_object_get(json, "caller"), *usage = json_object_get(json, "usage");
    session.caller = text_of(caller, has(caller, "user") ? "user" : "hero_user");
    session.user_us = int_of(usage, "user_us");
    session.system_us = int_of(usage, "system_us");
    session.cpu_us = session.user_us + session.system_us;
    session.voluntary_switches = int_of(usage, "voluntary_switches");
    session.involuntary_switches = int_of(usage, "involuntary_switches");
    session.peak_rss_bytes = int_of(usage, "peak_rss_bytes");
    session.rss_bytes = int_of(usage, "rss_bytes");
    session.processes = (unsigned)int_of(usage, "processes");
    session.json = json_incref(json);
    *ret = session;
    return 0;
}

void runner_result_done(struct runner_result *result) {
    json_decref(result->json);
    memset(result, 0, sizeof *result);
}

int sdk_read_result(json_t *json, struct runner_result *ret, struct rpc_error *err) {
    const json_t *error = json_object_get(json, "error");
    struct runner_result result = {
        .success = json_is_true(json_object_get(json, "success")),
        .value = json_object_get(json, "value"),
        .value_type = text_of(json, "value_type"),
        .value_truncated = json_is_true(json_object_get(json, "value_truncated")),
        .error_message = text_of(error, "message"),
        .error_line = (int)int_of(error, "line"),
        .error_position = (int)int_of(error, "position"),
        .stdout_lines = json_object_get(json, "stdout"),
        .stderr_lines = json_object_get(json, "stderr"),
        .duration_ms = int_of(json, "duration_ms"),
    };
    if (!json_is_boolean(json_object_get(json, "success"))) return sdk_unexpected(err, "success");
    if (!json_is_array(result.stdout_lines) || !json_is_array(result.stderr_lines))
        return sdk_unexpected(err, "stdout and stderr");
    result.json = json_incref(json);
    *ret = result;
    return 0;
}

int sdk_read_line(const json_t *json, struct runner_line *ret, struct rpc_error *err) {
    const json_t *line = json_object_get(json, "line");
    const char *kind = text_of(json, "kind");
    if (!json_is_string(line) || !kind) return sdk_unexpected(err, "line");
    *ret = (struct runner_line){
        .seq = (uint64_t)int_of(json, "seq"),
        .timestamp_ms = int_of(json, "timestamp_ms"),
        .is_stderr = strcmp(kind, "stderr") == 0,
        .is_partial = json_is_true(json_object_get(json, "partial")),
        .text = json_string_value(line),
        .len = json_string_length(line),
    };
    return 0;
}

/* ---- Calling ----------------------------------------------------------------------------- */

json_t *sdk_call(struct runner *runner, const char *method, json_t *params, long timeout_ms,
                 struct rpc_error *err) {
    rpc_client_set_timeouts(runner->client, 0, timeout_ms);
    json_t *result = rpc_client_call(runner->client, method, params, err);
    json_decref(params);
    return result;
}

/* ---- Asking ------------------------------------------------------------------------------ */

json_t *sdk_call_for(struct runner *runner, const char *method, const char *id,
                     struct rpc_error *err) {
    json_t *params = json_pack("{s:s}", "session_id", id);
    if (!params) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "session_id: is not UTF-8");
        return NULL;
    }
    return sdk_call(runner, method, params, SDK_CALL_TIMEOUT_MS, err);
}

int runner_session_stop(struct runner *runner, const char *id, bool *ret_stopping,
                        struct rpc_error *err) {
    json_t *result = sdk_call_for(runner, "session_stop", id, err);
    if (!result) return -1;
    if (ret_stopping) *ret_stopping = json_is_true(json_object_get(result, "ok"));
    json_decref(result);
    return 0;
}

int runner_session_get(struct runner *runner, const char *id, struct runner_session *ret_session,
                       struct rpc_error *err) {
    json_t *result = sdk_call_for(runner, "session_get", id, err);
    if (!result) return -1;
    int outcome = sdk_read_session(result, ret_session, err);
    json_decref(result);
    return outcome;
}

int runner_session_result(struct runner *runner, const char *id, bool *ret_ended,
                          struct runner_result *ret_result, struct rpc_error *err) {
    json_t *result = sdk_call_for(runner, "session_result", id, err);
    if (!result) return -1;
    bool has_ended = !json_is_null(result);
    int outcome = has_ended ? sdk_read_result(result, ret_result, err) : 0;
    json_decref(result);
    if (outcome == 0) *ret_ended = has_ended;
    return outcome;
}

void runner_session_list_done(struct runner_session_list *list) {
    for (size_t i = 0; i < list->count; i++)
        runner_session_done(&list->sessions[i]);
    free(list->sessions);
    json_decref(list->json);
    memset(list, 0, sizeof *list);
}

static json_t *find_params(const struct runner_find *find) {
    json_t *params = json_object();
    for (const char *const *status = find->statuses; status && *status; status++) {
        json_t *list = json_object_get(params, "status");
        if (!list) json_object_set_new(params, "status", list = json_array());
        json_array_append_new(list, json_string(*status));
    }
    sdk_put_number(params, "since_ms", find->since_ms);
    sdk_put_number(params, "until_ms", find->until_ms);
    sdk_put_text(params, "text", find->text);
    sdk_put_text(params, "caller", find->caller);
    sdk_put_text(params, "tag", find->tag);
    sdk_put_text(params, "callback", find->callback);
    sdk_put_text(params, "sort", find->sort);
    if (find->is_ascending) sdk_put_text(params, "order", "asc");
    sdk_put_number(params, "offset", find->offset);
    sdk_put_number(params, "limit", find->limit);
    return params;
}

int runner_session_list(struct runner *runner, struct runner_session_list *ret_list,
                        struct rpc_error *err) {
    return runner_session_find(runner, &(struct runner_find){0}, ret_list, err);
}

int runner_session_find(struct runner *runner, const struct runner_find *find,
                        struct runner_session_list *ret_list, struct rpc_error *err) {
    json_t *result = sdk_call(runner, "session_list", find_params(find), SDK_CALL_TIMEOUT_MS, err);
    if (!result) return -1;
    struct runner_session_list list = {.json = json_incref(json_object_get(result, "sessions")),
                                       .total = (uint64_t)int_of(result, "total")};
    json_decref(result);
    if (!json_is_array(list.json)) {
        runner_session_list_done(&list);
        return sdk_unexpected(err, "sessions");
    }
    list.sessions = calloc(json_array_size(list.json) + 1, sizeof *list.sessions);
    size_t index;
    json_t *item;
    int outcome = list.sessions ? 0 : sdk_out_of_memory(err);
    json_array_foreach(list.json, index, item) {
        if (outcome < 0) break;
        outcome = sdk_read_session(item, &list.sessions[index], err);
        if (outcome == 0) list.count++;
    }
    if (outcome == 0)
        *ret_list = list;
    else
        runner_session_list_done(&list);
    return outcome;
}

/* ---- Lines ------------------------------------------------------------------------------- */

void runner_log_page_done(struct runner_log_page *page) {
    free(page->lines);
    json_decref(page->json);
    memset(page, 0, sizeof *page);
}

static int read_page(json_t *json, struct runner_log_page *ret_page, struct rpc_error *err) {
    const json_t *lines = json_object_get(json, "lines");
    if (!json_is_array(lines)) return sdk_unexpected(err, "lines");
    struct runner_log_page page = {
        .lines = calloc(json_array_size(lines) + 1, sizeof *page.lines),
        .first_seq = (uint64_t)int_of(json, "first_seq"),
        .next_seq = (uint64_t)int_of(json, "next_seq"),
        .next_ts_ms = int_of(json, "next_ts_ms"),
        .dropped = (uint64_t)int_of(json, "dropped"),
        .ended = json_is_true(json_object_get(json, "ended")),
        .json = json_incref(json),
    };
    int outcome = page.lines ? 0 : sdk_out_of_memory(err);
    size_t index;
    const json_t *item;
    json_array_foreach(lines, index, item) {
        if (outcome < 0) break;
        outcome = sdk_read_line(item, &page.lines[index], err);
        if (outcome == 0) page.count++;
    }
    if (outcome == 0)
        *ret_page = page;
    else
        runner_log_page_done(&page);
    return outcome;
}

int runner_session_logs(struct runner *runner, const char *id, const struct runner_log_query *query,
                        struct runner_log_page *ret_page, struct rpc_error *err) {
    json_t *params = json_pack("{s:s}", "session_id", id);
    if (query->before_seq)
        sdk_put_number(params, "before_seq", (int64_t)query->before_seq);
    else if (query->after_seq || !query->after_ts_ms)
        json_object_set_new(params, "after_seq", json_integer((json_int_t)query->after_seq));
    else
        json_object_set_new(params, "after_ts_ms", json_integer(query->after_ts_ms));
    sdk_put_text(params, "kind", query->kind);
    sdk_put_text(params, "contains", query->contains);
    if (query->limit) json_object_set_new(params, "limit", json_integer(query->limit));
    if (query->wait_ms) json_object_set_new(params, "wait_ms", json_integer(query->wait_ms));
    json_t *result =
        sdk_call(runner, "session_logs", params, SDK_CALL_TIMEOUT_MS + (long)query->wait_ms, err);
    if (!result) return -1;
    int outcome = read_page(result, ret_page, err);
    json_decref(result);
    return outcome;
}

bool sdk_is_worth_retrying(const struct rpc_error *err) {
    return err->kind == RPC_ERROR_UNREACHABLE || err->kind == RPC_ERROR_TIMEOUT ||
           err->kind == RPC_ERROR_PROTOCOL;
}

/* ---- Service ----------------------------------------------------------------------------- */

json_t *runner_health(struct runner *runner, struct rpc_error *err) {
    return sdk_call(runner, "health", NULL, SDK_CALL_TIMEOUT_MS, err);
}

json_t *runner_stats(struct runner *runner, struct rpc_error *err) {
    return sdk_call(runner, "stats", NULL, SDK_CALL_TIMEOUT_MS, err);
}

json_t *runner_discover(struct runner *runner, struct rpc_error *err) {
    return sdk_call(runner, "rpc.discover", NULL, SDK_CALL_TIMEOUT_MS, err);
}
