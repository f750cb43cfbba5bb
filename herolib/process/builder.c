/* builder.c - run(command) and what can be said about it before it is executed. */
#include "core/module.h"
#include "core/text.h"
#include "process/command.h"
#include "process/environment.h"
#include "process/shell.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLES_MAX 1000

struct builder {
    struct shell_run run; /* its texts are owned, but for env, which is made when it executes */
    char **variables;     /* "name=value" */
    size_t variable_count;
};

static void builder_free(void *object) {
    struct builder *builder = object;
    free((char *)(uintptr_t)builder->run.command);
    free((char *)(uintptr_t)builder->run.dir);
    free((char *)(uintptr_t)builder->run.input);
    for (size_t i = 0; i < builder->variable_count; i++)
        free(builder->variables[i]);
    free(builder->variables);
    free(builder);
}

static bool copy_text(const char **to, const char *from, size_t len) {
    char *copy = malloc(len + 1);
    if (!copy) return false;
    memcpy(copy, from, len);
    copy[len] = '\0';
    free((char *)(uintptr_t)*to);
    *to = copy;
    return true;
}

/* A copy with room for one more variable. */
static void *builder_clone(const void *object) {
    const struct builder *builder = object;
    const struct shell_run *run = &builder->run;
    struct builder *copy = calloc(1, sizeof *copy);
    if (!copy) return NULL;
    copy->run = *run;
    copy->run.command = copy->run.dir = copy->run.input = NULL;
    copy->variables = calloc(builder->variable_count + 1, sizeof *copy->variables);
    bool is_copied = copy->variables;
    if (run->command)
        is_copied &= copy_text(&copy->run.command, run->command, strlen(run->command));
    if (run->dir) is_copied &= copy_text(&copy->run.dir, run->dir, strlen(run->dir));
    if (run->input) is_copied &= copy_text(&copy->run.input, run->input, run->input_len);
    for (size_t i = 0; i < builder->variable_count && is_copied; i++) {
        copy->variables[i] = strdup(builder->variables[i]);
        if (!copy->variables[i]) is_copied = false;
        copy->variable_count += is_copied;
    }
    if (is_copied) return copy;
    builder_free(copy);
    return NULL;
}

static size_t builder_text(const void *object, char *buffer, size_t size) {
    const struct builder *builder = object;
    int len = snprintf(buffer, size, "CommandBuilder(%s)", builder->run.command);
    return (size_t)len < size ? (size_t)len : size - 1;
}

static const rhai_custom_type builder_type = {
    .name = "CommandBuilder",
    .free = builder_free,
    .clone = builder_clone,
    .text = builder_text,
};

/* ---- Building ---------------------------------------------------------------------------- */

static rhai_status give(rhai_call *call, struct builder *builder, rhai_value *ret) {
    if (!builder) return rhai_throw_out_of_memory(call);
    if (rhai_from_custom(rhai_call_engine(call), &builder_type, builder, ret) == RHAI_OK)
        return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

static rhai_status process_run(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *command = text_argument(call, &args[0], "process: the command");
    if (!command) return RHAI_ERROR;
    const struct builder builder = {.run = {.command = command}};
    return give(call, builder_clone(&builder), ret);
}

/* A changed copy of the builder args[0], which *ret holds. NULL after an error. */
static struct builder *changed(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct builder *copy = builder_clone(rhai_as_custom(&args[0]));
    return give(call, copy, ret) == RHAI_OK ? copy : NULL;
}

static rhai_status no_memory(rhai_call *call, rhai_value *ret) {
    rhai_value_done(rhai_call_engine(call), ret);
    return rhai_throw_out_of_memory(call);
}

static rhai_status builder_silent(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct builder *builder = changed(call, args, ret);
    if (builder) builder->run.is_silent = true;
    return builder ? RHAI_OK : RHAI_ERROR;
}

static rhai_status builder_ignore_error(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct builder *builder = changed(call, args, ret);
    if (builder) builder->run.ignores_errors = true;
    return builder ? RHAI_OK : RHAI_ERROR;
}

static rhai_status builder_log(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct builder *builder = changed(call, args, ret);
    if (builder) builder->run.is_logged = true;
    return builder ? RHAI_OK : RHAI_ERROR;
}

static rhai_status builder_dir(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *dir = text_argument(call, &args[1], "process: the directory");
    struct builder *builder = dir ? changed(call, args, ret) : NULL;
    if (!builder) return RHAI_ERROR;
    return copy_text(&builder->run.dir, dir, strlen(dir)) ? RHAI_OK : no_memory(call, ret);
}

static rhai_status builder_env(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct builder *before = rhai_as_custom(&args[0]);
    const char *name = text_argument(call, &args[1], "process: the variable's name");
    const char *value =
        name ? text_argument(call, &args[2], "process: the variable's value") : NULL;
    if (!value) return RHAI_ERROR;
    if (!*name || strchr(name, '='))
        return rhai_throw(call, "process: '%s' cannot be the name of a variable", name);
    if (before->variable_count == VARIABLES_MAX)
        return rhai_throw(call, "process: more than %d variables", VARIABLES_MAX);
    struct builder *builder = changed(call, args, ret);
    if (!builder) return RHAI_ERROR;
    char *variable;
    if (asprintf(&variable, "%s=%s", name, value) < 0) return no_memory(call, ret);
    builder->variables[builder->variable_count++] = variable;
    return RHAI_OK;
}

static rhai_status builder_stdin(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t len;
    const char *text = rhai_as_text(&args[1], &len);
    struct builder *builder = changed(call, args, ret);
    if (!builder) return RHAI_ERROR;
    builder->run.input_len = len;
    return copy_text(&builder->run.input, text, len) ? RHAI_OK : no_memory(call, ret);
}

static rhai_status set_timeout(rhai_call *call, rhai_value *args, double seconds, rhai_value *ret) {
    if (!(seconds > 0)) return rhai_throw(call, "process: a timeout must be more than 0 seconds");
    struct builder *builder = changed(call, args, ret);
    if (!builder) return RHAI_ERROR;
    double ms = ceil(seconds * 1000);
    builder->run.timeout_ms =
        ms < (double)COMMAND_TIMEOUT_MAX_MS ? (int64_t)ms : COMMAND_TIMEOUT_MAX_MS;
    return RHAI_OK;
}

static rhai_status builder_timeout_int(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return set_timeout(call, args, (double)rhai_as_int(&args[1]), ret);
}

static rhai_status builder_timeout_float(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return set_timeout(call, args, rhai_as_float(&args[1]), ret);
}

/* ---- Executing --------------------------------------------------------------------------- */

static rhai_status builder_execute(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct builder *builder = rhai_as_custom(&args[0]);
    struct shell_run run = builder->run;
    char **env = NULL;
    if (builder->variable_count > 0 &&
        !(env = environment_with(builder->variables, builder->variable_count)))
        return rhai_throw_out_of_memory(call);
    run.env = env;
    rhai_status status = shell_run(call, &run, ret);
    free(env);
    return status;
}

/* ---- run(command, options) --------------------------------------------------------------- */

/* `die` is the one that is on by default. */
static rhai_status take_option(rhai_call *call, struct shell_run *run, const char *name,
                               const rhai_value *value) {
    if (rhai_type_of(value) != RHAI_BOOL)
        return rhai_throw(call, "process: option '%s' must be true or false", name);
    bool is_on = rhai_as_bool(value);
    if (strcmp(name, "silent") == 0)
        run->is_silent = is_on;
    else if (strcmp(name, "die") == 0)
        run->ignores_errors = !is_on;
    else if (strcmp(name, "async") == 0)
        run->is_background = is_on;
    else if (strcmp(name, "log") == 0)
        run->is_logged = is_on;
    else
        return rhai_throw(call, "process: no option '%s': there are silent, die, async and log",
                          name);
    return RHAI_OK;
}

static rhai_status process_run_with_options(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct shell_run run = {.command = text_argument(call, &args[0], "process: the command")};
    if (!run.command) return RHAI_ERROR;
    const char *name;
    size_t len;
    const rhai_value *value;
    for (size_t i = 0; (value = rhai_map_entry(rhai_call_engine(call), &args[1], i, &name, &len));
         i++)
        if (take_option(call, &run, name, value) != RHAI_OK) return RHAI_ERROR;
    return shell_run(call, &run, ret);
}

#define BUILDER "{CommandBuilder}"

static const rhai_native functions[] = {
    {"run", "s", process_run, 0, "run(command: string) -> CommandBuilder",
     "Describes a command, or a script of several lines, for bash. Nothing runs before execute()."},
    {"run", "sm", process_run_with_options, RHAI_FN_VOLATILE,
     "run(command: string, options: map) -> CommandResult",
     "Runs a command with options, all bool: silent (output only in the result), die (a command "
     "that fails is an error; on unless set to false), log (shows the command first), async (does "
     "not wait: the command goes on in the background, its output is lost)."},
    {"silent", BUILDER, builder_silent, 0, "CommandBuilder.silent() -> CommandBuilder",
     "What the command writes is only in the result, not among the session's lines."},
    {"ignore_error", BUILDER, builder_ignore_error, 0,
     "CommandBuilder.ignore_error() -> CommandBuilder",
     "A command that fails gives its result, too, instead of an error."},
    {"log", BUILDER, builder_log, 0, "CommandBuilder.log() -> CommandBuilder",
     "Shows the command itself before what it writes."},
    {"dir", BUILDER "s", builder_dir, 0, "CommandBuilder.dir(path: string) -> CommandBuilder",
     "The directory that the command runs in."},
    {"env", BUILDER "ss", builder_env, 0,
     "CommandBuilder.env(name: string, value: string) -> CommandBuilder",
     "Sets a variable for this command, beside those of the session."},
    {"stdin", BUILDER "s", builder_stdin, 0, "CommandBuilder.stdin(text: string) -> CommandBuilder",
     "What the command reads from its standard input, which is empty otherwise."},
    {"timeout", BUILDER "i", builder_timeout_int, 0,
     "CommandBuilder.timeout(seconds: int) -> CommandBuilder",
     "Ends the command, and all that it has started, when it takes longer. That is an error; with "
     "ignore_error() the result has the code 124."},
    {"timeout", BUILDER "f", builder_timeout_float, 0,
     "CommandBuilder.timeout(seconds: float) -> CommandBuilder",
     "The same with a fraction of seconds."},
    {"execute", BUILDER, builder_execute, RHAI_FN_VOLATILE,
     "CommandBuilder.execute() -> CommandResult",
     "Runs the command and waits for its end. A command that fails is an error that tells its exit "
     "code and the end of its error output, unless ignore_error() was said."},
};

static const rhai_custom_type *const types[] = {&builder_type};

const herolib_module herolib_process_builder_module = {
    .name = "process",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
