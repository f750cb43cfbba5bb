/* All sessions that can be asked for, and the bounds of what is kept of those that have ended. */
#ifndef RUNNER_SERVER_SESSIONS_H
#define RUNNER_SERVER_SESSIONS_H

#include "server/session.h"

#define SESSIONS_BUCKETS 16384

/* Somebody who wants to know about changes of status of all sessions. */
/* Its functions must not touch the list of watches. */
struct sessions_watch {
    TAILQ_ENTRY(sessions_watch) link;
    void (*changed)(struct sessions_watch *watch);
    /* A session leaves the list of changes, with the last one it had. */
    void (*forgotten)(struct sessions_watch *watch, const struct session *session);
};

struct sessions {
    TAILQ_HEAD(session_list, session) list;       /* newest first */
    TAILQ_HEAD(session_changes, session) changes; /* by the last change, the newest last */
    uint64_t change_count;
    TAILQ_HEAD(, sessions_watch) watches;
    struct session *buckets[SESSIONS_BUCKETS];
    struct session *by_key[SESSIONS_BUCKETS]; /* those with an idempotency key */
    size_t count;
    size_t ended;        /* of them, have ended */
    size_t ended_memory; /* and what they hold */
    size_t max_ended, max_ended_memory;
    uint64_t totals[SESSION_CANCELLED + 1]; /* since the server started, by final status */
};

void sessions_init(struct sessions *sessions, size_t max_ended, size_t max_ended_memory);
void sessions_done(struct sessions *sessions);

/* Takes a reference of its own. */
void sessions_add(struct sessions *sessions, struct session *session);
struct session *sessions_find(const struct sessions *sessions, const char *id);
/* The one that was begun with this idempotency key; NULL: none that is kept. */
struct session *sessions_find_key(const struct sessions *sessions, const char *key);
/* Its status has changed. */
void sessions_note_change(struct sessions *sessions, struct session *session);
/* Removes one that has ended and that the history has no longer. Whether it was here. */
bool sessions_delete(struct sessions *sessions, const char *id);
/* To be called when a session in the table has ended: counts it, and lets the oldest ended ones go
 * that are over the bounds. */
void sessions_note_end(struct sessions *sessions, const struct session *session);

#endif
