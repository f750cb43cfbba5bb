#include "store/op.h"

#include "store/log_block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct op *op_new(enum op_kind kind, size_t bytes) {
    struct op *op = malloc(sizeof *op + bytes);
    if (!op) return NULL;
    memset(op, 0, sizeof *op);
    op->kind = kind;
    op->bytes = sizeof *op + bytes;
    op->memory = (char *)(op + 1);
    return op;
}

void op_free(struct op *op) {
    if (!op) return;
    store_lines_free(op->lines);
    switch (op->kind) {
    case OP_LIST:
    case OP_FIND_KEY: store_sessions_free(op->out.sessions); break;
    case OP_GET: store_record_free(op->out.record); break;
    case OP_READ_LOG: store_log_page_free(op->out.log); break;
    case OP_LIST_SCRIPTS:
    case OP_GET_SCRIPT: store_scripts_free(op->out.scripts); break;
    default: break;
    }
    free(op);
}

size_t op_text_size(const char *text) {
    return text ? strlen(text) + 1 : 0;
}

const char *op_copy_text(struct op *op, const char *text) {
    if (!text) return NULL;
    size_t size = strlen(text) + 1;
    char *copy = memcpy(op->memory, text, size);
    op->memory += size;
    return copy;
}

struct store_bytes op_copy_bytes(struct op *op, struct store_bytes bytes) {
    if (!bytes.data) return bytes;
    char *copy = op->memory;
    if (bytes.len) memcpy(copy, bytes.data, bytes.len);
    op->memory += bytes.len;
    return (struct store_bytes){copy, bytes.len};
}

/* ---- Queues ------------------------------------------------------------------------------ */

void op_queue_init(struct op_queue *queue) {
    memset(queue, 0, sizeof *queue);
    STAILQ_INIT(&queue->list);
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->filled, &attr);
    pthread_condattr_destroy(&attr);
}

void op_queue_done(struct op_queue *queue) {
    struct op *op;
    while ((op = STAILQ_FIRST(&queue->list))) {
        STAILQ_REMOVE_HEAD(&queue->list, link);
        op_free(op);
    }
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->mutex);
}

int op_queue_push(struct op_queue *queue, struct op *op, size_t max_count, size_t max_bytes) {
    pthread_mutex_lock(&queue->mutex);
    bool is_full = (max_count && queue->count >= max_count) ||
                   (max_bytes && queue->count > 0 && queue->bytes + op->bytes > max_bytes);
    bool is_wanted = false;
    if (!is_full) {
        STAILQ_INSERT_TAIL(&queue->list, op, link);
        queue->count++;
        queue->bytes += op->bytes;
        is_wanted = queue->is_waiting && !op->is_lazy;
        if (is_wanted) queue->is_waiting = false;
    }
    pthread_mutex_unlock(&queue->mutex);
    if (is_wanted) pthread_cond_signal(&queue->filled);
    return is_full ? -ENOBUFS : 0;
}

static void wait_for_op(struct op_queue *queue, int64_t wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ms % 1000 * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    queue->is_waiting = true;
    while (queue->is_waiting && !queue->is_closed)
        if (pthread_cond_timedwait(&queue->filled, &queue->mutex, &until) == ETIMEDOUT) break;
    queue->is_waiting = false;
}

size_t op_queue_take(struct op_queue *queue, struct op_list *ret_list, size_t max_bytes,
                     int64_t wait_ms, bool *ret_closed) {
    pthread_mutex_lock(&queue->mutex);
    if (STAILQ_EMPTY(&queue->list) && !queue->is_closed && wait_ms > 0) wait_for_op(queue, wait_ms);
    size_t count = 0, bytes = 0;
    struct op *op;
    while ((op = STAILQ_FIRST(&queue->list)) && (count == 0 || bytes + op->bytes <= max_bytes)) {
        STAILQ_REMOVE_HEAD(&queue->list, link);
        STAILQ_INSERT_TAIL(ret_list, op, link);
        bytes += op->bytes;
        count++;
    }
    queue->count -= count;
    queue->bytes -= bytes;
    *ret_closed = queue->is_closed && STAILQ_EMPTY(&queue->list);
    pthread_mutex_unlock(&queue->mutex);
    return count;
}

void op_queue_wake(struct op_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->is_waiting = false;
    pthread_mutex_unlock(&queue->mutex);
    pthread_cond_signal(&queue->filled);
}

void op_queue_close(struct op_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->is_closed = true;
    pthread_mutex_unlock(&queue->mutex);
    pthread_cond_signal(&queue->filled);
}

void op_queue_size(struct op_queue *queue, uint64_t *ret_count, uint64_t *ret_bytes) {
    pthread_mutex_lock(&queue->mutex);
    *ret_count = queue->count;
    *ret_bytes = queue->bytes;
    pthread_mutex_unlock(&queue->mutex);
}
