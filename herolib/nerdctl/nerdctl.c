/* nerdctl.c - containers by their names, and images, through the nerdctl program. */
#include "core/module.h"
#include "core/native.h"
#include "core/text.h"
#include "nerdctl/container.h"

#include <string.h>

#define COMMAND(function, is_silent, ...)                                                          \
    static rhai_status function(rhai_call *call, rhai_value *args, rhai_value *ret) {              \
        static const char *const words[] = {__VA_ARGS__, NULL};                                    \
        return tool_command(call, &nerdctl_tool, words, NULL, is_silent, tool_give_result, args,   \
                            ret);                                                                  \
    }

COMMAND(nerdctl_exec, false, "exec", "$1", "sh", "-c", "%2")
COMMAND(nerdctl_copy, true, "cp", "$1", "$2")
COMMAND(nerdctl_stop, true, "stop", "$1")
COMMAND(nerdctl_remove, true, "rm", "$1")
COMMAND(nerdctl_logs, true, "logs", "$1")
COMMAND(nerdctl_image_remove, true, "rmi", "$1")
COMMAND(nerdctl_image_pull, false, "pull", "$1")
COMMAND(nerdctl_image_push, false, "push", "$1")
COMMAND(nerdctl_image_tag, true, "tag", "$1", "$2")
COMMAND(nerdctl_image_commit, true, "commit", "$1", "$2")
COMMAND(nerdctl_image_build, false, "build", "-t", "$1", "$2")
COMMAND(nerdctl_image_build_file, false, "build", "-t", "$1", "-f", "$3", "$2")
COMMAND(push_second, false, "push", "$2")

/* nerdctl pushes an image to where its name says. */
static rhai_status nerdctl_image_push_to(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_value said = rhai_unit();
    if (nerdctl_image_tag(call, args, &said) != RHAI_OK) return RHAI_ERROR;
    rhai_value_done(rhai_call_engine(call), &said);
    return push_second(call, args, ret);
}

/* ---- run ---------------------------------------------------------------------------------- */

/* An option that is left out, or (), is none. */
static const rhai_value *option(const rhai_value *map, const char *name) {
    const rhai_value *value = rhai_map_get(map, name, strlen(name));
    return value && rhai_type_of(value) != RHAI_UNIT ? value : NULL;
}

static rhai_status add_option(rhai_call *call, struct container *container, const char *flag,
                              const rhai_value *value) {
    return container_take_option(call, &nerdctl_tool, container, flag, value, true);
}

static rhai_status set_name(rhai_call *call, struct container *container, const rhai_value *value) {
    const char *name = text_argument(call, value, "nerdctl: the name");
    if (!name || tool_check_name(call, &nerdctl_tool, name) != RHAI_OK) return RHAI_ERROR;
    return container_set_text(&container->name, name) ? RHAI_OK : rhai_throw_out_of_memory(call);
}

static rhai_status set_options(rhai_call *call, struct container *container,
                               const rhai_value *map) {
    static const struct value_option known[] = {{"name", RHAI_UNIT},
                                                {"detach", RHAI_BOOL},
                                                {"ports", RHAI_ARRAY},
                                                {"snapshotter", RHAI_UNIT}};
    if (value_check_options(call, map, "nerdctl", known, HEROLIB_COUNT(known)) != RHAI_OK)
        return RHAI_ERROR;
    const rhai_value *name = option(map, "name"), *detach = option(map, "detach");
    const rhai_value *ports = option(map, "ports"), *snapshotter = option(map, "snapshotter");
    if (name && rhai_type_of(name) != RHAI_STRING)
        return rhai_throw(call, "nerdctl: the option 'name' must be a string");
    if (name && set_name(call, container, name) != RHAI_OK) return RHAI_ERROR;
    if (detach) container->is_detached = rhai_as_bool(detach);
    for (size_t i = 0; ports && i < rhai_array_len(ports); i++)
        if (add_option(call, container, "-p", rhai_array_at(ports, i)) != RHAI_OK)
            return RHAI_ERROR;
    return snapshotter ? add_option(call, container, "--snapshotter", snapshotter) : RHAI_OK;
}

/* Any of `name`, `port` and `options` may be NULL. */
static rhai_status run(rhai_call *call, const rhai_value *image, const rhai_value *name,
                       const rhai_value *port, const rhai_value *options, rhai_value *ret) {
    const char *text = text_argument(call, image, "nerdctl: the image");
    struct command_result result;
    if (!text || tool_check_name(call, &nerdctl_tool, text) != RHAI_OK) return RHAI_ERROR;
    struct container *container = container_new(NULL, text);
    if (!container) return rhai_throw_out_of_memory(call);
    rhai_status status = name ? set_name(call, container, name) : RHAI_OK;
    if (status == RHAI_OK && port) status = add_option(call, container, "-p", port);
    if (status == RHAI_OK && options) status = set_options(call, container, options);
    if (status == RHAI_OK) status = container_run(call, &nerdctl_tool, container, NULL, &result);
    container_free(container);
    return status == RHAI_OK ? tool_give_result(call, &result, ret) : status;
}

static rhai_status nerdctl_run(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return run(call, &args[0], NULL, NULL, rhai_call_nargs(call) > 1 ? &args[1] : NULL, ret);
}

static rhai_status nerdctl_run_with_name(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return run(call, &args[0], &args[1], NULL, NULL, ret);
}

static rhai_status nerdctl_run_with_port(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return run(call, &args[0], &args[1], &args[2], NULL, ret);
}

static rhai_status new_run_options(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    static const char *const names[] = {"name", "detach", "ports", "snapshotter"};
    rhai_value values[] = {rhai_unit(), rhai_from_bool(true), rhai_unit(), rhai_unit()}, map;
    if (rhai_new_map(rhai_call_engine(call), &map) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    rhai_status status = rhai_new_array(rhai_call_engine(call), &values[2]);
    for (size_t i = 0; status == RHAI_OK && i < HEROLIB_COUNT(names); i++)
        status = value_put(call, &map, names[i], &values[i]);
    if (status == RHAI_OK) {
        *ret = map;
        return RHAI_OK;
    }
    rhai_value_done(rhai_call_engine(call), &map);
    return rhai_throw_out_of_memory(call);
}

/* ---- Lists -------------------------------------------------------------------------------- */

/* What nerdctl calls a property, and what scripts call it. */
struct property {
    const char *theirs, *ours;
};

static const struct property container_properties[] = {
    {"ID", "id"},           {"Names", "name"},  {"Image", "image"},       {"Command", "command"},
    {"Status", "status"},   {"Ports", "ports"}, {"CreatedAt", "created"}, {"Labels", "labels"},
    {"Runtime", "runtime"},
};

static const struct property image_properties[] = {
    {"ID", "id"},
    {"Repository", "repository"},
    {"Tag", "tag"},
    {"Size", "size"},
    {"CreatedAt", "created"},
    {"Digest", "digest"},
    {"Platform", "platform"},
};

static rhai_status rename_properties(rhai_call *call, const rhai_value *from,
                                     const struct property *properties, size_t count,
                                     rhai_value *ret) {
    rhai_value map, item;
    if (rhai_new_map(rhai_call_engine(call), &map) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    for (size_t i = 0; i < count; i++) {
        const rhai_value *value =
            rhai_map_get(from, properties[i].theirs, strlen(properties[i].theirs));
        if (!value) continue;
        rhai_value_copy(value, &item);
        if (value_put(call, &map, properties[i].ours, &item) == RHAI_OK) continue;
        rhai_value_done(rhai_call_engine(call), &map);
        return RHAI_ERROR;
    }
    *ret = map;
    return RHAI_OK;
}

/* Ends `list`. */
static rhai_status give_renamed(rhai_call *call, rhai_value *list,
                                const struct property *properties, size_t count, rhai_value *ret) {
    rhai_value array, map;
    rhai_status status = RHAI_OK;
    if (rhai_new_array(rhai_call_engine(call), &array) != RHAI_OK)
        status = rhai_throw_out_of_memory(call);
    for (size_t i = 0; status == RHAI_OK && i < rhai_array_len(list); i++) {
        status = rename_properties(call, rhai_array_at(list, i), properties, count, &map);
        if (status == RHAI_OK) status = value_push(call, &array, &map);
        if (status != RHAI_OK) rhai_value_done(rhai_call_engine(call), &array);
    }
    rhai_value_done(rhai_call_engine(call), list);
    if (status == RHAI_OK) *ret = array;
    return status;
}

static rhai_status nerdctl_list(rhai_call *call, rhai_value *args, rhai_value *ret) {
    bool with_stopped = rhai_call_nargs(call) > 0 && rhai_as_bool(&args[0]);
    rhai_value list;
    if (container_list(call, &nerdctl_tool, with_stopped, &list) != RHAI_OK) return RHAI_ERROR;
    return give_renamed(call, &list, container_properties, HEROLIB_COUNT(container_properties),
                        ret);
}

static rhai_status nerdctl_images(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    static const char *const words[] = {"nerdctl", "images", "--format=json", NULL};
    static const struct command how = {.is_silent = true};
    struct argv argv = {0};
    struct command_result result;
    rhai_value list;
    argv_add_all(&argv, words);
    if (tool_do(call, &nerdctl_tool, &argv, &how, &result) != RHAI_OK ||
        tool_give_list(call, &nerdctl_tool, "images", &result, &list) != RHAI_OK)
        return RHAI_ERROR;
    return give_renamed(call, &list, image_properties, HEROLIB_COUNT(image_properties), ret);
}

#define RUN_DOC "Runs a container of an image in the background; its id is the result's stdout."

static const rhai_native functions[] = {
    {"nerdctl_run", "s", nerdctl_run, RHAI_FN_VOLATILE,
     "nerdctl_run(image: string) -> CommandResult", RUN_DOC},
    {"nerdctl_run", "sm", nerdctl_run, RHAI_FN_VOLATILE,
     "nerdctl_run(image: string, options: map) -> CommandResult",
     "Runs a container with the options of new_run_options()."},
    {"nerdctl_run_with_name", "ss", nerdctl_run_with_name, RHAI_FN_VOLATILE,
     "nerdctl_run_with_name(image: string, name: string) -> CommandResult", RUN_DOC},
    {"nerdctl_run_with_port", "sss", nerdctl_run_with_port, RHAI_FN_VOLATILE,
     "nerdctl_run_with_port(image: string, name: string, port: string) -> CommandResult",
     RUN_DOC " A port of the host is one of the container: \"8080:80\"."},
    {"new_run_options", "", new_run_options, 0, "new_run_options() -> map",
     "Options for nerdctl_run to be changed: name, detach, ports, snapshotter; () is none."},
    {"nerdctl_exec", "ss", nerdctl_exec, RHAI_FN_VOLATILE,
     "nerdctl_exec(container: string, command: string) -> CommandResult",
     "Runs a command in a container with sh; what it writes is shown as it comes."},
    {"nerdctl_copy", "ss", nerdctl_copy, RHAI_FN_VOLATILE,
     "nerdctl_copy(source: string, dest: string) -> CommandResult",
     "Copies into or out of a container: one of the two is container:/path."},
    {"nerdctl_stop", "s", nerdctl_stop, RHAI_FN_VOLATILE,
     "nerdctl_stop(container: string) -> CommandResult", "Stops a container."},
    {"nerdctl_remove", "s", nerdctl_remove, RHAI_FN_VOLATILE,
     "nerdctl_remove(container: string) -> CommandResult",
     "Removes a container, which has to be stopped."},
    {"nerdctl_list", "", nerdctl_list, RHAI_FN_VOLATILE, "nerdctl_list() -> array",
     "The containers that run, a map each: id, name, image, command, status, ports, created, "
     "labels, runtime."},
    {"nerdctl_list", "b", nerdctl_list, RHAI_FN_VOLATILE, "nerdctl_list(all: bool) -> array",
     "The same, with true those that do not run as well."},
    {"nerdctl_logs", "s", nerdctl_logs, RHAI_FN_VOLATILE,
     "nerdctl_logs(container: string) -> CommandResult", "What a container has written so far."},
    {"nerdctl_images", "", nerdctl_images, RHAI_FN_VOLATILE, "nerdctl_images() -> array",
     "The images that are here, a map each: id, repository, tag, size, created, digest, platform."},
    {"nerdctl_image_remove", "s", nerdctl_image_remove, RHAI_FN_VOLATILE,
     "nerdctl_image_remove(image: string) -> CommandResult", "Removes an image."},
    {"nerdctl_image_push", "s", nerdctl_image_push, RHAI_FN_VOLATILE,
     "nerdctl_image_push(image: string) -> CommandResult",
     "Sends an image to the registry that its name says; shows how far it is."},
    {"nerdctl_image_push", "ss", nerdctl_image_push_to, RHAI_FN_VOLATILE,
     "nerdctl_image_push(image: string, destination: string) -> CommandResult",
     "Gives an image a further name and sends it there."},
    {"nerdctl_image_tag", "ss", nerdctl_image_tag, RHAI_FN_VOLATILE,
     "nerdctl_image_tag(image: string, new_name: string) -> CommandResult",
     "Gives an image a further name."},
    {"nerdctl_image_pull", "s", nerdctl_image_pull, RHAI_FN_VOLATILE,
     "nerdctl_image_pull(image: string) -> CommandResult",
     "Fetches an image; shows how far it is."},
    {"nerdctl_image_commit", "ss", nerdctl_image_commit, RHAI_FN_VOLATILE,
     "nerdctl_image_commit(container: string, image: string) -> CommandResult",
     "Makes an image of what a container is now."},
    {"nerdctl_image_build", "ss", nerdctl_image_build, RHAI_FN_VOLATILE,
     "nerdctl_image_build(tag: string, dir: string) -> CommandResult",
     "Builds an image from the Dockerfile of a directory; shows what is done."},
    {"nerdctl_image_build", "sss", nerdctl_image_build_file, RHAI_FN_VOLATILE,
     "nerdctl_image_build(tag: string, dir: string, dockerfile: string) -> CommandResult",
     "The same from another file."},
};

const herolib_module herolib_nerdctl_module = {
    .name = "nerdctl",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
