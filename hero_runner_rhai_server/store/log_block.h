/*
 * Blocks: how lines lie in a log file, and in the database while a log is short.
 *
 *     0       4       8           16      20      24          32
 *     | magic | bytes | first_seq | count | crc   | newest_us | lines ... |
 *
 *     line: 0              8     12       13
 *           | timestamp_us | len | stream | text ... |
 *
 * All numbers are little-endian. `bytes` is that of the lines; `crc` is zlib's crc32 over the
 * header (magic and crc as 0) and the lines; `newest_us` is the largest timestamp in the block.
 * Lines of a block have consecutive numbers; a jump from one block to the next is a gap.
 *
 * A file begins with a header of 16 bytes:
 *
 *     0       4         8     16
 *     | magic | segment | row |
 *
 * segment 0 is the head of a log (.log), the others count the tail (.tail, .old). Blocks are only
 * appended, each with one write, so what a crash leaves is a torn block at the end, which the
 * reader recognises by its length or checksum.
 */
#ifndef RUNNER_STORE_LOG_BLOCK_H
#define RUNNER_STORE_LOG_BLOCK_H

#include "store/store.h"

#include <sys/types.h>

#define BLOCK_HEADER_BYTES 32
#define FILE_HEADER_BYTES 16

struct block {
    size_t size; /* with its header */
    uint64_t first_seq, newest_us;
    uint32_t count;
};

/* A batch is a block in the making: `data` is the header's place and the lines. */
struct store_lines {
    int64_t row;
    char id[STORE_ID_BYTES];
    struct block block;
    char *data;
    size_t cap;
};

/* A batch from a sound block, which is copied. NULL without memory. */
struct store_lines *store_lines_of_block(int64_t row, const char *id, const char *bytes,
                                         const struct block *block);
static inline uint64_t store_lines_last(const struct store_lines *lines) {
    return lines->block.first_seq + lines->block.count - 1;
}
/* Its lines from number `seq` on, as many as a block of `max_bytes` has room for, as a batch of
 * their own; there may be none. NULL without memory. */
struct store_lines *store_lines_cut(const struct store_lines *lines, uint64_t seq,
                                    size_t max_bytes);
/* Completes the header. The batch is then `block.size` bytes at `data`. */
void store_lines_seal(struct store_lines *lines);

/* Reads the header at `bytes`, which are at least BLOCK_HEADER_BYTES: false when this is none. */
bool block_get_header(const char *bytes, struct block *ret_block);
/* Whether the whole block, `block->size` bytes at `bytes`, is what was written. */
bool block_is_sound(const char *bytes, const struct block *block);
/* The line at *offset of a block, whose number is `seq`; moves *offset behind it. False at the end,
 * or when the rest is no line. *offset begins with BLOCK_HEADER_BYTES. */
bool block_next_line(const char *bytes, const struct block *block, size_t *offset, uint64_t seq,
                     struct store_log_line *ret_line);

void file_put_header(char out[FILE_HEADER_BYTES], int64_t row, uint32_t segment);
/* False when this is none. */
bool file_get_header(const char bytes[FILE_HEADER_BYTES], int64_t *ret_row, uint32_t *ret_segment);

#endif
