#include "server/session.h"

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

static const struct {
    const char *name;
    enum session_outcome outcome;
} outcomes[] = {
    {"ok", OUTCOME_OK},
    {"exit", OUTCOME_EXIT},
    {"error", OUTCOME_ERROR},
    {"terminated", OUTCOME_TERMINATED},
};

const char *session_forwarding_name(enum session_forwarding forwarding) {
    return forwarding_names[forwarding];
}

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

struct session *session_new(char *request, size_t len, const struct ring_limits *limits) {
    struct session *session = calloc(1, sizeof *session);
    if (!session || make_id(session->id) < 0) {
        free(session);
        free(request);
        return NULL;
    }
    session->refs = 1;
    session->queued_us = rpc_clock_wall_us();
    session->request = request;
    session->request_len = len;
    session->status_version = 1;
    ring_init(&session->ring, limits);
    TAILQ_INIT(&session->watches);
    return session;
}

struct session *session_ref(struct session *session) {
    session->refs++;
    return session;
}

void session_unref(struct session *session) {
    if (!session || --session->refs > 0) return;
    ring_done(&session->ring);
    free(session->message);
    free(session->request);
    free(session->progress);
    free(session->result.value);
    free(session->result.value_type);
    free(session->result.error_message);
    free(session);
}

/* ---- Changes ---------------------------------------------------------------------------- */

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
    session->status_version++;
    session_tell(session);
}

void session_set_ended(struct session *session, enum session_status status,
                       enum session_reason reason, const char *message) {
    free(session->request);
    session->request = NULL;
    session->status = status;
    session->reason = reason;
    session->message = message ? strdup(message) : NULL;
    session->ended_us = rpc_clock_wall_us();
    session->status_version++;
    /* A watcher may give up the last reference. */
    session_ref(session);
    session_tell(session);
    session_unref(session);
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

void session_write_info(const struct session *session, struct rpc_strbuf *out) {
    add_text(out, "session_id", session->id);
    add_text(out, "status", status_names[session->status]);
    if (session->reason != REASON_NONE) add_text(out, "reason", reason_names[session->reason]);
    if (session->message) add_text(out, "message", session->message);
    if (session->reason == REASON_EXIT) add_int(out, "exit_code", session->exit_code);
    if (session->reason == REASON_SIGNAL) add_int(out, "signal", session->signal);
    if (session->pid) add_int(out, "child_pid", session->pid);
    add_int(out, "queued_at_ms", session->queued_us / 1000);
    if (session->started_us) add_int(out, "started_at_ms", session->started_us / 1000);
    if (session->ended_us) add_int(out, "ended_at_ms", session->ended_us / 1000);
    add_int(out, "lines", (int64_t)ring_last_seq(&session->ring));
    add_int(out, "dropped_lines", (int64_t)ring_dropped(&session->ring));
    add_text(out, "forwarding", forwarding_names[session->forwarding]);
    if (session->progress) {
        add_member(out, "progress");
        rpc_strbuf_add_text(out, session->progress);
    }
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

/* What a caller reads as the error: the script's own, else why the session did not succeed. */
static void add_error(const struct session *session, struct rpc_strbuf *out) {
    const struct session_result *result = &session->result;
    bool is_script_error = result->error_message &&
                           (session->reason == REASON_ERROR || session->reason == REASON_LIMIT);
    const char *message = is_script_error ? result->error_message : session->message;
    add_member(out, "error");
    rpc_strbuf_add_char(out, '{');
    add_text(out, "message", message ? message : status_names[session->status]);
    if (is_script_error && result->error_line) add_int(out, "line", result->error_line);
    if (is_script_error && result->error_position) add_int(out, "position", result->error_position);
    rpc_strbuf_add_char(out, '}');
}

void session_write_result(const struct session *session, struct rpc_strbuf *out) {
    const struct session_result *result = &session->result;
    bool is_success = session->status == SESSION_SUCCEEDED;
    add_bool(out, "success", is_success);
    if (result->value) {
        add_member(out, "value");
        rpc_strbuf_add(out, result->value, result->value_len);
    }
    if (result->value_type) add_text(out, "value_type", result->value_type);
    if (result->value_truncated) add_bool(out, "value_truncated", true);
    if (!is_success) add_error(session, out);
    add_lines(session, out, "stdout", false);
    add_lines(session, out, "stderr", true);
    int64_t duration_us = session->started_us ? session->ended_us - session->started_us : 0;
    add_int(out, "duration_ms", duration_us > 0 ? duration_us / 1000 : 0);
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
           (session->result.error_message ? strlen(session->result.error_message) : 0);
}
