#include "os/copy.h"

#include "os/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Between two looks at whether the session must stop. */
#define STEP_BYTES (8 * 1024 * 1024)

struct work {
    herolib_session *session;
    struct copy_error *err;
    /* The directory that is being made, which must not be copied into itself. */
    dev_t made_dev;
    ino_t made_ino;
    bool has_made;
};

static int check_stop(const struct work *work) {
    int failed = herolib_wait(work->session, NULL, 0, 0);
    return failed < 0 ? failed : 0;
}

/* The innermost path wins. */
static int failed_at(const struct work *work, const char *path, int failed) {
    if (failed && !work->err->path[0])
        snprintf(work->err->path, sizeof work->err->path, "%s", path);
    return failed;
}

/* ---- Copying ----------------------------------------------------------------------------- */

static int copy_by_hand(int from, int to, ssize_t *ret_copied) {
    char bytes[64 * 1024];
    ssize_t got = read(from, bytes, sizeof bytes);
    if (got < 0) return -errno;
    for (ssize_t done = 0; done < got;) {
        ssize_t put = write(to, bytes + done, (size_t)(got - done));
        if (put < 0) return -errno;
        done += put;
    }
    *ret_copied = got;
    return 0;
}

/* copy_file_range(2) says by which errors it does not work here. */
static bool needs_hand(int error) {
    return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
}

static int copy_bytes(const struct work *work, int from, int to) {
    bool is_by_hand = false;
    for (;;) {
        int failed = check_stop(work);
        if (failed) return failed;
        ssize_t copied = 0;
        if (!is_by_hand && (copied = copy_file_range(from, NULL, to, NULL, STEP_BYTES, 0)) < 0) {
            if (!needs_hand(errno)) return -errno;
            is_by_hand = true;
        }
        /* Files of /proc have no length: there it copies nothing. */
        if (copied <= 0) {
            is_by_hand = true;
            failed = copy_by_hand(from, to, &copied);
            if (failed) return failed;
            if (copied == 0) return 0;
        }
    }
}

/* Devices and directories are not replaced by a file. */
static int check_replaceable(const char *path) {
    struct stat info;
    if (lstat(path, &info) < 0) return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(info.st_mode)) return -EISDIR;
    return S_ISREG(info.st_mode) || S_ISLNK(info.st_mode) ? 0 : -EEXIST;
}

static int copy_file(const struct work *work, const char *from, const char *to, mode_t mode) {
    int failed = check_replaceable(to);
    if (failed) return failed_at(work, to, failed);
    int from_fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (from_fd < 0) return failed_at(work, from, -errno);
    char *temporary;
    if (asprintf(&temporary, "%s.XXXXXX", to) < 0) {
        close(from_fd);
        return -ENOMEM;
    }
    int to_fd = mkostemp(temporary, O_CLOEXEC);
    if (to_fd < 0) {
        failed = failed_at(work, to, -errno);
    } else {
        failed = copy_bytes(work, from_fd, to_fd);
        if (!failed && fchmod(to_fd, mode & 07777) < 0) failed = -errno;
        if (close(to_fd) < 0 && !failed) failed = -errno;
        if (!failed && rename(temporary, to) < 0) failed = -errno;
        if (failed) unlink(temporary);
        failed_at(work, to, failed);
    }
    free(temporary);
    close(from_fd);
    return failed;
}

static int copy_link(const struct work *work, const char *from, const char *to) {
    char target[PATH_MAX];
    ssize_t len = readlink(from, target, sizeof target - 1);
    if (len < 0) return failed_at(work, from, -errno);
    target[len] = '\0';
    int failed = check_replaceable(to);
    if (!failed && unlink(to) < 0 && errno != ENOENT) failed = -errno;
    if (!failed && symlink(target, to) < 0) failed = -errno;
    return failed_at(work, to, failed);
}

static int copy_any(struct work *work, const char *from, const char *to, int depth);

static int copy_entries(struct work *work, const char *from, const char *to, int depth) {
    int fd = open(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int failed = -errno;
        if (fd >= 0) close(fd);
        return failed_at(work, from, failed);
    }
    int failed = 0;
    for (const struct dirent *entry; !failed && (errno = 0, entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *from_entry = path_join(from, entry->d_name), *to_entry = path_join(to, entry->d_name);
        failed = from_entry && to_entry ? copy_any(work, from_entry, to_entry, depth + 1) : -ENOMEM;
        free(from_entry);
        free(to_entry);
    }
    if (!failed && errno) failed = failed_at(work, from, -errno);
    closedir(dir);
    return failed;
}

/* The mode comes last: a directory that is not to be written to is written to before. */
static int copy_dir(struct work *work, const char *from, const char *to, const struct stat *info,
                    int depth) {
    if (depth > PATH_DEPTH_MAX) return failed_at(work, from, PATH_TOO_DEEP);
    if (work->has_made && info->st_dev == work->made_dev && info->st_ino == work->made_ino)
        return failed_at(work, from, -EINVAL);
    struct stat made;
    bool is_new = mkdir(to, 0700) == 0;
    if (!is_new && (errno != EEXIST || !path_is_dir(to))) return failed_at(work, to, -errno);
    if (!work->has_made && stat(to, &made) == 0) {
        work->made_dev = made.st_dev;
        work->made_ino = made.st_ino;
        work->has_made = true;
    }
    int failed = copy_entries(work, from, to, depth);
    if (!failed && is_new && chmod(to, info->st_mode & 07777) < 0)
        failed = failed_at(work, to, -errno);
    return failed;
}

static int copy_any(struct work *work, const char *from, const char *to, int depth) {
    struct stat info;
    int failed = check_stop(work);
    if (failed) return failed;
    if (lstat(from, &info) < 0) return failed_at(work, from, -errno);
    switch (info.st_mode & S_IFMT) {
    case S_IFREG: return copy_file(work, from, to, info.st_mode);
    case S_IFLNK: return copy_link(work, from, to);
    case S_IFDIR: return copy_dir(work, from, to, &info, depth);
    case S_IFIFO: return failed_at(work, to, mkfifo(to, info.st_mode & 07777) < 0 ? -errno : 0);
    default: return failed_at(work, from, -ENOTSUP);
    }
}

/* Whether both are one file, which a copy would empty or replace by itself. */
static bool is_same(const char *a, const char *b) {
    struct stat info_a, info_b;
    return lstat(a, &info_a) == 0 && lstat(b, &info_b) == 0 && info_a.st_dev == info_b.st_dev &&
           info_a.st_ino == info_b.st_ino;
}

int copy_tree(herolib_session *session, const char *from, const char *to, struct copy_error *err) {
    struct work work = {.session = session, .err = err};
    err->path[0] = '\0';
    if (is_same(from, to)) return failed_at(&work, to, -EINVAL);
    return copy_any(&work, from, to, 0);
}

/* ---- Moving ------------------------------------------------------------------------------ */

int move_tree(herolib_session *session, const char *from, const char *to, struct copy_error *err) {
    err->path[0] = '\0';
    if (rename(from, to) == 0) return 0;
    if (errno != EXDEV) return -errno;
    int failed = copy_tree(session, from, to, err);
    return failed ? failed : delete_tree(session, from, err);
}

/* ---- Deleting ---------------------------------------------------------------------------- */

/* The path of an entry is only made when something is wrong with it. */
static int failed_in(const struct work *work, int parent, const char *name, int failed) {
    char link[64], dir[PATH_MAX];
    if (work->err->path[0]) return failed;
    snprintf(link, sizeof link, "/proc/self/fd/%d", parent);
    ssize_t len = parent == AT_FDCWD ? -1 : readlink(link, dir, sizeof dir - 1);
    char *path = NULL;
    if (len > 0) {
        dir[len] = '\0';
        path = path_join(dir, name);
    }
    failed_at(work, path ? path : name, failed);
    free(path);
    return failed;
}

static int delete_at(const struct work *work, int parent, const char *name, int depth);

/* Takes the descriptor over. */
static int delete_entries(const struct work *work, int fd, int depth) {
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int failed = -errno;
        close(fd);
        return failed;
    }
    int failed = 0;
    for (const struct dirent *entry; !failed && (errno = 0, entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            failed = delete_at(work, dirfd(dir), entry->d_name, depth + 1);
    if (!failed) failed = -errno;
    closedir(dir);
    return failed;
}

/* By descriptors, so that nobody can put a link in the place of a directory meanwhile. */
static int delete_at(const struct work *work, int parent, const char *name, int depth) {
    int failed = check_stop(work);
    if (failed) return failed;
    if (depth > PATH_DEPTH_MAX) return failed_in(work, parent, name, PATH_TOO_DEEP);
    if (unlinkat(parent, name, 0) == 0) return 0;
    if (errno != EISDIR && errno != EPERM) return failed_in(work, parent, name, -errno);
    int error = errno;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return failed_in(work, parent, name, errno == ENOTDIR ? -error : -errno);
    failed = delete_entries(work, fd, depth);
    if (!failed && unlinkat(parent, name, AT_REMOVEDIR) < 0) failed = -errno;
    return failed ? failed_in(work, parent, name, failed) : 0;
}

int delete_tree(herolib_session *session, const char *path, struct copy_error *err) {
    const struct work work = {.session = session, .err = err};
    err->path[0] = '\0';
    /* A slash behind a link would make it the directory. */
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    char *name = strndup(path, len);
    int failed = name ? delete_at(&work, AT_FDCWD, name, 0) : -ENOMEM;
    free(name);
    return failed;
}
