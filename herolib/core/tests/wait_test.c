/* The one place where a script waits: deadline, readiness, stop, signals. */
#include "tests/sink.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static int64_t in_ms(int ms) {
    return herolib_now_ns() + ms * MS;
}

static void a_deadline_ends_the_wait(void **state) {
    (void)state;
    struct sink sink = {0};
    herolib_session session = sink_session(&sink);
    int64_t before = herolib_now_ns();
    assert_int_equal(herolib_wait(&session, NULL, 0, in_ms(30)), 0);
    assert_in_range(herolib_now_ns() - before, 30 * MS, 1000 * MS);
}

static void a_deadline_that_has_passed_still_sees_what_is_ready(void **state) {
    (void)state;
    struct sink sink = {0};
    herolib_session session = sink_session(&sink);
    struct pollfd fd = {.fd = eventfd(1, EFD_CLOEXEC), .events = POLLIN};
    assert_int_equal(herolib_wait(&session, &fd, 1, 0), 1);
    assert_int_equal(fd.revents, POLLIN);
    close(fd.fd);
}

static void output_is_flushed_before_waiting(void **state) {
    (void)state;
    struct sink sink = {0};
    herolib_session session = sink_session(&sink);
    assert_int_equal(herolib_wait(&session, NULL, 0, 0), 0);
    assert_int_equal(sink.flushes, 1);
    assert_int_equal(sink.partial_flushes, 0);
}

static void a_stop_ends_the_wait_at_once(void **state) {
    (void)state;
    struct sink sink = {0};
    herolib_session session = sink_session(&sink);
    session.stop_fd = sink_stop_after_ms(20);
    int64_t before = herolib_now_ns();
    assert_int_equal(herolib_wait(&session, NULL, 0, HEROLIB_NO_DEADLINE), -ECANCELED);
    assert_in_range(herolib_now_ns() - before, 20 * MS, 200 * MS);
    close(session.stop_fd);
}

static void a_stop_wins_over_readiness(void **state) {
    (void)state;
    struct sink sink = {0};
    herolib_session session = sink_session(&sink);
    session.stop_fd = eventfd(1, EFD_CLOEXEC);
    struct pollfd fd = {.fd = eventfd(1, EFD_CLOEXEC), .events = POLLIN};
    assert_int_equal(herolib_wait(&session, &fd, 1, HEROLIB_NO_DEADLINE), -ECANCELED);
    close(fd.fd);
    close(session.stop_fd);
}

static void on_alarm(int number) {
    (void)number;
}

static void signals_do_not_end_it(void **state) {
    (void)state;
    struct sink sink = {0};
    herolib_session session = sink_session(&sink);
    struct sigaction action = {.sa_handler = on_alarm}, before_action;
    struct itimerval every_ms = {{0, 1000}, {0, 1000}}, never = {0};
    sigaction(SIGALRM, &action, &before_action);
    setitimer(ITIMER_REAL, &every_ms, NULL);
    int64_t before = herolib_now_ns();
    assert_int_equal(herolib_wait(&session, NULL, 0, in_ms(30)), 0);
    assert_true(herolib_now_ns() - before >= 30 * MS);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before_action, NULL);
}

static void many_descriptors_may_be_waited_for(void **state) {
    (void)state;
    struct sink sink = {0};
    herolib_session session = sink_session(&sink);
    struct pollfd fds[40];
    for (size_t i = 0; i < 40; i++)
        fds[i] = (struct pollfd){.fd = eventfd(i % 20 == 3, EFD_CLOEXEC), .events = POLLIN};
    assert_int_equal(herolib_wait(&session, fds, 40, HEROLIB_NO_DEADLINE), 2);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(fds[i].revents, i % 20 == 3 ? POLLIN : 0);
        close(fds[i].fd);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_ends_the_wait),
        cmocka_unit_test(a_deadline_that_has_passed_still_sees_what_is_ready),
        cmocka_unit_test(output_is_flushed_before_waiting),
        cmocka_unit_test(a_stop_ends_the_wait_at_once),
        cmocka_unit_test(a_stop_wins_over_readiness),
        cmocka_unit_test(signals_do_not_end_it),
        cmocka_unit_test(many_descriptors_may_be_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
