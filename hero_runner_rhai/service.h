/*
 * service.h - what this product is to a supervisor: its programs, their sockets and their
 * environment. One table, from which come the registration (--start), the description (--info) and
 * each program's service.toml.
 */
#ifndef RUNNER_CLI_SERVICE_H
#define RUNNER_CLI_SERVICE_H

#include <hero_proc_sdk/proc.h>

#include <stdio.h>

#define SERVICE_NAME "hero_runner_rhai"
#define SERVICE_SOCKETS_MAX 2
#define SERVICE_PROGRAMS_MAX 3

struct service_program {
    const char *name;
    const char *kind; /* as in service.toml: "server", "admin", "cli" */
    const char *description;
    const char *sockets[SERVICE_SOCKETS_MAX + 1]; /* files in the service's folder, up to NULL */
    bool is_supervised;
    bool is_optional; /* may not be installed */
};
extern const struct service_program service_programs[SERVICE_PROGRAMS_MAX];
/* NULL: there is none of that name. */
const struct service_program *service_find_program(const char *name);

/* The path of a program of this installation, which is where this one is; the caller frees it. */
char *service_program_path(const char *name, struct rpc_error *err);

/* One program that is to run, with what its action refers to. */
struct service_member {
    const struct service_program *program;
    char *command;
    char *sockets[SERVICE_SOCKETS_MAX + 1];
    struct proc_health_check checks[SERVICE_SOCKETS_MAX];
};

/* Everything for proc_restart_service. */
struct service_plan {
    char **env; /* of all programs, NULL-terminated */
    struct service_member members[SERVICE_PROGRAMS_MAX];
    struct proc_action actions[SERVICE_PROGRAMS_MAX];
    size_t count;
    struct proc_service service;
};
/* For the programs that are installed; one that must be there and is not is an error. The plan
 * refers to itself: it is not moved. */
int service_plan_make(struct service_plan *plan, struct rpc_error *err);
void service_plan_done(struct service_plan *plan);

/* The environment that services get: the Hero directories (PATH_ROOT and HERO_SOCKET_DIR in any
 * case), PATH, HOME, and each HERO_RUNNER_RHAI_* of ours but a session's marks. Ended by NULL; the
 * texts and the list are freed with service_env_free. */
char **service_env_make(struct rpc_error *err);
void service_env_free(char **env);
/* Whether "NAME=value" tells that a process belongs to a session, with which it would be ended. */
bool service_is_session_mark(const char *setting);

/* The description of the service with all its programs, or with one. */
json_t *service_info(const struct service_program *only);
/* The same as service.toml. */
void service_print_toml(const json_t *info, FILE *out);

#endif
