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

#include "server/limits.h"
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

enum session_source {
    SOURCE_SCRIPT, /* the text was given */
    SOURCE_PATH,
    SOURCE_URL,
    SOURCE_NAME, /* of the library */
};

enum callback_state { CALLBACK_NONE, CALLBACK_PENDING, CALLBACK_DELIVERED, CALLBACK_FAILED };

#define PRIORITY_LEAST (-100)
#define PRIORITY_MOST 100

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
    bool is_alone; /* nothing of the session is left but the process that says so; usage is known */
};

struct process;

/* Who asked for a session. */
struct session_caller {
    bool has_uid;
    uid_t uid;       /* from the kernel */
    char *hero_user; /* the header X-Hero-User, not verified; NULL: none */
};

struct session {
    char id[SESSION_ID_BYTES];
    unsigned refs;
    bool is_hidden; /* a self-test or a check: not in the table, not counted */

    /* What was asked for. */
    json_t *asked; /* the params of session_start without secret values; NULL when hidden */
    enum session_source source;
    const char *source_name; /* path, address or name; borrowed from `asked`; NULL: none */
    int64_t source_version;  /* 0: none */
    json_t *script;          /* the text, when it was read from its source; NULL: in `asked` */
    struct session_caller caller;
    int64_t timeout_ms; /* 0: none */
    struct limits limits;
    int priority;
    int64_t concurrency_limit;       /* meaningful with a key */
    char rerun_of[SESSION_ID_BYTES]; /* "": none */
    enum session_forwarding forwarding;

    /* In the store (archive.c). */
    int64_t row;      /* 0: it is not */
    bool is_recorded; /* its beginning is stored: it may be told to its caller */
    bool is_off_disk; /* a part of its record could not be written when it should have been */
    struct store_lines *batch; /* lines that are not on their way yet; NULL: none */
    size_t batch_bytes;
    uint64_t batch_last_seq;
    uint64_t durable_seq;     /* lines up to this one survive the server, in the store */
    unsigned line_readers;    /* who follow its lines: these are stored at once */
    unsigned waiting_appends; /* batches that are not safe yet */
    uint64_t lost_lines;      /* could not be stored */
    TAILQ_ENTRY(session) batch_link;

    /* How it ended, before that is stored and published. */
    struct {
        bool is_known;
        enum session_status status;
        enum session_reason reason;
        char *message;
    } end;

    /* What became of it. */
    enum session_status status;
    enum session_reason reason;
    char *message;
    int exit_code, signal; /* meaningful with reason exit and signal */
    pid_t pid;
    int64_t queued_us, started_us, ended_us; /* wall clock; 0: not yet */
    bool is_stop_asked;
    uint64_t bytes; /* of output */
    struct ring ring;
    struct session_result result;
    char *progress;             /* JSON object, NULL: none */
    struct control_usage usage; /* at last; while it runs, when somebody asked (process.h) */
    struct {
        int64_t sampled_ms; /* monotonic; 0: never */
        int64_t rss_bytes;
        unsigned processes;
    } live;
    struct {
        enum callback_state state;
        unsigned attempts;
        char *error; /* of the last try; NULL: none */
    } callback;

    char *request; /* payload of the request frame, until the script has started */
    size_t request_len;
    struct process *process;         /* while it has one */
    struct concurrency *concurrency; /* slots.c: while it waits or runs under a key */
    unsigned queue_position;         /* slots.c: of a pending one, when last numbered */
    int64_t posted_us;               /* monotonic */

    /* Count the changes, so that a watcher sees what it has not told yet. */
    unsigned status_version, progress_version;
    uint64_t change_number; /* sessions.c: of its last change of status */

    TAILQ_HEAD(, session_watch) watches;
    struct feed *feed;                /* feed.c: its lines as events; NULL: nobody follows it */
    TAILQ_ENTRY(session) queue_link;  /* pending ones, in slots.c */
    TAILQ_ENTRY(session) table_link;  /* all, newest first, in sessions.c */
    TAILQ_ENTRY(session) change_link; /* all, by their last change, in sessions.c */
    struct session *next_in_bucket;
    struct session *next_with_key; /* sessions.c, by idempotency key */
};

/* A pending session with a new id and one reference. NULL without memory. */
struct session *session_new(const struct ring_limits *limits);
/* One that is filled in by the caller, for a known id. */
struct session *session_new_empty(const char *id, const struct ring_limits *limits);
/* A hidden one with its request frame's payload. */
struct session *session_new_hidden(const char *request, const struct ring_limits *limits);
struct session *session_ref(struct session *session);
void session_unref(struct session *session);

/* Names on the wire; NULL for none. And back: an unknown name is the first value. */
const char *session_status_name(enum session_status status);
const char *session_reason_name(enum session_reason reason);
const char *session_source_name(enum session_source source);
const char *session_forwarding_name(enum session_forwarding forwarding);
const char *session_callback_name(enum callback_state state);
enum session_status session_status_from(const char *name);
enum session_reason session_reason_from(const char *name);
enum session_source session_source_from(const char *name);
enum session_forwarding session_forwarding_from(const char *name);
enum callback_state session_callback_from(const char *name);

/* It has ended, and that is published. */
static inline bool session_has_ended(const struct session *session) {
    return session->status >= SESSION_SUCCEEDED;
}
/* The last line that may be told to anybody: what a reader was given survives the server. */
static inline uint64_t session_visible_seq(const struct session *session) {
    return session->row ? session->durable_seq : ring_last_seq(&session->ring);
}
/* Nothing of it runs or waits any more, though that may not be stored yet. */
static inline bool session_is_over(const struct session *session) {
    return session->end.is_known || session_has_ended(session);
}

/* A param as it was asked for; NULL: absent. */
static inline json_t *session_asked(const struct session *session, const char *name) {
    return json_object_get(session->asked, name);
}
/* The script's text; NULL when it is not known (yet). */
const json_t *session_script(const struct session *session);

/* Who cares for sessions that are not hidden; set once, at start-up. Without one, ends are
 * published at once. */
struct session_listener {
    void (*changed)(void *ctx, struct session *session); /* its status has */
    /* It is about to be given to that process, and may be when it is certain that it will not be run
     * again. True: it is; else the listener calls process_go later. */
    bool (*begins)(void *ctx, struct session *session, pid_t pid);
    void (*line)(void *ctx, struct session *session, uint64_t timestamp_us, uint8_t stream,
                 const char *text, size_t len); /* before it is in the ring */
    /* session->end is known: to be stored, then session_publish_end. */
    void (*ended)(void *ctx, struct session *session);
    void *ctx;
};
void session_set_listener(const struct session_listener *listener);

/* A line of output; `text` is copied. */
void session_add_line(struct session *session, uint64_t timestamp_us, uint8_t stream,
                      const char *text, size_t len);

/* It is about to be given to a process, and may be at once: true. */
bool session_begin(struct session *session, pid_t pid);
/* Changes; each tells the watchers. */
void session_set_running(struct session *session, pid_t pid, int64_t started_us);
/* `message` NULL: none. Once only. The final status is published when the listener says so. */
void session_set_ended(struct session *session, enum session_status status,
                       enum session_reason reason, const char *message);
void session_publish_end(struct session *session);
/* The names of how it is about to end. */
void session_fill_end(const struct session *session, const char **ret_status,
                      const char **ret_reason, const char **ret_message);
void session_tell(struct session *session); /* lines were added */
/* Lines of all sessions since the start. */
uint64_t session_lines_added(void);

/* Frames from the session process. 0, or -EPROTO when the payload is not what it must be. */
int session_take_result(struct session *session, const struct frame *frame);
int session_take_progress(struct session *session, const struct frame *frame);

void session_watch(struct session *session, struct session_watch *watch);
void session_unwatch(struct session *session, struct session_watch *watch);

/* Members of the wire objects, separated by commas, without the braces around them. */
void session_write_info(const struct session *session, struct rpc_strbuf *out);
/* The object of the method session_request. */
void session_write_request(const struct session *session, struct rpc_strbuf *out);
void session_write_result(const struct session *session, struct rpc_strbuf *out);
/* Both in one, the second only when it has ended. */
void session_write_run(const struct session *session, struct rpc_strbuf *out);
/* One LogLine, whole. */
void session_write_line(const struct session *session, const struct ring_line *line,
                        struct rpc_strbuf *out);

/* Memory of what is kept: lines, value, texts. */
size_t session_memory(const struct session *session);

#endif
