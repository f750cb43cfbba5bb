#include "server/logs.h"

#include "server/log_files.h"

#include <errno.h>
#include <event2/event.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#define QUESTIONS_MAX 64
#define RATE_SOURCES_MAX 4096
#define DISK_RETRY_MS 2000

static const char *const level_names[] = {
    [LOG_DEBUG_LEVEL] = "debug", [LOG_INFO_LEVEL] = "info",   [LOG_NOTICE_LEVEL] = "notice",
    [LOG_WARN_LEVEL] = "warn",   [LOG_ERROR_LEVEL] = "error",
};

const char *log_level_name(enum log_level level) {
    return level_names[level];
}

enum log_level log_level_parse(const char *text) {
    static const struct {
        const char *word;
        enum log_level level;
    } others[] = {{"trace", LOG_DEBUG_LEVEL},  {"warning", LOG_WARN_LEVEL}, {"err", LOG_ERROR_LEVEL},
                  {"critical", LOG_ERROR_LEVEL}, {"fatal", LOG_ERROR_LEVEL}};
    for (size_t i = 0; text && i < sizeof level_names / sizeof level_names[0]; i++)
        if (strcasecmp(text, level_names[i]) == 0) return (enum log_level)i;
    for (size_t i = 0; text && i < sizeof others / sizeof others[0]; i++)
        if (strcasecmp(text, others[i].word) == 0) return others[i].level;
    return LOG_INFO_LEVEL;
}

/* ---- Entries ----------------------------------------------------------------------------- */

/* A line with its texts behind it, shared by the memory of recent lines and the queue. */
struct entry {
    STAILQ_ENTRY(entry) link; /* of the queue */
    unsigned refs;            /* changed by the loop and the thread: atomic */
    size_t bytes;
    struct log_line line;
    char texts[];
};

STAILQ_HEAD(entry_list, entry);

static struct entry *new_entry(const char *source, const char *tags, const char *text, size_t len) {
    size_t source_len = strlen(source) + 1, tags_len = strlen(tags) + 1;
    size_t bytes = sizeof(struct entry) + source_len + tags_len + len + 1;
    struct entry *entry = malloc(bytes);
    if (!entry) return NULL;
    entry->refs = 1;
    entry->bytes = bytes;
    char *at = entry->texts;
    entry->line.source = memcpy(at, source, source_len);
    entry->line.tags = memcpy(at += source_len, tags, tags_len);
    entry->line.text = memcpy(at += tags_len, text, len);
    at[len] = '\0';
    for (char *nul; (nul = memchr(at, '\0', len));)
        *nul = ' ';
    return entry;
}

static void unref_entry(struct entry *entry) {
    if (__atomic_sub_fetch(&entry->refs, 1, __ATOMIC_ACQ_REL) == 0) free(entry);
}

/* ---- The log ----------------------------------------------------------------------------- */

/* A source's rate, and what is known of it. */
struct rate {
    LIST_ENTRY(rate) link;
    struct logs_source_stats stats;
    double tokens;
    int64_t filled_us;
    uint64_t dropped_before; /* told in the log already */
    char name[];
};

struct question {
    TAILQ_ENTRY(question) link;
    char *source, *tags, *text;
    struct logs_filter filter;
    uint64_t after_id;
    size_t limit;
    logs_answer *answer; /* NULL: forgotten */
    void *ctx;
    struct rpc_strbuf lines;
    uint64_t last_id;
};

TAILQ_HEAD(question_list, question);

struct logs {
    struct logs_limits limits;
    /* The loop's alone. */
    struct entry **recent; /* a circle */
    size_t recent_first, recent_count, recent_bytes;
    uint64_t last_id;
    LIST_HEAD(, rate) rates;
    size_t rate_count;
    void (*added)(void *ctx);
    void *added_ctx;
    struct logs_stats stats;
    struct event *answered;
    int answered_fd;
    size_t questions;
    /* The thread's alone. */
    struct log_files *files;
    /* Both, under the lock. */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct entry_list queue;
    size_t queue_bytes;
    struct question_list to_answer, to_deliver;
    uint64_t dropped_disk, written_bytes;
    bool is_disk_full, is_ending;
};

/* ---- The thread -------------------------------------------------------------------------- */

static void note_disk(struct logs *logs, uint64_t lost, uint64_t written, int failed) {
    pthread_mutex_lock(&logs->lock);
    logs->dropped_disk += lost;
    logs->written_bytes += written;
    logs->is_disk_full = failed != 0;
    pthread_mutex_unlock(&logs->lock);
}

/* After an error lines are lost at once for a while, so that the queue does not fill and the disk is
 * not asked for each of them. */
static void write_entries(struct logs *logs, struct entry_list *entries, int64_t *retry_at_ms) {
    uint64_t lost = 0, written = 0, count = 0;
    int failed = 0;
    bool is_waiting = *retry_at_ms > rpc_clock_monotonic_ms();
    for (struct entry *entry; (entry = STAILQ_FIRST(entries));) {
        STAILQ_REMOVE_HEAD(entries, link);
        if (is_waiting || failed)
            lost++;
        else if ((failed = log_files_append(logs->files, &entry->line)) != 0)
            lost++;
        else
            written += entry->bytes;
        count++;
        unref_entry(entry);
    }
    if (!is_waiting && !failed && (failed = log_files_flush(logs->files)) != 0) lost = count;
    if (failed) *retry_at_ms = rpc_clock_monotonic_ms() + DISK_RETRY_MS;
    if (count > 0) note_disk(logs, lost, written, failed || is_waiting);
}

static void answer_question(struct logs *logs, struct question *question) {
    log_files_find(logs->files, &question->filter, question->after_id, question->limit,
                   &question->lines, &question->last_id);
    pthread_mutex_lock(&logs->lock);
    TAILQ_REMOVE(&logs->to_answer, question, link);
    TAILQ_INSERT_TAIL(&logs->to_deliver, question, link);
    pthread_mutex_unlock(&logs->lock);
    (void)rpc_fd_write(logs->answered_fd, &(uint64_t){1}, sizeof(uint64_t));
}

static void *work(void *arg) {
    struct logs *logs = arg;
    int64_t retry_at_ms = 0;
    for (;;) {
        struct entry_list entries = STAILQ_HEAD_INITIALIZER(entries);
        pthread_mutex_lock(&logs->lock);
        while (STAILQ_EMPTY(&logs->queue) && TAILQ_EMPTY(&logs->to_answer) && !logs->is_ending)
            pthread_cond_wait(&logs->work, &logs->lock);
        STAILQ_CONCAT(&entries, &logs->queue);
        logs->queue_bytes = 0;
        struct question *question = TAILQ_FIRST(&logs->to_answer);
        bool is_over = logs->is_ending && STAILQ_EMPTY(&entries);
        pthread_mutex_unlock(&logs->lock);
        if (is_over) return NULL;
        /* First what was there when the question was asked. */
        write_entries(logs, &entries, &retry_at_ms);
        if (question) answer_question(logs, question);
    }
}

/* ---- Answers on the loop ------------------------------------------------------------------ */

static void free_question(struct question *question) {
    rpc_strbuf_done(&question->lines);
    free(question->source);
    free(question->tags);
    free(question->text);
    free(question);
}

static void deliver(evutil_socket_t fd, short what, void *ctx) {
    (void)what;
    struct logs *logs = ctx;
    uint64_t count;
    (void)rpc_fd_read(fd, &count, sizeof count);
    for (;;) {
        pthread_mutex_lock(&logs->lock);
        struct question *question = TAILQ_FIRST(&logs->to_deliver);
        if (question) TAILQ_REMOVE(&logs->to_deliver, question, link);
        pthread_mutex_unlock(&logs->lock);
        if (!question) return;
        logs->questions--;
        if (question->answer)
            question->answer(question->ctx, rpc_strbuf_text(&question->lines), question->lines.len,
                             question->last_id);
        free_question(question);
    }
}

bool logs_ask(struct logs *logs, const struct logs_filter *filter, uint64_t after_id, size_t limit,
              logs_answer *answer, void *ctx) {
    struct question *question = logs->questions < QUESTIONS_MAX ? calloc(1, sizeof *question) : NULL;
    if (!question) return false;
    question->source = strdup(filter->source);
    question->tags = strdup(filter->tags);
    question->text = strdup(filter->text);
    if (!question->source || !question->tags || !question->text) {
        free_question(question);
        return false;
    }
    question->filter = *filter;
    question->filter.source = question->source;
    question->filter.tags = question->tags;
    question->filter.text = question->text;
    question->after_id = after_id;
    question->limit = limit;
    question->answer = answer;
    question->ctx = ctx;
    logs->questions++;
    pthread_mutex_lock(&logs->lock);
    TAILQ_INSERT_TAIL(&logs->to_answer, question, link);
    pthread_cond_signal(&logs->work);
    pthread_mutex_unlock(&logs->lock);
    return true;
}

void logs_forget(struct logs *logs, void *ctx) {
    struct question *question;
    pthread_mutex_lock(&logs->lock);
    TAILQ_FOREACH(question, &logs->to_answer, link)
        if (question->ctx == ctx) question->answer = NULL;
    TAILQ_FOREACH(question, &logs->to_deliver, link)
        if (question->ctx == ctx) question->answer = NULL;
    pthread_mutex_unlock(&logs->lock);
}

/* ---- Adding ------------------------------------------------------------------------------ */

static struct rate *find_rate(struct logs *logs, const char *source) {
    struct rate *rate;
    LIST_FOREACH(rate, &logs->rates, link)
        if (strcmp(rate->name, source) == 0) return rate;
    size_t len = strlen(source) + 1;
    rate = logs->rate_count < RATE_SOURCES_MAX ? calloc(1, sizeof *rate + len) : NULL;
    if (!rate) return NULL;
    memcpy(rate->name, source, len);
    rate->stats.name = rate->name;
    rate->tokens = 2 * (double)logs->limits.rate_lines;
    rate->filled_us = rpc_clock_monotonic_us();
    LIST_INSERT_HEAD(&logs->rates, rate, link);
    logs->rate_count++;
    return rate;
}

static bool take_token(const struct logs *logs, struct rate *rate) {
    int64_t now_us = rpc_clock_monotonic_us();
    double most = 2 * (double)logs->limits.rate_lines;
    rate->tokens += (double)(now_us - rate->filled_us) / 1e6 * (double)logs->limits.rate_lines;
    if (rate->tokens > most) rate->tokens = most;
    rate->filled_us = now_us;
    if (rate->tokens < 1) return false;
    rate->tokens--;
    return true;
}

static void drop_oldest(struct logs *logs) {
    struct entry *oldest = logs->recent[logs->recent_first];
    logs->recent_first = (logs->recent_first + 1) % logs->limits.recent_lines;
    logs->recent_count--;
    logs->recent_bytes -= oldest->bytes;
    unref_entry(oldest);
}

static void remember(struct logs *logs, struct entry *entry) {
    while (logs->recent_count > 0 &&
           (logs->recent_count == logs->limits.recent_lines ||
            logs->recent_bytes + entry->bytes > logs->limits.recent_bytes))
        drop_oldest(logs);
    size_t place = (logs->recent_first + logs->recent_count) % logs->limits.recent_lines;
    logs->recent[place] = entry;
    logs->recent_count++;
    logs->recent_bytes += entry->bytes;
}

static bool enqueue(struct logs *logs, struct entry *entry) {
    pthread_mutex_lock(&logs->lock);
    bool has_room = logs->queue_bytes + entry->bytes <= logs->limits.queue_bytes;
    if (has_room) {
        __atomic_add_fetch(&entry->refs, 1, __ATOMIC_RELAXED);
        if (STAILQ_EMPTY(&logs->queue)) pthread_cond_signal(&logs->work);
        STAILQ_INSERT_TAIL(&logs->queue, entry, link);
        logs->queue_bytes += entry->bytes;
    }
    pthread_mutex_unlock(&logs->lock);
    return has_room;
}

static bool add_line(struct logs *logs, struct rate *rate, const char *source, enum log_level level,
                     const char *tags, int64_t timestamp_ms, const char *text, size_t len) {
    struct entry *entry =
        new_entry(source, tags, text, len < LOGS_LINE_MAX_BYTES ? len : LOGS_LINE_MAX_BYTES);
    if (!entry) return false;
    entry->line.id = ++logs->last_id;
    entry->line.timestamp_ms = timestamp_ms;
    entry->line.level = level;
    bool is_queued = enqueue(logs, entry);
    if (!is_queued) logs->stats.dropped_queue++;
    remember(logs, entry);
    logs->stats.lines++;
    if (rate) {
        rate->stats.lines++;
        rate->stats.dropped += !is_queued;
        rate->stats.last_ms = timestamp_ms;
    }
    if (logs->added) logs->added(logs->added_ctx);
    return is_queued;
}

/* What a source has lost to its rate is told before its next line. */
static void tell_dropped(struct logs *logs, struct rate *rate, const char *source,
                         int64_t timestamp_ms) {
    char text[128];
    int len = snprintf(text, sizeof text, "%llu lines were dropped: more than %llu a second",
                       (unsigned long long)(rate->stats.dropped - rate->dropped_before),
                       (unsigned long long)logs->limits.rate_lines);
    rate->dropped_before = rate->stats.dropped;
    add_line(logs, NULL, source, LOG_WARN_LEVEL, "", timestamp_ms, text, (size_t)len);
}

bool logs_add(struct logs *logs, const char *source, enum log_level level, const char *tags,
              int64_t timestamp_ms, const char *text, size_t len) {
    struct rate *rate = find_rate(logs, source);
    if (rate && !take_token(logs, rate)) {
        rate->stats.dropped++;
        logs->stats.dropped_rate++;
        return false;
    }
    if (rate && rate->stats.dropped > rate->dropped_before)
        tell_dropped(logs, rate, source, timestamp_ms);
    return add_line(logs, rate, source, level, tags, timestamp_ms, text, len);
}

/* ---- Looking ----------------------------------------------------------------------------- */

static bool has_tag(const char *tags, const char *tag, size_t len) {
    for (const char *at = tags; *at;) {
        size_t own = strcspn(at, ",");
        if (own == len && memcmp(at, tag, len) == 0) return true;
        at += own + (at[own] == ',');
    }
    return false;
}

static bool fits_source(const char *wanted, const char *source) {
    size_t len = strlen(wanted);
    if (len == 0) return true;
    if (wanted[len - 1] == '*') return strncmp(source, wanted, len - 1) == 0;
    return strncmp(source, wanted, len) == 0 && (source[len] == '\0' || source[len] == '.');
}

bool logs_filter_fits(const struct logs_filter *filter, const struct log_line *line) {
    if (line->level < filter->level) return false;
    if (filter->since_ms && line->timestamp_ms < filter->since_ms) return false;
    if (filter->until_ms && line->timestamp_ms > filter->until_ms) return false;
    if (!fits_source(filter->source, line->source)) return false;
    for (const char *at = filter->tags; *at;) {
        size_t len = strcspn(at, ",");
        if (len > 0 && !has_tag(line->tags, at, len)) return false;
        at += len + (at[len] == ',');
    }
    return !*filter->text || strstr(line->text, filter->text);
}

void logs_write_line(const struct log_line *line, struct rpc_strbuf *out) {
    rpc_strbuf_add_text(out, "{\"id\":");
    rpc_strbuf_add_int(out, (long long)line->id);
    rpc_strbuf_add_text(out, ",\"timestamp_ms\":");
    rpc_strbuf_add_int(out, line->timestamp_ms);
    rpc_strbuf_add_text(out, ",\"source\":");
    rpc_strbuf_add_json_string(out, line->source, strlen(line->source));
    rpc_strbuf_addf(out, ",\"level\":\"%s\",\"tags\":[", log_level_name(line->level));
    for (const char *at = line->tags; *at;) {
        size_t len = strcspn(at, ",");
        if (at > line->tags) rpc_strbuf_add_char(out, ',');
        rpc_strbuf_add_json_string(out, at, len);
        at += len + (at[len] == ',');
    }
    rpc_strbuf_add_text(out, "],\"line\":");
    rpc_strbuf_add_json_string(out, line->text, strlen(line->text));
    rpc_strbuf_add_char(out, '}');
}

/* Numbers of lines in memory follow each other without a gap. */
bool logs_recent_after(const struct logs *logs, uint64_t id, struct log_line *ret_line) {
    if (logs->recent_count == 0 || id >= logs->last_id) return false;
    uint64_t first = logs->last_id - logs->recent_count + 1;
    uint64_t wanted = id + 1 > first ? id + 1 : first;
    size_t place = (logs->recent_first + (size_t)(wanted - first)) % logs->limits.recent_lines;
    *ret_line = logs->recent[place]->line;
    return true;
}

uint64_t logs_last_id(const struct logs *logs) {
    return logs->last_id;
}

void logs_on_added(struct logs *logs, void (*added)(void *ctx), void *ctx) {
    logs->added = added;
    logs->added_ctx = ctx;
}

void logs_each_source(const struct logs *logs,
                      void (*visit)(void *ctx, const struct logs_source_stats *source), void *ctx) {
    const struct rate *rate;
    LIST_FOREACH(rate, &logs->rates, link)
        visit(ctx, &rate->stats);
}

void logs_stats(struct logs *logs, struct logs_stats *ret_stats) {
    pthread_mutex_lock(&logs->lock);
    logs->stats.dropped_disk = logs->dropped_disk;
    logs->stats.written_bytes = logs->written_bytes;
    logs->stats.is_disk_full = logs->is_disk_full;
    pthread_mutex_unlock(&logs->lock);
    *ret_stats = logs->stats;
}

/* ---- Beginning and end -------------------------------------------------------------------- */

struct logs *logs_open(struct event_base *base, const char *dir, const struct logs_limits *limits,
                       struct rpc_error *err) {
    struct logs *logs = calloc(1, sizeof *logs);
    if (logs) logs->recent = calloc(limits->recent_lines, sizeof(struct entry *));
    if (!logs || !logs->recent) {
        free(logs);
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    logs->limits = *limits;
    LIST_INIT(&logs->rates);
    STAILQ_INIT(&logs->queue);
    TAILQ_INIT(&logs->to_answer);
    TAILQ_INIT(&logs->to_deliver);
    pthread_mutex_init(&logs->lock, NULL);
    pthread_cond_init(&logs->work, NULL);
    logs->answered_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    logs->files = log_files_open(dir, limits, err);
    if (!logs->files) goto fail;
    logs->last_id = log_files_last_id(logs->files);
    if (logs->answered_fd >= 0)
        logs->answered =
            event_new(base, logs->answered_fd, EV_READ | EV_PERSIST, deliver, logs);
    bool is_ready = logs->answered && event_add(logs->answered, NULL) == 0;
    if (is_ready && pthread_create(&logs->thread, NULL, work, logs) == 0) return logs;
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "cannot start the thread of the log");
fail:
    if (logs->answered) event_free(logs->answered);
    if (logs->answered_fd >= 0) close(logs->answered_fd);
    log_files_close(logs->files);
    free(logs->recent);
    free(logs);
    return NULL;
}

void logs_close(struct logs *logs) {
    if (!logs) return;
    pthread_mutex_lock(&logs->lock);
    logs->is_ending = true;
    pthread_cond_signal(&logs->work);
    pthread_mutex_unlock(&logs->lock);
    pthread_join(logs->thread, NULL);
    for (struct question *question; (question = TAILQ_FIRST(&logs->to_answer));) {
        TAILQ_REMOVE(&logs->to_answer, question, link);
        free_question(question);
    }
    for (struct question *question; (question = TAILQ_FIRST(&logs->to_deliver));) {
        TAILQ_REMOVE(&logs->to_deliver, question, link);
        free_question(question);
    }
    while (logs->recent_count > 0)
        drop_oldest(logs);
    for (struct rate *rate; (rate = LIST_FIRST(&logs->rates));) {
        LIST_REMOVE(rate, link);
        free(rate);
    }
    event_free(logs->answered);
    close(logs->answered_fd);
    log_files_close(logs->files);
    pthread_mutex_destroy(&logs->lock);
    pthread_cond_destroy(&logs->work);
    free(logs->recent);
    free(logs);
}
