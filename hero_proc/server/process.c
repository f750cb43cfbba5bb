#include "server/process.h"

#include "server/reaper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES 65536
#define READS_PER_ROUND 4

struct output {
    struct process *process;
    struct event *readable;
    int fd;
    bool is_stderr;
    char *rest; /* the beginning of a line */
    size_t rest_len;
};

struct process {
    struct reaper_child child; /* its pid too, also of one that is nobody's child any more */
    const struct process_ops *ops;
    void *ctx;
    uint64_t start_ticks;
    int pidfd; /* of one that was adopted, else -1 */
    bool is_reaped;
    struct event *gone;
    struct output outputs[2];
};

static const char *const fifo_ends[2] = {".out", ".err"};

/* ---- Output ------------------------------------------------------------------------------ */

static void hand_over(struct output *output, const char *text, size_t len) {
    output->process->ops->line(output->process->ctx, output->is_stderr, text, len);
}

static bool keep_rest(struct output *output, const char *bytes, size_t len) {
    char *grown = realloc(output->rest, output->rest_len + len);
    if (!grown) return false;
    memcpy(grown + output->rest_len, bytes, len);
    output->rest = grown;
    output->rest_len += len;
    return true;
}

static void flush_rest(struct output *output) {
    if (output->rest_len > 0) hand_over(output, output->rest, output->rest_len);
    free(output->rest);
    output->rest = NULL;
    output->rest_len = 0;
}

static void add_bytes(struct output *output, const char *bytes, size_t len) {
    const char *end = bytes + len, *newline;
    while ((newline = memchr(bytes, '\n', (size_t)(end - bytes)))) {
        if (output->rest_len > 0 && keep_rest(output, bytes, (size_t)(newline - bytes)))
            flush_rest(output);
        else
            hand_over(output, bytes, (size_t)(newline - bytes));
        bytes = newline + 1;
    }
    if (bytes < end && !keep_rest(output, bytes, (size_t)(end - bytes)))
        hand_over(output, bytes, (size_t)(end - bytes));
    if (output->rest_len >= PROCESS_LINE_MAX_BYTES) flush_rest(output);
}

static void close_output(struct output *output) {
    if (output->readable) event_free(output->readable);
    output->readable = NULL;
    rpc_fd_close(&output->fd);
}

/* Reads what is there, at most so many times; false at the end or when nothing is left. */
static bool read_some(struct output *output, int times) {
    static char bytes[READ_BYTES]; /* one thread reads */
    for (int i = 0; i < times; i++) {
        ssize_t got = rpc_fd_read(output->fd, bytes, sizeof bytes);
        if (got == 0) close_output(output);
        if (got <= 0) return false;
        add_bytes(output, bytes, (size_t)got);
    }
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    read_some(ctx, READS_PER_ROUND);
}

/* With a path that is there, so that the next daemon finds it. */
static int open_output(struct process *process, const struct process_options *options, int which) {
    struct output *output = &process->outputs[which];
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", options->fifo_path, fifo_ends[which]);
    if (mkfifo(path, 0600) < 0 && errno != EEXIST) return -1;
    output->process = process;
    output->is_stderr = which == 1;
    output->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (output->fd < 0) return -1;
    /* What the system allows without privileges is enough otherwise. */
    (void)fcntl(output->fd, F_SETPIPE_SZ, PROCESS_FIFO_BYTES);
    output->readable =
        event_new(options->base, output->fd, EV_READ | EV_PERSIST, on_readable, output);
    return output->readable && event_add(output->readable, NULL) == 0 ? 0 : -1;
}

void process_remove_fifos(const char *fifo_path) {
    for (int i = 0; i < 2; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s%s", fifo_path, fifo_ends[i]);
        unlink(path);
    }
}

/* ---- Beginning --------------------------------------------------------------------------- */

static struct process *new_process(const struct process_options *options, struct rpc_error *err) {
    struct process *process = calloc(1, sizeof *process);
    if (!process) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    process->ops = options->ops;
    process->ctx = options->ctx;
    process->pidfd = process->outputs[0].fd = process->outputs[1].fd = -1;
    if (open_output(process, options, 0) == 0 && open_output(process, options, 1) == 0)
        return process;
    rpc_error_set_errno(err, "cannot open its FIFOs at %s", options->fifo_path);
    process_free(process);
    return NULL;
}

static void finish(struct process *process, int status);

static void on_reaped(struct reaper_child *child, int status) {
    struct process *process = (void *)((char *)child - offsetof(struct process, child));
    process->is_reaped = true;
    finish(process, status);
}

struct process *process_start(const struct process_options *options,
                              const struct spawn_command *command, struct rpc_error *err) {
    struct process *process = new_process(options, err);
    if (!process) return NULL;
    char paths[2][PATH_MAX];
    for (int i = 0; i < 2; i++)
        snprintf(paths[i], sizeof paths[i], "%s%s", options->fifo_path, fifo_ends[i]);
    struct spawn_command spawned = *command;
    spawned.stdout_path = paths[0];
    spawned.stderr_path = paths[1];
    int failed = spawn(&spawned, &process->child.pid);
    if (failed) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, failed, "cannot start %s in %s: %s", command->path,
                      command->cwd, strerror(failed));
        process->child.pid = 0;
        process_free(process);
        return NULL;
    }
    process->start_ticks = process_read_start_ticks(process->child.pid);
    process->child.ended = on_reaped;
    reaper_watch(&process->child);
    return process;
}

/* ---- Finding one again ------------------------------------------------------------------- */

uint64_t process_read_start_ticks(pid_t pid) {
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    size_t len = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[len] = '\0';
    /* The name, in parentheses, may hold anything. */
    const char *rest = strrchr(line, ')');
    unsigned long long ticks;
    char state;
    if (!rest || sscanf(rest + 1,
                        " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                        "%*d %llu",
                        &state, &ticks) != 2)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : ticks;
}

/* Whether the environment it was started with has the mark. */
static bool has_mark(pid_t pid, const char *wanted) {
    char path[64], mark[128], *entry = NULL;
    size_t cap = 0;
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    snprintf(mark, sizeof mark, PROCESS_MARK "=%s", wanted);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    while (!found && getdelim(&entry, &cap, '\0', file) > 0)
        found = strcmp(entry, mark) == 0;
    free(entry);
    fclose(file);
    return found;
}

pid_t process_find_marked(const char *mark) {
    pid_t found = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && !found && (entry = readdir(proc));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 1 && getpgid(pid) == pid && has_mark(pid, mark)) found = pid;
    }
    if (proc) closedir(proc);
    return found;
}

static void on_gone(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct process *process = ctx;
    kill(-process->child.pid, SIGKILL);
    finish(process, -1);
}

struct process *process_adopt(const struct process_options *options,
                              const struct process_identity *identity) {
    int pidfd = pidfd_open(identity->pid, 0);
    if (pidfd < 0) return NULL;
    /* Behind the descriptor the number means this process until it is closed. */
    bool is_it = process_read_start_ticks(identity->pid) == identity->start_ticks &&
                 identity->start_ticks != 0 && getpgid(identity->pid) == identity->pid &&
                 has_mark(identity->pid, identity->mark);
    struct process *process = is_it ? new_process(options, NULL) : NULL;
    if (!process) {
        close(pidfd);
        return NULL;
    }
    process->child.pid = identity->pid;
    process->start_ticks = identity->start_ticks;
    process->pidfd = pidfd;
    process->gone = event_new(options->base, pidfd, EV_READ, on_gone, process);
    if (process->gone && event_add(process->gone, NULL) == 0) return process;
    process_free(process);
    return NULL;
}

/* ---- The end ----------------------------------------------------------------------------- */

/* A FIFO holds no more than its size; somebody outside of the group who still writes to it is not
 * waited for. */
#define FINAL_READS (2 * PROCESS_FIFO_BYTES / READ_BYTES)

static void finish(struct process *process, int status) {
    for (int i = 0; i < 2; i++) {
        struct output *output = &process->outputs[i];
        if (output->fd >= 0) read_some(output, FINAL_READS);
        close_output(output);
        flush_rest(output);
    }
    process->ops->ended(process->ctx, status);
}

void process_signal(const struct process *process, int signal) {
    kill(-process->child.pid, signal);
}

pid_t process_pid(const struct process *process) {
    return process->child.pid;
}

uint64_t process_start_ticks(const struct process *process) {
    return process->start_ticks;
}

void process_free(struct process *process) {
    if (!process) return;
    bool is_watched = process->child.ended && !process->is_reaped;
    if (is_watched) reaper_unwatch(&process->child);
    if (process->gone) event_free(process->gone);
    rpc_fd_close(&process->pidfd);
    for (int i = 0; i < 2; i++) {
        close_output(&process->outputs[i]);
        free(process->outputs[i].rest);
    }
    free(process);
}
