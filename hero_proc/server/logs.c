#include "server/logs.h"

#include "server/spec.h"
#include "server/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <hero_rpc/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCES_MAX 4096
#define BUCKETS 1024
#define FLUSH_MS 100
#define FLUSH_BYTES (256 * 1024) /* of a source: at once */
#define WAITING_MAX_BYTES                                                                          \
    (8 * 1024 * 1024)       /* collected or being written; over it lines are dropped */
#define KEPT_MAX_LINES 4096 /* for followers */
#define KEPT_MAX_BYTES (4 * 1024 * 1024)

struct log_source {
    TAILQ_ENTRY(log_source) link;
    SLIST_ENTRY(log_source) bucket_link;
    char *name;
    uint64_t lines, bytes, dropped;
    uint64_t untold; /* dropped, and not told in the log yet */
    double tokens;
    int64_t refilled_ms;
    struct rpc_strbuf collected; /* lines for the writer */
    uint64_t first_id;           /* of them */
    bool is_waiting;             /* in the list of those with lines */
    TAILQ_ENTRY(log_source) waiting_link;
};

struct kept {
    TAILQ_ENTRY(kept) link;
    struct log_line line; /* texts follow the struct */
};

struct logs {
    struct event_base *base;
    struct worker *worker;
    struct log_files *files; /* of the worker */
    struct event *flush;
    int64_t lines_per_s;
    uint64_t last_id, dropped, failed_writes;
    size_t waiting_bytes, source_count;
    TAILQ_HEAD(, log_source) sources;
    SLIST_HEAD(, log_source) buckets[BUCKETS];
    TAILQ_HEAD(, log_source) waiting;
    TAILQ_HEAD(, logs_watch) watches;
    TAILQ_HEAD(kept_list, kept) kept;
    size_t kept_count, kept_bytes;
    uint64_t kept_after; /* lines up to this id are not kept any more */
};

/* ---- Sources ------------------------------------------------------------------------------ */

static unsigned hash(const char *name) {
    unsigned value = 2166136261u; /* FNV-1a */
    for (; *name; name++)
        value = (value ^ (unsigned char)*name) * 16777619u;
    return value % BUCKETS;
}

/* As the name of a directory. */
static void clean_name(const char *name, char out[2 * SPEC_NAME_MAX_BYTES + 2]) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@:+";
    size_t len = 0;
    for (; *name && len < 2 * SPEC_NAME_MAX_BYTES + 1; name++) {
        bool is_fine = strchr(allowed, *name) && !(len == 0 && *name == '.');
        out[len++] = is_fine ? *name : '_';
    }
    if (len == 0) out[len++] = '_';
    out[len] = '\0';
}

struct log_source *logs_source(struct logs *logs, const char *given) {
    char name[2 * SPEC_NAME_MAX_BYTES + 2];
    clean_name(given, name);
    struct log_source *source;
    unsigned bucket = hash(name);
    SLIST_FOREACH(source, &logs->buckets[bucket], bucket_link)
    if (strcmp(source->name, name) == 0) return source;
    source = logs->source_count < SOURCES_MAX ? calloc(1, sizeof *source) : NULL;
    if (source) source->name = strdup(name);
    if (!source || !source->name) {
        free(source);
        return NULL;
    }
    source->tokens = (double)logs->lines_per_s;
    source->refilled_ms = rpc_clock_monotonic_ms();
    TAILQ_INSERT_TAIL(&logs->sources, source, link);
    SLIST_INSERT_HEAD(&logs->buckets[bucket], source, bucket_link);
    logs->source_count++;
    return source;
}

/* ---- The writer --------------------------------------------------------------------------- */

struct chunk {
    struct worker_task task;
    struct logs *logs;
    const char *source; /* names live as long as the logs */
    uint64_t first_id;
    char *bytes;
    size_t len;
    int failed; /* errno */
};

static void run_chunk(struct worker_task *task) {
    struct chunk *chunk = (struct chunk *)task;
    if (log_files_write(chunk->logs->files, chunk->source, chunk->first_id, chunk->bytes,
                        chunk->len) < 0)
        chunk->failed = errno;
}

static void chunk_done(struct worker_task *task) {
    struct chunk *chunk = (struct chunk *)task;
    chunk->logs->waiting_bytes -= chunk->len;
    if (chunk->failed) chunk->logs->failed_writes++;
    free(chunk->bytes);
    free(chunk);
}

static void hand_over(struct logs *logs, struct log_source *source) {
    TAILQ_REMOVE(&logs->waiting, source, waiting_link);
    source->is_waiting = false;
    struct chunk *chunk = malloc(sizeof *chunk);
    if (!chunk) {
        logs->waiting_bytes -= source->collected.len;
        rpc_strbuf_clear(&source->collected);
        return;
    }
    *chunk = (struct chunk){.logs = logs, .source = source->name, .first_id = source->first_id};
    chunk->bytes = rpc_strbuf_take(&source->collected, &chunk->len);
    chunk->task.run = run_chunk;
    chunk->task.done = chunk_done;
    worker_add(logs->worker, &chunk->task);
}

static void flush_all(struct logs *logs) {
    struct log_source *source;
    while ((source = TAILQ_FIRST(&logs->waiting)))
        hand_over(logs, source);
}

static void on_flush(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    flush_all(ctx);
}

/* ---- Adding ------------------------------------------------------------------------------- */

static void drop(struct logs *logs, struct log_source *source) {
    source->dropped++;
    source->untold++;
    logs->dropped++;
}

static void refill(struct logs *logs, struct log_source *source) {
    int64_t now_ms = rpc_clock_monotonic_ms();
    double rate = (double)logs->lines_per_s;
    source->tokens += (double)(now_ms - source->refilled_ms) * rate / 1000;
    if (source->tokens > rate) source->tokens = rate;
    source->refilled_ms = now_ms;
}

bool logs_may_add(struct logs *logs, struct log_source *source, size_t len) {
    if (source->tokens < 1) refill(logs, source);
    if (source->tokens >= 1 && logs->waiting_bytes + len < WAITING_MAX_BYTES) {
        source->tokens--;
        return true;
    }
    drop(logs, source);
    return false;
}

static uint64_t next_id(struct logs *logs) {
    uint64_t now = (uint64_t)rpc_clock_wall_us();
    logs->last_id = now > logs->last_id ? now : logs->last_id + 1;
    return logs->last_id;
}

static void forget_oldest(struct logs *logs) {
    struct kept *kept = TAILQ_FIRST(&logs->kept);
    logs->kept_after = kept->line.id;
    logs->kept_count--;
    logs->kept_bytes -= kept->line.len + kept->line.tags_len + sizeof *kept;
    TAILQ_REMOVE(&logs->kept, kept, link);
    free(kept);
}

static void keep_for_followers(struct logs *logs, const struct log_line *line) {
    if (TAILQ_EMPTY(&logs->watches)) {
        logs->kept_after = line->id;
        return;
    }
    struct kept *kept = malloc(sizeof *kept + line->tags_len + line->len);
    if (!kept) return;
    char *texts = (char *)(kept + 1);
    kept->line = *line;
    kept->line.tags = memcpy(texts, line->tags, line->tags_len);
    kept->line.text = memcpy(texts + line->tags_len, line->text, line->len);
    TAILQ_INSERT_TAIL(&logs->kept, kept, link);
    logs->kept_count++;
    logs->kept_bytes += line->len + line->tags_len + sizeof *kept;
    while (logs->kept_count > KEPT_MAX_LINES || logs->kept_bytes > KEPT_MAX_BYTES)
        forget_oldest(logs);
    struct logs_watch *watch;
    TAILQ_FOREACH(watch, &logs->watches, link)
    watch->added(watch);
}

static void add(struct logs *logs, struct log_source *source, struct log_line *line) {
    line->id = next_id(logs);
    line->source = source->name;
    size_t before = source->collected.len;
    if (before == 0) source->first_id = line->id;
    log_line_encode(line, &source->collected);
    if (source->collected.failed) {
        rpc_strbuf_done(&source->collected);
        logs->waiting_bytes -= before;
        drop(logs, source);
        return;
    }
    source->lines++;
    source->bytes += source->collected.len - before;
    logs->waiting_bytes += source->collected.len - before;
    if (!source->is_waiting) TAILQ_INSERT_TAIL(&logs->waiting, source, waiting_link);
    source->is_waiting = true;
    keep_for_followers(logs, line);
    if (source->collected.len >= FLUSH_BYTES)
        hand_over(logs, source);
    else if (!event_pending(logs->flush, EV_TIMEOUT, NULL))
        event_add(logs->flush, &(struct timeval){.tv_usec = FLUSH_MS * 1000});
}

/* Once there is room again. */
static void tell_dropped(struct logs *logs, struct log_source *source) {
    char text[128];
    int len = snprintf(text, sizeof text, "%llu lines were dropped here: there were too many",
                       (unsigned long long)source->untold);
    source->untold = 0;
    struct log_line line = {.timestamp_ms = rpc_clock_wall_ms(),
                            .level = LOG_WARN,
                            .tags = "[\"" LOG_OWN_TAG "\"]",
                            .tags_len = strlen("[\"" LOG_OWN_TAG "\"]"),
                            .text = text,
                            .len = (size_t)len};
    add(logs, source, &line);
}

void logs_add(struct logs *logs, struct log_source *source, enum log_level level, const char *tags,
              int64_t timestamp_ms, const char *text, size_t len) {
    struct rpc_strbuf escaped = RPC_STRBUF_INIT;
    if (source->untold > 0) tell_dropped(logs, source);
    if (len > LOG_LINE_MAX_BYTES) len = LOG_LINE_MAX_BYTES;
    struct log_line line = {.timestamp_ms = timestamp_ms,
                            .level = level,
                            .tags = tags,
                            .tags_len = strlen(tags),
                            .text = text,
                            .len = len};
    if (memchr(text, '\\', len) || memchr(text, '\n', len)) {
        log_line_escape(text, len, &escaped);
        line.text = rpc_strbuf_text(&escaped);
        line.len = escaped.len;
    }
    add(logs, source, &line);
    rpc_strbuf_done(&escaped);
}

/* ---- Reading ------------------------------------------------------------------------------ */

struct reading {
    struct worker_task task;
    struct log_files *files;
    struct log_query query;
    char *texts[LOG_QUERY_TAGS_MAX + 2]; /* of the query, owned */
    struct rpc_strbuf result;
    logs_answer *answer;
    void *ctx;
};

static void run_reading(struct worker_task *task) {
    struct reading *reading = (struct reading *)task;
    log_files_query(reading->files, &reading->query, &reading->result);
}

static void free_reading(struct reading *reading) {
    for (size_t i = 0; i < LOG_QUERY_TAGS_MAX + 2; i++)
        free(reading->texts[i]);
    rpc_strbuf_done(&reading->result);
    free(reading);
}

static void reading_done(struct worker_task *task) {
    struct reading *reading = (struct reading *)task;
    reading->answer(reading->ctx, rpc_strbuf_text(&reading->result), reading->result.len);
    free_reading(reading);
}

static bool copy_text(char **place, const char **text) {
    if (*text) *text = *place = strdup(*text);
    return *text || !*place;
}

int logs_query(struct logs *logs, const struct log_query *query, logs_answer *answer, void *ctx) {
    struct reading *reading = calloc(1, sizeof *reading);
    if (!reading) return -1;
    *reading =
        (struct reading){.files = logs->files, .query = *query, .answer = answer, .ctx = ctx};
    reading->task.run = run_reading;
    reading->task.done = reading_done;
    copy_text(&reading->texts[0], &reading->query.source);
    copy_text(&reading->texts[1], &reading->query.text);
    for (size_t i = 0; i < query->tag_count; i++)
        copy_text(&reading->texts[2 + i], &reading->query.tags[i]);
    flush_all(logs);
    worker_add(logs->worker, &reading->task);
    return 0;
}

json_t *logs_sources_json(const struct logs *logs) {
    json_t *list = json_array();
    const struct log_source *source;
    TAILQ_FOREACH(source, &logs->sources, link)
    json_array_append_new(list,
                          json_pack("{s:s, s:I, s:I, s:I}", "source", source->name, "lines",
                                    (json_int_t)source->lines, "bytes", (json_int_t)source->bytes,
                                    "dropped", (json_int_t)source->dropped));
    return list;
}

json_t *logs_stats_json(const struct logs *logs) {
    return json_pack("{s:I, s:I, s:I, s:I}", "sources", (json_int_t)logs->source_count,
                     "waiting_bytes", (json_int_t)logs->waiting_bytes, "dropped",
                     (json_int_t)logs->dropped, "failed_writes", (json_int_t)logs->failed_writes);
}

/* ---- Following ---------------------------------------------------------------------------- */

void logs_watch(struct logs *logs, struct logs_watch *watch) {
    TAILQ_INSERT_TAIL(&logs->watches, watch, link);
}

void logs_unwatch(struct logs *logs, struct logs_watch *watch) {
    TAILQ_REMOVE(&logs->watches, watch, link);
    while (TAILQ_EMPTY(&logs->watches) && !TAILQ_EMPTY(&logs->kept))
        forget_oldest(logs);
}

const struct log_line *logs_next(const struct logs *logs, uint64_t after_id, bool *ret_lost) {
    const struct kept *kept;
    *ret_lost = after_id < logs->kept_after;
    /* Followers are near the end. */
    const struct kept *next = NULL;
    TAILQ_FOREACH_REVERSE(kept, &logs->kept, kept_list, link) {
        if (kept->line.id <= after_id) break;
        next = kept;
    }
    return next ? &next->line : NULL;
}

uint64_t logs_last_id(const struct logs *logs) {
    return logs->last_id;
}

/* ---- Beginning and end -------------------------------------------------------------------- */

struct logs *logs_new(struct event_base *base, const struct logs_options *options,
                      struct rpc_error *err) {
    struct logs *logs = calloc(1, sizeof *logs);
    if (!logs) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    logs->base = base;
    logs->lines_per_s = options->lines_per_s;
    TAILQ_INIT(&logs->sources);
    TAILQ_INIT(&logs->waiting);
    TAILQ_INIT(&logs->watches);
    TAILQ_INIT(&logs->kept);
    logs->flush = event_new(base, -1, 0, on_flush, logs);
    logs->files = log_files_open(options->dir, &options->limits, err);
    if (logs->files) logs->worker = worker_new(base, err);
    if (logs->flush && logs->worker) return logs;
    logs_free(logs);
    return NULL;
}

void logs_free(struct logs *logs) {
    if (!logs) return;
    if (logs->worker) flush_all(logs);
    worker_free(logs->worker);
    log_files_close(logs->files);
    if (logs->flush) event_free(logs->flush);
    struct log_source *source;
    while ((source = TAILQ_FIRST(&logs->sources))) {
        TAILQ_REMOVE(&logs->sources, source, link);
        rpc_strbuf_done(&source->collected);
        free(source->name);
        free(source);
    }
    free(logs);
}
