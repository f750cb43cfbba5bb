/* list.c - looking for processes, and ending them. */
#include "core/module.h"
#include "core/text.h"
#include "process/table.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- ProcessInfo ------------------------------------------------------------------------- */

struct info {
    struct process process;
    double cpu_percent; /* at the time it was looked for */
};

static void info_free(void *object) {
    struct info *info = object;
    free(info->process.command);
    free(info);
}

static size_t info_text(const void *object, char *buffer, size_t size) {
    const struct info *info = object;
    int len = snprintf(buffer, size, "ProcessInfo(pid: %d, name: %s)", (int)info->process.pid,
                       info->process.name);
    return (size_t)len < size ? (size_t)len : size - 1;
}

static const rhai_custom_type info_type = {
    .name = "ProcessInfo",
    .free = info_free,
    .text = info_text,
};

/* Takes the command line out of `process`. */
static rhai_status give_info(rhai_call *call, struct process *process, rhai_value *ret) {
    struct info *info = malloc(sizeof *info);
    if (!info) return rhai_throw_out_of_memory(call);
    *info = (struct info){.process = *process, .cpu_percent = process_cpu_percent(process)};
    process->command = NULL;
    if (rhai_from_custom(rhai_call_engine(call), &info_type, info, ret) == RHAI_OK) return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

static rhai_status info_get_pid(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const struct info *info = rhai_as_custom(&args[0]);
    *ret = rhai_from_int(info->process.pid);
    return RHAI_OK;
}

static rhai_status info_get_parent(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const struct info *info = rhai_as_custom(&args[0]);
    *ret = rhai_from_int(info->process.parent);
    return RHAI_OK;
}

static rhai_status info_get_name(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct info *info = rhai_as_custom(&args[0]);
    return text_value(call, info->process.name, strlen(info->process.name), ret);
}

static rhai_status info_get_cmd(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct info *info = rhai_as_custom(&args[0]);
    return text_value(call, info->process.command, strlen(info->process.command), ret);
}

static rhai_status info_get_memory(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const struct info *info = rhai_as_custom(&args[0]);
    *ret = rhai_from_int((int64_t)info->process.memory_bytes);
    return RHAI_OK;
}

static rhai_status info_get_cpu(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const struct info *info = rhai_as_custom(&args[0]);
    *ret = rhai_from_float(info->cpu_percent);
    return RHAI_OK;
}

/* ---- Looking ----------------------------------------------------------------------------- */

static bool matches(const struct process *process, const char *pattern) {
    return strstr(process->name, pattern) || strstr(process->command, pattern);
}

/* Those that match; false after an error. `what` is the function's name. */
static bool find_matching(rhai_call *call, const char *what, const char *pattern,
                          struct process_table *ret) {
    struct process_table all;
    int failed = process_table_read(&all, true);
    if (failed) {
        rhai_throw(call, "%s: cannot read /proc: %s", what, strerror(-failed));
        return false;
    }
    size_t count = 0;
    for (size_t i = 0; i < all.count; i++) {
        struct process *process = &all.items[i];
        if (matches(process, pattern))
            all.items[count++] = *process;
        else
            free(process->command);
    }
    all.count = count;
    *ret = all;
    return true;
}

static rhai_status process_list(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    struct process_table found;
    const char *pattern = text_argument(call, &args[0], "process_list: the pattern");
    if (!pattern || !find_matching(call, "process_list", pattern, &found)) return RHAI_ERROR;
    rhai_value array = rhai_unit();
    rhai_status status =
        rhai_new_array(engine, &array) == RHAI_OK ? RHAI_OK : rhai_throw_out_of_memory(call);
    for (size_t i = 0; i < found.count && status == RHAI_OK; i++) {
        rhai_value item = rhai_unit();
        status = give_info(call, &found.items[i], &item);
        if (status == RHAI_OK && rhai_array_push(engine, &array, &item) != RHAI_OK)
            status = rhai_throw_out_of_memory(call);
    }
    process_table_done(&found);
    if (status == RHAI_OK)
        *ret = array;
    else
        rhai_value_done(engine, &array);
    return status;
}

static rhai_status process_get(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct process_table found;
    const char *pattern = text_argument(call, &args[0], "process_get: the pattern");
    if (!pattern || !find_matching(call, "process_get", pattern, &found)) return RHAI_ERROR;
    rhai_status status;
    if (found.count == 0)
        status = rhai_throw(call, "process_get: no process matches '%s'", pattern);
    else if (found.count > 1)
        status =
            rhai_throw(call, "process_get: %zu processes match '%s': %d (%s), %d (%s)%s",
                       found.count, pattern, (int)found.items[0].pid, found.items[0].name,
                       (int)found.items[1].pid, found.items[1].name, found.count > 2 ? " ..." : "");
    else
        status = give_info(call, &found.items[0], ret);
    process_table_done(&found);
    return status;
}

/* ---- Ending ------------------------------------------------------------------------------ */

/* A script does not end itself this way, nor what runs it. */
static bool is_ours(const struct process_table *all, pid_t pid) {
    pid_t above = getpid();
    while (above > 1) {
        if (above == pid) return true;
        pid_t parent = 0;
        for (size_t i = 0; i < all->count; i++)
            if (all->items[i].pid == above) parent = all->items[i].parent;
        above = parent;
    }
    return pid == 1;
}

static rhai_status kill_matching(rhai_call *call, const struct process_table *all,
                                 const char *pattern, rhai_value *ret) {
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct process *process = &all->items[i];
        if (!matches(process, pattern) || is_ours(all, process->pid)) continue;
        if (kill(process->pid, SIGTERM) == 0)
            count++;
        else if (errno != ESRCH)
            return rhai_throw(call, "kill: %d (%s): %s", (int)process->pid, process->name,
                              strerror(errno));
    }
    char *message;
    int len = count > 0
                  ? asprintf(&message, "Successfully sent SIGTERM to %zu process%s matching '%s'",
                             count, count == 1 ? "" : "es", pattern)
                  : asprintf(&message, "No process matches '%s'", pattern);
    return len < 0 ? rhai_throw_out_of_memory(call) : text_take(call, message, (size_t)len, ret);
}

static rhai_status process_kill(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *pattern = text_argument(call, &args[0], "kill: the pattern");
    if (!pattern) return RHAI_ERROR;
    if (!*pattern) return rhai_throw(call, "kill: an empty pattern would match every process");
    struct process_table all;
    int failed = process_table_read(&all, true);
    if (failed) return rhai_throw(call, "kill: cannot read /proc: %s", strerror(-failed));
    rhai_status status = kill_matching(call, &all, pattern, ret);
    process_table_done(&all);
    return status;
}

#define INFO "{ProcessInfo}"

static const rhai_native functions[] = {
    {"process_list", "s", process_list, RHAI_FN_VOLATILE, "process_list(pattern: string) -> array",
     "The processes whose name or command line contains the pattern, each a ProcessInfo, by their "
     "numbers. An empty pattern gives all."},
    {"process_get", "s", process_get, RHAI_FN_VOLATILE,
     "process_get(pattern: string) -> ProcessInfo",
     "The one process whose name or command line contains the pattern; none, or more than one, is "
     "an error."},
    {"kill", "s", process_kill, RHAI_FN_VOLATILE, "kill(pattern: string) -> string",
     "Sends SIGTERM to the processes whose name or command line contains the pattern, but for the "
     "script's own and those above it. The message tells how many there were."},
    {"get$pid", INFO, info_get_pid, 0, "ProcessInfo.pid -> int", "The number of the process."},
    {"get$ppid", INFO, info_get_parent, 0, "ProcessInfo.ppid -> int", "The number of its parent."},
    {"get$name", INFO, info_get_name, 0, "ProcessInfo.name -> string",
     "The name of the program; the kernel keeps 15 bytes of it."},
    {"get$cmd", INFO, info_get_cmd, 0, "ProcessInfo.cmd -> string",
     "The command line; empty for a thread of the kernel."},
    {"get$memory", INFO, info_get_memory, 0, "ProcessInfo.memory -> int",
     "The memory it has in use (resident), in bytes."},
    {"get$cpu", INFO, info_get_cpu, 0, "ProcessInfo.cpu -> float",
     "How much of one processor it has used since its start, in percent."},
};

static const rhai_custom_type *const types[] = {&info_type};

const herolib_module herolib_process_list_module = {
    .name = "process",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
