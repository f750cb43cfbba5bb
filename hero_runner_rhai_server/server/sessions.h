/* All sessions that can be asked for, and the bounds of what is kept of those that have ended. */
#ifndef RUNNER_SERVER_SESSIONS_H
#define RUNNER_SERVER_SESSIONS_H

#include "server/session.h"

#define SESSIONS_BUCKETS 16384

struct sessions {
    TAILQ_HEAD(session_list, session) list; /* newest first */
    struct session *buckets[SESSIONS_BUCKETS];
    size_t count;
    size_t ended;        /* of them, have ended */
    size_t ended_memory; /* and what they hold */
    size_t max_ended, max_ended_memory;
    /* Since the server started, by final status; and lines. */
    uint64_t totals[SESSION_CANCELLED + 1];
    uint64_t total_lines;
};

void sessions_init(struct sessions *sessions, size_t max_ended, size_t max_ended_memory);
void sessions_done(struct sessions *sessions);

/* Takes a reference of its own. */
void sessions_add(struct sessions *sessions, struct session *session);
struct session *sessions_find(const struct sessions *sessions, const char *id);
/* To be called when a session in the table has ended: counts it, and lets the oldest ended ones go
 * that are over the bounds. */
void sessions_note_end(struct sessions *sessions, const struct session *session);

#endif
