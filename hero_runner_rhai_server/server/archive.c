#include "server/archive.h"

#include "server/log.h"
#include "server/process.h"
#include "server/record.h"

#include <errno.h>
#include <event2/event.h>
#include <hero_rpc/clock.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_A_DAY 86400
#define QUEUE_BYTES (16 * 1024 * 1024) /* of lines that wait to be written; then scripts wait */

struct archive {
    struct store *store;
    struct sessions *sessions;
    const struct ring_limits *limits;
    struct event *completed, *flush;
    bool is_nudge_wanted; /* changes wait in the store for company */
    bool is_closing;
    TAILQ_HEAD(, session) unwritten; /* have lines in a batch */
};

/* ---- Changes ------------------------------------------------------------------------------- */

/* A batch of lines on its way. */
struct append {
    struct archive *archive;
    struct session *session; /* a reference */
    uint64_t last_seq;
    uint64_t count;
    bool is_safe; /* since it was posted */
};

static void on_inserted(void *ctx, int status) {
    struct session *session = ctx;
    if (status < 0)
        log_warn("session is not stored", "session=%s error=\"%s\"", session->id,
                 strerror(-status));
    session->is_off_disk |= status != 0;
    if (!session->is_recorded) {
        session->is_recorded = true;
        session_tell(session);
    }
    session_unref(session);
}

static void schedule_flush(struct archive *archive) {
    if (event_pending(archive->flush, EV_TIMEOUT, NULL)) return;
    event_add(archive->flush, &(struct timeval){.tv_usec = ARCHIVE_DELAY_MS * 1000});
}

/* What is safe need not be written at once. */
static void write_soon(struct archive *archive) {
    archive->is_nudge_wanted = true;
    schedule_flush(archive);
}

int archive_insert(struct archive *archive, struct session *session) {
    struct record record;
    bool is_safe;
    record_fill(&record, session, true);
    int64_t row = store_insert(archive->store, &record.session, &record.request, &is_safe,
                               on_inserted, session);
    record_done(&record);
    if (row < 0) return (int)row;
    session_ref(session);
    session->row = row;
    session->is_recorded = is_safe;
    write_soon(archive);
    return 0;
}

void archive_note_script(struct archive *archive, const struct session *session) {
    const json_t *script = session_script(session);
    const struct store_bytes text = {json_string_value(script), json_string_length(script)};
    if (session->row && store_set_script(archive->store, session->row, text) < 0)
        log_warn("script is not stored", "session=%s", session->id);
}

static void on_started(void *ctx, int status) {
    struct session *session = ctx;
    if (status == 0 && session->process) process_go(session->process);
    session_unref(session);
}

bool archive_note_start(struct archive *archive, struct session *session, pid_t pid) {
    bool is_safe = false;
    if (!session->row) return true;
    int failed = store_start(archive->store, session->row, rpc_clock_wall_us(), pid, &is_safe,
                             on_started, session);
    if (failed)
        process_kill(session->process); /* no memory: another process tries again */
    else if (!is_safe)
        session_ref(session);
    return is_safe;
}

static bool write_batch(struct archive *archive, struct session *session);

static void on_appended(void *ctx, int status) {
    struct append *append = ctx;
    struct session *session = append->session;
    session->waiting_appends -= !append->is_safe;
    if (status < 0) {
        log_warn("lines are not stored", "session=%s error=\"%s\"", session->id, strerror(-status));
        session->lost_lines += append->count;
    }
    if (append->last_seq > session->durable_seq) session->durable_seq = append->last_seq;
    if (session->line_readers > 0 && !append->archive->is_closing)
        write_batch(append->archive, session); /* what has come meanwhile */
    session_tell(session);
    session_unref(session);
    free(append);
}

static void forget_batch(struct archive *archive, struct session *session) {
    if (!session->batch) return;
    TAILQ_REMOVE(&archive->unwritten, session, batch_link);
    session->batch = NULL;
    session->batch_bytes = 0;
}

/* False: it stays, because the store cannot take it now. */
static bool write_batch(struct archive *archive, struct session *session) {
    if (!session->batch) return true;
    struct append *append = malloc(sizeof *append);
    if (!append) return false;
    *append = (struct append){.archive = archive,
                              .session = session,
                              .last_seq = session->batch_last_seq,
                              .count = store_lines_count(session->batch)};
    if (store_append(archive->store, session->batch, &append->is_safe, on_appended, append) < 0) {
        free(append);
        return false;
    }
    session_ref(session);
    session->waiting_appends += !append->is_safe;
    /* They may be told at once, unless lines before them are still on their way. */
    if (append->is_safe && session->durable_seq + append->count == append->last_seq)
        session->durable_seq = append->last_seq;
    forget_batch(archive, session);
    write_soon(archive);
    return true;
}

static void on_flush(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct archive *archive = ctx;
    struct session *session = TAILQ_FIRST(&archive->unwritten), *next;
    if (archive->is_nudge_wanted) store_nudge(archive->store);
    archive->is_nudge_wanted = false;
    for (; session; session = next) {
        next = TAILQ_NEXT(session, batch_link);
        if (!write_batch(archive, session)) break;
    }
    if (!TAILQ_EMPTY(&archive->unwritten)) schedule_flush(archive);
}

static bool add_to_batch(struct archive *archive, struct session *session, uint64_t seq,
                         uint64_t timestamp_us, uint8_t stream, const char *text, size_t len) {
    if (!session->batch) {
        session->batch = store_lines_new(session->row, session->id, seq);
        if (!session->batch) return false;
        TAILQ_INSERT_TAIL(&archive->unwritten, session, batch_link);
        schedule_flush(archive);
    }
    if (!store_lines_add(session->batch, timestamp_us, stream, text, len)) return false;
    session->batch_last_seq = seq;
    session->batch_bytes += len + STORE_LINE_HEADER_BYTES;
    return true;
}

void archive_add_line(struct archive *archive, struct session *session, uint64_t timestamp_us,
                      uint8_t stream, const char *text, size_t len) {
    uint64_t seq = session->ring.next_seq;
    if (!session->row) return;
    if (add_to_batch(archive, session, seq, timestamp_us, stream, text, len)) return;
    /* The batch is full: it goes, and the line begins the next one. */
    if (write_batch(archive, session) &&
        add_to_batch(archive, session, seq, timestamp_us, stream, text, len))
        return;
    session->lost_lines++;
}

void archive_begin_reading(struct archive *archive, struct session *session) {
    session->line_readers++;
    if (session->waiting_appends == 0) write_batch(archive, session);
}

void archive_end_reading(struct session *session) {
    session->line_readers--;
}

bool archive_is_full(struct archive *archive, struct session *session) {
    if (session->line_readers > 0 && session->waiting_appends == 0) write_batch(archive, session);
    return session->batch_bytes >= ARCHIVE_BATCH_BYTES && !write_batch(archive, session);
}

static void publish_end(struct session *session) {
    session->durable_seq = ring_last_seq(&session->ring);
    session_publish_end(session);
}

static void on_ended(void *ctx, int status) {
    struct session *session = ctx;
    if (status < 0)
        log_warn("end of a session is not stored", "session=%s error=\"%s\"", session->id,
                 strerror(-status));
    session->is_off_disk |= status != 0;
    if (!session_has_ended(session)) publish_end(session);
    session_unref(session);
}

void archive_end(struct archive *archive, struct session *session) {
    struct record record;
    const struct session_result *result = &session->result;
    if (!session->row) {
        session_publish_end(session);
        return;
    }
    record_fill(&record, session, false);
    session_fill_end(session, &record.session.status, &record.session.reason,
                     &record.session.message);
    bool has_error = session->end.reason == REASON_ERROR || session->end.reason == REASON_LIMIT;
    record.session.error_message = has_error ? result->error_message : NULL;
    record.session.error_line = has_error ? result->error_line : 0;
    record.session.error_position = has_error ? result->error_position : 0;
    struct store_lines *batch = session->batch;
    forget_batch(archive, session);
    session_ref(session);
    bool is_safe = false;
    if (store_end(archive->store, session->row, &record.session,
                  (struct store_bytes){result->value, result->value_len}, batch, &is_safe, on_ended,
                  session) < 0) {
        store_lines_free(batch);
        on_ended(session, -ENOMEM);
    }
    record_done(&record);
    write_soon(archive);
    /* Its lines, as its beginning, may still be on their way to the database. */
    if (is_safe && session->is_recorded && session->waiting_appends == 0) publish_end(session);
}

void archive_note_callback(struct archive *archive, const struct session *session) {
    if (session->row)
        store_set_callback(archive->store, session->row,
                           session_callback_name(session->callback.state),
                           session->callback.attempts, session->callback.error);
}

/* ---- Finding ------------------------------------------------------------------------------- */

struct archive_search {
    struct archive *archive;
    bool with_lines;
    struct session *session; /* a reference; NULL: not found yet */
    archive_found *found;    /* NULL: given up */
    void *ctx;
};

static void end_search(struct archive_search *search, const char *error) {
    if (search->found) search->found(search->ctx, error ? NULL : search->session, error);
    session_unref(search->session);
    free(search);
}

static void on_lines(void *ctx, int status, struct store_log_page *page) {
    struct archive_search *search = ctx;
    struct ring *ring = &search->session->ring;
    if (status == 0 && page->count > 0) {
        size_t first = page->count - 1; /* of the newest lines without a gap */
        while (first > 0 && page->lines[first - 1].seq + 1 == page->lines[first].seq)
            first--;
        ring->first_seq = ring->next_seq = page->lines[first].seq;
        for (size_t i = first; i < page->count; i++) {
            const struct store_log_line *line = &page->lines[i];
            ring_push(ring, line->timestamp_us, line->stream, line->text, line->len);
        }
    }
    store_log_page_free(page);
    end_search(search, NULL);
}

static void on_record(void *ctx, int status, struct store_record *record) {
    struct archive_search *search = ctx;
    struct archive *archive = search->archive;
    if (status < 0) {
        end_search(search, status == -ENOENT ? NULL : strerror(-status));
        return;
    }
    struct session *session =
        record_to_session(&record->session, &record->request, record->value, archive->limits);
    store_record_free(record);
    search->session = session;
    const struct store_log_query query = {
        .id = session ? session->id : "",
        .before_seq = INT64_MAX,
        .limit = (uint32_t)archive->limits->max_lines,
        .max_bytes = archive->limits->max_bytes,
    };
    if (!session)
        end_search(search, "out of memory");
    else if (!search->with_lines || !search->found ||
             store_read_log(archive->store, &query, on_lines, search) < 0)
        end_search(search, NULL);
}

struct archive_search *archive_find(struct archive *archive, const char *id, bool with_lines,
                                    archive_found *found, void *ctx) {
    struct session *session = sessions_find(archive->sessions, id);
    if (session || strlen(id) != SESSION_ID_BYTES - 1) {
        found(ctx, session, NULL);
        return NULL;
    }
    struct archive_search *search = malloc(sizeof *search);
    if (search) {
        *search = (struct archive_search){
            .archive = archive, .with_lines = with_lines, .found = found, .ctx = ctx};
        if (store_get(archive->store, id, on_record, search) == 0) return search;
        free(search);
    }
    found(ctx, NULL, "too many questions wait");
    return NULL;
}

void archive_give_up(struct archive_search *search) {
    search->found = NULL;
}

/* ---- Life ---------------------------------------------------------------------------------- */

static void on_completed(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct archive *archive = ctx;
    store_dispatch(archive->store);
}

struct archive *archive_new(struct event_base *base, const struct config *config,
                            const char *state_dir, struct sessions *sessions,
                            const struct ring_limits *limits,
                            struct store_sessions **ret_interrupted, struct rpc_error *err) {
    struct store_config store_config;
    store_config_init(&store_config);
    store_config.dir = state_dir;
    store_config.session_log_bytes = config->log_bytes;
    store_config.queue_bytes = QUEUE_BYTES;
    store_config.max_age_s = config->history_days * SECONDS_A_DAY;
    store_config.max_sessions = config->history_sessions;
    store_config.max_bytes = config->history_bytes;
    struct archive *archive = calloc(1, sizeof *archive);
    *ret_interrupted = NULL;
    if (!archive) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    archive->sessions = sessions;
    archive->limits = limits;
    TAILQ_INIT(&archive->unwritten);
    archive->store = store_open(&store_config, ret_interrupted, err);
    if (!archive->store) goto fail;
    struct store_stats stats;
    store_get_stats(archive->store, &stats);
    if (stats.orphans)
        log_warn("log files of no session are removed", "count=%llu",
                 (unsigned long long)stats.orphans);
    archive->flush = event_new(base, -1, 0, on_flush, archive);
    archive->completed =
        event_new(base, store_fd(archive->store), EV_READ | EV_PERSIST, on_completed, archive);
    if (archive->flush && archive->completed && event_add(archive->completed, NULL) == 0)
        return archive;
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
fail:
    archive_close(archive);
    archive_free(archive);
    return NULL;
}

void archive_close(struct archive *archive) {
    if (!archive || !archive->store) return;
    archive->is_closing = true;
    struct session *session = TAILQ_FIRST(&archive->unwritten), *next;
    for (; session; session = next) {
        next = TAILQ_NEXT(session, batch_link);
        write_batch(archive, session);
    }
    store_close(archive->store);
    archive->store = NULL;
}

void archive_free(struct archive *archive) {
    if (!archive) return;
    if (archive->completed) event_free(archive->completed);
    if (archive->flush) event_free(archive->flush);
    free(archive);
}

bool archive_is_closing(const struct archive *archive) {
    return archive->is_closing;
}

struct store *archive_store(struct archive *archive) {
    return archive->store;
}
