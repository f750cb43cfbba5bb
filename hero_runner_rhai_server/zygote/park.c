#include "zygote/park.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Both ends of the three channels of a session process. */
struct channels {
    int session[2], out[2], err[2]; /* [0] is the server's end, [1] the process's */
};

static void close_all(const int *fds, int count) {
    for (int i = 0; i < count; i++)
        if (fds[i] >= 0) close(fds[i]);
}

static void close_channels(struct channels *channels) {
    close_all(channels->session, 2);
    close_all(channels->out, 2);
    close_all(channels->err, 2);
}

static int open_channels(struct channels *channels) {
    *channels = (struct channels){{-1, -1}, {-1, -1}, {-1, -1}};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channels->session) == 0 &&
        pipe2(channels->out, O_CLOEXEC) == 0 && pipe2(channels->err, O_CLOEXEC) == 0)
        return 0;
    int failed = -errno;
    close_channels(channels);
    return failed;
}

static int tell_failure(int control_fd, int error) {
    struct control_message message = {.kind = CONTROL_PARK_FAILED, .number = error};
    return control_send(control_fd, &message, NULL, 0);
}

int park_session(int control_fd, const struct session_process *process, struct children *children) {
    struct channels channels;
    int failed = open_channels(&channels);
    if (failed) return tell_failure(control_fd, -failed);

    pid_t pid = fork();
    if (pid == 0)
        session_process_run(process, channels.session[1], channels.out[1], channels.err[1]);
    int fork_error = errno;
    /* The child cannot have been reaped: that happens only in this thread, later. */
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pid > 0 && (pidfd < 0 || children_add(children, pid) < 0)) {
        fork_error = pidfd < 0 ? errno : ENOMEM;
        kill(pid, SIGKILL); /* unknown to `children`, so reaped there as an orphan */
        pid = -1;
    }
    int sent;
    if (pid > 0) {
        int fds[CONTROL_FD_COUNT] = {channels.session[0], pidfd, channels.out[0], channels.err[0]};
        struct control_message message = {.kind = CONTROL_PARKED, .pid = pid};
        sent = control_send(control_fd, &message, fds, CONTROL_FD_COUNT);
    } else {
        sent = tell_failure(control_fd, fork_error);
    }
    if (pidfd >= 0) close(pidfd);
    close_channels(&channels);
    return sent;
}
