/* What the last process had acknowledged is stored, and what ran in it is ended. */
#include "store/database.h"
#include "store/history.h"
#include "store/internal.h"
#include "store/log_read.h"
#include "store/op_codec.h"
#include "store/query.h"

#include <errno.h>
#include <hero_rpc/clock.h>
#include <string.h>

/* The last line and the bytes of a log, from its files or else from the database. */
static int measure_log(struct store *store, struct store_session *session) {
    struct log_extent extent;
    int error = log_repair(store->logs_dir, session->id, &extent);
    if (error) return error;
    if (!extent.has_file) {
        sqlite3_stmt *statement = database_prepare(
            store->writer.db,
            "SELECT block,length(block) FROM lines WHERE row=? ORDER BY first_seq");
        if (!statement) return -ENOMEM;
        sqlite3_bind_int64(statement, 1, session->row);
        int code;
        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
            const char *bytes = sqlite3_column_blob(statement, 0);
            int64_t len = sqlite3_column_int64(statement, 1);
            struct block block;
            if (len < BLOCK_HEADER_BYTES || !block_get_header(bytes, &block)) continue;
            extent.last_seq = block.first_seq + block.count - 1;
            extent.bytes += len;
        }
        sqlite3_finalize(statement);
        error = database_errno(code);
    }
    session->lines = (int64_t)extent.last_seq;
    session->log_bytes = extent.bytes;
    return error;
}

/* ---- What was acknowledged, and not in the database yet ------------------------------------ */

struct recovery {
    struct store *store;
    struct history history;
    struct log_files files;
};

/* A log whose files are as they were found. */
static struct log *add_found(struct log_files *files, int64_t row, const char *id,
                             const struct log_extent *extent) {
    struct log *log = log_add(files, row, id);
    if (!log) return NULL;
    log->has_file = extent->has_file;
    log->segment = extent->segment;
    log->last_seq = extent->last_seq;
    memcpy(log->sizes, extent->sizes, sizeof log->sizes);
    /* The process died while the tail was rotated: the next one is to be made. */
    log->size = extent->last_part == LOG_OLD ? files->tail_max : extent->sizes[extent->last_part];
    return log;
}

/* Into the database while they are few, as the writer does it. */
static int insert_lines(struct recovery *recovery, const struct store_lines *lines,
                        struct log *log) {
    struct rpc_strbuf blocks = RPC_STRBUF_INIT;
    uint64_t last_seq;
    int error = history_get_lines(&recovery->history, lines->row, &blocks, &last_seq);
    if (!error && blocks.len + lines->block.size <= STORE_INLINE_MAX_BYTES)
        error = history_insert_lines(&recovery->history, lines);
    else if (!error)
        error = log_begin_file(&recovery->files, log, blocks.data, blocks.len,
                               last_seq ? last_seq : lines->block.first_seq - 1);
    if (!error && log->has_file) error = history_delete_lines(&recovery->history, lines->row);
    rpc_strbuf_done(&blocks);
    return error;
}

/* Puts lines where the others of their session are, if they are not there already. */
static int store_lines(struct recovery *recovery, const struct store_lines *lines) {
    struct store *store = recovery->store;
    struct log_extent extent;
    int error = log_repair(store->logs_dir, lines->id, &extent);
    if (error) return error;
    struct log *log = add_found(&recovery->files, lines->row, lines->id, &extent);
    if (!log) return -ENOMEM;
    struct log_lost lost;
    if (!extent.has_file) error = insert_lines(recovery, lines, log);
    if (!error && log->has_file) error = log_append_file(&recovery->files, log, lines, &lost);
    log_forget(&recovery->files, log);
    return error;
}

static int apply_end(struct recovery *recovery, struct op *op, const char *id) {
    struct store_session *session = &op->in.change.session;
    struct store_session measured = {.row = op->row, .id = id};
    int error = op->lines ? store_lines(recovery, op->lines) : 0;
    if (!error) error = measure_log(recovery->store, &measured);
    session->log_bytes = measured.log_bytes;
    return error ? error : history_end(&recovery->history, op);
}

/* What is in the database already, or was removed since, is left as it is. */
static int apply(struct recovery *recovery, struct op *op) {
    struct history_session found;
    const char *id = op->kind == OP_INSERT ? op->in.change.session.id : NULL;
    int error = history_find_row(&recovery->history, op->row, &found);
    if (op->kind == OP_INSERT)
        return error == -ENOENT && id ? history_insert(&recovery->history, op) : error;
    if (!error && op->kind == OP_SCRIPT) return history_set_script(&recovery->history, op);
    if (error == -ENOENT || (!error && found.ended_us)) return 0;
    if (error) return error;
    if (op->kind == OP_START) {
        error = history_start(&recovery->history, op);
        return error == -ENOENT ? 0 : error; /* it is known already that it runs */
    }
    return op->kind == OP_END ? apply_end(recovery, op, found.id)
                              : store_lines(recovery, op->lines);
}

static int apply_record(void *ctx, const char *payload, size_t bytes) {
    struct op *op = op_decode(payload, bytes);
    if (!op) return errno == EBADMSG ? 0 : -errno;
    bool has_lines = op->kind != OP_APPEND || op->lines;
    int error = has_lines ? apply(ctx, op) : 0;
    op_free(op);
    return error;
}

static int recover_journal(struct store *store) {
    struct recovery recovery = {.store = store};
    log_files_init(&recovery.files, store->logs_dir, store->config.session_log_bytes);
    int error = history_init(&recovery.history, store->writer.db);
    if (!error) error = history_begin(&recovery.history);
    if (!error) error = journal_recover(&store->journal, apply_record, &recovery);
    if (!error) error = history_commit(&recovery.history);
    if (!error) journal_clear(&store->journal);
    history_rollback(&recovery.history);
    history_done(&recovery.history);
    log_files_done(&recovery.files);
    return error;
}

/* ---- What had not ended -------------------------------------------------------------------- */

static int end_session(struct store *store, struct store_session *session) {
    int error = measure_log(store, session);
    /* One that has not begun is left to the next process as it is. */
    if (error || (strcmp(session->status, "pending") == 0 && session->lines == 0)) return error;
    session->status = "failed";
    session->reason = "lost";
    session->message = "server stopped";
    session->ended_us = rpc_clock_wall_us();
    /* The clock may have been set back since. */
    if (session->ended_us < session->queued_us) session->ended_us = session->queued_us;
    sqlite3_stmt *statement = database_prepare(
        store->writer.db, "UPDATE sessions SET status=?2,reason=?3,message=?4,ended_us=?5,lines=?6,"
                          "log_bytes=?7 WHERE row=?1");
    if (!statement) return -ENOMEM;
    sqlite3_bind_int64(statement, 1, session->row);
    sqlite3_bind_text(statement, 2, session->status, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, session->reason, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, session->message, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 5, session->ended_us);
    sqlite3_bind_int64(statement, 6, session->lines);
    sqlite3_bind_int64(statement, 7, session->log_bytes);
    error = database_run(statement);
    sqlite3_finalize(statement);
    return error;
}

int recovery_run(struct store *store, struct store_sessions **ret_interrupted) {
    sqlite3 *db = store->writer.db;
    struct store_sessions *open = NULL;
    int error = recover_journal(store);
    if (error) return error;
    error = query_sessions(db, "WHERE ended_us=0 ORDER BY row", &open);
    if (error) return error;
    if (open->count) error = database_errno(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    for (size_t i = 0; !error && i < open->count; i++)
        error = end_session(store, &open->items[i]);
    if (open->count && !error) error = database_errno(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
    if (error || !ret_interrupted)
        store_sessions_free(open);
    else
        *ret_interrupted = open;
    return error;
}
