#include "zygote/children.h"

#include "session/proc_children.h"
#include "zygote/session_process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define RETRY_MS 20

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static struct child *find(const struct children *children, pid_t pid) {
    for (size_t i = 0; i < children->count; i++)
        if (children->items[i].pid == pid) return &children->items[i];
    return NULL;
}

static struct child *add(struct children *children, struct child child) {
    if (children->count == children->cap) {
        size_t cap = children->cap ? children->cap * 2 : 64;
        struct child *items = realloc(children->items, cap * sizeof *items);
        if (!items) return NULL;
        children->items = items;
        children->cap = cap;
    }
    children->items[children->count] = child;
    return &children->items[children->count++];
}

static void drop(struct children *children, struct child *child) {
    *child = children->items[--children->count];
}

int children_init(struct children *children) {
    *children = (struct children){.list_fd = proc_children_open()};
    return children->list_fd < 0 ? children->list_fd : 0;
}

int children_add(struct children *children, pid_t pid) {
    return add(children, (struct child){.pid = pid, .is_session = true}) ? 0 : -ENOMEM;
}

/* An unknown child is an orphan. */
static void kill_if_orphan(void *ctx, pid_t pid) {
    struct children *children = ctx;
    struct child *child = find(children, pid);
    if (child && child->is_session) return;
    if (!child) add(children, (struct child){.pid = pid, .since_ms = now_ms()});
    kill(pid, SIGKILL);
}

/* What is done at the end of a session. */
struct reaper {
    children_exited *exited;
    void *ctx;
};

/* Whether something of a dead session does not die: an orphan that turned up after its end. */
static bool has_survivors(const struct children *children, const struct child *session) {
    for (size_t i = 0; i < children->count; i++) {
        const struct child *child = &children->items[i];
        if (child->is_unkillable && child->since_ms >= session->since_ms) return true;
    }
    return false;
}

static void reap_session(struct children *children, struct child *child,
                         const struct reaper *reaper) {
    struct rusage usage;
    int status = 0;
    if (wait4(child->pid, &status, 0, &usage) < 0) memset(&usage, 0, sizeof usage);
    struct control_message message = {
        .kind = CONTROL_EXITED,
        .pid = child->pid,
        .status = status,
        .is_survived = child->is_dead && has_survivors(children, child),
        .usage = control_usage_of(&usage),
    };
    drop(children, child);
    reaper->exited(reaper->ctx, &message);
}

static bool is_alone(const siginfo_t *death) {
    return death->si_code == CLD_EXITED && death->si_status == SESSION_EXIT_ALONE;
}

/* True: a dead session is kept. Else it is reaped; `*ret_may_leave_some` when there may be new
 * orphans, also those that an orphan had as children. */
static bool note_death(struct children *children, const siginfo_t *death,
                       const struct reaper *reaper, bool *ret_may_leave_some) {
    struct child *child = find(children, death->si_pid);
    if (child && child->is_session && is_alone(death)) {
        reap_session(children, child, reaper);
        return false;
    }
    *ret_may_leave_some = true;
    if (child && child->is_session) {
        child->is_dead = true;
        child->since_ms = now_ms();
        return true;
    }
    waitpid(death->si_pid, NULL, 0);
    if (child) drop(children, child);
    return false;
}

static bool find_dead(idtype_t which, pid_t pid, siginfo_t *ret_death) {
    ret_death->si_pid = 0;
    return waitid(which, (id_t)pid, ret_death, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ret_death->si_pid != 0;
}

/* Reaps what it can and marks dead sessions. While a dead session is kept, waitid for "any child"
 * would only ever find that one, so then each child is asked for by itself. */
static void note_deaths(struct children *children, const struct reaper *reaper,
                        bool *ret_may_leave_some) {
    bool is_any_kept = false;
    siginfo_t death;
    for (size_t i = 0; i < children->count; i++)
        is_any_kept |= children->items[i].is_dead;
    while (!is_any_kept && find_dead(P_ALL, 0, &death)) {
        if (note_death(children, &death, reaper, ret_may_leave_some)) return;
    }
    for (size_t i = children->count; is_any_kept && i-- > 0;) {
        const struct child *child = &children->items[i];
        if (!child->is_dead && find_dead(P_PID, child->pid, &death))
            note_death(children, &death, reaper, ret_may_leave_some);
    }
}

/* Whether there are orphans to look at, or dead sessions that wait for them. Orphans come to us
 * only by a death, so without one there is nothing new. */
static bool has_kept(const struct children *children) {
    for (size_t i = 0; i < children->count; i++)
        if (!children->items[i].is_session || children->items[i].is_dead) return true;
    return false;
}

/* Looks at those that have been killed; the groups of dead sessions are killed again meanwhile.
 * (A dead session is not reaped yet, so its group id, which is its own, means no other group.) */
static bool has_orphans(struct children *children) {
    bool found = false;
    int64_t now = now_ms();
    for (size_t i = 0; i < children->count; i++) {
        struct child *child = &children->items[i];
        if (child->is_session) continue;
        if (now - child->since_ms >= CHILDREN_UNKILLABLE_MS) child->is_unkillable = true;
        if (!child->is_unkillable) found = true;
    }
    for (size_t i = 0; found && i < children->count; i++)
        if (children->items[i].is_dead) kill(-children->items[i].pid, SIGKILL);
    return found;
}

void children_reap(struct children *children, children_exited *exited, void *ctx) {
    const struct reaper reaper = {exited, ctx};
    for (;;) {
        bool may_leave_some = false;
        note_deaths(children, &reaper, &may_leave_some);
        if (!may_leave_some && !has_kept(children)) return;
        proc_children_each(children->list_fd, kill_if_orphan, children);
        if (has_orphans(children)) return;
        for (size_t i = children->count; i-- > 0;)
            if (children->items[i].is_dead) reap_session(children, &children->items[i], &reaper);
    }
}

int children_patience_ms(const struct children *children) {
    for (size_t i = 0; i < children->count; i++)
        if (!children->items[i].is_session && !children->items[i].is_unkillable) return RETRY_MS;
    return -1;
}
