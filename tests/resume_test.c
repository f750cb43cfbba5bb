/* What waited in a server that died runs in the next one; what had begun is never run again. */
#include "support/http.h"
#include "support/process.h"
#include "support/server.h"

#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char *const one_worker[] = {"--workers", "1", NULL};
static char blocker[RUNNER_ID_BYTES];

/* A server whose only slot is taken. */
static int setup_blocked(void **state) {
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    server_start(server, one_worker);
    start_session(server, "print(1); loop {}", blocker);
    await_lines(server, blocker, 1);
    *state = server;
    return 0;
}

static void kill_and_start(struct test_server *server) {
    kill(server->pid, SIGKILL);
    server_wait(server);
    server_start(server, one_worker);
}

static void post(struct test_server *server, struct runner_start start, char id[RUNNER_ID_BYTES]) {
    struct rpc_error err = {0};
    if (runner_session_start(server->runner, &start, id, &err) < 0) fail_msg("%s", err.message);
}

static void await_failure(struct test_server *server, const char *id, const char *reason,
                          const char *message) {
    struct runner_session session;
    await_end(server, id, &session);
    assert_int_equal(session.status, RUNNER_FAILED);
    assert_string_equal(session.reason, reason);
    assert_string_equal(session.message, message);
    runner_session_done(&session);
}

static void await_value(struct test_server *server, const char *id, const char *value) {
    struct runner_session session;
    struct runner_result result;
    bool has_ended;
    await_end(server, id, &session);
    if (session.status != RUNNER_SUCCEEDED) fail_msg("%s", session.message);
    assert_int_equal(runner_session_result(server->runner, id, &has_ended, &result, NULL), 0);
    char *text = json_dumps(result.value, JSON_ENCODE_ANY | JSON_COMPACT);
    assert_string_equal(text, value);
    free(text);
    runner_result_done(&result);
    runner_session_done(&session);
}

static void what_waited_runs_with_all_that_was_asked(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    json_t *inputs = json_pack("{s:i}", "n", 20);
    post(server,
         (struct runner_start){
             .script = "/// @input n: int\n/// @input m: int = 3\n"
                       "print(env(\"V\")); let dir = run_silent(\"pwd\").stdout; dir.trim();"
                       "[ARGS[0], n * m, dir]",
             .inputs = inputs,
             .env_vars = (const char *const[]){"V=seen", NULL},
             .args = (const char *const[]){"a b", NULL},
             .working_dir = "/usr",
             .tags = (const char *const[]){"t", NULL},
             .limits.cpu_ms = 5000,
             .timeout_ms = 60000},
         id);
    json_decref(inputs);
    kill_and_start(server);
    await_failure(server, blocker, "lost", "server stopped");
    await_value(server, id, "[\"a b\",60,\"/usr\"]");
    struct runner_session session;
    get_session(server, id, &session);
    assert_int_equal(session.lines, 1);
    assert_string_equal(json_string_value(json_array_get(session.tags, 0)), "t");
    const json_t *limits = json_object_get(session.json, "limits");
    assert_int_equal(json_integer_value(json_object_get(limits, "cpu_ms")), 5000);
    assert_int_equal(json_integer_value(json_object_get(session.json, "timeout_ms")), 60000);
    runner_session_done(&session);
}

static void write_script(struct test_server *server, const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%s/hero/var/hero_runner_rhai/scripts/%s", server->home, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void wherever_the_script_came_from(void **state) {
    static struct http_peer peer;
    struct test_server *server = *state;
    char by_path[RUNNER_ID_BYTES], by_name[RUNNER_ID_BYTES], by_url[RUNNER_ID_BYTES], url[64];
    write_script(server, "beside.rhai", "fn six() { 6 }");
    write_script(server, "main.rhai", "import \"beside\" as b; b::six() * 7");
    post(server, (struct runner_start){.script_path = "main.rhai"}, by_path);
    assert_int_equal(runner_script_save(server->runner, "job", "43", 2, NULL, NULL, NULL), 0);
    post(server, (struct runner_start){.script_name = "job"}, by_name);
    http_peer_start(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n44");
    snprintf(url, sizeof url, "http://127.0.0.1:%u/s.rhai", peer.port);
    post(server, (struct runner_start){.script_url = url}, by_url);
    kill_and_start(server);
    await_value(server, by_path, "42");
    await_value(server, by_name, "43");
    await_value(server, by_url, "44");
}

static void in_the_order_in_which_it_would_have_run(void **state) {
    struct test_server *server = *state;
    static const int priorities[] = {0, 0, 5, 0};
    static const unsigned places[] = {1, 2, 0, 3};
    char ids[4][RUNNER_ID_BYTES], new_one[RUNNER_ID_BYTES];
    for (int i = 0; i < 4; i++)
        post(server, (struct runner_start){.script = "print(1)", .priority = priorities[i]},
             ids[i]);
    kill_and_start(server);
    post(server, (struct runner_start){.script = "print(1)"}, new_one);
    int64_t started[5];
    for (int i = 0; i < 5; i++) {
        struct runner_session session;
        await_end(server, i < 4 ? ids[i] : new_one, &session);
        assert_int_equal(session.status, RUNNER_SUCCEEDED);
        started[i < 4 ? places[i] : 4] = session.started_at_ms;
        runner_session_done(&session);
    }
    for (int i = 1; i < 4; i++)
        assert_true(started[i - 1] <= started[i]);
}

static void what_needs_a_secret_is_lost_and_says_so(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    post(server,
         (struct runner_start){.script = "env(\"DB_PASSWORD\")",
                               .env_vars = (const char *const[]){"DB_PASSWORD=hidden", NULL}},
         id);
    kill_and_start(server);
    await_failure(server, id, "lost",
                  "server stopped before it ran, and the value of \"DB_PASSWORD\" is not stored");
}

static void it_can_be_stopped_as_any_other(void **state) {
    struct test_server *server = *state;
    char first[RUNNER_ID_BYTES], second[RUNNER_ID_BYTES];
    post(server, (struct runner_start){.script = "print(1); loop {}"}, first);
    post(server, (struct runner_start){.script = "print(1)"}, second);
    kill_and_start(server);
    await_lines(server, first, 1);
    assert_int_equal(runner_session_stop(server->runner, second, NULL, NULL), 0);
    struct runner_session session;
    get_session(server, second, &session);
    assert_int_equal(session.status, RUNNER_CANCELLED);
    runner_session_done(&session);
    kill_and_start(server); /* and that stays so */
    get_session(server, second, &session);
    assert_int_equal(session.status, RUNNER_CANCELLED);
    runner_session_done(&session);
    await_failure(server, first, "lost", "server stopped");
}

static void a_server_that_is_ended_properly_leaves_nothing_to_do(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    post(server, (struct runner_start){.script = "print(1)"}, id);
    server_stop(server);
    server_start(server, one_worker);
    struct runner_session session;
    get_session(server, id, &session);
    assert_int_equal(session.status, RUNNER_CANCELLED);
    assert_string_equal(session.message, "server stopped");
    runner_session_done(&session);
}

/* ---- Never twice ---------------------------------------------------------------------------- */

#define SESSIONS 60
#define KILLS 6

static off_t size_of(struct test_server *server, int n) {
    char path[128];
    struct stat info;
    snprintf(path, sizeof path, "%s/ran.%d", server->home, n);
    return stat(path, &info) == 0 ? info.st_size : 0;
}

/* Each leaves a byte when it begins. */
static void nothing_runs_twice_however_often_the_server_dies(void **state) {
    struct test_server *server = *state;
    static char ids[SESSIONS][RUNNER_ID_BYTES];
    for (int i = 0; i < SESSIONS; i++) {
        char script[256];
        snprintf(script, sizeof script, "run_silent(\"printf x >> %s/ran.%d\"); sleep(0.02)",
                 server->home, i);
        start_session(server, script, ids[i]);
    }
    for (int i = 0; i < KILLS; i++) {
        pause_ms(37 * i);
        kill(server->pid, SIGKILL);
        server_wait(server);
        server_start(server, NULL);
    }
    int succeeded = 0, lost = 0;
    for (int i = 0; i < SESSIONS; i++) {
        struct runner_session session;
        await_end(server, ids[i], &session);
        assert_true(size_of(server, i) <= 1);
        if (session.status == RUNNER_SUCCEEDED) {
            assert_int_equal(size_of(server, i), 1);
            succeeded++;
        } else {
            assert_string_equal(session.reason, "lost");
            lost++;
        }
        runner_session_done(&session);
    }
    assert_true(succeeded > 0);
    assert_true(lost <= (KILLS + 1) * 4); /* those in the four slots */
}

/* ---- Starts that are not stored yet --------------------------------------------------------- */

/* A server without a journal, whose only slot is taken, and a session that waits for it. */
static int setup_without_journal(void **state) {
    struct test_server *server = calloc(1, sizeof *server);
    char command[256];
    server_init(server);
    snprintf(command, sizeof command, "mkdir -p %s/hero/var/hero_runner_rhai/changes.journal",
             server->home);
    assert_int_equal(system(command), 0);
    server_start(server, one_worker);
    start_session(server, "print(1); loop {}", blocker);
    await_lines(server, blocker, 1);
    *state = server;
    return 0;
}

static void post_one_that_counts(struct test_server *server, char id[RUNNER_ID_BYTES]) {
    char script[256];
    snprintf(script, sizeof script, "run_silent(\"printf x >> %s/ran.0\")", server->home);
    start_session(server, script, id);
}

/* Another program that looks into the database: the server's writing thread waits for it. */
static sqlite3 *lock_history(struct test_server *server) {
    char path[256];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/hero/var/hero_runner_rhai/history.db", server->home);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

/* The blocker is stopped, whose end then waits to be stored; the next one has the slot. */
static void give_slot_away(struct test_server *server) {
    assert_int_equal(runner_session_stop(server->runner, blocker, NULL, NULL), 0);
    pause_ms(500); /* long enough for a script to leave its byte, were it allowed to begin */
    assert_int_equal(size_of(server, 0), 0);
}

static void await_one_run(struct test_server *server, const char *id) {
    struct runner_session session;
    await_end(server, id, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(size_of(server, 0), 1);
    runner_session_done(&session);
}

static void nothing_begins_before_its_start_is_stored(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    post_one_that_counts(server, id);
    sqlite3 *lock = lock_history(server);
    give_slot_away(server);
    sqlite3_close(lock);
    await_one_run(server, id);
}

static void so_a_server_that_dies_before_it_is_leaves_it_to_the_next_one(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    post_one_that_counts(server, id);
    sqlite3 *lock = lock_history(server);
    give_slot_away(server);
    kill(server->pid, SIGKILL);
    server_wait(server);
    sqlite3_close(lock);
    server_start(server, one_worker);
    await_one_run(server, id);
}

static void and_can_be_stopped_before_it_is(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    struct runner_session session;
    post_one_that_counts(server, id);
    sqlite3 *lock = lock_history(server);
    give_slot_away(server);
    assert_int_equal(runner_session_stop(server->runner, id, NULL, NULL), 0);
    sqlite3_close(lock);
    await_end(server, id, &session);
    assert_int_equal(session.status, RUNNER_CANCELLED);
    assert_int_equal(size_of(server, 0), 0);
    runner_session_done(&session);
}

/* Its process may die as well; the session is still there for the next one. */
static void and_survives_the_process_it_was_to_have(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    post_one_that_counts(server, id);
    sqlite3 *lock = lock_history(server);
    give_slot_away(server);
    kill(server_zygote(server), SIGKILL);
    sqlite3_close(lock);
    await_one_run(server, id);
}

#define BLOCKED(test) cmocka_unit_test_setup_teardown(test, setup_blocked, teardown_server)
#define WITHOUT_JOURNAL(test)                                                                      \
    cmocka_unit_test_setup_teardown(test, setup_without_journal, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        BLOCKED(what_waited_runs_with_all_that_was_asked),
        BLOCKED(wherever_the_script_came_from),
        BLOCKED(in_the_order_in_which_it_would_have_run),
        BLOCKED(what_needs_a_secret_is_lost_and_says_so),
        BLOCKED(it_can_be_stopped_as_any_other),
        BLOCKED(a_server_that_is_ended_properly_leaves_nothing_to_do),
        cmocka_unit_test_setup_teardown(nothing_runs_twice_however_often_the_server_dies,
                                        setup_server, teardown_server),
        WITHOUT_JOURNAL(nothing_begins_before_its_start_is_stored),
        WITHOUT_JOURNAL(so_a_server_that_dies_before_it_is_leaves_it_to_the_next_one),
        WITHOUT_JOURNAL(and_can_be_stopped_before_it_is),
        WITHOUT_JOURNAL(and_survives_the_process_it_was_to_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
