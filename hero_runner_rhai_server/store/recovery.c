/* What the last process left open is ended, with what it had stored. */
#include "store/database.h"
#include "store/internal.h"
#include "store/log_read.h"
#include "store/query.h"

#include <errno.h>
#include <hero_rpc/clock.h>

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

static int end_session(struct store *store, struct store_session *session) {
    session->status = "failed";
    session->reason = "lost";
    session->message = "server stopped";
    session->ended_us = rpc_clock_wall_us();
    /* The clock may have been set back since. */
    if (session->ended_us < session->queued_us) session->ended_us = session->queued_us;
    int error = measure_log(store, session);
    if (error) return error;
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
    int error = query_sessions(db, "WHERE ended_us=0 ORDER BY row", &open);
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
