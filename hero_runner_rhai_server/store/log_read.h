/*
 * Reading logs: pages, forwards and backwards, from files or from blocks in the database.
 *
 * A log is a list of spans in the order of their lines. A span is some whole blocks in a row, at
 * least SPAN_BYTES of a file (the last one may be shorter). Spans of files are found by hopping
 * from header to header, once: the reader keeps the index of the files it has read last and extends
 * it when they have grown, so that a page costs a span or two wherever it lies.
 */
#ifndef RUNNER_STORE_LOG_READ_H
#define RUNNER_STORE_LOG_READ_H

#include "store/log_files.h"

#include <sqlite3.h>

#define SPAN_BYTES (64 * 1024)
#define LOG_INDEX_MAX 32 /* files whose spans are kept */

struct span {
    int64_t offset;
    size_t len;
    uint64_t first_seq, newest_us;
};

/* The spans of one file. */
struct log_index {
    int64_t row;
    uint32_t segment;
    int64_t scanned; /* up to here */
    uint64_t last_seq;
    uint64_t line_count; /* with last_seq: what is missing */
    struct span *spans;
    size_t count, cap;
    TAILQ_ENTRY(log_index) link;
};

struct log_reader {
    const char *dir;                               /* of all logs, borrowed */
    TAILQ_HEAD(log_index_list, log_index) indexes; /* the longest unused first */
    size_t index_count;
};

void log_reader_init(struct log_reader *reader, const char *dir);
void log_reader_done(struct log_reader *reader);

/* Answers a query about the session in that row; `blocks` selects its blocks in the database, with
 * the row as its first parameter. 0, or a negative errno. */
int log_read(struct log_reader *reader, sqlite3_stmt *blocks, int64_t row,
             const struct store_log_query *query, struct store_log_page **ret_page);

/* What the files of a log hold, after whatever is torn at their ends has been cut off. */
struct log_extent {
    bool has_file;
    uint64_t last_seq;
    int64_t sizes[LOG_PARTS], bytes; /* of each file and of all */
    enum log_part last_part;         /* the file with the newest lines, */
    uint32_t segment;                /* and its number */
};
int log_repair(const char *dir, const char *id, struct log_extent *ret_extent);

/* Hops over the headers in a file from index->scanned to its end; stops at what is no block. Checks
 * no sums. For the fuzzer too. */
int log_index_extend(struct log_index *index, int fd);
void log_index_free(struct log_index *index);

#endif
