#include "nerdctl/container.h"

#include <stdlib.h>
#include <string.h>

#define CGROUP_VARIABLE "NERDCTL_CGROUP_MANAGER"
#define CGROUP_MANAGER "cgroupfs"

const struct tool nerdctl_tool = {
    .module = "nerdctl", .program = "nerdctl", .advice = NERDCTL_ADVICE};

/* ---- What it is to be --------------------------------------------------------------------- */

void container_free(void *object) {
    struct container *container = object;
    free(container->name);
    free(container->image);
    free(container->id);
    for (size_t i = 0; i < container->option_count; i++)
        free(container->options[i].value);
    free(container->options);
    free(container);
}

bool container_set_text(char **field, const char *text) {
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy) return false;
    free(*field);
    *field = copy;
    return true;
}

struct container *container_new(const char *name, const char *image) {
    struct container *container = calloc(1, sizeof *container);
    if (!container) return NULL;
    container->is_detached = true;
    if (container_set_text(&container->name, name) && container_set_text(&container->image, image))
        return container;
    container_free(container);
    return NULL;
}

void *container_clone(const void *object) {
    const struct container *from = object;
    struct container *copy = container_new(from->name, from->image);
    if (!copy) return NULL;
    copy->is_detached = from->is_detached;
    bool is_copied = container_set_text(&copy->id, from->id);
    for (size_t i = 0; i < from->option_count && is_copied; i++)
        is_copied = container_set_option(copy, from->options[i].flag, from->options[i].value, true);
    if (is_copied) return copy;
    container_free(copy);
    return NULL;
}

/* Ports come first and the snapshotter last, whenever they were said. */
static int place_of(const char *flag) {
    if (strcmp(flag, "-p") == 0) return 0;
    return strcmp(flag, "--snapshotter") == 0 ? 2 : 1;
}

static void remove_option(struct container *container, const char *flag) {
    size_t kept = 0;
    for (size_t i = 0; i < container->option_count; i++)
        if (strcmp(container->options[i].flag, flag) == 0)
            free(container->options[i].value);
        else
            container->options[kept++] = container->options[i];
    container->option_count = kept;
}

bool container_set_option(struct container *container, const char *flag, const char *value,
                          bool is_many) {
    size_t count = container->option_count;
    char *copy = strdup(value);
    struct container_option *longer =
        realloc(container->options, (count + 1) * sizeof *container->options);
    if (longer) container->options = longer;
    if (!copy || !longer) {
        free(copy);
        return false;
    }
    if (!is_many) remove_option(container, flag);
    size_t at = container->option_count++;
    for (; at > 0 && place_of(longer[at - 1].flag) > place_of(flag); at--)
        longer[at] = longer[at - 1];
    longer[at] = (struct container_option){flag, copy};
    return true;
}

rhai_status container_take_option(rhai_call *call, const struct tool *tool,
                                  struct container *container, const char *flag,
                                  const rhai_value *value, bool is_many) {
    rhai_value owned;
    const char *text = tool_text(call, tool, value, &owned);
    rhai_status status = text ? RHAI_OK : RHAI_ERROR;
    if (text && !container_set_option(container, flag, text, is_many))
        status = rhai_throw_out_of_memory(call);
    rhai_value_done(rhai_call_engine(call), &owned);
    return status;
}

/* ---- Running it --------------------------------------------------------------------------- */

static void add_run(const struct container *container, struct argv *argv) {
    const char *cgroup_manager = getenv(CGROUP_VARIABLE);
    argv_add(argv, "run");
    if (container->is_detached) argv_add(argv, "-d");
    if (container->name) {
        argv_add(argv, "--name");
        argv_add(argv, container->name);
    }
    for (size_t i = 0; i < container->option_count; i++) {
        argv_add(argv, container->options[i].flag);
        argv_add(argv, container->options[i].value);
    }
    if (!cgroup_manager) cgroup_manager = CGROUP_MANAGER;
    if (*cgroup_manager) argv_add_format(argv, "--cgroup-manager=%s", cgroup_manager);
    argv_add(argv, container->image);
}

rhai_status container_run(rhai_call *call, const struct tool *tool,
                          const struct container *container, char *const *env,
                          struct command_result *ret_result) {
    struct argv argv = {0};
    const struct command how = {.env = env, .is_silent = container->is_detached};
    if (!container->image)
        return rhai_throw(call, "%s: run %s: no image is known", tool->module, container->name);
    argv_add(&argv, tool->program);
    add_run(container, &argv);
    return tool_do(call, tool, &argv, &how, ret_result);
}

/* ---- Whether it is there ------------------------------------------------------------------ */

rhai_status container_list(rhai_call *call, const struct tool *tool, bool with_stopped,
                           rhai_value *ret) {
    static const char *const words[] = {"--no-trunc", "--format=json", NULL};
    static const struct command how = {.is_silent = true};
    struct argv argv = {0};
    struct command_result result;
    argv_add(&argv, tool->program);
    argv_add(&argv, "ps");
    if (with_stopped) argv_add(&argv, "-a");
    argv_add_all(&argv, words);
    if (tool_do(call, tool, &argv, &how, &result) != RHAI_OK) return RHAI_ERROR;
    return tool_give_list(call, tool, "ps", &result, ret);
}

/* A text of a listed container; NULL when there is none of that name. */
static const char *text_of(const rhai_value *map, const char *name) {
    const rhai_value *value = rhai_map_get(map, name, strlen(name));
    size_t len;
    return value && rhai_type_of(value) == RHAI_STRING ? rhai_as_text(value, &len) : NULL;
}

static bool take_found(struct container *container, const rhai_value *found) {
    return container_set_text(&container->id, text_of(found, "ID")) &&
           (container->image || container_set_text(&container->image, text_of(found, "Image")));
}

rhai_status container_find(rhai_call *call, const struct tool *tool, struct container *container) {
    rhai_value list;
    if (container_list(call, tool, true, &list) != RHAI_OK) return RHAI_ERROR;
    container_set_text(&container->id, NULL);
    bool is_taken = true;
    for (size_t i = 0; i < rhai_array_len(&list); i++) {
        const char *name = text_of(rhai_array_at(&list, i), "Names");
        if (name && strcmp(name, container->name) == 0)
            is_taken = take_found(container, rhai_array_at(&list, i));
    }
    rhai_value_done(rhai_call_engine(call), &list);
    return is_taken ? RHAI_OK : rhai_throw_out_of_memory(call);
}
