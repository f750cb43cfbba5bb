/*
 * The children of this process: session processes, and what they left behind.
 *
 * The zygote is a child subreaper, so every process that a dead session leaves behind becomes its
 * child. A child that is not a session process is such an orphan and is killed. The dead session
 * itself stays unreaped until no orphan is left: its process id cannot be given to another process
 * meanwhile, and its end is told only when nothing of it survives. A session that has exited with
 * SESSION_EXIT_ALONE has left nothing, so nothing is looked for.
 */
#ifndef RUNNER_ZYGOTE_CHILDREN_H
#define RUNNER_ZYGOTE_CHILDREN_H

#include "zygote/control.h"

#define CHILDREN_UNKILLABLE_MS 10000

struct child {
    pid_t pid;
    bool is_session;    /* else an orphan */
    bool is_dead;       /* a session that is a zombie, kept until the orphans are gone */
    bool is_unkillable; /* an orphan that has outlived SIGKILL for too long: not waited for */
    int64_t since_ms;   /* monotonic: when it died, or was first killed */
};

struct children {
    int list_fd; /* of session/proc_children.h */
    struct child *items;
    size_t count, cap;
};

/* 0, or -errno when the kernel does not list children (CONFIG_PROC_CHILDREN). */
int children_init(struct children *children);
/* Notes a new session process; to be called before it can die unnoticed (in its parent, at once).
 * -ENOMEM leaves it unknown. */
int children_add(struct children *children, pid_t pid);

/* May add children. */
typedef void children_exited(void *ctx, struct control_message *message);
/* Deals with everything that has died: to be called after SIGCHLD, and after at most
 * children_patience_ms. Calls back for each session of which nothing is left. */
void children_reap(struct children *children, children_exited *exited, void *ctx);
/* How long to wait before the next children_reap if no SIGCHLD comes; -1: for ever. */
int children_patience_ms(const struct children *children);

#endif
