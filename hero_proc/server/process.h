/*
 * One process that the daemon has started, or has found again after it was itself started anew.
 *
 * A child leads a process group of its own and writes to two named FIFOs, which it holds open for
 * reading and writing (fifo(7)): so there always is a reader, and when the daemon dies the child
 * goes on until a FIFO is full, and then waits. The next daemon opens the same FIFOs and takes the
 * process over by pid and start time. Its exit code is then unknown, since it is nobody's child any
 * more.
 */
#ifndef HERO_PROC_SERVER_PROCESS_H
#define HERO_PROC_SERVER_PROCESS_H

#include "server/spawn.h"

#include <event2/event.h>
#include <hero_rpc/error.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_FIFO_BYTES (1024 * 1024)
#define PROCESS_LINE_MAX_BYTES (64 * 1024) /* longer lines are cut into pieces */
#define PROCESS_MARK "HERO_PROC_JOB"       /* in the environment: whose it is */

struct process;

struct process_ops {
    /* A line without its end; is_stderr says where it was written. */
    void (*line)(void *ctx, bool is_stderr, const char *text, size_t len);
    /* It has ended, its group is gone and what it had written has been handed over. `status` is
     * that of waitpid(2), -1 when it cannot be known. The owner frees the process, here or later.
     */
    void (*ended)(void *ctx, int status);
};

struct process_options {
    struct event_base *base;
    const char *fifo_path; /* ".out" and ".err" are appended */
    const struct process_ops *ops;
    void *ctx;
};

/* The command's paths for output are set here. NULL after an error: what failed, exec(2) included.
 */
struct process *process_start(const struct process_options *options,
                              const struct spawn_command *command, struct rpc_error *err);

/* What is needed to know a process again. */
struct process_identity {
    pid_t pid;
    uint64_t start_ticks; /* since boot: proc(5), stat, field 22 */
    const char *mark;     /* in its environment as PROCESS_MARK */
};
/* A process with that mark that leads its group; 0 when there is none. For one whose pid was not
 * stored any more when the daemon was killed. Looks through all of /proc. */
pid_t process_find_marked(const char *mark);
/* NULL, without an error, when that process does not live any more. */
struct process *process_adopt(const struct process_options *options,
                              const struct process_identity *identity);

/* Closes descriptors; a process that lives is left alone. NULL is allowed. */
void process_free(struct process *process);

pid_t process_pid(const struct process *process);
uint64_t process_start_ticks(const struct process *process);
/* To its whole group. */
void process_signal(const struct process *process, int signal);

/* proc(5), stat, field 22; 0 when there is no such process, or it is a zombie. */
uint64_t process_read_start_ticks(pid_t pid);
/* Removes the FIFOs of a process that is no more. */
void process_remove_fifos(const char *fifo_path);

#endif
