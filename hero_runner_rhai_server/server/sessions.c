#include "server/sessions.h"

#include <string.h>

/* FNV-1a; ids are random. */
static size_t bucket_of(const char *id) {
    uint32_t hash = 2166136261u;
    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    return hash % SESSIONS_BUCKETS;
}

static const char *key_of(const struct session *session) {
    return json_string_value(session_asked(session, "idempotency_key"));
}

void sessions_init(struct sessions *sessions, size_t max_ended, size_t max_ended_memory) {
    memset(sessions, 0, sizeof *sessions);
    TAILQ_INIT(&sessions->list);
    TAILQ_INIT(&sessions->changes);
    TAILQ_INIT(&sessions->watches);
    sessions->max_ended = max_ended;
    sessions->max_ended_memory = max_ended_memory;
}

void sessions_add(struct sessions *sessions, struct session *session) {
    struct session **bucket = &sessions->buckets[bucket_of(session->id)];
    session->next_in_bucket = *bucket;
    *bucket = session_ref(session);
    TAILQ_INSERT_HEAD(&sessions->list, session, table_link);
    sessions->count++;
    const char *key = key_of(session);
    if (key) {
        session->next_with_key = sessions->by_key[bucket_of(key)];
        sessions->by_key[bucket_of(key)] = session;
    }
    TAILQ_INSERT_TAIL(&sessions->changes, session, change_link);
    sessions_note_change(sessions, session);
}

void sessions_note_change(struct sessions *sessions, struct session *session) {
    TAILQ_REMOVE(&sessions->changes, session, change_link);
    TAILQ_INSERT_TAIL(&sessions->changes, session, change_link);
    session->change_number = ++sessions->change_count;
    struct sessions_watch *watch;
    TAILQ_FOREACH(watch, &sessions->watches, link) {
        watch->changed(watch);
    }
}

struct session *sessions_find_key(const struct sessions *sessions, const char *key) {
    struct session *session = sessions->by_key[bucket_of(key)];
    while (session && strcmp(key_of(session), key) != 0)
        session = session->next_with_key;
    return session;
}

struct session *sessions_find(const struct sessions *sessions, const char *id) {
    struct session *session = sessions->buckets[bucket_of(id)];
    while (session && strcmp(session->id, id) != 0)
        session = session->next_in_bucket;
    return session;
}

static void forget(struct sessions *sessions, struct session *session) {
    struct sessions_watch *watch;
    TAILQ_FOREACH(watch, &sessions->watches, link) {
        watch->forgotten(watch, session);
    }
    struct session **place = &sessions->buckets[bucket_of(session->id)];
    while (*place != session)
        place = &(*place)->next_in_bucket;
    *place = session->next_in_bucket;
    const char *key = key_of(session);
    if (key) {
        place = &sessions->by_key[bucket_of(key)];
        while (*place != session)
            place = &(*place)->next_with_key;
        *place = session->next_with_key;
    }
    TAILQ_REMOVE(&sessions->list, session, table_link);
    TAILQ_REMOVE(&sessions->changes, session, change_link);
    sessions->count--;
    if (session_has_ended(session)) {
        sessions->ended--;
        sessions->ended_memory -= session_memory(session);
    }
    session_unref(session);
}

bool sessions_delete(struct sessions *sessions, const char *id) {
    struct session *session = sessions_find(sessions, id);
    bool is_here = session && session_has_ended(session);
    if (is_here) forget(sessions, session);
    return is_here;
}

static bool is_over_bounds(const struct sessions *sessions) {
    return sessions->ended > sessions->max_ended ||
           sessions->ended_memory > sessions->max_ended_memory;
}

void sessions_note_end(struct sessions *sessions, const struct session *session) {
    sessions->ended++;
    sessions->ended_memory += session_memory(session);
    sessions->totals[session->status]++;
    struct session *oldest = TAILQ_LAST(&sessions->list, session_list), *newer;
    for (; oldest && is_over_bounds(sessions); oldest = newer) {
        newer = TAILQ_PREV(oldest, session_list, table_link);
        /* The one that has just ended stays, so that its caller can ask for it. */
        if (session_has_ended(oldest) && oldest != session) forget(sessions, oldest);
    }
}

void sessions_done(struct sessions *sessions) {
    while (!TAILQ_EMPTY(&sessions->list))
        forget(sessions, TAILQ_FIRST(&sessions->list));
}
