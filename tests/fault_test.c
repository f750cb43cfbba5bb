/* Death of each process, and that nothing is left behind. */
#include "support/process.h"
#include "support/server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEALTHY_MS 20000
#define LEAK_SESSIONS 1000

static bool is_healthy(void *ctx) {
    struct test_server *server = ctx;
    json_t *health = runner_health(server->runner, NULL);
    const char *status = json_string_value(json_object_get(health, "status"));
    bool is_good = status && strcmp(status, "ok") == 0;
    json_decref(health);
    return is_good;
}

/* A session with children in its group and out of it; `mark` is the length of their sleeps. */
static pid_t start_family(struct test_server *server, const char *mark, char id[RUNNER_ID_BYTES]) {
    char script[256];
    snprintf(script, sizeof script,
             "run_command(\"setsid -f sleep %s >/dev/null 2>&1\"); print(1); "
             "run_command(\"sleep %s & wait\")",
             mark, mark);
    start_session(server, script, id);
    await_lines(server, id, 1);
    while (processes_with(mark) < 2)
        pause_ms(5);
    struct runner_session session;
    get_session(server, id, &session);
    pid_t pid = session.child_pid;
    runner_session_done(&session);
    return pid;
}

static void assert_works(struct test_server *server) {
    struct runner_session session;
    struct runner_result result;
    run_session(server, "print(\"works\"); 1", &session, &result);
    if (session.status != RUNNER_SUCCEEDED) fail_msg("%s", session.message);
    assert_int_equal(json_array_size(result.stdout_lines), 1);
    runner_session_done(&session);
    runner_result_done(&result);
    assert_true(wait_until(is_healthy, server, HEALTHY_MS));
}

static void a_killed_session_process_fails_its_session_alone(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES], other[RUNNER_ID_BYTES];
    start_session(server, "print(1); sleep(0.5); 5", other);
    await_lines(server, other, 1);
    pid_t pid = start_family(server, "8641.1", id);
    kill(pid, SIGKILL);
    struct runner_session session;
    await_end(server, id, &session);
    assert_int_equal(session.status, RUNNER_FAILED);
    assert_string_equal(session.reason, "signal");
    assert_int_equal(session.signal, SIGKILL);
    assert_int_equal(processes_with("8641.1"), 0);
    runner_session_done(&session);
    await_end(server, other, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    runner_session_done(&session);
    assert_works(server);
}

static void a_killed_zygote_loses_running_sessions_and_keeps_pending_ones(void **state) {
    struct test_server *server = *state;
    char running[4][RUNNER_ID_BYTES], pending[RUNNER_ID_BYTES];
    start_family(server, "8641.2", running[0]);
    for (int i = 1; i < 4; i++) {
        start_session(server, "print(1); loop {}", running[i]);
        await_lines(server, running[i], 1);
    }
    start_session(server, "\"was pending\"", pending);
    pid_t zygote = server_zygote(server);
    kill(zygote, SIGKILL);
    struct runner_session session;
    for (int i = 0; i < 4; i++) {
        await_end(server, running[i], &session);
        assert_int_equal(session.status, RUNNER_FAILED);
        assert_string_equal(session.reason, "lost");
        assert_string_equal(session.message, "zygote lost");
        assert_false(process_is_alive(session.child_pid));
        runner_session_done(&session);
    }
    assert_int_equal(processes_with("8641.2"), 0);
    await_end(server, pending, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    runner_session_done(&session);
    assert_works(server);
    assert_int_not_equal(server_zygote(server), zygote);
}

static void assert_next_server_sweeps(struct test_server *server, pid_t session, pid_t zygote,
                                      const char *mark) {
    server_wait(server);
    assert_true(process_dies_within(zygote, 2000));
    assert_true(process_dies_within(session, 2000));
    server_start(server, NULL);
    assert_int_equal(processes_with(mark), 0);
    assert_works(server);
}

static void a_killed_server_takes_everything_and_the_next_one_sweeps(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    pid_t session = start_family(server, "8641.3", id), zygote = server_zygote(server);
    kill(server->pid, SIGKILL);
    assert_next_server_sweeps(server, session, zygote, "8641.3");
}

static void server_and_zygote_killed_together_leave_nothing_either(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    pid_t session = start_family(server, "8641.4", id), zygote = server_zygote(server);
    kill(server->pid, SIGSTOP);
    kill(zygote, SIGKILL);
    kill(server->pid, SIGKILL);
    assert_next_server_sweeps(server, session, zygote, "8641.4");
}

static void a_second_server_on_the_same_home_refuses_to_start(void **state) {
    struct test_server *server = *state;
    struct test_server second = *server;
    server_start(&second, NULL); /* talks to the first one, which is healthy */
    int code = -2;
    assert_true(process_dies_within(second.pid, 5000));
    code = server_stop(&second);
    assert_int_equal(code, 1);
    assert_works(server);
}

static void the_parked_processes_are_replaced_when_they_are_killed(void **state) {
    struct test_server *server = *state;
    pid_t zygote = server_zygote(server);
    char command[64];
    snprintf(command, sizeof command, "pkill -KILL -P %d", (int)zygote);
    assert_int_equal(system(command), 0);
    assert_works(server);
    assert_int_equal(server_zygote(server), zygote);
}

struct usage {
    unsigned server_fds, zygote_fds, processes, temporary;
};

static unsigned count_temporary(const struct test_server *server) {
    char command[256];
    snprintf(command, sizeof command, "find %s | wc -l", server->home);
    FILE *pipe = popen(command, "r");
    unsigned count = 0;
    if (!pipe || fscanf(pipe, "%u", &count) != 1) fail();
    pclose(pipe);
    return count;
}

static struct usage measure(struct test_server *server) {
    pid_t zygote = server_zygote(server);
    return (struct usage){process_fd_count(server->pid), process_fd_count(zygote),
                          process_children(zygote), count_temporary(server)};
}

struct settling {
    struct test_server *server;
    struct usage before;
};

/* Refilling goes on for a moment after the last session. */
static bool is_as_before(void *ctx) {
    struct settling *settling = ctx;
    struct usage now = measure(settling->server);
    return memcmp(&now, &settling->before, sizeof now) == 0;
}

static void a_thousand_sessions_leave_nothing_behind(void **state) {
    struct test_server *server = *state;
    assert_works(server);
    pause_ms(100); /* let the refill settle, or "before" is too small */
    struct settling settling = {server, measure(server)};
    for (int i = 0; i < LEAK_SESSIONS; i++) {
        char script[64];
        struct runner_session session;
        struct runner_result result;
        snprintf(script, sizeof script, "print(%d); %d * 2", i, i);
        run_session(server, script, &session, &result);
        assert_int_equal(session.status, RUNNER_SUCCEEDED);
        assert_int_equal(json_integer_value(result.value), i * 2);
        assert_int_equal(atoi(json_string_value(json_array_get(result.stdout_lines, 0))), i);
        runner_session_done(&session);
        runner_result_done(&result);
    }
    if (wait_until(is_as_before, &settling, 3000)) return;
    struct usage now = measure(server);
    fail_msg("server fds %u -> %u, zygote fds %u -> %u, processes %u -> %u, files %u -> %u",
             settling.before.server_fds, now.server_fds, settling.before.zygote_fds, now.zygote_fds,
             settling.before.processes, now.processes, settling.before.temporary, now.temporary);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(a_killed_session_process_fails_its_session_alone),
        ON_SERVER(a_killed_zygote_loses_running_sessions_and_keeps_pending_ones),
        ON_SERVER(a_killed_server_takes_everything_and_the_next_one_sweeps),
        ON_SERVER(server_and_zygote_killed_together_leave_nothing_either),
        ON_SERVER(a_second_server_on_the_same_home_refuses_to_start),
        ON_SERVER(the_parked_processes_are_replaced_when_they_are_killed),
        ON_SERVER(a_thousand_sessions_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
