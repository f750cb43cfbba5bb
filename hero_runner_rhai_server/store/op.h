/*
 * One piece of work, from the post to its completion, and the queues it waits in.
 *
 * An op is one block of memory: the struct and behind it the bytes it was given. It belongs to
 * whoever has it on a list: the caller's thread until it is posted, a worker's queue, the worker,
 * and the list of completions, from which store_dispatch frees it.
 */
#ifndef RUNNER_STORE_OP_H
#define RUNNER_STORE_OP_H

#include "store/store.h"

#include <pthread.h>
#include <sys/queue.h>

enum op_kind {
    /* Changes, which are tried again when the disk is full (see is_kept in writer.c) ... */
    OP_INSERT,
    OP_START,
    OP_APPEND,
    OP_END,
    OP_SCRIPT,
    OP_CALLBACK,
    /* ... and changes that fail. */
    OP_DELETE,
    OP_SAVE_SCRIPT,
    OP_DELETE_SCRIPT,
    /* Questions. */
    OP_LIST,
    OP_FIND_KEY,
    OP_GET,
    OP_READ_LOG,
    OP_LIST_SCRIPTS,
    OP_GET_SCRIPT,
    OP_CHECKPOINT, /* the writer's own, without completion */
};

struct op {
    STAILQ_ENTRY(op) link;
    enum op_kind kind;
    int status;
    bool is_lazy; /* wakes nobody: it is safe already, or of no hurry */
    size_t bytes; /* of memory, for the bounds */
    int64_t row;
    union {
        store_done *plain;
        store_sessions_done *sessions;
        store_record_done *record;
        store_log_done *log;
        store_scripts_done *scripts;
        store_saved_done *saved;
    } done;
    void *ctx;
    struct store_lines *lines; /* APPEND, END: owned */
    uint64_t journal;          /* of a change: position of its record; 0: none */
    bool is_inline;            /* these are in the database, with the transaction */
    bool has_settled_lines;    /* or in the file, or lost, for good */
    bool is_thorough;          /* CHECKPOINT: make the writer wait rather than let the WAL grow */
    union {
        struct {
            struct store_session session;
            struct store_request request;
            struct store_bytes value;
        } change; /* INSERT, START, END, CALLBACK */
        struct store_query list;
        struct store_log_query log;
        struct {
            const char *name; /* also the id of DELETE and GET, and the key of FIND_KEY */
            struct store_bytes text;
            const char *description;
            int64_t version;
        } named;
    } in;
    union {
        struct store_sessions *sessions;
        struct store_record *record;
        struct store_log_page *log;
        struct store_scripts *scripts;
        int64_t version;
    } out;
    char *memory; /* behind the struct: what the texts of `in` point to */
};

STAILQ_HEAD(op_list, op);

/* An op with room for `bytes` of texts; NULL without memory. */
struct op *op_new(enum op_kind kind, size_t bytes);
/* Also what it owns: lines, a result that nobody took. NULL is fine. */
void op_free(struct op *op);
/* Copy into the op's memory, whose room was counted before. NULL stays NULL. */
const char *op_copy_text(struct op *op, const char *text);
struct store_bytes op_copy_bytes(struct op *op, struct store_bytes bytes);
/* The room a text needs. */
size_t op_text_size(const char *text);

/* Lists across threads. */
struct op_queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct op_list list;
    size_t count, bytes;
    bool is_waiting; /* the worker waits and wants to be woken */
    bool is_closed;
};

void op_queue_init(struct op_queue *queue);
void op_queue_done(struct op_queue *queue); /* and frees what is in it */
/* Appends; a bound of 0 is none. -ENOBUFS when it is full. */
int op_queue_push(struct op_queue *queue, struct op *op, size_t max_count, size_t max_bytes);
/* Moves up to `max_bytes` (one op at least) to the end of `ret_list`, waiting up to `wait_ms` for
 * the first. Returns how many; 0 after the wait, or, with *ret_closed, when it is closed and empty.
 */
size_t op_queue_take(struct op_queue *queue, struct op_list *ret_list, size_t max_bytes,
                     int64_t wait_ms, bool *ret_closed);
/* No more will be pushed; the worker is woken. */
void op_queue_wake(struct op_queue *queue); /* whoever waits to take */
void op_queue_close(struct op_queue *queue);
void op_queue_size(struct op_queue *queue, uint64_t *ret_count, uint64_t *ret_bytes);

#endif
