/* The reader and the searcher: they answer questions, one after the other. */
#include "store/database.h"
#include "store/internal.h"
#include "store/log_read.h"
#include "store/query.h"

#include <errno.h>

#define IDLE_WAIT_MS 60000

struct reader {
    struct worker *worker;
    struct log_reader logs;
    sqlite3_stmt *blocks;
};

static int answer_log(struct reader *reader, struct op *op) {
    int64_t row;
    int error = query_row(reader->worker->db, op->in.log.id, &row);
    if (error) return error;
    return log_read(&reader->logs, reader->blocks, row, &op->in.log, &op->out.log);
}

/* Copies the WAL into the database. Gently it lets the writer go on and takes what is there;
 * thoroughly it makes the writer wait for the little that is left, so that the WAL begins anew. */
static void checkpoint(struct worker *worker, bool is_thorough) {
    sqlite3_wal_checkpoint_v2(worker->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (is_thorough)
        sqlite3_wal_checkpoint_v2(worker->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    worker->store->is_checkpointing = false;
}

static int answer(struct reader *reader, struct op *op) {
    sqlite3 *db = reader->worker->db;
    switch (op->kind) {
    case OP_LIST: return query_list(db, &op->in.list, &op->out.sessions);
    case OP_FIND_KEY: return query_key(db, op->in.named.name, &op->out.sessions);
    case OP_GET: return query_record(db, op->in.named.name, &op->out.record);
    case OP_READ_LOG: return answer_log(reader, op);
    case OP_LIST_SCRIPTS: return query_scripts(db, &op->out.scripts);
    case OP_GET_SCRIPT:
        return query_script(db, op->in.named.name, op->in.named.version, &op->out.scripts);
    case OP_CHECKPOINT: checkpoint(reader->worker, op->is_thorough); return 0;
    default: return -EINVAL;
    }
}

void reader_run(struct worker *worker) {
    struct reader reader = {.worker = worker};
    log_reader_init(&reader.logs, worker->store->logs_dir);
    reader.blocks =
        database_prepare(worker->db, "SELECT block FROM lines WHERE row=? ORDER BY first_seq");
    bool is_closed = false;
    while (!is_closed) {
        struct op_list ops = STAILQ_HEAD_INITIALIZER(ops);
        op_queue_take(&worker->queue, &ops, 1, IDLE_WAIT_MS, &is_closed);
        struct op *op;
        STAILQ_FOREACH(op, &ops, link) {
            op->status = reader.blocks ? answer(&reader, op) : -ENOMEM;
        }
        store_complete(worker->store, &ops);
    }
    sqlite3_finalize(reader.blocks);
    log_reader_done(&reader.logs);
}
