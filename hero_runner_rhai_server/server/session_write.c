/* Sessions as JSON: the objects of session.h on the wire. */
#include "server/session.h"
#include "server/users.h"

#include <string.h>

static void add_member(struct rpc_strbuf *out, const char *name) {
    if (out->len && out->data[out->len - 1] != '{') rpc_strbuf_add_char(out, ',');
    rpc_strbuf_add_char(out, '"');
    rpc_strbuf_add_text(out, name);
    rpc_strbuf_add(out, "\":", 2);
}

static void add_text(struct rpc_strbuf *out, const char *name, const char *text) {
    add_member(out, name);
    rpc_strbuf_add_json_string(out, text, strlen(text));
}

static void add_int(struct rpc_strbuf *out, const char *name, int64_t value) {
    add_member(out, name);
    rpc_strbuf_add_int(out, value);
}

static void add_bool(struct rpc_strbuf *out, const char *name, bool value) {
    add_member(out, name);
    rpc_strbuf_add_text(out, value ? "true" : "false");
}

/* An object as a member. */
static void begin_object(struct rpc_strbuf *out, const char *name) {
    add_member(out, name);
    rpc_strbuf_add_char(out, '{');
}

static void add_json(struct rpc_strbuf *out, const char *name, const json_t *value) {
    add_member(out, name);
    rpc_strbuf_add_json(out, value);
}

static void add_source(const struct session *session, struct rpc_strbuf *out) {
    begin_object(out, "source");
    add_text(out, "kind", session_source_name(session->source));
    if (session->source_name) add_text(out, "name", session->source_name);
    if (session->source_version) add_int(out, "version", session->source_version);
    rpc_strbuf_add_char(out, '}');
}

static void add_limits(const struct session *session, struct rpc_strbuf *out) {
    begin_object(out, "limits");
    limits_write(&session->limits, out);
    rpc_strbuf_add_char(out, '}');
}

static void add_caller(const struct session_caller *caller, struct rpc_strbuf *out) {
    begin_object(out, "caller");
    if (caller->has_uid) {
        const char *name = users_name(caller->uid);
        add_int(out, "uid", caller->uid);
        if (name) add_text(out, "user", name);
    }
    if (caller->hero_user) add_text(out, "hero_user", caller->hero_user);
    rpc_strbuf_add_char(out, '}');
}

static void add_usage(const struct session *session, struct rpc_strbuf *out) {
    const struct control_usage *usage = &session->usage;
    begin_object(out, "usage");
    add_int(out, "user_us", usage->user_us);
    add_int(out, "system_us", usage->system_us);
    add_int(out, "peak_rss_bytes", usage->max_rss_kib * 1024);
    add_int(out, "voluntary_switches", usage->voluntary_switches);
    add_int(out, "involuntary_switches", usage->involuntary_switches);
    if (session_has_ended(session)) {
        add_int(out, "operations", session->result.operations);
        add_int(out, "engine_peak_bytes", session->result.peak_memory);
    } else {
        add_int(out, "rss_bytes", session->live.rss_bytes);
        add_int(out, "processes", session->live.processes);
    }
    rpc_strbuf_add_char(out, '}');
}

static void add_callback(const struct session *session, struct rpc_strbuf *out) {
    begin_object(out, "callback");
    add_text(out, "state", session_callback_name(session->callback.state));
    add_int(out, "attempts", session->callback.attempts);
    if (session->callback.error) add_text(out, "error", session->callback.error);
    rpc_strbuf_add_char(out, '}');
}

/* What a caller reads as the error: the script's own, else why the session did not succeed. */
static void add_error(const struct session *session, struct rpc_strbuf *out) {
    const struct session_result *result = &session->result;
    bool is_script_error = result->error_message &&
                           (session->reason == REASON_ERROR || session->reason == REASON_LIMIT);
    const char *message = is_script_error ? result->error_message : session->message;
    begin_object(out, "error");
    add_text(out, "message", message ? message : session_status_name(session->status));
    if (is_script_error && result->error_line) add_int(out, "line", result->error_line);
    if (is_script_error && result->error_position) add_int(out, "position", result->error_position);
    rpc_strbuf_add_char(out, '}');
}

/* What was asked for, as far as it is part of a SessionInfo. */
static void add_request(const struct session *session, struct rpc_strbuf *out) {
    const json_t *tags = session_asked(session, "tags");
    const json_t *key = session_asked(session, "concurrency_key");
    add_source(session, out);
    if (tags)
        add_json(out, "tags", tags);
    else
        add_member(out, "tags"), rpc_strbuf_add(out, "[]", 2);
    add_int(out, "priority", session->priority);
    add_caller(&session->caller, out);
    add_int(out, "timeout_ms", session->timeout_ms);
    add_limits(session, out);
    if (key) add_json(out, "concurrency_key", key);
    if (*session->rerun_of) add_text(out, "rerun_of", session->rerun_of);
}

/* Of those that are not in the store, which has a bound of its own and tells of it when it is
 * asked. */
static uint64_t session_dropped_lines(const struct session *session) {
    return session->row ? session->lost_lines : ring_dropped(&session->ring);
}

void session_write_info(const struct session *session, struct rpc_strbuf *out) {
    add_text(out, "session_id", session->id);
    add_text(out, "status", session_status_name(session->status));
    if (session->reason != REASON_NONE)
        add_text(out, "reason", session_reason_name(session->reason));
    if (session->message) add_text(out, "message", session->message);
    if (session->reason == REASON_EXIT) add_int(out, "exit_code", session->exit_code);
    if (session->reason == REASON_SIGNAL) add_int(out, "signal", session->signal);
    if (session->pid) add_int(out, "child_pid", session->pid);
    if (session->status == SESSION_PENDING && session->queue_position)
        add_int(out, "queue_position", session->queue_position);
    add_int(out, "queued_at_ms", session->queued_us / 1000);
    if (session->started_us) add_int(out, "started_at_ms", session->started_us / 1000);
    if (session->ended_us) add_int(out, "ended_at_ms", session->ended_us / 1000);
    add_int(out, "lines", (int64_t)ring_last_seq(&session->ring));
    add_int(out, "bytes", (int64_t)session->bytes);
    add_int(out, "dropped_lines", (int64_t)session_dropped_lines(session));
    if (session->lost_lines) add_int(out, "log_lost", (int64_t)session->lost_lines);
    add_text(out, "forwarding", session_forwarding_name(session->forwarding));
    if (session->progress) {
        add_member(out, "progress");
        rpc_strbuf_add_text(out, session->progress);
    }
    add_request(session, out);
    if (session_has_ended(session) ? session->pid : session->live.sampled_ms)
        add_usage(session, out);
    if (session_has_ended(session) && session->status != SESSION_SUCCEEDED)
        add_error(session, out);
    if (session->callback.state != CALLBACK_NONE) add_callback(session, out);
}

/* Names only: some of the values are secret. */
static void add_env_names(const struct session *session, struct rpc_strbuf *out) {
    add_member(out, "env_names");
    rpc_strbuf_add_char(out, '[');
    const char *name;
    json_t *value;
    bool is_first = true;
    json_object_foreach(session_asked(session, "env_vars"), name, value) {
        if (!is_first) rpc_strbuf_add_char(out, ',');
        is_first = false;
        rpc_strbuf_add_json_string(out, name, strlen(name));
    }
    rpc_strbuf_add_char(out, ']');
}

void session_write_request(const struct session *session, struct rpc_strbuf *out) {
    const json_t *script = session_script(session), *args = session_asked(session, "args");
    const json_t *working_dir = session_asked(session, "working_dir");
    const json_t *inputs = session_asked(session, "inputs");
    if (script) add_json(out, "script", script);
    add_source(session, out);
    if (working_dir) add_json(out, "working_dir", working_dir);
    add_env_names(session, out);
    add_member(out, "args");
    if (args)
        rpc_strbuf_add_json(out, args);
    else
        rpc_strbuf_add(out, "[]", 2);
    if (inputs) add_json(out, "inputs", inputs);
    add_limits(session, out);
    add_int(out, "timeout_ms", session->timeout_ms);
}

static bool is_stderr(const struct ring_line *line) {
    return (line->stream & ~FRAME_LINE_PARTIAL) == FRAME_STREAM_STDERR;
}

static void add_lines(const struct session *session, struct rpc_strbuf *out, const char *name,
                      bool want_stderr) {
    add_member(out, name);
    rpc_strbuf_add_char(out, '[');
    struct ring_line line;
    bool is_first = true;
    for (uint64_t seq = session->ring.first_seq; ring_get(&session->ring, seq, &line); seq++) {
        if (is_stderr(&line) != want_stderr) continue;
        if (!is_first) rpc_strbuf_add_char(out, ',');
        is_first = false;
        rpc_strbuf_add_json_string(out, line.text, line.len);
    }
    rpc_strbuf_add_char(out, ']');
}

static void write_result(const struct session *session, bool is_with_info, struct rpc_strbuf *out) {
    const struct session_result *result = &session->result;
    bool is_success = session->status == SESSION_SUCCEEDED;
    add_bool(out, "success", is_success);
    if (result->value) {
        add_member(out, "value");
        rpc_strbuf_add(out, result->value, result->value_len);
    }
    if (result->value_type) add_text(out, "value_type", result->value_type);
    if (result->value_truncated) add_bool(out, "value_truncated", true);
    /* With SessionInfo in one object it is there already. */
    if (!is_success && !is_with_info) add_error(session, out);
    add_lines(session, out, "stdout", false);
    add_lines(session, out, "stderr", true);
    int64_t duration_us = session->started_us ? session->ended_us - session->started_us : 0;
    add_int(out, "duration_ms", duration_us > 0 ? duration_us / 1000 : 0);
}

void session_write_result(const struct session *session, struct rpc_strbuf *out) {
    write_result(session, false, out);
}

void session_write_run(const struct session *session, struct rpc_strbuf *out) {
    session_write_info(session, out);
    if (session_has_ended(session)) write_result(session, true, out);
}

void session_write_line(const struct session *session, const struct ring_line *line,
                        struct rpc_strbuf *out) {
    rpc_strbuf_add_text(out, "{\"session_id\":\"");
    rpc_strbuf_add(out, session->id, SESSION_ID_BYTES - 1);
    rpc_strbuf_add_text(out, "\",\"seq\":");
    rpc_strbuf_add_int(out, (long long)line->seq);
    rpc_strbuf_add_text(out, ",\"timestamp_ms\":");
    rpc_strbuf_add_int(out, (long long)(line->timestamp_us / 1000));
    rpc_strbuf_add_text(out, is_stderr(line) ? ",\"kind\":\"stderr\"" : ",\"kind\":\"stdout\"");
    if (line->stream & FRAME_LINE_PARTIAL) rpc_strbuf_add_text(out, ",\"partial\":true");
    rpc_strbuf_add_text(out, ",\"line\":");
    rpc_strbuf_add_json_string(out, line->text, line->len);
    rpc_strbuf_add_char(out, '}');
}

size_t session_memory(const struct session *session) {
    return sizeof *session + ring_memory(&session->ring) + session->result.value_len +
           json_string_length(session_script(session)) +
           (session->result.error_message ? strlen(session->result.error_message) : 0);
}
