/*
 * Changes on their way to the writer, in memory that outlives the process: a file that is mapped
 * shared and used as a ring of records. What has been copied into it survives kill -9 at once,
 * without a system call or a thread, so that it can be told to callers before it is in the
 * database. The next process applies what the last one left (recovery.c).
 *
 *     file:    0       8         4096
 *              | magic | first   | ring ... |
 *     record:  0          8       12      16
 *              | position | bytes | state | payload ... |
 *
 * A position counts bytes from the making of the file and never comes twice; its place in the ring
 * is its remainder. `first` is the position of the oldest record that may be open. All numbers are
 * in the byte order of the machine, which the file never leaves, and the magic says what build can
 * read the payloads.
 *
 * Records are made on one thread; journal_release may be called on any.
 */
#ifndef RUNNER_STORE_JOURNAL_H
#define RUNNER_STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_BYTES (2 * 1024 * 1024)
#define JOURNAL_RECORD_MAX_BYTES (64 * 1024) /* of a payload */
#define JOURNAL_RESERVE_BYTES (256 * 1024)   /* of the ring: what is urgent only */

struct journal {
    char *map;            /* NULL: there is none, and it never has room */
    uint64_t first, next; /* positions: of the oldest record, and where the next one goes */
};

/* Opens or makes the file. Without it the store works too, a little slower. `format` changes when
 * payloads do: what another format has left is not read. */
void journal_open(struct journal *journal, const char *path, uint32_t format);
void journal_close(struct journal *journal);

/* Room for a payload, to be filled in and then sealed; NULL when it is too large or there is none.
 * What is urgent has room when others have none any more. */
char *journal_begin(struct journal *journal, size_t bytes, bool is_urgent);
/* From here on the payload survives. Returns its position, which is never 0. */
uint64_t journal_seal(struct journal *journal);
/* It is in the database, or given up. */
void journal_release(struct journal *journal, uint64_t position);
/* So much waits that the writer should hurry. */
bool journal_is_filling(const struct journal *journal);

/* What a dead process left: calls `found` for each open payload, in the order they were made. Stops
 * at an error of `found` and returns it. */
int journal_recover(const struct journal *journal,
                    int (*found)(void *ctx, const char *payload, size_t bytes), void *ctx);
/* Begins anew, when all of that is in the database. */
void journal_clear(struct journal *journal);

#endif
