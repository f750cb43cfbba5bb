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
    pid_t *pids; /* found, the first `done` of them looked at */
    size_t count, cap, done;
};

static void add(struct look *look, pid_t pid) {
    if (look->count >= TREE_MAX) return;
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
    while (fd >= 0 && look->count < TREE_MAX && (got = rpc_fd_read(fd, text, FILE_BYTES)) > 0) {
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

static size_t read_proc(pid_t pid, const char *name, char text[FILE_BYTES + 1]) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? rpc_fd_read(fd, text, FILE_BYTES) : 0;
    rpc_fd_close(&fd);
    text[got > 0 ? got : 0] = '\0';
    return strlen(text);
}

/* proc(5): after the name, which is in brackets and may hold anything, come the state and numbers;
 * utime, stime, cutime and cstime are the 12th to 15th from the state on, rss is the 22nd. */
static void add_process(struct look *look, pid_t pid) {
    static long ticks, page_bytes;
    char text[FILE_BYTES + 1], state;
    unsigned long long user, system, waited_user, waited_system;
    long pages;
    if (!ticks) {
        ticks = sysconf(_SC_CLK_TCK);
        page_bytes = sysconf(_SC_PAGESIZE);
    }
    const char *at = read_proc(pid, "stat", text) ? strrchr(text, ')') : NULL;
    if (!at || sscanf(at + 1,
                      " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu"
                      " %*d %*d %*d %*d %*u %*u %ld",
                      &state, &user, &system, &waited_user, &waited_system, &pages) != 6)
        return;
    struct tree *tree = look->tree;
    tree->user_us += (int64_t)((user + waited_user) * 1000000) / ticks;
    tree->system_us += (int64_t)((system + waited_system) * 1000000) / ticks;
    tree->rss_bytes += pages * (int64_t)page_bytes;
    if (state != 'Z') tree->processes++;
}

void tree_look(pid_t root, unsigned most, struct tree *ret_tree) {
    *ret_tree = (struct tree){0};
    struct look look = {.tree = ret_tree};
    add(&look, root);
    /* Those that nobody has waited for yet do not hide the others. */
    for (; look.done < look.count && ret_tree->processes < most; look.done++) {
        add_process(&look, look.pids[look.done]);
        add_children_of(&look, look.pids[look.done]);
    }
    free(look.pids);
}

static int64_t number_behind(const char *text, const char *label) {
    const char *at = strstr(text, label);
    return at ? strtoll(at + strlen(label), NULL, 10) : 0;
}

void process_status_read(pid_t pid, struct process_status *ret_status) {
    char text[FILE_BYTES + 1];
    read_proc(pid, "status", text);
    *ret_status = (struct process_status){
        .peak_rss_kib = number_behind(text, "\nVmHWM:"),
        .voluntary_switches = number_behind(text, "\nvoluntary_ctxt_switches:"),
        .involuntary_switches = number_behind(text, "\nnonvoluntary_ctxt_switches:"),
    };
}
