#include "session/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The name the kernel has for an open file. NULL without memory, or when it was deleted. */
static char *real_path(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len <= 0 || path[0] != '/') return NULL;
    path[len] = '\0';
    return strdup(path);
}

int beneath_open(const char *root, const char *path, char **ret_real) {
    int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return -errno;
    struct open_how how = {
        /* O_NONBLOCK: opening a FIFO must not wait. */
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    int failed = fd < 0 ? -errno : 0;
    close(dir);
    struct stat info;
    if (!failed && fstat(fd, &info) < 0) failed = -errno;
    if (!failed && !S_ISREG(info.st_mode)) failed = S_ISDIR(info.st_mode) ? -EISDIR : -ENXIO;
    if (!failed && ret_real && !(*ret_real = real_path(fd))) failed = -ENOENT;
    if (!failed) return fd;
    if (fd >= 0) close(fd);
    return failed;
}

/* The part of an absolute path that is below a root; NULL: it is not. */
static const char *part_below(const char *root, const char *path) {
    size_t len = strlen(root);
    while (len > 1 && root[len - 1] == '/')
        len--;
    if (len == 1) return path + strspn(path, "/");
    if (strncmp(path, root, len) != 0 || path[len] != '/') return NULL;
    return path + len + strspn(path + len, "/");
}

int beneath_open_in_roots(const char *roots, const char *path, char **ret_real) {
    int outcome = 0; /* none so far */
    while (*roots) {
        size_t len = strcspn(roots, ":");
        char root[PATH_MAX];
        snprintf(root, sizeof root, "%.*s", (int)(len < sizeof root ? len : sizeof root - 1),
                 roots);
        const char *below = *path == '/' ? part_below(root, path) : path;
        if (below && *below) {
            int fd = beneath_open(root, below, ret_real);
            if (fd >= 0) return fd;
            /* The clearest reason wins: it is not in one root, but may not be opened in another. */
            if (fd != -ENOENT || outcome == 0) outcome = fd;
        }
        roots += len + (roots[len] == ':');
    }
    return outcome ? outcome : *path == '/' ? -EXDEV : -ENOENT;
}
