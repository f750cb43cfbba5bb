#include "store/log_block.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define BLOCK_MAGIC 0x314b4c42u /* "BLK1" */
#define FILE_MAGIC 0x31474f4cu  /* "LOG1" */
#define FIRST_CAP 256

struct header {
    uint32_t magic, bytes;
    uint64_t first_seq;
    uint32_t count, crc;
    uint64_t newest_us;
} __attribute__((packed));
_Static_assert(sizeof(struct header) == BLOCK_HEADER_BYTES, "as drawn");

struct line {
    uint64_t timestamp_us;
    uint32_t len;
    uint8_t stream;
} __attribute__((packed));
_Static_assert(sizeof(struct line) == STORE_LINE_HEADER_BYTES, "as drawn");

struct file_header {
    uint32_t magic, segment;
    uint64_t row;
} __attribute__((packed));
_Static_assert(sizeof(struct file_header) == FILE_HEADER_BYTES, "as drawn");

/* ---- Writing ----------------------------------------------------------------------------- */

struct store_lines *store_lines_new(int64_t row, const char *id, uint64_t first_seq) {
    struct store_lines *lines = malloc(sizeof *lines);
    if (!lines) return NULL;
    *lines = (struct store_lines){.row = row,
                                  .block = {.size = BLOCK_HEADER_BYTES, .first_seq = first_seq}};
    strncpy(lines->id, id, sizeof lines->id - 1);
    return lines;
}

struct store_lines *store_lines_of_block(int64_t row, const char *id, const char *bytes,
                                         const struct block *block) {
    struct store_lines *lines = store_lines_new(row, id, block->first_seq);
    char *data = lines ? malloc(block->size) : NULL;
    if (!data) {
        free(lines);
        return NULL;
    }
    lines->block = *block;
    lines->data = memcpy(data, bytes, block->size);
    lines->cap = block->size;
    return lines;
}

void store_lines_free(struct store_lines *lines) {
    if (!lines) return;
    free(lines->data);
    free(lines);
}

size_t store_lines_count(const struct store_lines *lines) {
    return lines->block.count;
}

static bool grow(struct store_lines *lines, size_t need) {
    size_t cap = lines->cap ? lines->cap * 2 : FIRST_CAP;
    while (cap < need)
        cap *= 2;
    char *data = realloc(lines->data, cap);
    if (!data) return false;
    lines->data = data;
    lines->cap = cap;
    return true;
}

bool store_lines_add(struct store_lines *lines, uint64_t timestamp_us, uint8_t stream,
                     const char *text, size_t len) {
    size_t size = lines->block.size + STORE_LINE_HEADER_BYTES + len;
    if (len > STORE_LINES_MAX_BYTES || size > BLOCK_HEADER_BYTES + STORE_LINES_MAX_BYTES)
        return false;
    if (size > lines->cap && !grow(lines, size)) return false;
    struct line line = {
        .timestamp_us = htole64(timestamp_us), .len = htole32((uint32_t)len), .stream = stream};
    char *place = lines->data + lines->block.size;
    memcpy(place, &line, sizeof line);
    if (len) memcpy(place + sizeof line, text, len);
    lines->block.size = size;
    lines->block.count++;
    if (timestamp_us > lines->block.newest_us) lines->block.newest_us = timestamp_us;
    return true;
}

struct store_lines *store_lines_cut(const struct store_lines *lines, uint64_t seq,
                                    size_t max_bytes) {
    struct store_lines *part = store_lines_new(lines->row, lines->id, seq);
    size_t offset = BLOCK_HEADER_BYTES;
    struct store_log_line line;
    uint64_t next = lines->block.first_seq;
    for (; part && block_next_line(lines->data, &lines->block, &offset, next, &line); next++) {
        if (next < seq) continue;
        if (part->block.size + STORE_LINE_HEADER_BYTES + line.len > max_bytes) break;
        if (!store_lines_add(part, line.timestamp_us, line.stream, line.text, line.len)) {
            store_lines_free(part);
            return NULL;
        }
    }
    return part;
}

static uint32_t checksum(const struct header *header, const char *lines, size_t len) {
    struct header checked = *header;
    checked.magic = checked.crc = 0;
    uLong crc = crc32(0, (const Bytef *)&checked, sizeof checked);
    return (uint32_t)crc32(crc, (const Bytef *)lines, (uInt)len);
}

void store_lines_seal(struct store_lines *lines) {
    const struct block *block = &lines->block;
    size_t len = block->size - BLOCK_HEADER_BYTES;
    struct header header = {
        .magic = htole32(BLOCK_MAGIC),
        .bytes = htole32((uint32_t)len),
        .first_seq = htole64(block->first_seq),
        .count = htole32(block->count),
        .newest_us = htole64(block->newest_us),
    };
    header.crc = htole32(checksum(&header, lines->data + BLOCK_HEADER_BYTES, len));
    memcpy(lines->data, &header, sizeof header);
}

/* ---- Reading ----------------------------------------------------------------------------- */

bool block_get_header(const char *bytes, struct block *ret_block) {
    struct header header;
    memcpy(&header, bytes, sizeof header);
    uint64_t len = le32toh(header.bytes), count = le32toh(header.count);
    uint64_t first_seq = le64toh(header.first_seq);
    if (le32toh(header.magic) != BLOCK_MAGIC || len > STORE_LINES_MAX_BYTES || count == 0 ||
        count * STORE_LINE_HEADER_BYTES > len || first_seq == 0 || first_seq > INT64_MAX)
        return false;
    *ret_block = (struct block){
        .size = BLOCK_HEADER_BYTES + (size_t)len,
        .first_seq = first_seq,
        .newest_us = le64toh(header.newest_us),
        .count = (uint32_t)count,
    };
    return true;
}

bool block_is_sound(const char *bytes, const struct block *block) {
    struct header header;
    memcpy(&header, bytes, sizeof header);
    return le32toh(header.crc) ==
           checksum(&header, bytes + BLOCK_HEADER_BYTES, block->size - BLOCK_HEADER_BYTES);
}

bool block_next_line(const char *bytes, const struct block *block, size_t *offset, uint64_t seq,
                     struct store_log_line *ret_line) {
    struct line line;
    if (seq - block->first_seq >= block->count || block->size - *offset < sizeof line) return false;
    memcpy(&line, bytes + *offset, sizeof line);
    size_t len = le32toh(line.len);
    if (len > block->size - *offset - sizeof line) return false;
    *ret_line = (struct store_log_line){
        .seq = seq,
        .timestamp_us = le64toh(line.timestamp_us),
        .stream = line.stream,
        .text = bytes + *offset + sizeof line,
        .len = len,
    };
    *offset += sizeof line + len;
    return true;
}

void file_put_header(char out[FILE_HEADER_BYTES], int64_t row, uint32_t segment) {
    struct file_header header = {
        .magic = htole32(FILE_MAGIC), .segment = htole32(segment), .row = htole64((uint64_t)row)};
    memcpy(out, &header, sizeof header);
}

bool file_get_header(const char bytes[FILE_HEADER_BYTES], int64_t *ret_row, uint32_t *ret_segment) {
    struct file_header header;
    memcpy(&header, bytes, sizeof header);
    if (le32toh(header.magic) != FILE_MAGIC) return false;
    *ret_row = (int64_t)le64toh(header.row);
    *ret_segment = le32toh(header.segment);
    return true;
}
