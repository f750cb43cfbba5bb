/* builder.h - a working container of buildah, and one step of what is done with it. */
#ifndef HEROLIB_BUILDAH_BUILDER_H
#define HEROLIB_BUILDAH_BUILDER_H

#include "process/tool.h"

extern const struct tool buildah_tool;

/* A handle: what it names is outside. As a Builder its steps give their results; as a FluentBuilder
 * they give the builder, which keeps the result of the last one. */
struct builder {
    char *name, *image;
    char *id;     /* NULL: not asked for yet */
    bool is_made; /* the working container is there, as far as we know */
    bool is_debugged;
    bool is_fluent;
    struct command_result last;
};

extern const rhai_custom_type builder_type, fluent_builder_type;

/* Makes the working container, or finds the one of that name, and gives a builder of it. */
rhai_status builder_open(rhai_call *call, const char *name, const char *image, bool is_fluent,
                         rhai_value *ret);

/* Makes the working container again if it was removed. */
rhai_status builder_ensure(rhai_call *call, struct builder *builder);

/* Runs `argv`, which is ended, and gives what a step of such a builder gives; `self` is the value
 * that holds the builder. Throws a failure; a FluentBuilder keeps its result all the same. */
rhai_status builder_step(rhai_call *call, const rhai_value *self, struct argv *argv, bool is_silent,
                         rhai_value *ret);

/* The same without a judgement of the exit code. */
rhai_status builder_run(rhai_call *call, const struct builder *builder, const struct argv *argv,
                        bool is_silent, struct command_result *ret_result);

/* A step whose result is known. It is ended. */
rhai_status builder_give(rhai_call *call, const rhai_value *self, struct command_result *result,
                         rhai_value *ret);

#endif
