/* The kernel's list of the children of the calling thread, /proc/self/task/<tid>/children. */
#ifndef RUNNER_SESSION_PROC_CHILDREN_H
#define RUNNER_SESSION_PROC_CHILDREN_H

#include <sys/types.h>

/* A descriptor for proc_children_each, or -errno when the kernel has no such list
 * (CONFIG_PROC_CHILDREN). */
int proc_children_open(void);

/* Calls back for each child, zombies included. proc(5) warns that a list which shrinks while it is
 * read may hide some; it shrinks only when children are reaped, so `visit` must not reap and the
 * process must have no other thread that does. */
void proc_children_each(int fd, void (*visit)(void *ctx, pid_t pid), void *ctx);

#endif
