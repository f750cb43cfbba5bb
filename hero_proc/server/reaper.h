/*
 * Children of the daemon and their ends. The daemon is a child subreaper (prctl(2)), so what its
 * children leave behind becomes its own child, and is reaped here as well.
 */
#ifndef HERO_PROC_SERVER_REAPER_H
#define HERO_PROC_SERVER_REAPER_H

#include <sys/queue.h>
#include <sys/types.h>

struct event_base;

/* One that somebody waits for; embedded in what it belongs to. */
struct reaper_child {
    TAILQ_ENTRY(reaper_child) link;
    pid_t pid;
    /* `status` is that of waitpid(2). Its group has been killed; it is not watched any more. */
    void (*ended)(struct reaper_child *child, int status);
};

/* Handles SIGCHLD on the loop from now on. -1 without memory. */
int reaper_init(struct event_base *base);
void reaper_done(void);

void reaper_watch(struct reaper_child *child);
void reaper_unwatch(struct reaper_child *child);

#endif
