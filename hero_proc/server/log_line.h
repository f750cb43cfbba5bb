/*
 * A line of the log, its form in files, and what a query asks for.
 *
 * In a file a line is "<id>\t<milliseconds>\t<level>\t<tags>\t<text>\n": numbers in decimal, the
 * level by name, tags as a JSON array, and in the text a backslash as "\\" and a newline as "\n".
 * Ids are microseconds since 1970, made different and growing.
 */
#ifndef HERO_PROC_SERVER_LOG_LINE_H
#define HERO_PROC_SERVER_LOG_LINE_H

#include <hero_rpc/strbuf.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX_BYTES (64 * 1024)

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
const char *log_level_name(enum log_level level);
/* Also "warning", "notice", "critical" and the like; LOG_INFO for what is not known. */
enum log_level log_level_parse(const char *name);

struct log_line {
    uint64_t id;
    int64_t timestamp_ms;
    enum log_level level;
    const char *source, *tags; /* tags: JSON text */
    size_t tags_len;
    const char *text; /* in a file's form, with backslashes */
    size_t len;
};

void log_line_encode(const struct log_line *line, struct rpc_strbuf *out);
/* From the first `len` bytes, without the newline; texts refer to them. False when it is no line.
 */
bool log_line_decode(const char *bytes, size_t len, struct log_line *ret_line);
/* The text as it was written by the child, into `out`. */
void log_line_add_text(const struct log_line *line, struct rpc_strbuf *out);
/* The text of a child in a file's form. */
void log_line_escape(const char *text, size_t len, struct rpc_strbuf *out);
/* {"id", "timestamp_ms", "level", "source", "tags", "line"} */
void log_line_add_json(const struct log_line *line, struct rpc_strbuf *out);

#define LOG_OWN_TAG "kind=hero_proc" /* on what the daemon itself says */
#define LOG_QUERY_TAGS_MAX 16

struct log_query {
    const char *source; /* this one and those below it ("a" has "a.b"); NULL: all */
    const char *tags[LOG_QUERY_TAGS_MAX]; /* all of them */
    size_t tag_count;
    enum log_level level;       /* this or above */
    const char *text;           /* contained; NULL: any */
    int64_t since_ms, until_ms; /* 0: open */
    uint64_t after_id;          /* the first `limit` lines after it; 0: the last `limit` lines */
    size_t limit;
    bool without_own; /* only what children wrote, not the daemon's words on them */
};
bool log_source_matches(const char *source, const char *wanted);
/* All but the source. */
bool log_line_matches(const struct log_line *line, const struct log_query *query);

#endif
