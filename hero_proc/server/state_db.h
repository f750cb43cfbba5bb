/*
 * What must survive the daemon: records of JSON, in one table of a SQLite database. The daemon
 * holds all of them in memory; here they are only written, by a thread of their own, and read once
 * at the start.
 *
 * The journal is a WAL with synchronous=NORMAL (sqlite.org/wal.html): what was acknowledged
 * survives a kill -9 of the daemon; a power cut may take the last moments with it, but leaves the
 * database whole.
 *
 * A full disk: writes fail, somebody who waits for one is told why, and state_problem says so.
 * Writing is tried again every few seconds; when it works again, `recovered` is called, to write
 * down anew what was changed meanwhile.
 */
#ifndef HERO_PROC_SERVER_STATE_DB_H
#define HERO_PROC_SERVER_STATE_DB_H

#include <hero_rpc/error.h>
#include <stdint.h>

struct event_base;
struct state_db;

enum state_kind {
    STATE_ACTION,
    STATE_SERVICE,
    STATE_JOB,
    STATE_RUN,
    STATE_SECRET,
    STATE_KIND_COUNT
};

#define STATE_KEY_MAX_BYTES 400

/* Creates the file with mode 0600. */
struct state_db *state_db_open(struct event_base *base, const char *path, struct rpc_error *err);
/* Waits for all writes. NULL is allowed. */
void state_db_close(struct state_db *db);
void state_db_on_recovered(struct state_db *db, void (*recovered)(void *ctx), void *ctx);

/* Calls back for each record, in the order of their keys; only right after opening. */
int state_db_load(struct state_db *db, enum state_kind kind,
                  void (*record)(void *ctx, const char *key, json_t *body), void *ctx,
                  struct rpc_error *err);

/* `why` is NULL when it is written, else why it is not. */
typedef void state_db_done(void *ctx, const char *why);
/* body: borrowed; NULL deletes the record. done may be NULL; it is called later, from the loop. */
void state_db_put(struct state_db *db, enum state_kind kind, const char *key, const json_t *body,
                  state_db_done *done, void *ctx);

/* NULL when writing works, else the last error. */
const char *state_db_problem(const struct state_db *db);

#endif
