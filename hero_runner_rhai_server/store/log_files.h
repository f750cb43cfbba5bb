/*
 * The files of logs, as the writer sees them: blocks are appended, the tail rotates, descriptors
 * are an LRU. Nothing of this is synchronised to the disk: the page cache survives the process.
 *
 * The files of one log are never longer, together, than session_log_bytes, headers included: one
 * for the head, and two of which the older is given up when the newer is full. A batch that does
 * not fit is cut where the file is full.
 */
#ifndef RUNNER_STORE_LOG_FILES_H
#define RUNNER_STORE_LOG_FILES_H

#include "store/log_block.h"

#include <sys/queue.h>

#define LOG_OPEN_MAX 64 /* descriptors */
#define LOG_BUCKETS 1024
#define LOG_PATH_BYTES 4096

enum log_part { LOG_HEAD, LOG_OLD, LOG_TAIL, LOG_PARTS }; /* in the order of their lines */

/* A session that has appended lines and has not ended. */
struct log {
    int64_t row;
    char id[STORE_ID_BYTES];
    size_t inline_bytes; /* in the database; no file yet */
    bool has_file;
    uint32_t segment; /* of the file that is written: 0 the head, else the tail's */
    int64_t size;     /* of that file, as far as it is sound */
    int64_t sizes[LOG_PARTS];
    uint64_t last_seq; /* in the files */
    uint64_t lost_lines;
    int fd; /* -1: not open */
    TAILQ_ENTRY(log) open_link;
    LIST_ENTRY(log) bucket_link;
};

struct log_files {
    const char *dir; /* <dir>/logs, borrowed */
    int64_t head_max, tail_max;
    TAILQ_HEAD(, log) open; /* the longest unused first */
    size_t open_count;
    LIST_HEAD(, log) buckets[LOG_BUCKETS];
};

void log_files_init(struct log_files *files, const char *dir, int64_t session_bytes);
void log_files_done(struct log_files *files);

struct log *log_find(const struct log_files *files, int64_t row);
/* NULL without memory. */
struct log *log_add(struct log_files *files, int64_t row, const char *id);
void log_forget(struct log_files *files, struct log *log);

/* Makes the first file of a log, with the blocks it had in the database. The file is there entirely
 * or not at all. 0, or a negative errno. */
int log_begin_file(struct log_files *files, struct log *log, const char *blocks, size_t len,
                   uint64_t last_seq);
/* Appends a sealed batch. What the files have already is not written again. `ret_lost`: what of the
 * batch is not in them afterwards, because of an error, which leaves the files sound, or because a
 * line is longer than one of them may be. */
struct log_lost {
    uint64_t lines, bytes;
};
int log_append_file(struct log_files *files, struct log *log, const struct store_lines *lines,
                    struct log_lost *ret_lost);
/* Bytes in all files of the log. */
int64_t log_size(const struct log *log);

/* <dir>/<xx>/<id>.<log|old|tail>; `dir` is that of all logs. */
void log_path(char out[LOG_PATH_BYTES], const char *dir, const char *id, enum log_part part);
/* Removes the files of a session; that there are none is no error. */
void log_remove_files(const char *dir, const char *id);

#endif
