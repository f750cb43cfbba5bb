/* git.c - repositories and trees of them, through the git program.
 *
 * A tree keeps repositories as <base>/<host>/<owner>/<name>, the layout that get() clones into; list()
 * finds them wherever they are below the base.
 */
#include "core/module.h"
#include "core/text.h"
#include "core/native.h"
#include "process/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 8

struct git_path {
    char *path; /* absolute */
};

static void path_free(void *object) {
    struct git_path *place = object;
    free(place->path);
    free(place);
}

static size_t path_text(const char *type, const void *object, char *buffer, size_t size) {
    const struct git_path *place = object;
    int len = snprintf(buffer, size, "%s(%s)", type, place->path);
    return (size_t)len < size ? (size_t)len : size - 1;
}

static size_t tree_text(const void *object, char *buffer, size_t size) {
    return path_text("GitTree", object, buffer, size);
}

static size_t repo_text(const void *object, char *buffer, size_t size) {
    return path_text("GitRepo", object, buffer, size);
}

/* Handles: what they name is outside. */
static const rhai_custom_type tree_type = {.name = "GitTree", .free = path_free, .text = tree_text};
static const rhai_custom_type repo_type = {.name = "GitRepo", .free = path_free, .text = repo_text};

static const char *path_of(const rhai_value *value) {
    const struct git_path *place = rhai_as_custom(value);
    return place->path;
}

/* Takes `path` over; NULL means out of memory. */
static rhai_status give_path(rhai_call *call, const rhai_custom_type *type, char *path,
                             rhai_value *ret) {
    struct git_path *place = path ? malloc(sizeof *place) : NULL;
    if (place)
        place->path = path;
    else
        free(path);
    return value_custom(call, type, place, ret);
}

/* ---- Running git ------------------------------------------------------------------------- */

#define ARGS_MAX 12

static const struct tool git = {.module = "Git error", .program = "git", .package = "git"};

/* git -C dir args...; args end with NULL. A password that git asks for is empty. */
static rhai_status run_git(rhai_call *call, const char *dir, const char *const *args,
                           struct command_result *ret) {
    const char *argv[ARGS_MAX + 6] = {"git", "-c", "core.askPass=true"};
    size_t count = 3;
    if (dir) {
        argv[count++] = "-C";
        argv[count++] = dir;
    }
    for (size_t i = 0; args[i]; i++)
        argv[count++] = args[i];
    argv[count] = NULL;
    struct command command = {.argv = argv, .is_silent = true};
    return tool_run(call, &git, &command, ret);
}

/* The same; a failure is thrown: "Git error: pull /x: ...". */
static rhai_status do_git(rhai_call *call, const char *dir, const char *what,
                          const char *const *args) {
    struct command_result result;
    char text[PATH_MAX + 32];
    if (run_git(call, dir, args, &result) != RHAI_OK) return RHAI_ERROR;
    snprintf(text, sizeof text, "%s %s", args[0], what);
    rhai_status status = result.code == 0 ? RHAI_OK : tool_throw(call, &git, text, &result);
    command_result_done(&result);
    return status;
}

#define DO_GIT(call, dir, ...) do_git(call, dir, dir, (const char *const[]){__VA_ARGS__, NULL})

/* ---- Repositories ------------------------------------------------------------------------ */

/* The repository itself, so that calls chain. */
static rhai_status give_self(rhai_value *args, rhai_value *ret) {
    rhai_value_copy(&args[0], ret);
    return RHAI_OK;
}

static rhai_status git_repo_path(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = path_of(&args[0]);
    return text_value(call, path, strlen(path), ret);
}

static rhai_status has_changes(rhai_call *call, const char *path, bool *ret) {
    struct command_result result;
    static const char *const args[] = {"status", "--porcelain", NULL};
    if (run_git(call, path, args, &result) != RHAI_OK) return RHAI_ERROR;
    rhai_status status = result.code == 0 ? RHAI_OK : tool_throw(call, &git, path, &result);
    *ret = result.out.len > 0;
    command_result_done(&result);
    return status;
}

static rhai_status git_has_changes(rhai_call *call, rhai_value *args, rhai_value *ret) {
    bool changed;
    if (has_changes(call, path_of(&args[0]), &changed) != RHAI_OK) return RHAI_ERROR;
    *ret = rhai_from_bool(changed);
    return RHAI_OK;
}

static rhai_status git_pull(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = path_of(&args[0]);
    bool changed;
    if (has_changes(call, path, &changed) != RHAI_OK) return RHAI_ERROR;
    if (changed) return rhai_throw(call, "Git error: pull %s: it has changes", path);
    if (DO_GIT(call, path, "pull", "--quiet", "--ff-only") != RHAI_OK) return RHAI_ERROR;
    return give_self(args, ret);
}

static rhai_status git_reset(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = path_of(&args[0]);
    if (DO_GIT(call, path, "reset", "--quiet", "--hard") != RHAI_OK ||
        DO_GIT(call, path, "clean", "-ffdq") != RHAI_OK)
        return RHAI_ERROR;
    return give_self(args, ret);
}

static rhai_status git_commit(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = path_of(&args[0]);
    const char *message = text_argument(call, &args[1], "Git error: the message");
    bool changed;
    if (!message || has_changes(call, path, &changed) != RHAI_OK) return RHAI_ERROR;
    if (!changed) return rhai_throw(call, "Git error: commit %s: nothing to commit", path);
    if (DO_GIT(call, path, "add", "--all") != RHAI_OK ||
        DO_GIT(call, path, "commit", "--quiet", "-m", message) != RHAI_OK)
        return RHAI_ERROR;
    return give_self(args, ret);
}

/* A branch that has no upstream yet gets the one of its name. */
static rhai_status git_push(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = path_of(&args[0]);
    if (DO_GIT(call, path, "push", "--quiet", "--set-upstream", "origin", "HEAD") != RHAI_OK)
        return RHAI_ERROR;
    return give_self(args, ret);
}

/* ---- Trees ------------------------------------------------------------------------------- */

static rhai_status git_tree_new(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *path = text_argument(call, &args[0], "Git error: the path");
    struct stat info;
    if (!path) return RHAI_ERROR;
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return rhai_throw(call, "Git error: cannot use %s: %s", path, strerror(errno));
    char *real = realpath(path, NULL);
    if (!real || stat(real, &info) < 0 || !S_ISDIR(info.st_mode)) {
        rhai_status status = rhai_throw(call, "Git error: cannot use %s: %s", path,
                                        strerror(real ? ENOTDIR : errno));
        free(real);
        return status;
    }
    return give_path(call, &tree_type, real, ret);
}

struct walk {
    rhai_call *call;
    const char *pattern; /* of the name or the path below the base; NULL: all */
    size_t base_len;
    bool gives_repos; /* else paths */
    rhai_value *array;
};

static bool has_git(const char *dir) {
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/.git", dir) < PATH_MAX && access(path, F_OK) == 0;
}

static rhai_status on_repo(struct walk *walk, const char *path) {
    const char *below = path + walk->base_len + (path[walk->base_len] == '/');
    const char *slash = strrchr(path, '/');
    if (walk->pattern && fnmatch(walk->pattern, slash + 1, 0) != 0 &&
        fnmatch(walk->pattern, below, 0) != 0)
        return RHAI_OK;
    if (!walk->gives_repos) return value_push_text(walk->call, walk->array, path, strlen(path));
    rhai_value repo;
    if (give_path(walk->call, &repo_type, strdup(path), &repo) != RHAI_OK) return RHAI_ERROR;
    return value_push(walk->call, walk->array, &repo);
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

/* In order of names. A repository is not searched for others. What cannot be read is passed over. */
static rhai_status walk_dir(struct walk *walk, const char *dir, int depth) {
    if (has_git(dir)) return on_repo(walk, dir);
    if (herolib_wait(herolib_call_session(walk->call), NULL, 0, 0) == -ECANCELED)
        return rhai_throw_terminated(walk->call);
    struct dirent **entries;
    int count = depth > 0 ? scandir(dir, &entries, is_visible, alphasort) : 0;
    rhai_status status = RHAI_OK;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        int len = snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
        if (status == RHAI_OK && len < PATH_MAX) status = walk_dir(walk, path, depth - 1);
        free(entries[i]);
    }
    if (count > 0 || (depth > 0 && count == 0)) free(entries);
    return status;
}

static rhai_status find(rhai_call *call, const rhai_value *tree, const char *pattern,
                        bool gives_repos, rhai_value *ret) {
    const char *base = path_of(tree);
    struct walk walk = {call, pattern, strlen(base), gives_repos, ret};
    if (rhai_new_array(rhai_call_engine(call), ret) != RHAI_OK) return rhai_throw_out_of_memory(call);
    if (walk_dir(&walk, base, DEPTH_MAX) == RHAI_OK) return RHAI_OK;
    rhai_value_done(rhai_call_engine(call), ret);
    return RHAI_ERROR;
}

static rhai_status git_list(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return find(call, &args[0], NULL, false, ret);
}

static rhai_status git_find(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *pattern = text_argument(call, &args[1], "Git error: the pattern");
    return pattern ? find(call, &args[0], pattern, true, ret) : RHAI_ERROR;
}

/* "host/owner/name" of a URL: https://host/owner/name.git, git@host:owner/name.git,
 * file:///srv/name. From malloc; NULL when there is nothing of that kind in it. */
static char *place_of_url(const char *url) {
    const char *scheme = strstr(url, "://"), *rest = scheme ? scheme + 3 : url;
    const char *at = strchr(rest, '@'), *slash = strchr(rest, '/');
    if (at && (!slash || at < slash)) rest = at + 1;
    while (*rest == '/')
        rest++;
    char *place = strdup(rest);
    if (!place) return NULL;
    char *colon = scheme ? NULL : strchr(place, ':');
    if (colon) *colon = '/';
    size_t len = strlen(place);
    while (len > 0 && place[len - 1] == '/')
        place[--len] = '\0';
    if (len > 4 && strcmp(place + len - 4, ".git") == 0) place[len - 4] = '\0';
    bool is_safe = *place && strchr(place, '/') && !strstr(place, "..");
    if (is_safe) return place;
    free(place);
    errno = EINVAL;
    return NULL;
}

static bool is_url(const char *text) {
    const char *colon = strchr(text, ':'), *slash = strchr(text, '/');
    return strstr(text, "://") || (colon && slash && colon < slash && strchr(text, '@'));
}

static rhai_status clone_to(rhai_call *call, const char *url, const char *path) {
    const char *const args[] = {"clone", "--quiet", "--", url, path, NULL};
    return do_git(call, NULL, url, args);
}

static rhai_status get_url(rhai_call *call, const rhai_value *tree, const char *url,
                           rhai_value *ret) {
    char *place = place_of_url(url), *path = NULL;
    if (!place) return rhai_throw(call, "Git error: %s is not the URL of a repository", url);
    int len = asprintf(&path, "%s/%s", path_of(tree), place);
    free(place);
    if (len < 0) return rhai_throw_out_of_memory(call);
    if (!has_git(path) && clone_to(call, url, path) != RHAI_OK) {
        free(path);
        return RHAI_ERROR;
    }
    return give_path(call, &repo_type, path, ret);
}

static rhai_status git_get(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = text_argument(call, &args[1], "Git error: the name");
    if (!name) return RHAI_ERROR;
    if (is_url(name)) return get_url(call, &args[0], name, ret);
    rhai_value found;
    if (find(call, &args[0], name, true, &found) != RHAI_OK) return RHAI_ERROR;
    size_t count = rhai_array_len(&found);
    if (count == 1) rhai_value_copy(rhai_array_at(&found, 0), ret);
    rhai_value_done(rhai_call_engine(call), &found);
    if (count == 1) return RHAI_OK;
    return rhai_throw(call, "Git error: %zu repositories below %s match '%s'", count,
                      path_of(&args[0]), name);
}

static rhai_status git_clone(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *url = text_argument(call, &args[0], "Git error: the URL");
    if (!url) return RHAI_ERROR;
    const char *tmp = getenv("TMPDIR");
    char *path;
    if (asprintf(&path, "%s/git_clone.XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0)
        return rhai_throw_out_of_memory(call);
    if (!mkdtemp(path)) {
        rhai_status status = rhai_throw(call, "Git error: %s: %s", path, strerror(errno));
        free(path);
        return status;
    }
    if (clone_to(call, url, path) == RHAI_OK) return give_path(call, &repo_type, path, ret);
    rmdir(path);
    free(path);
    return RHAI_ERROR;
}

static rhai_status git_clone_to(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *url = text_argument(call, &args[0], "Git error: the URL");
    const char *path = url ? text_argument(call, &args[1], "Git error: the path") : NULL;
    if (!path || clone_to(call, url, path) != RHAI_OK) return RHAI_ERROR;
    return give_path(call, &repo_type, realpath(path, NULL), ret);
}

#define TREE "{GitTree}"
#define REPO "{GitRepo}"

static const rhai_native functions[] = {
    {"git_tree_new", "s", git_tree_new, RHAI_FN_VOLATILE, "git_tree_new(base: string) -> GitTree",
     "A directory that holds repositories; it is made when its parent exists."},
    {"list", TREE, git_list, RHAI_FN_VOLATILE, "GitTree.list() -> array",
     "The paths of all repositories below the base, in order."},
    {"find", TREE "s", git_find, RHAI_FN_VOLATILE, "GitTree.find(pattern: string) -> array",
     "The repositories whose name, or path below the base, matches a pattern with * and ?."},
    {"get", TREE "s", git_get, RHAI_FN_VOLATILE, "GitTree.get(name_or_url: string) -> GitRepo",
     "The one repository of that name or pattern; none or several are an error. A URL is cloned into "
     "the tree as host/owner/name unless it is there."},
    {"path", REPO, git_repo_path, RHAI_FN_VOLATILE, "GitRepo.path() -> string",
     "The absolute path."},
    {"has_changes", REPO, git_has_changes, RHAI_FN_VOLATILE, "GitRepo.has_changes() -> bool",
     "Whether something is not committed, new files included."},
    {"pull", REPO, git_pull, RHAI_FN_VOLATILE, "GitRepo.pull() -> GitRepo",
     "Gets what is new and moves forward; changes, or commits that are not there, are an error."},
    {"reset", REPO, git_reset, RHAI_FN_VOLATILE, "GitRepo.reset() -> GitRepo",
     "Drops all changes that are not committed, new files included."},
    {"commit", REPO "s", git_commit, RHAI_FN_VOLATILE,
     "GitRepo.commit(message: string) -> GitRepo",
     "Commits everything; nothing to commit is an error."},
    {"push", REPO, git_push, RHAI_FN_VOLATILE, "GitRepo.push() -> GitRepo",
     "Sends the branch to the remote `origin`."},
    {"git_clone", "s", git_clone, RHAI_FN_VOLATILE, "git_clone(url: string) -> GitRepo",
     "Clones into a new temporary directory."},
    {"git_clone", "ss", git_clone_to, RHAI_FN_VOLATILE,
     "git_clone(url: string, path: string) -> GitRepo", "Clones to a path."},
};

static const rhai_custom_type *const types[] = {&tree_type, &repo_type};

const herolib_module herolib_git_module = {
    .name = "git",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
