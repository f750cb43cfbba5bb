#include "zygote/children.h"

#include "session/proc_children.h"

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

static void note_death(struct children *children, pid_t pid, bool *ret_has_died) {
    struct child *child = find(children, pid);
    if (child && child->is_session) {
        child->is_dead = true;
        child->since_ms = now_ms();
        *ret_has_died = true;
        return;
    }
    waitpid(pid, NULL, 0);
    if (child) drop(children, child);
}

static bool has_died(pid_t pid) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* Reaps dead orphans and marks dead sessions. While a dead session is kept, waitid for "any child"
 * would only ever find that one, so then each child is asked for by itself. */
static void note_deaths(struct children *children, bool *ret_has_died) {
    bool is_any_kept = false;
    for (size_t i = 0; i < children->count; i++)
        is_any_kept |= children->items[i].is_dead;
    siginfo_t info = {0};
    while (!is_any_kept && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid) {
        note_death(children, info.si_pid, &is_any_kept);
        *ret_has_died = true; /* an orphan's too: its children come to us then */
        if (is_any_kept) return;
        info.si_pid = 0;
    }
    for (size_t i = children->count; is_any_kept && i-- > 0;) {
        struct child *child = &children->items[i];
        if (!child->is_dead && has_died(child->pid)) note_death(children, child->pid, ret_has_died);
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

/* Whether something of a dead session does not die: an orphan that turned up after its end. */
static bool has_survivors(const struct children *children, const struct child *session) {
    for (size_t i = 0; i < children->count; i++) {
        const struct child *child = &children->items[i];
        if (child->is_unkillable && child->since_ms >= session->since_ms) return true;
    }
    return false;
}

static void reap_session(struct children *children, struct child *child, children_exited *exited,
                         void *ctx) {
    struct rusage usage;
    int status = 0;
    if (wait4(child->pid, &status, 0, &usage) < 0) memset(&usage, 0, sizeof usage);
    struct control_message message = {
        .kind = CONTROL_EXITED,
        .pid = child->pid,
        .status = status,
        .is_survived = has_survivors(children, child),
        .usage = control_usage_of(&usage),
    };
    drop(children, child);
    exited(ctx, &message);
}

void children_reap(struct children *children, children_exited *exited, void *ctx) {
    for (;;) {
        bool has_died = false;
        note_deaths(children, &has_died);
        if (!has_died && !has_kept(children)) return;
        proc_children_each(children->list_fd, kill_if_orphan, children);
        if (has_orphans(children)) return;
        for (size_t i = children->count; i-- > 0;)
            if (children->items[i].is_dead)
                reap_session(children, &children->items[i], exited, ctx);
    }
}

int children_patience_ms(const struct children *children) {
    for (size_t i = 0; i < children->count; i++)
        if (!children->items[i].is_session && !children->items[i].is_unkillable) return RETRY_MS;
    return -1;
}
