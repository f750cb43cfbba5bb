/* container.h - a container of nerdctl: what it is to be, and whether it is there.
 *
 * For modules that run something in a container; they bring the struct tool that errors are thrown
 * as. Its program is nerdctl.
 */
#ifndef HEROLIB_NERDCTL_CONTAINER_H
#define HEROLIB_NERDCTL_CONTAINER_H

#include "process/tool.h"

#define NERDCTL_ADVICE "see nerdctl ps -a and nerdctl logs"
extern const struct tool nerdctl_tool;

struct container_option {
    const char *flag; /* of `nerdctl run`; lives forever */
    char *value;
};

/* Owns its texts. */
struct container {
    char *name;  /* NULL: nerdctl finds one */
    char *image; /* NULL: not known */
    char *id;    /* NULL: not made, or not known */
    bool is_detached;
    struct container_option *options; /* in the order in which `run` gets them */
    size_t option_count;
};

/* NULL texts are left out; NULL: out of memory. */
struct container *container_new(const char *name, const char *image);
void *container_clone(const void *container);
void container_free(void *container);

/* Puts a copy of `text` in place of *field. False without memory, as in the next. */
bool container_set_text(char **field, const char *text);
/* Adds an option; one of the same flag goes unless there may be many. */
bool container_set_option(struct container *container, const char *flag, const char *value,
                          bool is_many);

/* The same with a string or a number of a script. Throws. */
rhai_status container_take_option(rhai_call *call, const struct tool *tool,
                                  struct container *container, const char *flag,
                                  const rhai_value *value, bool is_many);

/* Runs it: nerdctl run [-d] [--name name] options --cgroup-manager=cgroupfs image. The flag has
 * another value, or is not there, when $NERDCTL_CGROUP_MANAGER has one, or is empty. `env` is the
 * environment of nerdctl, from which `-e NAME` takes values; NULL: that of the process. */
rhai_status container_run(rhai_call *call, const struct tool *tool,
                          const struct container *container, char *const *env,
                          struct command_result *ret_result);

/* Whether there is a container of that name, running or not: its id, and its image unless that is
 * known, are set, or the id is NULL. */
rhai_status container_find(rhai_call *call, const struct tool *tool, struct container *container);

/* nerdctl ps --no-trunc --format=json: an array of maps with the keys of nerdctl. */
rhai_status container_list(rhai_call *call, const struct tool *tool, bool with_stopped,
                           rhai_value *ret);

#endif
