/* Starts: a session that was allowed to begin is never taken for one that has not, wherever the
 * process dies, whatever the journal and the disk are like. */
#include "fixture.h"

#include "store/journal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_YET 1 /* of a status: completions have 0, negative ones and STORE_DEFERRED */
_Static_assert(STORE_DEFERRED == NOT_YET, "a start is never deferred, so this says nothing else");

/* The writer cannot write while this is open. */
static sqlite3 *lock_database(const struct store_config *config) {
    char path[100];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/history.db", config->dir);
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        abort();
    return db;
}

static void on_done(void *ctx, int status) {
    *(int *)ctx = status;
}

static void fill_disk(rlim_t bytes) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void await(struct fixture *fixture, const int *started) {
    store_nudge(fixture->store);
    while (*started == NOT_YET) {
        struct pollfd poll_fd = {.fd = store_fd(fixture->store), .events = POLLIN};
        assert_int_equal(poll(&poll_fd, 1, 10000), 1);
        store_dispatch(fixture->store);
    }
    assert_int_equal(*started, 0);
}

static int setup(void **state) {
    signal(SIGXFSZ, SIG_IGN);
    return fixture_setup(state);
}

static int teardown(void **state) {
    fill_disk(RLIM_INFINITY);
    return fixture_teardown(state);
}

/* A folder is where the journal should be. */
static void take_journal_away(struct fixture *fixture) {
    char path[100];
    snprintf(path, sizeof path, "%s/changes.journal", fixture->dir);
    store_close(fixture->store);
    fixture->store = NULL;
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    fixture_reopen(fixture);
}

static void assert_status(struct fixture *fixture, unsigned n, const char *status) {
    struct store_record *record = get(fixture, id_of(n));
    assert_non_null(record);
    assert_string_equal(record->session.status, status);
    store_record_free(record);
}

/* ---- A full journal ----------------------------------------------------------------------- */

/* Inserts until there is no room for another one, large ones first. Returns how many are safe;
 * their rows are 1 and the following ones. */
static unsigned fill_journal(struct store *store) {
    static char script[JOURNAL_RECORD_MAX_BYTES - 1024];
    memset(script, ' ', sizeof script);
    unsigned count = 0;
    for (size_t len = sizeof script; len > 0; len /= 2) {
        bool is_safe = true;
        struct store_request request = {.script = {script, len}};
        while (is_safe) {
            if (store_insert(store, pending_session(count), &request, &is_safe, NULL, NULL) < 0)
                abort();
            count++;
        }
    }
    return count;
}

/* All that are pending begin, and the process dies at once. The writer has had no chance. */
static void die_with_all_begun(const struct store_config *config) {
    struct rpc_error err = {0};
    struct store *store = store_open(config, NULL, &err);
    if (!store) _exit(1);
    lock_database(config);
    unsigned count = fill_journal(store);
    for (int64_t row = 1; row <= count; row++) {
        bool is_safe;
        if (store_start(store, row, 1500000, 42, &is_safe, NULL, NULL) < 0 || !is_safe) _exit(2);
    }
    raise(SIGKILL);
}

static void starts_have_room_when_nothing_else_has(void **state) {
    struct fixture *fixture = *state;
    store_close(fixture->store);
    fixture->store = NULL;
    pid_t pid = fork();
    if (pid == 0) die_with_all_begun(&fixture->config);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    fixture_reopen(fixture);
    assert_true(fixture->interrupted->count > 20);
    for (size_t i = 0; i < fixture->interrupted->count; i++) {
        assert_string_equal(fixture->interrupted->items[i].status, "failed");
        assert_string_equal(fixture->interrupted->items[i].reason, "lost");
    }
}

static void
a_start_that_finds_no_room_at_all_says_so_and_is_completed_when_it_is_stored(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    sqlite3 *lock = lock_database(&fixture->config);
    bool is_safe = true;
    int started = NOT_YET;
    for (unsigned i = 0; is_safe; i++) {
        assert_int_equal(store_start(fixture->store, row, 1500000, 42, &is_safe, on_done, &started),
                         0);
        assert_true(i < JOURNAL_BYTES / 16);
        store_dispatch(fixture->store);
        assert_int_equal(started, NOT_YET);
    }
    started = NOT_YET;
    sqlite3_close(lock);
    await(fixture, &started);
    assert_status(fixture, 1, "running");
}

/* ---- A full disk and no journal ----------------------------------------------------------- */

static bool is_deferred(const struct store_stats *stats) {
    return stats->deferred > 0;
}

static void what_the_disk_knows_as_pending_waits_for_the_disk(void **state) {
    struct fixture *fixture = *state;
    take_journal_away(fixture);
    int64_t row;
    int started = NOT_YET;
    bool is_safe;
    assert_int_equal(insert(fixture, 1, &row), 0);
    fill_disk(1);
    store_start(fixture->store, row, 1500000, 42, &is_safe, on_done, &started);
    assert_false(is_safe);
    wait_for_stats(fixture, is_deferred);
    assert_int_equal(insert(fixture, 2, NULL), STORE_DEFERRED); /* what was posted later is told */
    assert_int_equal(started, NOT_YET);
    fill_disk(RLIM_INFINITY);
    await(fixture, &started);
    assert_status(fixture, 1, "running");
}

static bool is_well(const struct store_stats *stats) {
    return stats->deferred == 0 && stats->last_error == 0;
}

static void what_nothing_knows_may_begin_and_is_stored_as_begun(void **state) {
    struct fixture *fixture = *state;
    take_journal_away(fixture);
    fill_disk(1);
    int64_t row;
    int started = NOT_YET;
    assert_int_equal(insert(fixture, 1, &row), STORE_DEFERRED);
    assert_int_equal(store_start(fixture->store, row, 1500000, 42, NULL, on_done, &started), 0);
    await(fixture, &started);
    fill_disk(RLIM_INFINITY);
    wait_for_stats(fixture, is_well);
    struct store_record *record = get(fixture, id_of(1));
    assert_string_equal(record->session.status, "running");
    assert_int_equal(record->session.started_us, 1500000);
    assert_int_equal(record->session.pid, 42);
    store_record_free(record);
}

static void a_start_that_never_could_be_stored_is_told_at_the_end(void **state) {
    struct fixture *fixture = *state;
    take_journal_away(fixture);
    int64_t row;
    int started = NOT_YET;
    assert_int_equal(insert(fixture, 1, &row), 0);
    fill_disk(1);
    store_start(fixture->store, row, 1500000, 42, NULL, on_done, &started);
    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(started, -ECANCELED);
    fill_disk(RLIM_INFINITY);
    fixture_reopen(fixture);
    assert_status(fixture, 1, "pending");
}

#define CASE(TEST) cmocka_unit_test_setup_teardown(TEST, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(starts_have_room_when_nothing_else_has),
        CASE(a_start_that_finds_no_room_at_all_says_so_and_is_completed_when_it_is_stored),
        CASE(what_the_disk_knows_as_pending_waits_for_the_disk),
        CASE(what_nothing_knows_may_begin_and_is_stored_as_begun),
        CASE(a_start_that_never_could_be_stored_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
