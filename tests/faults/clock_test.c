/* The wall clock steps, forwards and back, while sessions run: time limits and stops go by the
 * monotonic clock, and no record is lost. libfaketime moves the server's wall clock; it cannot be
 * loaded in front of a sanitizer. */
#include "faults/crowd.h"
#include "faults/health.h"
#include "support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FAKETIME "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
#define SESSIONS 400
#define TIMEOUT_MS 400

static void step_clock(const struct test_server *server, const char *offset) {
    char path[128], next[140];
    snprintf(path, sizeof path, "%s/clock", server->home);
    snprintf(next, sizeof next, "%s.new", path);
    FILE *file = fopen(next, "we");
    assert_non_null(file);
    fprintf(file, "%s\n", offset);
    fclose(file);
    assert_int_equal(rename(next, path), 0);
}

static int setup(void **state) {
    static char file[160];
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    *state = server;
#ifdef __SANITIZE_ADDRESS__
    print_message("skipped: libfaketime cannot be loaded in front of a sanitizer\n");
    return 0;
#endif
    if (access(FAKETIME, R_OK) < 0) {
        print_message("skipped: " FAKETIME " is not installed\n");
        return 0;
    }
    step_clock(server, "+0");
    snprintf(file, sizeof file, "FAKETIME_TIMESTAMP_FILE=%s/clock", server->home);
    const char *const variables[] = {"LD_PRELOAD=" FAKETIME, file, "FAKETIME_NO_CACHE=1",
                                     "FAKETIME_DONT_FAKE_MONOTONIC=1"};
    memcpy(server->variables, variables, sizeof variables);
    server_start(server, NULL);
    return 0;
}

static void need_faketime(const struct test_server *server) {
    if (!server->pid) skip();
}

static void a_time_limit_is_kept_over_steps(void **state) {
    struct test_server *server = *state;
    need_faketime(server);
    static const char *const steps[] = {"+1d", "-1d", "+0"};
    for (int i = 0; i < 3; i++) {
        struct runner_start start = {.script = "print(1); loop {}", .timeout_ms = TIMEOUT_MS};
        char id[RUNNER_ID_BYTES];
        int64_t begin = now_ms();
        assert_int_equal(runner_session_start(server->runner, &start, id, NULL), 0);
        await_lines(server, id, 1);
        step_clock(server, steps[i]);
        struct runner_session session;
        await_end(server, id, &session);
        int64_t took = now_ms() - begin;
        assert_int_equal(session.status, RUNNER_FAILED);
        assert_string_equal(session.reason, "timeout");
        assert_true(took >= TIMEOUT_MS && took < allowed_ms(TIMEOUT_MS * 2));
        runner_session_done(&session);
    }
}

static void nothing_is_lost_over_steps(void **state) {
    struct test_server *server = *state;
    need_faketime(server);
    struct holdings before = holdings_of(server);
    uint64_t random = fault_seed();
    struct crowd crowd;
    crowd_begin(&crowd, server, SESSIONS, 20, random);
    static const char *const steps[] = {"+1h", "-1h", "+20d", "-20d", "+0"};
    for (unsigned i = 0; i < 5; i++) {
        assert_true(crowd_await(&crowd, SESSIONS / 6 * (i + 1)));
        usleep(random_below(&random, 20000));
        step_clock(server, steps[i]);
    }
    crowd_end(&crowd);
    assert_healthy(server);
    crowd_assert_kept(&crowd);
    assert_nothing_left(server, &before);
}

static void the_newest_session_is_listed_first_whatever_the_clock_said(void **state) {
    struct test_server *server = *state;
    need_faketime(server);
    struct runner_session first, second;
    run_session(server, "1", &first, NULL);
    step_clock(server, "-5d");
    run_session(server, "2", &second, NULL);
    struct runner_session_list list;
    assert_int_equal(runner_session_list(server->runner, &list, NULL), 0);
    assert_string_equal(list.sessions[0].id, second.id);
    assert_string_equal(list.sessions[1].id, first.id);
    runner_session_list_done(&list);
    runner_session_done(&first);
    runner_session_done(&second);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(a_time_limit_is_kept_over_steps),
        ON_SERVER(nothing_is_lost_over_steps),
        ON_SERVER(the_newest_session_is_listed_first_whatever_the_clock_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
