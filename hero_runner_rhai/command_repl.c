/* command_repl.c - scripts typed piece by piece, in this process: without a server or a session. */
#include "command.h"

#include "repl_output.h"

#include <rhai_console/repl.h>

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

static void on_print(void *data, const char *text, size_t len) {
    repl_output_print(data, stdout, text, len);
}

static void on_debug(void *data, const char *text, size_t len, const char *source, rhai_pos pos) {
    (void)source, (void)pos;
    repl_output_print(data, stderr, text, len);
}

static void on_piece_ended(void *data) {
    repl_output_finish(data);
}

static bool push_args(rhai_engine *engine, rhai_scope *scope, const herolib_session *session) {
    rhai_value args, arg;
    if (rhai_new_array(engine, &args) != RHAI_OK) return false;
    for (size_t i = 0; i < session->args_count; i++) {
        const char *text = session->args[i];
        if (rhai_from_text(engine, text, strlen(text), &arg) != RHAI_OK ||
            rhai_array_push(engine, &args, &arg) != RHAI_OK) {
            rhai_value_done(engine, &args);
            return false;
        }
    }
    return rhai_scope_push(engine, scope, "ARGS", &args, true) == RHAI_OK;
}

/* The engine as a session process has it, but for the output. */
static rhai_engine *make_engine(herolib_session *session, struct repl_output *output) {
    rhai_engine *engine = rhai_engine_new(NULL);
    if (!engine || herolib_register(engine, session) < 0) {
        rhai_engine_free(engine);
        return NULL;
    }
    rhai_engine_on_print(engine, on_print, output);
    rhai_engine_on_debug(engine, on_debug, output);
    return engine;
}

static int repl(const struct options *options) {
    static herolib_session session = HEROLIB_SESSION_INIT;
    struct repl_output output;
    repl_output_init(&output);
    session.output = repl_output_for_herolib(&output);
    session.args = options->line.rest;
    while (session.args && session.args[session.args_count])
        session.args_count++;
    session.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* As in a session process: what commands leave behind is ours to end (process/tree.h). */
    prctl(PR_SET_CHILD_SUBREAPER, 1);

    struct repl_setup setup = {
        .name = "hero_runner_rhai",
        .greeting = "Rhai and herolib " HERO_VERSION "; .help for help",
        .engine = make_engine(&session, &output),
        .stop_fd = session.stop_fd,
        .piece_ended = on_piece_ended,
        .data = &output,
    };
    int code = EXIT_FAILED;
    setup.scope = setup.engine ? rhai_scope_new(setup.engine) : NULL;
    if (session.stop_fd < 0)
        tell("cannot make an eventfd: %s", strerror(errno));
    else if (!setup.scope)
        tell("out of memory");
    else if (!push_args(setup.engine, setup.scope, &session))
        tell("out of memory, or an argument that is not UTF-8 text");
    else if (repl_run(&setup))
        code = EXIT_OK;
    else
        tell("out of memory");
    rhai_scope_free(setup.engine, setup.scope);
    rhai_engine_free(setup.engine);
    repl_output_done(&output);
    if (session.stop_fd >= 0) close(session.stop_fd);
    return code;
}

const struct command repl_command = {
    .name = "repl",
    .operands = "[-- ARG...]",
    .summary = "try out what scripts can do, line by line",
    .description =
        "Runs what is typed, piece by piece, and shows the values. It knows all functions\n"
        "that scripts can call, and needs no server: it runs here, with the environment,\n"
        "the directory and the rights of this shell. Variables and functions stay.\n"
        ".help lists the commands: .load FILE runs a script, .functions PATTERN explains.\n"
        "Ctrl-C ends what runs, Ctrl-D the session. What follows -- is the constant ARGS.",
    .rules = {.rest_name = "arguments for the script"},
    .run = repl,
};
