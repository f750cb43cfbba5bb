/* files.c - the functions for files and directories. */
#include "core/file.h"
#include "core/module.h"
#include "core/text.h"
#include "os/copy.h"
#include "os/os.h"
#include "os/path.h"
#include "process/program.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unistr.h>

/* Where root's programs go when HERO_BIN does not say otherwise. */
#define ROOT_BIN "/usr/local/bin"

static rhai_status throw_copy(rhai_call *call, const char *what, const char *path,
                              const struct copy_error *err, int failed) {
    return os_throw(call, what, err->path[0] ? err->path : path, failed);
}

/* ---- There, and not there ---------------------------------------------------------------- */

static rhai_status os_exist(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    size_t len;
    const char *path = rhai_as_text(&args[0], &len);
    *ret = rhai_from_bool(strlen(path) == len && access(path, F_OK) == 0);
    return RHAI_OK;
}

static rhai_status os_mkdir(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "os: the path");
    if (!path) return RHAI_ERROR;
    if (path_is_dir(path)) return os_say(call, ret, "Directory '%s' already exists", path);
    int failed = path_make_dirs(path);
    if (failed) return os_throw(call, "create directory", path, failed);
    return os_say(call, ret, "Successfully created directory '%s'", path);
}

static rhai_status os_delete(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "os: the path");
    if (!path) return RHAI_ERROR;
    struct stat info;
    struct copy_error err;
    if (lstat(path, &info) < 0) {
        if (errno == ENOENT && *path) return os_say(call, ret, "'%s' does not exist", path);
        return os_throw(call, "delete", path, -errno);
    }
    int failed = delete_tree(herolib_call_session(call), path, &err);
    if (failed) return throw_copy(call, "delete", path, &err, failed);
    return os_say(call, ret, "Successfully deleted %s '%s'",
                  S_ISDIR(info.st_mode) ? "directory" : "file", path);
}

/* ---- Copying and moving ------------------------------------------------------------------ */

static rhai_status copy_one(rhai_call *call, const char *from, const char *to) {
    struct copy_error err;
    char *target = path_target(from, to);
    if (!target) return rhai_throw_out_of_memory(call);
    struct stat info;
    rhai_status status = RHAI_OK;
    int failed = lstat(from, &info) < 0 ? -errno : 0;
    if (failed) {
        status = os_throw(call, "copy", from, failed);
    } else if ((failed = path_make_parents(target))) {
        status = os_throw(call, "copy to", target, failed);
    } else {
        failed = copy_tree(herolib_call_session(call), from, target, &err);
        if (failed) status = throw_copy(call, "copy", from, &err, failed);
    }
    free(target);
    return status;
}

static bool has_wildcards(const char *path) {
    return strpbrk(path, "*?[") != NULL;
}

static rhai_status copy_many(rhai_call *call, const char *pattern, const char *to,
                             rhai_value *ret) {
    glob_t found;
    int failed = glob(pattern, 0, NULL, &found);
    if (failed == GLOB_NOSPACE) return rhai_throw_out_of_memory(call);
    if (failed) return rhai_throw(call, "os: cannot copy %s: nothing matches", pattern);
    rhai_status status = RHAI_OK;
    if ((failed = path_make_dirs(to))) status = os_throw(call, "create directory", to, failed);
    for (size_t i = 0; i < found.gl_pathc && status == RHAI_OK; i++)
        status = copy_one(call, found.gl_pathv[i], to);
    size_t count = found.gl_pathc;
    globfree(&found);
    if (status != RHAI_OK) return status;
    return os_say(call, ret, "Successfully copied %zu item%s to '%s'", count, count == 1 ? "" : "s",
                  to);
}

static rhai_status os_copy(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *from = text_argument(call, &args[0], "os: the source");
    const char *to = from ? text_argument(call, &args[1], "os: the destination") : NULL;
    if (!to) return RHAI_ERROR;
    /* A name with a bracket in it is a name when there is such a file. */
    if (has_wildcards(from) && access(from, F_OK) < 0) return copy_many(call, from, to, ret);
    if (copy_one(call, from, to) != RHAI_OK) return RHAI_ERROR;
    return os_say(call, ret, "Successfully copied '%s' to '%s'", from, to);
}

static rhai_status move_to(rhai_call *call, const char *from, const char *target) {
    struct copy_error err;
    int failed = path_make_parents(target);
    if (failed) return os_throw(call, "move to", target, failed);
    failed = move_tree(herolib_call_session(call), from, target, &err);
    if (!failed) return RHAI_OK;
    if (err.path[0] || failed == -ECANCELED || failed == -ENOMEM)
        return throw_copy(call, "move", from, &err, failed);
    return rhai_throw(call, "os: cannot move %s to %s: %s", from, target, strerror(-failed));
}

static rhai_status os_mv(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *from = text_argument(call, &args[0], "os: the source");
    const char *to = from ? text_argument(call, &args[1], "os: the destination") : NULL;
    if (!to) return RHAI_ERROR;
    struct stat info;
    if (lstat(from, &info) < 0) return os_throw(call, "move", from, -errno);
    char *target = path_target(from, to);
    if (!target) return rhai_throw_out_of_memory(call);
    rhai_status status = move_to(call, from, target);
    free(target);
    if (status != RHAI_OK) return status;
    return os_say(call, ret, "Successfully moved '%s' to '%s'", from, to);
}

/* A directory is mirrored as what is in it; a path of another machine is rsync's own business. */
static rhai_status os_rsync(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *from = text_argument(call, &args[0], "os: the source");
    const char *to = from ? text_argument(call, &args[1], "os: the destination") : NULL;
    if (!to) return RHAI_ERROR;
    char *source = path_is_dir(from) ? path_join(from, "") : strdup(from);
    if (!source) return rhai_throw_out_of_memory(call);
    const char *const argv[] = {"rsync", "--archive", "--delete", "--", source, to, NULL};
    rhai_status status = os_run_only(call, "rsync", argv, false);
    free(source);
    if (status != RHAI_OK) return status;
    return os_say(call, ret, "Successfully synced '%s' to '%s'", from, to);
}

/* ---- Contents ---------------------------------------------------------------------------- */

static rhai_status os_file_read(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "os: the path");
    if (!path) return RHAI_ERROR;
    char *text;
    size_t len;
    int failed = file_load(path, FILE_LOAD_MAX_BYTES, &text, &len);
    if (failed) return os_throw(call, "read", path, failed);
    /* Replaced characters would be written back as such. */
    if (!u8_check((const uint8_t *)text, len)) return text_take(call, text, len, ret);
    free(text);
    return rhai_throw(call, "os: cannot read %s: it is not UTF-8 text", path);
}

static rhai_status os_file_write(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "os: the path");
    if (!path) return RHAI_ERROR;
    size_t len;
    const char *text = rhai_as_text(&args[1], &len);
    int failed = path_make_parents(path);
    if (!failed) failed = file_store(path, text, len);
    if (failed) return os_throw(call, "write", path, failed);
    return os_say(call, ret, "Successfully wrote to file '%s'", path);
}

static int append(const char *path, const char *text, size_t len) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0) return -errno;
    int failed = 0;
    while (len > 0 && !failed) {
        ssize_t put = write(fd, text, len);
        if (put < 0 && errno != EINTR) failed = -errno;
        if (put < 0) continue;
        text += put;
        len -= (size_t)put;
    }
    return close(fd) < 0 && !failed ? -errno : failed;
}

static rhai_status os_file_write_append(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "os: the path");
    if (!path) return RHAI_ERROR;
    size_t len;
    const char *text = rhai_as_text(&args[1], &len);
    int failed = path_make_parents(path);
    if (!failed) failed = append(path, text, len);
    if (failed) return os_throw(call, "append to", path, failed);
    return os_say(call, ret, "Successfully appended to file '%s'", path);
}

static rhai_status os_file_size(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "os: the path");
    if (!path) return RHAI_ERROR;
    struct stat info;
    if (stat(path, &info) < 0) return os_throw(call, "find the size of", path, -errno);
    *ret = rhai_from_int(info.st_size);
    return RHAI_OK;
}

/* ---- Directory, programs ----------------------------------------------------------------- */

static rhai_status os_chdir(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "os: the path");
    if (!path) return RHAI_ERROR;
    if (chdir(path) < 0) return os_throw(call, "enter", path, -errno);
    return os_say(call, ret, "Successfully changed directory to '%s'", path);
}

/* Adds the names that are not in PATH to `missing`, which has room for all. */
static bool find_missing(const char *names, char *missing) {
    while (*names) {
        size_t len = strcspn(names, ","), begin = strspn(names, " \t\n"), end = len;
        if (begin > len) begin = len;
        while (end > begin && strchr(" \t\n", names[end - 1]))
            end--;
        char *name = strndup(names + begin, end - begin);
        if (!name) return false;
        char *path = *name ? program_find(name) : strdup("");
        if (!path && errno == ENOMEM) {
            free(name);
            return false;
        }
        if (!path || (*path && access(path, X_OK) < 0)) {
            if (*missing) strcat(missing, ", ");
            strcat(missing, name);
        }
        free(path);
        free(name);
        names += len + (names[len] == ',');
    }
    return true;
}

static rhai_status os_cmd_ensure_exists(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *names = text_argument(call, &args[0], "os: the name");
    if (!names) return RHAI_ERROR;
    if (!names[strspn(names, " \t\n,")])
        return rhai_throw(call, "os: cmd_ensure_exists needs the name of a command");
    /* Each comma may become two characters. */
    char *missing = calloc(1, 2 * strlen(names) + 1);
    if (!missing) return rhai_throw_out_of_memory(call);
    rhai_status status;
    if (!find_missing(names, missing))
        status = rhai_throw_out_of_memory(call);
    else if (*missing)
        status = rhai_throw(call, "os: command not found: %s", missing);
    else
        status = os_say(call, ret, "Found in PATH: %s", names);
    free(missing);
    return status;
}

/* Everyone who may read it may execute it, as chmod +x with the usual umask has it. */
static int make_executable(const char *path) {
    struct stat info;
    if (stat(path, &info) < 0) return -errno;
    if (S_ISDIR(info.st_mode)) return -EISDIR;
    mode_t readers = info.st_mode & 0444;
    return chmod(path, (info.st_mode & 07777) | 0100 | readers >> 2) < 0 ? -errno : 0;
}

static rhai_status os_chmod_exec(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "os: the path");
    if (!path) return RHAI_ERROR;
    int failed = make_executable(path);
    if (failed) return os_throw(call, "make executable", path, failed);
    return os_say(call, ret, "Successfully made '%s' executable", path);
}

static char *find_bin(void) {
    const char *bin = getenv("HERO_BIN"), *home = getenv("HOME");
    if (bin && *bin) return strdup(bin);
    if (geteuid() == 0 || !home) return strdup(ROOT_BIN);
    return path_join(home, "hero/bin");
}

static rhai_status install_bin(rhai_call *call, const char *path, const char *target,
                               rhai_value *ret) {
    struct copy_error err;
    int failed = path_make_parents(target);
    if (failed) return os_throw(call, "copy to", target, failed);
    /* The program itself, when the path is a link to it. */
    char *real = realpath(path, NULL);
    if (!real) return os_throw(call, "copy", path, -errno);
    failed =
        path_is_dir(real) ? -EISDIR : copy_tree(herolib_call_session(call), real, target, &err);
    free(real);
    if (failed == -EISDIR) return os_throw(call, "copy", path, failed);
    if (failed) return throw_copy(call, "copy", path, &err, failed);
    failed = make_executable(target);
    if (failed) return os_throw(call, "make executable", target, failed);
    return os_say(call, ret, "Successfully copied '%s' to '%s'", path, target);
}

static rhai_status os_copy_bin(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "os: the path");
    if (!path) return RHAI_ERROR;
    char *bin = find_bin(), *name = path_name(path);
    char *target = bin && name ? path_join(bin, name) : NULL;
    rhai_status status =
        target ? install_bin(call, path, target, ret) : rhai_throw_out_of_memory(call);
    free(target);
    free(name);
    free(bin);
    return status;
}

static const rhai_native functions[] = {
    {"exist", "s", os_exist, RHAI_FN_VOLATILE, "exist(path: string) -> bool",
     "Whether there is a file or directory of that path; a link counts as what it points to."},
    {"mkdir", "s", os_mkdir, RHAI_FN_VOLATILE, "mkdir(path: string) -> string",
     "Makes a directory and those above it. One that is there already is no error."},
    {"delete", "s", os_delete, RHAI_FN_VOLATILE, "delete(path: string) -> string",
     "Deletes a file, or a directory with all that is in it; of a symbolic link only the link. "
     "Nothing there is no error."},
    {"copy", "ss", os_copy, RHAI_FN_VOLATILE, "copy(source: string, destination: string) -> string",
     "Copies a file or a whole directory, with modes and symbolic links. Into the destination when "
     "that is a directory or ends with a slash. Wildcards in the source copy all that match into a "
     "directory. Missing directories are made, files that are there are replaced."},
    {"mv", "ss", os_mv, RHAI_FN_VOLATILE, "mv(source: string, destination: string) -> string",
     "Moves or renames a file or directory, into the destination when that is a directory. Between "
     "file systems it copies and deletes."},
    {"rsync", "ss", os_rsync, RHAI_FN_VOLATILE,
     "rsync(source: string, destination: string) -> string",
     "Makes the destination a mirror of the source with the program rsync: what is not in the "
     "source "
     "is deleted there. Either may be of another machine: host:path."},
    {"file_read", "s", os_file_read, RHAI_FN_VOLATILE, "file_read(path: string) -> string",
     "The text of a file, 256 MiB at most; it must be UTF-8."},
    {"file_write", "ss", os_file_write, RHAI_FN_VOLATILE,
     "file_write(path: string, text: string) -> string",
     "Makes the text the contents of a file, in one step: readers see the old text or the new one. "
     "Missing directories are made; a file that is there keeps its mode."},
    {"file_write_append", "ss", os_file_write_append, RHAI_FN_VOLATILE,
     "file_write_append(path: string, text: string) -> string",
     "Adds the text to the end of a file, which is made when it is missing."},
    {"file_size", "s", os_file_size, RHAI_FN_VOLATILE, "file_size(path: string) -> int",
     "The size of a file in bytes."},
    {"chdir", "s", os_chdir, RHAI_FN_VOLATILE, "chdir(path: string) -> string",
     "Changes the working directory of the script and of the programs it starts from now on."},
    {"cmd_ensure_exists", "s", os_cmd_ensure_exists, RHAI_FN_VOLATILE,
     "cmd_ensure_exists(commands: string) -> string",
     "An error that names what is missing unless the command, or each of a comma-separated list, "
     "is "
     "in PATH."},
    {"chmod_exec", "s", os_chmod_exec, RHAI_FN_VOLATILE, "chmod_exec(path: string) -> string",
     "Makes a file executable for those who may read it."},
    {"copy_bin", "s", os_copy_bin, RHAI_FN_VOLATILE, "copy_bin(path: string) -> string",
     "Copies a program to where programs are found: HERO_BIN when it is set, else /usr/local/bin "
     "for "
     "root and ~/hero/bin for others."},
};

const herolib_module herolib_os_files_module = {
    .name = "os",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
