#include "server/session.h"

#include "server/users.h"
#include "store/store.h"

#include <errno.h>
#include <hero_rpc/clock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uuid/uuid.h>

static const char *const status_names[] = {
    [SESSION_PENDING] = "pending",     [SESSION_RUNNING] = "running",
    [SESSION_SUCCEEDED] = "succeeded", [SESSION_FAILED] = "failed",
    [SESSION_CANCELLED] = "cancelled",
};

static const char *const reason_names[] = {
    [REASON_ERROR] = "error",           [REASON_EXIT] = "exit",     [REASON_TIMEOUT] = "timeout",
    [REASON_LIMIT] = "limit",           [REASON_SIGNAL] = "signal", [REASON_LOST] = "lost",
    [REASON_UNKILLABLE] = "unkillable",
};

static const char *const forwarding_names[] = {
    [FORWARDING_OFF] = "off",
    [FORWARDING_ACTIVE] = "active",
    [FORWARDING_UNAVAILABLE] = "unavailable",
};

static const char *const source_names[] = {
    [SOURCE_SCRIPT] = "script",
    [SOURCE_PATH] = "path",
    [SOURCE_URL] = "url",
    [SOURCE_NAME] = "name",
};

static const char *const callback_names[] = {
    [CALLBACK_PENDING] = "pending",
    [CALLBACK_DELIVERED] = "delivered",
    [CALLBACK_FAILED] = "failed",
};

static const struct {
    const char *name;
    enum session_outcome outcome;
} outcomes[] = {
    {"ok", OUTCOME_OK},
    {"exit", OUTCOME_EXIT},
    {"error", OUTCOME_ERROR},
    {"terminated", OUTCOME_TERMINATED},
};

#define NAME_FUNCTIONS(TYPE, SHORT)                                                                \
    const char *session_##SHORT##_name(enum TYPE value) {                                          \
        return SHORT##_names[value];                                                               \
    }                                                                                              \
    enum TYPE session_##SHORT##_from(const char *name) {                                           \
        const size_t count = sizeof SHORT##_names / sizeof SHORT##_names[0];                       \
        for (size_t i = 0; name && i < count; i++)                                                 \
            if (SHORT##_names[i] && strcmp(SHORT##_names[i], name) == 0) return (enum TYPE)i;      \
        return (enum TYPE)0;                                                                       \
    }

NAME_FUNCTIONS(session_status, status)
NAME_FUNCTIONS(session_reason, reason)
NAME_FUNCTIONS(session_source, source)
NAME_FUNCTIONS(session_forwarding, forwarding)
NAME_FUNCTIONS(callback_state, callback)

/* ---- Life ------------------------------------------------------------------------------- */

/* A random UUID (RFC 9562, version 4). libuuid's own generator makes six system calls for each. */
static int make_id(char ret_id[SESSION_ID_BYTES]) {
    uuid_t uuid;
    if (getrandom(uuid, sizeof uuid, 0) != sizeof uuid) return -1;
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    uuid_unparse_lower(uuid, ret_id);
    return 0;
}

struct session *session_new_empty(const char *id, const struct ring_limits *limits) {
    struct session *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    strncpy(session->id, id, sizeof session->id - 1);
    session->refs = 1;
    session->status_version = 1;
    ring_init(&session->ring, limits);
    TAILQ_INIT(&session->watches);
    return session;
}

struct session *session_new(const struct ring_limits *limits) {
    char id[SESSION_ID_BYTES];
    struct session *session = make_id(id) == 0 ? session_new_empty(id, limits) : NULL;
    if (!session) return NULL;
    session->queued_us = rpc_clock_wall_us();
    session->posted_us = rpc_clock_monotonic_us();
    return session;
}

struct session *session_new_hidden(const char *request, const struct ring_limits *limits) {
    struct session *session = session_new(limits);
    if (!session) return NULL;
    session->is_hidden = true;
    session->request = strdup(request);
    session->request_len = strlen(request);
    if (session->request) return session;
    session_unref(session);
    return NULL;
}

struct session *session_ref(struct session *session) {
    session->refs++;
    return session;
}

void session_unref(struct session *session) {
    if (!session || --session->refs > 0) return;
    ring_done(&session->ring);
    json_decref(session->asked);
    json_decref(session->script);
    free(session->caller.hero_user);
    free(session->callback.error);
    free(session->end.message);
    store_lines_free(session->batch);
    free(session->message);
    free(session->request);
    free(session->progress);
    free(session->result.value);
    free(session->result.value_type);
    free(session->result.error_message);
    free(session);
}

/* ---- Changes ---------------------------------------------------------------------------- */

static struct session_listener listener;
static uint64_t lines_added;

void session_set_listener(const struct session_listener *given) {
    listener = *given;
}

static void status_changed(struct session *session) {
    session->status_version++;
    if (!session->is_hidden && listener.changed) listener.changed(listener.ctx, session);
    session_tell(session);
}

void session_add_line(struct session *session, uint64_t timestamp_us, uint8_t stream,
                      const char *text, size_t len) {
    if (!session->is_hidden && listener.line)
        listener.line(listener.ctx, session, timestamp_us, stream, text, len);
    ring_push(&session->ring, timestamp_us, stream, text, len);
    session->bytes += len + 1;
    lines_added += !session->is_hidden;
}

uint64_t session_lines_added(void) {
    return lines_added;
}

const json_t *session_script(const struct session *session) {
    return session->script ? session->script : session_asked(session, "script");
}

void session_tell(struct session *session) {
    struct session_watch *watch = TAILQ_FIRST(&session->watches), *next;
    for (; watch; watch = next) {
        next = TAILQ_NEXT(watch, link);
        watch->changed(watch);
    }
}

void session_set_running(struct session *session, pid_t pid, int64_t started_us) {
    free(session->request);
    session->request = NULL;
    session->status = SESSION_RUNNING;
    session->pid = pid;
    session->started_us = started_us;
    status_changed(session);
}

void session_set_ended(struct session *session, enum session_status status,
                       enum session_reason reason, const char *message) {
    free(session->request);
    session->request = NULL;
    session->ended_us = rpc_clock_wall_us();
    session->end.is_known = true;
    session->end.status = status;
    session->end.reason = reason;
    session->end.message = message ? strdup(message) : NULL;
    if (!session->is_hidden && listener.ended)
        listener.ended(listener.ctx, session);
    else
        session_publish_end(session);
}

void session_publish_end(struct session *session) {
    session->status = session->end.status;
    session->reason = session->end.reason;
    session->message = session->end.message;
    session->end.message = NULL;
    /* A watcher may give up the last reference. */
    session_ref(session);
    status_changed(session);
    session_unref(session);
}

void session_fill_end(const struct session *session, const char **ret_status,
                      const char **ret_reason, const char **ret_message) {
    *ret_status = session_status_name(session->end.status);
    *ret_reason = session_reason_name(session->end.reason);
    *ret_message = session->end.message;
}

void session_watch(struct session *session, struct session_watch *watch) {
    session_ref(session);
    TAILQ_INSERT_TAIL(&session->watches, watch, link);
}

void session_unwatch(struct session *session, struct session_watch *watch) {
    TAILQ_REMOVE(&session->watches, watch, link);
    session_unref(session);
}

/* ---- Frames ----------------------------------------------------------------------------- */

/* The value is the last member: its text, which may be large and whose numbers must not change, is
 * cut out and passed on as it is, and only what stands before it is read. */
static const char *find_value(const struct frame *frame) {
    static const char member[] = ",\"value\":";
    /* It cannot occur inside a string, where quotes are escaped. */
    return memmem(frame->payload, frame->len, member, sizeof member - 1);
}

static json_t *read_head(const struct frame *frame, const char *value) {
    const char *payload = (const char *)frame->payload;
    if (!value) return json_loadb(payload, frame->len, JSON_ALLOW_NUL, NULL);
    size_t len = (size_t)(value - payload);
    char *head = malloc(len + 1);
    if (!head) return NULL;
    memcpy(head, payload, len);
    head[len] = '}';
    json_t *object = json_loadb(head, len + 1, JSON_ALLOW_NUL, NULL);
    free(head);
    return object;
}

static void take_value(struct session_result *result, const struct frame *frame,
                       const char *value) {
    value += strlen(",\"value\":");
    const char *end = (const char *)frame->payload + frame->len - 1;
    result->value_len = (size_t)(end - value);
    result->value = strndup(value, result->value_len);
    if (!result->value) {
        result->value_len = 0;
        result->value_truncated = true;
    } else if (result->outcome == OUTCOME_EXIT) {
        result->exit_code = strtoll(result->value, NULL, 10);
    }
}

static char *copy_text(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? strdup(text) : NULL;
}

static enum session_outcome outcome_of(const json_t *object) {
    const char *name = json_string_value(json_object_get(object, "outcome"));
    for (size_t i = 0; name && i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (strcmp(name, outcomes[i].name) == 0) return outcomes[i].outcome;
    return OUTCOME_NONE;
}

int session_take_result(struct session *session, const struct frame *frame) {
    const char *value = find_value(frame);
    json_t *object = read_head(frame, value);
    struct session_result *result = &session->result;
    enum session_outcome outcome = outcome_of(object);
    if (outcome == OUTCOME_NONE || result->outcome != OUTCOME_NONE) {
        json_decref(object);
        return -EPROTO;
    }
    result->outcome = outcome;
    result->value_type = copy_text(object, "value_type");
    result->value_truncated = json_is_true(json_object_get(object, "value_truncated"));
    result->is_limit = json_is_true(json_object_get(object, "limit"));
    result->operations = json_integer_value(json_object_get(object, "operations"));
    result->peak_memory = json_integer_value(json_object_get(object, "peak_memory"));
    const json_t *problem = json_object_get(object, "error");
    if (problem) {
        result->error_message = copy_text(problem, "message");
        result->error_line = (int)json_integer_value(json_object_get(problem, "line"));
        result->error_position = (int)json_integer_value(json_object_get(problem, "position"));
    }
    if (value) take_value(result, frame, value);
    json_decref(object);
    return 0;
}

int session_take_progress(struct session *session, const struct frame *frame) {
    json_t *object = json_loadb((const char *)frame->payload, frame->len, JSON_ALLOW_NUL, NULL);
    char *text = json_is_object(object) ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!text) return -EPROTO;
    free(session->progress);
    session->progress = text;
    session->progress_version++;
    session_tell(session);
    return 0;
}

/* ---- On the wire ------------------------------------------------------------------------ */

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
    add_text(out, "kind", source_names[session->source]);
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
    add_int(out, "operations", session->result.operations);
    add_int(out, "engine_peak_bytes", session->result.peak_memory);
    rpc_strbuf_add_char(out, '}');
}

static void add_callback(const struct session *session, struct rpc_strbuf *out) {
    begin_object(out, "callback");
    add_text(out, "state", callback_names[session->callback.state]);
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
    add_text(out, "message", message ? message : status_names[session->status]);
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
    add_text(out, "status", status_names[session->status]);
    if (session->reason != REASON_NONE) add_text(out, "reason", reason_names[session->reason]);
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
    add_text(out, "forwarding", forwarding_names[session->forwarding]);
    if (session->progress) {
        add_member(out, "progress");
        rpc_strbuf_add_text(out, session->progress);
    }
    add_request(session, out);
    if (session_has_ended(session)) {
        if (session->pid) add_usage(session, out);
        if (session->status != SESSION_SUCCEEDED) add_error(session, out);
    }
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
