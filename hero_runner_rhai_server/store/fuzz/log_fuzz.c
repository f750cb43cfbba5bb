/* Any bytes as a log file, once as they are and once with the checksums of its blocks put right:
 * the reader stays within bounds, goes forwards and backwards over the same lines, and what repair
 * leaves is sound to its end. */
#include "store/log_read.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "00000000-0000-4000-8000-000000000000"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];
static sqlite3_stmt *no_blocks;

static void set_up(void) {
    strcpy(dir, "/tmp/store_fuzz.XXXXXX");
    char folder[80];
    if (!mkdtemp(dir)) abort();
    snprintf(folder, sizeof folder, "%s/00", dir);
    mkdir(folder, 0700);
    sqlite3 *db;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT x'00' WHERE ?1 < 0", -1, &no_blocks, NULL) != SQLITE_OK)
        abort();
}

/* Gives every block at the beginning of the bytes the checksum it should have. */
static void put_sums_right(char *bytes, size_t size) {
    struct block block;
    while (size >= BLOCK_HEADER_BYTES && block_get_header(bytes, &block) && block.size <= size) {
        struct store_lines lines = {.block = block, .data = bytes};
        store_lines_seal(&lines);
        bytes += block.size;
        size -= block.size;
    }
}

static void write_file(const char *data, size_t size) {
    char path[LOG_PATH_BYTES], header[FILE_HEADER_BYTES];
    log_path(path, dir, ID, LOG_HEAD);
    FILE *file = fopen(path, "w");
    if (!file) abort();
    file_put_header(header, 1, 0);
    fwrite(header, sizeof header, 1, file);
    fwrite(data, size, 1, file);
    fclose(file);
}

/* Walks the whole log in pages; returns how many lines there are. */
static size_t walk(const struct store_log_query *query, uint64_t *ret_sum) {
    struct log_reader reader;
    log_reader_init(&reader, dir);
    struct store_log_query next = *query;
    size_t lines = 0;
    for (;;) {
        struct store_log_page *page;
        if (log_read(&reader, no_blocks, 1, &next, &page) < 0) abort();
        size_t count = page->count;
        for (size_t i = 0; i < count; i++) {
            if (i && page->lines[i].seq <= page->lines[i - 1].seq) abort();
            *ret_sum += page->lines[i].seq;
            for (size_t c = 0; c < page->lines[i].len; c++)
                *ret_sum += (unsigned char)page->lines[i].text[c];
        }
        lines += count;
        next.after_seq = page->last_covered;
        if (query->before_seq) next.before_seq = page->first_covered;
        store_log_page_free(page);
        if (count == 0 || (query->before_seq && next.before_seq <= 1)) break;
    }
    log_reader_done(&reader);
    return lines;
}

static void check(const char *data, size_t size) {
    write_file(data, size);
    uint64_t sum_forwards = 0, sum_backwards = 0, sum_repaired = 0;
    struct store_log_query query = {.id = ID, .limit = 7};
    size_t forwards = walk(&query, &sum_forwards);
    query.before_seq = UINT64_MAX;
    size_t backwards = walk(&query, &sum_backwards);
    if (forwards != backwards || sum_forwards != sum_backwards) abort();
    struct log_extent extent;
    if (log_repair(dir, ID, &extent) < 0) abort();
    query.before_seq = 0;
    if (walk(&query, &sum_repaired) > forwards) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!no_blocks) set_up();
    char *bytes = malloc(size + 1);
    if (!bytes) return 0;
    memcpy(bytes, data, size);
    check(bytes, size);
    put_sums_right(bytes, size);
    check(bytes, size);
    free(bytes);
    return 0;
}
