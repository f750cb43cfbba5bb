#include "server/record.h"

#include "server/users.h"

#include <stdlib.h>
#include <string.h>

/* ---- To the store ------------------------------------------------------------------------- */

static const char *json_text(struct rpc_strbuf *buf, const json_t *value) {
    if (!value) return NULL;
    rpc_strbuf_add_json(buf, value);
    return rpc_strbuf_text(buf);
}

static void fill_request(struct record *record, const struct session *session) {
    const json_t *script = session_script(session);
    record->request = (struct store_request){
        .script = {json_string_value(script), json_string_length(script)},
        .working_dir = json_string_value(session_asked(session, "working_dir")),
        .env_vars = json_text(&record->env_vars, session_asked(session, "env_vars")),
        .args = json_text(&record->args, session_asked(session, "args")),
        .inputs = json_text(&record->inputs, session_asked(session, "inputs")),
        .callback = json_text(&record->callback, session_asked(session, "callback")),
    };
}

void record_fill(struct record *record, const struct session *session, bool is_new) {
    memset(record, 0, sizeof *record);
    rpc_strbuf_add_char(&record->limits, '{');
    limits_write(&session->limits, &record->limits);
    rpc_strbuf_add_char(&record->limits, '}');
    const struct session_result *result = &session->result;
    bool has_error = session->reason == REASON_ERROR || session->reason == REASON_LIMIT;
    record->session = (struct store_session){
        .row = session->row,
        .id = session->id,
        .status = session_status_name(session->status),
        .reason = session_reason_name(session->reason),
        .message = session->message,
        .queued_us = session->queued_us,
        .started_us = session->started_us,
        .ended_us = session->ended_us,
        .pid = session->pid,
        .exit_code = session->exit_code,
        .signal = session->signal,
        .source_kind = session_source_name(session->source),
        .source_name = session->source_name,
        .source_version = session->source_version,
        .tags = json_text(&record->tags, session_asked(session, "tags")),
        .priority = session->priority,
        .timeout_ms = session->timeout_ms,
        .limits = rpc_strbuf_text(&record->limits),
        .concurrency_key = json_string_value(session_asked(session, "concurrency_key")),
        .idempotency_key = json_string_value(session_asked(session, "idempotency_key")),
        .concurrency_limit = session->concurrency_limit,
        .caller_uid = session->caller.has_uid ? (int64_t)session->caller.uid : -1,
        .caller_user = session->caller.has_uid ? users_name(session->caller.uid) : NULL,
        .hero_user = session->caller.hero_user,
        .rerun_of = *session->rerun_of ? session->rerun_of : NULL,
        .forwarding = session_forwarding_name(session->forwarding),
        .callback_state = session_callback_name(session->callback.state),
        .callback_error = session->callback.error,
        .callback_attempts = session->callback.attempts,
        .value_type = result->value_type,
        .value_truncated = result->value_truncated,
        .error_message = has_error ? result->error_message : NULL,
        .error_line = has_error ? result->error_line : 0,
        .error_position = has_error ? result->error_position : 0,
        .lines = (int64_t)ring_last_seq(&session->ring),
        .bytes = (int64_t)session->bytes,
        .user_us = session->usage.user_us,
        .system_us = session->usage.system_us,
        .peak_rss_bytes = session->usage.max_rss_kib * 1024,
        .voluntary_switches = session->usage.voluntary_switches,
        .involuntary_switches = session->usage.involuntary_switches,
        .operations = result->operations,
        .engine_peak_bytes = result->peak_memory,
    };
    if (is_new) fill_request(record, session);
}

void record_done(struct record *record) {
    rpc_strbuf_done(&record->tags);
    rpc_strbuf_done(&record->limits);
    rpc_strbuf_done(&record->env_vars);
    rpc_strbuf_done(&record->args);
    rpc_strbuf_done(&record->inputs);
    rpc_strbuf_done(&record->callback);
}

/* ---- And back ------------------------------------------------------------------------------ */

static void put_json(json_t *asked, const char *name, const char *text) {
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    if (value) json_object_set_new(asked, name, value);
}

static void put_text(json_t *asked, const char *name, const char *text) {
    if (text) json_object_set_new(asked, name, json_string(text));
}

static void put_number(json_t *asked, const char *name, int64_t value) {
    if (value) json_object_set_new(asked, name, json_integer(value));
}

/* The params of session_start, as far as they are kept. */
static json_t *asked_of(const struct store_session *from, const struct store_request *request) {
    static const char *const source_params[] = {
        [SOURCE_SCRIPT] = NULL,
        [SOURCE_PATH] = "script_path",
        [SOURCE_URL] = "script_url",
        [SOURCE_NAME] = "script_name",
    };
    json_t *asked = json_object();
    const char *source = source_params[session_source_from(from->source_kind)];
    if (source) {
        put_text(asked, source, from->source_name);
        put_number(asked, "script_version", from->source_version);
    }
    put_json(asked, "tags", from->tags);
    put_json(asked, "limits", from->limits);
    put_text(asked, "concurrency_key", from->concurrency_key);
    put_text(asked, "idempotency_key", from->idempotency_key);
    if (from->concurrency_key) put_number(asked, "concurrency_limit", from->concurrency_limit);
    put_number(asked, "priority", from->priority);
    put_number(asked, "timeout_ms", from->timeout_ms);
    if (session_forwarding_from(from->forwarding) != FORWARDING_OFF)
        json_object_set_new(asked, "forward_logs", json_true());
    if (!request) return asked;
    if (!source)
        json_object_set_new(
            asked, "script",
            json_stringn(request->script.data ? request->script.data : "", request->script.len));
    put_text(asked, "working_dir", request->working_dir);
    put_json(asked, "env_vars", request->env_vars);
    put_json(asked, "args", request->args);
    put_json(asked, "inputs", request->inputs);
    put_json(asked, "callback", request->callback);
    return asked;
}

static char *copy(const char *text) {
    return text ? strdup(text) : NULL;
}

static void take_limits(struct session *session) {
    const json_t *limits = session_asked(session, "limits");
    for (int i = 0; i < LIMIT_COUNT; i++)
        session->limits.value[i] =
            json_integer_value(json_object_get(limits, limit_name((enum limit)i)));
}

static void take_result(struct session_result *result, const struct store_session *from,
                        struct store_bytes value) {
    *result = (struct session_result){
        .value_type = copy(from->value_type),
        .value_truncated = from->value_truncated != 0,
        .error_message = copy(from->error_message),
        .error_line = (int)from->error_line,
        .error_position = (int)from->error_position,
        .operations = from->operations,
        .peak_memory = from->engine_peak_bytes,
    };
    if (!value.data || !(result->value = malloc(value.len + 1))) return;
    memcpy(result->value, value.data, value.len);
    result->value[value.len] = '\0';
    result->value_len = value.len;
}

struct session *record_to_session(const struct store_session *from,
                                  const struct store_request *request, struct store_bytes value,
                                  const struct ring_limits *limits) {
    struct session *session = session_new_empty(from->id, limits);
    if (!session) return NULL;
    session->asked = asked_of(from, request);
    session->row = from->row;
    session->source = session_source_from(from->source_kind);
    static const char *const params[] = {"script", "script_path", "script_url", "script_name"};
    if (session->source != SOURCE_SCRIPT)
        session->source_name = json_string_value(session_asked(session, params[session->source]));
    session->source_version = from->source_version;
    if (session->source != SOURCE_SCRIPT && request && request->script.data)
        session->script = json_stringn(request->script.data, request->script.len);
    session->caller = (struct session_caller){.has_uid = from->caller_uid >= 0,
                                              .uid = (uid_t)from->caller_uid,
                                              .hero_user = copy(from->hero_user)};
    session->timeout_ms = from->timeout_ms;
    take_limits(session);
    session->priority = (int)from->priority;
    if (from->rerun_of) strncpy(session->rerun_of, from->rerun_of, sizeof session->rerun_of - 1);
    session->forwarding = session_forwarding_from(from->forwarding);
    session->status = session_status_from(from->status);
    session->reason = session_reason_from(from->reason);
    session->message = copy(from->message);
    session->exit_code = (int)from->exit_code;
    session->signal = (int)from->signal;
    session->pid = (pid_t)from->pid;
    session->queued_us = from->queued_us;
    session->started_us = from->started_us;
    session->ended_us = from->ended_us;
    session->bytes = (uint64_t)from->bytes;
    session->lost_lines = (uint64_t)from->lost_lines;
    session->durable_seq = (uint64_t)from->lines;
    session->ring.first_seq = session->ring.next_seq = (uint64_t)from->lines + 1;
    take_result(&session->result, from, value);
    session->usage = (struct control_usage){.user_us = from->user_us,
                                            .system_us = from->system_us,
                                            .max_rss_kib = from->peak_rss_bytes / 1024,
                                            .voluntary_switches = from->voluntary_switches,
                                            .involuntary_switches = from->involuntary_switches};
    session->callback.state = session_callback_from(from->callback_state);
    session->callback.attempts = (unsigned)from->callback_attempts;
    session->callback.error = copy(from->callback_error);
    return session;
}
