/* Starting a program in a process group of its own, with default signals, an empty signal mask,
 * stdin from /dev/null and no other descriptor of the daemon. */
#ifndef HERO_PROC_SERVER_SPAWN_H
#define HERO_PROC_SERVER_SPAWN_H

#include <sys/types.h>

struct spawn_command {
    const char *path; /* of the program */
    char *const *argv, *const *envp;
    const char *cwd; /* NULL: the daemon's */
    /* Opened for reading and writing as stdout and stderr; NULL: /dev/null. */
    const char *stdout_path, *stderr_path;
};

/* 0, or the errno of what failed, exec(2) included: then there is no process. */
int spawn(const struct spawn_command *command, pid_t *ret_pid);

#endif
