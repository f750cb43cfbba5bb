/*
 * The files of the log, one after another for each source: <dir>/<source>.log is the newest, then
 * .log.1 and so on. A line of a file:
 *
 *     number TAB milliseconds TAB level TAB tags TAB text NEWLINE
 *
 * with \\, \n and \t for those three in tags and text. All calls are for one thread.
 */
#ifndef HERO_PROC_SERVER_LOG_FILES_H
#define HERO_PROC_SERVER_LOG_FILES_H

#include "server/logs.h"

struct log_files;

struct log_files *log_files_open(const char *dir, const struct logs_limits *limits,
                                 struct rpc_error *err);
void log_files_close(struct log_files *files);

/* The highest number in any file. */
uint64_t log_files_last_id(const struct log_files *files);

/* 0, or -errno: then the line is lost. */
int log_files_append(struct log_files *files, const struct log_line *line);
/* Hands what is buffered to the system and keeps within the total. 0 or -errno. */
int log_files_flush(struct log_files *files);

/* One line of a file, without its newline; changed in place. False when it is none. */
bool log_files_parse(char *text, struct log_line *ret_line);

/* As logs_ask. */
void log_files_find(const struct log_files *files, const struct logs_filter *filter,
                    uint64_t after_id, size_t limit, struct rpc_strbuf *ret_lines,
                    uint64_t *ret_last_id);

#endif
