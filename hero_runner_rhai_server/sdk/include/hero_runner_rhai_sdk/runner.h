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
#define RUNNER_ERROR_BUSY (-32002)            /* the queue is full */

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
    uint64_t lines;
    uint64_t dropped_lines;
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

/* What to run. Zero in a member means its default; nothing is kept after the call. */
struct runner_start {
    const char *script;          /* the text; required */
    size_t script_len;           /* 0: strlen(script) */
    const char *working_dir;     /* absolute; NULL: the server's choice (its owner's home) */
    const char *const *env_vars; /* "NAME=value", NULL-terminated; NULL: none */
    const char *const *args;     /* NULL-terminated; NULL: none */
    int64_t timeout_ms;          /* 0: the server's default */
    bool forward_logs;
};

/* Begins a session; it goes on when the caller leaves. */
int runner_session_start(struct runner *runner, const struct runner_start *start,
                         char ret_id[RUNNER_ID_BYTES], struct rpc_error *err);
/* The same, and waits for its end, however long that takes. Either output may be NULL. */
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
    struct runner_session *sessions; /* newest first */
    size_t count;
    json_t *json; /* as sent: an array of SessionInfo */
};
int runner_session_list(struct runner *runner, struct runner_session_list *ret_list,
                        struct rpc_error *err);
void runner_session_list_done(struct runner_session_list *list);

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
    uint64_t after_seq;  /* lines with a higher number */
    int64_t after_ts_ms; /* or, when not 0 and after_seq is 0, lines from then on */
    unsigned limit;      /* 0: the server's default */
    unsigned wait_ms;    /* how long to wait for a line when there is none */
};

struct runner_log_page {
    struct runner_line *lines;
    size_t count;
    uint64_t next_seq; /* after_seq of the next query */
    int64_t next_ts_ms;
    uint64_t dropped; /* lines lost to bounds before the first one here */
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
    void *ctx;
    uint64_t after_seq; /* start behind this line; 0: from the first kept one */
};
/* Calls back for each line, those already printed first, until the session has ended (returns 0
 * and, when ret_session is not NULL, its final state), a function returned false (returns 1), or
 * an error (-1). A broken connection is taken up again where it was, a few times. */
int runner_session_follow(struct runner *runner, const char *id, const struct runner_follow *follow,
                          struct runner_session *ret_session, struct rpc_error *err);

/* ---- Service ------------------------------------------------------------------------------- */

/* The answers of `health`, `stats` and `rpc.discover` as they are: new references, NULL on error.
 */
json_t *runner_health(struct runner *runner, struct rpc_error *err);
json_t *runner_stats(struct runner *runner, struct rpc_error *err);
json_t *runner_discover(struct runner *runner, struct rpc_error *err);

#endif
