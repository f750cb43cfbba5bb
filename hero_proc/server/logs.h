/*
 * The lines of all children and of services that insert theirs. Each line has a source
 * ("web.server"), a level, tags and an id that grows.
 *
 * Nothing here waits for a disk: lines are collected per source and handed to a thread that writes
 * files (log_files.h). A source has a rate limit; what is over it, and what the writer cannot take
 * because too much waits already, is dropped and counted, and the log says so once there is room.
 * So memory is bounded whatever a child does.
 */
#ifndef HERO_PROC_SERVER_LOGS_H
#define HERO_PROC_SERVER_LOGS_H

#include "server/log_files.h"
#include "server/log_line.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/queue.h>

struct event_base;
struct logs;
struct log_source;

struct logs_options {
    const char *dir;
    int64_t lines_per_s; /* of a source; it may save up as many */
    struct log_files_limits limits;
};

struct logs *logs_new(struct event_base *base, const struct logs_options *options,
                      struct rpc_error *err);
/* Writes what is there. NULL is allowed. */
void logs_free(struct logs *logs);

/* The source of that name, made when it is new; what a file name must not have is replaced by '_'.
 * NULL without memory or when there are too many. */
struct log_source *logs_source(struct logs *logs, const char *name);
/* Whether a line would be taken; if not it is counted as dropped. For callers with many lines,
 * before they make tags. */
bool logs_may_add(struct logs *logs, struct log_source *source, size_t len);
/* tags: the text of a JSON array; the line must not be longer than LOG_LINE_MAX_BYTES (it is cut).
 */
void logs_add(struct logs *logs, struct log_source *source, enum log_level level, const char *tags,
              int64_t timestamp_ms, const char *text, size_t len);

/* Reading what has been written so far. The query is copied. The answer is JSON text, the object of
 * logs.list. */
typedef void logs_answer(void *ctx, const char *json, size_t len);
int logs_query(struct logs *logs, const struct log_query *query, logs_answer *answer, void *ctx);

/* [{source, lines, bytes, dropped}], lines since the start of the daemon. */
json_t *logs_sources_json(const struct logs *logs);
json_t *logs_stats_json(const struct logs *logs);

/* ---- Following --------------------------------------------------------------------------- */

/* Somebody who is told that there are new lines; while there is one the newest lines are kept. */
struct logs_watch {
    TAILQ_ENTRY(logs_watch) link;
    void (*added)(struct logs_watch *watch);
};
void logs_watch(struct logs *logs, struct logs_watch *watch);
void logs_unwatch(struct logs *logs, struct logs_watch *watch);
/* The first kept line after an id; NULL when there is none. *ret_lost: lines after the id were
 * there, and are no more. */
const struct log_line *logs_next(const struct logs *logs, uint64_t after_id, bool *ret_lost);
uint64_t logs_last_id(const struct logs *logs);

#endif
