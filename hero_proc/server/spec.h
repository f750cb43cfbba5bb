/*
 * What users ask for: actions (something that can be executed) and services (named groups of
 * actions that are started and stopped together).
 *
 * A spec keeps the JSON it was made from, with every field, also those the daemon does not act on;
 * texts are borrowed from there. Specs are counted and never change: a new one replaces an old one,
 * and what runs goes on with the one it was started with.
 */
#ifndef HERO_PROC_SERVER_SPEC_H
#define HERO_PROC_SERVER_SPEC_H

#include "server/cron.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEC_NAME_MAX_BYTES 128
#define SPEC_LIST_MAX 256 /* entries of any list in a spec */
#define SPEC_DEFAULT_CONTEXT "core"

enum interpreter { INTERPRETER_EXEC, INTERPRETER_BASH, INTERPRETER_RHAI };

enum check_kind { CHECK_OPENRPC_SOCKET, CHECK_TCP_PORT, CHECK_HTTP_URL, CHECK_EXEC };

struct check_spec {
    enum check_kind kind;
    const char *target;
    int64_t interval_ms, timeout_ms, failures;
};

struct retry_spec {
    int64_t max_attempts; /* 0: without end */
    int64_t delay_ms, max_delay_ms;
    double backoff;
};

struct action_spec {
    unsigned refs;
    json_t *json;
    const char *name, *context, *script, *cwd; /* cwd NULL: the home directory */
    enum interpreter interpreter;
    bool is_process, is_singleton;
    const json_t *env, *tags;                               /* object, array; or NULL */
    const json_t *kill_sockets, *kill_ports, *kill_filters; /* arrays or NULL */
    int stop_signal;
    int64_t timeout_ms;       /* of one attempt of a job; 0: none */
    int64_t start_timeout_ms; /* until healthy */
    int64_t stop_timeout_ms;  /* until SIGKILL */
    int64_t stability_ms;     /* a run this long gives the attempts back */
    struct retry_spec retry;
    struct check_spec *checks;
    size_t check_count;
    bool has_cron;
    struct cron cron;
    int64_t interval_ms; /* schedule; 0: none */
};

/* Checks what a schema cannot say. RPC_ERROR_INVALID names the field. `json` is borrowed. */
struct action_spec *action_spec_parse(const json_t *json, struct rpc_error *err);
struct action_spec *action_spec_ref(struct action_spec *spec);
void action_spec_unref(struct action_spec *spec); /* NULL is allowed */

enum wanted { WANTED_STOP, WANTED_START, WANTED_IGNORE };
const char *wanted_name(enum wanted wanted);

struct service_spec {
    unsigned refs;
    json_t *json;
    const char *name, *context;
    bool is_system;
    enum wanted wanted; /* when it is set; "spec" means start */
    bool says_wanted;
    const json_t *actions, *requires, *after, *wants, *conflicts; /* arrays of names, or NULL */
    struct check_spec probe; /* of the service as a whole; target NULL: none */
};

struct service_spec *service_spec_parse(const json_t *json, struct rpc_error *err);
struct service_spec *service_spec_ref(struct service_spec *spec);
void service_spec_unref(struct service_spec *spec); /* NULL is allowed */

/* A TCP port, as a number or a text; 0: it is none. */
unsigned spec_port(const json_t *entry);
/* "core" when the object names none. */
const char *spec_context(const json_t *json);

#endif
