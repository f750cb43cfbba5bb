/* What a session process writes to its descriptors 1 and 2 itself, past print and debug. */
#include "support/process.h"
#include "support/server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_words_of_the_library(struct test_server *server, const char *id) {
    struct runner_log_page page;
    struct runner_log_query query = {0};
    assert_int_equal(runner_session_logs(server->runner, id, &query, &page, NULL), 0);
    unsigned found = 0;
    for (size_t i = 0; i < page.count; i++) {
        found += !page.lines[i].is_stderr && strcmp(page.lines[i].text, "loaded") == 0;
        found += page.lines[i].is_stderr && strcmp(page.lines[i].text, "is damaged") == 0;
    }
    assert_int_equal(found, 2);
    assert_int_equal(page.count, 3);
    runner_log_page_done(&page);
}

static const char script[] = "print(\"mine\"); try { redis_get(\"key\"); } catch {} 1";

static void words_of_a_library_are_in_the_log_before_the_end(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    run_session(server, script, &session, NULL);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    expect_words_of_the_library(server, session.id);
    runner_session_done(&session);
}

static void and_so_are_the_last_words_of_a_process_that_aborts(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    const char *const env_vars[] = {"LIBRARY_ABORTS=1", NULL};
    const struct runner_start start = {.script = script, .env_vars = env_vars};
    assert_int_equal(runner_session_run(server->runner, &start, &session, NULL, NULL), 0);
    assert_int_equal(session.status, RUNNER_FAILED);
    assert_string_equal(session.reason, "signal");
    expect_words_of_the_library(server, session.id);
    runner_session_done(&session);
}

static void however_much_it_says_in_one_write(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    struct runner_log_page page;
    struct runner_log_query query = {.contains = "xxx"};
    const char *const env_vars[] = {"LIBRARY_SAYS_MUCH=1", NULL};
    const struct runner_start start = {.script = script, .env_vars = env_vars};
    assert_int_equal(runner_session_run(server->runner, &start, &session, NULL, NULL), 0);
    assert_int_equal(runner_session_logs(server->runner, session.id, &query, &page, NULL), 0);
    size_t bytes = 0;
    for (size_t i = 0; i < page.count; i++)
        bytes += strlen(page.lines[i].text);
    assert_int_equal(bytes, 150000);
    runner_log_page_done(&page);
    runner_session_done(&session);
}

static void each_session_has_its_own_words(void **state) {
    struct test_server *server = *state;
    char ids[4][RUNNER_ID_BYTES];
    for (int i = 0; i < 4; i++)
        start_session(server, script, ids[i]);
    for (int i = 0; i < 4; i++) {
        struct runner_session session;
        await_end(server, ids[i], &session);
        runner_session_done(&session);
        expect_words_of_the_library(server, ids[i]);
    }
}

static int setup(void **state) {
    static struct test_server server;
    static const char *const options[] = {"--pass-env", "LD_LIBRARY_PATH", NULL};
    server_init(&server);
    server.variables[0] = "LD_LIBRARY_PATH=" STRAY_LIBRARY_DIR;
    server_start(&server, options);
    *state = &server;
    return 0;
}

static int teardown(void **state) {
    server_done(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_a_library_are_in_the_log_before_the_end),
        cmocka_unit_test(and_so_are_the_last_words_of_a_process_that_aborts),
        cmocka_unit_test(however_much_it_says_in_one_write),
        cmocka_unit_test(each_session_has_its_own_words),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
