/*
 * Actions and services as a program describes them, and their JSON. Zero in a member means that
 * nothing is said about it and the server's default holds. Texts and tables are borrowed.
 *
 *     static const struct proc_health_check checks[] = {
 *         {.kind = PROC_CHECK_OPENRPC_SOCKET, .target = "/run/web/rpc.sock"}};
 *     const struct proc_action action = {
 *         .name = "web", .script = "/usr/bin/web --quiet", .interpreter = "exec",
 *         .is_process = true, .stop_signal = "SIGTERM",
 *         .health_checks = checks, .health_check_count = 1};
 *     const struct proc_service service = {
 *         .name = "web", .actions = &action, .action_count = 1};
 */
#ifndef HERO_PROC_SDK_SPEC_H
#define HERO_PROC_SDK_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum proc_check_kind {
    PROC_CHECK_OPENRPC_SOCKET, /* target: a socket whose /health answers */
    PROC_CHECK_TCP_PORT,       /* target: "8080" or "host:8080" */
    PROC_CHECK_HTTP_URL,       /* target: a URL that answers 2xx */
    PROC_CHECK_EXEC,           /* target: a command line that exits 0 */
};
const char *proc_check_kind_name(enum proc_check_kind kind); /* "openrpc_socket" */

struct proc_health_check {
    enum proc_check_kind kind;
    const char *target;
    int64_t interval_ms;
    int64_t timeout_ms;
    int64_t failures; /* so many in a row count */
};

struct proc_retry_policy {
    int64_t max_attempts;
    int64_t delay_ms; /* before the second attempt */
    int64_t max_delay_ms;
    double backoff; /* each delay is so many times the one before */
};

/* Whom to end before a start: who listens on these, or whose command line contains one of these.
 * All NULL-terminated, NULL for none. */
struct proc_kill_other {
    const char *const *socket;
    const char *const *port;
    const char *const *process_filters;
};

struct proc_action {
    const char *name;
    const char *script;      /* command line or text, as the interpreter wants it */
    const char *interpreter; /* "exec": a command line without a shell; "bash", "rhai" */
    bool is_process;         /* runs until it is stopped */
    bool tty;
    bool singleton;
    const char *const *env; /* "NAME=value", NULL-terminated */
    const char *cwd;
    int64_t timeout_ms;       /* of a job */
    int64_t start_timeout_ms; /* until it is healthy */
    int64_t stop_timeout_ms;  /* until SIGKILL */
    const char *stop_signal;  /* "SIGTERM" */
    struct proc_retry_policy retry_policy;
    int64_t stability_period_ms;
    struct proc_kill_other kill_other;
    const struct proc_health_check *health_checks;
    size_t health_check_count;
    const char *const *sockets;
    const char *const *depends_on;
    const char *cron; /* schedule: one of these two */
    int64_t schedule_interval_ms;
    const char *const *tags;
};

struct proc_service {
    const char *name;
    const char *description;
    const struct proc_action *actions;
    size_t action_count;
    const char *wanted; /* "start", "stop", "ignore", "spec" */
    bool is_system;     /* class system: bulk operations pass it over */
    const char *const *requires;
    const char *const *after;
    const char *const *wants;
    const char *const *conflicts;
    bool require_ready;
    const char *const *sockets;
    const char *const *tags;
};

/* The objects of hero_proc/openrpc.json, new references; NULL without memory. The service's holds
 * the names of its actions. */
json_t *proc_action_json(const struct proc_action *action);
json_t *proc_service_json(const struct proc_service *service);

/* Appends a word to a command line for the interpreter "exec", quoted where that is needed. */
struct rpc_strbuf;
void proc_quote_word(struct rpc_strbuf *line, const char *word);

#endif
