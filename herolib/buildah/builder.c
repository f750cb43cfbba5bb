#include "buildah/builder.h"

#include "core/native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct tool buildah_tool = {.module = "buildah", .program = "buildah", .package = "buildah"};

/* How buildah says that there is a container of that name. */
#define IN_USE "already in use"

static void builder_free(void *object) {
    struct builder *builder = object;
    free(builder->name);
    free(builder->image);
    free(builder->id);
    command_result_done(&builder->last);
    free(builder);
}

static size_t builder_text(const void *object, char *buffer, size_t size) {
    const struct builder *builder = object;
    int len = snprintf(buffer, size, "%s(%s)", builder->is_fluent ? "FluentBuilder" : "Builder",
                       builder->name);
    return (size_t)len < size ? (size_t)len : size - 1;
}

const rhai_custom_type builder_type = {
    .name = "Builder", .free = builder_free, .text = builder_text};
const rhai_custom_type fluent_builder_type = {
    .name = "FluentBuilder", .free = builder_free, .text = builder_text};

/* ---- Running ------------------------------------------------------------------------------ */

/* The command as `set -x` shows it, near enough. */
static void show_command(herolib_session *session, const struct argv *argv) {
    const herolib_output *output = &session->output;
    output->write(output->data, HEROLIB_STDERR, "+", 1);
    for (size_t i = 0; i < argv->count; i++) {
        output->write(output->data, HEROLIB_STDERR, " ", 1);
        output->write(output->data, HEROLIB_STDERR, argv->items[i], strlen(argv->items[i]));
    }
    output->write(output->data, HEROLIB_STDERR, "\n", 1);
}

rhai_status builder_run(rhai_call *call, const struct builder *builder, const struct argv *argv,
                        bool is_silent, struct command_result *ret_result) {
    const struct command command = {.argv = (const char *const *)argv->items,
                                    .is_silent = is_silent && !builder->is_debugged};
    if (argv->is_incomplete) return rhai_throw_out_of_memory(call);
    if (builder->is_debugged) show_command(herolib_call_session(call), argv);
    return tool_run(call, &buildah_tool, &command, ret_result);
}

rhai_status builder_give(rhai_call *call, const rhai_value *self, struct command_result *result,
                         rhai_value *ret) {
    struct builder *builder = rhai_as_custom(self);
    if (!builder->is_fluent) return tool_give_result(call, result, ret);
    command_result_done(&builder->last);
    builder->last = *result;
    rhai_value_copy(self, ret);
    return RHAI_OK;
}

rhai_status builder_step(rhai_call *call, const rhai_value *self, struct argv *argv, bool is_silent,
                         rhai_value *ret) {
    struct command_result result;
    rhai_value given;
    char what[TOOL_WHAT_BYTES];
    rhai_status status = builder_run(call, rhai_as_custom(self), argv, is_silent, &result);
    if (status == RHAI_OK) tool_describe(argv, what);
    argv_done(argv);
    if (status != RHAI_OK) return status;
    if (result.code != 0) status = tool_throw(call, &buildah_tool, what, &result);
    if (builder_give(call, self, &result, &given) != RHAI_OK) return RHAI_ERROR;
    if (status == RHAI_OK)
        *ret = given;
    else
        rhai_value_done(rhai_call_engine(call), &given);
    return status;
}

/* ---- The working container ---------------------------------------------------------------- */

static bool is_in_use(const struct command_result *result) {
    return result->err.text && memmem(result->err.text, result->err.len, IN_USE, strlen(IN_USE));
}

rhai_status builder_ensure(rhai_call *call, struct builder *builder) {
    if (builder->is_made) return RHAI_OK;
    const char *const words[] = {"buildah", "from", "--name", builder->name, builder->image, NULL};
    struct argv argv = {0};
    struct command_result result;
    char what[TOOL_WHAT_BYTES];
    argv_add_all(&argv, words);
    rhai_status status = builder_run(call, builder, &argv, true, &result);
    if (status == RHAI_OK) tool_describe(&argv, what);
    argv_done(&argv);
    if (status != RHAI_OK) return status;
    if (result.code == 0 || is_in_use(&result))
        builder->is_made = true;
    else
        status = tool_throw(call, &buildah_tool, what, &result);
    command_result_done(&result);
    return status;
}

rhai_status builder_open(rhai_call *call, const char *name, const char *image, bool is_fluent,
                         rhai_value *ret) {
    const rhai_custom_type *type = is_fluent ? &fluent_builder_type : &builder_type;
    struct builder *builder = calloc(1, sizeof *builder);
    if (!builder) return rhai_throw_out_of_memory(call);
    builder->is_fluent = is_fluent;
    builder->name = strdup(name);
    builder->image = strdup(image);
    rhai_status status = builder->name && builder->image ? builder_ensure(call, builder)
                                                         : rhai_throw_out_of_memory(call);
    if (status == RHAI_OK) return value_custom(call, type, builder, ret);
    builder_free(builder);
    return status;
}
