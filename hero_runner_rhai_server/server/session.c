#include "server/session.h"

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

bool session_begin(struct session *session, pid_t pid) {
    return session->is_hidden || !listener.begins || listener.begins(listener.ctx, session, pid);
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

static bool take_usage(struct control_usage *usage, const json_t *numbers) {
    int64_t *places[] = {&usage->user_us, &usage->system_us, &usage->max_rss_kib,
                         &usage->voluntary_switches, &usage->involuntary_switches};
    size_t count = sizeof places / sizeof places[0];
    if (json_array_size(numbers) != count) return false;
    for (size_t i = 0; i < count; i++)
        *places[i] = json_integer_value(json_array_get(numbers, i));
    return true;
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
    result->is_alone = take_usage(&session->usage, json_object_get(object, "usage"));
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
