/*
 * A session: one script that was posted, from its request to its history.
 *
 * This is the record and what it looks like on the wire (SessionInfo, ScriptResult, LogLine). Which
 * process runs it, when, and how it ends is decided in slots.c; who is told about changes is the
 * watch list. A session is counted: the table of sessions, the slot that runs it and each watcher
 * hold a reference.
 */
#ifndef RUNNER_SERVER_SESSION_H
#define RUNNER_SERVER_SESSION_H

#include "session/frames.h"
#include "session/ring.h"
#include "zygote/control.h"

#include <hero_rpc/strbuf.h>
#include <jansson.h>
#include <stdbool.h>
#include <sys/queue.h>

#define SESSION_ID_BYTES 37 /* a UUID as text */

enum session_status {
    SESSION_PENDING,
    SESSION_RUNNING,
    SESSION_SUCCEEDED,
    SESSION_FAILED,
    SESSION_CANCELLED,
};

enum session_reason {
    REASON_NONE,
    REASON_ERROR,
    REASON_EXIT,
    REASON_TIMEOUT,
    REASON_LIMIT,
    REASON_SIGNAL,
    REASON_LOST,
    REASON_UNKILLABLE,
};

enum session_forwarding { FORWARDING_OFF, FORWARDING_ACTIVE, FORWARDING_UNAVAILABLE };

/* "off" ... as on the wire. */
const char *session_forwarding_name(enum session_forwarding forwarding);

enum session_outcome { OUTCOME_NONE, OUTCOME_OK, OUTCOME_EXIT, OUTCOME_ERROR, OUTCOME_TERMINATED };

/* Somebody who wants to know about lines and changes of status or progress. */
struct session_watch {
    TAILQ_ENTRY(session_watch) link;
    /* May remove its own watch, and no other. */
    void (*changed)(struct session_watch *watch);
};

/* What the script came to, from the result frame. */
struct session_result {
    enum session_outcome outcome;
    char *value; /* JSON text, NULL: none */
    size_t value_len;
    char *value_type;
    bool value_truncated;
    bool is_limit;
    char *error_message;
    int error_line, error_position; /* 0: unknown */
    int64_t exit_code;
    int64_t operations, peak_memory;
};

struct process;

struct session {
    char id[SESSION_ID_BYTES];
    unsigned refs;
    bool is_hidden; /* a self-test: not in the table, not counted */

    enum session_status status;
    enum session_reason reason;
    char *message;
    int exit_code, signal; /* meaningful with reason exit and signal */
    pid_t pid;
    int64_t queued_us, started_us, ended_us; /* wall clock; 0: not yet */
    int64_t timeout_ms;                      /* 0: none */
    enum session_forwarding forwarding;
    bool is_stop_asked;

    char *request; /* payload of the request frame, until the script has started */
    size_t request_len;
    struct process *process; /* while it has one */

    struct ring ring;
    struct session_result result;
    char *progress; /* JSON object, NULL: none */
    struct control_usage usage;
    /* Count the changes, so that a watcher sees what it has not told yet. */
    unsigned status_version, progress_version;

    TAILQ_HEAD(, session_watch) watches;
    TAILQ_ENTRY(session) queue_link; /* pending ones, in slots.c */
    TAILQ_ENTRY(session) table_link; /* all, newest first, in sessions.c */
    struct session *next_in_bucket;
};

/* A pending session with a new id and one reference; `request` from malloc is taken. NULL without
 * memory (request is freed). */
struct session *session_new(char *request, size_t len, const struct ring_limits *limits);
struct session *session_ref(struct session *session);
void session_unref(struct session *session);

static inline bool session_has_ended(const struct session *session) {
    return session->status >= SESSION_SUCCEEDED;
}

/* Changes; each tells the watchers. */
void session_set_running(struct session *session, pid_t pid, int64_t started_us);
/* `message` NULL: none. Once only. */
void session_set_ended(struct session *session, enum session_status status,
                       enum session_reason reason, const char *message);
void session_tell(struct session *session); /* lines were added */

/* Frames from the session process. 0, or -EPROTO when the payload is not what it must be. */
int session_take_result(struct session *session, const struct frame *frame);
int session_take_progress(struct session *session, const struct frame *frame);

void session_watch(struct session *session, struct session_watch *watch);
void session_unwatch(struct session *session, struct session_watch *watch);

/* Members of the wire objects, separated by commas, without the braces around them. */
void session_write_info(const struct session *session, struct rpc_strbuf *out);
void session_write_result(const struct session *session, struct rpc_strbuf *out);
/* One LogLine, whole. */
void session_write_line(const struct session *session, const struct ring_line *line,
                        struct rpc_strbuf *out);

/* Memory of what is kept: lines, value, texts. */
size_t session_memory(const struct session *session);

#endif
