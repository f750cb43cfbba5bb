#include "process/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the new process needs between vfork and execve. It shares the memory of its parent, which
 * stands still meanwhile: `error` is how it tells that it failed. */
struct launch {
    const struct child_spec *spec;
    pid_t parent;
    int stdin_fd, stdout_fd, stderr_fd;
    volatile int error;
};

/* Handlers of the parent must not run here, on its memory, so every signal gets its default
 * action before any is let through. (An ignored signal would stay ignored across execve.) */
static void reset_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become(struct launch *launch) {
    /* The request first, then the check: a parent that died before it is noticed, one that dies
     * after it kills us. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launch->parent) _exit(127);
    if (dup2(launch->stdin_fd, STDIN_FILENO) >= 0 && dup2(launch->stdout_fd, STDOUT_FILENO) >= 0 &&
        dup2(launch->stderr_fd, STDERR_FILENO) >= 0 &&
        (!launch->spec->dir || chdir(launch->spec->dir) == 0)) {
        /* All descriptors made here are close-on-exec; this is for those of libraries. */
        close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
        reset_signals();
        execve(launch->spec->path, launch->spec->argv,
               launch->spec->env ? launch->spec->env : environ);
    }
    launch->error = errno;
    _exit(127);
}

/* vfork rather than fork: no page table is copied, however much memory the script holds. */
static int launch_child(struct launch *launch, pid_t *ret_pid) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    pid_t pid = vfork();
    if (pid == 0) become(launch);
    int error = pid < 0 ? errno : launch->error;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid > 0 && error) waitpid(pid, NULL, 0);
    if (error) return -error;
    *ret_pid = pid;
    return 0;
}

static void close_fd(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* Only our end does not block: the flag belongs to the open file, and each end is one. */
static int open_output(int *ret_ours, int *ret_theirs) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *ret_ours = ends[0];
    *ret_theirs = ends[1];
    return 0;
}

int child_start(const struct child_spec *spec, struct child *ret_child) {
    struct child child = CHILD_NONE;
    struct launch launch = {.spec = spec, .parent = getpid(), .stdout_fd = -1, .stderr_fd = -1};
    int failed = 0;
    launch.stdin_fd = spec->stdin_fd >= 0 ? fcntl(spec->stdin_fd, F_DUPFD_CLOEXEC, 0)
                                          : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (launch.stdin_fd < 0) failed = -errno;
    if (!failed) failed = open_output(&child.out_fd, &launch.stdout_fd);
    if (!failed) failed = open_output(&child.err_fd, &launch.stderr_fd);
    if (!failed) failed = launch_child(&launch, &child.pid);
    if (!failed) {
        /* Nobody else reaps it, so the number is still its own. */
        child.pidfd = pidfd_open(child.pid, 0);
        if (child.pidfd < 0) failed = -errno;
    }
    close_fd(&launch.stdin_fd);
    close_fd(&launch.stdout_fd);
    close_fd(&launch.stderr_fd);
    if (failed)
        child_close(&child);
    else
        *ret_child = child;
    return failed;
}

void child_signal(const struct child *child, int signal) {
    if (child->pid > 0) kill(child->pid, signal);
}

int child_reap(struct child *child, int *ret_status) {
    pid_t reaped;
    do
        reaped = waitpid(child->pid, ret_status, 0);
    while (reaped < 0 && errno == EINTR);
    if (reaped < 0) return -errno;
    child->pid = -1;
    return 0;
}

void child_close(struct child *child) {
    if (child->pid > 0) {
        int status;
        child_signal(child, SIGKILL);
        child_reap(child, &status);
    }
    close_fd(&child->pidfd);
    close_fd(&child->out_fd);
    close_fd(&child->err_fd);
}
