#include "server/state_db.h"

#include "server/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <hero_rpc/log.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRY_AGAIN_S 5
#define COMPACT_EVERY 256 /* deletions */

struct state_db {
    sqlite3 *sqlite; /* after loading, of the worker's thread only, as the statements */
    sqlite3_stmt *put, *delete;
    unsigned deletions;
    struct worker *worker;
    struct event *try_again;
    char problem[256];
    void (*recovered)(void *ctx);
    void *recovered_ctx;
};

static const char *const kind_names[STATE_KIND_COUNT] = {
    [STATE_ACTION] = "action", [STATE_SERVICE] = "service", [STATE_JOB] = "job",
    [STATE_RUN] = "run",       [STATE_SECRET] = "secret",
};

static const char schema[] =
    "PRAGMA auto_vacuum = INCREMENTAL;"
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL;"
    "PRAGMA journal_size_limit = 4194304;"
    "CREATE TABLE IF NOT EXISTS record (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY (kind, key)) WITHOUT ROWID;";

/* ---- Opening and reading ------------------------------------------------------------------ */

static void fail(struct state_db *db, struct rpc_error *err, const char *what) {
    rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "%s: %s", what,
                  db->sqlite ? sqlite3_errmsg(db->sqlite) : "out of memory");
}

static int open_database(struct state_db *db, const char *path, struct rpc_error *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
    if (sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
            SQLITE_OK &&
        sqlite3_exec(db->sqlite, schema, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db->sqlite, "INSERT OR REPLACE INTO record VALUES (?1, ?2, ?3)", -1,
                           &db->put, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db->sqlite, "DELETE FROM record WHERE kind = ?1 AND key = ?2", -1,
                           &db->delete, NULL) == SQLITE_OK)
        return 0;
    fail(db, err, path);
    return -1;
}

int state_db_load(struct state_db *db, enum state_kind kind,
                  void (*record)(void *ctx, const char *key, json_t *body), void *ctx,
                  struct rpc_error *err) {
    sqlite3_stmt *read;
    int step = SQLITE_ERROR;
    if (sqlite3_prepare_v2(db->sqlite, "SELECT key, body FROM record WHERE kind = ? ORDER BY key",
                           -1, &read, NULL) == SQLITE_OK) {
        sqlite3_bind_text(read, 1, kind_names[kind], -1, SQLITE_STATIC);
        while ((step = sqlite3_step(read)) == SQLITE_ROW) {
            const char *text = (const char *)sqlite3_column_text(read, 1);
            json_t *body = text ? json_loads(text, 0, NULL) : NULL;
            if (body) record(ctx, (const char *)sqlite3_column_text(read, 0), body);
            json_decref(body);
        }
        sqlite3_finalize(read);
    }
    if (step == SQLITE_DONE) return 0;
    fail(db, err, "cannot read the state");
    return -1;
}

/* ---- Writing ------------------------------------------------------------------------------ */

struct write {
    struct worker_task task;
    struct state_db *db;
    enum state_kind kind;
    char *key, *body; /* body NULL: delete */
    state_db_done *done;
    void *ctx;
    bool is_probe; /* nothing to write, only whether it works again */
    char why[256];
};

static void run_statement(struct write *write, sqlite3_stmt *statement) {
    struct state_db *db = write->db;
    sqlite3_bind_text(statement, 1, kind_names[write->kind], -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, write->key, -1, SQLITE_STATIC);
    if (write->body) sqlite3_bind_text(statement, 3, write->body, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) != SQLITE_DONE)
        snprintf(write->why, sizeof write->why, "%s", sqlite3_errmsg(db->sqlite));
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

static void run(struct worker_task *task) {
    struct write *write = (struct write *)task;
    struct state_db *db = write->db;
    if (write->is_probe) {
        /* Takes a page that was not there. */
        if (sqlite3_exec(db->sqlite,
                         "BEGIN IMMEDIATE; INSERT OR REPLACE INTO record VALUES ('probe', '', "
                         "hex(zeroblob(16384))); COMMIT;",
                         NULL, NULL, NULL) != SQLITE_OK) {
            snprintf(write->why, sizeof write->why, "%s", sqlite3_errmsg(db->sqlite));
            sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
        } else {
            sqlite3_exec(db->sqlite, "DELETE FROM record WHERE kind = 'probe'", NULL, NULL, NULL);
        }
        return;
    }
    run_statement(write, write->body ? db->put : db->delete);
    if (!write->body && ++db->deletions % COMPACT_EVERY == 0)
        sqlite3_exec(db->sqlite, "PRAGMA incremental_vacuum", NULL, NULL, NULL);
}

static void note_outcome(struct state_db *db, const struct write *write) {
    if (*write->why) {
        if (!*db->problem) rpc_log_error("cannot write the state", "error=\"%s\"", write->why);
        snprintf(db->problem, sizeof db->problem, "%s", write->why);
        event_add(db->try_again, &(struct timeval){.tv_sec = TRY_AGAIN_S});
    } else if (*db->problem && write->is_probe) {
        rpc_log_info("the state can be written again", "%s", "");
        *db->problem = '\0';
        if (db->recovered) db->recovered(db->recovered_ctx);
    }
}

static void done(struct worker_task *task) {
    struct write *write = (struct write *)task;
    note_outcome(write->db, write);
    if (write->done) write->done(write->ctx, *write->why ? write->why : NULL);
    free(write->key);
    free(write->body);
    free(write);
}

static void add(struct state_db *db, struct write *write) {
    write->task.run = run;
    write->task.done = done;
    write->db = db;
    worker_add(db->worker, &write->task);
}

void state_db_put(struct state_db *db, enum state_kind kind, const char *key, const json_t *body,
                  state_db_done *function, void *ctx) {
    struct write *write = calloc(1, sizeof *write);
    if (!write) {
        if (function) function(ctx, "out of memory");
        return;
    }
    *write = (struct write){.kind = kind, .key = strdup(key), .done = function, .ctx = ctx};
    if (body) write->body = json_dumps(body, JSON_COMPACT);
    add(db, write);
}

static void on_try_again(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct write *write = calloc(1, sizeof *write);
    if (!write) return;
    write->is_probe = true;
    add(ctx, write);
}

void state_db_on_recovered(struct state_db *db, void (*recovered)(void *ctx), void *ctx) {
    db->recovered = recovered;
    db->recovered_ctx = ctx;
}

const char *state_db_problem(const struct state_db *db) {
    return *db->problem ? db->problem : NULL;
}

struct state_db *state_db_open(struct event_base *base, const char *path, struct rpc_error *err) {
    struct state_db *db = calloc(1, sizeof *db);
    if (!db) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    db->try_again = event_new(base, -1, 0, on_try_again, db);
    if (open_database(db, path, err) == 0) db->worker = worker_new(base, err);
    if (db->worker && db->try_again) return db;
    state_db_close(db);
    return NULL;
}

void state_db_close(struct state_db *db) {
    if (!db) return;
    db->recovered = NULL;
    worker_free(db->worker);
    if (db->try_again) event_free(db->try_again);
    sqlite3_finalize(db->put);
    sqlite3_finalize(db->delete);
    sqlite3_close(db->sqlite);
    free(db);
}
