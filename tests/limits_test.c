/* Limits: each is broken once, and the session says which one it was. */
#include "support/http.h"
#include "support/process.h"
#include "support/server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void run_limited(struct test_server *server, const char *script, struct runner_limits limits,
                        struct runner_session *ret_session) {
    struct rpc_error err = {0};
    struct runner_start start = {.script = script, .limits = limits, .timeout_ms = 10000};
    if (runner_session_run(server->runner, &start, ret_session, NULL, &err) < 0)
        fail_msg("%s", err.message);
}

static void expect_limit(struct runner_session *session, const char *part_of_message) {
    assert_int_equal(session->status, RUNNER_FAILED);
    assert_string_equal(session->reason, "limit");
    if (!strstr(session->message, part_of_message)) fail_msg("%s", session->message);
    runner_session_done(session);
}

static void operations_are_counted(void **state) {
    struct runner_session session;
    run_limited(*state, "let n = 0;\nwhile true {\n  n += 1;\n}",
                (struct runner_limits){.operations = 10000}, &session);
    assert_true(json_is_integer(json_object_get(json_object_get(session.json, "error"), "line")));
    expect_limit(&session, "Too many operations");
}

static int64_t operations_of(struct test_server *server, const char *script) {
    struct runner_session session;
    run_limited(server, script, (struct runner_limits){0}, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    json_t *usage = json_object_get(session.json, "usage");
    int64_t operations = json_integer_value(json_object_get(usage, "operations"));
    runner_session_done(&session);
    return operations;
}

static void operations_are_told_without_a_limit_too(void **state) {
    int64_t few = operations_of(*state, "let n = 0; while n < 1000 { n += 1; }");
    int64_t many = operations_of(*state, "let n = 0; while n < 100000 { n += 1; }");
    assert_in_range(few, 2000, 20000);
    assert_in_range(many, 90 * few, 110 * few);
}

static void memory_is_bounded_and_the_error_is_the_engines(void **state) {
    struct runner_session session;
    run_limited(*state, "let s = \"0123456789\"; loop { s += s; }",
                (struct runner_limits){.memory_bytes = 16 * 1024 * 1024}, &session);
    expect_limit(&session, "emory");
}

static void memory_of_programs_is_bounded_too(void **state) {
#ifdef __SANITIZE_ADDRESS__
    print_message("skipped: the kernel's limit means nothing under a sanitizer\n");
    skip();
#endif
    static const char script[] =
        "let came_to = \"ran\";"
        "try { run_silent(\"dd if=/dev/zero of=/dev/null bs=300M count=1\"); }"
        "catch (e) { came_to = `${e}`; }"
        "came_to";
    struct test_server *server = *state;
    for (int i = 0; i < 2; i++) {
        int64_t most = (i == 0 ? 1024 : 16) * INT64_C(1024) * 1024;
        struct runner_start start = {.script = script, .limits.memory_bytes = most};
        struct runner_result result;
        assert_int_equal(runner_session_run(server->runner, &start, NULL, &result, NULL), 0);
        const char *came_to = json_string_value(result.value);
        assert_non_null(came_to);
        if (!strstr(came_to, i == 0 ? "ran" : "memory exhausted")) fail_msg("%s", came_to);
        runner_result_done(&result);
    }
}

static void processor_time_of_the_script_is_bounded(void **state) {
    struct runner_session session;
    run_limited(*state, "try { loop {} } catch { print(\"caught\") }",
                (struct runner_limits){.cpu_ms = 200}, &session);
    assert_int_equal(session.lines, 0); /* no `try` catches it */
    assert_true(session.cpu_us >= 150000);
    expect_limit(&session, "over its limit of cpu_ms: 200");
}

static void processor_time_of_its_children_counts_too(void **state) {
    struct runner_session session;
    run_limited(*state, "run_command(\"while :; do :; done\")",
                (struct runner_limits){.cpu_ms = 300}, &session);
    expect_limit(&session, "cpu_ms");
}

static void output_is_bounded(void **state) {
    struct runner_session session;
    run_limited(*state, "loop { print(\"0123456789\") }",
                (struct runner_limits){.output_bytes = 100000}, &session);
    assert_true(session.bytes > 100000);
    expect_limit(&session, "over its limit of output_bytes: 100000");
}

static void output_over_its_bound_fails_also_when_the_script_ends_first(void **state) {
    struct runner_session session;
    run_limited(*state, "print(\"0123456789\")", (struct runner_limits){.output_bytes = 11},
                &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    runner_session_done(&session);
    run_limited(*state, "print(\"0123456789\"); 5", (struct runner_limits){.output_bytes = 10},
                &session);
    assert_int_equal(session.lines, 1);
    expect_limit(&session, "over its limit of output_bytes: 10");
}

static void write_module(const struct test_server *server, const char *name, const char *text) {
    char path[160];
    snprintf(path, sizeof path, "%s/hero/var/hero_runner_rhai/scripts/%s", server->home, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void it_is_a_limit_wherever_it_is_broken(void **state) {
    static const char *const scripts[] = {
        "fn f() { let n = 0; loop { n += 1; } } f()",
        "let f = || { let n = 0; loop { n += 1; } }; f.call()",
        "[1].map(|n| { loop { n += 1; } })",
        "eval(\"let n = 0; loop { n += 1; }\")",
        "import \"spins\" as spins;",
        "import \"has_function\" as it; it::spin()",
        "try { import \"spins\" as it; print(it::N) } catch {} print(\"caught\")",
    };
    struct test_server *server = *state;
    write_module(server, "spins.rhai", "let n = 0; loop { n += 1; }");
    write_module(server, "has_function.rhai", "fn spin() { let n = 0; loop { n += 1; } }");
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct runner_session session;
        run_limited(server, scripts[i], (struct runner_limits){.operations = 10000}, &session);
        assert_int_equal(session.lines, 0);
        expect_limit(&session, "Too many operations");
    }
}

static void a_script_may_be_too_large_for_its_memory(void **state) {
    size_t len = 4 * 1024 * 1024;
    char *script = malloc(len + 1);
    snprintf(script, len + 1, "let x = \"%*s\"; 7", (int)len - 16, "");
    struct runner_session session;
    run_limited(*state, script, (struct runner_limits){.memory_bytes = 1024 * 1024}, &session);
    free(script);
    expect_limit(&session, "Out of memory");
}

/* Where a session's control groups are: "<pid>" below directories of the server's own. */
static unsigned groups_named(const char *name) {
    char command[128];
    snprintf(command, sizeof command, "find /sys/fs/cgroup -type d -name '%s' 2>/dev/null | wc -l",
             name);
    FILE *out = popen(command, "re");
    unsigned count = 0;
    if (fscanf(out, "%u", &count) != 1) count = 0;
    pclose(out);
    return count;
}

static bool has_groups(struct test_server *server) {
    json_t *health = runner_health(server->runner, NULL);
    const char *how = json_string_value(json_object_get(health, "process_limit"));
    bool is_so = strcmp(how, "counting") != 0;
    json_decref(health);
    return is_so;
}

static void need_groups(struct test_server *server) {
    if (has_groups(server)) return;
    print_message("skipped: no control groups can be made here\n");
    skip();
}

static const char many_processes[] =
    "run_command(\"for i in 1 2 3 4 5 6 7 8 9; do sleep 8640.9 & done; wait\")";

static void processes_are_bounded_and_all_are_gone(void **state) {
    struct runner_session session;
    run_limited(*state, many_processes, (struct runner_limits){.processes = 6}, &session);
    expect_limit(&session, "over its limit of processes: 6");
    assert_true(processes_with_die_within("8640.9", 2000));
}

static void processes_are_counted_where_there_are_no_groups(void **state) {
    assert_false(has_groups(*state));
    processes_are_bounded_and_all_are_gone(state);
}

/* Nobody waits for the forty, so they stay before the nine in the list of children. */
static void the_dead_do_not_hide_the_living(void **state) {
    struct runner_session session;
    assert_false(has_groups(*state));
    run_limited(*state,
                "run_command(\"for i in $(seq 40); do true & done; "
                "for i in 1 2 3 4 5 6 7 8 9; do sleep 8640.5 & done; exec sleep 8640.5\")",
                (struct runner_limits){.processes = 6}, &session);
    expect_limit(&session, "over its limit of processes: 6");
    assert_true(processes_with_die_within("8640.5", 2000));
}

static void a_group_refuses_what_counting_would_see_too_late(void **state) {
    need_groups(*state);
    struct runner_session session;
    /* All gone again before anybody could count. */
    run_limited(*state, "run_silent(\"for i in $(seq 40); do sleep 0.01 & done; wait\").success",
                (struct runner_limits){.processes = 10}, &session);
    expect_limit(&session, "over its limit of processes: 10");
    run_limited(*state, "run_command(\"true & true & wait\"); 1",
                (struct runner_limits){.processes = 10}, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    runner_session_done(&session);
}

static void a_group_is_there_while_its_session_runs(void **state) {
    struct test_server *server = *state;
    need_groups(server);
    char id[RUNNER_ID_BYTES], name[16];
    struct rpc_error err = {0};
    struct runner_start start = {.script = "print(1); sleep(100)", .limits.processes = 10};
    struct runner_session session;
    assert_int_equal(runner_session_start(server->runner, &start, id, &err), 0);
    await_lines(server, id, 1);
    get_session(server, id, &session);
    snprintf(name, sizeof name, "%d", (int)session.child_pid);
    assert_true(groups_named(name) > 0);
    runner_session_done(&session);
    assert_int_equal(runner_session_stop(server->runner, id, NULL, NULL), 0);
    await_end(server, id, &session);
    assert_int_equal(groups_named(name), 0);
    runner_session_done(&session);
}

static void no_group_outlives_the_server(void **state) {
    struct test_server *server = *state;
    need_groups(server);
    char path[160], mark[64] = "", name[96];
    snprintf(path, sizeof path, "%s/hero/var/hero_runner_rhai/instance", server->home);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(mark, sizeof mark, file));
    fclose(file);
    snprintf(name, sizeof name, "hero_runner_rhai.%s", mark);
    assert_true(groups_named(name) > 0);
    assert_int_equal(server_stop(server), 0);
    assert_int_equal(groups_named(name), 0);
    server_start(server, NULL);
}

static bool only_one_is_left(void *ctx) {
    (void)ctx;
    return processes_with("8640.6") == 1; /* and not the shell that has it in its command line */
}

/* It has thrown away its environment and with it the mark of the server, its session and its
 * group of processes; its parents are killed. Only the control group still knows whose it is. */
static void what_hides_from_a_dead_server_is_found_by_its_group(void **state) {
    struct test_server *server = *state;
    need_groups(server);
    char id[RUNNER_ID_BYTES];
    struct rpc_error err = {0};
    struct runner_start start = {
        .script = "run_command(\"env -i setsid sleep 8640.6 & echo there; wait\")",
        .limits.processes = 10};
    assert_int_equal(runner_session_start(server->runner, &start, id, &err), 0);
    await_lines(server, id, 1);
    kill(server_zygote(server), SIGSTOP); /* else it might sweep before it is killed itself */
    kill(server->pid, SIGKILL);
    server_wait(server);
    assert_true(wait_until(only_one_is_left, NULL, 10000));
    server_start(server, NULL);
    assert_int_equal(processes_with("8640.6"), 0);
}

static void open_files_are_bounded_for_the_script_and_its_programs(void **state) {
    struct runner_session session;
    struct runner_result result;
    struct runner_start start = {.script = "run_command(\"ulimit -n\").stdout",
                                 .limits.open_files = 40};
    struct test_server *server = *state;
    assert_int_equal(runner_session_run(server->runner, &start, &session, &result, NULL), 0);
    const char *value = json_string_value(result.value);
    if (!value || strtol(value, NULL, 10) != 40)
        fail_msg("%s: %s", session.message, value ? value : "no text");
    runner_session_done(&session);
    runner_result_done(&result);
}

static void what_was_used_is_told(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    run_session(server, "let n = 0; for i in 0..300000 { n += i }; print(n)", &session, NULL);
    assert_true(session.has_usage);
    assert_true(session.cpu_us > 0);
    assert_true(session.peak_rss_bytes > 1024 * 1024);
    assert_int_equal(session.bytes, strlen("44999850000") + 1);
    const json_t *usage = json_object_get(session.json, "usage");
    assert_true(json_is_integer(json_object_get(usage, "voluntary_switches")));
    assert_true(json_integer_value(json_object_get(usage, "engine_peak_bytes")) > 0);
    runner_session_done(&session);
}

struct use {
    struct test_server *server;
    const char *id;
    struct runner_session session;
};

static bool is_using(void *ctx) {
    struct use *use = ctx;
    runner_session_done(&use->session);
    get_session(use->server, use->id, &use->session);
    return use->session.cpu_us >= 100000 && use->session.processes == 3;
}

static void what_is_being_used_is_told_too(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    struct use use = {.server = server, .id = id};
    /* The session process, a shell that is busy, and one that sleeps. */
    start_session(server, "run_command(\"sleep 8640.7 & while :; do :; done\")", id);
    if (!wait_until(is_using, &use, 10000))
        fail_msg("%u processes, %lld us", use.session.processes, (long long)use.session.cpu_us);
    assert_int_equal(use.session.status, RUNNER_RUNNING);
    assert_true(use.session.peak_rss_bytes > 1024 * 1024);
    assert_true(use.session.rss_bytes > use.session.peak_rss_bytes / 2);
    struct runner_session_list list; /* and the list sorts by it */
    struct runner_session idle;
    run_session(server, "1", &idle, NULL);
    struct runner_find find = {.sort = "cpu"};
    assert_int_equal(runner_session_find(server->runner, &find, &list, NULL), 0);
    assert_string_equal(list.sessions[0].id, id);
    assert_int_equal(list.sessions[0].processes, 3);
    runner_session_list_done(&list);
    runner_session_done(&idle);
    assert_int_equal(runner_session_stop(server->runner, id, NULL, NULL), 0);
    runner_session_done(&use.session);
    await_end(server, id, &use.session); /* in the end what the kernel says of all that ended */
    assert_true(use.session.cpu_us >= 100000);
    assert_int_equal(use.session.processes, 0);
    runner_session_done(&use.session);
}

static int setup_without_groups(void **state) {
    static const char *const options[] = {"--cgroups", "0", NULL};
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    server_start(server, options);
    *state = server;
    return 0;
}

static int setup_ceilings(void **state) {
    static const char *const options[] = {
        "--max-operations", "5000", "--timeout-ms", "2000", "--max-timeout-ms", "10000", NULL};
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    server_start(server, options);
    *state = server;
    return 0;
}

static void nobody_may_ask_for_more_than_the_ceiling(void **state) {
    struct test_server *server = *state;
    struct rpc_error err = {0};
    struct runner_start start = {.script = "1", .limits.operations = 5001};
    char id[RUNNER_ID_BYTES];
    assert_int_equal(runner_session_start(server->runner, &start, id, &err), -1);
    assert_string_equal(err.message,
                        "parameter \"limits.operations\" must be from 1 to 5000 on this server");
    start = (struct runner_start){.script = "1", .timeout_ms = 10001};
    assert_int_equal(runner_session_start(server->runner, &start, id, &err), -1);
    assert_string_equal(err.message,
                        "parameter \"timeout_ms\" must be from 1 to 10000 on this server");
    rpc_error_clear(&err);

    struct runner_session session; /* and who asks for nothing gets it too */
    run_limited(server, "loop {}", (struct runner_limits){0}, &session);
    expect_limit(&session, "Too many operations");
}

/* In JSON 1e300 is a whole number too. */
static void no_number_slips_past_a_ceiling(void **state) {
    static const char *const too_much[] = {"5001", "5001.0", "1e300", "9223372036854775807",
                                           "0",    "-1"};
    struct test_server *server = *state;
    for (size_t i = 0; i < sizeof too_much / sizeof too_much[0]; i++) {
        char body[192];
        json_t *answer = NULL;
        snprintf(body, sizeof body,
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session_start\",\"params\":"
                 "{\"script\":\"1\",\"limits\":{\"operations\":%s}}}",
                 too_much[i]);
        assert_int_equal(http_rpc(server->socket, body, &answer), 200);
        const json_t *error = json_object_get(answer, "error");
        assert_int_equal(json_integer_value(json_object_get(error, "code")), -32602);
        const char *param =
            json_string_value(json_object_get(json_object_get(error, "data"), "param"));
        assert_string_equal(param, "limits.operations");
        json_decref(answer);
    }
}

static void the_time_a_session_takes_is_bounded(void **state) {
    struct test_server *server = *state;
    struct rpc_error err = {0};
    struct runner_session session;
    struct runner_start start = {.script = "try { sleep(100) } catch { print(\"caught\") }",
                                 .timeout_ms = 200};
    if (runner_session_run(server->runner, &start, &session, NULL, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(session.reason, "timeout");
    assert_string_equal(session.message, "timed out after 200 ms");
    assert_int_equal(session.lines, 0);
    runner_session_done(&session);
}

/* Of each limit: a default, and above it a ceiling. */
static const struct {
    const char *name;
    int64_t standard, ceiling;
    const char *default_option, *ceiling_option;
    size_t offset; /* in struct runner_limits */
} bounds[] = {
#define BOUND(NAME, STANDARD, CEILING, OPTION)                                                     \
    { #NAME, STANDARD, CEILING, "--" OPTION, "--max-" OPTION, offsetof(struct runner_limits, NAME) }
    BOUND(cpu_ms, 5000, 6000, "cpu-ms"),
    BOUND(memory_bytes, 67108864, 134217728, "memory-bytes"),
    BOUND(operations, 1000000, 2000000, "operations"),
    BOUND(output_bytes, 100000, 200000, "output-bytes"),
    BOUND(processes, 20, 30, "processes"),
    BOUND(open_files, 100, 200, "open-files"),
};
#define BOUNDS (sizeof bounds / sizeof bounds[0])

/* The test server takes 16 words of options, so half of them at a time. */
static void start_with_bounds(struct test_server *server, size_t from, size_t until) {
    static char values[BOUNDS][2][24];
    const char *options[BOUNDS * 4 + 1] = {NULL};
    size_t count = 0;
    for (size_t i = from; i < until; i++) {
        snprintf(values[i][0], sizeof values[i][0], "%lld", (long long)bounds[i].standard);
        snprintf(values[i][1], sizeof values[i][1], "%lld", (long long)bounds[i].ceiling);
        options[count++] = bounds[i].default_option;
        options[count++] = values[i][0];
        options[count++] = bounds[i].ceiling_option;
        options[count++] = values[i][1];
    }
    server_start(server, options);
}

static int64_t limit_of(const struct runner_session *session, const char *name) {
    const json_t *limits = json_object_get(session->json, "limits");
    return json_integer_value(json_object_get(limits, name));
}

static void expect_bound(struct test_server *server, size_t i) {
    struct runner_session session;
    run_limited(server, "1", (struct runner_limits){0}, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(limit_of(&session, bounds[i].name), bounds[i].standard);
    runner_session_done(&session);

    struct runner_start start = {.script = "1"};
    int64_t *asked = (int64_t *)(void *)((char *)&start.limits + bounds[i].offset);
    *asked = bounds[i].ceiling;
    assert_int_equal(runner_session_run(server->runner, &start, &session, NULL, NULL), 0);
    assert_int_equal(limit_of(&session, bounds[i].name), bounds[i].ceiling);
    runner_session_done(&session);

    struct rpc_error err = {0};
    char id[RUNNER_ID_BYTES], message[128];
    *asked = bounds[i].ceiling + 1;
    assert_int_equal(runner_session_start(server->runner, &start, id, &err), -1);
    snprintf(message, sizeof message,
             "parameter \"limits.%s\" must be from 1 to %lld on this server", bounds[i].name,
             (long long)bounds[i].ceiling);
    assert_string_equal(err.message, message);
    rpc_error_clear(&err);
}

static void each_has_a_default_and_a_ceiling(void **state) {
    (void)state;
    for (size_t from = 0; from < BOUNDS; from += BOUNDS / 2) {
        struct test_server server;
        server_init(&server);
        start_with_bounds(&server, from, from + BOUNDS / 2);
        for (size_t i = from; i < from + BOUNDS / 2; i++)
            expect_bound(&server, i);
        server_done(&server);
    }
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(operations_are_counted),
        ON_SERVER(operations_are_told_without_a_limit_too),
        ON_SERVER(memory_is_bounded_and_the_error_is_the_engines),
        ON_SERVER(memory_of_programs_is_bounded_too),
        ON_SERVER(processor_time_of_the_script_is_bounded),
        ON_SERVER(processor_time_of_its_children_counts_too),
        ON_SERVER(output_is_bounded),
        ON_SERVER(output_over_its_bound_fails_also_when_the_script_ends_first),
        ON_SERVER(it_is_a_limit_wherever_it_is_broken),
        ON_SERVER(a_script_may_be_too_large_for_its_memory),
        ON_SERVER(processes_are_bounded_and_all_are_gone),
        cmocka_unit_test_setup_teardown(processes_are_counted_where_there_are_no_groups,
                                        setup_without_groups, teardown_server),
        cmocka_unit_test_setup_teardown(the_dead_do_not_hide_the_living, setup_without_groups,
                                        teardown_server),
        ON_SERVER(a_group_refuses_what_counting_would_see_too_late),
        ON_SERVER(a_group_is_there_while_its_session_runs),
        ON_SERVER(no_group_outlives_the_server),
        ON_SERVER(what_hides_from_a_dead_server_is_found_by_its_group),
        ON_SERVER(open_files_are_bounded_for_the_script_and_its_programs),
        ON_SERVER(what_was_used_is_told),
        ON_SERVER(what_is_being_used_is_told_too),
        ON_SERVER(the_time_a_session_takes_is_bounded),
        cmocka_unit_test(each_has_a_default_and_a_ceiling),
        cmocka_unit_test_setup_teardown(nobody_may_ask_for_more_than_the_ceiling, setup_ceilings,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(no_number_slips_past_a_ceiling, setup_ceilings,
                                        teardown_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
