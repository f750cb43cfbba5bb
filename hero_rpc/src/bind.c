#include "hero_rpc/bind.h"
#include "hero_rpc/fd.h"
#include "hero_rpc/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 1024
#define SOCKET_MODE 0660

struct rpc_binding {
    char *path;
    int socket_lock; /* beside the socket */
    int state_lock;  /* -1 without a state directory */
    int fd;
    /* Which directory entry is ours. */
    dev_t device;
    ino_t inode;
    gid_t gid;
};

static void fill_address(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, strlen(path) + 1);
}

/* The pid written in a lock file; 0 when there is none. */
static pid_t read_owner(int lock) {
    char text[24] = "";
    ssize_t n = pread(lock, text, sizeof text - 1, 0);
    return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static void set_in_use(struct rpc_error *err, const char *path, pid_t owner) {
    if (owner > 0)
        rpc_error_set(err, RPC_ERROR_IN_USE, owner, "%s is in use by process %d", path, (int)owner);
    else
        rpc_error_set(err, RPC_ERROR_IN_USE, 0, "%s is in use by another process", path);
}

/* Takes a lock for life. The file stays when the lock goes: unlinking it would let two owners hold
 * locks on two files of the same name. */
static int take_lock(const char *lock_path, const char *path, struct rpc_error *err) {
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        rpc_error_set_errno(err, "cannot open lock file %s", lock_path);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            set_in_use(err, path, read_owner(fd));
        else
            rpc_error_set_errno(err, "cannot lock %s", lock_path);
        rpc_fd_close(&fd);
        return -1;
    }
    char owner[24];
    int n = snprintf(owner, sizeof owner, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, owner, (size_t)n, 0) != n) {
        rpc_error_set_errno(err, "cannot write lock file %s", lock_path);
        rpc_fd_close(&fd);
    }
    return fd;
}

pid_t rpc_binding_owner(const char *path) {
    char *lock_path;
    if (asprintf(&lock_path, "%s.lock", path) < 0) return 0;
    int fd = open(lock_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    free(lock_path);
    if (fd < 0) return 0;
    pid_t owner = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : read_owner(fd);
    close(fd);
    return owner;
}

static int take_locks(struct rpc_binding *b, const char *state_dir, struct rpc_error *err) {
    char *lock_path = NULL;
    if (asprintf(&lock_path, "%s.lock", b->path) < 0) goto no_memory;
    b->socket_lock = take_lock(lock_path, b->path, err);
    free(lock_path);
    if (b->socket_lock < 0) return -1;
    if (!state_dir) return 0;

    if (rpc_path_make_dirs(state_dir, 0700, err) != 0) return -1;
    const char *name = strrchr(b->path, '/');
    if (asprintf(&lock_path, "%s/%s.lock", state_dir, name ? name + 1 : b->path) < 0)
        goto no_memory;
    b->state_lock = take_lock(lock_path, b->path, err);
    free(lock_path);
    return b->state_lock < 0 ? -1 : 0;
no_memory:
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return -1;
}

/* 0 when nobody listens at the path (whether or not there is an entry), else -1 and who does. */
static int probe(const char *path, struct rpc_error *err) {
    struct stat st;
    if (lstat(path, &st) != 0) {
        if (errno == ENOENT) return 0;
        rpc_error_set_errno(err, "%s", path);
        return -1;
    }
    if (!S_ISSOCK(st.st_mode)) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s is there and is not a socket", path);
        return -1;
    }
    struct sockaddr_un address;
    fill_address(&address, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        rpc_error_set_errno(err, "socket");
        return -1;
    }
    int result = 0;
    /* EAGAIN: a listener whose backlog is full; alive, though not well. */
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN) {
        struct ucred owner = {0};
        socklen_t len = sizeof owner;
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &len);
        set_in_use(err, path, owner.pid);
        result = -1;
    } else if (errno != ECONNREFUSED && errno != ENOENT) {
        rpc_error_set_errno(err, "cannot find out whether %s is in use", path);
        result = -1;
    }
    rpc_fd_close(&fd);
    return result;
}

/* Binds under a temporary name, listens, renames. With both locks held and a name made of the pid
 * the temporary entry can only be a leftover of a process that no longer lives. */
static int bind_and_rename(struct rpc_binding *b, struct rpc_error *err) {
    char *temporary = NULL;
    int fd = -1;
    /* In the same directory, for rename; short, because it has to fit a socket address too. */
    const char *slash = strrchr(b->path, '/');
    int dir_len = slash ? (int)(slash - b->path + 1) : 0;
    if (asprintf(&temporary, "%.*s.%x", dir_len, b->path, (unsigned)getpid()) < 0) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    if (rpc_path_check_socket(temporary, err) != 0) goto fail;
    unlink(temporary);

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        rpc_error_set_errno(err, "socket");
        goto fail;
    }
    struct sockaddr_un address;
    fill_address(&address, temporary);
    /* bind gives the entry the mode of the socket less the umask. So fchmod first: the entry is
     * never wider than wanted; and chmod after, for a umask that takes too much. Changing the umask
     * would do too, but it belongs to all threads. */
    struct stat st;
    if (fchmod(fd, SOCKET_MODE) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(temporary, SOCKET_MODE) != 0 || lstat(temporary, &st) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        rpc_error_set_errno(err, "cannot bind %s", b->path);
        goto fail;
    }
    if (rename(temporary, b->path) != 0) {
        rpc_error_set_errno(err, "cannot rename %s to %s", temporary, b->path);
        goto fail;
    }
    free(temporary);
    rpc_fd_close(&b->fd);
    b->fd = fd;
    b->device = st.st_dev;
    b->inode = st.st_ino;
    b->gid = st.st_gid;
    return 0;
fail:
    if (fd >= 0) unlink(temporary);
    rpc_fd_close(&fd);
    free(temporary);
    return -1;
}

static bool is_ours(const struct rpc_binding *b, struct stat *ret_entry) {
    return b->fd >= 0 && lstat(b->path, ret_entry) == 0 && ret_entry->st_dev == b->device &&
           ret_entry->st_ino == b->inode;
}

struct rpc_binding *rpc_binding_open(const char *path, const char *state_dir,
                                     struct rpc_error *err) {
    if (rpc_path_check_socket(path, err) != 0 || rpc_path_make_parent(path, 0755, err) != 0)
        return NULL;
    struct rpc_binding *b = calloc(1, sizeof *b);
    if (!b || !(b->path = strdup(path))) {
        free(b);
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    b->fd = b->socket_lock = b->state_lock = -1;
    if (take_locks(b, state_dir, err) == 0 && probe(path, err) == 0 && bind_and_rename(b, err) == 0)
        return b;
    rpc_binding_close(b);
    return NULL;
}

void rpc_binding_close(struct rpc_binding *b) {
    struct stat entry;
    if (!b) return;
    if (is_ours(b, &entry)) unlink(b->path);
    rpc_fd_close(&b->fd);
    rpc_fd_close(&b->state_lock);
    rpc_fd_close(&b->socket_lock);
    free(b->path);
    free(b);
}

int rpc_binding_fd(const struct rpc_binding *b) {
    return b->fd;
}
const char *rpc_binding_path(const struct rpc_binding *b) {
    return b->path;
}
gid_t rpc_binding_gid(const struct rpc_binding *b) {
    return b->gid;
}

enum rpc_binding_state rpc_binding_check(struct rpc_binding *b, struct rpc_error *err) {
    struct stat entry;
    if (is_ours(b, &entry)) {
        b->gid = entry.st_gid; /* an operator may give the socket to another group */
        return RPC_BINDING_OURS;
    }
    /* The directory may have gone with the entry. */
    if (probe(b->path, err) != 0 || rpc_path_make_parent(b->path, 0755, err) != 0 ||
        bind_and_rename(b, err) != 0)
        return RPC_BINDING_LOST;
    return RPC_BINDING_REBOUND;
}
