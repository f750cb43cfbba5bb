/* container.c - PostgreSQL servers in containers, through the nerdctl program and the image
 * `postgres`, whose environment and first start they rely on (hub.docker.com/_/postgres). */
#include "core/module.h"
#include "core/native.h"
#include "core/text.h"
#include "nerdctl/container.h"
#include "process/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)
#define SERVER_PORT 5432
#define READY_WAIT_S 60
#define READY_PAUSE_MS 500

static const struct tool nerdctl = {
    .module = "postgres", .program = "nerdctl", .advice = NERDCTL_ADVICE};

/* ---- pg_install --------------------------------------------------------------------------- */

/* What the server is given. It reads the password from the environment of nerdctl, so that no list
 * of processes shows it. */
static bool set_options(struct container *container, int port, const char *user) {
    char published[32];
    snprintf(published, sizeof published, "%d:%d", port, SERVER_PORT);
    char *user_variable;
    if (asprintf(&user_variable, "POSTGRES_USER=%s", user) < 0) return false;
    bool is_set = container_set_option(container, "-p", published, true) &&
                  container_set_option(container, "-e", user_variable, true) &&
                  container_set_option(container, "-e", "POSTGRES_PASSWORD", true) &&
                  container_set_option(container, "--restart", "unless-stopped", false);
    free(user_variable);
    return is_set;
}

static rhai_status run_server(rhai_call *call, struct container *container, const char *password) {
    struct command_result result;
    char *variable;
    if (asprintf(&variable, "POSTGRES_PASSWORD=%s", password) < 0)
        return rhai_throw_out_of_memory(call);
    char **env = environment_with(&variable, 1);
    rhai_status status = env ? container_run(call, &nerdctl, container, env, &result)
                             : rhai_throw_out_of_memory(call);
    free(env);
    free(variable);
    if (status == RHAI_OK) command_result_done(&result);
    return status;
}

/* Through TCP: while it is set up, the server of the image listens on its socket only. */
static rhai_status is_ready(rhai_call *call, const char *name, bool *ret) {
    const char *const argv[] = {"nerdctl", "exec", name,        "pg_isready",
                                "-q",      "-h",   "127.0.0.1", NULL};
    const struct command command = {.argv = argv, .is_silent = true};
    struct command_result result;
    if (tool_run(call, &nerdctl, &command, &result) != RHAI_OK) return RHAI_ERROR;
    *ret = result.code == 0;
    command_result_done(&result);
    return RHAI_OK;
}

static rhai_status wait_ready(rhai_call *call, const char *name) {
    int64_t end_ns = herolib_now_ns() + READY_WAIT_S * 1000 * NS_PER_MS;
    for (;;) {
        bool ready = false;
        if (is_ready(call, name, &ready) != RHAI_OK) return RHAI_ERROR;
        if (ready) return RHAI_OK;
        int64_t next_ns = herolib_now_ns() + READY_PAUSE_MS * NS_PER_MS;
        if (next_ns > end_ns)
            return rhai_throw(call,
                              "postgres: the server in %s takes no connections after %d s (%s)",
                              name, READY_WAIT_S, NERDCTL_ADVICE);
        if (herolib_wait(herolib_call_session(call), NULL, 0, next_ns) < 0)
            return rhai_throw_terminated(call);
    }
}

static rhai_status start_server(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const words[] = {"start", "$1", NULL};
    return tool_command(call, &nerdctl, words, NULL, true, tool_give_output, args, ret);
}

/* Makes the container, or starts the one that is there. */
static rhai_status install(rhai_call *call, rhai_value *args, struct container *container) {
    const char *user = text_argument(call, &args[3], "postgres: the user");
    const char *password = user ? text_argument(call, &args[4], "postgres: the password") : NULL;
    int64_t port = rhai_as_int(&args[2]);
    rhai_value said = rhai_unit();
    if (!password) return RHAI_ERROR;
    if (port < 1 || port > 65535) return rhai_throw(call, "postgres: the port must be 1 to 65535");
    if (!*user || !*password)
        return rhai_throw(call, "postgres: the user or the password is empty");
    if (!set_options(container, (int)port, user)) return rhai_throw_out_of_memory(call);
    if (container_find(call, &nerdctl, container) != RHAI_OK) return RHAI_ERROR;
    rhai_status status =
        container->id ? start_server(call, args, &said) : run_server(call, container, password);
    rhai_value_done(rhai_call_engine(call), &said);
    return status == RHAI_OK ? wait_ready(call, container->name) : status;
}

static rhai_status pg_install(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = text_argument(call, &args[0], "postgres: the container");
    const char *version = name ? text_argument(call, &args[1], "postgres: the version") : NULL;
    char *image;
    if (!version || tool_check_name(call, &nerdctl, name) != RHAI_OK ||
        tool_check_name(call, &nerdctl, version) != RHAI_OK)
        return RHAI_ERROR;
    if (asprintf(&image, "docker.io/library/postgres:%s", version) < 0)
        return rhai_throw_out_of_memory(call);
    struct container *container = container_new(name, image);
    free(image);
    if (!container) return rhai_throw_out_of_memory(call);
    rhai_status status = install(call, args, container);
    container_free(container);
    if (status == RHAI_OK) *ret = rhai_from_bool(true);
    return status;
}

/* ---- What is in the server ---------------------------------------------------------------- */

/* The image has the name of its user in the environment. What follows the script is $1 in it. */
#define AS_USER "-U \"${POSTGRES_USER:-postgres}\""

static rhai_status pg_create_database(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const words[] = {
        "exec", "$1", "sh", "-c", "exec createdb " AS_USER " -- \"$1\"", "sh", "$2", NULL};
    rhai_value said = rhai_unit();
    if (tool_command(call, &nerdctl, words, NULL, true, tool_give_output, args, &said) != RHAI_OK)
        return RHAI_ERROR;
    rhai_value_done(rhai_call_engine(call), &said);
    *ret = rhai_from_bool(true);
    return RHAI_OK;
}

/* The SQL is what psql reads, so it may be of any length; the first error ends it. */
static rhai_status pg_execute_sql(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const words[] = {
        "exec", "-i", "$1", "sh", "-c", "exec psql -X -q -v ON_ERROR_STOP=1 " AS_USER " -d \"$1\"",
        "sh",   "$2", NULL};
    struct argv argv = {0};
    struct command_result result;
    struct command how = {.is_silent = true};
    how.input = rhai_as_text(&args[2], &how.input_len);
    argv_add(&argv, nerdctl.program);
    if (tool_add_words(call, &nerdctl, words, NULL, args, &argv) != RHAI_OK) {
        argv_done(&argv);
        return RHAI_ERROR;
    }
    if (tool_do(call, &nerdctl, &argv, &how, &result) != RHAI_OK) return RHAI_ERROR;
    return tool_give_output(call, &result, ret);
}

static rhai_status pg_is_running(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const words[] = {"inspect", "--format={{.State.Running}}", "$1", NULL};
    rhai_value said;
    size_t len;
    if (tool_command(call, &nerdctl, words, NULL, true, tool_give_output, args, &said) != RHAI_OK)
        return RHAI_ERROR;
    *ret = rhai_from_bool(strcmp(rhai_as_text(&said, &len), "true") == 0);
    rhai_value_done(rhai_call_engine(call), &said);
    return RHAI_OK;
}

static const rhai_native functions[] = {
    {"pg_install", "ssiss", pg_install, RHAI_FN_VOLATILE,
     "pg_install(container: string, version: string, port: int, user: string, password: string) -> "
     "bool",
     "Runs a PostgreSQL server in a container with nerdctl, on a port of the host, and waits until "
     "it takes connections. A container of that name is started as it is."},
    {"pg_create_database", "ss", pg_create_database, RHAI_FN_VOLATILE,
     "pg_create_database(container: string, database: string) -> bool",
     "Makes a database in the server of a container."},
    {"pg_execute_sql", "sss", pg_execute_sql, RHAI_FN_VOLATILE,
     "pg_execute_sql(container: string, database: string, sql: string) -> string",
     "Runs SQL with the psql of a container, as its user; gives what psql writes. It ends at the "
     "first error."},
    {"pg_is_running", "s", pg_is_running, RHAI_FN_VOLATILE,
     "pg_is_running(container: string) -> bool",
     "Whether a container runs; one that does not exist is an error."},
};

const herolib_module herolib_postgres_container_module = {
    .name = "postgres",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
