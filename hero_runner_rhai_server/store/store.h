/*
 * The store: the history of sessions, their log lines, and the library of named scripts, on disk.
 *
 *     <dir>/history.db               SQLite, WAL: sessions, requests, results, short logs, scripts
 *     <dir>/logs/<xx>/<id>.log       the log of a session that outgrew the database (xx: first two
 *                    .tail, .old     characters of the id); beyond its byte limit the head stays in
 *                                    .log and the newest lines rotate through .tail and .old
 *     <dir>/changes.journal          changes on their way to one of these: memory that is mapped,
 * and survives the process
 *
 * Threads. The caller has an event loop that must not block. It posts work, which copies what it is
 * given once and returns at once; threads of the store do the work; the completion is called on the
 * caller's own thread by store_dispatch, when store_fd has become readable. All functions here are
 * for that one thread. Three threads work, each with a connection of its own: one writes (all
 * changes in the order they were posted), one reads single records and log pages, one searches and
 * checkpoints. So a search over everything delays neither an insert nor a page of a log. A question
 * sees every change that was posted before it.
 *
 * What survives. Inserts, lines and ends of common size are copied into the journal when they are
 * posted, and survive kill -9 of the process from then on: *ret_is_safe (NULL: not wanted) is true,
 * nobody needs to wait, and the writer is not woken. An insert must be safe, or completed, before
 * what comes after it is. Others, and those that find the journal full, survive when they are
 * completed with status 0. A part of the journal is kept for the starts of sessions. A power cut
 * may take the last seconds, and leaves a consistent database.
 *
 * Group commit. All changes that wait are one transaction (with `synchronous=NORMAL`, so a commit
 * is a write to the page cache). Safe ones wait for company, up to a second, until store_nudge, a
 * question or a change that is not safe.
 *
 * A completion has a status: 0, STORE_DEFERRED (see "Full disk"), or a negative errno.
 *     -ENOENT  no such session or script          -EBUSY   the session has not ended
 *     -EEXIST  there is a session with that id    -ENOSPC, -EIO, -ENOMEM  could not be stored
 * Posting functions return 0 or a negative errno, and then nothing was posted and the completion
 * will not be called: -ENOBUFS when the queue is full, -ENOMEM. `done` may be NULL.
 *
 * Full disk. A change of a session that cannot be written is kept in memory and tried again each
 * second, up to STORE_DEFERRED_MAX_BYTES, and completed with STORE_DEFERRED: unless it is safe, it
 * will not survive the process yet. What is beyond that is lost, counted, and completed with
 * -ENOSPC or -EIO. A start is neither lost nor told before it is true (see store_start). Lines of a
 * log file are not kept; they are lost and counted, for the session and in all, and show as a gap
 * in the numbers of lines. Nothing here ends the process.
 *
 * Files are 0600, directories 0700. Secret values of environment variables and inputs are never
 * given to the store.
 */
#ifndef RUNNER_STORE_STORE_H
#define RUNNER_STORE_STORE_H

#include <hero_rpc/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_ID_BYTES 37                           /* a UUID as text, with its NUL */
#define STORE_DEFERRED 1                            /* a status */
#define STORE_DEFERRED_MAX_BYTES (32 * 1024 * 1024) /* changes kept while the disk is full */
#define STORE_INLINE_MAX_BYTES (64 * 1024)          /* longer logs get a file */
#define STORE_LINES_MAX_BYTES (2 * 1024 * 1024)     /* of one batch of lines */
#define STORE_LINE_HEADER_BYTES 13                  /* what each line adds to its text */
#define STORE_SESSION_LOG_MIN_BYTES (256 * 1024)

struct store;

typedef void store_done(void *ctx, int status);

/* ---- Opening ----------------------------------------------------------------------------- */

struct store_config {
    const char *dir; /* is created with its parents */
    /* That the lines of one session take at most, as the sizes of its files say, headers included;
     * at least STORE_SESSION_LOG_MIN_BYTES. Of more, the first half and the newest are kept:
     * between a quarter and a half. A line longer than a quarter is lost. */
    int64_t session_log_bytes;
    /* What is kept of ended sessions; the oldest go first, a few at a time. 0: no bound. */
    int64_t max_age_s;
    int64_t max_sessions;
    int64_t max_bytes; /* of all logs */
    /* Bounds of what may wait to be written. The end of a session is never refused. */
    size_t queue_changes;
    size_t queue_bytes;
};

/* 64 MiB a session; 30 days, 100,000 sessions, 10 GiB; 65,536 changes, 64 MiB. `dir` is NULL. */
void store_config_init(struct store_config *config);

struct store_sessions;

/* Opens the store and makes it whole: torn ends of logs are cut off, logs of sessions that are not
 * known are removed, and sessions that ran when the last process died end as failed, reason "lost",
 * "server stopped". They are returned (NULL: not wanted), and with them those that had not begun,
 * which stay pending. Blocks. A database of a newer version is RPC_ERROR_INVALID. */
struct store *store_open(const struct store_config *config, struct store_sessions **ret_interrupted,
                         struct rpc_error *err);
/* Does what has been posted, calls the completions, and frees everything. Blocks. NULL is fine. */
void store_close(struct store *store);

/* Readable when completions wait; for the caller's event loop, borrowed. */
int store_fd(const struct store *store);
/* Calls the completions that wait, in the order their work was done. They may post. */
void store_dispatch(struct store *store);

struct store_stats {
    /* Now. */
    uint64_t queued, queued_bytes;     /* changes that wait to be written */
    uint64_t deferred, deferred_bytes; /* and those that could not be, yet */
    uint64_t sessions, log_bytes;      /* kept */
    uint64_t database_bytes;
    /* Since opening. */
    uint64_t changes, commits;
    uint64_t refused;      /* posts that found the queue full */
    uint64_t write_errors; /* transactions and file writes that failed */
    uint64_t lost_records; /* changes given up */
    uint64_t lost_lines, lost_bytes;
    uint64_t removed; /* sessions that retention has removed */
    uint64_t orphans; /* files of logs that belonged to no session, removed at the opening */
    int last_error;   /* errno of the last write error, 0: none since the last success */
};
void store_get_stats(struct store *store, struct store_stats *ret_stats);

/* ---- Records ----------------------------------------------------------------------------- */

struct store_bytes {
    const char *data; /* NULL: none */
    size_t len;
};

/* What is shown of a session. Texts may be NULL, numbers 0: not known. Times are microseconds since
 * 1970. `status` is "pending", "running", "succeeded", "failed" or "cancelled". Structured members
 * are JSON text, which the store passes on (it looks into `tags` only). */
struct store_session {
    int64_t row; /* the store's own number, growing in the order of acknowledgement */

    const char *id, *status, *reason, *message;
    int64_t queued_us, started_us, ended_us;
    int64_t pid, exit_code, signal;

    const char *source_kind, *source_name;
    int64_t source_version;
    const char *tags; /* JSON array of texts */
    int64_t priority, timeout_ms;
    const char *limits; /* JSON object */
    const char *concurrency_key, *idempotency_key;
    int64_t concurrency_limit;
    int64_t caller_uid; /* -1: not known */
    const char *caller_user, *hero_user, *rerun_of;
    const char *forwarding;
    const char *callback_state, *callback_error;
    int64_t callback_attempts;

    const char *value_type;
    int64_t value_truncated;
    const char *error_message;
    int64_t error_line, error_position;

    int64_t lines, bytes; /* printed */
    int64_t log_bytes;    /* stored; the store's own count */
    int64_t lost_lines;   /* could not be stored; likewise */
    int64_t user_us, system_us, peak_rss_bytes, voluntary_switches, involuntary_switches;
    int64_t operations, engine_peak_bytes;
};

/* What was asked for, beside what struct store_session shows. */
struct store_request {
    struct store_bytes script;
    const char *working_dir;
    const char *env_vars; /* JSON object of texts; null for a secret value, which is never given */
    const char *args;     /* JSON array of texts */
    const char *inputs;   /* JSON object; null likewise */
    const char *callback; /* JSON object */
};

/* ---- A session's life -------------------------------------------------------------------- */

struct store_lines;

/* A new session; it may be acknowledged when this is safe or completed. Returns its row, by which
 * the changes below name it (also when the insert then fails: they follow it into memory), or a
 * negative errno. */
int64_t store_insert(struct store *store, const struct store_session *session,
                     const struct store_request *request, bool *ret_is_safe, store_done *done,
                     void *ctx);

/* Has everything written now that waits for company. */
void store_nudge(struct store *store);

/* The text of a script that had to be fetched first. */
int store_set_script(struct store *store, int64_t row, struct store_bytes script);

/* It is about to begin: should the process die after this is safe, or completed with 0, it has, and
 * no later store_open takes it for pending. So it must not begin before. That may last: with the
 * journal full and a disk that takes nothing, until the disk does, unless the session itself is not
 * known to either; never STORE_DEFERRED. -ECANCELED: the store was closed first. `done` is called
 * only when it was not safe at once. The end says it again. */
int store_start(struct store *store, int64_t row, int64_t started_us, int64_t pid,
                bool *ret_is_safe, store_done *done, void *ctx);

/* Some of its lines, to be posted in order and before they leave the ring. `lines` is taken when
 * the post succeeds. */
int store_append(struct store *store, struct store_lines *lines, bool *ret_is_safe,
                 store_done *done, void *ctx);

/* It has ended: everything from `started_us` on in struct store_session that is not named as fixed
 * by the request, `value` (JSON text) and the lines that have not been appended (NULL: none;
 * taken). A short session needs nothing between store_insert and this. Refused only without memory.
 */
int store_end(struct store *store, int64_t row, const struct store_session *session,
              struct store_bytes value, struct store_lines *lines, bool *ret_is_safe,
              store_done *done, void *ctx);

/* How its callback fares. */
int store_set_callback(struct store *store, int64_t row, const char *state, int64_t attempts,
                       const char *error);

/* Removes an ended session and its log: -ENOENT, -EBUSY. */
int store_delete(struct store *store, const char *id, store_done *done, void *ctx);

/* ---- Lines ------------------------------------------------------------------------------- */

enum { STORE_STREAM_MASK = 0x7f }; /* the rest of the stream byte is passed on as it is */

/* A batch of lines with consecutive numbers from first_seq on. */
struct store_lines *store_lines_new(int64_t row, const char *id, uint64_t first_seq);
void store_lines_free(struct store_lines *lines);
/* Adds the next line. False: the batch is full (post it and begin a new one), or no memory.
 * `stream` is the stream byte of the frame. */
bool store_lines_add(struct store_lines *lines, uint64_t timestamp_us, uint8_t stream,
                     const char *text, size_t len);
size_t store_lines_count(const struct store_lines *lines);

struct store_log_query {
    const char *id;
    uint64_t after_seq;  /* lines behind this one, or, */
    uint64_t before_seq; /* when not 0, the last ones before this one */
    uint64_t since_us;   /* forwards: begin at the first line of this time or later */
    uint32_t limit;      /* of lines; 0: as many as fit max_bytes */
    size_t max_bytes;    /* of text; 0: 16 MiB. At least one line is returned */
    uint8_t stream;      /* 0: all, else only those whose stream byte under the mask is this */
    struct store_bytes contains; /* these bytes occur in the line; none: all */
};

struct store_log_line {
    uint64_t seq, timestamp_us;
    uint8_t stream;
    const char *text; /* raw bytes, of the page */
    size_t len;
};

/* Lines in ascending order. A page ends at a gap in the numbers unless nothing has been found yet,
 * so `dropped` is what is missing between after_seq and the first line, or, backwards, between the
 * last line and before_seq. */
struct store_log_page {
    struct store_log_line *lines;
    size_t count;
    uint64_t first_covered, last_covered; /* numbers looked at: go on after or before these */
    uint64_t last_seq;                    /* the newest line in the store */
    uint64_t dropped;                     /* lines in the covered range that are not stored */
    void *memory;
};

/* `page` is the callee's, to be freed; NULL when status is not 0. */
typedef void store_log_done(void *ctx, int status, struct store_log_page *page);
int store_read_log(struct store *store, const struct store_log_query *query, store_log_done *done,
                   void *ctx);
void store_log_page_free(struct store_log_page *page);

/* ---- Queries ----------------------------------------------------------------------------- */

enum store_sort {
    STORE_SORT_QUEUED, /* the order of acknowledgement */
    STORE_SORT_STARTED,
    STORE_SORT_ENDED,
    STORE_SORT_DURATION,
    STORE_SORT_LINES,
    STORE_SORT_CPU,
    STORE_SORT_MEMORY,
};

struct store_query {
    const char *const *statuses; /* any of them; count 0: all */
    size_t status_count;
    int64_t since_us, until_us; /* queued in [since, until); 0: open */
    const char *text;   /* occurs in script, source name, message, error, tags, or begins id;
                         * letters of ASCII without regard to case */
    const char *caller; /* is the user, the hero user or the uid as a number */
    const char *tag;
    const char *callback; /* the state of its callback is this */
    enum store_sort sort;
    bool is_ascending;
    uint64_t offset;
    uint32_t limit;
};

struct store_sessions {
    struct store_session *items;
    size_t count;
    uint64_t total; /* that match, without offset and limit */
    void *memory;
};

/* Results are the callee's, to be freed; NULL when status is not 0. */
typedef void store_sessions_done(void *ctx, int status, struct store_sessions *sessions);
int store_list(struct store *store, const struct store_query *query, store_sessions_done *done,
               void *ctx);
/* The newest session with that idempotency key: one, or none. */
int store_find_key(struct store *store, const char *key, store_sessions_done *done, void *ctx);
void store_sessions_free(struct store_sessions *sessions);

struct store_record {
    struct store_session session;
    struct store_request request;
    struct store_bytes value;
    void *memory;
};
typedef void store_record_done(void *ctx, int status, struct store_record *record);
/* Everything of one session but its lines. */
int store_get(struct store *store, const char *id, store_record_done *done, void *ctx);
void store_record_free(struct store_record *record);

/* ---- Scripts ----------------------------------------------------------------------------- */

#define STORE_SCRIPT_NAME_MAX_BYTES 128

/* Letters, digits, '_', '-' and '.', parts joined by single '/'; no part begins with '.'. */
bool store_script_name_is_valid(const char *name);

struct store_script {
    const char *name, *description;
    int64_t version, versions; /* this one, and how many there are */
    int64_t saved_us;
    int64_t bytes;
    struct store_bytes text; /* of store_get_script's first item only */
};

struct store_scripts {
    struct store_script *items;
    size_t count;
    void *memory;
};

typedef void store_scripts_done(void *ctx, int status, struct store_scripts *scripts);
/* `version` is that of the saved one; the newest one, when that has the same text already. -EINVAL
 * at once for a name that is not valid. */
typedef void store_saved_done(void *ctx, int status, int64_t version);
int store_save_script(struct store *store, const char *name, struct store_bytes text,
                      const char *description, store_saved_done *done, void *ctx);
/* The newest version of each, by name. */
int store_list_scripts(struct store *store, store_scripts_done *done, void *ctx);
/* One version (0: the newest) with its text, and behind it every version without, newest first. */
int store_get_script(struct store *store, const char *name, int64_t version,
                     store_scripts_done *done, void *ctx);
/* One version, or all (0). Numbers of versions are not used again. */
int store_delete_script(struct store *store, const char *name, int64_t version, store_done *done,
                        void *ctx);
void store_scripts_free(struct store_scripts *scripts);

#endif
