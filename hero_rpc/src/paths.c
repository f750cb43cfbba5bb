#include "hero_rpc/paths.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A place to look for a directory: an environment variable and what follows its value. The last
 * entry of a table has no variable and stands for the home directory. */
struct source {
    const char *variable;
    const char *suffix;
};

static const struct source socket_sources[] = {
    {"PATH_SOCKET", ""},           {"HERO_SOCKET_DIR", ""},     {"PATH_VAR", "/sockets"},
    {"PATH_ROOT", "/var/sockets"}, {NULL, "/hero/var/sockets"},
};

static const struct source state_sources[] = {
    {"PATH_VAR", ""},
    {"PATH_ROOT", "/var"},
    {NULL, "/hero/var"},
};

static char *__attribute__((format(printf, 2, 3)))
format_path(struct rpc_error *err, const char *format, ...) {
    char *path = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&path, format, args);
    va_end(args);
    if (n >= 0) return path;
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return NULL;
}

static const char *home_directory(void) {
    const char *home = getenv("HOME");
    if (home && *home) return home;
    const struct passwd *user = getpwuid(getuid());
    return user ? user->pw_dir : NULL;
}

static char *resolve(const struct source *source, struct rpc_error *err) {
    const char *base = NULL;
    for (; source->variable; source++) {
        base = getenv(source->variable);
        if (base && *base) break;
    }
    const char *name = source->variable ? source->variable : "HOME";
    if (!source->variable) base = home_directory();
    if (!base) {
        rpc_error_set(
            err, RPC_ERROR_INVALID, 0,
            "no home directory: HOME is not set and the user is not in the password file");
        return NULL;
    }
    if (base[0] != '/') {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s must be an absolute path, not \"%s\"", name,
                      base);
        return NULL;
    }
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    char *path = format_path(err, "%.*s%s", (int)len, base, source->suffix);
    if (path && !*path) { /* the variable was "/" and has no suffix */
        free(path);
        return format_path(err, "/");
    }
    return path;
}

char *rpc_path_socket_root(struct rpc_error *err) {
    return resolve(socket_sources, err);
}

int rpc_path_check_socket(const char *path, struct rpc_error *err) {
    size_t len = strlen(path);
    if (len <= RPC_SOCKET_PATH_MAX_BYTES) return 0;
    rpc_error_set(err, RPC_ERROR_INVALID, 0,
                  "socket path too long: %zu bytes, at most %d are possible: %s", len,
                  RPC_SOCKET_PATH_MAX_BYTES, path);
    return -1;
}

char *rpc_path_socket(const char *service, const char *file, struct rpc_error *err) {
    char *root = rpc_path_socket_root(err);
    if (!root) return NULL;
    char *path = format_path(err, "%s/%s/%s", root, service, file);
    free(root);
    if (path && rpc_path_check_socket(path, err) != 0) {
        free(path);
        return NULL;
    }
    return path;
}

char *rpc_path_state_dir(const char *service, struct rpc_error *err) {
    char *root = resolve(state_sources, err);
    if (!root) return NULL;
    char *path = format_path(err, "%s/%s", root, service);
    free(root);
    return path;
}

static int make_dir(const char *path, mode_t mode, bool exact, struct rpc_error *err) {
    if (mkdir(path, mode) == 0) {
        if (!exact || chmod(path, mode) == 0) return 0;
    } else if (errno == EEXIST) {
        struct stat st;
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return 0;
        errno = ENOTDIR;
    }
    rpc_error_set_errno(err, "cannot create directory %s", path);
    return -1;
}

int rpc_path_make_dirs(const char *path, mode_t mode, struct rpc_error *err) {
    char *copy = format_path(err, "%s", path);
    if (!copy) return -1;
    size_t len = strlen(copy);
    while (len > 1 && copy[len - 1] == '/')
        copy[--len] = '\0';
    int result = 0;
    for (char *slash = strchr(copy + 1, '/'); slash && result == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        result = make_dir(copy, 0755, false, err);
        *slash = '/';
    }
    if (result == 0) result = make_dir(copy, mode, true, err);
    free(copy);
    return result;
}

int rpc_path_make_parent(const char *path, mode_t mode, struct rpc_error *err) {
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) return 0;
    char *parent = format_path(err, "%.*s", (int)(slash - path), path);
    if (!parent) return -1;
    int result = rpc_path_make_dirs(parent, mode, err);
    free(parent);
    return result;
}
