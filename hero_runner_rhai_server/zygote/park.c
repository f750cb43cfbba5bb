#include "zygote/park.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static int tell_failure(const struct control_message *message, int error) {
    const struct control_message failure = {.kind = CONTROL_PARK_FAILED, .number = error};
    int failed = message->kind ? control_send(CONTROL_FD, message, -1) : 0;
    return failed ? failed : control_send(CONTROL_FD, &failure, -1);
}

/* One thread, so nobody holds a lock that the child would need, and what fork(3) does for that case
 * would only make pages of libc private to the child. */
static pid_t fork_session(const struct session_process *process, const int ends[2]) {
    pid_t pid = _Fork();
    if (pid == 0) session_process_run(process, ends[1]);
    return pid;
}

int park_session(const struct session_process *process, struct children *children,
                 struct control_message *message) {
    int ends[2]; /* the server's, the process's */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return tell_failure(message, errno);

    pid_t pid = fork_session(process, ends);
    int error = errno;
    /* It cannot have been reaped: that happens only in this thread, later. */
    if (pid > 0 && children_add(children, pid) < 0) {
        error = ENOMEM;
        kill(pid, SIGKILL); /* unknown to `children`, so reaped there as an orphan */
        pid = -1;
    }
    int failed;
    if (pid > 0) {
        if (!message->kind) message->kind = CONTROL_PARKED;
        message->parked_pid = pid;
        failed = control_send(CONTROL_FD, message, ends[0]);
    } else {
        failed = tell_failure(message, error);
    }
    close(ends[0]);
    close(ends[1]);
    return failed;
}
