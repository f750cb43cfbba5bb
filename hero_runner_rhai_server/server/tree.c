#include "server/tree.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES 4096

struct look {
    struct tree *tree;
    unsigned most;
    pid_t *pids; /* found, the first `done` of them looked at */
    size_t count, cap, done;
};

static void add(struct look *look, pid_t pid) {
    if (look->count >= look->most) return;
    if (look->count == look->cap) {
        size_t cap = look->cap ? look->cap * 2 : 64;
        pid_t *pids = realloc(look->pids, cap * sizeof *pids);
        if (!pids) return;
        look->pids = pids;
        look->cap = cap;
    }
    look->pids[look->count++] = pid;
}

/* The children of one thread: numbers, each with a space behind it. A read of this file ends behind
 * a whole number. */
static void add_children(struct look *look, int task_fd, const char *thread) {
    char path[64], text[FILE_BYTES + 1];
    snprintf(path, sizeof path, "%.20s/children", thread);
    int fd = openat(task_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    while (fd >= 0 && look->count < look->most && (got = rpc_fd_read(fd, text, FILE_BYTES)) > 0) {
        text[got] = '\0';
        char *end;
        for (char *at = text; *at; at = end) {
            long pid = strtol(at, &end, 10);
            if (end == at) break;
            add(look, (pid_t)pid);
            if (*end == ' ') end++;
        }
    }
    rpc_fd_close(&fd);
}

static void add_children_of(struct look *look, pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    const struct dirent *thread;
    while (tasks && (thread = readdir(tasks)))
        if (isdigit((unsigned char)thread->d_name[0]))
            add_children(look, dirfd(tasks), thread->d_name);
    if (tasks) closedir(tasks);
}

/* proc(5): after the name, which is in brackets and may hold anything, come the state and numbers;
 * utime, stime, cutime and cstime are the 12th to 15th from the state on. */
static void add_process(struct look *look, pid_t pid) {
    char path[64], text[FILE_BYTES + 1];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t got = rpc_fd_read(fd, text, FILE_BYTES);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *at = strrchr(text, ')');
    char state;
    unsigned long long times[4];
    if (!at || sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu",
                      &state, &times[0], &times[1], &times[2], &times[3]) != 5)
        return;
    long ticks = sysconf(_SC_CLK_TCK);
    look->tree->cpu_ms += (int64_t)((times[0] + times[1] + times[2] + times[3]) * 1000) / ticks;
    if (state != 'Z') look->tree->processes++;
}

void tree_look(pid_t root, unsigned most, struct tree *ret_tree) {
    *ret_tree = (struct tree){0};
    struct look look = {.tree = ret_tree, .most = most};
    add(&look, root);
    for (; look.done < look.count; look.done++) {
        add_process(&look, look.pids[look.done]);
        add_children_of(&look, look.pids[look.done]);
    }
    free(look.pids);
}
