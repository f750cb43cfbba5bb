/*
 * What the daemon must know again after it was killed: services, actions, jobs, runs, secrets, in one
 * SQLite database (hero_proc.db).
 *
 * Writes are small and go to the write-ahead log without waiting for the disk (sqlite.org/wal.html,
 * synchronous=NORMAL): they survive a kill -9 of the daemon. One that fails (a full disk) is noted: the
 * daemon goes on with what it has in memory, and says so.
 */
#ifndef HERO_PROC_SERVER_STATE_DB_H
#define HERO_PROC_SERVER_STATE_DB_H

#include <hero_rpc/error.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct state_db;

/* RPC_ERROR_INVALID for a database of a newer daemon. */
struct state_db *state_db_open(const char *path, struct rpc_error *err);
void state_db_close(struct state_db *db); /* NULL is allowed */

/* Why the last write failed; NULL when it did not. */
const char *state_db_problem(const struct state_db *db);

/* All below return 0, or -1 when it could not be written (noted) or read. */

enum state_kind { STATE_SERVICE, STATE_ACTION };
/* `wanted` is of services; -1: leave it as it is. */
int state_db_put(struct state_db *db, enum state_kind kind, const char *context, const char *name,
                 const json_t *spec, int wanted);
int state_db_set_wanted(struct state_db *db, const char *context, const char *name, int wanted);
int state_db_delete(struct state_db *db, enum state_kind kind, const char *context,
                    const char *name);
typedef void state_db_spec(void *ctx, const char *context, const char *name, const json_t *spec,
                           int wanted);
int state_db_each(struct state_db *db, enum state_kind kind, state_db_spec *visit, void *ctx);

struct job_row {
    int64_t id, run;                        /* run 0: of none */
    const char *context, *action, *service; /* service NULL: of none */
    const json_t *spec, *tags;
    const char *phase, *error; /* error NULL: none */
    int64_t attempt, restarts;
    int64_t pid;
    uint64_t start_ticks;
    int has_exit_code, exit_code, signal;
    int64_t created_ms, started_ms, ended_ms; /* 0: not yet */
    const json_t *tail;                       /* of one that has ended */
};
int state_db_put_job(struct state_db *db, const struct job_row *job);
int state_db_delete_job(struct state_db *db, int64_t id);
struct job_query {
    int64_t id, run;                      /* 0: any */
    const char *action, *service, *phase; /* NULL: any */
    bool unfinished;                      /* only those without an end */
    int64_t limit;
};
typedef void state_db_job(void *ctx, const struct job_row *job); /* newest first */
int state_db_each_job(struct state_db *db, const struct job_query *query, state_db_job *visit,
                      void *ctx);
int64_t state_db_last_job(struct state_db *db);

int state_db_put_run(struct state_db *db, int64_t id, const char *service, int64_t created_ms,
                     const json_t *tags);
int state_db_delete_run(struct state_db *db, int64_t id);
typedef void state_db_run(void *ctx, int64_t id, const char *service, int64_t created_ms,
                          const json_t *tags);
int state_db_each_run(struct state_db *db, int64_t id, const char *service, int64_t limit,
                      state_db_run *visit, void *ctx);
int64_t state_db_last_run(struct state_db *db);

int state_db_put_secret(struct state_db *db, const char *context, const char *key, const void *sealed,
                        size_t len, int64_t changed_ms);
/* 1 when it was there, 0 when not. */
int state_db_delete_secret(struct state_db *db, const char *context, const char *key);
typedef void state_db_secret(void *ctx, const char *key, const void *sealed, size_t len,
                             int64_t changed_ms);
/* key NULL: all of the context. */
int state_db_each_secret(struct state_db *db, const char *context, const char *key,
                         state_db_secret *visit, void *ctx);

/* Deletes ended jobs beyond `keep`, those that ended before then, and runs without jobs; then gives
 * free pages back to the file system, a few at a time. */
int state_db_prune(struct state_db *db, int64_t keep, int64_t ended_before_ms);

#endif
