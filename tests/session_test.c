/* Sessions: what they are given, what they give back, how they are stopped and bounded. */
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

#define STOP_LIMIT_MS 200  /* for a script; */
#define KILL_LIMIT_MS 6000 /* for a child process that resists */

static void assert_lines(const json_t *lines, const char *first, const char *second) {
    const char *expected[] = {first, second};
    size_t count = (first != NULL) + (second != NULL);
    assert_int_equal(json_array_size(lines), count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(json_string_value(json_array_get(lines, i)), expected[i]);
}

static void a_session_can_be_found_followed_and_asked_for_its_result(void **state) {
    struct test_server *server = *state;
    struct rpc_error err = {0};
    char id[RUNNER_ID_BYTES];
    start_session(server, "print(\"hello\"); debug(\"mind\"); 40 + 2", id);
    struct runner_session session;
    await_end(server, id, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_string_equal(session.id, id);
    assert_int_equal(session.lines, 2);
    assert_true(session.queued_at_ms <= session.started_at_ms);
    assert_true(session.started_at_ms <= session.ended_at_ms);
    runner_session_done(&session);

    struct runner_session_list list;
    assert_int_equal(runner_session_list(server->runner, &list, &err), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.sessions[0].id, id);
    runner_session_list_done(&list);

    struct runner_log_page page;
    struct runner_log_query query = {0};
    assert_int_equal(runner_session_logs(server->runner, id, &query, &page, &err), 0);
    assert_int_equal(page.count, 2);
    assert_string_equal(page.lines[0].text, "hello");
    assert_false(page.lines[0].is_stderr);
    assert_string_equal(page.lines[1].text, "\"mind\"");
    assert_true(page.lines[1].is_stderr);
    assert_true(page.ended);
    assert_int_equal(page.next_seq, 2);
    runner_log_page_done(&page);

    struct runner_result result;
    bool has_ended;
    assert_int_equal(runner_session_result(server->runner, id, &has_ended, &result, &err), 0);
    assert_true(has_ended && result.success);
    assert_int_equal(json_integer_value(result.value), 42);
    assert_string_equal(result.value_type, "i64");
    assert_lines(result.stdout_lines, "hello", NULL);
    assert_lines(result.stderr_lines, "\"mind\"", NULL);
    runner_result_done(&result);
}

static void a_running_session_is_a_live_child_of_the_zygote(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(server, "print(1); loop {}", id);
    await_lines(server, id, 1);
    struct runner_session session;
    get_session(server, id, &session);
    assert_int_equal(session.status, RUNNER_RUNNING);
    assert_int_not_equal(session.child_pid, server->pid);
    assert_true(process_is_alive(session.child_pid));
    assert_int_equal(process_parent(session.child_pid), server_zygote(server));
    assert_int_equal(process_parent(server_zygote(server)), server->pid);
    assert_int_equal(runner_session_stop(server->runner, id, NULL, NULL), 0);
    runner_session_done(&session);
}

static void there_is_no_result_while_a_session_runs(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(server, "print(1); loop {}", id);
    await_lines(server, id, 1);
    struct runner_result result;
    bool has_ended = true;
    assert_int_equal(runner_session_result(server->runner, id, &has_ended, &result, NULL), 0);
    assert_false(has_ended);
    assert_int_equal(runner_session_stop(server->runner, id, NULL, NULL), 0);
}

static void a_script_gets_its_arguments_variables_and_directory(void **state) {
    struct test_server *server = *state;
    struct rpc_error err = {0};
    static const char *const vars[] = {"COLOUR=deep blue", "EMPTY=", "HOME=/elsewhere", NULL};
    static const char *const args[] = {"one", "zwei drei", "", NULL};
    struct runner_start start = {
        .script = "[ARGS, env(\"COLOUR\"), env(\"EMPTY\"), env(\"HOME\"), env(\"TERM\"), "
                  "run_silent(\"pwd\").stdout]",
        .env_vars = vars,
        .args = args,
        .working_dir = "/usr",
    };
    struct runner_result result;
    if (runner_session_run(server->runner, &start, NULL, &result, &err) < 0)
        fail_msg("%s", err.message);
    char *value = json_dumps(result.value, JSON_COMPACT);
    assert_true(result.success);
    assert_string_equal(value, "[[\"one\",\"zwei drei\",\"\"],\"deep blue\",\"\",\"/elsewhere\","
                               "\"dumb\",\"/usr\\n\"]");
    free(value);
    runner_result_done(&result);
}

static void a_script_does_not_see_the_servers_environment(void **state) {
    struct test_server *server = *state;
    struct runner_result result;
    run_session(server, "run_silent(\"env\").stdout", NULL, &result);
    const char *env = json_string_value(result.value);
    assert_non_null(env);
    assert_null(strstr(env, "SERVER_SECRET"));
    assert_non_null(strstr(env, "PATH="));
    assert_non_null(strstr(env, "TERM=dumb"));
    runner_result_done(&result);
}

static void an_error_is_rhais_own_text_with_line_and_position(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    struct runner_result result;
    run_session(server, "let x = 1;\nlet y = x + ;", &session, &result);
    assert_int_equal(session.status, RUNNER_FAILED);
    assert_string_equal(session.reason, "error");
    assert_false(result.success);
    assert_string_equal(result.error_message, "Syntax error: Unexpected ';' (line 2, position 13)");
    assert_int_equal(result.error_line, 2);
    assert_int_equal(result.error_position, 13);
    runner_session_done(&session);
    runner_result_done(&result);

    run_session(server, "print(\"before\");\nthrow \"no\";", &session, &result);
    assert_int_equal(session.status, RUNNER_FAILED);
    assert_string_equal(result.error_message, "Runtime error: no (line 2, position 1)");
    assert_int_equal(result.error_line, 2);
    assert_lines(result.stdout_lines, "before", NULL);
    runner_session_done(&session);
    runner_result_done(&result);
}

static void exit_with_a_number_other_than_zero_fails(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    struct runner_result result;
    run_session(server, "exit(7); print(\"not reached\")", &session, &result);
    assert_int_equal(session.status, RUNNER_FAILED);
    assert_string_equal(session.reason, "exit");
    assert_int_equal(session.exit_code, 7);
    assert_lines(result.stdout_lines, NULL, NULL);
    runner_session_done(&session);
    runner_result_done(&result);

    static const char *const good[] = {"exit(0)", "exit()", "exit(\"done\")", "exit(1.5)"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        run_session(server, good[i], &session, NULL);
        assert_int_equal(session.status, RUNNER_SUCCEEDED);
        runner_session_done(&session);
    }
}

static void values_come_as_json(void **state) {
    struct test_server *server = *state;
    static const struct {
        const char *script, *json, *type;
    } cases[] = {
        {"9223372036854775807", "9223372036854775807", "i64"},
        {"()", "null", "()"},
        {"'x'", "\"x\"", "char"},
        {"[1, \"two\", [true]]", "[1,\"two\",[true]]", "array"},
        {"#{b: 1, a: #{}}", "{\"a\":{},\"b\":1}", "map"},
        {"blob(3, 65)", "\"QUFB\"", "blob"},
        {"\"a\\nb\"", "\"a\\nb\"", "string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct runner_result result;
        run_session(server, cases[i].script, NULL, &result);
        char *json = json_dumps(result.value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
        assert_string_equal(json, cases[i].json);
        assert_string_equal(result.value_type, cases[i].type);
        free(json);
        runner_result_done(&result);
    }
}

static void a_value_that_is_too_large_is_left_out_and_said_to_be(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    struct runner_result result;
    run_session(server, "let s = \"x\"; s.pad(17000000, 'x'); s", &session, &result);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_true(result.value_truncated);
    assert_null(result.value);
    assert_string_equal(result.value_type, "string");
    runner_session_done(&session);
    runner_result_done(&result);
}

static void what_children_write_is_kept_in_order_with_prints(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(
        server, "print(\"one\"); run_command(\"echo two; echo three >&2\"); print(\"four\");", id);
    struct runner_session session;
    await_end(server, id, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    runner_session_done(&session);
    struct runner_log_page page;
    struct runner_log_query query = {0};
    assert_int_equal(runner_session_logs(server->runner, id, &query, &page, NULL), 0);
    assert_int_equal(page.count, 4);
    assert_string_equal(page.lines[0].text, "one");
    assert_string_equal(page.lines[3].text, "four");
    for (int i = 1; i <= 2; i++) /* two streams: their order is the kernel's */
        assert_string_equal(page.lines[i].text, page.lines[i].is_stderr ? "three" : "two");
    runner_log_page_done(&page);
}

/* Starts a script that prints one line when it is where it shall be stopped; stops it; returns how
 * long that took until the final status. */
static int64_t time_to_stop(struct test_server *server, const char *script) {
    char id[RUNNER_ID_BYTES];
    start_session(server, script, id);
    await_lines(server, id, 1);
    struct runner_session session;
    int64_t since = now_ms();
    bool is_stopping = false;
    assert_int_equal(runner_session_stop(server->runner, id, &is_stopping, NULL), 0);
    assert_true(is_stopping);
    await_end(server, id, &session);
    int64_t took = now_ms() - since;
    assert_int_equal(session.status, RUNNER_CANCELLED);
    assert_false(process_is_alive(session.child_pid));
    runner_session_done(&session);
    assert_int_equal(runner_session_stop(server->runner, id, &is_stopping, NULL), 0);
    assert_false(is_stopping);
    return took;
}

static void scripts_that_never_end_are_stopped_at_once(void **state) {
    struct test_server *server = *state;
    static const char *const scripts[] = {
        "print(1); loop {}",
        "print(1); loop { try { throw 1 } catch {} }",
        "print(1); sleep(100)",
        "print(1); fn f() { loop { f2() } } fn f2() { 1 } f()",
        "print(1); run_command(\"sleep 100\")",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        int64_t took = time_to_stop(server, scripts[i]);
        if (took > allowed_ms(STOP_LIMIT_MS)) fail_msg("%s: %lld ms", scripts[i], (long long)took);
    }
}

static void children_that_resist_are_killed(void **state) {
    struct test_server *server = *state;
    /* A sleep of a length that no other test uses, so that it can be found. */
    int64_t took = time_to_stop(
        server, "print(1); run_command(\"trap '' TERM; sleep 8640.1 & wait; sleep 8640.1\")");
    assert_true(took < allowed_ms(KILL_LIMIT_MS));
    assert_int_equal(processes_with("8640.1"), 0);
}

static void children_that_have_daemonised_are_killed(void **state) {
    struct test_server *server = *state;
    int64_t took = time_to_stop(
        server, "run_command(\"setsid sh -c 'trap \\\"\\\" TERM; sleep 8640.2; sleep 8640.2' "
                ">/dev/null 2>&1 & setsid -f sleep 8640.2 >/dev/null 2>&1\"); print(1); loop {}");
    assert_true(took < allowed_ms(KILL_LIMIT_MS));
    assert_int_equal(processes_with("8640.2"), 0);
}

static void nothing_of_a_session_survives_its_normal_end(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    run_session(server, "run_command(\"setsid -f sleep 8640.3 >/dev/null 2>&1\"); 1", &session,
                NULL);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(processes_with("8640.3"), 0);
    runner_session_done(&session);
}

static void a_session_over_its_time_fails_as_timed_out(void **state) {
    struct test_server *server = *state;
    struct runner_start start = {.script = "print(1); loop {}", .timeout_ms = 150};
    struct runner_session session;
    struct runner_result result;
    assert_int_equal(runner_session_run(server->runner, &start, &session, &result, NULL), 0);
    assert_int_equal(session.status, RUNNER_FAILED);
    assert_string_equal(session.reason, "timeout");
    assert_string_equal(result.error_message, "timed out after 150 ms");
    assert_lines(result.stdout_lines, "1", NULL);
    runner_session_done(&session);
    runner_result_done(&result);
}

static void forwarding_that_is_asked_for_is_said_to_be_unavailable(void **state) {
    struct test_server *server = *state;
    struct runner_start start = {.script = "1", .forward_logs = true};
    struct runner_session session;
    assert_int_equal(runner_session_run(server->runner, &start, &session, NULL, NULL), 0);
    assert_string_equal(session.forwarding, "unavailable");
    runner_session_done(&session);
    run_session(server, "1", &session, NULL);
    assert_string_equal(session.forwarding, "off");
    runner_session_done(&session);
}

/* ---- The queue --------------------------------------------------------------------------- */

static int setup_small_server(void **state) {
    static const char *const options[] = {"--workers", "1", "--queue", "2", NULL};
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    server_start(server, options);
    *state = server;
    return 0;
}

static void a_full_queue_refuses_and_pending_sessions_are_cancelled_unrun(void **state) {
    struct test_server *server = *state;
    char running[RUNNER_ID_BYTES], second[RUNNER_ID_BYTES], third[RUNNER_ID_BYTES];
    start_session(server, "print(1); loop {}", running);
    await_lines(server, running, 1);
    start_session(server, "print(2)", second);
    start_session(server, "print(3)", third);

    struct rpc_error err = {0};
    struct runner_start start = {.script = "print(4)"};
    char fourth[RUNNER_ID_BYTES];
    assert_int_equal(runner_session_start(server->runner, &start, fourth, &err), -1);
    assert_int_equal(err.kind, RPC_ERROR_RPC);
    assert_int_equal(err.code, RUNNER_ERROR_BUSY);
    assert_string_equal(err.message, "busy: the queue is full (2 sessions)");
    rpc_error_clear(&err);

    struct runner_session session;
    get_session(server, third, &session);
    assert_int_equal(session.status, RUNNER_PENDING);
    runner_session_done(&session);
    assert_int_equal(runner_session_stop(server->runner, third, NULL, NULL), 0);
    get_session(server, third, &session);
    assert_int_equal(session.status, RUNNER_CANCELLED);
    assert_int_equal(session.child_pid, 0);
    assert_int_equal(session.lines, 0);
    runner_session_done(&session);

    assert_int_equal(runner_session_stop(server->runner, running, NULL, NULL), 0);
    await_end(server, second, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    runner_session_done(&session);
}

static void pending_sessions_run_in_the_order_of_posting(void **state) {
    struct test_server *server = *state;
    char running[RUNNER_ID_BYTES], ids[2][RUNNER_ID_BYTES];
    struct runner_session sessions[2];
    start_session(server, "print(1); loop {}", running);
    await_lines(server, running, 1);
    for (int i = 0; i < 2; i++)
        start_session(server, "sleep(0.02)", ids[i]);
    assert_int_equal(runner_session_stop(server->runner, running, NULL, NULL), 0);
    for (int i = 0; i < 2; i++)
        await_end(server, ids[i], &sessions[i]);
    assert_true(sessions[0].ended_at_ms <= sessions[1].started_at_ms);
    for (int i = 0; i < 2; i++)
        runner_session_done(&sessions[i]);
}

static void health_is_good_also_while_all_slots_are_busy(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(server, "print(1); loop {}", id);
    await_lines(server, id, 1);
    json_t *health = runner_health(server->runner, NULL);
    assert_string_equal(json_string_value(json_object_get(health, "status")), "ok");
    json_decref(health);
}

static void an_orderly_end_stops_sessions_and_exits_with_0(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(server, "print(1); run_command(\"sleep 8640.4\")", id);
    await_lines(server, id, 1);
    kill(server->pid, SIGTERM);
    assert_int_equal(server_stop(server), 0); /* the second signal ends the grace time */
    assert_int_equal(processes_with("8640.4"), 0);
    assert_int_not_equal(access(server->socket, F_OK), 0);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)
#define ON_SMALL_SERVER(test)                                                                      \
    cmocka_unit_test_setup_teardown(test, setup_small_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(a_session_can_be_found_followed_and_asked_for_its_result),
        ON_SERVER(a_running_session_is_a_live_child_of_the_zygote),
        ON_SERVER(there_is_no_result_while_a_session_runs),
        ON_SERVER(a_script_gets_its_arguments_variables_and_directory),
        ON_SERVER(a_script_does_not_see_the_servers_environment),
        ON_SERVER(an_error_is_rhais_own_text_with_line_and_position),
        ON_SERVER(exit_with_a_number_other_than_zero_fails),
        ON_SERVER(values_come_as_json),
        ON_SERVER(a_value_that_is_too_large_is_left_out_and_said_to_be),
        ON_SERVER(what_children_write_is_kept_in_order_with_prints),
        ON_SERVER(scripts_that_never_end_are_stopped_at_once),
        ON_SERVER(children_that_resist_are_killed),
        ON_SERVER(children_that_have_daemonised_are_killed),
        ON_SERVER(nothing_of_a_session_survives_its_normal_end),
        ON_SERVER(a_session_over_its_time_fails_as_timed_out),
        ON_SERVER(forwarding_that_is_asked_for_is_said_to_be_unavailable),
        ON_SMALL_SERVER(a_full_queue_refuses_and_pending_sessions_are_cancelled_unrun),
        ON_SMALL_SERVER(pending_sessions_run_in_the_order_of_posting),
        ON_SMALL_SERVER(health_is_good_also_while_all_slots_are_busy),
        ON_SMALL_SERVER(an_orderly_end_stops_sessions_and_exits_with_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
