/*
 * Lines on their way to the writer, in memory that outlives the process: a file of slots that is
 * mapped shared. What has been copied into a slot survives kill -9 at once, without a system call,
 * so that a single line can be given to its readers before the writer has been woken. The next
 * process finds the slots that were in use.
 *
 *     slot:  0       4       8     16     56
 *            | magic | bytes | row | id   | sealed block ... |
 *
 * The magic is written last and wiped when the writer has stored the lines. All slots are taken and
 * given back on the caller's thread.
 */
#ifndef RUNNER_STORE_JOURNAL_H
#define RUNNER_STORE_JOURNAL_H

#include "store/log_block.h"

#define JOURNAL_SLOTS 256
#define JOURNAL_SLOT_BYTES 4096

struct journal {
    char *map; /* NULL: there is none, and journal_put never has room */
    uint16_t free_slots[JOURNAL_SLOTS];
    size_t free_count;
};

/* Opens or makes the file. Without it the store works too, a little slower. */
void journal_open(struct journal *journal, const char *path);
void journal_close(struct journal *journal);

/* Seals and copies a batch. The slot, to be given back; -1 when it is too large or there is none.
 */
int journal_put(struct journal *journal, struct store_lines *lines);
void journal_give_back(struct journal *journal, int slot);

/* What a dead process left: calls `found` for each sound batch, sorted by row and number; the batch
 * is borrowed. Stops at an error of `found` and returns it. Then, with 0, all slots are free. */
int journal_recover(struct journal *journal,
                    int (*found)(void *ctx, const struct store_lines *lines), void *ctx);

#endif
