/* child.h - programs that scripts start.
 *
 * A child gets default signal actions and an empty signal mask, the process group of the
 * session, and SIGKILL when the session's process dies (prctl(2), PR_SET_PDEATHSIG: below it,
 * whoever cleans up after the session ends the rest of the group). It inherits no descriptor but
 * its three standard streams.
 *
 * A command that is run meanwhile (command.h) may take the status of a child that has ended: nobody
 * keeps one across command_run.
 */
#ifndef HEROLIB_PROCESS_CHILD_H
#define HEROLIB_PROCESS_CHILD_H

#include <sys/types.h>

struct child {
    pid_t pid;
    int pidfd;  /* readable when it has ended */
    int out_fd; /* what it writes to its standard output; non-blocking */
    int err_fd; /* and to its standard error */
};

/* The state of a child that is not there: what child_close leaves behind. */
#define CHILD_NONE                                                                                 \
    { .pid = -1, .pidfd = -1, .out_fd = -1, .err_fd = -1 }

/* What to start. All is borrowed for the time of the call. */
struct child_spec {
    const char *path; /* of the program; execve(2) searches nothing */
    char *const *argv;
    char *const *env; /* NULL: the environment of the process */
    const char *dir;  /* the working directory; NULL: that of the process */
    int stdin_fd;     /* becomes its standard input; -1: /dev/null */
};

/* Starts a program. 0, or the negative errno of what failed, chdir and execve included: then
 * there is no child. */
int child_start(const struct child_spec *spec, struct child *ret_child);

/* Asks it to end, or ends it. Safe when it has ended already. */
void child_signal(const struct child *child, int signal);

/* Takes the child's wait status (waitpid(2)); waits for its end if need be. 0 or -errno. */
int child_reap(struct child *child, int *ret_status);

/* Closes its descriptors. A child that has not been reaped is killed and reaped first. */
void child_close(struct child *child);

#endif
