#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOT_MAGIC 0x31544c53u /* "SLT1" */
#define MAP_BYTES (JOURNAL_SLOTS * JOURNAL_SLOT_BYTES)

/* In the byte order of the machine: the file never leaves it. */
struct slot {
    _Atomic uint32_t magic;
    uint32_t bytes;
    int64_t row;
    char id[40];
    char block[];
};
#define BLOCK_MAX (JOURNAL_SLOT_BYTES - sizeof(struct slot))

static struct slot *slot_at(const struct journal *journal, int slot) {
    return (struct slot *)(void *)(journal->map + slot * JOURNAL_SLOT_BYTES);
}

static void free_all(struct journal *journal) {
    journal->free_count = 0;
    for (int slot = JOURNAL_SLOTS - 1; slot >= 0; slot--)
        journal_give_back(journal, slot);
}

void journal_open(struct journal *journal, const char *path) {
    memset(journal, 0, sizeof *journal);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return;
    /* All blocks are there before they are mapped: a full disk would be a SIGBUS later. */
    if (posix_fallocate(fd, 0, MAP_BYTES) == 0) {
        void *map = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
        if (map != MAP_FAILED) journal->map = map;
    }
    rpc_fd_close(&fd);
}

void journal_close(struct journal *journal) {
    if (journal->map) munmap(journal->map, MAP_BYTES);
    journal->map = NULL;
}

int journal_put(struct journal *journal, struct store_lines *lines) {
    if (lines->block.size > BLOCK_MAX || journal->free_count == 0) return -1;
    int number = journal->free_slots[--journal->free_count];
    struct slot *slot = slot_at(journal, number);
    store_lines_seal(lines);
    slot->bytes = (uint32_t)lines->block.size;
    slot->row = lines->row;
    memcpy(slot->id, lines->id, sizeof lines->id);
    memcpy(slot->block, lines->data, lines->block.size);
    atomic_store_explicit(&slot->magic, SLOT_MAGIC, memory_order_release);
    return number;
}

void journal_give_back(struct journal *journal, int slot) {
    atomic_store_explicit(&slot_at(journal, slot)->magic, 0, memory_order_release);
    journal->free_slots[journal->free_count++] = (uint16_t)slot;
}

/* ---- After a crash ----------------------------------------------------------------------- */

static bool get_lines(const struct slot *slot, struct store_lines *ret_lines) {
    if (slot->magic != SLOT_MAGIC || slot->bytes < BLOCK_HEADER_BYTES || slot->bytes > BLOCK_MAX)
        return false;
    *ret_lines = (struct store_lines){.row = slot->row, .data = (char *)(uintptr_t)slot->block};
    memcpy(ret_lines->id, slot->id, sizeof ret_lines->id - 1);
    return block_get_header(slot->block, &ret_lines->block) &&
           ret_lines->block.size == slot->bytes && block_is_sound(slot->block, &ret_lines->block);
}

static int compare(const void *a, const void *b) {
    const struct store_lines *x = a, *y = b;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    if (x->block.first_seq == y->block.first_seq) return 0;
    return x->block.first_seq < y->block.first_seq ? -1 : 1;
}

int journal_recover(struct journal *journal,
                    int (*found)(void *ctx, const struct store_lines *lines), void *ctx) {
    if (!journal->map) return 0;
    struct store_lines *batches = calloc(JOURNAL_SLOTS, sizeof *batches);
    if (!batches) return -ENOMEM;
    size_t count = 0;
    for (int slot = 0; slot < JOURNAL_SLOTS; slot++)
        if (get_lines(slot_at(journal, slot), &batches[count])) count++;
    qsort(batches, count, sizeof *batches, compare);
    int error = 0;
    for (size_t i = 0; !error && i < count; i++)
        error = found(ctx, &batches[i]);
    free(batches);
    if (!error) free_all(journal);
    return error;
}
