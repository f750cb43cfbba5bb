/* template_functions.c - templates for scripts: a builder around a file, and a function for text. */
#include "core/file.h"
#include "core/module.h"
#include "core/text.h"
#include "text/template.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rendering --------------------------------------------------------------------------- */

struct source_context {
    herolib_session *session;
    const char *dir; /* where included files lie */
};

/* The path of a file named in a template, which lies beside it, or absolute. */
static bool load_included(void *ctx, const char *name, char **ret_text, size_t *ret_len,
                          struct template_error *err) {
    const struct source_context *context = ctx;
    char path[PATH_MAX];
    int len = name[0] == '/' ? snprintf(path, sizeof path, "%s", name)
                             : snprintf(path, sizeof path, "%s/%s", context->dir, name);
    int failed = len < 0 || (size_t)len >= sizeof path
                     ? -ENAMETOOLONG
                     : file_load(path, TEMPLATE_SOURCE_MAX_BYTES, ret_text, ret_len);
    err->is_out_of_memory = failed == -ENOMEM;
    if (failed) snprintf(err->message, sizeof err->message, "%s", strerror(-failed));
    return !failed;
}

static bool keep_going(void *ctx) {
    const struct source_context *context = ctx;
    return herolib_wait(context->session, NULL, 0, 0) >= 0;
}

static rhai_status throw_template(rhai_call *call, const struct template_error *err) {
    if (err->is_stopped) return rhai_throw_terminated(call);
    if (err->is_out_of_memory) return rhai_throw_out_of_memory(call);
    return rhai_throw(call, "template: %s", err->message);
}

/* The result is from malloc. */
static rhai_status render(rhai_call *call, const char *name, const char *dir, const char *text,
                          size_t len, const rhai_value *vars, char **ret_text, size_t *ret_len) {
    struct template_error err = {0};
    struct source_context context = {.session = herolib_call_session(call), .dir = dir};
    struct template_source source = {
        .load = load_included, .keep_going = keep_going, .ctx = &context};
    struct template *template = template_parse(name, text, len, &err);
    bool is_done = template && template_render(template, rhai_call_engine(call), vars, &source,
                                               ret_text, ret_len, &err);
    template_free(template);
    return is_done ? RHAI_OK : throw_template(call, &err);
}

static rhai_status text_template_render(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t len, made_len = 0;
    const char *text = rhai_as_text(&args[0], &len);
    char *made = NULL;
    rhai_status status = render(call, "template", ".", text, len, &args[1], &made, &made_len);
    return status == RHAI_OK ? text_take(call, made, made_len, ret) : status;
}

/* ---- TemplateBuilder --------------------------------------------------------------------- */

struct builder {
    rhai_engine *engine; /* outlives its values */
    char *path;
    rhai_value vars;
};

static void builder_free(void *object) {
    struct builder *builder = object;
    rhai_value_done(builder->engine, &builder->vars);
    free(builder->path);
    free(builder);
}

static void *builder_clone(const void *object) {
    const struct builder *builder = object;
    struct builder *copy = malloc(sizeof *copy);
    char *path = strdup(builder->path);
    if (!copy || !path) {
        free(copy);
        free(path);
        return NULL;
    }
    *copy = (struct builder){.engine = builder->engine, .path = path};
    rhai_value_copy(&builder->vars, &copy->vars);
    return copy;
}

static size_t builder_text(const void *object, char *buffer, size_t size) {
    const struct builder *builder = object;
    int len = snprintf(buffer, size, "TemplateBuilder(%s, %zu variables)", builder->path,
                       rhai_map_len(&builder->vars));
    return (size_t)len < size ? (size_t)len : size - 1;
}

static const rhai_custom_type builder_type = {
    .name = "TemplateBuilder",
    .free = builder_free,
    .clone = builder_clone,
    .text = builder_text,
};

static rhai_status text_template_builder_open(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "template: the path");
    if (!path) return RHAI_ERROR;
    /* Read once here, so that a missing file is known at once. */
    char *text = NULL;
    size_t len;
    int failed = file_load(path, TEMPLATE_SOURCE_MAX_BYTES, &text, &len);
    free(text);
    if (failed == -ENOMEM) return rhai_throw_out_of_memory(call);
    if (failed) return rhai_throw(call, "template: cannot read %s: %s", path, strerror(-failed));
    struct builder *builder = calloc(1, sizeof *builder);
    if (!builder) return rhai_throw_out_of_memory(call);
    builder->engine = rhai_call_engine(call);
    builder->path = strdup(path);
    if (!builder->path || rhai_new_map(builder->engine, &builder->vars) != RHAI_OK) {
        builder_free(builder);
        return rhai_throw_out_of_memory(call);
    }
    if (rhai_from_custom(builder->engine, &builder_type, builder, ret) == RHAI_OK) return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

/* A changed copy of args[0], which stays as it is for whoever else has it. */
static struct builder *changed(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct builder *copy = builder_clone(rhai_as_custom(&args[0]));
    if (copy && rhai_from_custom(rhai_call_engine(call), &builder_type, copy, ret) == RHAI_OK)
        return copy;
    rhai_throw_out_of_memory(call);
    return NULL;
}

static rhai_status text_add_var(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct builder *builder = changed(call, args, ret);
    if (!builder) return RHAI_ERROR;
    size_t len;
    const char *name = rhai_as_text(&args[1], &len);
    if (rhai_map_set(builder->engine, &builder->vars, name, len, &args[2]) == RHAI_OK) return RHAI_OK;
    rhai_value_done(builder->engine, ret);
    return rhai_throw_out_of_memory(call);
}

static rhai_status text_add_vars(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct builder *builder = changed(call, args, ret);
    if (!builder) return RHAI_ERROR;
    for (size_t i = 0, count = rhai_map_len(&args[1]); i < count; i++) {
        const char *name;
        size_t len;
        rhai_value copy;
        const rhai_value *value = rhai_map_entry(builder->engine, &args[1], i, &name, &len);
        if (value) rhai_value_copy(value, &copy);
        if (value && rhai_map_set(builder->engine, &builder->vars, name, len, &copy) == RHAI_OK)
            continue;
        rhai_value_done(builder->engine, ret);
        return rhai_throw_out_of_memory(call);
    }
    return RHAI_OK;
}

static rhai_status render_builder(rhai_call *call, const struct builder *builder, char **ret_text,
                                  size_t *ret_len) {
    char *text = NULL, *dir = strdup(builder->path);
    size_t len;
    int failed = dir ? file_load(builder->path, TEMPLATE_SOURCE_MAX_BYTES, &text, &len) : -ENOMEM;
    rhai_status status;
    if (failed == -ENOMEM) {
        status = rhai_throw_out_of_memory(call);
    } else if (failed) {
        status = rhai_throw(call, "template: cannot read %s: %s", builder->path, strerror(-failed));
    } else {
        char *slash = strrchr(dir, '/');
        if (slash) *slash = '\0';
        const char *beside = !slash ? "." : *dir ? dir : "/";
        status = render(call, builder->path, beside, text, len, &builder->vars, ret_text, ret_len);
    }
    free(text);
    free(dir);
    return status;
}

static rhai_status text_render(rhai_call *call, rhai_value *args, rhai_value *ret) {
    char *text = NULL;
    size_t len = 0;
    rhai_status status = render_builder(call, rhai_as_custom(&args[0]), &text, &len);
    return status == RHAI_OK ? text_take(call, text, len, ret) : status;
}

static rhai_status text_render_to_file(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    const char *path = text_argument(call, &args[1], "template: the path");
    if (!path) return RHAI_ERROR;
    char *text = NULL;
    size_t len = 0;
    rhai_status status = render_builder(call, rhai_as_custom(&args[0]), &text, &len);
    if (status != RHAI_OK) return status;
    int failed = file_store(path, text, len);
    free(text);
    if (!failed) return RHAI_OK;
    return rhai_throw(call, "template: cannot write %s: %s", path, strerror(-failed));
}

#define ADD_VAR_DOC "The builder with one more variable for the template."
#define ADD_VAR(letter, type)                                                                      \
    {"add_var", "{TemplateBuilder}s" letter, text_add_var, 0,                                      \
     "TemplateBuilder.add_var(name: string, value: " type ") -> TemplateBuilder", ADD_VAR_DOC}

static const rhai_native functions[] = {
    {"template_render", "sm", text_template_render, RHAI_FN_VOLATILE,
     "template_render(template: string, variables: map) -> string",
     "Renders a text with {{ holes }}; see the page on templates."},
    {"template_builder_open", "s", text_template_builder_open, RHAI_FN_VOLATILE,
     "template_builder_open(path: string) -> TemplateBuilder",
     "A builder that renders a template file; files it includes lie beside it."},
    ADD_VAR("s", "string"),
    ADD_VAR("i", "int"),
    ADD_VAR("f", "float"),
    ADD_VAR("b", "bool"),
    ADD_VAR("a", "array"),
    ADD_VAR("m", "map"),
    {"add_vars", "{TemplateBuilder}m", text_add_vars, 0,
     "TemplateBuilder.add_vars(variables: map) -> TemplateBuilder",
     "The builder with every entry of a map as a variable."},
    {"render", "{TemplateBuilder}", text_render, RHAI_FN_VOLATILE,
     "TemplateBuilder.render() -> string", "The template with its holes filled."},
    {"render_to_file", "{TemplateBuilder}s", text_render_to_file, RHAI_FN_VOLATILE,
     "TemplateBuilder.render_to_file(path: string)",
     "Renders into a file, which is replaced as a whole."},
};

static const rhai_custom_type *const types[] = {&builder_type};

const herolib_module herolib_text_template_module = {
    .name = "text",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
