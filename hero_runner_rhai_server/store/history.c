#include "store/history.h"

#include "store/database.h"
#include "store/fields.h"
#include "store/log_block.h"

#include <errno.h>
#include <hero_rpc/clock.h>
#include <string.h>

static const char *const fixed_sql[HISTORY_STATEMENTS] = {
    [HISTORY_BEGIN] = "BEGIN IMMEDIATE",
    [HISTORY_COMMIT] = "COMMIT",
    [HISTORY_ROLLBACK] = "ROLLBACK",
    [HISTORY_INSERT_REQUEST] = "INSERT INTO requests VALUES(?,?,?,?,?,?,?)",
    [HISTORY_START] = "UPDATE sessions SET status='running',started_us=?2,pid=?3"
                      " WHERE row=?1 AND status='pending'",
    [HISTORY_INSERT_RESULT] = "INSERT OR REPLACE INTO results VALUES(?,?)",
    [HISTORY_SET_SCRIPT] = "UPDATE requests SET script=?2 WHERE row=?1",
    [HISTORY_CALLBACK] = "UPDATE sessions SET callback_state=?2,callback_attempts=?3,"
                         "callback_error=?4 WHERE row=?1",
    [HISTORY_INSERT_LINES] = "INSERT OR IGNORE INTO lines VALUES(?,?,?)",
    [HISTORY_SELECT_LINES] = "SELECT block FROM lines WHERE row=? ORDER BY first_seq",
    [HISTORY_DELETE_LINES] = "DELETE FROM lines WHERE row=?",
    [HISTORY_FIND] = "SELECT row,ended_us,log_bytes,id FROM sessions WHERE id=?",
    [HISTORY_FIND_ROW] = "SELECT row,ended_us,log_bytes,id FROM sessions WHERE row=?",
    [HISTORY_DELETE] = "DELETE FROM sessions WHERE row=?",
    [HISTORY_DELETE_REQUEST] = "DELETE FROM requests WHERE row=?",
    [HISTORY_DELETE_RESULT] = "DELETE FROM results WHERE row=?",
    [HISTORY_OLDEST] = "SELECT row,ended_us,log_bytes,id FROM sessions WHERE ended_us>0"
                       " ORDER BY ended_us LIMIT ?",
    [HISTORY_NEWEST_SCRIPT] = "SELECT version,text=?2 FROM scripts WHERE name=?1"
                              " ORDER BY version DESC LIMIT 1",
    [HISTORY_NUMBER_SCRIPT] = "INSERT INTO script_numbers"
                              " SELECT ?1,ifnull(max(version),0)+1 FROM scripts WHERE name=?1"
                              " ON CONFLICT(name) DO UPDATE SET last=last+1 RETURNING last",
    [HISTORY_DESCRIBE_SCRIPT] = "UPDATE scripts SET description=?3 WHERE name=?1 AND version=?2",
    [HISTORY_SAVE_SCRIPT] = "INSERT INTO scripts VALUES(?,?,?,?,?)",
    [HISTORY_DELETE_SCRIPT] = "DELETE FROM scripts WHERE name=?1 AND (?2=0 OR version=?2)",
};

static sqlite3_stmt *prepare_insert(sqlite3 *db) {
    struct rpc_strbuf sql = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&sql, "INSERT INTO sessions(row,");
    fields_add_names(&sql, "");
    rpc_strbuf_add_text(&sql, ") VALUES(?");
    for (size_t i = 0; i < session_field_count; i++)
        rpc_strbuf_add_text(&sql, ",?");
    rpc_strbuf_add_char(&sql, ')');
    sqlite3_stmt *statement = database_prepare(db, rpc_strbuf_text(&sql));
    rpc_strbuf_done(&sql);
    return statement;
}

static sqlite3_stmt *prepare_end(sqlite3 *db) {
    struct rpc_strbuf sql = RPC_STRBUF_INIT;
    const char *separator = "UPDATE sessions SET ";
    for (size_t i = 0; i < session_field_count; i++) {
        if (!session_fields[i].is_of_end) continue;
        rpc_strbuf_addf(&sql, "%s%s=?", separator, session_fields[i].column);
        separator = ",";
    }
    rpc_strbuf_add_text(&sql, " WHERE row=?");
    sqlite3_stmt *statement = database_prepare(db, rpc_strbuf_text(&sql));
    rpc_strbuf_done(&sql);
    return statement;
}

int history_init(struct history *history, sqlite3 *db) {
    history->db = db;
    for (int i = 0; i < HISTORY_STATEMENTS; i++) {
        sqlite3_stmt *statement = i == HISTORY_INSERT ? prepare_insert(db)
                                  : i == HISTORY_END  ? prepare_end(db)
                                                      : database_prepare(db, fixed_sql[i]);
        history->statements[i] = statement;
        if (!statement) return database_errno(sqlite3_errcode(db));
    }
    return 0;
}

void history_done(struct history *history) {
    for (int i = 0; i < HISTORY_STATEMENTS; i++) {
        sqlite3_finalize(history->statements[i]);
        history->statements[i] = NULL;
    }
}

static int run(struct history *history, enum history_statement which) {
    return database_run(history->statements[which]);
}

/* Runs a change that must meet a row. */
static int run_on_row(struct history *history, enum history_statement which) {
    int error = run(history, which);
    return !error && sqlite3_changes(history->db) == 0 ? -ENOENT : error;
}

int history_begin(struct history *history) {
    return run(history, HISTORY_BEGIN);
}

int history_commit(struct history *history) {
    return run(history, HISTORY_COMMIT);
}

/* After some errors SQLite has already done it. */
void history_rollback(struct history *history) {
    if (!sqlite3_get_autocommit(history->db)) run(history, HISTORY_ROLLBACK);
}

/* ---- A session's life -------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *statement, int index, const char *text) {
    sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void bind_bytes(sqlite3_stmt *statement, int index, struct store_bytes bytes) {
    sqlite3_bind_text64(statement, index, bytes.data, bytes.len, SQLITE_STATIC, SQLITE_UTF8);
}

int history_insert(struct history *history, const struct op *op) {
    sqlite3_stmt *statement = history->statements[HISTORY_INSERT];
    sqlite3_bind_int64(statement, 1, op->row);
    fields_bind(statement, 2, &op->in.change.session, false);
    int error = run(history, HISTORY_INSERT);
    if (error) return error;
    const struct store_request *request = &op->in.change.request;
    statement = history->statements[HISTORY_INSERT_REQUEST];
    sqlite3_bind_int64(statement, 1, op->row);
    bind_bytes(statement, 2, request->script);
    bind_text(statement, 3, request->working_dir);
    bind_text(statement, 4, request->env_vars);
    bind_text(statement, 5, request->args);
    bind_text(statement, 6, request->inputs);
    bind_text(statement, 7, request->callback);
    return run(history, HISTORY_INSERT_REQUEST);
}

int history_start(struct history *history, const struct op *op) {
    sqlite3_stmt *statement = history->statements[HISTORY_START];
    sqlite3_bind_int64(statement, 1, op->row);
    sqlite3_bind_int64(statement, 2, op->in.change.session.started_us);
    sqlite3_bind_int64(statement, 3, op->in.change.session.pid);
    return run_on_row(history, HISTORY_START);
}

int history_end(struct history *history, const struct op *op) {
    sqlite3_stmt *statement = history->statements[HISTORY_END];
    int next = fields_bind(statement, 1, &op->in.change.session, true);
    sqlite3_bind_int64(statement, next, op->row);
    int error = run_on_row(history, HISTORY_END);
    if (error || !op->in.change.value.data) return error;
    statement = history->statements[HISTORY_INSERT_RESULT];
    sqlite3_bind_int64(statement, 1, op->row);
    bind_bytes(statement, 2, op->in.change.value);
    return run(history, HISTORY_INSERT_RESULT);
}

int history_set_script(struct history *history, const struct op *op) {
    sqlite3_stmt *statement = history->statements[HISTORY_SET_SCRIPT];
    sqlite3_bind_int64(statement, 1, op->row);
    bind_bytes(statement, 2, op->in.change.request.script);
    return run_on_row(history, HISTORY_SET_SCRIPT);
}

int history_set_callback(struct history *history, const struct op *op) {
    sqlite3_stmt *statement = history->statements[HISTORY_CALLBACK];
    sqlite3_bind_int64(statement, 1, op->row);
    bind_text(statement, 2, op->in.change.session.callback_state);
    sqlite3_bind_int64(statement, 3, op->in.change.session.callback_attempts);
    bind_text(statement, 4, op->in.change.session.callback_error);
    return run_on_row(history, HISTORY_CALLBACK);
}

/* ---- Lines ------------------------------------------------------------------------------- */

int history_insert_lines(struct history *history, const struct store_lines *lines) {
    sqlite3_stmt *statement = history->statements[HISTORY_INSERT_LINES];
    sqlite3_bind_int64(statement, 1, lines->row);
    sqlite3_bind_int64(statement, 2, (int64_t)lines->block.first_seq);
    sqlite3_bind_blob64(statement, 3, lines->data, lines->block.size, SQLITE_STATIC);
    return run(history, HISTORY_INSERT_LINES);
}

int history_get_lines(struct history *history, int64_t row, struct rpc_strbuf *ret_blocks,
                      uint64_t *ret_last_seq) {
    sqlite3_stmt *statement = history->statements[HISTORY_SELECT_LINES];
    sqlite3_bind_int64(statement, 1, row);
    *ret_last_seq = 0;
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *bytes = sqlite3_column_blob(statement, 0);
        size_t len = (size_t)sqlite3_column_bytes(statement, 0);
        struct block block;
        if (len < BLOCK_HEADER_BYTES || !block_get_header(bytes, &block) || block.size != len)
            continue;
        rpc_strbuf_add(ret_blocks, bytes, len);
        *ret_last_seq = block.first_seq + block.count - 1;
    }
    sqlite3_reset(statement);
    return ret_blocks->failed ? -ENOMEM : database_errno(code);
}

int history_delete_lines(struct history *history, int64_t row) {
    sqlite3_bind_int64(history->statements[HISTORY_DELETE_LINES], 1, row);
    return run(history, HISTORY_DELETE_LINES);
}

/* ---- Removing ---------------------------------------------------------------------------- */

/* One row of HISTORY_FIND and HISTORY_OLDEST. */
static void read_session(sqlite3_stmt *statement, struct history_session *ret_session) {
    *ret_session = (struct history_session){
        .row = sqlite3_column_int64(statement, 0),
        .ended_us = sqlite3_column_int64(statement, 1),
        .log_bytes = sqlite3_column_int64(statement, 2),
        .is_stored = true,
    };
    const char *id = (const char *)sqlite3_column_text(statement, 3);
    if (id) strncpy(ret_session->id, id, sizeof ret_session->id - 1);
}

static int find(sqlite3_stmt *statement, struct history_session *ret_session) {
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) read_session(statement, ret_session);
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? -ENOENT : database_errno(code);
}

int history_find(struct history *history, const char *id, struct history_session *ret_session) {
    bind_text(history->statements[HISTORY_FIND], 1, id);
    return find(history->statements[HISTORY_FIND], ret_session);
}

int history_find_row(struct history *history, int64_t row, struct history_session *ret_session) {
    sqlite3_bind_int64(history->statements[HISTORY_FIND_ROW], 1, row);
    return find(history->statements[HISTORY_FIND_ROW], ret_session);
}

int history_oldest(struct history *history, struct history_session *ret_sessions, int max) {
    sqlite3_stmt *statement = history->statements[HISTORY_OLDEST];
    sqlite3_bind_int(statement, 1, max);
    int count = 0, code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW && count < max)
        read_session(statement, &ret_sessions[count++]);
    sqlite3_reset(statement);
    int error = database_errno(code);
    return error ? error : count;
}

int history_delete(struct history *history, int64_t row) {
    static const enum history_statement statements[] = {HISTORY_DELETE_LINES, HISTORY_DELETE_RESULT,
                                                        HISTORY_DELETE_REQUEST, HISTORY_DELETE};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        sqlite3_bind_int64(history->statements[statements[i]], 1, row);
        int error = run(history, statements[i]);
        if (error) return error;
    }
    return 0;
}

/* ---- Scripts ----------------------------------------------------------------------------- */

/* The number in the first column of the first row, 0 when there is none; 0 or a negative errno. */
static int take_number(sqlite3_stmt *statement, int64_t *ret_number) {
    int code = sqlite3_step(statement);
    *ret_number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    while (code == SQLITE_ROW)
        code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return database_errno(code);
}

/* *ret_version: the newest one, when that has this text; else 0. */
static int find_same_script(struct history *history, const struct op *op, int64_t *ret_version) {
    sqlite3_stmt *statement = history->statements[HISTORY_NEWEST_SCRIPT];
    bind_text(statement, 1, op->in.named.name);
    bind_bytes(statement, 2, op->in.named.text);
    int code = sqlite3_step(statement);
    bool is_same = code == SQLITE_ROW && sqlite3_column_int(statement, 1);
    *ret_version = is_same ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return database_errno(code);
}

int history_save_script(struct history *history, const struct op *op, int64_t *ret_version) {
    int error = find_same_script(history, op, ret_version);
    if (error || (*ret_version && !op->in.named.description)) return error;
    sqlite3_stmt *statement;
    if (*ret_version) {
        statement = history->statements[HISTORY_DESCRIBE_SCRIPT];
        bind_text(statement, 1, op->in.named.name);
        sqlite3_bind_int64(statement, 2, *ret_version);
        bind_text(statement, 3, op->in.named.description);
        return run(history, HISTORY_DESCRIBE_SCRIPT);
    }
    statement = history->statements[HISTORY_NUMBER_SCRIPT];
    bind_text(statement, 1, op->in.named.name);
    error = take_number(statement, ret_version);
    if (error) return error;
    statement = history->statements[HISTORY_SAVE_SCRIPT];
    bind_text(statement, 1, op->in.named.name);
    sqlite3_bind_int64(statement, 2, *ret_version);
    bind_bytes(statement, 3, op->in.named.text);
    bind_text(statement, 4, op->in.named.description);
    sqlite3_bind_int64(statement, 5, rpc_clock_wall_us());
    return run(history, HISTORY_SAVE_SCRIPT);
}

int history_delete_script(struct history *history, const char *name, int64_t version) {
    sqlite3_stmt *statement = history->statements[HISTORY_DELETE_SCRIPT];
    bind_text(statement, 1, name);
    sqlite3_bind_int64(statement, 2, version);
    return run_on_row(history, HISTORY_DELETE_SCRIPT);
}
