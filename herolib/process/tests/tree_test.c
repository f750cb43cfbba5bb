/* A command that is ended leaves nothing behind. The test is a subreaper, as a session is. */
#include "process/command.h"
#include "tests/sink.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

/* Whether we have child processes, zombies included. */
static bool has_children(void) {
    return waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

static int run(struct sink *sink, const char *text, int64_t timeout_ms, int stop_fd,
               struct command_result *result) {
    herolib_session session = sink_session(sink);
    session.stop_fd = stop_fd;
    const char *const argv[] = {COMMAND_SHELL, "-c", text, NULL};
    const struct command command = {.argv = argv, .timeout_ms = timeout_ms};
    *result = (struct command_result){0};
    return command_run(&session, &command, result);
}

static void check_timeout_ends(const char *text) {
    struct sink sink = {0};
    struct command_result result;
    int64_t before = herolib_now_ns();
    assert_int_equal(run(&sink, text, 200, -1, &result), 0);
    assert_true(result.has_timed_out);
    assert_int_equal(result.code, COMMAND_TIMEOUT_CODE);
    assert_in_range(herolib_now_ns() - before, 200 * MS, 5000 * MS);
    assert_false(has_children());
    command_result_done(&result);
    sink_done(&sink);
}

static void a_timeout_ends_what_runs_below_the_shell(void **state) {
    (void)state;
    check_timeout_ends("sleep 100 & (sleep 100 & sleep 100) & sleep 100");
}

static void a_timeout_ends_what_left_the_process_group_and_its_parent(void **state) {
    (void)state;
    check_timeout_ends("(setsid sleep 100 < /dev/null > /dev/null 2>&1 &)\n"
                       "(setsid sh -c 'sleep 100 & sleep 100' > /dev/null 2>&1 &)\n"
                       "sleep 100");
}

static void a_timeout_ends_what_ignores_sigterm(void **state) {
    (void)state;
    check_timeout_ends("trap '' TERM; (setsid sh -c 'while :; do sleep 100; done' &) ; "
                       "while :; do sleep 100; done");
}

static void a_timeout_ends_what_makes_new_processes_all_the_time(void **state) {
    (void)state;
    check_timeout_ends("trap '' TERM; f() { sleep 0.01; (f &) ; } ; (f &); (f &); f; sleep 100");
}

static void a_stop_ends_all_of_it(void **state) {
    (void)state;
    struct sink sink = {0};
    struct command_result result;
    int stop_fd = sink_stop_after_ms(200);
    assert_int_equal(
        run(&sink, "(setsid sleep 100 > /dev/null 2>&1 &) ; sleep 100", 0, stop_fd, &result),
        -ECANCELED);
    assert_false(has_children());
    close(stop_fd);
    sink_done(&sink);
}

static void what_an_earlier_command_left_running_is_spared(void **state) {
    (void)state;
    struct sink sink = {0};
    struct command_result result;
    assert_int_equal(run(&sink, "(setsid sleep 100 > /dev/null 2>&1 & echo $!)", 0, -1, &result),
                     0);
    pid_t pid = atoi(sink_text(&sink.out));
    assert_true(pid > 0);
    command_result_done(&result);
    assert_int_equal(run(&sink, "sleep 100", 100, -1, &result), 0);
    command_result_done(&result);
    assert_int_equal(kill(pid, 0), 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    sink_done(&sink);
}

static void what_was_left_running_and_has_ended_is_reaped(void **state) {
    (void)state;
    struct sink sink = {0};
    struct command_result result;
    assert_int_equal(run(&sink, "(sleep 0.01 > /dev/null 2>&1 &)", 0, -1, &result), 0);
    command_result_done(&result);
    siginfo_t info;
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(run(&sink, "true", 0, -1, &result), 0);
    command_result_done(&result);
    assert_false(has_children());
    sink_done(&sink);
}

int main(void) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timeout_ends_what_runs_below_the_shell),
        cmocka_unit_test(a_timeout_ends_what_left_the_process_group_and_its_parent),
        cmocka_unit_test(a_timeout_ends_what_ignores_sigterm),
        cmocka_unit_test(a_timeout_ends_what_makes_new_processes_all_the_time),
        cmocka_unit_test(a_stop_ends_all_of_it),
        cmocka_unit_test(what_an_earlier_command_left_running_is_spared),
        cmocka_unit_test(what_was_left_running_and_has_ended_is_reaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
