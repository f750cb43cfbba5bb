/*
 * Client of a hero_proc: ours, or another one whose method names and parameters are known only when
 * it is asked. The client reads the server's OpenRPC document at the first call and chooses from it
 * the names, the nesting and the fields it sends; callers use one set of names throughout.
 *
 *     struct rpc_error err = {0};
 *     struct proc_client *proc = proc_open(NULL, &err);
 *     struct proc_service_status status;
 *     if (!proc || proc_service_status(proc, "web", &status, &err) < 0)
 *         fprintf(stderr, "%s\n", err.message);
 *
 * Calls block. They return 0 (or a value), or -1 or NULL with *err set (hero_rpc/error.h):
 * RPC_ERROR_UNREACHABLE when no hero_proc answers, RPC_ERROR_RPC when it refused. Something this
 * hero_proc cannot do is an error too, see proc_is_missing. Outputs are written on success only.
 * Structures that a call fills are ended with their `_done` function, which leaves them empty.
 *
 * A client is used by one thread at a time.
 */
#ifndef HERO_PROC_SDK_PROC_H
#define HERO_PROC_SDK_PROC_H

#include "hero_proc_sdk/spec.h"

#include <hero_rpc/error.h>
#include <hero_rpc/strbuf.h>

#include <stdint.h>
#include <sys/types.h>

#define PROC_SERVICE "hero_proc"

struct proc_client;

/*
 * socket_path NULL: the first of these on which somebody listens, else the first of them.
 *   <socket root of hero_rpc/paths.h>/hero_proc/rpc.sock
 *   ~/hero/var/sockets/hero_proc/rpc.sock, ~/hero/sockets/hero_proc/rpc.sock
 *   hero_proc.sock and hero_proc_server.sock in those directories (as before 2026)
 * Connects at the first call, not here.
 */
struct proc_client *proc_open(const char *socket_path, struct rpc_error *err);
void proc_close(struct proc_client *client); /* NULL is allowed */
const char *proc_socket_path(const struct proc_client *client);
/* For each call: time to connect, and in all. 0 leaves one as it is (5 s, 60 s). */
void proc_set_timeouts(struct proc_client *client, long connect_ms, long total_ms);
/* As rpc_client_set_stop_fd; it ends what waits between two calls, too. */
void proc_set_stop_fd(struct proc_client *client, int fd);

/*
 * For a program that has its own way to make requests and to let time pass. Linked statically, the
 * SDK then needs no libcurl, but for proc_logs_follow, which asks again and again instead of
 * reading the event stream. proc_set_timeouts and proc_set_stop_fd do nothing.
 */
struct proc_transport {
    void *ctx;
    /* One HTTP request to the server on a Unix socket. body NULL: GET, else POST of
     * application/json. The answer's body replaces what is in *ret_body. The HTTP status, or -1
     * with *err set. */
    int (*http)(void *ctx, const char *socket_path, const char *path, const char *body, size_t len,
                struct rpc_strbuf *ret_body, struct rpc_error *err);
    /* Between two questions of a call that waits for something. 0, or -1 with *err set: the call
     * ends with that error, without asking again. */
    int (*pause)(void *ctx, int64_t ms, struct rpc_error *err);
    void (*close)(void *ctx); /* at proc_close; may be NULL */
};
/* socket_path as for proc_open. The transport is copied. */
struct proc_client *proc_open_with(const struct proc_transport *transport, const char *socket_path,
                                   struct rpc_error *err);

/* ---- What the server can do ---------------------------------------------------------------- */

/* What may be asked of a hero_proc, whatever it calls it. */
enum proc_method {
    PROC_SERVICE_SET,
    PROC_SERVICE_GET,
    PROC_SERVICE_LIST,
    PROC_SERVICE_STATUS,
    PROC_SERVICE_START,
    PROC_SERVICE_STOP,
    PROC_SERVICE_RESTART,
    PROC_SERVICE_DELETE,
    PROC_SERVICE_WHY,
    PROC_ACTION_SET,
    PROC_ACTION_GET,
    PROC_ACTION_LIST,
    PROC_ACTION_DELETE,
    PROC_ACTION_CLEAN_BY_TAG,
    PROC_JOB_CREATE,
    PROC_JOB_GET,
    PROC_JOB_LIST,
    PROC_JOB_LOGS,
    PROC_JOB_CANCEL,
    PROC_JOB_RETRY,
    PROC_JOB_DELETE,
    PROC_RUN_SUBMIT,
    PROC_RUN_GET,
    PROC_RUN_LIST,
    PROC_RUN_JOBS,
    PROC_RUN_CANCEL,
    PROC_RUN_DELETE,
    PROC_LOGS_INSERT,
    PROC_LOGS_LIST,
    PROC_LOGS_SOURCES,
    PROC_SECRET_SET,
    PROC_SECRET_GET,
    PROC_SECRET_LIST,
    PROC_SECRET_DELETE,
    PROC_SHUTDOWN,
    PROC_METHOD_COUNT
};

/* 1 or 0; -1 when the server cannot be asked. A server without a document can be asked only by
 * calling: 1. */
int proc_has(struct proc_client *client, enum proc_method method, struct rpc_error *err);
/* Whether a call failed because this hero_proc has no such method (JSON-RPC's -32601). */
bool proc_is_missing(const struct rpc_error *err);
/* Whether a call failed because there is no such service, action, job or secret. */
bool proc_is_not_found(const struct rpc_error *err);

/*
 * Any call. params: an object with the names of our own hero_proc/openrpc.json, borrowed; NULL:
 * none. For PROC_SERVICE_SET and PROC_ACTION_SET it is the spec itself. Sent are the server's
 * names, nested as it wants, and only what it lists; what had to be left out is in proc_omitted.
 * The result is as the server sent it, a new reference.
 */
json_t *proc_call(struct proc_client *client, enum proc_method method, const json_t *params,
                  struct rpc_error *err);
/* Fields that were left out so far because the server does not list them: "action.set: tty,
 * singleton; service.set: probe". "" when there were none. Valid until the next call. */
const char *proc_omitted(const struct proc_client *client);

/* GET /health: a new reference. */
json_t *proc_health(struct proc_client *client, struct rpc_error *err);
/* The server's OpenRPC document: a new reference; NULL without an error when it has none. */
json_t *proc_document(struct proc_client *client, struct rpc_error *err);
/* Ends the daemon; with `force` its services too (what another hero_proc does without it is its
 * own choice). */
int proc_shutdown(struct proc_client *client, bool force, struct rpc_error *err);

/* ---- Services ------------------------------------------------------------------------------ */

enum proc_state {
    PROC_UNKNOWN, /* not examined yet, or a word we do not know */
    PROC_INACTIVE,
    PROC_BLOCKED, /* waits for services it requires */
    PROC_STARTING,
    PROC_RUNNING, /* with our daemon: its health checks passed */
    PROC_DEGRADED,
    PROC_STOPPING,
    PROC_EXITED,
    PROC_SUCCESS,
    PROC_FAILED,
};
const char *proc_state_name(enum proc_state state); /* "running" */
/* In any case, with the words that hero_proc and its ancestors use; NULL is PROC_UNKNOWN. */
enum proc_state proc_state_parse(const char *text);
/* Nothing of it runs. */
bool proc_state_is_down(enum proc_state state);

struct proc_service_status {
    const char *name;
    enum proc_state state;
    const char *state_text; /* as sent */
    pid_t pid;              /* 0: none */
    const char *why;        /* NULL: not told */
    int64_t since_ms;       /* wall clock; 0: not told */
    int64_t restarts;
    const json_t *actions; /* array; NULL: not told */
    json_t *json;          /* owns everything above; NULL in a list */
};
void proc_service_status_done(struct proc_service_status *status);
/* One record of service.status or service.list; its texts are the record's, and json stays NULL. */
void proc_service_status_read(const json_t *record, struct proc_service_status *ret_status);

/* The spec and then the service that names it; the service's actions are set first. */
int proc_action_set(struct proc_client *client, const struct proc_action *action,
                    struct rpc_error *err);
int proc_service_set(struct proc_client *client, const struct proc_service *service,
                     struct rpc_error *err);
/* The same from JSON: an array of actions and a service as hero_proc/openrpc.json has them. */
int proc_service_set_json(struct proc_client *client, const json_t *actions, const json_t *service,
                          struct rpc_error *err);
int proc_service_start(struct proc_client *client, const char *name, struct rpc_error *err);
int proc_service_stop(struct proc_client *client, const char *name, struct rpc_error *err);
int proc_service_delete(struct proc_client *client, const char *name, struct rpc_error *err);
int proc_service_status(struct proc_client *client, const char *name,
                        struct proc_service_status *ret_status, struct rpc_error *err);

struct proc_service_list {
    struct proc_service_status *services; /* the list owns what is in them */
    size_t count;
    json_t *json;
};
int proc_service_list(struct proc_client *client, struct proc_service_list *ret_list,
                      struct rpc_error *err);
void proc_service_list_done(struct proc_service_list *list);

/* Waits until it is running, or has done what it had to do. Fails as soon as it has failed, or at
 * the timeout, with its last state in the message and, when ret_log is not NULL, the newest lines
 * of its log appended there. */
int proc_service_wait(struct proc_client *client, const char *name, int64_t timeout_ms,
                      struct rpc_strbuf *ret_log, struct rpc_error *err);
/*
 * Registers the service, stops what runs of it, starts it, and waits for it as proc_service_wait
 * does; the timeout is for all of it.
 */
int proc_restart_service(struct proc_client *client, const struct proc_service *service,
                         int64_t timeout_ms, struct rpc_strbuf *ret_log, struct rpc_error *err);
int proc_restart_service_json(struct proc_client *client, const json_t *actions,
                              const json_t *service, int64_t timeout_ms, struct rpc_strbuf *ret_log,
                              struct rpc_error *err);
/* Stops it and waits until nothing of it runs; its record stays. *ret_was_there (may be NULL) is
 * false when there is no such service, which is a success. */
int proc_stop_service(struct proc_client *client, const char *name, int64_t timeout_ms,
                      bool *ret_was_there, struct rpc_error *err);
/* The newest lines of a service's log, as far as the server tells them, oldest first, each ended by
 * a newline; nothing when there are none. */
void proc_service_log_tail(struct proc_client *client, const char *name, unsigned lines,
                           struct rpc_strbuf *ret_text);

/* ---- Jobs ---------------------------------------------------------------------------------- */

enum proc_phase {
    PROC_PHASE_UNKNOWN,
    PROC_PENDING,
    PROC_WAITING,
    PROC_JOB_RUNNING,
    PROC_RETRYING,
    PROC_SUCCEEDED,
    PROC_JOB_FAILED,
    PROC_CANCELLED,
};
const char *proc_phase_name(enum proc_phase phase);
enum proc_phase proc_phase_parse(const char *text);
bool proc_phase_is_final(enum proc_phase phase);

struct proc_log_line; /* see Logs */

struct proc_job {
    int64_t id;
    const char *action;
    enum proc_phase phase;
    bool has_exit_code;
    int exit_code;
    int64_t attempt;
    const char *error; /* NULL: none */
    json_t *json;      /* as sent; owns the texts */
};
void proc_job_done(struct proc_job *job);
/* One record of job.get or job.list; its texts are the record's, and json stays NULL. */
void proc_job_read(const json_t *record, struct proc_job *ret_job);

/* Runs an action that is set, by name. */
int proc_job_create(struct proc_client *client, const char *action, int64_t *ret_id,
                    struct rpc_error *err);
/* Runs an action that is not set. */
int proc_job_create_spec(struct proc_client *client, const struct proc_action *action,
                         int64_t *ret_id, struct rpc_error *err);
/* With parameters as hero_proc/openrpc.json has them: an action or a spec, inputs, tags. */
int proc_job_create_json(struct proc_client *client, const json_t *params, int64_t *ret_id,
                         struct rpc_error *err);
int proc_job_get(struct proc_client *client, int64_t id, struct proc_job *ret_job,
                 struct rpc_error *err);
/* Waits for its end. RPC_ERROR_TIMEOUT when it has not ended by then. */
int proc_job_wait(struct proc_client *client, int64_t id, int64_t timeout_ms,
                  struct proc_job *ret_job, struct rpc_error *err);
/* The same, and calls back for each line of its output, in order and as it comes: it is asked for
 * ten times a second. What was written before begins where proc_job_logs does. No line where the
 * server tells none. */
int proc_job_follow(struct proc_client *client, int64_t id, int64_t timeout_ms,
                    void (*line)(void *ctx, const struct proc_log_line *line), void *ctx,
                    struct proc_job *ret_job, struct rpc_error *err);
/* Its output so far, each line ended by a newline; of long ones the newest lines (of our daemon
 * 10,000). */
int proc_job_logs(struct proc_client *client, int64_t id, struct rpc_strbuf *ret_text,
                  struct rpc_error *err);
int proc_job_cancel(struct proc_client *client, int64_t id, struct rpc_error *err);

/* ---- Logs ---------------------------------------------------------------------------------- */

struct proc_log_query {
    const char *source;      /* prefix; NULL: all */
    const char *const *tags; /* all of them, NULL-terminated; NULL: any */
    const char *level;       /* this or above; NULL: all */
    const char *text;        /* contained in the line; NULL: any */
    int64_t since_ms;        /* wall clock; 0: from the first one kept */
    int64_t until_ms;        /* 0: to the newest */
    const json_t *after;     /* cursor of an earlier page; NULL: none */
    unsigned limit;          /* 0: the server's default */
};

struct proc_log_line {
    const char *source;
    const char *level;    /* "info"; "" when not told */
    const json_t *tags;   /* array; NULL: none */
    int64_t timestamp_ms; /* 0: not told */
    const char *text;
};

struct proc_log_page {
    struct proc_log_line *lines; /* oldest first */
    size_t count;
    const json_t *cursor; /* for the next query; NULL: the server has none */
    json_t *json;         /* as sent; owns the texts */
};
int proc_logs_list(struct proc_client *client, const struct proc_log_query *query,
                   struct proc_log_page *ret_page, struct rpc_error *err);
void proc_log_page_done(struct proc_log_page *page);
/*
 * Calls back for each new line that matches, until the function returns false (returns 0) or an
 * error (-1). Of the query, source, tags, level and text count. By the event stream of our own
 * daemon; from another one, by asking twice a second.
 */
int proc_logs_follow(struct proc_client *client, const struct proc_log_query *query,
                     bool (*line)(void *ctx, const struct proc_log_line *line), void *ctx,
                     struct rpc_error *err);
/* One record as logs.list and the event stream send it; the texts are the record's. */
void proc_log_line_read(const json_t *record, struct proc_log_line *ret_line);

/* ---- Secrets ------------------------------------------------------------------------------- */

int proc_secret_set(struct proc_client *client, const char *key, const char *value,
                    struct rpc_error *err);
/* The value, freed with free(); NULL on error (proc_is_not_found when there is none). */
char *proc_secret_get(struct proc_client *client, const char *key, struct rpc_error *err);
int proc_secret_delete(struct proc_client *client, const char *key, struct rpc_error *err);

#endif
