/* Opening, posting and completing: everything that runs on the caller's thread. */
#include "store/store.h"

#include "store/database.h"
#include "store/fields.h"
#include "store/internal.h"
#include "store/log_block.h"
#include "store/op_codec.h"

#include <errno.h>
#include <hero_rpc/fd.h>
#include <hero_rpc/paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MIB (1024 * 1024)
#define WORKER_NICE 5
#define READ_QUEUE_MAX 4096 /* questions that may wait */

/* ---- Opening ----------------------------------------------------------------------------- */

void store_config_init(struct store_config *config) {
    *config = (struct store_config){
        .session_log_bytes = 64 * MIB,
        .max_age_s = 30 * 24 * 3600,
        .max_sessions = 100000,
        .max_bytes = INT64_C(10) * 1024 * MIB,
        .queue_changes = 65536,
        .queue_bytes = 64 * MIB,
    };
}

/* Nobody waits for these threads as a rule, so sessions go first (nice is a thread's own on Linux).
 */
static void *run_worker(void *ctx) {
    struct worker *worker = ctx;
    prctl(PR_SET_NAME, worker->name);
    setpriority(PRIO_PROCESS, 0, WORKER_NICE);
    worker->run(worker);
    return NULL;
}

static int open_worker(struct store *store, struct worker *worker, bool is_writer,
                       struct rpc_error *err) {
    worker->db = database_open(store->database_path, is_writer, err);
    return worker->db ? 0 : -1;
}

/* Signals are the caller's: the threads block them all. */
static int start_worker(struct worker *worker, struct rpc_error *err) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&worker->thread, NULL, run_worker, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        errno = error;
        rpc_error_set_errno(err, "no thread for the store");
        return -1;
    }
    worker->is_running = true;
    return 0;
}

static void stop_worker(struct worker *worker) {
    op_queue_close(&worker->queue);
    if (worker->is_running) pthread_join(worker->thread, NULL);
    worker->is_running = false;
}

static int make_folders(struct store *store, struct rpc_error *err) {
    if (asprintf(&store->logs_dir, "%s/logs", store->dir) < 0) store->logs_dir = NULL;
    if (asprintf(&store->database_path, "%s/history.db", store->dir) < 0)
        store->database_path = NULL;
    if (!store->logs_dir || !store->database_path) {
        errno = ENOMEM;
        rpc_error_set_errno(err, "%s", store->dir);
        return -1;
    }
    if (rpc_path_make_dirs(store->dir, 0700, err) < 0) return -1;
    return rpc_path_make_dirs(store->logs_dir, 0700, err);
}

static int count_what_is_kept(struct store *store, struct store_sessions **ret_interrupted,
                              struct rpc_error *err) {
    sqlite3 *db = store->writer.db;
    char path[4096];
    snprintf(path, sizeof path, "%s/changes.journal", store->dir);
    journal_open(&store->journal, path, op_codec_format());
    int error = recovery_run(store, ret_interrupted);
    if (!error) error = orphans_remove(store);
    if (error) {
        errno = -error;
        rpc_error_set_errno(err, "%s: could not end what was interrupted", store->database_path);
        return -1;
    }
    store->next_row = database_number(db, "SELECT max(row) FROM sessions", 0) + 1;
    store->counters.sessions = (uint64_t)database_number(db, "SELECT count(*) FROM sessions", 0);
    store->counters.log_bytes =
        (uint64_t)database_number(db, "SELECT sum(log_bytes) FROM sessions", 0);
    return 0;
}

static int open_all(struct store *store, struct store_sessions **ret_interrupted,
                    struct rpc_error *err) {
    if (make_folders(store, err) < 0) return -1;
    store->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (store->event_fd < 0) {
        rpc_error_set_errno(err, "eventfd");
        return -1;
    }
    if (open_worker(store, &store->writer, true, err) < 0) return -1;
    if (count_what_is_kept(store, ret_interrupted, err) < 0) return -1;
    if (open_worker(store, &store->reader, false, err) < 0) return -1;
    if (open_worker(store, &store->searcher, false, err) < 0) return -1;
    if (start_worker(&store->writer, err) < 0 || start_worker(&store->reader, err) < 0) return -1;
    return start_worker(&store->searcher, err);
}

struct store *store_open(const struct store_config *config, struct store_sessions **ret_interrupted,
                         struct rpc_error *err) {
    struct store *store = calloc(1, sizeof *store);
    char *dir = strdup(config->dir);
    if (!store || !dir) {
        free(store);
        free(dir);
        errno = ENOMEM;
        rpc_error_set_errno(err, "%s", config->dir);
        return NULL;
    }
    store->dir = dir;
    store->config = *config;
    store->config.dir = dir;
    if (config->session_log_bytes < STORE_SESSION_LOG_MIN_BYTES)
        store->config.session_log_bytes = STORE_SESSION_LOG_MIN_BYTES;
    store->event_fd = -1;
    pthread_mutex_init(&store->mutex, NULL);
    STAILQ_INIT(&store->completed);
    store->writer = (struct worker){.store = store, .name = "store_writer", .run = writer_run};
    store->reader = (struct worker){.store = store, .name = "store_reader", .run = reader_run};
    store->searcher = (struct worker){.store = store, .name = "store_search", .run = reader_run};
    struct worker *workers[] = {&store->writer, &store->reader, &store->searcher};
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++)
        op_queue_init(&workers[i]->queue);
    if (open_all(store, ret_interrupted, err) == 0) return store;
    store_close(store);
    return NULL;
}

void store_close(struct store *store) {
    if (!store) return;
    /* The writer first: it passes on questions that waited for it. */
    stop_worker(&store->writer);
    stop_worker(&store->reader);
    stop_worker(&store->searcher);
    if (store->event_fd >= 0) store_dispatch(store);
    /* The last connection, the writer's, checkpoints what is left. */
    struct worker *workers[] = {&store->searcher, &store->reader, &store->writer};
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++) {
        op_queue_done(&workers[i]->queue);
        sqlite3_close(workers[i]->db);
    }
    journal_close(&store->journal);
    rpc_fd_close(&store->event_fd);
    pthread_mutex_destroy(&store->mutex);
    free(store->database_path);
    free(store->logs_dir);
    free(store->dir);
    free(store);
}

/* ---- Completing -------------------------------------------------------------------------- */

int store_fd(const struct store *store) {
    return store->event_fd;
}

void store_complete(struct store *store, struct op_list *ops) {
    if (STAILQ_EMPTY(ops)) return;
    pthread_mutex_lock(&store->mutex);
    bool was_empty = STAILQ_EMPTY(&store->completed);
    STAILQ_CONCAT(&store->completed, ops);
    pthread_mutex_unlock(&store->mutex);
    if (was_empty) eventfd_write(store->event_fd, 1);
}

/* Results go to the callee, which then owns them. */
static void complete(struct store *store, struct op *op) {
    if (op->kind < OP_LIST) store->changes--;
    if (op->journal) journal_release(&store->journal, op->journal);
    if (!op->done.plain) return;
    switch (op->kind) {
    case OP_LIST:
    case OP_FIND_KEY: op->done.sessions(op->ctx, op->status, op->out.sessions); break;
    case OP_GET: op->done.record(op->ctx, op->status, op->out.record); break;
    case OP_READ_LOG: op->done.log(op->ctx, op->status, op->out.log); break;
    case OP_LIST_SCRIPTS:
    case OP_GET_SCRIPT: op->done.scripts(op->ctx, op->status, op->out.scripts); break;
    case OP_SAVE_SCRIPT: op->done.saved(op->ctx, op->status, op->out.version); break;
    default: op->done.plain(op->ctx, op->status); return;
    }
    memset(&op->out, 0, sizeof op->out);
}

void store_dispatch(struct store *store) {
    struct op_list ops = STAILQ_HEAD_INITIALIZER(ops);
    eventfd_t count;
    eventfd_read(store->event_fd, &count);
    pthread_mutex_lock(&store->mutex);
    STAILQ_CONCAT(&ops, &store->completed);
    pthread_mutex_unlock(&store->mutex);
    struct op *op;
    while ((op = STAILQ_FIRST(&ops))) {
        STAILQ_REMOVE_HEAD(&ops, link);
        complete(store, op);
        op_free(op);
    }
}

void store_get_stats(struct store *store, struct store_stats *ret_stats) {
    struct counters *counters = &store->counters;
    *ret_stats = (struct store_stats){
        .deferred = counters->deferred,
        .deferred_bytes = counters->deferred_bytes,
        .sessions = counters->sessions,
        .log_bytes = counters->log_bytes,
        .changes = counters->changes,
        .commits = counters->commits,
        .refused = counters->refused,
        .write_errors = counters->write_errors,
        .lost_records = counters->lost_records,
        .lost_lines = counters->lost_lines,
        .lost_bytes = counters->lost_bytes,
        .removed = counters->removed,
        .orphans = counters->orphans,
        .last_error = counters->last_error,
    };
    op_queue_size(&store->writer.queue, &ret_stats->queued, &ret_stats->queued_bytes);
    struct stat status;
    if (stat(store->database_path, &status) == 0)
        ret_stats->database_bytes = (uint64_t)status.st_size;
}

/* ---- Posting changes --------------------------------------------------------------------- */

/* Takes the op; it is freed when it is refused. */
static int post(struct store *store, struct worker *worker, struct op *op, size_t max_count,
                size_t max_bytes) {
    int error = op_queue_push(&worker->queue, op, max_count, max_bytes);
    if (error) {
        store->counters.refused++;
        op->lines = NULL; /* stay the caller's */
        op_free(op);
    }
    return error;
}

/* A change; the end of a session and what is like it is taken whatever waits. */
static int post_change(struct store *store, struct op *op, bool is_bounded) {
    int error = post(store, &store->writer, op, is_bounded ? store->config.queue_changes : 0,
                     is_bounded ? store->config.queue_bytes : 0);
    if (!error) store->changes++;
    return error;
}

/* The same through the journal, if there is room in it: true, it survives the process from now on.
 */
static int post_kept(struct store *store, struct op *op, bool is_bounded, bool *ret_is_safe) {
    char *payload = journal_begin(&store->journal, op_encoded_size(op), op->kind == OP_START);
    if (payload) {
        op_encode(op, payload);
        op->journal = journal_seal(&store->journal);
        op->is_lazy = !journal_is_filling(&store->journal);
        if (op->kind == OP_START) op->done.plain = NULL; /* nobody waits for it any more */
    }
    uint64_t journal = op->journal;
    int error = post_change(store, op, is_bounded);
    if (error && journal) journal_release(&store->journal, journal);
    if (ret_is_safe) *ret_is_safe = !error && journal;
    return error;
}

int64_t store_insert(struct store *store, const struct store_session *session,
                     const struct store_request *request, bool *ret_is_safe, store_done *done,
                     void *ctx) {
    size_t size = fields_text_size(session) + request->script.len +
                  op_text_size(request->working_dir) + op_text_size(request->env_vars) +
                  op_text_size(request->args) + op_text_size(request->inputs) +
                  op_text_size(request->callback);
    struct op *op = op_new(OP_INSERT, size);
    if (!op) return -ENOMEM;
    op->row = store->next_row;
    op->done.plain = done;
    op->ctx = ctx;
    fields_copy(op, session);
    op->in.change.request = (struct store_request){
        .working_dir = op_copy_text(op, request->working_dir),
        .env_vars = op_copy_text(op, request->env_vars),
        .args = op_copy_text(op, request->args),
        .inputs = op_copy_text(op, request->inputs),
        .callback = op_copy_text(op, request->callback),
        .script = op_copy_bytes(op, request->script),
    };
    int error = post_kept(store, op, true, ret_is_safe);
    return error ? error : store->next_row++;
}

void store_nudge(struct store *store) {
    op_queue_wake(&store->writer.queue);
}

int store_set_script(struct store *store, int64_t row, struct store_bytes script) {
    struct op *op = op_new(OP_SCRIPT, script.len);
    if (!op) return -ENOMEM;
    op->row = row;
    op->in.change.request.script = op_copy_bytes(op, script);
    return post_kept(store, op, true, NULL);
}

int store_start(struct store *store, int64_t row, int64_t started_us, int64_t pid,
                bool *ret_is_safe, store_done *done, void *ctx) {
    struct op *op = op_new(OP_START, 0);
    if (!op) return -ENOMEM;
    op->row = row;
    op->done.plain = done;
    op->ctx = ctx;
    op->in.change.session.started_us = started_us;
    op->in.change.session.pid = pid;
    return post_kept(store, op, false, ret_is_safe);
}

int store_append(struct store *store, struct store_lines *lines, bool *ret_is_safe,
                 store_done *done, void *ctx) {
    struct op *op = op_new(OP_APPEND, 0);
    if (!op) return -ENOMEM;
    op->row = lines->row;
    op->lines = lines;
    op->bytes += lines->block.size;
    op->done.plain = done;
    op->ctx = ctx;
    return post_kept(store, op, true, ret_is_safe);
}

int store_end(struct store *store, int64_t row, const struct store_session *session,
              struct store_bytes value, struct store_lines *lines, bool *ret_is_safe,
              store_done *done, void *ctx) {
    struct op *op = op_new(OP_END, fields_text_size(session) + value.len);
    if (!op) return -ENOMEM;
    op->row = row;
    op->lines = lines;
    if (lines) op->bytes += lines->block.size;
    op->done.plain = done;
    op->ctx = ctx;
    fields_copy(op, session);
    op->in.change.value = op_copy_bytes(op, value);
    return post_kept(store, op, false, ret_is_safe);
}

int store_set_callback(struct store *store, int64_t row, const char *state, int64_t attempts,
                       const char *error) {
    struct op *op = op_new(OP_CALLBACK, op_text_size(state) + op_text_size(error));
    if (!op) return -ENOMEM;
    op->row = row;
    op->in.change.session.callback_state = op_copy_text(op, state);
    op->in.change.session.callback_attempts = attempts;
    op->in.change.session.callback_error = op_copy_text(op, error);
    return post_change(store, op, true);
}

/* An op that names something. */
static struct op *new_named(enum op_kind kind, const char *name, void *ctx) {
    struct op *op = op_new(kind, op_text_size(name));
    if (!op) return NULL;
    op->ctx = ctx;
    op->in.named.name = op_copy_text(op, name);
    return op;
}

int store_delete(struct store *store, const char *id, store_done *done, void *ctx) {
    struct op *op = new_named(OP_DELETE, id, ctx);
    if (!op) return -ENOMEM;
    op->done.plain = done;
    return post_change(store, op, true);
}

bool store_script_name_is_valid(const char *name) {
    size_t len = strlen(name);
    if (len == 0 || len > STORE_SCRIPT_NAME_MAX_BYTES) return false;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-.";
    while (true) {
        size_t part = strspn(name, letters);
        if (part == 0 || *name == '.') return false;
        name += part;
        if (!*name) return true;
        if (*name++ != '/') return false;
    }
}

int store_save_script(struct store *store, const char *name, struct store_bytes text,
                      const char *description, store_saved_done *done, void *ctx) {
    if (!store_script_name_is_valid(name)) return -EINVAL;
    struct op *op =
        op_new(OP_SAVE_SCRIPT, op_text_size(name) + text.len + op_text_size(description));
    if (!op) return -ENOMEM;
    op->done.saved = done;
    op->ctx = ctx;
    op->in.named.name = op_copy_text(op, name);
    op->in.named.description = op_copy_text(op, description);
    op->in.named.text = op_copy_bytes(op, text);
    return post_change(store, op, true);
}

int store_delete_script(struct store *store, const char *name, int64_t version, store_done *done,
                        void *ctx) {
    struct op *op = new_named(OP_DELETE_SCRIPT, name, ctx);
    if (!op) return -ENOMEM;
    op->in.named.version = version;
    op->done.plain = done;
    return post_change(store, op, true);
}

/* ---- Posting questions ------------------------------------------------------------------- */

struct worker *store_answerer(struct store *store, const struct op *op) {
    return op->kind == OP_LIST ? &store->searcher : &store->reader;
}

/* By way of the writer while changes wait, which are in the answer then. */
static int post_question(struct store *store, struct op *op) {
    if (store->changes) return post(store, &store->writer, op, store->config.queue_changes, 0);
    return post(store, store_answerer(store, op), op, READ_QUEUE_MAX, 0);
}

int store_get(struct store *store, const char *id, store_record_done *done, void *ctx) {
    struct op *op = new_named(OP_GET, id, ctx);
    if (!op) return -ENOMEM;
    op->done.record = done;
    return post_question(store, op);
}

int store_find_key(struct store *store, const char *key, store_sessions_done *done, void *ctx) {
    struct op *op = new_named(OP_FIND_KEY, key, ctx);
    if (!op) return -ENOMEM;
    op->done.sessions = done;
    return post_question(store, op);
}

int store_read_log(struct store *store, const struct store_log_query *query, store_log_done *done,
                   void *ctx) {
    struct op *op = op_new(OP_READ_LOG, op_text_size(query->id) + query->contains.len);
    if (!op) return -ENOMEM;
    op->done.log = done;
    op->ctx = ctx;
    op->in.log = *query;
    op->in.log.id = op_copy_text(op, query->id);
    op->in.log.contains = op_copy_bytes(op, query->contains);
    return post_question(store, op);
}

int store_list(struct store *store, const struct store_query *query, store_sessions_done *done,
               void *ctx) {
    /* The list of statuses lies behind the struct, then the texts. */
    size_t statuses = query->status_count * sizeof(char *);
    size_t size = statuses + op_text_size(query->text) + op_text_size(query->caller) +
                  op_text_size(query->tag) + op_text_size(query->callback);
    for (size_t i = 0; i < query->status_count; i++)
        size += op_text_size(query->statuses[i]);
    struct op *op = op_new(OP_LIST, size);
    if (!op) return -ENOMEM;
    const char **copies = (const char **)(void *)op->memory;
    op->memory += statuses;
    for (size_t i = 0; i < query->status_count; i++)
        copies[i] = op_copy_text(op, query->statuses[i]);
    op->done.sessions = done;
    op->ctx = ctx;
    op->in.list = *query;
    op->in.list.statuses = copies;
    op->in.list.text = op_copy_text(op, query->text);
    op->in.list.caller = op_copy_text(op, query->caller);
    op->in.list.tag = op_copy_text(op, query->tag);
    op->in.list.callback = op_copy_text(op, query->callback);
    return post_question(store, op);
}

int store_list_scripts(struct store *store, store_scripts_done *done, void *ctx) {
    struct op *op = op_new(OP_LIST_SCRIPTS, 0);
    if (!op) return -ENOMEM;
    op->done.scripts = done;
    op->ctx = ctx;
    return post_question(store, op);
}

int store_get_script(struct store *store, const char *name, int64_t version,
                     store_scripts_done *done, void *ctx) {
    struct op *op = new_named(OP_GET_SCRIPT, name, ctx);
    if (!op) return -ENOMEM;
    op->in.named.version = version;
    op->done.scripts = done;
    return post_question(store, op);
}
