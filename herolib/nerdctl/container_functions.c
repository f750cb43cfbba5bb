/* container_functions.c - Container: what is said about a container before it is made, and what can
 * be done with it then. */
#include "core/module.h"
#include "core/native.h"
#include "core/text.h"
#include "nerdctl/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t container_text(const void *object, char *buffer, size_t size) {
    const struct container *container = object;
    int len = snprintf(buffer, size, "Container(%s)", container->name);
    return (size_t)len < size ? (size_t)len : size - 1;
}

static const rhai_custom_type container_type = {
    .name = "Container",
    .free = container_free,
    .clone = container_clone,
    .text = container_text,
};

static const struct container *container_of(const rhai_value *value) {
    return rhai_as_custom(value);
}

/* ---- Constructors ------------------------------------------------------------------------- */

static const char *name_argument(rhai_call *call, const rhai_value *value, const char *what) {
    const char *name = text_argument(call, value, what);
    return name && tool_check_name(call, &nerdctl_tool, name) == RHAI_OK ? name : NULL;
}

static rhai_status nerdctl_container_new(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = name_argument(call, &args[0], "nerdctl: the name");
    if (!name) return RHAI_ERROR;
    struct container *container = container_new(name, NULL);
    if (container && container_find(call, &nerdctl_tool, container) != RHAI_OK) {
        container_free(container);
        return RHAI_ERROR;
    }
    return value_custom(call, &container_type, container, ret);
}

static rhai_status nerdctl_container_from_image(rhai_call *call, rhai_value *args,
                                                rhai_value *ret) {
    const char *name = name_argument(call, &args[0], "nerdctl: the name");
    const char *image = name ? name_argument(call, &args[1], "nerdctl: the image") : NULL;
    if (!image) return RHAI_ERROR;
    return value_custom(call, &container_type, container_new(name, image), ret);
}

/* ---- Setters ------------------------------------------------------------------------------ */

/* What the arguments of a setter are. */
enum form {
    ONE,   /* values of the flags; what was said before no longer holds */
    MANY,  /* a further value of the flag */
    ARRAY, /* further values */
    PAIR,  /* a name and a value: name=value */
    MAP,   /* names and values */
};

/* Ends *ret after `failed`. */
static rhai_status end_failed(rhai_call *call, rhai_status failed, rhai_value *ret) {
    if (failed != RHAI_OK) rhai_value_done(rhai_call_engine(call), ret);
    return failed;
}

static rhai_status set_option(rhai_call *call, struct container *container, const char *flag,
                              const rhai_value *value, bool is_many) {
    return container_take_option(call, &nerdctl_tool, container, flag, value, is_many);
}

static rhai_status set_pair(rhai_call *call, struct container *container, const char *flag,
                            const char *name, const rhai_value *value) {
    rhai_value owned;
    char *pair = NULL;
    if (!*name || strchr(name, '='))
        return rhai_throw(call, "nerdctl: '%s' cannot be the name of a variable", name);
    const char *text = tool_text(call, &nerdctl_tool, value, &owned);
    rhai_status status = text ? RHAI_OK : RHAI_ERROR;
    if (text && (asprintf(&pair, "%s=%s", name, text) < 0 ||
                 !container_set_option(container, flag, pair, true)))
        status = rhai_throw_out_of_memory(call);
    free(pair);
    rhai_value_done(rhai_call_engine(call), &owned);
    return status;
}

static rhai_status set_array(rhai_call *call, struct container *container, const char *flag,
                             const rhai_value *array) {
    for (size_t i = 0; i < rhai_array_len(array); i++)
        if (set_option(call, container, flag, rhai_array_at(array, i), true) != RHAI_OK)
            return RHAI_ERROR;
    return RHAI_OK;
}

static rhai_status set_map(rhai_call *call, struct container *container, const char *flag,
                           const rhai_value *map) {
    const rhai_value *item;
    const char *name;
    size_t len;
    for (size_t i = 0; (item = rhai_map_entry(rhai_call_engine(call), map, i, &name, &len)); i++)
        if (set_pair(call, container, flag, name, item) != RHAI_OK) return RHAI_ERROR;
    return RHAI_OK;
}

/* () leaves an option as it was. */
static rhai_status set_each(rhai_call *call, struct container *container, const char *const *flags,
                            const rhai_value *values) {
    for (size_t i = 0; flags[i]; i++)
        if (rhai_type_of(&values[i]) != RHAI_UNIT &&
            set_option(call, container, flags[i], &values[i], false) != RHAI_OK)
            return RHAI_ERROR;
    return RHAI_OK;
}

static rhai_status set_form(rhai_call *call, struct container *container, enum form form,
                            const char *const *flags, const rhai_value *values) {
    const char *name;
    switch (form) {
    case ONE: return set_each(call, container, flags, values);
    case MANY: return set_option(call, container, flags[0], &values[0], true);
    case ARRAY: return set_array(call, container, flags[0], &values[0]);
    case MAP: return set_map(call, container, flags[0], &values[0]);
    case PAIR:
        name = text_argument(call, &values[0], "nerdctl: the variable's name");
        return name ? set_pair(call, container, flags[0], name, &values[1]) : RHAI_ERROR;
    }
    return RHAI_OK;
}

/* A changed copy of the container. */
static rhai_status set(rhai_call *call, enum form form, const char *const *flags, rhai_value *args,
                       rhai_value *ret) {
    struct container *copy = container_clone(container_of(&args[0]));
    if (value_custom(call, &container_type, copy, ret) != RHAI_OK) return RHAI_ERROR;
    return end_failed(call, set_form(call, copy, form, flags, &args[1]), ret);
}

#define SETTER(function, form, ...)                                                                \
    static rhai_status function(rhai_call *call, rhai_value *args, rhai_value *ret) {              \
        static const char *const flags[] = {__VA_ARGS__, NULL};                                    \
        return set(call, form, flags, args, ret);                                                  \
    }

SETTER(with_port, MANY, "-p")
SETTER(with_ports, ARRAY, "-p")
SETTER(with_volume, MANY, "-v")
SETTER(with_volumes, ARRAY, "-v")
SETTER(with_env, PAIR, "-e")
SETTER(with_envs, MAP, "-e")
SETTER(with_network, ONE, "--network")
SETTER(with_network_alias, MANY, "--network-alias")
SETTER(with_network_aliases, ARRAY, "--network-alias")
SETTER(with_cpu_limit, ONE, "--cpus")
SETTER(with_cpu_shares, ONE, "--cpu-shares")
SETTER(with_memory_limit, ONE, "--memory")
SETTER(with_memory_swap_limit, ONE, "--memory-swap")
SETTER(with_restart_policy, ONE, "--restart")
SETTER(with_health_check, ONE, "--health-cmd")
SETTER(with_health_check_options, ONE, "--health-cmd", "--health-interval", "--health-timeout",
       "--health-retries", "--health-start-period")
SETTER(with_snapshotter, ONE, "--snapshotter")

static rhai_status with_detach(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct container *copy = container_clone(container_of(&args[0]));
    if (copy) copy->is_detached = rhai_as_bool(&args[1]);
    return value_custom(call, &container_type, copy, ret);
}

/* ---- Actions ------------------------------------------------------------------------------ */

#define ACTION(function, is_silent, ...)                                                           \
    static rhai_status function(rhai_call *call, rhai_value *args, rhai_value *ret) {              \
        static const char *const words[] = {__VA_ARGS__, NULL};                                    \
        return tool_command(call, &nerdctl_tool, words, container_of(&args[0])->name, is_silent,   \
                            tool_give_result, args, ret);                                          \
    }

ACTION(start_existing, true, "start", "$0")
ACTION(container_stop, true, "stop", "$0")
ACTION(container_remove, true, "rm", "$0")
ACTION(container_exec, false, "exec", "$0", "sh", "-c", "%1")
ACTION(container_logs, true, "logs", "$0")

/* The id is the last line: before it nerdctl may write what it has fetched. */
static bool take_id(struct container *container, const struct command_result *result) {
    const char *text = result->out.text ? result->out.text : "", *end = text + result->out.len;
    while (end > text && end[-1] == '\n')
        end--;
    const char *line = end;
    while (line > text && line[-1] != '\n')
        line--;
    free(container->id);
    container->id = strndup(line, (size_t)(end - line));
    return container->id;
}

/* Makes the container unless it is there, and learns its id. */
static rhai_status make(rhai_call *call, struct container *container) {
    struct command_result result;
    if (container_find(call, &nerdctl_tool, container) != RHAI_OK) return RHAI_ERROR;
    if (container->id) return RHAI_OK;
    if (container_run(call, &nerdctl_tool, container, NULL, &result) != RHAI_OK) return RHAI_ERROR;
    bool is_known = !container->is_detached || take_id(container, &result);
    command_result_done(&result);
    if (!is_known) return rhai_throw_out_of_memory(call);
    return container->is_detached ? RHAI_OK : container_find(call, &nerdctl_tool, container);
}

static rhai_status container_build(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct container *copy = container_clone(container_of(&args[0]));
    if (value_custom(call, &container_type, copy, ret) != RHAI_OK) return RHAI_ERROR;
    return end_failed(call, make(call, copy), ret);
}

/* One that is there is started; of another what run says is given. */
static rhai_status container_start(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct command_result result;
    struct container *copy = container_clone(container_of(&args[0]));
    if (!copy) return rhai_throw_out_of_memory(call);
    rhai_status status = container_find(call, &nerdctl_tool, copy);
    bool is_there = copy->id || !copy->image;
    if (status == RHAI_OK && !is_there)
        status = container_run(call, &nerdctl_tool, copy, NULL, &result);
    container_free(copy);
    if (status != RHAI_OK) return status;
    return is_there ? start_existing(call, args, ret) : tool_give_result(call, &result, ret);
}

/* The name and the image remain. */
static rhai_status container_reset(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct container *before = container_of(&args[0]);
    struct container *fresh = container_new(before->name, before->image);
    if (value_custom(call, &container_type, fresh, ret) != RHAI_OK) return RHAI_ERROR;
    rhai_status status = container_find(call, &nerdctl_tool, fresh);
    rhai_value said = rhai_unit();
    if (status == RHAI_OK && fresh->id) {
        status = container_stop(call, args, &said);
        rhai_value_done(rhai_call_engine(call), &said);
        if (status == RHAI_OK) status = container_remove(call, args, &said);
        rhai_value_done(rhai_call_engine(call), &said);
        container_set_text(&fresh->id, NULL);
    }
    return end_failed(call, status, ret);
}

/* "web:/etc/hosts" is a path in a container, as nerdctl cp has it. */
static bool is_in_container(const rhai_value *path) {
    size_t len;
    const char *text = rhai_as_text(path, &len);
    const char *colon = strchr(text, ':'), *slash = strchr(text, '/');
    return colon && (!slash || colon < slash);
}

static rhai_status container_copy(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const as_said[] = {"cp", "$1", "$2", NULL};
    static const char *const source[] = {"cp", "$1", NULL};
    const char *name = container_of(&args[0])->name;
    if (is_in_container(&args[1]) || is_in_container(&args[2]))
        return tool_command(call, &nerdctl_tool, as_said, name, true, tool_give_result, args, ret);
    const char *dest = text_argument(call, &args[2], "nerdctl: the path");
    struct argv argv = {0};
    struct command_result result;
    const struct command how = {.is_silent = true};
    argv_add(&argv, nerdctl_tool.program);
    if (!dest || tool_add_words(call, &nerdctl_tool, source, name, args, &argv) != RHAI_OK) {
        argv_done(&argv);
        return RHAI_ERROR;
    }
    argv_add_format(&argv, "%s:%s", name, dest);
    if (tool_do(call, &nerdctl_tool, &argv, &how, &result) != RHAI_OK) return RHAI_ERROR;
    return tool_give_result(call, &result, ret);
}

/* ---- Properties --------------------------------------------------------------------------- */

static rhai_status give_text(rhai_call *call, const char *text, rhai_value *ret) {
    return text_value(call, text ? text : "", text ? strlen(text) : 0, ret);
}

static rhai_status get_name(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return give_text(call, container_of(&args[0])->name, ret);
}

static rhai_status get_id(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return give_text(call, container_of(&args[0])->id, ret);
}

static rhai_status get_image(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return give_text(call, container_of(&args[0])->image, ret);
}

static rhai_status get_detach(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = rhai_from_bool(container_of(&args[0])->is_detached);
    return RHAI_OK;
}

static rhai_status give_values(rhai_call *call, const struct container *container, const char *flag,
                               rhai_value *ret) {
    if (rhai_new_array(rhai_call_engine(call), ret) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    rhai_status status = RHAI_OK;
    for (size_t i = 0; i < container->option_count && status == RHAI_OK; i++) {
        const struct container_option *option = &container->options[i];
        if (strcmp(option->flag, flag) == 0)
            status = value_push_text(call, ret, option->value, strlen(option->value));
    }
    return end_failed(call, status, ret);
}

static rhai_status get_ports(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return give_values(call, container_of(&args[0]), "-p", ret);
}

static rhai_status get_volumes(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return give_values(call, container_of(&args[0]), "-v", ret);
}

#define CONTAINER "{Container}"
#define TO_CONTAINER " -> Container"
#define TO_RESULT " -> CommandResult"

static const rhai_native functions[] = {
    {"nerdctl_container_new", "s", nerdctl_container_new, RHAI_FN_VOLATILE,
     "nerdctl_container_new(name: string)" TO_CONTAINER,
     "A container by its name; when there is one already, with its id and image."},
    {"nerdctl_container_from_image", "ss", nerdctl_container_from_image, RHAI_FN_VOLATILE,
     "nerdctl_container_from_image(name: string, image: string)" TO_CONTAINER,
     "A container that build() or start() makes of an image."},
    {"reset", CONTAINER, container_reset, RHAI_FN_VOLATILE, "Container.reset()" TO_CONTAINER,
     "Stops and removes the container if there is one; only the name and the image remain."},
    {"with_port", CONTAINER "?", with_port, RHAI_FN_VOLATILE,
     "Container.with_port(port: string)" TO_CONTAINER,
     "Publishes a port: \"8080:80\", of the host and of the container."},
    {"with_ports", CONTAINER "a", with_ports, RHAI_FN_VOLATILE,
     "Container.with_ports(ports: array)" TO_CONTAINER, "Publishes several ports."},
    {"with_volume", CONTAINER "?", with_volume, RHAI_FN_VOLATILE,
     "Container.with_volume(volume: string)" TO_CONTAINER,
     "Mounts a directory or a named volume: \"/srv/data:/data:ro\"."},
    {"with_volumes", CONTAINER "a", with_volumes, RHAI_FN_VOLATILE,
     "Container.with_volumes(volumes: array)" TO_CONTAINER, "Mounts several."},
    {"with_env", CONTAINER "s?", with_env, RHAI_FN_VOLATILE,
     "Container.with_env(name: string, value: string)" TO_CONTAINER, "Sets a variable."},
    {"with_envs", CONTAINER "m", with_envs, RHAI_FN_VOLATILE,
     "Container.with_envs(variables: map)" TO_CONTAINER, "Sets several variables."},
    {"with_network", CONTAINER "?", with_network, RHAI_FN_VOLATILE,
     "Container.with_network(network: string)" TO_CONTAINER, "The network it is in."},
    {"with_network_alias", CONTAINER "?", with_network_alias, RHAI_FN_VOLATILE,
     "Container.with_network_alias(alias: string)" TO_CONTAINER,
     "A further name in its network, if this nerdctl has --network-alias."},
    {"with_network_aliases", CONTAINER "a", with_network_aliases, RHAI_FN_VOLATILE,
     "Container.with_network_aliases(aliases: array)" TO_CONTAINER, "Several further names."},
    {"with_cpu_limit", CONTAINER "?", with_cpu_limit, RHAI_FN_VOLATILE,
     "Container.with_cpu_limit(cpus: string | float)" TO_CONTAINER, "How many processors: 0.5."},
    {"with_cpu_shares", CONTAINER "?", with_cpu_shares, RHAI_FN_VOLATILE,
     "Container.with_cpu_shares(shares: string | int)" TO_CONTAINER,
     "Its weight when processors are short; others have 1024."},
    {"with_memory_limit", CONTAINER "?", with_memory_limit, RHAI_FN_VOLATILE,
     "Container.with_memory_limit(limit: string)" TO_CONTAINER, "The most memory: \"512m\"."},
    {"with_memory_swap_limit", CONTAINER "?", with_memory_swap_limit, RHAI_FN_VOLATILE,
     "Container.with_memory_swap_limit(limit: string)" TO_CONTAINER,
     "The most memory and swap together; -1: as much as there is."},
    {"with_restart_policy", CONTAINER "?", with_restart_policy, RHAI_FN_VOLATILE,
     "Container.with_restart_policy(policy: string)" TO_CONTAINER,
     "When it is started again: no, always, on-failure[:times], unless-stopped."},
    {"with_health_check", CONTAINER "?", with_health_check, RHAI_FN_VOLATILE,
     "Container.with_health_check(command: string)" TO_CONTAINER,
     "A command in the container that succeeds while it is well."},
    {"with_health_check_options", CONTAINER "?????", with_health_check_options, RHAI_FN_VOLATILE,
     "Container.with_health_check_options(command, interval, timeout, retries, "
     "start_period)" TO_CONTAINER,
     "The same with its times (\"30s\") and how many failures count; () is nerdctl's own default."},
    {"with_snapshotter", CONTAINER "?", with_snapshotter, RHAI_FN_VOLATILE,
     "Container.with_snapshotter(snapshotter: string)" TO_CONTAINER,
     "What keeps its files: overlayfs, native, stargz ..."},
    {"with_detach", CONTAINER "b", with_detach, RHAI_FN_VOLATILE,
     "Container.with_detach(on: bool)" TO_CONTAINER,
     "Whether it runs in the background, as it does at first; else build() waits for its end."},
    {"build", CONTAINER, container_build, RHAI_FN_VOLATILE, "Container.build()" TO_CONTAINER,
     "Makes and starts it with nerdctl run. One of that name that is there is taken as it is."},
    {"start", CONTAINER, container_start, RHAI_FN_VOLATILE, "Container.start()" TO_RESULT,
     "Starts it; makes it first when it is not there."},
    {"stop", CONTAINER, container_stop, RHAI_FN_VOLATILE, "Container.stop()" TO_RESULT,
     "Stops it."},
    {"remove", CONTAINER, container_remove, RHAI_FN_VOLATILE, "Container.remove()" TO_RESULT,
     "Removes it; it has to be stopped."},
    {"exec", CONTAINER "s", container_exec, RHAI_FN_VOLATILE,
     "Container.exec(command: string)" TO_RESULT,
     "Runs a command in it with sh; what that writes is shown as it comes."},
    {"logs", CONTAINER, container_logs, RHAI_FN_VOLATILE, "Container.logs()" TO_RESULT,
     "What it has written so far."},
    {"copy", CONTAINER "ss", container_copy, RHAI_FN_VOLATILE,
     "Container.copy(source: string, dest: string)" TO_RESULT,
     "Copies into it. A path written as container:/path is in that container, so that one can copy "
     "out of it."},
    {"get$name", CONTAINER, get_name, 0, "Container.name -> string", "Its name."},
    {"get$container_id", CONTAINER, get_id, 0, "Container.container_id -> string",
     "Its id; empty before it is made."},
    {"get$image", CONTAINER, get_image, 0, "Container.image -> string",
     "Its image; empty when that is not known."},
    {"get$ports", CONTAINER, get_ports, 0, "Container.ports -> array", "The ports it publishes."},
    {"get$volumes", CONTAINER, get_volumes, 0, "Container.volumes -> array", "What it mounts."},
    {"get$detach", CONTAINER, get_detach, 0, "Container.detach -> bool",
     "Whether it runs in the background."},
};

static const rhai_custom_type *const types[] = {&container_type};

const herolib_module herolib_nerdctl_container_module = {
    .name = "nerdctl",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
