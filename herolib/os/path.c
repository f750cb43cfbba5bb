#include "os/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *path_join(const char *dir, const char *name) {
    char *joined;
    size_t len = strlen(dir);
    bool has_slash = len > 0 && dir[len - 1] == '/';
    return asprintf(&joined, "%s%s%s", dir, has_slash ? "" : "/", name) < 0 ? NULL : joined;
}

char *path_name(const char *path) {
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    return strndup(path + begin, end - begin);
}

bool path_is_dir(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Makes one directory of the path, whose rest has been cut off. */
static int make_dir(const char *path) {
    if (mkdir(path, 0777) == 0) return 0;
    int error = errno;
    if (path_is_dir(path)) return 0;
    return -error;
}

int path_make_dirs(const char *path) {
    if (path_is_dir(path)) return 0;
    char *part = strdup(path);
    if (!part) return -ENOMEM;
    int failed = *path ? 0 : -ENOENT;
    for (char *at = part; *at && !failed;) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char slash = *at;
        *at = '\0';
        failed = make_dir(part);
        *at = slash;
    }
    free(part);
    return failed;
}

int path_make_parents(const char *path) {
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    if (len == 0) return 0;
    char *parent = strndup(path, len);
    int failed = parent ? path_make_dirs(parent) : -ENOMEM;
    free(parent);
    return failed;
}

char *path_target(const char *from, const char *to) {
    size_t len = strlen(to);
    bool is_inside = path_is_dir(to) || (len > 0 && to[len - 1] == '/');
    if (!is_inside) return strdup(to);
    char *name = path_name(from);
    char *target = name ? path_join(to, name) : NULL;
    free(name);
    return target;
}
