/* The statements by which the writer changes the database. Each returns 0 or a negative errno. */
#ifndef RUNNER_STORE_HISTORY_H
#define RUNNER_STORE_HISTORY_H

#include "store/op.h"

#include <hero_rpc/strbuf.h>
#include <sqlite3.h>

enum history_statement {
    HISTORY_BEGIN,
    HISTORY_COMMIT,
    HISTORY_ROLLBACK,
    HISTORY_INSERT,
    HISTORY_INSERT_REQUEST,
    HISTORY_START,
    HISTORY_END,
    HISTORY_INSERT_RESULT,
    HISTORY_SET_SCRIPT,
    HISTORY_CALLBACK,
    HISTORY_INSERT_LINES,
    HISTORY_SELECT_LINES,
    HISTORY_DELETE_LINES,
    HISTORY_FIND,
    HISTORY_FIND_ROW,
    HISTORY_DELETE,
    HISTORY_DELETE_REQUEST,
    HISTORY_DELETE_RESULT,
    HISTORY_OLDEST,
    HISTORY_SAVE_SCRIPT,
    HISTORY_NEWEST_SCRIPT,
    HISTORY_NUMBER_SCRIPT,
    HISTORY_DESCRIBE_SCRIPT,
    HISTORY_DELETE_SCRIPT,
    HISTORY_STATEMENTS,
};

struct history {
    sqlite3 *db;
    sqlite3_stmt *statements[HISTORY_STATEMENTS];
};

int history_init(struct history *history, sqlite3 *db);
void history_done(struct history *history);

int history_begin(struct history *history);
int history_commit(struct history *history);
void history_rollback(struct history *history);

int history_insert(struct history *history, const struct op *op);
/* -ENOENT when there is no such row. */
int history_start(struct history *history, const struct op *op);
int history_end(struct history *history, const struct op *op);
int history_set_script(struct history *history, const struct op *op);
int history_set_callback(struct history *history, const struct op *op);

/* A block of lines; one that is there already stays. */
int history_insert_lines(struct history *history, const struct store_lines *lines);
/* Appends all blocks of a session. */
int history_get_lines(struct history *history, int64_t row, struct rpc_strbuf *ret_blocks,
                      uint64_t *ret_last_seq);
int history_delete_lines(struct history *history, int64_t row);

struct history_session {
    int64_t row, ended_us, log_bytes;
    bool is_stored;
    char id[STORE_ID_BYTES];
};
int history_find(struct history *history, const char *id, struct history_session *ret_session);
int history_find_row(struct history *history, int64_t row, struct history_session *ret_session);
/* The ended sessions that ended first. Returns how many, or a negative errno. */
int history_oldest(struct history *history, struct history_session *ret_sessions, int max);
/* Its row and what belongs to it. */
int history_delete(struct history *history, int64_t row);

int history_save_script(struct history *history, const struct op *op, int64_t *ret_version);
int history_delete_script(struct history *history, const char *name, int64_t version);

#endif
