/* The history: what survives the server, how it is found again, and what never goes into it. */
#include "support/http.h"
#include "support/process.h"
#include "support/server.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup_with(void **state, const char *const *options) {
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    server_start(server, options);
    *state = server;
    return 0;
}

static int setup_small_memory(void **state) {
    return setup_with(state, (const char *const[]){"--cached", "5", NULL});
}

static void restart(struct test_server *server, int signal_number) {
    if (signal_number == SIGKILL) {
        kill(server->pid, SIGKILL);
        server_wait(server);
    } else {
        assert_int_equal(server_stop(server), 0);
    }
    server_start(server, NULL);
}

static void sessions_lines_and_results_survive_a_restart(void **state) {
    struct test_server *server = *state;
    struct runner_start start = {
        .script = "for i in 0..3000 { print(i) }; #{a: 1}",
        .env_vars =
            (const char *const[]){"PLAIN=seen", "API_TOKEN=hidden-one", "X=hidden-two", NULL},
        .secret_vars = (const char *const[]){"X", NULL},
        .tags = (const char *const[]){"nightly", NULL},
        .args = (const char *const[]){"one", NULL},
    };
    struct runner_session session, before, again;
    assert_int_equal(runner_session_run(server->runner, &start, &session, NULL, NULL), 0);
    get_session(server, session.id, &before);
    restart(server, SIGTERM);

    get_session(server, session.id, &again);
    assert_true(json_equal(before.json, again.json));
    runner_session_done(&before);
    assert_int_equal(again.status, RUNNER_SUCCEEDED);
    assert_int_equal(again.lines, 3000);
    assert_int_equal(again.ended_at_ms, session.ended_at_ms);
    assert_int_equal(again.cpu_us, session.cpu_us);
    assert_string_equal(json_string_value(json_array_get(again.tags, 0)), "nightly");
    runner_session_done(&again);

    struct runner_result result;
    bool has_ended;
    assert_int_equal(runner_session_result(server->runner, session.id, &has_ended, &result, NULL),
                     0);
    assert_int_equal(json_integer_value(json_object_get(result.value, "a")), 1);
    assert_int_equal(json_array_size(result.stdout_lines), 1024); /* as many as the ring holds */
    runner_result_done(&result);

    struct runner_log_page page;
    struct runner_log_query query = {.before_seq = 2001, .limit = 5};
    assert_int_equal(runner_session_logs(server->runner, session.id, &query, &page, NULL), 0);
    assert_int_equal(page.count, 5);
    assert_string_equal(page.lines[4].text, "1999");
    assert_int_equal(page.first_seq, 1996);
    runner_log_page_done(&page);

    json_t *request = runner_session_request(server->runner, session.id, NULL);
    assert_string_equal(json_string_value(json_object_get(request, "script")), start.script);
    assert_int_equal(json_array_size(json_object_get(request, "env_names")), 3);
    json_decref(request);
    runner_session_done(&session);
}

static bool file_has(const char *path, const char *text) {
    char command[512];
    snprintf(command, sizeof command, "grep -rqs -- '%s' '%s'", text, path);
    return system(command) == 0;
}

static void secret_values_are_nowhere_on_disk(void **state) {
    struct test_server *server = *state;
    struct runner_start start = {
        .script = "let x = env(\"API_TOKEN\"); 1",
        .env_vars = (const char *const[]){"PLAIN=plain-value", "API_TOKEN=hidden-one",
                                          "X=hidden-two", NULL},
        .secret_vars = (const char *const[]){"X", NULL},
    };
    struct runner_session session;
    char state_dir[160], id[RUNNER_ID_BYTES];
    assert_int_equal(runner_session_run(server->runner, &start, &session, NULL, NULL), 0);
    restart(server, SIGTERM);
    snprintf(state_dir, sizeof state_dir, "%s", server->home);
    assert_true(file_has(state_dir, session.id));
    assert_false(file_has(state_dir, "hidden-one"));
    assert_false(file_has(state_dir, "hidden-two"));

    struct rpc_error err = {0}; /* so they must be given again */
    assert_int_equal(runner_session_rerun(server->runner, session.id, NULL, NULL, id, &err), -1);
    assert_int_equal(err.code, -32602);
    assert_non_null(strstr(err.message, "is secret"));
    rpc_error_clear(&err);
    const char *const again[] = {"API_TOKEN=a", "X=b", NULL};
    assert_int_equal(runner_session_rerun(server->runner, session.id, again, NULL, id, &err), 0);
    struct runner_session rerun;
    await_end(server, id, &rerun);
    assert_int_equal(rerun.status, RUNNER_SUCCEEDED);
    assert_string_equal(json_string_value(json_object_get(rerun.json, "rerun_of")), session.id);
    runner_session_done(&rerun);
    runner_session_done(&session);
}

static json_t *request_of(struct test_server *server, const char *id) {
    json_t *request = runner_session_request(server->runner, id, NULL);
    assert_non_null(request);
    return request;
}

static void secret_inputs_are_nowhere_on_disk(void **state) {
    struct test_server *server = *state;
    json_t *inputs = json_pack("{s:s, s:s, s:s}", "db_password", "hidden-one", "pin", "hidden-two",
                               "host", "plain-value");
    struct runner_start start = {
        .script = "/// @input db_password: string\n/// @input pin: string\n"
                  "/// @input host: string\n/// @input note: string?\nhost.len + pin.len",
        .inputs = inputs,
        .secret_vars = (const char *const[]){"pin", NULL},
    };
    struct runner_session session, rerun;
    struct runner_result result;
    char id[RUNNER_ID_BYTES];
    assert_int_equal(runner_session_run(server->runner, &start, &session, &result, NULL), 0);
    assert_int_equal(json_integer_value(result.value), 21);
    runner_result_done(&result);
    json_decref(inputs);
    restart(server, SIGTERM);
    assert_true(file_has(server->home, "plain-value"));
    assert_false(file_has(server->home, "hidden-one"));
    assert_false(file_has(server->home, "hidden-two"));
    json_t *request = request_of(server, session.id);
    const json_t *kept = json_object_get(request, "inputs");
    assert_true(json_is_null(json_object_get(kept, "pin")));
    assert_string_equal(json_string_value(json_object_get(kept, "host")), "plain-value");
    json_decref(request);

    struct rpc_error err = {0};
    assert_int_equal(runner_session_rerun(server->runner, session.id, NULL, NULL, id, &err), -1);
    assert_non_null(strstr(err.message, "is secret"));
    rpc_error_clear(&err);
    inputs = json_pack("{s:s, s:s}", "db_password", "hidden-three", "pin", "hidden-four");
    assert_int_equal(runner_session_rerun(server->runner, session.id, NULL, inputs, id, &err), 0);
    await_end(server, id, &rerun);
    assert_int_equal(rerun.status, RUNNER_SUCCEEDED);
    assert_int_equal(server_stop(server), 0);
    /* The mark of the first one holds for the second. */
    assert_false(file_has(server->home, "hidden-three"));
    assert_false(file_has(server->home, "hidden-four"));
    json_decref(inputs);
    runner_session_done(&rerun);
    runner_session_done(&session);
}

static void a_marked_variable_is_secret_in_a_rerun_too(void **state) {
    struct test_server *server = *state;
    struct runner_start start = {.script = "env(\"X\").len",
                                 .env_vars = (const char *const[]){"X=first", NULL},
                                 .secret_vars = (const char *const[]){"X", NULL}};
    struct runner_session session, rerun;
    char id[RUNNER_ID_BYTES];
    assert_int_equal(runner_session_run(server->runner, &start, &session, NULL, NULL), 0);
    restart(server, SIGTERM); /* what is known of it now is what was stored */
    const char *const again[] = {"X=hidden-again", NULL};
    assert_int_equal(runner_session_rerun(server->runner, session.id, again, NULL, id, NULL), 0);
    await_end(server, id, &rerun);
    assert_int_equal(rerun.status, RUNNER_SUCCEEDED);
    assert_int_equal(server_stop(server), 0);
    assert_false(file_has(server->home, "hidden-again"));
    runner_session_done(&rerun);
    runner_session_done(&session);
}

static void a_rerun_takes_the_same_version_of_a_script(void **state) {
    struct test_server *server = *state;
    struct runner_start start = {.script_name = "job"};
    struct runner_session session, rerun;
    char id[RUNNER_ID_BYTES];
    assert_int_equal(runner_script_save(server->runner, "job", "1", 1, NULL, NULL, NULL), 0);
    assert_int_equal(runner_session_run(server->runner, &start, &session, NULL, NULL), 0);
    assert_int_equal(runner_script_save(server->runner, "job", "2", 1, NULL, NULL, NULL), 0);
    for (int i = 0; i < 2; i++) { /* whether it is in memory or not */
        struct runner_result result;
        bool has_ended;
        assert_int_equal(runner_session_rerun(server->runner, session.id, NULL, NULL, id, NULL), 0);
        await_end(server, id, &rerun);
        assert_int_equal(runner_session_result(server->runner, id, &has_ended, &result, NULL), 0);
        assert_int_equal(json_integer_value(result.value), 1);
        runner_result_done(&result);
        runner_session_done(&rerun);
        if (i == 0) restart(server, SIGTERM);
    }
    runner_session_done(&session);
}

static void what_was_told_survives_a_killed_server(void **state) {
    struct test_server *server = *state;
    struct runner_session done, lost;
    char running[RUNNER_ID_BYTES];
    run_session(server, "print(1); 42", &done, NULL);
    start_session(server, "print(\"before\"); loop {}", running);
    await_lines(server, running, 1);
    pause_ms(100); /* the lines are written behind */
    restart(server, SIGKILL);

    struct runner_session again;
    get_session(server, done.id, &again);
    assert_int_equal(again.status, RUNNER_SUCCEEDED);
    runner_session_done(&again);
    get_session(server, running, &lost);
    assert_int_equal(lost.status, RUNNER_FAILED);
    assert_string_equal(lost.reason, "lost");
    assert_string_equal(lost.message, "server stopped");
    runner_session_done(&lost);
    struct runner_log_page page;
    struct runner_log_query query = {0};
    assert_int_equal(runner_session_logs(server->runner, running, &query, &page, NULL), 0);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.lines[0].text, "before");
    assert_true(page.ended);
    runner_log_page_done(&page);
    runner_session_done(&done);
}

static void the_list_filters_sorts_and_pages_old_and_new(void **state) {
    struct test_server *server = *state;
    struct runner_session_list list;
    char running[RUNNER_ID_BYTES];
    for (int i = 0; i < 5; i++) {
        char script[64];
        snprintf(script, sizeof script, "for i in 0..%d { print(i) }", i);
        struct runner_start start = {.script = script,
                                     .tags = (const char *const[]){i % 2 ? "odd" : "even", NULL}};
        assert_int_equal(runner_session_run(server->runner, &start, NULL, NULL, NULL), 0);
    }
    run_session(server, "throw \"needle\"", NULL, NULL);
    restart(server, SIGTERM);
    start_session(server, "print(1); loop {}", running);
    await_lines(server, running, 1);

    struct runner_find find = {0};
    assert_int_equal(runner_session_find(server->runner, &find, &list, NULL), 0);
    assert_int_equal(list.total, 7);
    assert_string_equal(list.sessions[0].id, running);
    runner_session_list_done(&list);

    find = (struct runner_find){.tag = "even", .sort = "lines", .is_ascending = true};
    assert_int_equal(runner_session_find(server->runner, &find, &list, NULL), 0);
    assert_int_equal(list.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(list.sessions[i].lines, 2 * i);
    runner_session_list_done(&list);

    find =
        (struct runner_find){.statuses = (const char *const[]){"failed", NULL}, .text = "NEEDLE"};
    assert_int_equal(runner_session_find(server->runner, &find, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.sessions[0].reason, "error");
    runner_session_list_done(&list);

    find = (struct runner_find){.statuses = (const char *const[]){"running", NULL}};
    assert_int_equal(runner_session_find(server->runner, &find, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    runner_session_list_done(&list);

    char seen[8][RUNNER_ID_BYTES]; /* pages of two hold each session once, in order */
    size_t count = 0;
    for (unsigned offset = 0; offset < 8; offset += 2) {
        find = (struct runner_find){.offset = offset, .limit = 2};
        assert_int_equal(runner_session_find(server->runner, &find, &list, NULL), 0);
        for (size_t i = 0; i < list.count; i++) {
            for (size_t n = 0; n < count; n++)
                assert_string_not_equal(seen[n], list.sessions[i].id);
            strcpy(seen[count++], list.sessions[i].id);
        }
        runner_session_list_done(&list);
    }
    assert_int_equal(count, 7);
    assert_int_equal(runner_session_stop(server->runner, running, NULL, NULL), 0);
}

#define LISTERS 4

static atomic_bool is_listing;

static int compare_ids(const void *a, const void *b) {
    return strcmp(((const struct runner_session *)a)->id, ((const struct runner_session *)b)->id);
}

/* Lists all sessions again and again; the number of those that were in a list twice. */
static void *list_all_the_time(void *ctx) {
    struct runner *runner = server_client(ctx);
    uintptr_t twice = 0;
    while (is_listing) {
        struct runner_session_list list;
        struct runner_find find = {.text = "print"};
        if (runner_session_find(runner, &find, &list, NULL) < 0) continue;
        qsort(list.sessions, list.count, sizeof list.sessions[0], compare_ids);
        for (size_t i = 1; i < list.count; i++)
            twice += strcmp(list.sessions[i - 1].id, list.sessions[i].id) == 0;
        runner_session_list_done(&list);
    }
    runner_close(runner);
    return (void *)twice;
}

static void no_list_has_a_session_twice_that_ends_meanwhile(void **state) {
    struct test_server *server = *state;
    pthread_t threads[LISTERS];
    is_listing = true;
    for (int i = 0; i < LISTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, list_all_the_time, server), 0);
    for (int i = 0; i < 400; i++)
        run_session(server, "print(1)", NULL, NULL);
    is_listing = false;
    for (int i = 0; i < LISTERS; i++) {
        void *twice;
        pthread_join(threads[i], &twice);
        assert_null(twice);
    }
}

static void a_deleted_session_is_gone_and_a_running_one_is_not_deleted(void **state) {
    struct test_server *server = *state;
    struct rpc_error err = {0};
    struct runner_session session;
    char running[RUNNER_ID_BYTES];
    run_session(server, "print(1)", &session, NULL);
    assert_int_equal(runner_session_delete(server->runner, session.id, &err), 0);
    struct runner_session gone;
    assert_int_equal(runner_session_get(server->runner, session.id, &gone, &err), -1);
    assert_int_equal(err.code, RUNNER_ERROR_UNKNOWN_SESSION);
    start_session(server, "loop {}", running);
    assert_int_equal(runner_session_delete(server->runner, running, &err), -1);
    assert_int_equal(err.code, RUNNER_ERROR_WRONG_STATE);
    rpc_error_clear(&err);
    runner_session_done(&session);
}

static int setup_short_history(void **state) {
    return setup_with(state, (const char *const[]){"--history-sessions", "2", NULL});
}

static bool two_are_left(void *ctx) {
    struct test_server *server = ctx;
    struct runner_session_list list;
    assert_int_equal(runner_session_list(server->runner, &list, NULL), 0);
    bool is_two = list.total == 2;
    runner_session_list_done(&list);
    return is_two;
}

static void what_the_history_let_go_is_unknown(void **state) {
    struct test_server *server = *state;
    struct runner_session sessions[5];
    for (int i = 0; i < 5; i++) /* the first ones are still in memory */
        run_session(server, "for i in 0..3000 { print(i) }", &sessions[i], NULL);
    assert_true(wait_until(two_are_left, server, 20000));
    struct rpc_error err = {0};
    struct runner_log_page page;
    struct runner_log_query query = {.limit = 1};
    assert_int_equal(runner_session_logs(server->runner, sessions[0].id, &query, &page, &err), -1);
    assert_int_equal(err.code, RUNNER_ERROR_UNKNOWN_SESSION);
    struct runner_session gone;
    assert_int_equal(runner_session_get(server->runner, sessions[0].id, &gone, &err), -1);
    assert_int_equal(runner_session_delete(server->runner, sessions[1].id, &err), 0);
    assert_int_equal(runner_session_get(server->runner, sessions[1].id, &gone, &err), -1);
    assert_int_equal(err.code, RUNNER_ERROR_UNKNOWN_SESSION);
    rpc_error_clear(&err);
    for (int i = 0; i < 5; i++)
        runner_session_done(&sessions[i]);
}

static void the_caller_is_recorded(void **state) {
    struct test_server *server = *state;
    static const char body[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session_run\","
                               "\"params\":{\"script\":\"1\"}}";
    char request[512], *answer;
    int len = snprintf(request, sizeof request,
                       "POST /rpc HTTP/1.1\r\nHost: localhost\r\nX-Hero-User: ada\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       sizeof body - 1, body);
    int fd = http_connect(server->socket);
    http_send(fd, request, (size_t)len);
    assert_int_equal(http_read_answer(fd, &answer), 200);
    json_t *json = json_loads(answer, 0, NULL);
    const json_t *caller = json_object_get(json_object_get(json, "result"), "caller");
    assert_string_equal(json_string_value(json_object_get(caller, "hero_user")), "ada");
    assert_true(json_is_integer(json_object_get(caller, "uid")));
    json_decref(json);
    free(answer);

    struct runner_session_list list;
    struct runner_find find = {.caller = "ada"};
    restart(server, SIGTERM);
    assert_int_equal(runner_session_find(server->runner, &find, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    runner_session_list_done(&list);
}

static void an_idempotency_key_holds_across_a_restart(void **state) {
    struct test_server *server = *state;
    struct runner_start start = {.script = "print(1)", .idempotency_key = "order-17"};
    char first[RUNNER_ID_BYTES], second[RUNNER_ID_BYTES];
    struct runner_session session;
    assert_int_equal(runner_session_start(server->runner, &start, first, NULL), 0);
    assert_int_equal(runner_session_start(server->runner, &start, second, NULL), 0);
    assert_string_equal(first, second);
    await_end(server, first, &session);
    runner_session_done(&session);
    restart(server, SIGTERM);
    assert_int_equal(runner_session_start(server->runner, &start, second, NULL), 0);
    assert_string_equal(first, second);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(sessions_lines_and_results_survive_a_restart),
        ON_SERVER(secret_values_are_nowhere_on_disk),
        ON_SERVER(secret_inputs_are_nowhere_on_disk),
        ON_SERVER(a_marked_variable_is_secret_in_a_rerun_too),
        ON_SERVER(a_rerun_takes_the_same_version_of_a_script),
        ON_SERVER(what_was_told_survives_a_killed_server),
        ON_SERVER(the_list_filters_sorts_and_pages_old_and_new),
        cmocka_unit_test_setup_teardown(no_list_has_a_session_twice_that_ends_meanwhile,
                                        setup_small_memory, teardown_server),
        ON_SERVER(a_deleted_session_is_gone_and_a_running_one_is_not_deleted),
        cmocka_unit_test_setup_teardown(what_the_history_let_go_is_unknown, setup_short_history,
                                        teardown_server),
        ON_SERVER(the_caller_is_recorded),
        ON_SERVER(an_idempotency_key_holds_across_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
