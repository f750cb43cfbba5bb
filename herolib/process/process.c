/* process.c - the functions that run programs. */
#include "core/module.h"
#include "core/text.h"
#include "process/command.h"
#include "process/program.h"
#include "process/shell.h"
#include "process/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How much of a command an error text quotes. */
#define QUOTED_COMMAND_BYTES 80

/* ---- CommandResult ---------------------------------------------------------------------- */

static void result_free(void *object) {
    command_result_done(object);
    free(object);
}

static size_t result_text(const void *object, char *buffer, size_t size) {
    const struct command_result *result = object;
    int len =
        snprintf(buffer, size, "CommandResult(code: %d, stdout: %zu bytes, stderr: %zu bytes)",
                 result->code, result->out.len, result->err.len);
    return (size_t)len < size ? (size_t)len : size - 1;
}

/* A handle: nothing changes a result, so all copies may be one. */
static const rhai_custom_type result_type = {
    .name = "CommandResult",
    .free = result_free,
    .text = result_text,
};

static rhai_status get_output(rhai_call *call, const struct command_output *output,
                              rhai_value *ret) {
    return text_value(call, output->text ? output->text : "", output->len, ret);
}

static rhai_status result_get_stdout(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct command_result *result = rhai_as_custom(&args[0]);
    return get_output(call, &result->out, ret);
}

static rhai_status result_get_stderr(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct command_result *result = rhai_as_custom(&args[0]);
    return get_output(call, &result->err, ret);
}

static rhai_status result_get_success(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const struct command_result *result = rhai_as_custom(&args[0]);
    *ret = rhai_from_bool(result->code == 0);
    return RHAI_OK;
}

static rhai_status result_get_code(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const struct command_result *result = rhai_as_custom(&args[0]);
    *ret = rhai_from_int(result->code);
    return RHAI_OK;
}

/* ---- Running ---------------------------------------------------------------------------- */

/* The first line of the command, cut between two characters. */
static int quoted_command_len(const char *command) {
    size_t len = strcspn(command, "\n");
    if (len > QUOTED_COMMAND_BYTES)
        for (len = QUOTED_COMMAND_BYTES; text_is_continuation(command[len]);)
            len--;
    return (int)len;
}

static rhai_status throw_failed(rhai_call *call, const struct shell_run *run,
                                const struct command_result *result) {
    const char *tail, *command = run->command;
    int tail_len, command_len = quoted_command_len(command);
    command_error_tail(result, &tail, &tail_len);
    const char *more = command[command_len] ? "..." : "";
    const char *colon = tail_len > 0 ? ": " : "";
    if (result->has_timed_out)
        return rhai_throw(call, "process: '%.*s%s' took longer than %g s and was ended%s%.*s",
                          command_len, command, more, (double)run->timeout_ms / 1000, colon,
                          tail_len, tail);
    if (result->signal)
        return rhai_throw(call, "process: '%.*s%s' was ended by signal %d (%s)%s%.*s", command_len,
                          command, more, result->signal, strsignal(result->signal), colon, tail_len,
                          tail);
    return rhai_throw(call, "process: '%.*s%s' exited with code %d%s%.*s", command_len, command,
                      more, result->code, colon, tail_len, tail);
}

rhai_status tool_give_result(rhai_call *call, struct command_result *result, rhai_value *ret) {
    struct command_result *object = malloc(sizeof *object);
    if (!object) {
        command_result_done(result);
        return rhai_throw_out_of_memory(call);
    }
    *object = *result;
    if (rhai_from_custom(rhai_call_engine(call), &result_type, object, ret) == RHAI_OK)
        return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

/* Each line of the command, as `set -x` shows them. */
static void log_command(herolib_session *session, const char *command) {
    const herolib_output *output = &session->output;
    while (*command) {
        size_t len = strcspn(command, "\n");
        output->write(output->data, HEROLIB_STDERR, "+ ", 2);
        if (len > 0) output->write(output->data, HEROLIB_STDERR, command, len);
        output->write(output->data, HEROLIB_STDERR, "\n", 1);
        command += len + (command[len] != '\0');
    }
}

static int start_shell(herolib_session *session, const struct shell_run *run,
                       struct command_result *ret_result) {
    const char *const waited[] = {COMMAND_SHELL, "-c", "--", run->command, NULL};
    const char *const left[] = {COMMAND_SHELL, "-c",          "\"$@\" > /dev/null 2>&1 &",
                                COMMAND_SHELL, COMMAND_SHELL, "-c",
                                "--",          run->command,  NULL};
    const struct command command = {
        .argv = run->is_background ? left : waited,
        .env = run->env,
        .dir = run->dir,
        .input = run->input,
        .input_len = run->input_len,
        .timeout_ms = run->timeout_ms,
        .is_silent = run->is_silent,
    };
    if (run->is_logged) log_command(session, run->command);
    return command_run(session, &command, ret_result);
}

static rhai_status throw_not_started(rhai_call *call, const struct shell_run *run, int error) {
    if (run->dir && access(run->dir, X_OK) < 0)
        return rhai_throw(call, "process: cannot enter %s: %s", run->dir, strerror(errno));
    return rhai_throw(call, "process: cannot run %s: %s", COMMAND_SHELL, strerror(error));
}

rhai_status shell_run(rhai_call *call, const struct shell_run *run, rhai_value *ret) {
    struct command_result result;
    int failed = start_shell(herolib_call_session(call), run, &result);
    if (failed == -ECANCELED) return rhai_throw_terminated(call);
    if (failed == -ENOMEM) return rhai_throw_out_of_memory(call);
    if (failed) return throw_not_started(call, run, -failed);
    if (result.code == 0 || run->ignores_errors) return tool_give_result(call, &result, ret);

    rhai_status status = throw_failed(call, run, &result);
    command_result_done(&result);
    return status;
}

static rhai_status process_run_command(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct shell_run run = {.command = text_argument(call, &args[0], "process: the command")};
    return run.command ? shell_run(call, &run, ret) : RHAI_ERROR;
}

static rhai_status process_run_silent(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct shell_run run = {.command = text_argument(call, &args[0], "process: the command"),
                                  .is_silent = true};
    return run.command ? shell_run(call, &run, ret) : RHAI_ERROR;
}

static rhai_status process_which(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = text_argument(call, &args[0], "which: the name");
    if (!name) return RHAI_ERROR;
    char *path = program_find(name);
    if (!path) return errno == ENOMEM ? rhai_throw_out_of_memory(call) : RHAI_OK;
    bool is_there = access(path, X_OK) == 0;
    rhai_status status = is_there ? text_value(call, path, strlen(path), ret) : RHAI_OK;
    free(path);
    return status;
}

static const rhai_native functions[] = {
    {"which", "s", process_which, RHAI_FN_VOLATILE, "which(name: string) -> string | ()",
     "The path of a program that is found in PATH, or () when there is none. A name with a slash "
     "is a path already."},
    {"run_command", "s", process_run_command, RHAI_FN_VOLATILE,
     "run_command(command: string) -> CommandResult",
     "Runs a command, or a script of several lines, with bash and waits for its end. What it "
     "writes shows up among the session's lines as it comes, and is kept in the result (16 MiB of "
     "each stream). A command that fails is an error that tells its exit code and the end of its "
     "error output."},
    {"run_silent", "s", process_run_silent, RHAI_FN_VOLATILE,
     "run_silent(command: string) -> CommandResult",
     "As run_command, but what the command writes is only in the result."},
    {"get$stdout", "{CommandResult}", result_get_stdout, 0, "CommandResult.stdout -> string",
     "What the command wrote to its standard output; bytes that are not UTF-8 are replaced."},
    {"get$stderr", "{CommandResult}", result_get_stderr, 0, "CommandResult.stderr -> string",
     "What the command wrote to its error output; bytes that are not UTF-8 are replaced."},
    {"get$success", "{CommandResult}", result_get_success, 0, "CommandResult.success -> bool",
     "Whether the exit code is 0."},
    {"get$code", "{CommandResult}", result_get_code, 0, "CommandResult.code -> int",
     "The exit code; 128 + n when signal n ended the command."},
};

static const rhai_custom_type *const types[] = {&result_type};

const herolib_module herolib_process_module = {
    .name = "process",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
