/* buildah.c - building images step by step, through the buildah program. */
#include "buildah/builder.h"
#include "core/file.h"
#include "core/module.h"
#include "core/native.h"
#include "core/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct builder *builder_of(const rhai_value *value) {
    return rhai_as_custom(value);
}

static rhai_status open_builder(rhai_call *call, const rhai_value *args, bool is_fluent,
                                rhai_value *ret) {
    const char *name = text_argument(call, &args[0], "buildah: the name");
    const char *image = name ? text_argument(call, &args[1], "buildah: the image") : NULL;
    if (!image || tool_check_name(call, &buildah_tool, name) != RHAI_OK ||
        tool_check_name(call, &buildah_tool, image) != RHAI_OK)
        return RHAI_ERROR;
    return builder_open(call, name, image, is_fluent, ret);
}

static rhai_status bah_new(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return open_builder(call, args, false, ret);
}

static rhai_status bah(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return open_builder(call, args, true, ret);
}

/* ---- Steps -------------------------------------------------------------------------------- */

/* A command of the builder args[0]. */
static rhai_status begin(rhai_call *call, const char *const *words, const rhai_value *args,
                         struct argv *argv) {
    argv_add(argv, buildah_tool.program);
    if (tool_add_words(call, &buildah_tool, words, builder_of(&args[0])->name, args, argv) ==
        RHAI_OK)
        return RHAI_OK;
    argv_done(argv);
    return RHAI_ERROR;
}

static rhai_status step(rhai_call *call, const char *const *words, bool is_silent, rhai_value *args,
                        rhai_value *ret) {
    struct argv argv = {0};
    if (builder_ensure(call, builder_of(&args[0])) != RHAI_OK ||
        begin(call, words, args, &argv) != RHAI_OK)
        return RHAI_ERROR;
    return builder_step(call, &args[0], &argv, is_silent, ret);
}

#define STEP(function, is_silent, ...)                                                             \
    static rhai_status function(rhai_call *call, rhai_value *args, rhai_value *ret) {              \
        static const char *const words[] = {__VA_ARGS__, NULL};                                    \
        return step(call, words, is_silent, args, ret);                                            \
    }

STEP(bah_run, false, "run", "$0", "--", "sh", "-c", "%1")
STEP(bah_run_with_isolation, false, "run", "--isolation=%2", "$0", "--", "sh", "-c", "%1")
STEP(bah_copy, true, "copy", "$0", "$1", "$2")
STEP(bah_add, true, "add", "$0", "$1", "$2")
STEP(bah_entrypoint, true, "config", "--entrypoint=%1", "$0")
STEP(bah_cmd, true, "config", "--cmd=%1", "$0")
STEP(bah_commit, true, "commit", "$0", "$1")

static rhai_status bah_remove(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const words[] = {"rm", "$0", NULL};
    struct builder *builder = builder_of(&args[0]);
    struct argv argv = {0};
    if (begin(call, words, args, &argv) != RHAI_OK ||
        builder_step(call, &args[0], &argv, true, ret) != RHAI_OK)
        return RHAI_ERROR;
    builder->is_made = false;
    free(builder->id);
    builder->id = NULL;
    return RHAI_OK;
}

/* The next step makes the container anew. */
static rhai_status bah_reset(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct command_result nothing = {0};
    if (builder_of(&args[0])->is_made) return bah_remove(call, args, ret);
    return builder_give(call, &args[0], &nothing, ret);
}

/* ---- config ------------------------------------------------------------------------------- */

/* --name=value; an underscore stands for a dash, which a key of a map cannot have without quotes.
 */
static rhai_status add_setting(rhai_call *call, struct argv *argv, const char *name,
                               const char *before, const rhai_value *value) {
    rhai_value owned;
    const char *text = tool_text(call, &buildah_tool, value, &owned);
    if (text) {
        argv_add_format(argv, "--%s=%s%s", name, before, text);
        char *added = argv->is_incomplete ? NULL : argv->items[argv->count - 1];
        for (; added && *added && *added != '='; added++)
            if (*added == '_') *added = '-';
    }
    rhai_value_done(rhai_call_engine(call), &owned);
    return text ? RHAI_OK : RHAI_ERROR;
}

/* Of an array each value, of a map each "name=value". */
static rhai_status add_settings(rhai_call *call, struct argv *argv, const char *name,
                                const rhai_value *value) {
    rhai_status status = RHAI_OK;
    const rhai_value *item;
    const char *key;
    size_t len;
    if (rhai_type_of(value) == RHAI_ARRAY) {
        for (size_t i = 0; i < rhai_array_len(value) && status == RHAI_OK; i++)
            status = add_setting(call, argv, name, "", rhai_array_at(value, i));
        return status;
    }
    if (rhai_type_of(value) != RHAI_MAP) return add_setting(call, argv, name, "", value);
    for (size_t i = 0;
         status == RHAI_OK && (item = rhai_map_entry(rhai_call_engine(call), value, i, &key, &len));
         i++) {
        char *before;
        if (asprintf(&before, "%s=", key) < 0) return rhai_throw_out_of_memory(call);
        status = add_setting(call, argv, name, before, item);
        free(before);
    }
    return status;
}

static rhai_status add_all_settings(rhai_call *call, struct argv *argv, const rhai_value *map) {
    const rhai_value *item;
    const char *name;
    size_t len;
    for (size_t i = 0; (item = rhai_map_entry(rhai_call_engine(call), map, i, &name, &len)); i++)
        if (add_settings(call, argv, name, item) != RHAI_OK) return RHAI_ERROR;
    return RHAI_OK;
}

static rhai_status bah_config(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct builder *builder = builder_of(&args[0]);
    struct argv argv = {0};
    if (builder_ensure(call, builder) != RHAI_OK) return RHAI_ERROR;
    argv_add(&argv, buildah_tool.program);
    argv_add(&argv, "config");
    if (add_all_settings(call, &argv, &args[1]) != RHAI_OK) {
        argv_done(&argv);
        return RHAI_ERROR;
    }
    argv_add(&argv, builder->name);
    return builder_step(call, &args[0], &argv, true, ret);
}

/* ---- Content ------------------------------------------------------------------------------ */

/* A file that everybody may read, as in the container it will be. From malloc; NULL after an error
 * has been thrown. */
static char *write_temporary(rhai_call *call, const rhai_value *content) {
    const char *tmp = getenv("TMPDIR");
    char *path;
    size_t len;
    if (asprintf(&path, "%s/buildah_write.XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0) {
        rhai_throw_out_of_memory(call);
        return NULL;
    }
    int fd = mkstemp(path), failed = fd < 0 || fchmod(fd, 0644) < 0 ? -errno : 0;
    const char *text = rhai_as_text(content, &len);
    if (!failed) failed = file_store(path, text, len);
    if (failed) rhai_throw(call, "buildah: cannot write %s: %s", path, strerror(-failed));
    if (fd >= 0) close(fd);
    if (!failed) return path;
    if (fd >= 0) unlink(path);
    free(path);
    return NULL;
}

static rhai_status bah_write(rhai_call *call, rhai_value *args, rhai_value *ret) {
    char *path = write_temporary(call, &args[1]);
    if (!path) return RHAI_ERROR;
    const char *const words[] = {"copy", "$0", path, "$2", NULL};
    rhai_status status = step(call, words, true, args, ret);
    unlink(path);
    free(path);
    return status;
}

static rhai_status bah_read_content(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const words[] = {"run", "$0", "--", "cat", "$1", NULL};
    struct builder *builder = builder_of(&args[0]);
    if (builder_ensure(call, builder) != RHAI_OK) return RHAI_ERROR;
    return tool_command(call, &buildah_tool, words, builder->name, true, tool_give_content, args,
                        ret);
}

/* ---- Images ------------------------------------------------------------------------------- */

/* These need no working container, so none is made for them. */
static rhai_status image_step(rhai_call *call, const char *const *words, bool is_silent,
                              rhai_value *args, rhai_value *ret) {
    struct argv argv = {0};
    if (begin(call, words, args, &argv) != RHAI_OK) return RHAI_ERROR;
    return builder_step(call, &args[0], &argv, is_silent, ret);
}

#define IMAGE_STEP(function, is_silent, ...)                                                       \
    static rhai_status function(rhai_call *call, rhai_value *args, rhai_value *ret) {              \
        static const char *const words[] = {__VA_ARGS__, NULL};                                    \
        return image_step(call, words, is_silent, args, ret);                                      \
    }

IMAGE_STEP(image_remove, true, "rmi", "$1")
IMAGE_STEP(image_pull, false, "pull", "$1")
IMAGE_STEP(image_pull_tls, false, "pull", "--tls-verify=%2", "$1")
IMAGE_STEP(image_push, false, "push", "$1", "$2")
IMAGE_STEP(image_push_tls, false, "push", "--tls-verify=%3", "$1", "$2")
IMAGE_STEP(image_tag, true, "tag", "$1", "$2")
IMAGE_STEP(image_commit, true, "commit", "$1", "$2")
IMAGE_STEP(image_commit_options, true, "commit", "--format=%3", "--squash=%4", "--rm=%5", "$1",
           "$2")
IMAGE_STEP(image_build, false, "build", "-t", "$1", "-f", "$3", "$2")
IMAGE_STEP(image_build_isolated, false, "build", "--isolation=%4", "-t", "$1", "-f", "$3", "$2")

static rhai_status images(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const words[] = {"images", "--json", NULL};
    struct argv argv = {0};
    struct command_result result;
    if (begin(call, words, args, &argv) != RHAI_OK) return RHAI_ERROR;
    const struct command how = {.is_silent = true};
    if (tool_do(call, &buildah_tool, &argv, &how, &result) != RHAI_OK) return RHAI_ERROR;
    return tool_give_list(call, &buildah_tool, "images", &result, ret);
}

/* ---- Properties --------------------------------------------------------------------------- */

static rhai_status get_name(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = builder_of(&args[0])->name;
    return text_value(call, name, strlen(name), ret);
}

static rhai_status get_image(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *image = builder_of(&args[0])->image;
    return text_value(call, image, strlen(image), ret);
}

/* buildah is asked once. */
static rhai_status get_container_id(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const words[] = {"inspect", "--type=container", "--format={{.ContainerID}}",
                                        "$0", NULL};
    struct builder *builder = builder_of(&args[0]);
    size_t len;
    if (builder->id) return text_value(call, builder->id, strlen(builder->id), ret);
    if (!builder->is_made) return text_value(call, "", 0, ret);
    if (tool_command(call, &buildah_tool, words, builder->name, true, tool_give_output, args,
                     ret) != RHAI_OK)
        return RHAI_ERROR;
    builder->id = strdup(rhai_as_text(ret, &len));
    return RHAI_OK;
}

static rhai_status get_debug_mode(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = rhai_from_bool(builder_of(&args[0])->is_debugged);
    return RHAI_OK;
}

static rhai_status set_debug_mode(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)ret;
    builder_of(&args[0])->is_debugged = rhai_as_bool(&args[1]);
    return RHAI_OK;
}

static rhai_status get_success(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = rhai_from_bool(builder_of(&args[0])->last.code == 0);
    return RHAI_OK;
}

static rhai_status get_code(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = rhai_from_int(builder_of(&args[0])->last.code);
    return RHAI_OK;
}

static rhai_status get_stdout(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct command_output *output = &builder_of(&args[0])->last.out;
    return text_value(call, output->text ? output->text : "", output->len, ret);
}

static rhai_status get_stderr(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct command_output *output = &builder_of(&args[0])->last.err;
    return text_value(call, output->text ? output->text : "", output->len, ret);
}

#define BUILDER "{Builder}"
#define FLUENT "{FluentBuilder}"

/* clang-format off */
#define STEP_OF(type, gives, name, params, function, call, doc)                                    \
    {name, "{" type "}" params, function, RHAI_FN_VOLATILE, type "." call " -> " gives, doc}
#define PROPERTY_OF(type, name, gives, function, doc)                                              \
    {"get$" name, "{" type "}", function, RHAI_FN_VOLATILE, type "." name " -> " gives, doc}
/* clang-format on */
#define OF_BUILDER(...) STEP_OF("Builder", "CommandResult", __VA_ARGS__)
#define OF_FLUENT(...) STEP_OF("FluentBuilder", "FluentBuilder", __VA_ARGS__)
#define OF_BOTH(...) OF_BUILDER(__VA_ARGS__), OF_FLUENT(__VA_ARGS__)
#define PROPERTY(...) PROPERTY_OF("Builder", __VA_ARGS__), PROPERTY_OF("FluentBuilder", __VA_ARGS__)
#define LAST(...) PROPERTY_OF("FluentBuilder", __VA_ARGS__)

#define WRITE_DOC "Makes a file of the container that holds the text."
#define ENTRYPOINT_DOC                                                                             \
    "What the image runs: a command, or a JSON array of its words, '[\"/bin/server\", \"-v\"]'."
#define CMD_DOC "The arguments, or the command, of the image that one can replace when it is run."
#define READ_DOC "The contents of a file of the container, which has to have the program cat."
#define DEBUG_DOC "Whether each command of buildah is shown, with all it writes."

static const rhai_native functions[] = {
    {"bah_new", "ss", bah_new, RHAI_FN_VOLATILE, "bah_new(name: string, image: string) -> Builder",
     "A working container of an image; the one of that name if it is there. Steps give a "
     "CommandResult."},
    {"bah", "ss", bah, RHAI_FN_VOLATILE, "bah(name: string, image: string) -> FluentBuilder",
     "The same, with steps that give the builder, so that they chain."},
    OF_BOTH("run", "s", bah_run, "run(command: string)",
            "Runs a command in the container with sh; what it writes is shown as it comes."),
    OF_BOTH("run_with_isolation", "ss", bah_run_with_isolation,
            "run_with_isolation(command: string, isolation: string)",
            "The same, isolated as oci, rootless or chroot."),
    OF_BOTH("copy", "ss", bah_copy, "copy(source: string, dest: string)",
            "Copies a file or directory into the container."),
    OF_BOTH("add", "ss", bah_add, "add(source: string, dest: string)",
            "The same, also from a URL; archives are unpacked."),
    OF_BOTH("commit", "s", bah_commit, "commit(image: string)",
            "Makes an image of what the container is now."),
    OF_BOTH("remove", "", bah_remove, "remove()", "Removes the working container."),
    OF_BOTH("reset", "", bah_reset, "reset()",
            "Removes the working container; the next step begins with a new one of the image."),
    OF_BOTH("config", "m", bah_config, "config(settings: map)",
            "Sets what the image says about itself: #{port: 80, user: \"web\", env: #{A: \"b\"}, "
            "created_by: \"me\"}, the options of buildah config. An array is several of one name."),
    OF_BOTH("set_entrypoint", "s", bah_entrypoint, "set_entrypoint(command: string)",
            ENTRYPOINT_DOC),
    OF_FLUENT("entrypoint", "s", bah_entrypoint, "entrypoint(command: string)", ENTRYPOINT_DOC),
    OF_BOTH("set_cmd", "s", bah_cmd, "set_cmd(command: string)", CMD_DOC),
    OF_FLUENT("cmd", "s", bah_cmd, "cmd(command: string)", CMD_DOC),
    OF_BOTH("write_content", "ss", bah_write, "write_content(text: string, dest: string)",
            WRITE_DOC),
    OF_FLUENT("write", "ss", bah_write, "write(text: string, dest: string)", WRITE_DOC),
    {"read_content", BUILDER "s", bah_read_content, RHAI_FN_VOLATILE,
     "Builder.read_content(path: string) -> string", READ_DOC},
    {"read_content", FLUENT "s", bah_read_content, RHAI_FN_VOLATILE,
     "FluentBuilder.read_content(path: string) -> string", READ_DOC},
    {"images", BUILDER, images, RHAI_FN_VOLATILE, "Builder.images() -> array",
     "The images that are here, a map each: id, names, size, created ..."},
    OF_BUILDER("image_remove", "s", image_remove, "image_remove(image: string)",
               "Removes an image."),
    OF_BUILDER("image_pull", "s", image_pull, "image_pull(image: string)", "Fetches an image."),
    OF_BUILDER("image_pull", "sb", image_pull_tls, "image_pull(image: string, tls_verify: bool)",
               "The same; with false from a registry without HTTPS or with any certificate."),
    OF_BUILDER("image_push", "ss", image_push, "image_push(image: string, destination: string)",
               "Sends an image: docker://registry/name, dir:/path, oci:/path ..."),
    OF_BUILDER("image_push", "ssb", image_push_tls,
               "image_push(image: string, destination: string, tls_verify: bool)",
               "The same; with false to a registry without HTTPS or with any certificate."),
    OF_BUILDER("image_tag", "ss", image_tag, "image_tag(image: string, new_name: string)",
               "Gives an image a further name."),
    OF_BUILDER("image_commit", "ss", image_commit, "image_commit(container: string, image: string)",
               "Makes an image of any working container."),
    OF_BUILDER(
        "image_commit", "sssbb", image_commit_options,
        "image_commit(container: string, image: string, format: string, squash: bool, rm: bool)",
        "The same as oci or docker, in one layer, and with the container removed behind it."),
    OF_BUILDER("build", "sss", image_build, "build(tag: string, dir: string, file: string)",
               "Builds an image from a Containerfile with a directory; shows what is done."),
    OF_BUILDER("build", "ssss", image_build_isolated,
               "build(tag: string, dir: string, file: string, isolation: string)",
               "The same, isolated as oci, rootless or chroot."),
    PROPERTY("name", "string", get_name, "The container's name."),
    PROPERTY("image", "string", get_image, "The image that it began with."),
    PROPERTY("container_id", "string", get_container_id,
             "The container's id; empty while it is removed."),
    PROPERTY("debug_mode", "bool", get_debug_mode, DEBUG_DOC),
    {"set$debug_mode", BUILDER "b", set_debug_mode, RHAI_FN_VOLATILE, "Builder.debug_mode = bool",
     DEBUG_DOC},
    {"set$debug_mode", FLUENT "b", set_debug_mode, RHAI_FN_VOLATILE,
     "FluentBuilder.debug_mode = bool", DEBUG_DOC},
    LAST("success", "bool", get_success, "Whether the last step's exit code was 0."),
    LAST("code", "int", get_code, "The last step's exit code."),
    LAST("stdout", "string", get_stdout, "What the last step wrote to its standard output."),
    LAST("stderr", "string", get_stderr, "What the last step wrote to its error output."),
};

static const rhai_custom_type *const types[] = {&builder_type, &fluent_builder_type};

const herolib_module herolib_buildah_module = {
    .name = "buildah",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
