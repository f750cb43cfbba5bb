/* What the parts of the store share: the store itself, its workers, its counters. */
#ifndef RUNNER_STORE_INTERNAL_H
#define RUNNER_STORE_INTERNAL_H

#include "store/journal.h"
#include "store/op.h"

#include <sqlite3.h>
#include <stdatomic.h>

struct worker {
    struct store *store;
    const char *name; /* of the thread */
    void (*run)(struct worker *worker);
    pthread_t thread;
    bool is_running;
    sqlite3 *db;
    struct op_queue queue;
};

struct counters {
    _Atomic uint64_t deferred, deferred_bytes, sessions, log_bytes, changes, commits, refused;
    _Atomic uint64_t write_errors, lost_records, lost_lines, lost_bytes, removed, orphans;
    _Atomic int last_error;
};

struct store {
    struct store_config config; /* dir is `dir` */
    char *dir, *logs_dir, *database_path;
    /* The caller's thread's. */
    int64_t next_row;
    size_t changes; /* posted and not completed */
    struct journal journal;
    struct worker writer, reader, searcher;
    struct counters counters;
    atomic_bool is_checkpointing; /* one waits or runs */

    int event_fd; /* readable while `completed` is not empty */
    pthread_mutex_t mutex;
    struct op_list completed;
};

/* What the threads run until their queue is closed and empty. */
void writer_run(struct worker *worker);
void reader_run(struct worker *worker);

/* Hands ops to store_dispatch; the list is empty afterwards. */
void store_complete(struct store *store, struct op_list *ops);
/* Who answers a question. */
struct worker *store_answerer(struct store *store, const struct op *op);

/* Ends what the last process left open (see store_open). On the writer's connection, before its
 * thread starts. `ret_interrupted` may be NULL. 0, or a negative errno. */
int recovery_run(struct store *store, struct store_sessions **ret_interrupted);

/* Removes files of logs that belong to no session; likewise, after recovery_run. */
int orphans_remove(struct store *store);

#endif
