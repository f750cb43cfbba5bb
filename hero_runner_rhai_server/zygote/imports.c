#include "zygote/imports.h"

#include "session/beneath.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".rhai"
#define MODULE_MAX_BYTES (16 * 1024 * 1024)

/* One per process, static: the resolver is set once, in the zygote. */
static char
    *all_roots; /* the real path of each, and behind it the path that was given if another */
static const char *script_dir;

static int add_path(const char *path) {
    char *longer = NULL;
    if (asprintf(&longer, "%s%s%s", all_roots ? all_roots : "", all_roots ? ":" : "", path) < 0)
        return -ENOMEM;
    free(all_roots);
    all_roots = longer;
    return 0;
}

/* Modules are known by their real paths; scripts may say where they are by the paths they know. */
static int add_root(const char *root, size_t len) {
    char path[PATH_MAX], real[PATH_MAX];
    snprintf(path, sizeof path, "%.*s", (int)(len < sizeof path ? len : sizeof path - 1), root);
    bool is_other = realpath(path, real) && strcmp(real, path) != 0; /* else it may come later */
    int failed = is_other ? add_path(real) : 0;
    return failed ? failed : add_path(path);
}

static bool has_suffix(const char *path) {
    size_t len = strlen(path);
    return len >= sizeof SUFFIX - 1 && strcmp(path + len - (sizeof SUFFIX - 1), SUFFIX) == 0;
}

/* The file in a directory that is below a root. */
static int open_beside(const char *dir, size_t dir_len, const char *file, char **ret_real) {
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%.*s/%s", (int)dir_len, dir, file);
    if (len < 0 || (size_t)len >= sizeof path) return -ENAMETOOLONG;
    return beneath_open_in_roots(all_roots, path, ret_real);
}

static int open_module(const char *path, const char *importer, char **ret_real) {
    char file[PATH_MAX];
    int len = snprintf(file, sizeof file, "%s%s", path, has_suffix(path) ? "" : SUFFIX);
    if (len < 0 || (size_t)len >= sizeof file) return -ENAMETOOLONG;
    int fd = -ENOENT;
    if (importer && *path != '/')
        fd = open_beside(importer, (size_t)(strrchr(importer, '/') - importer), file, ret_real);
    else if (script_dir && *path != '/')
        fd = open_beside(script_dir, strlen(script_dir), file, ret_real);
    /* What leads out of the roots from one place may be below them from another. */
    if (fd == -ENOENT || fd == -EXDEV) {
        int in_roots = beneath_open_in_roots(all_roots, file, ret_real);
        if (in_roots >= 0 || fd == -ENOENT) fd = in_roots;
    }
    return fd;
}

const char *imports_behind_shebang(const char *text, size_t *len) {
    if (*len < 2 || memcmp(text, "#!", 2) != 0) return text;
    const char *newline = memchr(text, '\n', *len);
    const char *rest = newline ? newline : text + *len;
    *len -= (size_t)(rest - text);
    return rest;
}

static rhai_status read_module(rhai_call *call, int fd, rhai_value *ret_text) {
    struct stat info;
    if (fstat(fd, &info) < 0)
        return rhai_throw(call, "cannot read the module: %s", strerror(errno));
    if (info.st_size > MODULE_MAX_BYTES)
        return rhai_throw(call, "the module is larger than 16 MiB");
    size_t len = 0, size = (size_t)info.st_size;
    char *bytes = malloc(size + 1);
    if (!bytes) return rhai_throw_out_of_memory(call);
    while (len < size) {
        ssize_t got = read(fd, bytes + len, size - len);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break; /* it has become shorter */
        len += (size_t)got;
    }
    const char *text = imports_behind_shebang(bytes, &len);
    rhai_status status = rhai_from_text(rhai_call_engine(call), text, len, ret_text);
    free(bytes);
    return status == RHAI_OK ? RHAI_OK : rhai_throw(call, "the module is not UTF-8");
}

/* The canonical name of a module is its real path. */
static rhai_status resolve(void *data, rhai_call *call, const char *path, const char *importer,
                           rhai_value *ret_text, rhai_value *ret_name) {
    (void)data;
    char *real = NULL;
    int fd = open_module(path, importer, &real);
    if (fd == -ENOENT || fd == -ENOTDIR) return RHAI_ERROR;
    if (fd == -EXDEV) return rhai_throw(call, "import \"%s\" leads out of the script roots", path);
    if (fd == -ENXIO) return rhai_throw(call, "import \"%s\": is not a regular file", path);
    if (fd < 0) return rhai_throw(call, "import \"%s\": %s", path, strerror(-fd));
    rhai_status status = read_module(call, fd, ret_text);
    close(fd);
    if (status == RHAI_OK)
        status = rhai_from_text(rhai_call_engine(call), real, strlen(real), ret_name);
    free(real);
    return status;
}

int imports_init(rhai_engine *engine, const char *roots) {
    while (*roots) {
        size_t len = strcspn(roots, ":");
        if (len > 0 && add_root(roots, len) < 0) return -ENOMEM;
        roots += len + (roots[len] == ':');
    }
    if (!all_roots && !(all_roots = strdup(""))) return -ENOMEM;
    rhai_engine_set_resolver(engine, resolve, NULL);
    return 0;
}

void imports_set_dir(const char *dir) {
    script_dir = dir;
}
