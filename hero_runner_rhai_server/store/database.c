#include "store/database.h"

#include "store/fields.h"

#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <sys/stat.h>

#define BUSY_TIMEOUT_MS 5000 /* against other programs that look into the file */

int database_errno(int code) {
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return 0;
    case SQLITE_CONSTRAINT: return -EEXIST;
    case SQLITE_FULL: return -ENOSPC;
    case SQLITE_NOMEM: return -ENOMEM;
    case SQLITE_INTERRUPT: return -ECANCELED;
    default: return -EIO;
    }
}

bool database_is_failing(int status) {
    return status == -ENOSPC || status == -EIO || status == -ENOMEM;
}

int database_run(sqlite3_stmt *statement) {
    int code;
    do
        code = sqlite3_step(statement);
    while (code == SQLITE_ROW);
    sqlite3_reset(statement);
    return database_errno(code);
}

sqlite3_stmt *database_prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement = NULL;
    sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    return statement;
}

int64_t database_number(sqlite3 *db, const char *sql, int64_t otherwise) {
    sqlite3_stmt *statement = database_prepare(db, sql);
    int64_t number = otherwise;
    if (statement && sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

/* ---- Tables ------------------------------------------------------------------------------ */

/* What lists look at is in `sessions`, whose rows are small; what can be large is beside it and is
 * written once. All grow at their end only, so that a commit dirties few pages: the exception is
 * the index of the ids, as long as these are random. */
static const char tables[] =
    "CREATE UNIQUE INDEX sessions_id ON sessions(id);"
    "CREATE INDEX sessions_ended ON sessions(ended_us) WHERE ended_us > 0;"
    "CREATE INDEX sessions_key ON sessions(idempotency_key) WHERE idempotency_key IS NOT NULL;"
    "CREATE TABLE requests(row INTEGER PRIMARY KEY, script TEXT, working_dir TEXT,"
    " env_vars TEXT, args TEXT, inputs TEXT, callback TEXT);"
    "CREATE TABLE results(row INTEGER PRIMARY KEY, value TEXT);"
    "CREATE TABLE lines(row INTEGER, first_seq INTEGER, block BLOB, PRIMARY KEY(row, first_seq))"
    " WITHOUT ROWID;"
    "CREATE TABLE scripts(name TEXT, version INTEGER, text TEXT, description TEXT,"
    " saved_us INTEGER, PRIMARY KEY(name, version));";

/* Tables that databases of this version may be without. The last number that a version of a script
 * had stays when the version goes: no number means two texts. */
static const char later_tables[] =
    "CREATE TABLE IF NOT EXISTS script_numbers(name TEXT PRIMARY KEY, last INTEGER)"
    " WITHOUT ROWID";

static int create_tables(sqlite3 *db) {
    struct rpc_strbuf sql = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&sql, "BEGIN;CREATE TABLE sessions(row INTEGER PRIMARY KEY");
    for (size_t i = 0; i < session_field_count; i++)
        rpc_strbuf_addf(&sql, ",%s %s", session_fields[i].column, session_fields[i].type);
    rpc_strbuf_addf(&sql, ");%sPRAGMA user_version=%d;COMMIT", tables, DATABASE_VERSION);
    int code =
        sql.failed ? SQLITE_NOMEM : sqlite3_exec(db, rpc_strbuf_text(&sql), NULL, NULL, NULL);
    rpc_strbuf_done(&sql);
    return code;
}

static int check_version(sqlite3 *db, const char *path, struct rpc_error *err) {
    int64_t version = database_number(db, "PRAGMA user_version", -1);
    if (version < 0) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: %s", path, sqlite3_errmsg(db));
        return -1;
    }
    if (version > DATABASE_VERSION) {
        rpc_error_set(
            err, RPC_ERROR_INVALID, 0,
            "%s was written by a newer version: its format is %lld, this program knows %d", path,
            (long long)version, DATABASE_VERSION);
        return -1;
    }
    if ((version == 0 && create_tables(db) != SQLITE_OK) ||
        sqlite3_exec(db, later_tables, NULL, NULL, NULL) != SQLITE_OK) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: %s", path, sqlite3_errmsg(db));
        return -1;
    }
    return 0;
}

/* ---- Connections ------------------------------------------------------------------------- */

/* Before SQLite does it with the umask; -wal and -shm get the mode of the database. */
static int create_file(const char *path, struct rpc_error *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) < 0) {
        rpc_error_set_errno(err, "%s", path);
        rpc_fd_close(&fd);
        return -1;
    }
    rpc_fd_close(&fd);
    return 0;
}

sqlite3 *database_open(const char *path, bool is_writer, struct rpc_error *err) {
    if (is_writer && create_file(path, err) < 0) return NULL;
    /* auto_vacuum counts before the first table only. The writer does not checkpoint at its
     * commits, which would wait for the disk: see checkpoint_if_over in writer.c. */
    static const char writer_pragmas[] =
        "PRAGMA auto_vacuum=INCREMENTAL;PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
        "PRAGMA wal_autocheckpoint=0;PRAGMA temp_store=MEMORY;PRAGMA cache_size=-16384";
    static const char reader_pragmas[] =
        "PRAGMA query_only=ON;PRAGMA wal_autocheckpoint=0;PRAGMA temp_store=MEMORY";
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, is_writer ? writer_pragmas : reader_pragmas, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: %s", path,
                      db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    } else if (!is_writer || check_version(db, path, err) == 0) {
        return db;
    }
    sqlite3_close(db);
    return NULL;
}
