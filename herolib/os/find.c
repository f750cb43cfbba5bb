/* find.c - files and directories below one, by patterns of names (fnmatch(3)). */
#include "core/module.h"
#include "core/text.h"
#include "os/os.h"
#include "os/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOUND_MAX 1000000

struct search {
    herolib_session *session;
    const char *pattern;
    bool wants_dirs;
    size_t root_len; /* of the path before what a pattern with a slash is matched with */
    char **paths;
    size_t count, cap;
};

static int add(struct search *search, const char *path) {
    if (search->count == FOUND_MAX) return -E2BIG;
    if (search->count == search->cap) {
        size_t cap = search->cap ? 2 * search->cap : 64;
        char **paths = reallocarray(search->paths, cap, sizeof *paths);
        if (!paths) return -ENOMEM;
        search->paths = paths;
        search->cap = cap;
    }
    char *copy = strdup(path);
    if (!copy) return -ENOMEM;
    search->paths[search->count++] = copy;
    return 0;
}

static bool matches(const struct search *search, const char *path, const char *name) {
    if (!strchr(search->pattern, '/')) return fnmatch(search->pattern, name, 0) == 0;
    const char *relative = path + search->root_len;
    return fnmatch(search->pattern, relative + strspn(relative, "/"), FNM_PATHNAME) == 0;
}

static int visit_dir(struct search *search, const char *path, int depth);

/* A link to a directory counts as one, but what is behind it is not searched. */
static int visit(struct search *search, const char *path, const char *name, int depth) {
    struct stat info;
    if (lstat(path, &info) < 0) return errno == ENOENT ? 0 : -errno;
    bool is_dir = S_ISDIR(info.st_mode);
    bool counts_as_dir = is_dir || (S_ISLNK(info.st_mode) && path_is_dir(path));
    int failed = 0;
    if (counts_as_dir == search->wants_dirs && matches(search, path, name))
        failed = add(search, path);
    if (!failed && is_dir) failed = visit_dir(search, path, depth);
    /* Others' directories may be closed to us; what can be read is searched. */
    return failed == -EACCES ? 0 : failed;
}

static int visit_dir(struct search *search, const char *path, int depth) {
    if (depth > PATH_DEPTH_MAX) return PATH_TOO_DEEP;
    int failed = herolib_wait(search->session, NULL, 0, 0);
    if (failed < 0) return failed;
    DIR *dir = opendir(path);
    if (!dir) return -errno;
    failed = 0;
    for (const struct dirent *entry; !failed && (errno = 0, entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *below = path_join(path, entry->d_name);
        failed = below ? visit(search, below, entry->d_name, depth + 1) : -ENOMEM;
        free(below);
    }
    closedir(dir);
    return failed;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void search_done(struct search *search) {
    for (size_t i = 0; i < search->count; i++)
        free(search->paths[i]);
    free(search->paths);
}

/* On RHAI_OK *ret is the caller's, with the paths in order. */
static rhai_status search_for(rhai_call *call, const rhai_value *args, bool wants_dirs,
                              struct search *ret) {
    const char *dir = text_argument(call, &args[0], "os: the directory");
    const char *pattern = dir ? text_argument(call, &args[1], "os: the pattern") : NULL;
    if (!pattern) return RHAI_ERROR;
    struct search search = {
        .session = herolib_call_session(call),
        .pattern = pattern,
        .wants_dirs = wants_dirs,
        .root_len = strlen(dir),
    };
    int failed = visit_dir(&search, dir, 0);
    if (failed) {
        search_done(&search);
        return os_throw(call, "search", dir, failed);
    }
    if (search.count > 1) qsort(search.paths, search.count, sizeof *search.paths, compare);
    *ret = search;
    return RHAI_OK;
}

static rhai_status find_all(rhai_call *call, rhai_value *args, bool wants_dirs, rhai_value *ret) {
    rhai_engine *engine = rhai_call_engine(call);
    struct search search;
    if (search_for(call, args, wants_dirs, &search) != RHAI_OK) return RHAI_ERROR;
    rhai_value array = rhai_unit();
    rhai_status status =
        rhai_new_array(engine, &array) == RHAI_OK ? RHAI_OK : rhai_throw_out_of_memory(call);
    for (size_t i = 0; i < search.count && status == RHAI_OK; i++) {
        rhai_value item = rhai_unit();
        status = text_value(call, search.paths[i], strlen(search.paths[i]), &item);
        if (status == RHAI_OK && rhai_array_push(engine, &array, &item) != RHAI_OK)
            status = rhai_throw_out_of_memory(call);
    }
    search_done(&search);
    if (status == RHAI_OK)
        *ret = array;
    else
        rhai_value_done(engine, &array);
    return status;
}

static rhai_status find_one(rhai_call *call, rhai_value *args, bool wants_dirs, rhai_value *ret) {
    struct search search;
    if (search_for(call, args, wants_dirs, &search) != RHAI_OK) return RHAI_ERROR;
    size_t len;
    const char *dir = rhai_as_text(&args[0], &len), *kind = wants_dirs ? "directory" : "file";
    rhai_status status;
    if (search.count == 0)
        status = rhai_throw(call, "os: no %s in %s matches '%s'", kind, dir, search.pattern);
    else if (search.count > 1)
        status = rhai_throw(call, "os: more than one %s in %s matches '%s': %s, %s%s", kind, dir,
                            search.pattern, search.paths[0], search.paths[1],
                            search.count > 2 ? " ..." : "");
    else
        status = text_value(call, search.paths[0], strlen(search.paths[0]), ret);
    search_done(&search);
    return status;
}

static rhai_status os_find_file(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return find_one(call, args, false, ret);
}

static rhai_status os_find_files(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return find_all(call, args, false, ret);
}

static rhai_status os_find_dir(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return find_one(call, args, true, ret);
}

static rhai_status os_find_dirs(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return find_all(call, args, true, ret);
}

static const rhai_native functions[] = {
    {"find_file", "ss", os_find_file, RHAI_FN_VOLATILE,
     "find_file(dir: string, pattern: string) -> string",
     "The path of the one file below the directory whose name matches the pattern, which may have "
     "wildcards; none, or more than one, is an error."},
    {"find_files", "ss", os_find_files, RHAI_FN_VOLATILE,
     "find_files(dir: string, pattern: string) -> array",
     "The paths of all files below the directory whose names match the pattern, in order. A "
     "pattern "
     "with a slash is matched with the path from the directory on."},
    {"find_dir", "ss", os_find_dir, RHAI_FN_VOLATILE,
     "find_dir(dir: string, pattern: string) -> string", "The same as find_file for directories."},
    {"find_dirs", "ss", os_find_dirs, RHAI_FN_VOLATILE,
     "find_dirs(dir: string, pattern: string) -> array", "The same as find_files for directories."},
};

const herolib_module herolib_os_find_module = {
    .name = "os",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
