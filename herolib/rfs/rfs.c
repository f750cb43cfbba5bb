/* rfs.c - mounts and file lists, through the rfs program. */
#include "core/module.h"
#include "core/native.h"
#include "core/text.h"
#include "process/tool.h"

#include <stdlib.h>
#include <string.h>

/* What `verify` exits with when something is missing or damaged; other codes are errors. */
#define NOT_VERIFIED 1

static const struct tool rfs = {.module = "rfs", .program = "rfs"};

#define COMMAND(function, is_silent, ...)                                                          \
    static rhai_status function(rhai_call *call, rhai_value *args, rhai_value *ret) {              \
        static const char *const words[] = {__VA_ARGS__, NULL};                                    \
        return tool_command(call, &rfs, words, NULL, is_silent, tool_give_output, args, ret);      \
    }

COMMAND(rfs_unmount, true, "unmount", "$1")
COMMAND(rfs_unmount_all, true, "unmount", "--all")
COMMAND(rfs_unpack, false, "unpack", "-m", "$1", "$2")
COMMAND(rfs_list_contents, true, "flist", "tree", "$1")

static const struct command silent = {.is_silent = true};
static const struct command shown = {.is_silent = false};

/* The name of the program and what belongs behind it. */
static rhai_status begin(rhai_call *call, const char *const *words, const rhai_value *args,
                         struct argv *argv) {
    argv_add(argv, rfs.program);
    return tool_add_words(call, &rfs, words, NULL, args, argv);
}

/* ---- Mounts ------------------------------------------------------------------------------- */

static rhai_status add_options(rhai_call *call, const rhai_value *map, struct argv *argv) {
    rhai_engine *engine = rhai_call_engine(call);
    const rhai_value *item;
    const char *name;
    size_t len;
    for (size_t i = 0; (item = rhai_map_entry(engine, map, i, &name, &len)); i++) {
        rhai_value owned;
        const char *text = tool_text(call, &rfs, item, &owned);
        if (text) {
            argv_add(argv, "-o");
            argv_add_format(argv, "%s=%s", name, text);
        }
        rhai_value_done(engine, &owned);
        if (!text) return RHAI_ERROR;
    }
    return RHAI_OK;
}

/* What was mounted, as rfs_list_mounts tells it; rfs writes the id. */
static rhai_status give_mount(rhai_call *call, struct command_result *result,
                              const rhai_value *args, rhai_value *ret) {
    static const char *const names[] = {"source", "target", "type", "options"};
    rhai_value map, item;
    if (rhai_new_map(rhai_call_engine(call), &map) != RHAI_OK) {
        command_result_done(result);
        return rhai_throw_out_of_memory(call);
    }
    rhai_status status = tool_give_output(call, result, &item);
    if (status == RHAI_OK) status = value_put(call, &map, "id", &item);
    for (size_t i = 0; i < HEROLIB_COUNT(names) && status == RHAI_OK; i++) {
        rhai_value_copy(&args[i], &item);
        status = value_put(call, &map, names[i], &item);
    }
    if (status == RHAI_OK)
        *ret = map;
    else
        rhai_value_done(rhai_call_engine(call), &map);
    return status;
}

static rhai_status rfs_mount(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const before[] = {"mount", "-t", "$3", NULL};
    static const char *const behind[] = {"$1", "$2", NULL};
    struct argv argv = {0};
    struct command_result result;
    if (begin(call, before, args, &argv) != RHAI_OK ||
        add_options(call, &args[3], &argv) != RHAI_OK ||
        tool_add_words(call, &rfs, behind, NULL, args, &argv) != RHAI_OK) {
        argv_done(&argv);
        return RHAI_ERROR;
    }
    if (tool_do(call, &rfs, &argv, &silent, &result) != RHAI_OK) return RHAI_ERROR;
    return give_mount(call, &result, args, ret);
}

static rhai_status list_mounts(rhai_call *call, rhai_value *ret) {
    static const char *const words[] = {"rfs", "list", "--json", NULL};
    struct argv argv = {0};
    struct command_result result;
    argv_add_all(&argv, words);
    if (tool_do(call, &rfs, &argv, &silent, &result) != RHAI_OK) return RHAI_ERROR;
    return tool_give_list(call, &rfs, "list", &result, ret);
}

static rhai_status rfs_list_mounts(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args;
    return list_mounts(call, ret);
}

static bool is_target(const rhai_value *mount, const char *target) {
    const rhai_value *value = rhai_map_get(mount, "target", strlen("target"));
    size_t len;
    return value && rhai_type_of(value) == RHAI_STRING &&
           strcmp(rhai_as_text(value, &len), target) == 0;
}

static rhai_status rfs_get_mount_info(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *target = text_argument(call, &args[0], "rfs: the target");
    rhai_value mounts;
    if (!target || list_mounts(call, &mounts) != RHAI_OK) return RHAI_ERROR;
    size_t i = 0, count = rhai_array_len(&mounts);
    while (i < count && !is_target(rhai_array_at(&mounts, i), target))
        i++;
    if (i < count) rhai_value_copy(rhai_array_at(&mounts, i), ret);
    rhai_value_done(rhai_call_engine(call), &mounts);
    return i < count ? RHAI_OK : rhai_throw(call, "rfs: nothing is mounted at %s", target);
}

/* ---- File lists --------------------------------------------------------------------------- */

/* -s for each of the parts between commas. */
static rhai_status add_stores_of_text(rhai_call *call, const rhai_value *specs, struct argv *argv) {
    const char *text = text_argument(call, specs, "rfs: the stores");
    if (!text) return RHAI_ERROR;
    while (*text) {
        size_t len = strcspn(text, ",");
        argv_add(argv, "-s");
        argv_add_format(argv, "%.*s", (int)len, text);
        text += len + (text[len] == ',');
    }
    return RHAI_OK;
}

static rhai_status add_stores(rhai_call *call, const rhai_value *specs, struct argv *argv) {
    static const char *const words[] = {"-s", "$1", NULL};
    if (rhai_type_of(specs) != RHAI_ARRAY) return add_stores_of_text(call, specs, argv);
    for (size_t i = 0; i < rhai_array_len(specs); i++)
        if (tool_add_words(call, &rfs, words, NULL, rhai_array_at(specs, i), argv) != RHAI_OK)
            return RHAI_ERROR;
    return RHAI_OK;
}

static rhai_status rfs_pack(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const before[] = {"pack", "-m", "$2", NULL};
    static const char *const behind[] = {"$1", NULL};
    struct argv argv = {0};
    struct command_result result;
    if (begin(call, before, args, &argv) != RHAI_OK ||
        add_stores(call, &args[2], &argv) != RHAI_OK ||
        tool_add_words(call, &rfs, behind, NULL, args, &argv) != RHAI_OK) {
        argv_done(&argv);
        return RHAI_ERROR;
    }
    if (tool_do(call, &rfs, &argv, &shown, &result) != RHAI_OK) return RHAI_ERROR;
    return tool_give_output(call, &result, ret);
}

static rhai_status rfs_verify(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const char *const words[] = {"verify", "-m", "$1", NULL};
    struct argv argv = {0};
    struct command_result result;
    rhai_status status = begin(call, words, args, &argv);
    if (status == RHAI_OK && argv.is_incomplete) status = rhai_throw_out_of_memory(call);
    if (status == RHAI_OK) {
        const struct command command = {.argv = (const char *const *)argv.items, .is_silent = true};
        status = tool_run(call, &rfs, &command, &result);
    }
    argv_done(&argv);
    if (status != RHAI_OK) return status;
    if (result.code == 0 || result.code == NOT_VERIFIED)
        *ret = rhai_from_bool(result.code == 0);
    else
        status = tool_throw(call, &rfs, "verify", &result);
    command_result_done(&result);
    return status;
}

#define PACK_DOC                                                                                   \
    "Packs a directory into a file list, its content into the stores (dir:///path, "               \
    "zdb://host:port/namespace, s3://...; with 00-80= before it a part of the content)."

static const rhai_native functions[] = {
    {"rfs_mount", "sssm", rfs_mount, RHAI_FN_VOLATILE,
     "rfs_mount(source: string, target: string, type: string, options: map) -> map",
     "Mounts a source (type: local, ssh, s3, webdav or another that rfs knows) at a directory. "
     "Gives id, source, target, type and options."},
    {"rfs_unmount", "s", rfs_unmount, RHAI_FN_VOLATILE, "rfs_unmount(target: string) -> string",
     "Ends the mount at a directory; gives what rfs says."},
    {"rfs_unmount_all", "", rfs_unmount_all, RHAI_FN_VOLATILE, "rfs_unmount_all() -> string",
     "Ends all mounts of rfs; gives what it says."},
    {"rfs_list_mounts", "", rfs_list_mounts, RHAI_FN_VOLATILE, "rfs_list_mounts() -> array",
     "All mounts, a map each, as rfs list --json tells them: id, source, target, type, options."},
    {"rfs_get_mount_info", "s", rfs_get_mount_info, RHAI_FN_VOLATILE,
     "rfs_get_mount_info(target: string) -> map",
     "The mount at a directory, as in rfs_list_mounts; none is an error."},
    {"rfs_pack", "sss", rfs_pack, RHAI_FN_VOLATILE,
     "rfs_pack(dir: string, output: string, stores: string) -> string",
     PACK_DOC " Several stores are separated by commas."},
    {"rfs_pack", "ssa", rfs_pack, RHAI_FN_VOLATILE,
     "rfs_pack(dir: string, output: string, stores: array) -> string", PACK_DOC},
    {"rfs_unpack", "ss", rfs_unpack, RHAI_FN_VOLATILE,
     "rfs_unpack(input: string, dir: string) -> string",
     "Fetches all that a file list names into a directory."},
    {"rfs_list_contents", "s", rfs_list_contents, RHAI_FN_VOLATILE,
     "rfs_list_contents(input: string) -> string", "What a file list names, as text."},
    {"rfs_verify", "s", rfs_verify, RHAI_FN_VOLATILE, "rfs_verify(input: string) -> bool",
     "Whether all that a file list names is there and whole."},
};

const herolib_module herolib_rfs_module = {
    .name = "rfs",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
