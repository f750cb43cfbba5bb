/*
 * The writer: takes what waits, makes one transaction of it, completes it.
 *
 * When a transaction fails, the disk is taken for full or broken until a later one succeeds (the
 * writer is degraded): changes of sessions are kept in `deferred`, in order, and tried again each
 * second; their callers are told at once. Lines that go to files need no transaction and are tried
 * each time.
 */
#include "store/database.h"
#include "store/history.h"
#include "store/internal.h"
#include "store/log_files.h"

#include <errno.h>
#include <hero_rpc/clock.h>
#include <string.h>

#define BATCH_BYTES (512 * 1024) /* of one transaction, so that nobody waits long for it */
#define TICK_MS 1000
#define LINGER_MS 20           /* how long a lazy change waits for company */
#define CHECKPOINT_PAGES 16384 /* 64 MiB of WAL: each makes some commits wait 2 ms for the disk */
#define REMOVE_STEP 32
#define VACUUM_MIN_PAGES 256 /* free ones that are left alone */
#define RETRY_BATCH 256
#define ENDED_ROWS 1024 /* of the newest ends that are remembered */

struct writer {
    struct worker *worker;
    struct store *store;
    struct counters *counters;
    struct history history;
    struct log_files files;
    bool is_in_transaction;
    int failure; /* of the transaction; 0: none */
    /* What the transaction will have changed. */
    uint64_t added, removed, bytes_added, bytes_removed;
    int64_t ended[ENDED_ROWS]; /* by row: it need not be said any more that they run. Only while
                                * all is well, when they end in the same transaction */
    struct op_list deferred;
    int degraded; /* the error; 0: all is well */
    int wal_pages;
    bool is_idle; /* no batch since the last tick */
    bool is_removing;
    int64_t next_tick_ms;
};

/* ---- Applying one change ----------------------------------------------------------------- */

/* Begins the transaction with the first change that needs it. */
static int begin(struct writer *writer) {
    if (writer->is_in_transaction) return 0;
    int error = history_begin(&writer->history);
    if (!error) writer->is_in_transaction = true;
    return error;
}

static void note_lost(struct writer *writer, struct log *log, const struct log_lost *lost) {
    if (log) log->lost_lines += lost->lines;
    writer->counters->lost_lines += lost->lines;
    writer->counters->lost_bytes += lost->bytes;
}

static void note_lost_lines(struct writer *writer, struct log *log,
                            const struct store_lines *lines) {
    note_lost(writer, log,
              &(struct log_lost){lines->block.count, lines->block.size - BLOCK_HEADER_BYTES});
}

/* Moves a log from the database into its file. */
static int move_to_file(struct writer *writer, struct log *log, uint64_t first_seq) {
    struct rpc_strbuf blocks = RPC_STRBUF_INIT;
    uint64_t last_seq = 0;
    int error = 0;
    if (log->inline_bytes) {
        error = begin(writer);
        if (!error) error = history_get_lines(&writer->history, log->row, &blocks, &last_seq);
        if (error) writer->failure = error;
    }
    if (!last_seq) last_seq = first_seq - 1;
    if (!error) error = log_begin_file(&writer->files, log, blocks.data, blocks.len, last_seq);
    if (!error && blocks.len) {
        error = history_delete_lines(&writer->history, log->row);
        if (error) writer->failure = error;
    }
    rpc_strbuf_done(&blocks);
    return error;
}

static int insert_lines(struct writer *writer, struct log *log, struct op *op) {
    int error = writer->degraded ? writer->degraded : begin(writer);
    if (!error) error = history_insert_lines(&writer->history, op->lines);
    if (error) {
        writer->failure = error;
        return error;
    }
    log->inline_bytes += op->lines->block.size;
    op->is_inline = true;
    return 0;
}

/* The log of a session that has lines to store; NULL without memory. */
static struct log *log_of(struct writer *writer, const struct store_lines *lines) {
    struct log *log = log_find(&writer->files, lines->row);
    return log ? log : log_add(&writer->files, lines->row, lines->id);
}

/* Stores the lines of an op, in the database while they are few. A failure of the file loses them
 * and is only the op's own. */
static int store_lines(struct writer *writer, struct op *op) {
    struct store_lines *lines = op->lines;
    if (lines->block.count == 0 || op->has_settled_lines) return op->status;
    struct log *log = log_of(writer, lines);
    if (!log) {
        note_lost_lines(writer, NULL, lines);
        return -ENOMEM;
    }
    store_lines_seal(lines);
    if (!log->has_file && log->inline_bytes + lines->block.size <= STORE_INLINE_MAX_BYTES)
        return insert_lines(writer, log, op);
    int error = 0;
    if (!log->has_file) {
        /* Blocks that are deferred must be there before the log moves. */
        if (writer->degraded) {
            writer->failure = writer->degraded;
            return writer->degraded;
        }
        error = move_to_file(writer, log, lines->block.first_seq);
        if (writer->failure) return error;
    }
    struct log_lost lost = {lines->block.count, lines->block.size - BLOCK_HEADER_BYTES};
    if (!error) error = log_append_file(&writer->files, log, lines, &lost);
    op->has_settled_lines = true;
    note_lost(writer, log, &lost);
    if (error) {
        writer->counters->write_errors++;
        writer->counters->last_error = -error;
    } else if (!writer->degraded) {
        writer->counters->last_error = 0;
    }
    return error;
}

static int apply_end(struct writer *writer, struct op *op) {
    /* What the file could not take is counted; the record is written all the same. */
    if (op->lines) {
        int error = store_lines(writer, op);
        if (writer->failure) return error;
    }
    struct log *log = log_find(&writer->files, op->row);
    op->in.change.session.log_bytes = log ? log_size(log) : 0;
    op->in.change.session.lost_lines = log ? (int64_t)log->lost_lines : 0;
    writer->bytes_added += log ? (uint64_t)log_size(log) : 0;
    int error = begin(writer);
    return error ? error : history_end(&writer->history, op);
}

/* The files go first: on a full disk that makes the room which the rest needs. */
static int remove_session(struct writer *writer, const struct history_session *session) {
    struct log *log = log_find(&writer->files, session->row);
    if (log) log_forget(&writer->files, log); /* an open file would keep its room */
    log_remove_files(writer->files.dir, session->id);
    int error = history_delete(&writer->history, session->row);
    if (error) return error;
    writer->removed += session->is_stored;
    writer->bytes_removed += (uint64_t)session->log_bytes;
    return 0;
}

/* A change of that kind that waits for the disk; by row, or an insert by id. */
static struct op *find_deferred(struct writer *writer, enum op_kind kind, int64_t row,
                                const char *id) {
    struct op *op;
    STAILQ_FOREACH(op, &writer->deferred, link) {
        if (op->kind == kind && (id ? strcmp(op->in.change.session.id, id) == 0 : op->row == row))
            return op;
    }
    return NULL;
}

/* Also a session of which the disk does not know yet that it is there or has ended. */
static int apply_delete(struct writer *writer, struct op *op) {
    struct history_session session = {0};
    int error = history_find(&writer->history, op->in.named.name, &session);
    if (error == -ENOENT) {
        const struct op *insert = find_deferred(writer, OP_INSERT, 0, op->in.named.name);
        if (!insert) return error;
        session.row = insert->row;
        strcpy(session.id, insert->in.change.session.id);
    } else if (error) {
        return error;
    }
    if (!session.ended_us && !find_deferred(writer, OP_END, session.row, NULL)) return -EBUSY;
    op->row = session.row;
    return remove_session(writer, &session);
}

/* A session that is not there or not pending is not run again in any case. */
static int apply_start(struct writer *writer, struct op *op) {
    if (writer->ended[op->row % ENDED_ROWS] == op->row) return 0;
    int error = history_start(&writer->history, op);
    return error == -ENOENT ? 0 : error;
}

static int apply_in_transaction(struct writer *writer, struct op *op) {
    int error = begin(writer);
    if (error) return error;
    switch (op->kind) {
    case OP_INSERT:
        error = history_insert(&writer->history, op);
        if (!error) writer->added++;
        return error;
    case OP_START: return apply_start(writer, op);
    case OP_SCRIPT: return history_set_script(&writer->history, op);
    case OP_CALLBACK: return history_set_callback(&writer->history, op);
    case OP_DELETE: return apply_delete(writer, op);
    case OP_SAVE_SCRIPT: return history_save_script(&writer->history, op, &op->out.version);
    case OP_DELETE_SCRIPT:
        return history_delete_script(&writer->history, op->in.named.name, op->in.named.version);
    default: return -EINVAL;
    }
}

/* Sets the op's status, and writer->failure when the transaction cannot go on. */
static void apply(struct writer *writer, struct op *op) {
    if (op->kind >= OP_LIST) return; /* a question, which waits for the changes before it */
    if (op->kind == OP_APPEND)
        op->status = store_lines(writer, op);
    else if (op->kind == OP_END)
        op->status = apply_end(writer, op);
    else
        op->status = apply_in_transaction(writer, op);
    if (op->kind != OP_APPEND && database_is_failing(op->status)) writer->failure = op->status;
}

/* ---- The transaction --------------------------------------------------------------------- */

static void note_commit(struct writer *writer) {
    struct counters *counters = writer->counters;
    counters->sessions += writer->added - writer->removed;
    counters->log_bytes += writer->bytes_added - writer->bytes_removed;
    if (writer->is_in_transaction) counters->commits++;
}

/* Ends the transaction, well or by taking everything back. Returns the failure. */
static int finish(struct writer *writer) {
    if (!writer->failure && writer->is_in_transaction)
        writer->failure = history_commit(&writer->history);
    if (!writer->failure)
        note_commit(writer);
    else
        history_rollback(&writer->history);
    writer->added = writer->removed = writer->bytes_added = writer->bytes_removed = 0;
    writer->is_in_transaction = false;
    int failure = writer->failure;
    writer->failure = 0;
    return failure;
}

/* Applies ops from `first` on, in one transaction, until one makes it fail. */
static int run_transaction(struct writer *writer, struct op *first, size_t max) {
    for (struct op *op = first; op && max > 0 && !writer->failure;
         op = STAILQ_NEXT(op, link), max--)
        apply(writer, op);
    return finish(writer);
}

/* The log of a session whose end is stored is nobody's business any more. */
static void forget_log(struct writer *writer, const struct op *op) {
    struct log *log = op->kind == OP_END ? log_find(&writer->files, op->row) : NULL;
    if (log) log_forget(&writer->files, log);
}

/* ---- While the disk is full -------------------------------------------------------------- */

static bool is_kept(const struct op *op) {
    return op->kind <= OP_CALLBACK;
}

static void degrade(struct writer *writer, int error) {
    writer->degraded = error;
    writer->counters->write_errors++;
    writer->counters->last_error = -error;
    memset(writer->ended, 0, sizeof writer->ended);
}

static void drop_inline(struct writer *writer, struct op *op) {
    struct log *log = op->is_inline ? log_find(&writer->files, op->row) : NULL;
    if (log && log->inline_bytes >= op->lines->block.size)
        log->inline_bytes -= op->lines->block.size;
    op->is_inline = false;
}

/* The change is given up; its completion says why. */
static void lose(struct writer *writer, struct op *op, struct op_list *completed) {
    writer->counters->lost_records += op->kind != OP_APPEND;
    if (op->lines) note_lost_lines(writer, log_find(&writer->files, op->row), op->lines);
    forget_log(writer, op);
    STAILQ_INSERT_TAIL(completed, op, link);
}

static void keep(struct writer *writer, struct op *op) {
    STAILQ_INSERT_TAIL(&writer->deferred, op, link);
    writer->counters->deferred++;
    writer->counters->deferred_bytes += op->bytes;
}

/* Keeps a change for later and tells its caller. */
static void defer(struct writer *writer, struct op *op, struct op_list *completed) {
    if (writer->counters->deferred_bytes + op->bytes > STORE_DEFERRED_MAX_BYTES) {
        lose(writer, op, completed);
        return;
    }
    struct op *notice = op_new(OP_START, 0);
    if (!notice) {
        lose(writer, op, completed);
        return;
    }
    notice->done = op->done;
    notice->ctx = op->ctx;
    notice->status = STORE_DEFERRED;
    op->done.plain = NULL;
    STAILQ_INSERT_TAIL(completed, notice, link);
    keep(writer, op);
}

/* Whether the next process would not know that the session was ever asked for. */
static bool is_unknown_to_all(struct writer *writer, int64_t row, struct op **ret_insert) {
    struct history_session found;
    *ret_insert = find_deferred(writer, OP_INSERT, row, NULL);
    if (*ret_insert) return (*ret_insert)->journal == 0;
    return history_find_row(&writer->history, row, &found) == -ENOENT;
}

/* The caller waits with a script that must not run twice, so a start is kept without a notice,
 * whatever waits already; there are no more than sessions that may run, and records that the
 * journal has room for. But sessions go on: one of which nothing would be left if the process died
 * now may begin, and when it is stored at last it has begun. */
static void defer_start(struct writer *writer, struct op *op, struct op_list *completed) {
    struct op *insert = NULL;
    if (op->journal || !is_unknown_to_all(writer, op->row, &insert)) {
        keep(writer, op);
        return;
    }
    if (insert) {
        insert->in.change.session.status = "running";
        insert->in.change.session.started_us = op->in.change.session.started_us;
        insert->in.change.session.pid = op->in.change.session.pid;
    }
    op->status = 0;
    STAILQ_INSERT_TAIL(completed, op, link);
}

static void complete_alone(struct writer *writer, struct op *op) {
    struct op_list one = STAILQ_HEAD_INITIALIZER(one);
    STAILQ_INSERT_TAIL(&one, op, link);
    store_complete(writer->store, &one);
}

/* It is stored, or nobody's business any more. */
static void end_deferred(struct writer *writer, struct op *op) {
    STAILQ_REMOVE(&writer->deferred, op, op, link);
    writer->counters->deferred--;
    writer->counters->deferred_bytes -= op->bytes;
    if (op->kind == OP_START) {
        op->status = 0;
        complete_alone(writer, op);
        return;
    }
    forget_log(writer, op);
    if (op->journal) journal_release(&writer->store->journal, op->journal);
    op_free(op);
}

/* Nothing waits any more for a session that has been deleted. */
static void drop_deferred(struct writer *writer, int64_t row) {
    struct op *op = STAILQ_FIRST(&writer->deferred), *next;
    for (; op; op = next) {
        next = STAILQ_NEXT(op, link);
        if (op->row == row) end_deferred(writer, op);
    }
}

/* What becomes of an op when the transaction it was in, or an earlier one, could not be. */
static void apply_degraded(struct writer *writer, struct op *op, struct op_list *completed) {
    drop_inline(writer, op);
    const struct log *log = op->kind == OP_APPEND ? log_find(&writer->files, op->row) : NULL;
    bool has_own_place = op->kind == OP_APPEND && (op->has_settled_lines || (log && log->has_file));
    if (is_kept(op) && !has_own_place) {
        op->status = writer->degraded;
        if (op->kind == OP_START)
            defer_start(writer, op, completed);
        else
            defer(writer, op, completed);
        return;
    }
    if (has_own_place) {
        op->status = store_lines(writer, op);
    } else {
        /* Alone: a deletion may make room, and the others may fit. */
        int error = run_transaction(writer, op, 1);
        if (error) op->status = error;
        if (op->kind == OP_DELETE && !op->status) drop_deferred(writer, op->row);
    }
    STAILQ_INSERT_TAIL(completed, op, link);
}

static void complete_deferred(struct writer *writer, struct op *op) {
    writer->counters->changes++;
    /* The record it belongs to was given up before. */
    if (op->kind == OP_END && op->status == -ENOENT) writer->counters->lost_records++;
    end_deferred(writer, op);
}

/* Tries again what was deferred, oldest first, until all is written or one transaction fails. */
static void retry_deferred(struct writer *writer) {
    struct op *op;
    int before = writer->degraded;
    while ((op = STAILQ_FIRST(&writer->deferred))) {
        writer->degraded = 0;
        int error = run_transaction(writer, op, RETRY_BATCH);
        if (error) {
            size_t count = 0;
            for (; op && count < RETRY_BATCH; op = STAILQ_NEXT(op, link), count++)
                drop_inline(writer, op);
            degrade(writer, error);
            return;
        }
        for (size_t count = 0; count < RETRY_BATCH && (op = STAILQ_FIRST(&writer->deferred));
             count++)
            complete_deferred(writer, op);
    }
    /* With nothing deferred, whether the disk is well again is found out by writing. */
    writer->degraded = 0;
    if (before) writer->counters->last_error = 0;
}

/* ---- Batches ----------------------------------------------------------------------------- */

/* Which of the sessions that begin to run in a batch have ended in it. */
static void note_ends(struct writer *writer, const struct op_list *batch) {
    const struct op *op;
    STAILQ_FOREACH(op, batch, link) {
        if (op->kind == OP_END) writer->ended[op->row % ENDED_ROWS] = op->row;
    }
}

/* *questions are to be asked when the changes before them have been completed. */
static void run_batch(struct writer *writer, struct op_list *batch, struct op_list *completed,
                      struct op_list *questions) {
    if (!writer->degraded) note_ends(writer, batch);
    int error = writer->degraded ? writer->degraded
                                 : run_transaction(writer, STAILQ_FIRST(batch), SIZE_MAX);
    if (error && !writer->degraded) degrade(writer, error);
    struct op *op;
    while ((op = STAILQ_FIRST(batch))) {
        STAILQ_REMOVE_HEAD(batch, link);
        if (op->kind >= OP_LIST) {
            STAILQ_INSERT_TAIL(questions, op, link);
            continue;
        }
        if (error) {
            apply_degraded(writer, op, completed);
            continue;
        }
        writer->counters->changes++;
        forget_log(writer, op);
        STAILQ_INSERT_TAIL(completed, op, link);
    }
    writer->failure = 0; /* of lines that were applied while degraded */
}

static void ask(struct writer *writer, struct op_list *questions) {
    struct op *op;
    while ((op = STAILQ_FIRST(questions))) {
        STAILQ_REMOVE_HEAD(questions, link);
        op_queue_push(&store_answerer(writer->store, op)->queue, op, 0, 0);
    }
}

/* The searcher does it, because it waits for the disk. */
static void checkpoint_if_over(struct writer *writer, int pages) {
    if (writer->wal_pages < pages || writer->store->is_checkpointing) return;
    struct op *op = op_new(OP_CHECKPOINT, 0);
    if (!op) return;
    op->is_thorough = writer->wal_pages >= CHECKPOINT_PAGES * 2;
    writer->wal_pages = 0;
    writer->store->is_checkpointing = true;
    op_queue_push(&writer->store->searcher.queue, op, 0, 0);
}

static int on_commit(void *ctx, sqlite3 *db, const char *name, int pages) {
    (void)db, (void)name;
    struct writer *writer = ctx;
    writer->wal_pages = pages;
    return SQLITE_OK;
}

/* ---- Retention --------------------------------------------------------------------------- */

static bool is_over_bounds(const struct writer *writer, const struct history_session *oldest) {
    const struct store_config *config = &writer->store->config;
    uint64_t sessions = writer->counters->sessions - writer->removed;
    uint64_t bytes = writer->counters->log_bytes - writer->bytes_removed;
    if (config->max_sessions && sessions > (uint64_t)config->max_sessions) return true;
    if (config->max_bytes && bytes > (uint64_t)config->max_bytes) return true;
    return config->max_age_s &&
           oldest->ended_us < rpc_clock_wall_us() - config->max_age_s * 1000000;
}

/* Removes some sessions that are over the bounds; true when there may be more. */
static bool remove_some(struct writer *writer) {
    struct history_session oldest[REMOVE_STEP];
    int count = history_oldest(&writer->history, oldest, REMOVE_STEP), i = 0;
    if (count <= 0 || !is_over_bounds(writer, &oldest[0])) return false;
    writer->failure = begin(writer);
    for (; i < count && !writer->failure && is_over_bounds(writer, &oldest[i]); i++)
        writer->failure = remove_session(writer, &oldest[i]);
    int error = finish(writer);
    if (error) {
        degrade(writer, error);
        return false;
    }
    writer->counters->removed += (uint64_t)i;
    return i == REMOVE_STEP;
}

static void tick(struct writer *writer) {
    int64_t now = rpc_clock_monotonic_ms();
    if (now < writer->next_tick_ms && !writer->is_removing) return;
    if (writer->degraded) retry_deferred(writer);
    if (!writer->degraded) writer->is_removing = remove_some(writer);
    if (now < writer->next_tick_ms) return;
    writer->next_tick_ms = now + TICK_MS;
    sqlite3 *db = writer->worker->db;
    if (!writer->degraded && database_number(db, "PRAGMA freelist_count", 0) > VACUUM_MIN_PAGES)
        sqlite3_exec(db, "PRAGMA incremental_vacuum(1024)", NULL, NULL, NULL);
    if (writer->is_idle) checkpoint_if_over(writer, 1);
    writer->is_idle = true;
}

/* ---- The thread -------------------------------------------------------------------------- */

static int64_t wait_ms(const struct writer *writer, bool was_busy) {
    if (writer->is_removing) return 0;
    if (was_busy) return LINGER_MS;
    int64_t left = writer->next_tick_ms - rpc_clock_monotonic_ms();
    return left > 1 ? left : 1;
}

/* At the end: what is still deferred has had its last chance. */
static void give_up(struct writer *writer) {
    struct op *op;
    retry_deferred(writer);
    while ((op = STAILQ_FIRST(&writer->deferred))) {
        STAILQ_REMOVE_HEAD(&writer->deferred, link);
        if (op->kind == OP_START) {
            op->status = -ECANCELED;
            op->journal = 0; /* its record is for the next process */
            complete_alone(writer, op);
        } else {
            op_free(op);
        }
    }
    sqlite3_wal_checkpoint_v2(writer->worker->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

void writer_run(struct worker *worker) {
    struct writer writer = {
        .worker = worker, .store = worker->store, .counters = &worker->store->counters};
    STAILQ_INIT(&writer.deferred);
    log_files_init(&writer.files, worker->store->logs_dir, worker->store->config.session_log_bytes);
    int error = history_init(&writer.history, worker->db);
    if (error) degrade(&writer, error);
    sqlite3_wal_hook(worker->db, on_commit, &writer);
    bool is_closed = false, was_busy = false;
    while (!is_closed) {
        struct op_list batch = STAILQ_HEAD_INITIALIZER(batch);
        struct op_list completed = STAILQ_HEAD_INITIALIZER(completed);
        struct op_list questions = STAILQ_HEAD_INITIALIZER(questions);
        was_busy = op_queue_take(&worker->queue, &batch, BATCH_BYTES, wait_ms(&writer, was_busy),
                                 &is_closed) > 0;
        if (was_busy) run_batch(&writer, &batch, &completed, &questions);
        if (was_busy) writer.is_idle = false;
        store_complete(worker->store, &completed);
        ask(&writer, &questions);
        checkpoint_if_over(&writer, CHECKPOINT_PAGES);
        tick(&writer);
    }
    give_up(&writer);
    log_files_done(&writer.files);
    history_done(&writer.history);
}
