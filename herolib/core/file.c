#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Reading ----------------------------------------------------------------------------- */

static int load(int fd, size_t max_bytes, char **ret_bytes, size_t *ret_len) {
    struct stat info;
    if (fstat(fd, &info) < 0) return -errno;
    if (S_ISDIR(info.st_mode)) return -EISDIR;
    size_t len = 0, cap = info.st_size > 0 ? (size_t)info.st_size + 1 : 4096;
    char *bytes = NULL;
    for (;;) {
        if (len > max_bytes) {
            free(bytes);
            return -EFBIG;
        }
        if (!bytes || len + 1 >= cap) {
            if (bytes) cap *= 2;
            char *grown = realloc(bytes, cap + 1);
            if (!grown) {
                free(bytes);
                return -ENOMEM;
            }
            bytes = grown;
        }
        ssize_t got = read(fd, bytes + len, cap - len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            int failed = -errno;
            free(bytes);
            return failed;
        }
        if (got == 0) break;
        len += (size_t)got;
    }
    bytes[len] = '\0';
    *ret_bytes = bytes;
    *ret_len = len;
    return 0;
}

int file_load(const char *path, size_t max_bytes, char **ret_bytes, size_t *ret_len) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return -errno;
    int failed = load(fd, max_bytes, ret_bytes, ret_len);
    close(fd);
    return failed;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static int write_all(int fd, const char *bytes, size_t len) {
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);
        if (put < 0 && errno != EINTR) return -errno;
        if (put < 0) continue;
        bytes += put;
        len -= (size_t)put;
    }
    return 0;
}

/* Devices and pipes cannot be replaced: they are written to. */
static int write_through(const char *path, const char *bytes, size_t len) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return -errno;
    int failed = write_all(fd, bytes, len);
    return close(fd) < 0 && !failed ? -errno : failed;
}

static mode_t mode_of_new_file(void) {
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static int replace(const char *path, mode_t mode, const char *bytes, size_t len) {
    char temporary[PATH_MAX];
    int room = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (room < 0 || (size_t)room >= sizeof temporary) return -ENAMETOOLONG;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) return -errno;
    int failed = write_all(fd, bytes, len);
    if (!failed && fchmod(fd, mode) < 0) failed = -errno;
    if (!failed && fsync(fd) < 0) failed = -errno;
    if (close(fd) < 0 && !failed) failed = -errno;
    if (!failed && rename(temporary, path) < 0) failed = -errno;
    if (failed) unlink(temporary);
    return failed;
}

int file_store(const char *path, const char *bytes, size_t len) {
    struct stat info;
    if (stat(path, &info) < 0) {
        if (errno != ENOENT) return -errno;
        return replace(path, mode_of_new_file(), bytes, len);
    }
    if (S_ISDIR(info.st_mode)) return -EISDIR;
    if (!S_ISREG(info.st_mode)) return write_through(path, bytes, len);
    char *target = realpath(path, NULL);
    if (!target) return -errno;
    int failed = replace(target, info.st_mode & 07777, bytes, len);
    free(target);
    return failed;
}
