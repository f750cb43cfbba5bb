/*
 * Typed client of hero_runner_rhai_server: one function for each method of its API, and one that
 * follows a session's lines as they are printed.
 *
 *     struct rpc_error err = {0};
 *     struct runner *runner = runner_open(NULL, &err);
 *     char id[RUNNER_ID_BYTES];
 *     struct runner_start start = {.script = "print(40 + 2)"};
 *     if (!runner || runner_session_start(runner, &start, id, &err) < 0)
 *         fprintf(stderr, "%s\n", err.message);
 *
 * Calls block. They return 0, or -1 with *err set (hero_rpc/error.h): RPC_ERROR_UNREACHABLE when
 * no server answers, RPC_ERROR_RPC when the server refused (err.code is the JSON-RPC code,
 * err.message its text), and so on. Outputs are written on success only. Structures that a call
 * fills are ended with their `_done` function, which leaves them empty; it accepts an empty one.
 *
 * A runner is used by one thread at a time.
 */
#ifndef HERO_RUNNER_RHAI_SDK_RUNNER_H
#define HERO_RUNNER_RHAI_SDK_RUNNER_H

#include <hero_rpc/error.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RUNNER_SERVICE "hero_runner_rhai"

/* Application errors of the server (JSON-RPC codes). */
#define RUNNER_ERROR_UNKNOWN_SESSION (-32001) /* data: {"session_id": ...} */
#define RUNNER_ERROR_BUSY (-32002)            /* the queue is full, or the server drains */
#define RUNNER_ERROR_WRONG_STATE (-32003)
#define RUNNER_ERROR_UNKNOWN_SCRIPT (-32004) /* data: {"name": ...} */
#define RUNNER_ERROR_UNAVAILABLE (-32005)    /* the history cannot be used now */

struct runner;

/* socket_path NULL: rpc.sock of the service, where hero_rpc/paths.h says. Connects at the first
 * call, not here. */
struct runner *runner_open(const char *socket_path, struct rpc_error *err);
void runner_close(struct runner *runner); /* NULL is allowed */

const char *runner_socket_path(const struct runner *runner);

/* A descriptor that ends any call with RPC_ERROR_INTERRUPTED when it becomes readable (an eventfd
 * or a pipe that a signal handler writes to); -1: none. It is not read. */
void runner_set_stop_fd(struct runner *runner, int fd);

/* ---- Sessions ------------------------------------------------------------------------------ */

/* A session id as text with its NUL. */
#define RUNNER_ID_BYTES 37

enum runner_status {
    RUNNER_PENDING,
    RUNNER_RUNNING,
    RUNNER_SUCCEEDED,
    RUNNER_FAILED,
    RUNNER_CANCELLED,
};
const char *runner_status_name(enum runner_status status); /* "pending" ... as on the wire */
bool runner_status_is_final(enum runner_status status);

struct runner_session {
    char id[RUNNER_ID_BYTES];
    enum runner_status status;
    const char *reason;  /* "error", "exit", "timeout" ... (api: SessionInfo); NULL: none */
    const char *message; /* NULL: none */
    bool has_exit_code;
    int exit_code;
    int signal;      /* 0: none */
    pid_t child_pid; /* 0: never started */
    int64_t queued_at_ms;
    int64_t started_at_ms; /* 0: not started */
    int64_t ended_at_ms;   /* 0: not ended */
    uint64_t lines, bytes; /* of output */
    uint64_t dropped_lines;
    unsigned queue_position; /* 1: the next one; 0: it does not wait */
    int priority;
    const char *source_kind; /* "script", "path", "url" or "name" */
    const char *source_name; /* NULL: none */
    const json_t *tags;      /* array of texts */
    const char *caller;      /* user name, else X-Hero-User; NULL: not known */
    bool has_usage;          /* it runs, or ran and has ended; then: */
    int64_t cpu_us, peak_rss_bytes;
    int64_t user_us, system_us; /* of which cpu_us is the sum */
    int64_t voluntary_switches, involuntary_switches;
    int64_t rss_bytes;      /* of all its processes now; 0 when it has ended */
    unsigned processes;     /* likewise */
    const char *forwarding; /* "off", "active" or "unavailable" */
    bool has_progress;
    double progress_done, progress_total;
    const char *progress_text;
    json_t *json; /* the object as the server sent it; owns the texts above */
};
void runner_session_done(struct runner_session *session);

struct runner_result {
    bool success;
    const json_t *value;        /* NULL: none, or truncated */
    const char *value_type;     /* Rhai's type_of; NULL: none */
    bool value_truncated;       /* the value was too large as JSON */
    const char *error_message;  /* NULL: no error */
    int error_line;             /* 0: unknown */
    int error_position;         /* column from 1; 0: unknown */
    const json_t *stdout_lines; /* array of strings; never NULL */
    const json_t *stderr_lines;
    int64_t duration_ms;
    json_t *json; /* as sent; owns everything above */
};
void runner_result_done(struct runner_result *result);

/* 0: as the server is configured; -1: none. */
struct runner_limits {
    int64_t cpu_ms, memory_bytes, operations, output_bytes, processes, open_files;
};

/* What to run: exactly one of script, script_path, script_url and script_name. Zero in a member
 * means its default; nothing is kept after the call. */
struct runner_start {
    const char *script;      /* the text */
    size_t script_len;       /* 0: strlen(script) */
    const char *script_path; /* a file below one of the server's script roots */
    const char *script_url;
    const char *script_name; /* of the library */
    int64_t script_version;  /* 0: the newest */
    json_t *inputs;          /* object, borrowed; NULL: none */
    struct runner_limits limits;
    int priority;
    const char *const *tags;        /* NULL-terminated; NULL: none */
    const char *const *secret_vars; /* of env_vars and inputs that are never stored; likewise */
    const char *idempotency_key;
    const char *concurrency_key;
    int64_t concurrency_limit;   /* 0: 1 */
    const char *callback_url;    /* told when it has ended; or */
    const char *callback_socket; /* a Unix socket, and */
    const char *callback_path;   /* the path there (NULL: "/") */
    int64_t wait_ms;             /* runner_session_run: 0: however long it takes */
    const char *working_dir;     /* absolute; NULL: the server's choice (its owner's home) */
    const char *const *env_vars; /* "NAME=value", NULL-terminated; NULL: none */
    const char *const *args;     /* NULL-terminated; NULL: none */
    int64_t timeout_ms;          /* 0: the server's default; -1: none */
    bool forward_logs;           /* to hero_proc; false: as the server is configured, */
    bool keep_logs_here;         /* or not, whatever it is */
};

/* Begins a session; it goes on when the caller leaves. */
int runner_session_start(struct runner *runner, const struct runner_start *start,
                         char ret_id[RUNNER_ID_BYTES], struct rpc_error *err);
/* The same, and waits for its end, however long that takes, or wait_ms: then ret_session's status
 * may not be final, and ret_result's json is NULL. Either output may be NULL. */
int runner_session_run(struct runner *runner, const struct runner_start *start,
                       struct runner_session *ret_session, struct runner_result *ret_result,
                       struct rpc_error *err);
/* Asks it to stop; *ret_stopping (may be NULL) is false when it had already ended. The session has
 * ended only when its status says so. */
int runner_session_stop(struct runner *runner, const char *id, bool *ret_stopping,
                        struct rpc_error *err);
int runner_session_get(struct runner *runner, const char *id, struct runner_session *ret_session,
                       struct rpc_error *err);
/* *ret_ended false: it has not ended and *ret_result is left alone. */
int runner_session_result(struct runner *runner, const char *id, bool *ret_ended,
                          struct runner_result *ret_result, struct rpc_error *err);

struct runner_session_list {
    struct runner_session *sessions;
    size_t count;
    uint64_t total; /* that match, in all */
    json_t *json;   /* as sent: an array of SessionInfo */
};
/* Newest first, at most 1,000. */
int runner_session_list(struct runner *runner, struct runner_session_list *ret_list,
                        struct rpc_error *err);

/* Zero in a member: any, or its default. */
struct runner_find {
    const char *const *statuses; /* "failed" ..., NULL-terminated */
    int64_t since_ms, until_ms;  /* queued from then, and before then */
    const char *text, *caller, *tag;
    const char *callback; /* "pending", "delivered" or "failed" */
    const char *sort;     /* "queued", "started", "ended", "duration", "lines", "cpu", "memory" */
    bool is_ascending;
    unsigned offset, limit;
};
int runner_session_find(struct runner *runner, const struct runner_find *find,
                        struct runner_session_list *ret_list, struct rpc_error *err);
void runner_session_list_done(struct runner_session_list *list);

/* Stops all; how many ran, and how many only waited (either may be NULL). */
int runner_session_stop_all(struct runner *runner, unsigned *ret_stopped, unsigned *ret_cancelled,
                            struct rpc_error *err);
/* Begins a new session with the request of an old one; env_vars and inputs, if not NULL, go over
 * the old ones. */
int runner_session_rerun(struct runner *runner, const char *id, const char *const *env_vars,
                         json_t *inputs, char ret_id[RUNNER_ID_BYTES], struct rpc_error *err);
/* Forgets one that has ended. */
int runner_session_delete(struct runner *runner, const char *id, struct rpc_error *err);
/* What it was asked to do: the answer of session_request. */
json_t *runner_session_request(struct runner *runner, const char *id, struct rpc_error *err);

/* ---- Lines --------------------------------------------------------------------------------- */

struct runner_line {
    uint64_t seq; /* from 1, one more for each line of the session */
    int64_t timestamp_ms;
    bool is_stderr;
    bool is_partial; /* a piece: the line goes on in the next one of its stream */
    const char *text;
    size_t len;
};

struct runner_log_query {
    uint64_t after_seq;   /* lines with a higher number */
    int64_t after_ts_ms;  /* or, when not 0 and after_seq is 0, lines from then on */
    uint64_t before_seq;  /* or, when not 0, the last lines before this one */
    const char *kind;     /* "stdout" or "stderr"; NULL: both */
    const char *contains; /* only lines with this text; NULL: all */
    unsigned limit;       /* 0: the server's default */
    unsigned wait_ms;     /* how long to wait for a line when there is none */
};

struct runner_log_page {
    struct runner_line *lines;
    size_t count;
    uint64_t first_seq; /* before_seq of the query for the page before; 1: there is none */
    uint64_t next_seq;  /* after_seq of the next query */
    int64_t next_ts_ms;
    uint64_t dropped; /* lines no longer kept before the first one here; with before_seq: behind
                       * the last one */
    bool ended;       /* the session has ended and these are the last lines */
    json_t *json;     /* as sent; owns the texts */
};
int runner_session_logs(struct runner *runner, const char *id, const struct runner_log_query *query,
                        struct runner_log_page *ret_page, struct rpc_error *err);
void runner_log_page_done(struct runner_log_page *page);

/* What to be told while following; every member may be NULL. Return false to end following. */
struct runner_follow {
    bool (*line)(void *ctx, const struct runner_line *line);
    bool (*status)(void *ctx, const struct runner_session *session); /* at each change */
    bool (*progress)(void *ctx, double done, double total, const char *text);
    bool (*gap)(void *ctx, uint64_t dropped); /* so many lines are lost here */
    /* All that has come was told, and there is no more yet: output that was put aside can go out.
     * Not at the end. */
    bool (*pause)(void *ctx);
    void *ctx;
    uint64_t after_seq; /* start behind this line; 0: from the first kept one */
};
/* Calls back for each line, those already printed first, until the session has ended (returns 0
 * and, when ret_session is not NULL, its final state), a function returned false (returns 1), or
 * an error (-1). A broken connection is taken up again where it was, a few times. */
int runner_session_follow(struct runner *runner, const char *id, const struct runner_follow *follow,
                          struct runner_session *ret_session, struct rpc_error *err);
/* Begins a session and follows it from its first line on (after_seq is not used), with one request:
 * what it prints is here a round trip later. Otherwise as runner_session_follow; also, the session
 * goes on when the caller leaves. `ret_id` is filled in with the first `status`, before anything
 * else is told; "" after a return means that nothing is known of a session: the request was
 * refused, or broke off before its answer. */
int runner_session_start_follow(struct runner *runner, const struct runner_start *start,
                                const struct runner_follow *follow, char ret_id[RUNNER_ID_BYTES],
                                struct runner_session *ret_session, struct rpc_error *err);

/* Several sessions on one stream; each function is told whose line or end it is. Every member may
 * be NULL. Return false to end following. */
struct runner_follow_many {
    bool (*line)(void *ctx, const char *id, const struct runner_line *line);
    bool (*gap)(void *ctx, const char *id, uint64_t dropped);
    bool (*end)(void *ctx, const struct runner_session *session); /* its final state, once */
    void *ctx;
};
#define RUNNER_FOLLOW_MAX 64
/* Follows up to RUNNER_FOLLOW_MAX sessions, each of them once, until all have ended (0), a function
 * returned false (1), or an error (-1). A broken connection is taken up again where it was. */
int runner_sessions_follow(struct runner *runner, const char *const *ids, size_t count,
                           const struct runner_follow_many *follow, struct rpc_error *err);

/* What happens on the server; every member may be NULL. Return false to end watching. */
struct runner_watch {
    /* At first those that have not ended, then each whose status changes. A slow reader is told the
     * newest state only. */
    bool (*session)(void *ctx, const struct runner_session *session);
    bool (*stats)(void *ctx, const json_t *stats); /* as runner_stats, every second */
    /* So many sessions can be told no more: what is shown should be asked for anew. */
    bool (*gap)(void *ctx, uint64_t dropped);
    void *ctx;
};
/* Returns 1 when a function returned false, else -1: also when the connection ends, because changes
 * may be missed until the next one. */
int runner_watch(struct runner *runner, const struct runner_watch *watch, struct rpc_error *err);

/* ---- Scripts ------------------------------------------------------------------------------- */

/* Saves a version in the library; description may be NULL. *ret_version may be NULL. */
int runner_script_save(struct runner *runner, const char *name, const char *script, size_t len,
                       const char *description, int64_t *ret_version, struct rpc_error *err);
/* One version, or all (0). */
int runner_script_delete(struct runner *runner, const char *name, int64_t version,
                         struct rpc_error *err);
/* The answers of script_list, script_get (version 0: the newest), script_check and functions
 * (pattern NULL: all) as they are: new references, NULL on error. */
json_t *runner_script_list(struct runner *runner, struct rpc_error *err);
json_t *runner_script_get(struct runner *runner, const char *name, int64_t version,
                          struct rpc_error *err);
json_t *runner_script_check(struct runner *runner, const char *script, size_t len,
                            struct rpc_error *err);
json_t *runner_functions(struct runner *runner, const char *pattern, struct rpc_error *err);

/* ---- Service ------------------------------------------------------------------------------- */

/* Renews the engine: *ret_generation (may be NULL) is its number. Waits until it is ready. */
int runner_reload(struct runner *runner, unsigned *ret_generation, struct rpc_error *err);
/* From now on the server refuses new sessions, or takes them again (on: false); *ret_running (may be
 * NULL) run. */
int runner_drain(struct runner *runner, bool on, unsigned *ret_running, struct rpc_error *err);

/* The answers of `health`, `stats`, `config_get` and `rpc.discover` as they are: new references,
 * NULL on error. */
json_t *runner_health(struct runner *runner, struct rpc_error *err);
json_t *runner_stats(struct runner *runner, struct rpc_error *err);
/* With the samples of the last so many seconds, each of step_s seconds. */
json_t *runner_stats_history(struct runner *runner, unsigned history_s, unsigned step_s,
                             struct rpc_error *err);
json_t *runner_config(struct runner *runner, struct rpc_error *err);
json_t *runner_discover(struct runner *runner, struct rpc_error *err);

#endif
