/*
 * The sessions that wait for a slot: first those of the highest priority, among equals in the order
 * of posting. A session with a concurrency key is passed over while as many run under the key as it
 * allows.
 */
#ifndef RUNNER_SERVER_QUEUE_H
#define RUNNER_SERVER_QUEUE_H

#include "server/session.h"

#define QUEUE_PRIORITIES (PRIORITY_MOST - PRIORITY_LEAST + 1)
#define QUEUE_KEY_BUCKETS 256

TAILQ_HEAD(session_queue, session);

struct queue {
    struct session_queue lists[QUEUE_PRIORITIES]; /* the highest priority first */
    struct concurrency *keys[QUEUE_KEY_BUCKETS];  /* those in use */
    size_t len;
    bool is_numbered; /* queue_position of all is right */
};

void queue_init(struct queue *queue);
/* Gives up all references. */
void queue_done(struct queue *queue);

/* By the order in which they were acknowledged (session->row), mostly at its end: a script may have
 * been fetched meanwhile. Takes a reference. -1 without memory. */
int queue_add(struct queue *queue, struct session *session);
/* The one to run next, which stays where it is; NULL: none may run now. */
struct session *queue_next(const struct queue *queue);
/* Out of the queue, to run; the caller has the reference. */
void queue_begin(struct queue *queue, struct session *session);
/* Back to the head, as if it had never left; takes a reference. */
void queue_put_back(struct queue *queue, struct session *session);
/* The run is over. */
void queue_end(struct queue *queue, struct session *session);
/* Out of the queue without running; the caller has the reference. */
void queue_remove(struct queue *queue, struct session *session);
/* The first of all; NULL when it is empty. */
struct session *queue_first(const struct queue *queue);

/* Gives each its queue_position, from 1, in the order in which they would run if no key held one
 * back. Nothing to do when nothing has changed. */
void queue_number(struct queue *queue);

#endif
