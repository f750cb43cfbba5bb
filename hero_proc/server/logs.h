/*
 * The log: lines from children and from callers of logs.insert, by source ("service.action").
 *
 * A line gets a number, from 1, for the whole daemon, in the order it came. The newest ones lie in
 * memory, for those who follow; all go through a bounded queue to a thread that appends them to a file
 * for each source, turns files over by size and keeps within a quota. The same thread answers
 * questions about the past. The loop never waits for it: when it is behind, or the disk is full, lines
 * are dropped and counted. A source that writes more than its rate is cut down to it, also counted.
 */
#ifndef HERO_PROC_SERVER_LOGS_H
#define HERO_PROC_SERVER_LOGS_H

#include <hero_rpc/error.h>
#include <hero_rpc/strbuf.h>
#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct logs;

#define LOGS_SOURCE_MAX_BYTES 300
#define LOGS_LINE_MAX_BYTES (64 * 1024)

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_NOTICE_LEVEL, LOG_WARN_LEVEL, LOG_ERROR_LEVEL };
const char *log_level_name(enum log_level level);
/* Lenient: "warning", "err", any case; what is not known is info. */
enum log_level log_level_parse(const char *text);

struct logs_limits {
    size_t recent_lines, recent_bytes; /* kept in memory */
    size_t queue_bytes;                /* between loop and thread */
    uint64_t rate_lines;               /* a second and source; bursts of twice as many pass */
    uint64_t file_bytes, file_count;   /* of a source */
    uint64_t total_bytes;              /* of all; sources that were quiet longest go first */
};

/* `dir` is created. */
struct logs *logs_open(struct event_base *base, const char *dir, const struct logs_limits *limits,
                       struct rpc_error *err);
/* Writes what waits. NULL is allowed. */
void logs_close(struct logs *logs);

/* Texts are copied; tags is a list "a,b" ("": none). False: it was dropped. */
bool logs_add(struct logs *logs, const char *source, enum log_level level, const char *tags,
              int64_t timestamp_ms, const char *text, size_t len);

/* What is wanted; texts are borrowed, "" or 0: anything. */
struct logs_filter {
    const char *source; /* this one, or those that begin with it and a dot; a last "*" for any rest */
    const char *tags;   /* all of these, "a,b" */
    const char *text;   /* is contained */
    enum log_level level; /* this or above */
    int64_t since_ms, until_ms;
};

struct log_line {
    uint64_t id;
    int64_t timestamp_ms;
    enum log_level level;
    const char *source, *tags, *text; /* NUL-terminated; a NUL inside a text was replaced */
};
bool logs_filter_fits(const struct logs_filter *filter, const struct log_line *line);
/* One line as JSON: {id, timestamp_ms, source, level, tags, line}. */
void logs_write_line(const struct log_line *line, struct rpc_strbuf *out);

/* The first line in memory with a higher number; false when there is none. Borrowed until the next
 * logs_add. */
bool logs_recent_after(const struct logs *logs, uint64_t id, struct log_line *ret_line);
uint64_t logs_last_id(const struct logs *logs);
/* Called on the loop after lines were added, as often as wanted; one function. */
void logs_on_added(struct logs *logs, void (*added)(void *ctx), void *ctx);

/* Asks the thread: the newest `limit` lines that fit, or with after_id those directly behind it. The
 * answer comes on the loop: JSON texts of lines, separated by commas, and the last number. */
typedef void logs_answer(void *ctx, const char *lines, size_t len, uint64_t last_id);
/* False: there are too many questions already. */
bool logs_ask(struct logs *logs, const struct logs_filter *filter, uint64_t after_id, size_t limit,
              logs_answer *answer, void *ctx);
/* Nobody waits for the answer any more; ctx is not used again. */
void logs_forget(struct logs *logs, void *ctx);

struct logs_source_stats {
    const char *name;
    uint64_t lines, dropped;
    int64_t last_ms;
};
/* Sources that have written since the daemon's start. */
void logs_each_source(const struct logs *logs,
                      void (*visit)(void *ctx, const struct logs_source_stats *source), void *ctx);

struct logs_stats {
    uint64_t lines, dropped_rate, dropped_queue, dropped_disk, written_bytes;
    bool is_disk_full;
};
void logs_stats(struct logs *logs, struct logs_stats *ret_stats);

#endif
