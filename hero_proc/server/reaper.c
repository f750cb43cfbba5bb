#include "server/reaper.h"

#include <event2/event.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

static TAILQ_HEAD(, reaper_child) children = TAILQ_HEAD_INITIALIZER(children);
static struct event *on_sigchld;

static struct reaper_child *find(pid_t pid) {
    struct reaper_child *child;
    TAILQ_FOREACH(child, &children, link)
    if (child->pid == pid) return child;
    return NULL;
}

/* The group of one that is watched is killed before it is reaped: until then its number, which is
 * that of the group, cannot mean anybody else. */
static void reap(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what, (void)ctx;
    for (;;) {
        siginfo_t info = {0};
        int status;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) return;
        struct reaper_child *child = find(info.si_pid);
        if (child) kill(-child->pid, SIGKILL);
        if (waitpid(info.si_pid, &status, 0) != info.si_pid || !child) continue;
        reaper_unwatch(child);
        child->ended(child, status);
    }
}

int reaper_init(struct event_base *base) {
    on_sigchld = evsignal_new(base, SIGCHLD, reap, NULL);
    return on_sigchld && event_add(on_sigchld, NULL) == 0 ? 0 : -1;
}

void reaper_done(void) {
    if (on_sigchld) event_free(on_sigchld);
    on_sigchld = NULL;
}

void reaper_watch(struct reaper_child *child) {
    TAILQ_INSERT_TAIL(&children, child, link);
}

void reaper_unwatch(struct reaper_child *child) {
    TAILQ_REMOVE(&children, child, link);
}
