/*
 * The files of the log: <dir>/<source>/<id of the first line>.log. A file that is full is followed
 * by a new one; a source, and all together, keep so many bytes, and the oldest files go. Used from
 * one thread.
 */
#ifndef HERO_PROC_SERVER_LOG_FILES_H
#define HERO_PROC_SERVER_LOG_FILES_H

#include "server/log_line.h"

#include <hero_rpc/error.h>

struct log_files;

struct log_files_limits {
    int64_t file_bytes;
    int64_t source_bytes;
    int64_t total_bytes;
    int64_t free_bytes; /* on the file system, left for others: below, nothing is written */
};

/* Reads what is there. */
struct log_files *log_files_open(const char *dir, const struct log_files_limits *limits,
                                 struct rpc_error *err);
void log_files_close(struct log_files *files); /* NULL is allowed */

/* Whole lines, in a file's form; the first one has that id. 0, or -1 with errno. */
int log_files_write(struct log_files *files, const char *source, uint64_t first_id,
                    const char *bytes, size_t len);
/* Appends the object of logs.list: {"lines": [...], "cursor": <id of the last one>}. */
void log_files_query(struct log_files *files, const struct log_query *query,
                     struct rpc_strbuf *out);
int64_t log_files_bytes(const struct log_files *files);

#endif
