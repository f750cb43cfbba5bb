#include "hero_rpc/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t rpc_fd_read(int fd, void *data, size_t len) {
    ssize_t n;
    do
        n = read(fd, data, len);
    while (n < 0 && errno == EINTR);
    return n;
}

ssize_t rpc_fd_write(int fd, const void *data, size_t len) {
    ssize_t n;
    do
        n = write(fd, data, len);
    while (n < 0 && errno == EINTR);
    return n;
}

int rpc_fd_write_all(int fd, const void *data, size_t len) {
    const char *at = data;
    while (len > 0) {
        ssize_t n = rpc_fd_write(fd, at, len);
        if (n < 0) return -1;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

void rpc_fd_close(int *fd) {
    int saved = errno;
    if (*fd >= 0)
        close(*fd); /* not repeated on EINTR: on Linux the descriptor is gone (close(2)) */
    *fd = -1;
    errno = saved;
}

int rpc_fd_set_nonblocking(int fd, int on) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -1;
    return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0 ? -1 : 0;
}

int rpc_file_read(const char *path, size_t limit, struct rpc_strbuf *ret_content,
                  struct rpc_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        rpc_error_set_errno(err, "%s", path);
        return -1;
    }
    int result = -1;
    size_t start = ret_content->len;
    for (;;) {
        char *to = rpc_strbuf_reserve(ret_content, 16384);
        ssize_t n = to ? rpc_fd_read(fd, to, 16384) : (errno = ENOMEM, -1);
        if (n < 0) {
            rpc_error_set_errno(err, "%s", path);
            break;
        }
        ret_content->len += (size_t)n;
        ret_content->data[ret_content->len] = '\0';
        if (ret_content->len - start > limit) {
            rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: larger than %zu bytes", path, limit);
            break;
        }
        if (n == 0) {
            result = 0;
            break;
        }
    }
    rpc_fd_close(&fd);
    return result;
}

static int sync_parent(const char *path) {
    char *dir = strdup(path);
    if (!dir) return -1;
    char *slash = strrchr(dir, '/');
    if (slash) slash[slash == dir] = '\0';
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(dir);
    if (fd < 0) return -1;
    int result = fsync(fd);
    rpc_fd_close(&fd);
    return result;
}

int rpc_file_replace(const char *path, const void *data, size_t len, mode_t mode,
                     struct rpc_error *err) {
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "%s: out of memory", path);
        return -1;
    }
    int result = -1;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        rpc_error_set_errno(err, "%s", temporary);
        free(temporary);
        return -1;
    }
    if (rpc_fd_write_all(fd, data, len) == 0 && fchmod(fd, mode) == 0 && fsync(fd) == 0 &&
        rename(temporary, path) == 0 && sync_parent(path) == 0) {
        result = 0;
    } else {
        rpc_error_set_errno(err, "%s", path);
        unlink(temporary);
    }
    rpc_fd_close(&fd);
    free(temporary);
    return result;
}

int rpc_fd_raise_limit(struct rlimit *ret_before, struct rpc_error *err) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        rpc_error_set_errno(err, "getrlimit");
        return -1;
    }
    struct rlimit before = limit;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        rpc_error_set_errno(err, "setrlimit");
        return -1;
    }
    if (ret_before) *ret_before = before;
    return 0;
}
