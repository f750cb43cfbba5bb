/* The database: its tables, its version, and how a connection is opened. */
#ifndef RUNNER_STORE_DATABASE_H
#define RUNNER_STORE_DATABASE_H

#include <hero_rpc/error.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* In PRAGMA user_version. A database of an older version is brought up to date when the writer
 * opens it, one of a newer version is refused. */
#define DATABASE_VERSION 1

/* The writer's connection also creates the file (0600) and the tables. The others may not write. */
sqlite3 *database_open(const char *path, bool is_writer, struct rpc_error *err);

/* The negative errno for a result code of SQLite. */
int database_errno(int code);
/* Whether a failure is the disk's or the machine's, not the statement's. */
bool database_is_failing(int status);

/* Runs a statement that has been bound, and resets it. 0, or a negative errno. */
int database_run(sqlite3_stmt *statement);
/* Prepares a statement that is kept; NULL without memory or when it is wrong. */
sqlite3_stmt *database_prepare(sqlite3 *db, const char *sql);
/* One number, or `otherwise` when there is none. */
int64_t database_number(sqlite3 *db, const char *sql, int64_t otherwise);

#endif
