/*
 * A thread that does what must not hold up the loop: SQLite, files. Tasks are done one after the
 * other, in the order in which they were added.
 */
#ifndef HERO_PROC_SERVER_WORKER_H
#define HERO_PROC_SERVER_WORKER_H

#include <hero_rpc/error.h>
#include <sys/queue.h>

struct event_base;
struct worker;

/* Embedded in what belongs to it. */
struct worker_task {
    STAILQ_ENTRY(worker_task) link;
    void (*run)(struct worker_task *task);  /* on the worker's thread */
    void (*done)(struct worker_task *task); /* then on the loop; the task is the owner's again */
};

struct worker *worker_new(struct event_base *base, struct rpc_error *err);
void worker_add(struct worker *worker, struct worker_task *task);
/* Everything that was added is run and done before it returns. NULL is allowed. */
void worker_free(struct worker *worker);

#endif
