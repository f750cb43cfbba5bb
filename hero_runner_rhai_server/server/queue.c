#include "server/queue.h"

#include <stdlib.h>
#include <string.h>

/* A key that some session in the queue or running has. */
struct concurrency {
    struct concurrency *next;
    char *key;
    unsigned sessions, running;
};

/* ---- Keys ------------------------------------------------------------------------------- */

/* FNV-1a */
static struct concurrency **bucket_of(struct queue *queue, const char *key) {
    uint32_t hash = 2166136261u;
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return &queue->keys[hash % QUEUE_KEY_BUCKETS];
}

static struct concurrency *find_key(struct concurrency *item, const char *key) {
    while (item && strcmp(item->key, key) != 0)
        item = item->next;
    return item;
}

static int take_key(struct queue *queue, struct session *session) {
    const char *key = json_string_value(session_asked(session, "concurrency_key"));
    if (!key) return 0;
    struct concurrency **bucket = bucket_of(queue, key);
    struct concurrency *item = find_key(*bucket, key);
    if (!item) {
        item = calloc(1, sizeof *item);
        char *copy = item ? strdup(key) : NULL;
        if (!copy) {
            free(item);
            return -1;
        }
        *item = (struct concurrency){.next = *bucket, .key = copy};
        *bucket = item;
    }
    item->sessions++;
    session->concurrency = item;
    return 0;
}

static void give_up_key(struct queue *queue, struct session *session) {
    struct concurrency *item = session->concurrency;
    session->concurrency = NULL;
    if (!item || --item->sessions > 0) return;
    struct concurrency **place = bucket_of(queue, item->key);
    while (*place != item)
        place = &(*place)->next;
    *place = item->next;
    free(item->key);
    free(item);
}

static bool may_run(const struct session *session) {
    return !session->concurrency ||
           session->concurrency->running < (uint64_t)session->concurrency_limit;
}

/* ---- The queue -------------------------------------------------------------------------- */

static struct session_queue *list_of(struct queue *queue, const struct session *session) {
    return &queue->lists[PRIORITY_MOST - session->priority];
}

void queue_init(struct queue *queue) {
    memset(queue, 0, sizeof *queue);
    for (int i = 0; i < QUEUE_PRIORITIES; i++)
        TAILQ_INIT(&queue->lists[i]);
}

void queue_done(struct queue *queue) {
    struct session *session;
    while ((session = queue_first(queue))) {
        queue_remove(queue, session);
        session_unref(session);
    }
}

int queue_add(struct queue *queue, struct session *session) {
    if (take_key(queue, session) < 0) return -1;
    struct session_queue *list = list_of(queue, session);
    struct session *before = TAILQ_LAST(list, session_queue);
    while (before && before->row > session->row)
        before = TAILQ_PREV(before, session_queue, queue_link);
    session_ref(session);
    if (before)
        TAILQ_INSERT_AFTER(list, before, session, queue_link);
    else
        TAILQ_INSERT_HEAD(list, session, queue_link);
    queue->len++;
    queue->is_numbered = false;
    return 0;
}

struct session *queue_first(const struct queue *queue) {
    for (int i = 0; queue->len > 0 && i < QUEUE_PRIORITIES; i++)
        if (!TAILQ_EMPTY(&queue->lists[i])) return TAILQ_FIRST(&queue->lists[i]);
    return NULL;
}

struct session *queue_next(const struct queue *queue) {
    struct session *session;
    for (int i = 0; queue->len > 0 && i < QUEUE_PRIORITIES; i++) {
        TAILQ_FOREACH(session, &queue->lists[i], queue_link) {
            if (may_run(session)) return session;
        }
    }
    return NULL;
}

static void take_out(struct queue *queue, struct session *session) {
    TAILQ_REMOVE(list_of(queue, session), session, queue_link);
    queue->len--;
    queue->is_numbered = false;
    session->queue_position = 0;
}

void queue_begin(struct queue *queue, struct session *session) {
    take_out(queue, session);
    if (session->concurrency) session->concurrency->running++;
}

void queue_put_back(struct queue *queue, struct session *session) {
    if (session->concurrency) session->concurrency->running--;
    session_ref(session);
    TAILQ_INSERT_HEAD(list_of(queue, session), session, queue_link);
    queue->len++;
    queue->is_numbered = false;
}

void queue_end(struct queue *queue, struct session *session) {
    if (session->concurrency) session->concurrency->running--;
    give_up_key(queue, session);
}

void queue_remove(struct queue *queue, struct session *session) {
    take_out(queue, session);
    give_up_key(queue, session);
}

void queue_number(struct queue *queue) {
    if (queue->is_numbered) return;
    queue->is_numbered = true;
    unsigned position = 0;
    struct session *session;
    for (int i = 0; position < queue->len && i < QUEUE_PRIORITIES; i++) {
        TAILQ_FOREACH(session, &queue->lists[i], queue_link) {
            session->queue_position = ++position;
        }
    }
}
