/* shipper.c - one thread takes lines from a list and sends them; the list's lock is held only to
 * link and unlink. */
#include "hero_proc_sdk/shipper.h"

#include "client.h"
#include "hero_proc_sdk/lenient.h"

#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_BYTES (4u * 1024 * 1024)
#define BATCH_LINES 500
#define BATCH_BYTES (1024u * 1024) /* of lines, well below what a server takes in a call */
#define FLUSH_MS 200
#define RETRY_MS 2000
#define CONNECT_TIMEOUT_MS 1000
#define CALL_TIMEOUT_MS 5000

struct line {
    struct line *next;
    size_t bytes; /* of this allocation */
    int64_t timestamp_ms, added_ms;
    size_t text_len, tag_count;
    /* The text, then level and tags, each with its NUL. */
    char data[];
};

struct list {
    struct line *first, *last;
    size_t count, bytes;
};

/* What came of an attempt. */
enum outcome {
    REACHED,
    UNREACHED, /* lines are kept */
    REFUSED,   /* it takes none of them, and would take them no better again */
    MISSING,   /* it has no method for them: nothing that waits will ever be sent */
};

struct proc_shipper {
    /* Set before the thread starts. */
    char *socket_path, *source;
    size_t max_bytes;
    unsigned batch_lines, flush_ms, retry_ms;
    int stop_fd; /* readable: calls are broken off */
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* something to send, or the end */
    pthread_cond_t ended;
    /* Under the lock. */
    struct list waiting;
    size_t in_flight_lines, in_flight_bytes; /* being sent; they count for the bound */
    enum proc_shipper_state state;
    enum outcome outcome; /* of the last attempt */
    char message[512];
    uint64_t sent, dropped;
    uint64_t told_dropped; /* so many of them are told in hero_proc's log */
    bool is_stopping, has_ended;

    /* The thread's own. */
    struct proc_client *client;
};

/* ---- Lists ------------------------------------------------------------------------------ */

static void push_last(struct list *list, struct line *line) {
    line->next = NULL;
    if (list->last)
        list->last->next = line;
    else
        list->first = line;
    list->last = line;
    list->count++;
    list->bytes += line->bytes;
}

static struct line *pop_first(struct list *list) {
    struct line *line = list->first;
    if (!line) return NULL;
    list->first = line->next;
    if (!list->first) list->last = NULL;
    list->count--;
    list->bytes -= line->bytes;
    return line;
}

static void free_list(struct list *list) {
    for (struct line *line; (line = pop_first(list));)
        free(line);
}

/* `front` comes before what is in `list`, and is empty afterwards. */
static void put_back(struct list *list, struct list *front) {
    if (!front->first) return;
    front->last->next = list->first;
    list->first = front->first;
    if (!list->last) list->last = front->last;
    list->count += front->count;
    list->bytes += front->bytes;
    *front = (struct list){0};
}

/* ---- Adding ----------------------------------------------------------------------------- */

static struct line *copy_line(const struct proc_shipper_line *from) {
    const char *level = from->level ? from->level : "info";
    size_t bytes = sizeof(struct line) + from->len + 1 + strlen(level) + 1, tag_count = 0;
    for (const char *const *tag = from->tags; tag && *tag; tag++, tag_count++)
        bytes += strlen(*tag) + 1;
    struct line *line = malloc(bytes);
    if (!line) return NULL;
    *line = (struct line){.bytes = bytes,
                          .timestamp_ms = from->timestamp_ms,
                          .added_ms = rpc_clock_monotonic_ms(),
                          .text_len = from->len,
                          .tag_count = tag_count};
    memcpy(line->data, from->text, from->len);
    line->data[from->len] = '\0';
    char *at = stpcpy(line->data + from->len + 1, level) + 1;
    for (size_t i = 0; i < tag_count; i++)
        at = stpcpy(at, from->tags[i]) + 1;
    return line;
}

/* Makes room for so many bytes by dropping the oldest; false when that is not enough. */
static bool make_room(struct proc_shipper *shipper, size_t bytes) {
    while (shipper->waiting.bytes + shipper->in_flight_bytes + bytes > shipper->max_bytes) {
        struct line *oldest = pop_first(&shipper->waiting);
        if (!oldest) return false;
        free(oldest);
        shipper->dropped++;
    }
    return true;
}

bool proc_shipper_add(struct proc_shipper *shipper, const struct proc_shipper_line *line) {
    struct line *copy = copy_line(line);
    pthread_mutex_lock(&shipper->lock);
    uint64_t dropped_before = shipper->dropped;
    if (copy && shipper->outcome != MISSING && make_room(shipper, copy->bytes)) {
        push_last(&shipper->waiting, copy);
        copy = NULL;
        /* The thread looks at the clock by itself; it need be told of the first line and of a
         * full batch. */
        if (shipper->waiting.count == 1 || shipper->waiting.count == shipper->batch_lines)
            pthread_cond_signal(&shipper->changed);
    } else
        shipper->dropped++;
    bool is_whole = shipper->dropped == dropped_before;
    pthread_mutex_unlock(&shipper->lock);
    free(copy);
    return is_whole;
}

void proc_shipper_status(struct proc_shipper *shipper, struct proc_shipper_status *ret_status) {
    pthread_mutex_lock(&shipper->lock);
    *ret_status = (struct proc_shipper_status){
        .state = shipper->state,
        .sent = shipper->sent,
        .dropped = shipper->dropped,
        .waiting_lines = shipper->waiting.count + shipper->in_flight_lines,
        .waiting_bytes = shipper->waiting.bytes + shipper->in_flight_bytes,
    };
    memcpy(ret_status->message, shipper->message, sizeof ret_status->message);
    pthread_mutex_unlock(&shipper->lock);
}

/* ---- Sending ---------------------------------------------------------------------------- */

/* Bytes that are not UTF-8 are replaced. */
static json_t *text_json(const char *text, size_t len) {
    json_t *value = json_stringn(text, len);
    if (value) return value;
    struct rpc_strbuf encoded = RPC_STRBUF_INIT;
    rpc_strbuf_add_json_string(&encoded, text, len);
    value =
        json_loadb(rpc_strbuf_text(&encoded), encoded.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    rpc_strbuf_done(&encoded);
    return value;
}

static json_t *line_json(const struct proc_shipper *shipper, const struct line *line) {
    const char *level = line->data + line->text_len + 1, *tag = level + strlen(level) + 1;
    json_t *tags = json_array();
    for (size_t i = 0; i < line->tag_count; i++, tag += strlen(tag) + 1)
        json_array_append_new(tags, text_json(tag, strlen(tag)));
    return json_pack("{s:s, s:s, s:I, s:o, s:o}", "source", shipper->source, "level", level,
                     "timestamp_ms", (json_int_t)line->timestamp_ms, "tags", tags, "line",
                     text_json(line->data, line->text_len));
}

/* In the place of lines that were dropped. */
static json_t *gap_json(const struct proc_shipper *shipper, uint64_t dropped) {
    json_t *text = json_sprintf("%llu lines are missing here: more than hero_proc took in time",
                                (unsigned long long)dropped);
    return json_pack("{s:s, s:s, s:I, s:o}", "source", shipper->source, "level", "warn",
                     "timestamp_ms", (json_int_t)rpc_clock_wall_ms(), "line", text);
}

static json_t *batch_json(const struct proc_shipper *shipper, const struct list *batch,
                          uint64_t dropped) {
    json_t *entries = json_array();
    if (dropped > 0) json_array_append_new(entries, gap_json(shipper, dropped));
    for (const struct line *line = batch->first; line; line = line->next)
        json_array_append_new(entries, line_json(shipper, line));
    return json_pack("{s:o}", "entries", entries);
}

/* Under the lock. */
static void note_outcome(struct proc_shipper *shipper, enum outcome outcome, const char *message) {
    shipper->state = outcome == REACHED ? PROC_SHIPPER_ACTIVE : PROC_SHIPPER_UNAVAILABLE;
    shipper->outcome = outcome;
    snprintf(shipper->message, sizeof shipper->message, "%s", message);
    if (outcome != MISSING) return;
    shipper->dropped += shipper->waiting.count;
    free_list(&shipper->waiting);
}

/* Connects when there is no connection, and finds out whether lines are taken. */
static enum outcome reach(struct proc_shipper *shipper, struct rpc_error *err) {
    if (!shipper->client) {
        shipper->client = proc_open(shipper->socket_path, err);
        if (!shipper->client) return UNREACHED;
        proc_set_timeouts(shipper->client, CONNECT_TIMEOUT_MS, CALL_TIMEOUT_MS);
        proc_set_stop_fd(shipper->client, shipper->stop_fd);
    }
    int has = proc_has(shipper->client, PROC_LOGS_INSERT, err);
    if (has > 0) return REACHED;
    proc_close(shipper->client);
    shipper->client = NULL;
    if (has == 0)
        rpc_error_set(err, RPC_ERROR_RPC, 0, "this hero_proc takes no log lines from others");
    return has == 0 ? MISSING : UNREACHED;
}

/* Sends one call. REACHED: it was answered, and *ret_dropped of the lines were not taken. */
static enum outcome send_batch(struct proc_shipper *shipper, const struct list *batch,
                               uint64_t missing, size_t *ret_dropped, struct rpc_error *err) {
    enum outcome outcome = reach(shipper, err);
    *ret_dropped = 0;
    if (outcome != REACHED) return outcome;
    json_t *result =
        client_call(shipper->client, PROC_LOGS_INSERT, batch_json(shipper, batch, missing), err);
    if (result) {
        int64_t dropped = lenient_number(result, "dropped|rejected", 0);
        if (dropped > 0) *ret_dropped = (size_t)dropped;
        if (*ret_dropped > batch->count) *ret_dropped = batch->count;
        json_decref(result);
        return REACHED;
    }
    bool is_missing = proc_is_missing(err);
    if (!is_missing && err->kind == RPC_ERROR_RPC) return REFUSED;
    proc_close(shipper->client);
    shipper->client = NULL;
    return is_missing ? MISSING : UNREACHED;
}

/* Called and returns under the lock. */
static void ship(struct proc_shipper *shipper) {
    struct list batch = {0};
    struct rpc_error err = {0};
    size_t dropped;
    uint64_t missing = shipper->dropped - shipper->told_dropped;
    while (shipper->waiting.first && batch.count < shipper->batch_lines &&
           batch.bytes < BATCH_BYTES)
        push_last(&batch, pop_first(&shipper->waiting));
    shipper->in_flight_lines = batch.count;
    shipper->in_flight_bytes = batch.bytes;
    pthread_mutex_unlock(&shipper->lock);

    enum outcome outcome = send_batch(shipper, &batch, missing, &dropped, &err);

    pthread_mutex_lock(&shipper->lock);
    shipper->in_flight_lines = shipper->in_flight_bytes = 0;
    if (outcome == REACHED) shipper->told_dropped += missing;
    if (outcome == REFUSED) dropped = batch.count;
    if (outcome == REACHED || outcome == REFUSED) {
        shipper->sent += batch.count - dropped;
        shipper->dropped += dropped;
        free_list(&batch);
    } else
        put_back(&shipper->waiting, &batch);
    note_outcome(shipper, outcome, err.message);
    rpc_error_clear(&err);
}

/* ---- The thread ------------------------------------------------------------------------- */

static struct timespec after_ms(int64_t ms) {
    int64_t at_us = rpc_clock_monotonic_us() + ms * 1000;
    return (struct timespec){.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
}

/* How long until something is to be done; 0: now. Lines wait for company, and everything for the
 * next attempt after one that failed. */
static int64_t time_to_wait(const struct proc_shipper *shipper, int64_t next_attempt_ms) {
    int64_t now_ms = rpc_clock_monotonic_ms();
    int64_t wait_ms = next_attempt_ms - now_ms;
    const struct line *oldest = shipper->waiting.first;
    if (shipper->is_stopping) return 0;
    if (oldest && shipper->state == PROC_SHIPPER_ACTIVE) {
        int64_t due_ms = oldest->added_ms + shipper->flush_ms - now_ms;
        if (shipper->waiting.count >= shipper->batch_lines) due_ms = 0;
        if (due_ms < wait_ms) wait_ms = due_ms;
    }
    return wait_ms > 0 ? wait_ms : 0;
}

/* Nothing to send: whether it is still there. Called and returns under the lock. */
static void look(struct proc_shipper *shipper) {
    struct rpc_error err = {0};
    pthread_mutex_unlock(&shipper->lock);
    bool is_there = shipper->client && rpc_client_is_listening(proc_socket_path(shipper->client));
    if (!is_there) {
        proc_close(shipper->client);
        shipper->client = NULL;
    }
    enum outcome outcome = reach(shipper, &err);
    pthread_mutex_lock(&shipper->lock);
    /* That it is there says nothing about whether it takes lines again. */
    if (outcome != REACHED || shipper->outcome != REFUSED)
        note_outcome(shipper, outcome, err.message);
    rpc_error_clear(&err);
}

static void *run(void *ctx) {
    struct proc_shipper *shipper = ctx;
    int64_t next_attempt_ms = 0;
    pthread_mutex_lock(&shipper->lock);
    while (!shipper->is_stopping || shipper->waiting.count > 0) {
        int64_t wait_ms = time_to_wait(shipper, next_attempt_ms);
        if (wait_ms > 0) {
            struct timespec until = after_ms(wait_ms);
            pthread_cond_timedwait(&shipper->changed, &shipper->lock, &until);
            continue;
        }
        if (shipper->waiting.count > 0)
            ship(shipper);
        else
            look(shipper);
        next_attempt_ms = rpc_clock_monotonic_ms() + shipper->retry_ms;
        if (shipper->is_stopping && shipper->state != PROC_SHIPPER_ACTIVE) break;
    }
    shipper->has_ended = true;
    pthread_cond_signal(&shipper->ended);
    pthread_mutex_unlock(&shipper->lock);
    proc_close(shipper->client);
    return NULL;
}

/* ---- Life ------------------------------------------------------------------------------- */

static void free_shipper(struct proc_shipper *shipper) {
    rpc_fd_close(&shipper->stop_fd);
    free_list(&shipper->waiting);
    free(shipper->socket_path);
    free(shipper->source);
    free(shipper);
}

static void init_locks(struct proc_shipper *shipper) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&shipper->lock, NULL);
    pthread_cond_init(&shipper->changed, &monotonic);
    pthread_cond_init(&shipper->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void destroy_locks(struct proc_shipper *shipper) {
    pthread_cond_destroy(&shipper->ended);
    pthread_cond_destroy(&shipper->changed);
    pthread_mutex_destroy(&shipper->lock);
}

/* Signals are for the program's own threads. */
static int start_thread(struct proc_shipper *shipper) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&shipper->thread, NULL, run, shipper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e;
}

struct proc_shipper *proc_shipper_start(const struct proc_shipper_options *options,
                                        struct rpc_error *err) {
    struct proc_shipper *shipper = calloc(1, sizeof *shipper);
    if (!shipper) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    shipper->max_bytes = options->max_bytes ? options->max_bytes : MAX_BYTES;
    shipper->batch_lines = options->batch_lines ? options->batch_lines : BATCH_LINES;
    shipper->flush_ms = options->flush_ms ? options->flush_ms : FLUSH_MS;
    shipper->retry_ms = options->retry_ms ? options->retry_ms : RETRY_MS;
    shipper->source = strdup(options->source);
    shipper->socket_path = options->socket_path ? strdup(options->socket_path) : NULL;
    shipper->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    init_locks(shipper);
    errno = 0;
    if (shipper->source && (shipper->socket_path || !options->socket_path) &&
        shipper->stop_fd >= 0 && (errno = start_thread(shipper)) == 0)
        return shipper;
    rpc_error_set_errno(err, "cannot start the thread that sends log lines");
    destroy_locks(shipper);
    free_shipper(shipper);
    return NULL;
}

void proc_shipper_stop(struct proc_shipper *shipper, unsigned flush_ms) {
    if (!shipper) return;
    struct timespec until = after_ms(flush_ms);
    pthread_mutex_lock(&shipper->lock);
    shipper->is_stopping = true;
    pthread_cond_signal(&shipper->changed);
    int e = 0;
    while (!shipper->has_ended && e == 0)
        e = pthread_cond_timedwait(&shipper->ended, &shipper->lock, &until);
    pthread_mutex_unlock(&shipper->lock);
    /* Whatever it is in the middle of. */
    ssize_t written = write(shipper->stop_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)written;
    pthread_join(shipper->thread, NULL);
    destroy_locks(shipper);
    free_shipper(shipper);
}
