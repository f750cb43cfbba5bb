#include "server/kill_other.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOOK_EVERY_MS 50
#define GIVE_UP_MS (2 * KILL_OTHER_PATIENCE_MS)
#define TARGETS_MAX 64

struct kill_other {
    const struct action_spec *spec;
    kill_other_done *done;
    void *ctx;
    struct event *timer;
    int64_t waited_ms;
    pid_t targets[TARGETS_MAX];
    size_t target_count;
    char why[256];
};

static void add_target(struct kill_other *operation, pid_t pid) {
    if (pid <= 1 || pid == getpid()) return;
    for (size_t i = 0; i < operation->target_count; i++)
        if (operation->targets[i] == pid) return;
    if (operation->target_count < TARGETS_MAX) operation->targets[operation->target_count++] = pid;
}

/* ---- Who listens on a Unix socket -------------------------------------------------------- */

/* Its process, by SO_PEERCRED (unix(7)); 0 when nobody listens; -1 when it is busy or cannot be
 * asked. */
static pid_t socket_listener(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -1;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    pid_t pid = -1;
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        pid = errno == ECONNREFUSED || errno == ENOENT ? 0 : -1;
    else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
        pid = peer.pid;
    close(fd);
    return pid;
}

/* The file is renamed aside before it is looked at again: if somebody has bound the path meanwhile,
 * it is put back. */
static void remove_dead_socket(const char *path) {
    struct stat before, after;
    char aside[sizeof((struct sockaddr_un *)0)->sun_path + 16];
    if (lstat(path, &before) < 0 || !S_ISSOCK(before.st_mode)) return;
    if (socket_listener(path) != 0) return;
    snprintf(aside, sizeof aside, "%s.dead", path);
    if (rename(path, aside) < 0) return;
    bool is_same = lstat(aside, &after) == 0 && after.st_ino == before.st_ino &&
                   after.st_dev == before.st_dev && socket_listener(aside) == 0;
    if (is_same)
        unlink(aside);
    else
        rename(aside, path);
}

/* ---- Who listens on a port --------------------------------------------------------------- */

/* Inodes of sockets that listen on the port, from /proc/net/tcp and tcp6 (proc(5)). */
static size_t find_inodes(unsigned port, unsigned long *inodes, size_t most) {
    static const char *const files[] = {"/proc/net/tcp", "/proc/net/tcp6"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        FILE *file = fopen(files[i], "re");
        char line[512];
        while (file && fgets(line, sizeof line, file)) {
            unsigned local, state;
            unsigned long inode;
            if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*d %*d %lu",
                       &local, &state, &inode) != 3)
                continue;
            if (local == port && state == 0x0A && count < most) inodes[count++] = inode;
        }
        if (file) fclose(file);
    }
    return count;
}

static bool holds_socket(const char *pid, const unsigned long *inodes, size_t count) {
    char path[300], target[64];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *dir = opendir(path);
    if (!dir) return false;
    for (struct dirent *entry; !found && (entry = readdir(dir));) {
        unsigned long inode;
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (len < 0) continue;
        target[len] = '\0';
        if (sscanf(target, "socket:[%lu]", &inode) != 1) continue;
        for (size_t i = 0; i < count; i++)
            found |= inodes[i] == inode;
    }
    closedir(dir);
    return found;
}

static bool command_contains(const char *pid, const char *text) {
    char path[300], command[4096];
    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t len = fread(command, 1, sizeof command - 1, file);
    fclose(file);
    for (size_t i = 0; i < len; i++)
        if (command[i] == '\0') command[i] = ' ';
    command[len] = '\0';
    return len > 0 && strstr(command, text);
}

/* ---- Looking ----------------------------------------------------------------------------- */

static void add_from_sockets(struct kill_other *operation) {
    size_t index;
    json_t *path;
    json_array_foreach((json_t *)(uintptr_t)operation->spec->kill_sockets, index, path)
        add_target(operation, socket_listener(json_string_value(path)));
}

static bool is_wanted_process(const struct action_spec *spec, const char *pid,
                              const unsigned long *inodes, size_t inode_count) {
    size_t index;
    json_t *filter;
    if (inode_count > 0 && holds_socket(pid, inodes, inode_count)) return true;
    json_array_foreach((json_t *)(uintptr_t)spec->kill_filters, index, filter) {
        const char *text = json_string_value(filter);
        if (text && *text && command_contains(pid, text)) return true;
    }
    return false;
}

static void add_from_processes(struct kill_other *operation) {
    const struct action_spec *spec = operation->spec;
    unsigned long inodes[64];
    size_t inode_count = 0, index;
    json_t *port;
    json_array_foreach((json_t *)(uintptr_t)spec->kill_ports, index, port)
        inode_count += find_inodes(spec_port(port), inodes + inode_count, 64 - inode_count);
    if (inode_count == 0 && json_array_size(spec->kill_filters) == 0) return;
    DIR *proc = opendir("/proc");
    if (!proc) return;
    for (struct dirent *entry; (entry = readdir(proc));) {
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        if (is_wanted_process(spec, entry->d_name, inodes, inode_count))
            add_target(operation, (pid_t)strtol(entry->d_name, NULL, 10));
    }
    closedir(proc);
}

static void find_targets(struct kill_other *operation) {
    operation->target_count = 0;
    add_from_sockets(operation);
    add_from_processes(operation);
}

/* ---- Ending them ------------------------------------------------------------------------- */

static void look_after(struct kill_other *operation, int64_t ms) {
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(operation->timer, &after);
}

static void finish(struct kill_other *operation, const char *why) {
    kill_other_done *done = operation->done;
    void *ctx = operation->ctx;
    char text[sizeof operation->why];
    snprintf(text, sizeof text, "%s", why ? why : "");
    kill_other_cancel(operation);
    done(ctx, why ? text : NULL);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct kill_other *operation = ctx;
    find_targets(operation);
    if (operation->target_count == 0) {
        size_t index;
        json_t *path;
        json_array_foreach((json_t *)(uintptr_t)operation->spec->kill_sockets, index, path)
            if (json_is_string(path)) remove_dead_socket(json_string_value(path));
        finish(operation, NULL);
        return;
    }
    if (operation->waited_ms >= GIVE_UP_MS) {
        snprintf(operation->why, sizeof operation->why, "process %d is in the way and does not end",
                 (int)operation->targets[0]);
        finish(operation, operation->why);
        return;
    }
    bool is_last_resort = operation->waited_ms >= KILL_OTHER_PATIENCE_MS;
    bool is_first = operation->waited_ms == 0;
    for (size_t i = 0; i < operation->target_count && (is_first || is_last_resort); i++)
        kill(operation->targets[i], is_last_resort ? SIGKILL : SIGTERM);
    operation->waited_ms += LOOK_EVERY_MS;
    look_after(operation, LOOK_EVERY_MS);
}

bool kill_other_is_wanted(const struct action_spec *spec) {
    return json_array_size(spec->kill_sockets) + json_array_size(spec->kill_ports) +
               json_array_size(spec->kill_filters) >
           0;
}

struct kill_other *kill_other_start(struct event_base *base, const struct action_spec *spec,
                                    kill_other_done *done, void *ctx) {
    struct kill_other *operation = calloc(1, sizeof *operation);
    if (!operation) return NULL;
    *operation = (struct kill_other){.spec = spec, .done = done, .ctx = ctx};
    operation->timer = event_new(base, -1, 0, on_timer, operation);
    if (!operation->timer) {
        free(operation);
        return NULL;
    }
    look_after(operation, 0);
    return operation;
}

void kill_other_cancel(struct kill_other *operation) {
    if (!operation) return;
    event_free(operation->timer);
    free(operation);
}
