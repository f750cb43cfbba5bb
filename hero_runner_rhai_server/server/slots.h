/*
 * Which session runs when: the queue of pending sessions, the slots, and the session processes that
 * are kept parked for the next ones.
 *
 * A slot is the right to run one session. A session in the queue gets the first free slot, in the
 * queue's order, as soon as a parked process is there. Hidden sessions (self-tests, checks) need a
 * parked process but no slot, so they run also while all slots are busy.
 *
 * A parked process that was used is replaced when the zygote next wakes up, which the exit of a
 * session process makes it do, at the latest after some milliseconds and, if a session waits for
 * it, at once: so a fork does not compete with the script that has just been started.
 *
 * Processes come from a zygote, the present generation. A reload starts a second one beside it,
 * which takes over when it is ready; the one before ends with its last session. There are never
 * more than two.
 */
#ifndef RUNNER_SERVER_SLOTS_H
#define RUNNER_SERVER_SLOTS_H

#include "server/config.h"
#include "server/process.h"
#include "server/queue.h"
#include "server/sessions.h"
#include "server/zygote_link.h"

TAILQ_HEAD(process_list, process);

/* A zygote and what comes from it. */
struct generation {
    struct slots *slots;
    struct zygote_link *link;
    unsigned number;  /* from 1 */
    size_t processes; /* of it, that are not over */
    size_t requested; /* wanted of the zygote, not there yet */
    bool is_awake;    /* it knows of all that are requested */
    bool is_ready;    /* has been */
};

struct slots_ops {
    /* The present generation can run sessions: at start-up, after a restart and after a reload. */
    void (*ready)(void *ctx, unsigned generation);
    /* The first zygote is of no use. */
    void (*unusable)(void *ctx, const char *why);
    /* A reload is over; `why` NULL: it has succeeded. */
    void (*reloaded)(void *ctx, unsigned generation, const char *why);
    /* The lines of a session cannot be stored as fast as they come. */
    bool (*is_full)(void *ctx, struct session *session);
    void *ctx;
};

struct slots {
    const struct config *config;
    struct sessions *sessions;
    struct event_base *base;
    struct slots_ops ops;
    struct zygote_link_options zygote_options;
    struct generation *current;
    struct generation *candidate; /* being started by a reload; NULL: none */
    struct generation *retiring;  /* replaced, its last sessions run; NULL: none */
    unsigned generations;
    struct process_owner owner;
    struct queue queue;
    struct session_queue hidden_queue;
    struct session_queue preparing; /* admitted, but not in the queue yet */
    size_t preparing_count;
    struct process_list parked, busy, dead; /* retired ones are among the busy */
    size_t parked_count;
    size_t running; /* slots in use */
    size_t unkillable;
    unsigned restarts; /* of zygotes that died */
    bool is_refill_paused;
    bool is_draining;
    struct control_usage usage; /* of all sessions so far; the greatest of their max_rss */
    struct event *bury, *refill, *age;
    void (*idle)(void *ctx); /* while ending: nothing runs any more */
    void *idle_ctx;
};

/* `options` are kept and used for each zygote; what they point to must live as long. */
int slots_init(struct slots *slots, struct event_base *base, const struct config *config,
               struct sessions *sessions, const struct zygote_link_options *options,
               const struct slots_ops *ops);
/* Kills the zygotes, and with them every session. */
void slots_stop_zygotes(struct slots *slots);
void slots_done(struct slots *slots);

/* Starts the first zygote. */
int slots_start(struct slots *slots, struct rpc_error *err);

enum slots_outcome { SLOTS_TAKEN, SLOTS_FULL, SLOTS_DRAINING, SLOTS_NO_MEMORY };
/* Whether there is room for one more session. */
enum slots_outcome slots_can_admit(const struct slots *slots);
/* Puts a new session into the table, as pending; it waits for slots_enqueue or slots_stop. */
void slots_admit(struct slots *slots, struct session *session);
/* Puts an admitted one, now with its request, into the queue, or starts it at once. When it has
 * been stopped meanwhile, nothing happens. */
void slots_enqueue(struct slots *slots, struct session *session);
/* Ends an admitted one that cannot run. */
void slots_fail(struct slots *slots, struct session *session, enum session_reason reason,
                const char *message);
/* Runs a hidden session. */
enum slots_outcome slots_submit_hidden(struct slots *slots, struct session *session);

/* A pending one is cancelled without ever running. False when it has ended already. */
bool slots_stop(struct slots *slots, struct session *session);

/* Starts a new generation; the outcome is told to ops. SLOTS_FULL when there are two already.
 * On failure *err is set too. */
enum slots_outcome slots_reload(struct slots *slots, struct rpc_error *err);

/* No new sessions from now on; or again, unless it is for the end. */
void slots_drain(struct slots *slots, bool on);
/* For the end: also cancels pending ones; `idle` is called when no session runs any more, perhaps
 * at once. */
void slots_end(struct slots *slots, void (*idle)(void *ctx), void *ctx);
/* Stops those that run, because the server ends. */
void slots_stop_all(struct slots *slots);

#endif
