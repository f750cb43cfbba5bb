#include "process/table.h"

#include "core/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_MAX_BYTES (4 * 1024 * 1024)
#define STAT_MAX_BYTES 1024

/* "123 (name) S 1 ...": the name may hold anything, so its end is the last parenthesis. */
static bool parse_stat(char *stat, struct process *ret) {
    char *name = strchr(stat, '('), *end = strrchr(stat, ')');
    if (!name || !end || end < name) return false;
    *end = '\0';
    snprintf(ret->name, sizeof ret->name, "%s", name + 1);
    unsigned long user, system;
    unsigned long long start;
    long pages;
    if (sscanf(end + 1,
               " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %llu "
               "%*u %ld",
               &ret->parent, &user, &system, &start, &pages) != 5)
        return false;
    ret->cpu_ticks = user + system;
    ret->start_ticks = start;
    ret->memory_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

/* The arguments end with a NUL each. */
static int read_command(struct process *process) {
    char path[64];
    size_t len;
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)process->pid);
    int failed = file_load(path, COMMAND_MAX_BYTES, &process->command, &len);
    if (failed) return failed;
    while (len > 0 && process->command[len - 1] == '\0')
        len--;
    for (size_t i = 0; i < len; i++)
        if (process->command[i] == '\0') process->command[i] = ' ';
    return 0;
}

/* 1 when it has been read, 0 when it is not there any more, or -ENOMEM. */
static int read_process(pid_t pid, bool with_command, struct process *ret) {
    char path[64], stat[STAT_MAX_BYTES];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t got = read(fd, stat, sizeof stat - 1);
    close(fd);
    if (got <= 0) return 0;
    stat[got] = '\0';
    *ret = (struct process){.pid = pid};
    if (!parse_stat(stat, ret)) return 0;
    int failed = with_command ? read_command(ret) : 0;
    if (failed == -ENOMEM) return -ENOMEM;
    return failed ? 0 : 1;
}

static int add_process(struct process_table *table, pid_t pid, bool with_command) {
    if (table->count == table->cap) {
        size_t cap = table->cap ? 2 * table->cap : 256;
        struct process *items = reallocarray(table->items, cap, sizeof *items);
        if (!items) return -ENOMEM;
        table->items = items;
        table->cap = cap;
    }
    int is_read = read_process(pid, with_command, &table->items[table->count]);
    if (is_read > 0) table->count++;
    return is_read < 0 ? is_read : 0;
}

int process_table_read(struct process_table *ret_table, bool with_commands) {
    struct process_table table = {0};
    DIR *dir = opendir("/proc");
    if (!dir) return -errno;
    int failed = 0;
    for (const struct dirent *entry; !failed && (entry = readdir(dir));)
        if (isdigit((unsigned char)entry->d_name[0]))
            failed = add_process(&table, (pid_t)strtol(entry->d_name, NULL, 10), with_commands);
    closedir(dir);
    if (failed)
        process_table_done(&table);
    else
        *ret_table = table;
    return failed;
}

void process_table_done(struct process_table *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->items[i].command);
    free(table->items);
    *table = (struct process_table){0};
}

double process_cpu_percent(const struct process *process) {
    struct timespec since_boot;
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    double hz = (double)sysconf(_SC_CLK_TCK);
    double age = (double)since_boot.tv_sec + (double)since_boot.tv_nsec / 1e9 -
                 (double)process->start_ticks / hz;
    return age > 0 ? 100 * (double)process->cpu_ticks / hz / age : 0;
}
