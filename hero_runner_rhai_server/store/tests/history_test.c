/* Records: what goes in comes out, also in the next process, and can be found. */
#include "fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- One session ------------------------------------------------------------------------- */

static void a_session_is_kept_as_it_was(void **state) {
    struct fixture *fixture = *state;
    struct store_session session = *pending_session(7);
    session.tags = "[\"nightly\",\"db\"]";
    session.priority = -3;
    session.timeout_ms = 5000;
    session.hero_user = "geomind";
    session.idempotency_key = "once";
    static const char script[] = "print(\"gr\xc3\xbc\xc3\x9f\")\n";
    struct store_request request = {
        .script = {script, sizeof script - 1},
        .working_dir = "/srv",
        .env_vars = "[\"TOKEN\"]",
        .args = "[\"a\"]",
        .inputs = "{\"port\":80}",
    };
    int64_t row;
    assert_int_equal(insert_as(fixture, &session, &request, &row), 0);
    struct store_session over = {
        .status = "failed",
        .reason = "exit",
        .message = "exit 3",
        .started_us = 1100000,
        .ended_us = 1200000,
        .pid = 4711,
        .exit_code = 3,
        .value_type = "i64",
        .error_message = "no",
        .error_line = 2,
        .error_position = 9,
        .lines = 12,
        .bytes = 345,
        .user_us = 100,
        .system_us = 50,
        .peak_rss_bytes = 4096,
        .operations = 99,
    };
    assert_int_equal(end_with(fixture, row, &over, "{\"a\":[1,2]}", NULL), 0);

    for (int pass = 0; pass < 2; pass++) { /* the second one: in the next process */
        struct store_record *record = get(fixture, session.id);
        assert_non_null(record);
        assert_int_equal(record->session.row, row);
        assert_string_equal(record->session.id, session.id);
        assert_string_equal(record->session.status, "failed");
        assert_string_equal(record->session.reason, "exit");
        assert_string_equal(record->session.tags, session.tags);
        assert_int_equal(record->session.priority, -3);
        assert_int_equal(record->session.queued_us, session.queued_us);
        assert_int_equal(record->session.ended_us, 1200000);
        assert_int_equal(record->session.exit_code, 3);
        assert_string_equal(record->session.caller_user, "ana");
        assert_string_equal(record->session.hero_user, "geomind");
        assert_null(record->session.rerun_of);
        assert_string_equal(record->session.error_message, "no");
        assert_int_equal(record->session.error_position, 9);
        assert_int_equal(record->session.operations, 99);
        assert_int_equal(record->request.script.len, request.script.len);
        assert_memory_equal(record->request.script.data, script, request.script.len);
        assert_string_equal(record->request.env_vars, "[\"TOKEN\"]");
        assert_string_equal(record->request.inputs, "{\"port\":80}");
        assert_null(record->request.callback);
        assert_string_equal(record->value.data, "{\"a\":[1,2]}");
        store_record_free(record);
        fixture_reopen(fixture);
        assert_int_equal(fixture->interrupted->count, 0);
    }
}

static void an_unknown_session_is_not_found(void **state) {
    struct fixture *fixture = *state;
    assert_null(get(fixture, id_of(1)));
    assert_int_equal(delete (fixture, id_of(1)), -ENOENT);
    assert_int_equal(end(fixture, 99, "succeeded"), -ENOENT);
}

static void an_id_is_taken_once(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(insert(fixture, 1, NULL), 0);
    assert_int_equal(insert(fixture, 1, NULL), -EEXIST);
    assert_int_equal(insert(fixture, 2, NULL), 0);
}

static void a_session_is_deleted_with_all_that_is_its_own_once_it_has_ended(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    assert_int_equal(append(fixture, make_lines(row, 1, 1, 5000)), 0);
    assert_int_equal(delete (fixture, id_of(1)), -EBUSY);
    end(fixture, row, "succeeded");
    char path[200];
    snprintf(path, sizeof path, "%s/logs/%.2s/%s.log", fixture->dir, id_of(1), id_of(1));
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(delete (fixture, id_of(1)), 0);
    assert_null(get(fixture, id_of(1)));
    assert_int_equal(access(path, F_OK), -1);
    struct store_stats stats;
    store_get_stats(fixture->store, &stats);
    assert_int_equal(stats.sessions, 0);
    assert_int_equal(stats.log_bytes, 0);
}

static void a_start_is_seen_soon_and_an_end_says_it_again(void **state) {
    struct fixture *fixture = *state;
    int64_t row, other;
    insert(fixture, 1, &row);
    assert_int_equal(store_start(fixture->store, row, 1500000, 42, NULL, NULL, NULL), 0);
    insert(fixture, 2, &other); /* the next change takes it along */
    struct store_record *record = get(fixture, id_of(1));
    assert_string_equal(record->session.status, "running");
    assert_int_equal(record->session.pid, 42);
    store_record_free(record);
    end(fixture, row, "succeeded");
    store_start(fixture->store, row, 1500000, 42, NULL, NULL, NULL); /* late: changes nothing */
    insert(fixture, 3, &other);
    record = get(fixture, id_of(1));
    assert_string_equal(record->session.status, "succeeded");
    store_record_free(record);
}

static void the_state_of_a_callback_is_kept(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    end(fixture, row, "succeeded");
    assert_int_equal(store_set_callback(fixture->store, row, "failed", 5, "refused"), 0);
    insert(fixture, 2, NULL);
    struct store_record *record = get(fixture, id_of(1));
    assert_string_equal(record->session.callback_state, "failed");
    assert_int_equal(record->session.callback_attempts, 5);
    assert_string_equal(record->session.callback_error, "refused");
    store_record_free(record);
}

/* ---- After a crash ----------------------------------------------------------------------- */

static void ignore_status(void *ctx, int status) {
    *(int *)ctx += status == 0;
}

/* A process that posts sessions and dies by SIGKILL as soon as it knows of `count` that they are
 * stored. Every one of them runs; some have lines. */
static void die_after(const struct store_config *config, int count) {
    struct rpc_error err = {0};
    struct store *store = store_open(config, NULL, &err);
    if (!store) _exit(1);
    int stored = 0, appended = 0;
    for (unsigned n = 0; n < (unsigned)count; n++) {
        struct store_request request = {0};
        int64_t row =
            store_insert(store, pending_session(n), &request, NULL, ignore_status, &stored);
        if (n % 5 != 4) store_start(store, row, 1500000, 42, NULL, NULL, NULL);
        if (n % 10 == 0) {
            struct store_lines *lines = store_lines_new(row, id_of(n), 1);
            store_lines_add(lines, 1, 1, "here", 4);
            store_append(store, lines, NULL, ignore_status, &appended);
        }
    }
    while (stored < count || appended < count / 10) {
        struct pollfd poll_fd = {.fd = store_fd(store), .events = POLLIN};
        poll(&poll_fd, 1, -1);
        store_dispatch(store);
    }
    raise(SIGKILL);
}

static void what_was_acknowledged_survives_kill_9_and_what_ran_is_lost(void **state) {
    struct fixture *fixture = *state;
    store_close(fixture->store);
    fixture->store = NULL;
    pid_t pid = fork();
    if (pid == 0) die_after(&fixture->config, 500);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    fixture_reopen(fixture);
    assert_int_equal(fixture->interrupted->count, 500);
    for (unsigned n = 0; n < 500; n++) {
        const struct store_session *session = &fixture->interrupted->items[n];
        assert_string_equal(session->id, id_of(n));
        if (n % 5 == 4) { /* it had not begun */
            assert_string_equal(session->status, "pending");
            assert_int_equal(session->ended_us, 0);
            continue;
        }
        assert_string_equal(session->status, "failed");
        assert_string_equal(session->reason, "lost");
        assert_string_equal(session->message, "server stopped");
        assert_true(session->ended_us > 0);
        assert_int_equal(session->lines, n % 10 == 0);
    }
    struct store_log_page *page = read_log(fixture, &(struct store_log_query){.id = id_of(490)});
    assert_int_equal(page->count, 1);
    assert_memory_equal(page->lines[0].text, "here", 4);
    store_log_page_free(page);
    fixture_reopen(fixture); /* and may begin still */
    assert_int_equal(fixture->interrupted->count, 100);
    assert_string_equal(fixture->interrupted->items[0].status, "pending");
}

/* Posts lines of two sessions, one with a file, and dies at once: nothing has been completed. */
static void die_with_lines_on_their_way(const struct store_config *config, int64_t rows[2]) {
    struct rpc_error err = {0};
    struct store *store = store_open(config, NULL, &err);
    if (!store) _exit(1);
    int stored = 0;
    struct store_request request = {0};
    for (unsigned n = 0; n < 2; n++)
        rows[n] = store_insert(store, pending_session(n), &request, NULL, ignore_status, &stored);
    store_append(store, make_lines(rows[1], 1, 1, 3000), NULL, ignore_status, &stored);
    store_nudge(store);
    while (stored < 3) {
        struct pollfd poll_fd = {.fd = store_fd(store), .events = POLLIN};
        poll(&poll_fd, 1, -1);
        store_dispatch(store);
    }
    bool is_safe;
    for (unsigned n = 0; n < 2; n++) {
        uint64_t first = n == 0 ? 1 : 3001;
        for (uint64_t seq = first; seq < first + 20; seq += 4)
            if (store_append(store, make_lines(rows[n], n, seq, seq + 3), &is_safe, NULL, NULL) <
                    0 ||
                !is_safe)
                _exit(2);
    }
    raise(SIGKILL);
}

static void lines_in_the_journal_survive_before_they_are_completed(void **state) {
    struct fixture *fixture = *state;
    for (int round = 0; round < 10; round++) { /* the writer gets more or less far */
        fixture_teardown(state);
        fixture_setup(state);
        fixture = *state;
        store_close(fixture->store);
        fixture->store = NULL;
        pid_t pid = fork();
        int64_t rows[2];
        if (pid == 0) die_with_lines_on_their_way(&fixture->config, rows);
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        fixture_reopen(fixture);
        static const uint64_t lasts[] = {20, 3020};
        for (unsigned n = 0; n < 2; n++) {
            assert_int_equal(fixture->interrupted->items[n].lines, lasts[n]);
            struct store_log_page *page =
                read_log(fixture, &(struct store_log_query){.id = id_of(n), .after_seq = 0});
            assert_int_equal(page->count, lasts[n]);
            for (size_t i = 0; i < page->count; i++)
                assert_is_line(&page->lines[i], i + 1);
            store_log_page_free(page);
        }
    }
}

/* Posts whole lives of sessions and dies: nothing need have been completed. Every fourth still
 * runs, every fifth has more lines than a record of the journal takes. */
#define SAFE_SESSIONS 200

static bool has_ended(unsigned n) {
    return n % 4 != 0;
}

static uint64_t lines_of(unsigned n) {
    return n % 5 == 0 ? 1000 : n % 3;
}

static void die_with_all_told(const struct store_config *config) {
    struct rpc_error err = {0};
    struct store *store = store_open(config, NULL, &err);
    if (!store) _exit(1);
    struct store_request request = {.script = {"40+2", 4}, .args = "[\"a\"]"};
    for (unsigned n = 0; n < SAFE_SESSIONS; n++) {
        bool is_safe, is_end_safe;
        int64_t row = store_insert(store, pending_session(n), &request, &is_safe, NULL, NULL);
        if (row < 0 || !is_safe) _exit(2);
        store_start(store, row, 2000000, 77, NULL, NULL, NULL);
        if (!has_ended(n)) continue;
        struct store_session over = {
            .status = "succeeded", .started_us = 2000000, .ended_us = 3000000, .lines = 5};
        uint64_t lines = lines_of(n);
        if (store_end(store, row, &over, (struct store_bytes){"42", 2},
                      lines ? make_lines(row, n, 1, lines) : NULL, &is_end_safe, NULL, NULL) < 0)
            _exit(3);
        if (is_end_safe != (lines < 1000)) _exit(4);
    }
    raise(SIGKILL);
}

static void what_is_safe_survives_before_it_is_completed(void **state) {
    struct fixture *fixture = *state;
    store_close(fixture->store);
    fixture->store = NULL;
    pid_t pid = fork();
    if (pid == 0) die_with_all_told(&fixture->config);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    for (int reopened = 0; reopened < 2; reopened++) { /* nor does it come twice */
        fixture_reopen(fixture);
        for (unsigned n = 0; n < SAFE_SESSIONS; n++) {
            struct store_record *record = get(fixture, id_of(n));
            assert_non_null(record);
            assert_memory_equal(record->request.script.data, "40+2", 4);
            assert_string_equal(record->request.args, "[\"a\"]");
            /* An end that was not safe may or may not have come into the database. */
            bool is_lost = !has_ended(n) ||
                           (lines_of(n) == 1000 && strcmp(record->session.status, "failed") == 0);
            assert_string_equal(record->session.status, is_lost ? "failed" : "succeeded");
            if (!is_lost) assert_memory_equal(record->value.data, "42", 2);
            store_record_free(record);
            struct store_log_page *page =
                read_log(fixture, &(struct store_log_query){.id = id_of(n), .after_seq = 0});
            if (!is_lost) assert_int_equal(page->count, lines_of(n));
            store_log_page_free(page);
        }
    }
}

/* More than the ring has room for goes round it, and waits when it is full. */
static void the_journal_goes_round(void **state) {
    struct fixture *fixture = *state;
    unsigned safe = 0;
    char script[20000];
    memset(script, ' ', sizeof script);
    for (unsigned n = 0; n < 1000; n++) {
        struct store_request request = {.script = {script, 10000 + n * 10}};
        bool is_safe;
        int64_t row =
            store_insert(fixture->store, pending_session(n), &request, &is_safe, NULL, NULL);
        assert_true(row > 0);
        safe += is_safe;
        store_dispatch(fixture->store);
    }
    assert_true(safe > 100);
    fixture_reopen(fixture);
    struct store_sessions *sessions = list(fixture, &(struct store_query){.limit = 1});
    assert_int_equal(sessions->total, 1000);
    store_sessions_free(sessions);
}

static void a_question_sees_the_changes_before_it(void **state) {
    struct fixture *fixture = *state;
    struct store_request request = {0};
    for (unsigned n = 0; n < 50; n++) {
        bool is_safe;
        store_insert(fixture->store, pending_session(n), &request, &is_safe, NULL, NULL);
        assert_true(is_safe);
        struct store_sessions *sessions = list(fixture, &(struct store_query){.limit = 1});
        assert_int_equal(sessions->total, n + 1);
        store_sessions_free(sessions);
        struct store_record *record = get(fixture, id_of(n));
        assert_non_null(record);
        store_record_free(record);
    }
}

/* ---- Lists ------------------------------------------------------------------------------- */

/* Sessions 1 to 20: the odd ones succeeded, every fourth failed, the others run. */
static void fill(struct fixture *fixture) {
    for (unsigned n = 1; n <= 20; n++) {
        struct store_session session = *pending_session(n);
        session.tags = n % 5 == 0 ? "[\"five\"]" : "[\"fivefold\"]";
        session.caller_user = n <= 10 ? "ana" : "ben";
        session.caller_uid = n <= 10 ? 1000 : 1001;
        char script[40];
        snprintf(script, sizeof script, "let Number_%u = 100%%;", n);
        struct store_request request = {.script = {script, strlen(script)}};
        int64_t row;
        insert_as(fixture, &session, &request, &row);
        struct store_session over = {.status = n % 2 ? "succeeded" : "failed",
                                     .started_us = 2000000,
                                     .ended_us = 3000000 - (int64_t)n,
                                     .lines = n % 7,
                                     .user_us = n * 10,
                                     .peak_rss_bytes = n == 3 ? 1 << 20 : 1000};
        if (n % 2 || n % 4 == 0) end_with(fixture, row, &over, NULL, NULL);
    }
}

static void assert_numbers(struct fixture *fixture, const struct store_query *query,
                           const char *expected, uint64_t total) {
    struct store_sessions *sessions = list(fixture, query);
    char found[200] = "";
    for (size_t i = 0; i < sessions->count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%lld", i ? " " : "",
                 (long long)sessions->items[i].queued_us - 1000000);
    assert_string_equal(found, expected);
    assert_int_equal(sessions->total, total);
    store_sessions_free(sessions);
}

static void lists_are_filtered(void **state) {
    struct fixture *fixture = *state;
    fill(fixture);
    static const char *const failed[] = {"failed"};
    static const char *const over[] = {"failed", "succeeded"};
    struct store_query query = {.limit = 100, .statuses = failed, .status_count = 1};
    assert_numbers(fixture, &query, "20 16 12 8 4", 5);
    query = (struct store_query){.limit = 3, .statuses = over, .status_count = 2};
    assert_numbers(fixture, &query, "20 19 17", 15);
    query = (struct store_query){.limit = 100, .since_us = 1000018};
    assert_numbers(fixture, &query, "20 19 18", 3);
    query = (struct store_query){.limit = 100, .until_us = 1000003};
    assert_numbers(fixture, &query, "2 1", 2);
    query = (struct store_query){.limit = 100, .tag = "five"};
    assert_numbers(fixture, &query, "20 15 10 5", 4);
    query = (struct store_query){.limit = 1, .caller = "ben"};
    assert_numbers(fixture, &query, "20", 10);
    query = (struct store_query){.limit = 1, .caller = "1000"};
    assert_numbers(fixture, &query, "10", 10);
    query = (struct store_query){.limit = 100, .text = "number_7 ="};
    assert_numbers(fixture, &query, "7", 1);
    query = (struct store_query){.limit = 100, .text = "100%", .caller = "ana", .tag = "five"};
    assert_numbers(fixture, &query, "10 5", 2);
    query = (struct store_query){.limit = 100, .text = "r%b"}; /* no wildcard */
    assert_numbers(fixture, &query, "", 0);
    query = (struct store_query){.limit = 100, .text = id_of(9)};
    assert_numbers(fixture, &query, "9", 1);
}

static void tags_are_searched_one_by_one(void **state) {
    struct fixture *fixture = *state;
    static const char *const tags[] = {"[\"a\\\"b\",\"x\"]", "[\"[y]\"]", "[\"back\\\\slash\"]"};
    static const struct {
        const char *text, *expected;
    } cases[] = {{"a\"B", "1"}, {"[", "2"}, {"]", "2"}, {"k\\s", "3"}, {",", ""}, {"\"", "1"}};
    for (unsigned n = 1; n <= 3; n++) {
        struct store_session session = *pending_session(n);
        session.tags = tags[n - 1];
        int64_t row;
        insert_as(fixture, &session, &(struct store_request){0}, &row);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store_query query = {.limit = 10, .text = cases[i].text};
        assert_numbers(fixture, &query, cases[i].expected, *cases[i].expected != '\0');
    }
}

static void lists_are_sorted_and_paged(void **state) {
    struct fixture *fixture = *state;
    fill(fixture);
    struct store_query query = {.limit = 4};
    assert_numbers(fixture, &query, "20 19 18 17", 20);
    query.offset = 18;
    assert_numbers(fixture, &query, "2 1", 20);
    query.offset = 30;
    assert_numbers(fixture, &query, "", 20);
    query = (struct store_query){.limit = 3, .is_ascending = true};
    assert_numbers(fixture, &query, "1 2 3", 20);
    query = (struct store_query){.limit = 3, .sort = STORE_SORT_ENDED};
    assert_numbers(fixture, &query, "1 3 4", 20);
    query = (struct store_query){.limit = 2, .sort = STORE_SORT_MEMORY};
    assert_numbers(fixture, &query, "3 20", 20);
    query = (struct store_query){.limit = 2, .sort = STORE_SORT_CPU};
    assert_numbers(fixture, &query, "20 19", 20);
    query = (struct store_query){.limit = 2, .sort = STORE_SORT_LINES};
    assert_numbers(fixture, &query, "20 13", 20);
    query = (struct store_query){.limit = 0};
    assert_numbers(fixture, &query, "", 20);
}

static void on_key(void *ctx, int status, struct store_sessions *sessions) {
    assert_int_equal(status, 0);
    *(struct store_sessions **)ctx = sessions;
}

static void a_session_is_found_by_its_idempotency_key(void **state) {
    struct fixture *fixture = *state;
    for (unsigned n = 1; n <= 3; n++) {
        struct store_session session = *pending_session(n);
        session.idempotency_key = n == 3 ? NULL : "once";
        insert_as(fixture, &session, &(struct store_request){0}, NULL);
    }
    static const struct {
        const char *key;
        size_t count;
    } cases[] = {{"once", 1}, {"twice", 0}};
    for (size_t i = 0; i < 2; i++) {
        struct store_sessions *sessions = NULL;
        store_find_key(fixture->store, cases[i].key, on_key, &sessions);
        while (!sessions) {
            struct pollfd poll_fd = {.fd = store_fd(fixture->store), .events = POLLIN};
            poll(&poll_fd, 1, -1);
            store_dispatch(fixture->store);
        }
        assert_int_equal(sessions->count, cases[i].count);
        if (sessions->count) assert_string_equal(sessions->items[0].id, id_of(2));
        store_sessions_free(sessions);
    }
}

/* ---- The place --------------------------------------------------------------------------- */

static void files_are_their_owners_only(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    append(fixture, make_lines(row, 1, 1, 5000));
    char log[64], log_folder[16];
    snprintf(log_folder, sizeof log_folder, "logs/%.2s", id_of(1));
    snprintf(log, sizeof log, "logs/%.2s/%s.log", id_of(1), id_of(1));
    const struct {
        const char *path;
        mode_t mode;
    } expected[] = {
        {"history.db", 0600}, {"history.db-wal", 0600}, {"logs", 0700}, {log_folder, 0700},
        {log, 0600},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char path[200];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", fixture->dir, expected[i].path);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, expected[i].mode);
    }
}

static void a_database_of_a_newer_version_is_refused(void **state) {
    struct fixture *fixture = *state;
    store_close(fixture->store);
    fixture->store = NULL;
    char path[100];
    snprintf(path, sizeof path, "%s/history.db", fixture->dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL);
    sqlite3_close(db);
    struct rpc_error err = {0};
    assert_null(store_open(&fixture->config, NULL, &err));
    assert_int_equal(err.kind, RPC_ERROR_INVALID);
    assert_non_null(strstr(err.message, "newer version: its format is 99"));
    assert_non_null(strstr(err.message, path));
}

static void a_full_queue_refuses_but_never_the_end_of_a_session(void **state) {
    struct fixture *fixture = *state;
    fixture->config.queue_changes = 2;
    fixture_reopen(fixture);
    int64_t row;
    insert(fixture, 0, &row);
    int stored = 0, ended = 0, accepted = 0, refused = 0;
    for (unsigned n = 1; n <= 2000; n++) {
        struct store_request request = {0};
        int64_t next = store_insert(fixture->store, pending_session(n), &request, NULL,
                                    ignore_status, &stored);
        if (next > 0) accepted++;
        if (next == -ENOBUFS) refused++;
    }
    struct store_session over = {.status = "succeeded", .ended_us = 5};
    assert_int_equal(store_end(fixture->store, row, &over, (struct store_bytes){0}, NULL, NULL,
                               ignore_status, &ended),
                     0);
    assert_true(refused > 0);
    assert_int_equal(accepted + refused, 2000);
    struct store_stats stats;
    store_get_stats(fixture->store, &stats);
    assert_int_equal(stats.refused, refused);
    store_close(fixture->store); /* does what was posted and completes it */
    fixture->store = NULL;
    assert_int_equal(stored, accepted);
    assert_int_equal(ended, 1);
}

#define CASE(TEST) cmocka_unit_test_setup_teardown(TEST, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_session_is_kept_as_it_was),
        CASE(an_unknown_session_is_not_found),
        CASE(an_id_is_taken_once),
        CASE(a_session_is_deleted_with_all_that_is_its_own_once_it_has_ended),
        CASE(a_start_is_seen_soon_and_an_end_says_it_again),
        CASE(the_state_of_a_callback_is_kept),
        CASE(what_was_acknowledged_survives_kill_9_and_what_ran_is_lost),
        CASE(lines_in_the_journal_survive_before_they_are_completed),
        CASE(what_is_safe_survives_before_it_is_completed),
        CASE(the_journal_goes_round),
        CASE(a_question_sees_the_changes_before_it),
        CASE(lists_are_filtered),
        CASE(tags_are_searched_one_by_one),
        CASE(lists_are_sorted_and_paged),
        CASE(a_session_is_found_by_its_idempotency_key),
        CASE(files_are_their_owners_only),
        CASE(a_database_of_a_newer_version_is_refused),
        CASE(a_full_queue_refuses_but_never_the_end_of_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
