/* What the last process had acknowledged is stored, and what ran in it is ended. */
#include "store/database.h"
#include "store/history.h"
#include "store/internal.h"
#include "store/log_read.h"
#include "store/op_codec.h"
#include "store/query.h"

#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <string.h>
#include <unistd.h>

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
};

/* Puts lines where the others of their session are, if they are not there already. A log that has a
 * file is appended to whatever its limit. */
static int store_lines(struct recovery *recovery, const struct store_lines *lines) {
    struct store *store = recovery->store;
    struct log_extent extent;
    int error = log_repair(store->logs_dir, lines->id, &extent);
    if (error) return error;
    if (!extent.has_file) return history_insert_lines(&recovery->history, lines);
    if (lines->block.first_seq <= extent.last_seq) return 0;
    char path[LOG_PATH_BYTES];
    log_path(path, store->logs_dir, lines->id, extent.last_part);
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -errno;
    ssize_t written = pwrite(fd, lines->data, lines->block.size, extent.last_size);
    error = written == (ssize_t)lines->block.size ? 0 : written < 0 ? -errno : -ENOSPC;
    rpc_fd_close(&fd);
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
    int error = history_init(&recovery.history, store->writer.db);
    if (!error) error = history_begin(&recovery.history);
    if (!error) error = journal_recover(&store->journal, apply_record, &recovery);
    if (!error) error = history_commit(&recovery.history);
    if (!error) journal_clear(&store->journal);
    history_rollback(&recovery.history);
    history_done(&recovery.history);
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
