/* command_service.c - the runner as a service of hero_proc: --start, --stop, --info. */
#include "command.h"

#include "service.h"

#include <hero_rpc/bind.h>
#include <hero_rpc/client.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/detach.h>
#include <hero_rpc/fd.h>
#include <hero_rpc/paths.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_TIMEOUT_MS 30000
#define STOP_TIMEOUT_MS 15000
#define PROC_START_MS 10000
#define PROC_STOP_MS 5000
#define POLL_MS 20
#define TAIL_LINES 20
#define TAIL_BYTES (256 * 1024)

static void pause_shortly(void) {
    nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
}

/* Errors here are about hero_proc or the start, not about the runner's server. */
static int tell_failure(struct rpc_error *err) {
    tell("%s", err->message);
    rpc_error_clear(err);
    return EXIT_FAILED;
}

static void tell_lines(const char *title, const char *lines) {
    if (!*lines) return;
    fflush(stdout);
    fprintf(stderr, "%s\n%s", title, lines);
}

/* ---- A hero_proc ------------------------------------------------------------------------ */

static bool answers(struct proc_client *client) {
    json_t *health = proc_health(client, NULL);
    json_decref(health);
    return health;
}

/* The newest lines of a file. */
static void tell_log_file(const char *path) {
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    if (rpc_file_read(path, TAIL_BYTES, &text, NULL) == 0) {
        const char *start = rpc_strbuf_text(&text), *at = start + text.len;
        /* The last newline ends the last line. */
        for (int newlines = 0; at > start; at--)
            if (at[-1] == '\n' && ++newlines > TAIL_LINES) break;
        tell_lines("its last lines:", at);
    }
    rpc_strbuf_done(&text);
}

/* Somebody else's may have been faster: then ours has ended, and *ret_is_ours is false. */
static bool wait_for_proc(struct proc_client *client, pid_t pid, bool *ret_is_ours) {
    int64_t deadline_ms = rpc_clock_monotonic_ms() + PROC_START_MS;
    bool is_dead = false;
    while (!answers(client)) {
        if (is_dead || rpc_clock_monotonic_ms() >= deadline_ms) return false;
        is_dead = waitpid(pid, NULL, WNOHANG) == pid;
        pause_shortly();
    }
    *ret_is_ours = !is_dead && waitpid(pid, NULL, WNOHANG) == 0;
    return true;
}

/* Without the marks of a session that we may be in: what is started here outlives it. */
static const char **environment(void) {
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    const char **env = calloc(count + 1, sizeof *env);
    for (size_t i = 0; env && i < count; i++)
        if (!service_is_session_mark(environ[i])) env[kept++] = environ[i];
    return env;
}

static pid_t spawn_proc(const char *socket, const char *log, struct rpc_error *err) {
    char *program = service_program_path("hero_proc_server", err);
    const char **env = environment();
    pid_t pid = -1;
    if (program && access(program, X_OK) < 0)
        rpc_error_set(err, RPC_ERROR_INVALID, 0,
                      "no hero_proc answers at %s, and there is no %s to start", socket, program);
    else if (program && env) {
        const char *const argv[] = {program, "--socket", socket, NULL};
        struct rpc_detach_options options = {
            .program = program, .argv = argv, .envp = env, .log_path = log};
        pid = rpc_detach_start(&options, err);
    }
    free(env);
    free(program);
    return pid;
}

/* Starts our own daemon in the background. */
static int start_proc(struct proc_client *client) {
    struct rpc_error err = {0};
    char *dir = rpc_path_state_dir(PROC_SERVICE, &err), *log = NULL;
    const char *socket = proc_socket_path(client);
    bool is_ours;
    int code = EXIT_FAILED;
    if (!dir || asprintf(&log, "%s/server.log", dir) < 0) log = NULL;
    pid_t pid = log ? spawn_proc(socket, log, &err) : -1;
    if (pid < 0)
        tell_failure(&err);
    else if (wait_for_proc(client, pid, &is_ours)) {
        if (is_ours)
            printf("started hero_proc_server (process %d); its log is %s\n", (int)pid, log);
        code = EXIT_OK;
    } else {
        tell("hero_proc_server does not answer at %s", socket);
        tell_log_file(log);
    }
    free(log);
    free(dir);
    return code;
}

/* ---- --start ---------------------------------------------------------------------------- */

/* A program that is registered as a service by itself would fight for the same sockets. */
static bool is_taken(struct proc_client *client, const struct service_plan *plan) {
    struct proc_service_list list;
    bool is_found = false;
    if (proc_service_list(client, &list, NULL) < 0) return false;
    for (size_t i = 0; i < list.count && !is_found; i++)
        for (size_t k = 0; k < plan->count && !is_found; k++) {
            const struct proc_service_status *service = &list.services[i];
            is_found = strcmp(service->name, plan->actions[k].name) == 0 &&
                       !proc_state_is_down(service->state);
            if (is_found)
                tell("hero_proc runs %s as a service of its own, which is %s; to take it over: "
                     "hero_proc service stop %s",
                     service->name, service->state_text, service->name);
        }
    proc_service_list_done(&list);
    return is_found;
}

static bool is_healthy(const char *socket) {
    struct rpc_client *client = rpc_client_new_unix(socket, NULL);
    bool is_well = client && rpc_client_http(client, "/health", NULL, 0, NULL, NULL) == 200;
    rpc_client_free(client);
    return is_well;
}

/* To many a hero_proc a process runs as soon as there is one; we want answers. NULL when all of
 * them answer, else a socket that does not. */
static const char *wait_for_sockets(const struct service_plan *plan, int64_t deadline_ms) {
    for (size_t i = 0; i < plan->count; i++)
        while (!is_healthy(plan->members[i].sockets[0])) {
            if (rpc_clock_monotonic_ms() >= deadline_ms) return plan->members[i].sockets[0];
            pause_shortly();
        }
    return NULL;
}

static void print_sockets(const struct service_plan *plan) {
    for (size_t i = 0; i < plan->count; i++)
        for (size_t k = 0; plan->members[i].sockets[k]; k++)
            printf("  %-10s  %s\n", plan->members[i].program->sockets[k],
                   plan->members[i].sockets[k]);
}

static int start_service(struct proc_client *client, const struct service_plan *plan,
                         int64_t timeout_ms) {
    struct rpc_error err = {0};
    struct rpc_strbuf log = RPC_STRBUF_INIT;
    int64_t deadline_ms = rpc_clock_monotonic_ms() + timeout_ms;
    const char *silent = NULL;
    int code = EXIT_FAILED;
    if (proc_restart_service(client, &plan->service, timeout_ms, &log, &err) < 0)
        tell_failure(&err);
    else if ((silent = wait_for_sockets(plan, deadline_ms))) {
        tell("%s runs, but does not answer at %s", SERVICE_NAME, silent);
        proc_service_log_tail(client, SERVICE_NAME, TAIL_LINES, &log);
    } else {
        printf("%s is running\n", SERVICE_NAME);
        print_sockets(plan);
        code = EXIT_OK;
    }
    if (code != EXIT_OK) tell_lines("its last lines:", rpc_strbuf_text(&log));
    if (*proc_omitted(client))
        tell("this hero_proc does not know, and was not sent: %s", proc_omitted(client));
    rpc_strbuf_done(&log);
    return code;
}

static int run_start(const struct options *options) {
    struct rpc_error err = {0};
    struct service_plan plan = {0};
    int code = EXIT_OK;
    struct proc_client *client = proc_open(NULL, &err);
    if (!client || service_plan_make(&plan, &err) < 0)
        code = tell_failure(&err);
    else if (!answers(client))
        code = start_proc(client);
    if (code == EXIT_OK && is_taken(client, &plan)) code = EXIT_FAILED;
    if (code == EXIT_OK)
        code = start_service(client, &plan,
                             options->timeout_ms ? options->timeout_ms : START_TIMEOUT_MS);
    service_plan_done(&plan);
    proc_close(client);
    return code;
}

/* ---- --stop ----------------------------------------------------------------------------- */

/* A server that hero_proc does not know: it was started by hand, or hero_proc has died. */
static int tell_if_still_there(const char *what) {
    char *path = rpc_path_socket(SERVICE_NAME, "rpc.sock", NULL);
    bool is_there = path && rpc_client_is_listening(path);
    if (is_there)
        tell("%s, and hero_runner_rhai_server (process %d) still answers at %s; it was started "
             "without hero_proc, or has outlived it",
             what, (int)rpc_binding_owner(path), path);
    free(path);
    return is_there ? EXIT_FAILED : EXIT_OK;
}

static int stop_service(struct proc_client *client, int64_t timeout_ms) {
    struct rpc_error err = {0};
    bool was_there;
    if (proc_stop_service(client, SERVICE_NAME, timeout_ms, &was_there, &err) < 0)
        return tell_failure(&err);
    if (tell_if_still_there(was_there ? "it is stopped" : "hero_proc does not know it") != EXIT_OK)
        return EXIT_FAILED;
    printf("%s %s\n", SERVICE_NAME, was_there ? "is stopped" : "is not running");
    return EXIT_OK;
}

/* Ends a hero_proc that has nothing else to do. */
static int stop_proc(struct proc_client *client) {
    struct rpc_error err = {0};
    struct proc_service_list list;
    size_t others = 0;
    if (proc_service_list(client, &list, &err) < 0) return tell_failure(&err);
    for (size_t i = 0; i < list.count; i++)
        if (strcmp(list.services[i].name, SERVICE_NAME) != 0 &&
            strcmp(list.services[i].name, PROC_SERVICE) != 0)
            others++;
    proc_service_list_done(&list);
    if (others > 0) {
        printf("hero_proc goes on: it has %zu other service%s\n", others, others == 1 ? "" : "s");
        return EXIT_OK;
    }
    int64_t deadline_ms = rpc_clock_monotonic_ms() + PROC_STOP_MS;
    pid_t owner = rpc_binding_owner(proc_socket_path(client));
    proc_shutdown(client, false, &err); /* it may end before it has answered */
    while (rpc_client_is_listening(proc_socket_path(client)) ||
           (owner > 0 && kill(owner, 0) == 0)) {
        if (rpc_clock_monotonic_ms() >= deadline_ms) {
            tell("hero_proc does not end: %s", *err.message ? err.message : "it still answers");
            rpc_error_clear(&err);
            return EXIT_FAILED;
        }
        pause_shortly();
    }
    rpc_error_clear(&err);
    printf("hero_proc is shut down\n");
    return EXIT_OK;
}

static int run_stop(const struct options *options) {
    struct rpc_error err = {0};
    int code;
    struct proc_client *client = proc_open(NULL, &err);
    if (!client)
        code = tell_failure(&err);
    else if (!answers(client)) {
        code = tell_if_still_there("hero_proc does not run");
        if (code == EXIT_OK) printf("%s is not running, nor is hero_proc\n", SERVICE_NAME);
    } else {
        code = stop_service(client, options->timeout_ms ? options->timeout_ms : STOP_TIMEOUT_MS);
        if (code == EXIT_OK && options->with_hero_proc) code = stop_proc(client);
    }
    proc_close(client);
    return code;
}

/* ---- --info ----------------------------------------------------------------------------- */

static int run_info(const struct options *options) {
    const struct service_program *only = NULL;
    if (options->toml && !(only = service_find_program(options->toml))) {
        tell("%s is no program of this service", options->toml);
        return EXIT_USAGE;
    }
    json_t *info = service_info(only);
    if (!only) return print_json(info) ? EXIT_OK : EXIT_FAILED;
    service_print_toml(info, stdout);
    json_decref(info);
    return EXIT_OK;
}

/* ---- The rows --------------------------------------------------------------------------- */

static const struct option_spec start_specs[] = {
    {"timeout", 0, OPTION_DURATION, offsetof(struct options, timeout_ms), "TIME",
     "how long it may take (default: 30s)"},
};

static const struct option_spec stop_specs[] = {
    {"timeout", 0, OPTION_DURATION, offsetof(struct options, timeout_ms), "TIME",
     "how long it may take (default: 15s)"},
    {"with-hero-proc", 0, OPTION_FLAG, offsetof(struct options, with_hero_proc), NULL,
     "then shut down hero_proc too, unless it has another\nservice"},
};

static const struct option_spec info_specs[] = {
    {"toml", 0, OPTION_TEXT, offsetof(struct options, toml), "PROGRAM",
     "print the service.toml of one of the programs"},
};

const struct command start_command = {
    .name = "--start",
    .operands = "",
    .summary = "start the service, or start it anew",
    .description =
        "Registers the programs beside this one as the service hero_runner_rhai of\n"
        "hero_proc, starts it, or starts it anew with the environment of now, and waits\n"
        "until its sockets answer. When no hero_proc is reachable, the hero_proc_server\n"
        "beside this program is started in the background.",
    .rules = {COMMAND_RULES(start_specs)},
    .run = run_start,
};

const struct command stop_service_command = {
    .name = "--stop",
    .operands = "",
    .summary = "stop the service",
    .description = "Stops the service hero_runner_rhai of hero_proc, and with it all sessions. It\n"
                   "stays registered. Nothing to stop is fine.",
    .rules = {COMMAND_RULES(stop_specs)},
    .run = run_stop,
};

const struct command info_command = {
    .name = "--info",
    .operands = "",
    .summary = "describe the service",
    .description = "Prints what the service consists of as JSON: its programs, their sockets, the\n"
                   "environment they are given, and what they need.",
    .rules = {COMMAND_RULES(info_specs)},
    .run = run_info,
};
