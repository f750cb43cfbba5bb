#include "server/state_db.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SCHEMA_VERSION 1
#define BUSY_MS 1000

static const char schema[] =
    "PRAGMA auto_vacuum = INCREMENTAL;"
    "CREATE TABLE spec (kind INTEGER, context TEXT, name TEXT, spec TEXT NOT NULL, wanted INTEGER,"
    "  PRIMARY KEY (kind, context, name)) WITHOUT ROWID;"
    "CREATE TABLE job (id INTEGER PRIMARY KEY, run INTEGER, context TEXT, action TEXT, service TEXT,"
    "  spec TEXT, tags TEXT, phase TEXT, error TEXT, attempt INTEGER, restarts INTEGER, pid INTEGER,"
    "  start_ticks INTEGER, has_exit_code INTEGER, exit_code INTEGER, signal INTEGER,"
    "  created_ms INTEGER, started_ms INTEGER, ended_ms INTEGER, tail TEXT);"
    "CREATE INDEX job_ended ON job (ended_ms);"
    "CREATE INDEX job_run ON job (run);"
    "CREATE TABLE run (id INTEGER PRIMARY KEY, service TEXT, created_ms INTEGER, tags TEXT);"
    "CREATE TABLE secret (context TEXT, key TEXT, sealed BLOB, changed_ms INTEGER,"
    "  PRIMARY KEY (context, key)) WITHOUT ROWID;"
    "PRAGMA user_version = 1;";

struct state_db {
    sqlite3 *handle;
    char problem[256];
};

const char *state_db_problem(const struct state_db *db) {
    return *db->problem ? db->problem : NULL;
}

static int note(struct state_db *db, int result) {
    bool is_good = result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW;
    if (is_good)
        db->problem[0] = '\0';
    else
        snprintf(db->problem, sizeof db->problem, "%s", sqlite3_errmsg(db->handle));
    return is_good ? 0 : -1;
}

/* ---- Statements -------------------------------------------------------------------------- */

static void bind_json(sqlite3_stmt *statement, int place, const json_t *json) {
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    sqlite3_bind_text(statement, place, text, -1, SQLITE_TRANSIENT);
    free(text);
}

/* Binds by a letter for each parameter: t text (NULL: null), i int64_t, j JSON (NULL: null), b bytes
 * and their number. NULL after an error, which is noted. */
static sqlite3_stmt *prepare(struct state_db *db, const char *sql, const char *letters, ...) {
    sqlite3_stmt *statement;
    if (note(db, sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL)) < 0) return NULL;
    va_list args;
    va_start(args, letters);
    for (int i = 1; *letters; letters++, i++) {
        if (*letters == 't') {
            sqlite3_bind_text(statement, i, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        } else if (*letters == 'i') {
            sqlite3_bind_int64(statement, i, va_arg(args, int64_t));
        } else if (*letters == 'j') {
            bind_json(statement, i, va_arg(args, const json_t *));
        } else {
            const void *bytes = va_arg(args, const void *);
            sqlite3_bind_blob64(statement, i, bytes, va_arg(args, size_t), SQLITE_TRANSIENT);
        }
    }
    va_end(args);
    return statement;
}

static int finish(struct state_db *db, sqlite3_stmt *statement) {
    if (!statement) return -1;
    int outcome = note(db, sqlite3_step(statement));
    sqlite3_finalize(statement);
    return outcome;
}

/* The next row; false at the end, after which the statement is gone. */
static bool next(struct state_db *db, sqlite3_stmt *statement, int *outcome) {
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) return true;
    *outcome = note(db, result);
    sqlite3_finalize(statement);
    return false;
}

static const char *text_at(sqlite3_stmt *statement, int column) {
    return (const char *)sqlite3_column_text(statement, column);
}

static json_t *json_at(sqlite3_stmt *statement, int column) {
    const char *text = text_at(statement, column);
    return text ? json_loads(text, 0, NULL) : NULL;
}

static int64_t ask_number(struct state_db *db, const char *sql) {
    sqlite3_stmt *statement = prepare(db, sql, "");
    int64_t number = 0;
    if (statement && sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

/* ---- Opening ----------------------------------------------------------------------------- */

static int prepare_schema(struct state_db *db, struct rpc_error *err) {
    static const char settings[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL";
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    int64_t version = ask_number(db, "PRAGMA user_version");
    if (version > SCHEMA_VERSION) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0,
                      "the database is of a newer hero_proc (schema %lld, here %d)",
                      (long long)version, SCHEMA_VERSION);
        return -1;
    }
    bool is_good = !*db->problem;
    if (is_good && version == 0)
        is_good = note(db, sqlite3_exec(db->handle, schema, NULL, NULL, NULL)) == 0;
    if (is_good) is_good = note(db, sqlite3_exec(db->handle, settings, NULL, NULL, NULL)) == 0;
    if (is_good) return 0;
    rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "database: %s", db->problem);
    return -1;
}

struct state_db *state_db_open(const char *path, struct rpc_error *err) {
    struct state_db *db = calloc(1, sizeof *db);
    if (!db) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    mode_t mask = umask(0077);
    int opened = sqlite3_open_v2(path, &db->handle, flags, NULL);
    bool is_open = opened == SQLITE_OK && prepare_schema(db, err) == 0;
    umask(mask);
    if (is_open) return db;
    if (opened != SQLITE_OK)
        rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "%s: %s", path, sqlite3_errmsg(db->handle));
    state_db_close(db);
    return NULL;
}

void state_db_close(struct state_db *db) {
    if (!db) return;
    sqlite3_close_v2(db->handle);
    free(db);
}

/* ---- Specs ------------------------------------------------------------------------------- */

int state_db_put(struct state_db *db, enum state_kind kind, const char *context, const char *name,
                 const json_t *spec, int wanted) {
    static const char sql[] =
        "INSERT INTO spec (kind, context, name, spec, wanted) VALUES (?1, ?2, ?3, ?4, max(?5, 0)) "
        "ON CONFLICT DO UPDATE SET spec = ?4, wanted = iif(?5 < 0, wanted, ?5)";
    return finish(db, prepare(db, sql, "ittji", (int64_t)kind, context, name, spec,
                              (int64_t)wanted));
}

int state_db_set_wanted(struct state_db *db, const char *context, const char *name, int wanted) {
    static const char sql[] = "UPDATE spec SET wanted = ? WHERE kind = ? AND context = ? AND name = ?";
    return finish(db, prepare(db, sql, "iitt", (int64_t)wanted, (int64_t)STATE_SERVICE, context,
                              name));
}

int state_db_delete(struct state_db *db, enum state_kind kind, const char *context,
                    const char *name) {
    static const char sql[] = "DELETE FROM spec WHERE kind = ? AND context = ? AND name = ?";
    return finish(db, prepare(db, sql, "itt", (int64_t)kind, context, name));
}

int state_db_each(struct state_db *db, enum state_kind kind, state_db_spec *visit, void *ctx) {
    int outcome = -1;
    sqlite3_stmt *rows = prepare(db, "SELECT context, name, spec, wanted FROM spec WHERE kind = ?",
                                 "i", (int64_t)kind);
    while (rows && next(db, rows, &outcome)) {
        json_t *spec = json_at(rows, 2);
        if (spec) visit(ctx, text_at(rows, 0), text_at(rows, 1), spec, sqlite3_column_int(rows, 3));
        json_decref(spec);
    }
    return outcome;
}

/* ---- Jobs -------------------------------------------------------------------------------- */

int state_db_put_job(struct state_db *db, const struct job_row *job) {
    static const char sql[] = "INSERT OR REPLACE INTO job VALUES "
                              "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    return finish(db, prepare(db, sql, "iitttjjttiiiiiiiiiij", job->id, job->run, job->context,
                              job->action, job->service, job->spec, job->tags, job->phase,
                              job->error, job->attempt, job->restarts, job->pid,
                              (int64_t)job->start_ticks, (int64_t)job->has_exit_code,
                              (int64_t)job->exit_code, (int64_t)job->signal, job->created_ms,
                              job->started_ms, job->ended_ms, job->tail));
}

int state_db_delete_job(struct state_db *db, int64_t id) {
    return finish(db, prepare(db, "DELETE FROM job WHERE id = ?", "i", id));
}

/* Columns in the order of the table. */
static void visit_job(sqlite3_stmt *row, state_db_job *visit, void *ctx) {
    json_t *spec = json_at(row, 5), *tags = json_at(row, 6), *tail = json_at(row, 19);
    struct job_row job = {
        .id = sqlite3_column_int64(row, 0),
        .run = sqlite3_column_int64(row, 1),
        .context = text_at(row, 2),
        .action = text_at(row, 3),
        .service = text_at(row, 4),
        .spec = spec,
        .tags = tags,
        .phase = text_at(row, 7),
        .error = text_at(row, 8),
        .attempt = sqlite3_column_int64(row, 9),
        .restarts = sqlite3_column_int64(row, 10),
        .pid = sqlite3_column_int64(row, 11),
        .start_ticks = (uint64_t)sqlite3_column_int64(row, 12),
        .has_exit_code = sqlite3_column_int(row, 13),
        .exit_code = sqlite3_column_int(row, 14),
        .signal = sqlite3_column_int(row, 15),
        .created_ms = sqlite3_column_int64(row, 16),
        .started_ms = sqlite3_column_int64(row, 17),
        .ended_ms = sqlite3_column_int64(row, 18),
        .tail = tail,
    };
    visit(ctx, &job);
    json_decref(spec);
    json_decref(tags);
    json_decref(tail);
}

int state_db_each_job(struct state_db *db, const struct job_query *query, state_db_job *visit,
                      void *ctx) {
    static const char sql[] =
        "SELECT * FROM job WHERE (?1 = 0 OR id = ?1) AND (?2 = 0 OR run = ?2) "
        "AND (?3 IS NULL OR action = ?3) AND (?4 IS NULL OR service = ?4) "
        "AND (?5 IS NULL OR phase = ?5) AND (?6 = 0 OR ended_ms = 0) ORDER BY id DESC LIMIT ?7";
    int outcome = -1;
    sqlite3_stmt *rows =
        prepare(db, sql, "iitttii", query->id, query->run, query->action, query->service,
                query->phase, (int64_t)query->unfinished, query->limit);
    while (rows && next(db, rows, &outcome))
        visit_job(rows, visit, ctx);
    return outcome;
}

int64_t state_db_last_job(struct state_db *db) {
    return ask_number(db, "SELECT max(id) FROM job");
}

/* ---- Runs -------------------------------------------------------------------------------- */

int state_db_put_run(struct state_db *db, int64_t id, const char *service, int64_t created_ms,
                     const json_t *tags) {
    return finish(db, prepare(db, "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)", "itij", id,
                              service, created_ms, tags));
}

int state_db_delete_run(struct state_db *db, int64_t id) {
    if (finish(db, prepare(db, "DELETE FROM job WHERE run = ?", "i", id)) < 0) return -1;
    return finish(db, prepare(db, "DELETE FROM run WHERE id = ?", "i", id));
}

int state_db_each_run(struct state_db *db, int64_t id, const char *service, int64_t limit,
                      state_db_run *visit, void *ctx) {
    static const char sql[] = "SELECT id, service, created_ms, tags FROM run WHERE (?1 = 0 OR id = ?1) "
                              "AND (?2 IS NULL OR service = ?2) ORDER BY id DESC LIMIT ?3";
    int outcome = -1;
    sqlite3_stmt *rows = prepare(db, sql, "iti", id, service, limit);
    while (rows && next(db, rows, &outcome)) {
        json_t *tags = json_at(rows, 3);
        visit(ctx, sqlite3_column_int64(rows, 0), text_at(rows, 1), sqlite3_column_int64(rows, 2),
              tags);
        json_decref(tags);
    }
    return outcome;
}

int64_t state_db_last_run(struct state_db *db) {
    return ask_number(db, "SELECT max(id) FROM run");
}

/* ---- Secrets ----------------------------------------------------------------------------- */

int state_db_put_secret(struct state_db *db, const char *context, const char *key, const void *sealed,
                        size_t len, int64_t changed_ms) {
    return finish(db, prepare(db, "INSERT OR REPLACE INTO secret VALUES (?, ?, ?, ?)", "ttbi",
                              context, key, sealed, len, changed_ms));
}

int state_db_delete_secret(struct state_db *db, const char *context, const char *key) {
    static const char sql[] = "DELETE FROM secret WHERE context = ? AND key = ?";
    if (finish(db, prepare(db, sql, "tt", context, key)) < 0) return -1;
    return sqlite3_changes(db->handle) > 0;
}

int state_db_each_secret(struct state_db *db, const char *context, const char *key,
                         state_db_secret *visit, void *ctx) {
    static const char sql[] = "SELECT key, sealed, changed_ms FROM secret WHERE context = ?1 "
                              "AND (?2 IS NULL OR key = ?2) ORDER BY key";
    int outcome = -1;
    sqlite3_stmt *rows = prepare(db, sql, "tt", context, key);
    while (rows && next(db, rows, &outcome))
        visit(ctx, text_at(rows, 0), sqlite3_column_blob(rows, 1),
              (size_t)sqlite3_column_bytes(rows, 1), sqlite3_column_int64(rows, 2));
    return outcome;
}

/* ---- Retention --------------------------------------------------------------------------- */

int state_db_prune(struct state_db *db, int64_t keep, int64_t ended_before_ms) {
    static const char old_jobs[] =
        "DELETE FROM job WHERE ended_ms > 0 AND (ended_ms < ?1 OR id <= "
        "(SELECT id FROM job WHERE ended_ms > 0 ORDER BY id DESC LIMIT 1 OFFSET ?2))";
    static const char empty_runs[] = "DELETE FROM run WHERE id NOT IN (SELECT run FROM job)";
    if (finish(db, prepare(db, old_jobs, "ii", ended_before_ms, keep)) < 0) return -1;
    if (finish(db, prepare(db, empty_runs, "")) < 0) return -1;
    return note(db, sqlite3_exec(db->handle, "PRAGMA incremental_vacuum(256)", NULL, NULL, NULL));
}
