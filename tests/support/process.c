#include "support/process.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 5

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

void pause_ms(int ms) {
    usleep((useconds_t)ms * 1000);
}

int64_t allowed_ms(int64_t promised) {
    return getenv("PROMISED_TIMES") ? promised : promised * 10;
}

bool wait_until(bool (*condition)(void *ctx), void *ctx, int ms) {
    for (int64_t since = now_ms(); now_ms() - since <= ms; pause_ms(POLL_MS))
        if (condition(ctx)) return true;
    return condition(ctx);
}

static ssize_t read_proc(pid_t pid, const char *file, char *out, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t len = read(fd, out, size - 1);
    close(fd);
    out[len > 0 ? len : 0] = '\0';
    return len;
}

/* State and parent from /proc/<pid>/stat; the name in parentheses may contain anything. */
static bool read_stat(pid_t pid, char *ret_state, pid_t *ret_parent) {
    char text[1024];
    int parent;
    if (read_proc(pid, "stat", text, sizeof text) <= 0) return false;
    const char *end = strrchr(text, ')');
    if (!end || sscanf(end + 1, " %c %d", ret_state, &parent) != 2) return false;
    *ret_parent = parent;
    return true;
}

bool process_is_alive(pid_t pid) {
    char state;
    pid_t parent;
    return read_stat(pid, &state, &parent) && state != 'Z' && state != 'X';
}

static bool is_dead(void *ctx) {
    return !process_is_alive(*(pid_t *)ctx);
}

bool process_dies_within(pid_t pid, int ms) {
    return wait_until(is_dead, &pid, ms);
}

pid_t process_parent(pid_t pid) {
    char state;
    pid_t parent;
    return read_stat(pid, &state, &parent) ? parent : -1;
}

unsigned process_fd_count(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    unsigned count = 0;
    while (dir && readdir(dir))
        count++;
    if (dir) closedir(dir);
    return count;
}

int64_t process_memory_kib(pid_t pid) {
    char text[256];
    long pages = 0;
    if (read_proc(pid, "statm", text, sizeof text) > 0) sscanf(text, "%*d %ld", &pages);
    return (int64_t)pages * sysconf(_SC_PAGESIZE) / 1024;
}

static unsigned count_processes(bool (*matches)(pid_t pid, const void *ctx), const void *ctx) {
    DIR *proc = opendir("/proc");
    unsigned count = 0;
    struct dirent *entry;
    while (proc && (entry = readdir(proc))) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
        if (pid > 0 && pid != getpid() && process_is_alive(pid) && matches(pid, ctx)) count++;
    }
    if (proc) closedir(proc);
    return count;
}

static bool has_text(pid_t pid, const void *text) {
    char command[4096];
    ssize_t len = read_proc(pid, "cmdline", command, sizeof command);
    return len > 0 && memmem(command, (size_t)len, text, strlen(text));
}

unsigned processes_with(const char *text) {
    return count_processes(has_text, text);
}

static bool there_is_none_with(void *ctx) {
    return processes_with(ctx) == 0;
}

bool processes_with_die_within(const char *text, int ms) {
    return wait_until(there_is_none_with, (void *)(uintptr_t)text, ms);
}

static bool has_parent(pid_t pid, const void *parent) {
    return process_parent(pid) == *(const pid_t *)parent;
}

unsigned process_children(pid_t pid) {
    return count_processes(has_parent, &pid);
}
