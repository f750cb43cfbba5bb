/*
 * Which session runs when: the queue of pending sessions, the slots, and the session processes that
 * are kept parked for the next ones.
 *
 * A slot is the right to run one session. A session in the queue gets the first free slot, in the
 * order of posting, as soon as a parked process is there. Hidden sessions (self-tests) need a
 * parked process but no slot, so they run also while all slots are busy.
 *
 * A parked process that was used is replaced when its session has ended or, if nothing is parked
 * any more, at once: so a fork does not compete with the script that has just been started.
 */
#ifndef RUNNER_SERVER_SLOTS_H
#define RUNNER_SERVER_SLOTS_H

#include "server/config.h"
#include "server/process.h"
#include "server/sessions.h"
#include "server/zygote_link.h"

TAILQ_HEAD(process_list, process);
TAILQ_HEAD(session_queue, session);

struct slots {
    const struct config *config;
    struct sessions *sessions;
    struct event_base *base;
    struct zygote_link *link;
    struct process_owner owner;
    struct session_queue queue, hidden_queue;
    size_t queued;
    struct process_list parked, busy, dead; /* retired ones are among the busy */
    size_t parked_count;
    size_t running;   /* slots in use */
    size_t requested; /* asked of the zygote, not there yet */
    size_t unkillable;
    bool is_refill_paused;
    bool is_draining;
    struct control_usage usage; /* of all sessions so far; the greatest of their max_rss */
    struct event *bury, *refill, *age;
    void (*idle)(void *ctx); /* while draining: nothing runs any more */
    void *idle_ctx;
};

int slots_init(struct slots *slots, struct event_base *base, const struct config *config,
               struct sessions *sessions);
void slots_done(struct slots *slots);

/* The functions for zygote_link_new. The link is set afterwards. */
struct zygote_link_ops slots_zygote_ops(struct slots *slots);

enum slots_outcome { SLOTS_TAKEN, SLOTS_FULL, SLOTS_DRAINING };
/* Puts a new session into the queue, or starts it at once. */
enum slots_outcome slots_submit(struct slots *slots, struct session *session);
/* A pending one is cancelled without ever running. False when it has ended already. */
bool slots_stop(struct slots *slots, struct session *session);

/* No new sessions; pending ones are cancelled; `idle` is called when no session runs any more,
 * perhaps at once. */
void slots_drain(struct slots *slots, void (*idle)(void *ctx), void *ctx);
void slots_stop_all(struct slots *slots);

#endif
