/* Running the server: the queue, reload, drain, metrics, and the streams over all
 * sessions. */
#include "support/http.h"
#include "support/process.h"
#include "support/server.h"

#include <hero_rpc/client.h>
#include <hero_rpc/strbuf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int setup_one_worker(void **state) {
    static const char *const options[] = {"--workers", "1", NULL};
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    server_start(server, options);
    *state = server;
    return 0;
}

static void post(struct test_server *server, struct runner_start start, char id[RUNNER_ID_BYTES]) {
    struct rpc_error err = {0};
    if (runner_session_start(server->runner, &start, id, &err) < 0) fail_msg("%s", err.message);
}

static void a_higher_priority_runs_first_and_equals_in_order(void **state) {
    struct test_server *server = *state;
    char blocker[RUNNER_ID_BYTES], ids[4][RUNNER_ID_BYTES];
    static const int priorities[4] = {0, 0, 10, -10}, places[4] = {2, 3, 1, 4};
    start_session(server, "print(1); loop {}", blocker);
    await_lines(server, blocker, 1);
    for (int i = 0; i < 4; i++)
        post(server, (struct runner_start){.script = "1", .priority = priorities[i]}, ids[i]);
    for (int i = 0; i < 4; i++) {
        struct runner_session session;
        get_session(server, ids[i], &session);
        assert_int_equal(session.queue_position, places[i]);
        runner_session_done(&session);
    }
    assert_int_equal(runner_session_stop(server->runner, blocker, NULL, NULL), 0);
    struct runner_session sessions[4];
    for (int i = 0; i < 4; i++)
        await_end(server, ids[i], &sessions[i]);
    assert_true(sessions[2].started_at_ms <= sessions[0].started_at_ms);
    assert_true(sessions[0].started_at_ms <= sessions[1].started_at_ms);
    assert_true(sessions[1].started_at_ms <= sessions[3].started_at_ms);
    for (int i = 0; i < 4; i++)
        runner_session_done(&sessions[i]);
}

static void sessions_with_one_concurrency_key_run_one_after_the_other(void **state) {
    struct test_server *server = *state;
    char first[RUNNER_ID_BYTES], second[RUNNER_ID_BYTES], other[RUNNER_ID_BYTES];
    struct runner_start start = {.script = "print(1); loop {}", .concurrency_key = "db"};
    struct runner_session session;
    post(server, start, first);
    await_lines(server, first, 1);
    post(server, start, second);
    post(server, (struct runner_start){.script = "print(1)", .concurrency_key = "mail"}, other);
    await_end(server, other, &session); /* others pass by */
    runner_session_done(&session);
    get_session(server, second, &session);
    assert_int_equal(session.status, RUNNER_PENDING);
    runner_session_done(&session);
    assert_int_equal(runner_session_stop(server->runner, first, NULL, NULL), 0);
    await_lines(server, second, 1);
    unsigned stopped, cancelled;
    assert_int_equal(runner_session_stop_all(server->runner, &stopped, &cancelled, NULL), 0);
    assert_int_equal(stopped, 1);
    assert_int_equal(cancelled, 0);
}

static void a_call_that_waits_no_longer_leaves_the_session_running(void **state) {
    struct test_server *server = *state;
    struct runner_start start = {.script = "sleep(0.3); 42", .wait_ms = 50};
    struct runner_session session;
    struct runner_result result;
    assert_int_equal(runner_session_run(server->runner, &start, &session, &result, NULL), 0);
    assert_false(runner_status_is_final(session.status));
    assert_null(result.json);
    struct runner_session end;
    await_end(server, session.id, &end);
    assert_int_equal(end.status, RUNNER_SUCCEEDED);
    runner_session_done(&end);
    runner_session_done(&session);
}

static void a_reload_changes_the_engine_under_running_sessions(void **state) {
    struct test_server *server = *state;
    char old[RUNNER_ID_BYTES];
    start_session(server, "print(1); sleep(1.0); print(2); 42", old);
    await_lines(server, old, 1);
    pid_t before = server_zygote(server);
    unsigned generation;
    assert_int_equal(runner_reload(server->runner, &generation, NULL), 0);
    assert_int_equal(generation, 2);
    assert_int_not_equal(server_zygote(server), before);
    struct rpc_error err = {0};
    assert_int_equal(runner_reload(server->runner, NULL, &err), -1); /* at most two */
    assert_int_equal(err.code, RUNNER_ERROR_WRONG_STATE);
    rpc_error_clear(&err);
    struct runner_session session;
    run_session(server, "1", &session, NULL);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    runner_session_done(&session);
    await_end(server, old, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(session.lines, 2);
    runner_session_done(&session);
    assert_true(process_dies_within(before, 5000));
    assert_int_equal(runner_reload(server->runner, &generation, NULL), 0);
    assert_int_equal(generation, 3);
}

static void a_reload_that_fails_keeps_the_engine(void **state) {
    struct test_server *server = *state;
    char away[80];
    struct rpc_error err = {0};
    snprintf(away, sizeof away, "%s.away", server->home);
    pid_t before = server_zygote(server);
    assert_int_equal(rename(server->home, away), 0); /* a zygote must be able to enter HOME */
    int outcome = runner_reload(server->runner, NULL, &err);
    assert_int_equal(rename(away, server->home), 0);
    assert_int_equal(outcome, -1);
    assert_non_null(strstr(err.message, "the present engine stays"));
    rpc_error_clear(&err);
    assert_int_equal(server_zygote(server), before);
    struct runner_session session;
    run_session(server, "1", &session, NULL);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    runner_session_done(&session);
}

static void a_draining_server_takes_nothing_new(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES], other[RUNNER_ID_BYTES];
    start_session(server, "print(1); sleep(0.5); 42", id);
    await_lines(server, id, 1);
    unsigned running;
    assert_int_equal(runner_drain(server->runner, true, &running, NULL), 0);
    assert_int_equal(running, 1);
    struct rpc_error err = {0};
    struct runner_start start = {.script = "1"};
    assert_int_equal(runner_session_start(server->runner, &start, other, &err), -1);
    assert_int_equal(err.code, RUNNER_ERROR_BUSY);
    rpc_error_clear(&err);
    struct runner_session session;
    await_end(server, id, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    runner_session_done(&session);
}

static void metrics_and_samples_count_what_happened(void **state) {
    struct test_server *server = *state;
    run_session(server, "print(1)", NULL, NULL);
    run_session(server, "throw 1", NULL, NULL);
    char *text;
    int fd = http_connect(server->socket);
    http_send_get(fd, "/metrics", "");
    assert_int_equal(http_read_answer(fd, &text), 200);
    assert_non_null(strstr(text, "# TYPE hero_runner_rhai_sessions_ended_total counter\n"));
    assert_non_null(strstr(text, "\nhero_runner_rhai_sessions_ended_total{status=\"failed\"} 1\n"));
    free(text);
    close(fd);
    pause_ms(1100);
    json_t *stats = runner_stats_history(server->runner, 3600, 3600, NULL);
    const json_t *samples = json_object_get(json_object_get(stats, "history"), "samples");
    assert_int_equal(json_array_size(samples), 1);
    const json_t *sample = json_array_get(samples, 0);
    assert_int_equal(json_integer_value(json_object_get(sample, "succeeded")), 1);
    assert_int_equal(json_integer_value(json_object_get(sample, "failed")), 1);
    assert_true(json_integer_value(json_object_get(sample, "start_p50_us")) > 0);
    json_decref(stats);
}

static void a_draining_server_can_be_opened_again(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    assert_int_equal(runner_drain(server->runner, true, NULL, NULL), 0);
    assert_int_equal(runner_drain(server->runner, false, NULL, NULL), 0);
    run_session(server, "1", &session, NULL);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    runner_session_done(&session);
}

static bool is_second_generation(void *ctx) {
    json_t *stats = runner_stats(((struct test_server *)ctx)->runner, NULL);
    const json_t *zygote = json_object_get(stats, "zygote");
    bool is_it = json_integer_value(json_object_get(zygote, "generation")) == 2;
    json_decref(stats);
    return is_it;
}

static void a_hangup_signal_reloads_and_ends_nothing(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(server, "print(1); sleep(0.5); print(2)", id);
    await_lines(server, id, 1);
    kill(server->pid, SIGHUP);
    assert_true(wait_until(is_second_generation, server, 10000));
    struct runner_session session;
    await_end(server, id, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(session.lines, 2);
    runner_session_done(&session);
}

/* ---- Idempotency keys ---------------------------------------------------------------------- */

#define SAME 8

/* Many at the same time, as they come from a client that tries again too soon. */
static void expect_one_session(struct test_server *server, const char *source) {
    struct rpc_strbuf body = RPC_STRBUF_INIT;
    json_t *answer = NULL;
    for (int i = 0; i < SAME; i++)
        rpc_strbuf_addf(&body,
                        "%s{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"session_start\","
                        "\"params\":{%s,\"idempotency_key\":\"the same\"}}",
                        i ? "," : "[", i, source);
    rpc_strbuf_add_char(&body, ']');
    assert_int_equal(http_rpc(server->socket, rpc_strbuf_text(&body), &answer), 200);
    assert_int_equal(json_array_size(answer), SAME);
    const char *first = NULL;
    for (size_t i = 0; i < SAME; i++) {
        const json_t *result = json_object_get(json_array_get(answer, i), "result");
        const char *id = json_string_value(json_object_get(result, "session_id"));
        assert_non_null(id);
        if (!first) first = id;
        assert_string_equal(id, first);
    }
    struct runner_session session;
    await_end(server, first, &session);
    runner_session_done(&session);
    assert_int_equal(runner_session_delete(server->runner, first, NULL), 0);
    json_decref(answer);
    rpc_strbuf_done(&body);
}

static void requests_with_one_key_at_the_same_time_begin_one_session(void **state) {
    struct test_server *server = *state;
    char path[160];
    snprintf(path, sizeof path, "%s/hero/var/hero_runner_rhai/scripts/a.rhai", server->home);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("print(1)", file);
    fclose(file);
    assert_int_equal(runner_script_save(server->runner, "saved", "print(2)", 8, NULL, NULL, NULL),
                     0);
    expect_one_session(server, "\"script\":\"print(3)\"");
    expect_one_session(server, "\"script_path\":\"a.rhai\"");
    expect_one_session(server, "\"script_name\":\"saved\"");
    expect_one_session(server, "\"script_url\":\"http://127.0.0.1:9/none\"");
}

static void a_key_gives_the_whole_result_also_after_a_restart(void **state) {
    struct test_server *server = *state;
    struct runner_start start = {.script = "print(\"once\"); 6 * 7", .idempotency_key = "pay 17"};
    struct runner_session first, again;
    struct runner_result result;
    assert_int_equal(runner_session_run(server->runner, &start, &first, NULL, NULL), 0);
    assert_int_equal(server_stop(server), 0);
    server_start(server, NULL);
    start.script = "what was asked first counts";
    assert_int_equal(runner_session_run(server->runner, &start, &again, &result, NULL), 0);
    assert_string_equal(again.id, first.id);
    assert_int_equal(json_integer_value(result.value), 42);
    assert_int_equal(json_array_size(result.stdout_lines), 1);
    runner_result_done(&result);
    runner_session_done(&again);
    runner_session_done(&first);
}

/* Collects events of a stream as "event status" and "event session seq". */
struct events {
    char text[16384];
    unsigned lines;
    char last_id[64];
    const char *until;
};

static bool on_event(void *ctx, const struct rpc_sse_event *event) {
    struct events *events = ctx;
    json_t *json = json_loadb(event->data, event->data_len, 0, NULL);
    const char *status = json_string_value(json_object_get(json, "status"));
    const char *line = json_string_value(json_object_get(json, "line"));
    size_t at = strlen(events->text);
    if (strcmp(event->event, "stats") != 0)
        snprintf(events->text + at, sizeof events->text - at, "%s %s\n", event->event,
                 status ? status
                 : line ? line
                        : "");
    assert_true(strcmp(event->event, "stats") == 0 ||
                json_is_string(json_object_get(json, "session_id")));
    events->lines += line != NULL;
    snprintf(events->last_id, sizeof events->last_id, "%s", event->id);
    json_decref(json);
    return !events->until || !strstr(events->text, events->until);
}

static void one_stream_has_the_lines_of_several_sessions(void **state) {
    struct test_server *server = *state;
    char a[RUNNER_ID_BYTES], b[RUNNER_ID_BYTES], path[256];
    struct rpc_error err = {0};
    start_session(server, "for i in 0..50 { print(`a${i}`) }", a);
    start_session(server, "for i in 0..70 { print(`b${i}`) }", b);
    snprintf(path, sizeof path, "/sse/logs?session=%s&session=%s", a, b);
    struct rpc_client *client = rpc_client_new_unix(server->socket, &err);
    struct events *events = calloc(1, sizeof *events);
    assert_int_equal(rpc_client_follow(client, path, NULL, on_event, events, &err),
                     RPC_FOLLOW_CLOSED);
    assert_int_equal(events->lines, 120);
    assert_string_equal(events->last_id, "50.70");
    memset(events, 0, sizeof *events); /* and goes on behind a cursor */
    assert_int_equal(rpc_client_follow(client, path, "48.70", on_event, events, &err),
                     RPC_FOLLOW_CLOSED);
    assert_int_equal(events->lines, 2);
    assert_non_null(strstr(events->text, "stdout a48\nstdout a49\n"));
    memset(events, 0,
           sizeof *events); /* which a page that cannot send headers puts into the path */
    strcat(path, "&after_seq=50.69");
    assert_int_equal(rpc_client_follow(client, path, NULL, on_event, events, &err),
                     RPC_FOLLOW_CLOSED);
    assert_int_equal(events->lines, 1);
    free(events);
    rpc_client_free(client);
}

/* The status of the answer to GET. */
static int get_status(const struct test_server *server, const char *path, const char *header) {
    char *answer;
    int fd = http_connect(server->socket);
    http_send_get(fd, path, header);
    int status = http_read_answer(fd, &answer);
    free(answer);
    close(fd);
    return status;
}

static void a_wrong_stream_of_several_is_refused(void **state) {
    struct test_server *server = *state;
    static const char *const cursors[] = {"1",    "1.",   ".1",    "1.2.3", "-1.2",
                                          "a.b",  "1,1",  "1e3.1", "+1.1",  "9223372036854775808.1",
                                          "1. 2", "0x1.1"};
    struct runner_session session;
    char path[4096], header[64];
    run_session(server, "print(1)", &session, NULL);
    int len =
        snprintf(path, sizeof path, "/sse/logs?session=%s&session=%s", session.id, session.id);
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++) {
        snprintf(header, sizeof header, "Last-Event-ID: %s\r\n", cursors[i]);
        if (get_status(server, path, header) != 400) fail_msg("%s", cursors[i]);
    }
    for (int i = 2; i < 65; i++)
        len += snprintf(path + len, sizeof path - (size_t)len, "&session=%s", session.id);
    assert_int_equal(get_status(server, path, ""), 400);
    assert_int_equal(get_status(server, "/sse/logs", ""), 400);
    assert_int_equal(get_status(server, "/sse/logs?session=", ""), 404);
    snprintf(path, sizeof path, "/sse/logs?session=%s&session=unknown", session.id);
    assert_int_equal(get_status(server, path, ""), 404);
    runner_session_done(&session);
}

static void one_stream_tells_of_all_sessions(void **state) {
    struct test_server *server = *state;
    char running[RUNNER_ID_BYTES];
    struct rpc_error err = {0};
    start_session(server, "print(1); sleep(0.5)", running);
    await_lines(server, running, 1);
    struct rpc_client *client = rpc_client_new_unix(server->socket, &err);
    struct events *events = calloc(1, sizeof *events);
    events->until = "succeeded";
    assert_int_equal(rpc_client_follow(client, "/sse/sessions", NULL, on_event, events, &err),
                     RPC_FOLLOW_STOPPED);
    assert_string_equal(events->text, "session running\nsession succeeded\n");
    free(events);
    rpc_client_free(client);
}

static int setup_small_memory(void **state) {
    static const char *const options[] = {"--cached", "10", NULL};
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    server_start(server, options);
    *state = server;
    return 0;
}

/* Counts whole events of a name among the lines of a stream. */
static unsigned count_events(const char *text, const char *name) {
    unsigned count = 0;
    char line[32];
    snprintf(line, sizeof line, "event: %s\n", name);
    for (const char *at = text; (at = strstr(at, line)); at++)
        count++;
    return count;
}

static void a_reader_of_all_sessions_is_told_of_those_it_missed(void **state) {
    struct test_server *server = *state;
    enum { SESSIONS = 400, BYTES = 4 * 1024 * 1024 };
    int fd = http_connect(server->socket);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int)), 0);
    http_send_get(fd, "/sse/sessions", "");
    char *text = calloc(1, BYTES);
    size_t len = 0;
    while (!strstr(text, "event: stats")) { /* it has begun, and is read no more for a while */
        ssize_t got = read(fd, text + len, BYTES - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
    }
    for (int i = 0; i < SESSIONS; i++)
        run_session(server, "1", NULL, NULL);
    char last[RUNNER_ID_BYTES];
    struct runner_session session;
    run_session(server, "2", &session, NULL);
    memcpy(last, session.id, sizeof last);
    runner_session_done(&session);
    /* The last one's end is told behind everything else. */
    char *place = NULL;
    while (!place || !strstr(place, "\"succeeded\"")) {
        ssize_t got = read(fd, text + len, BYTES - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
        place = strstr(text, last);
    }
    unsigned gaps = count_events(text, "gap"), dropped = 0;
    assert_true(gaps > 0);
    for (const char *at = text; (at = strstr(at, "{\"dropped\":")); at++)
        dropped += (unsigned)strtoul(at + strlen("{\"dropped\":"), NULL, 10);
    unsigned ends = 0;
    for (const char *at = text; (at = strstr(at, "\"status\":\"succeeded\"")); at++)
        ends++;
    assert_int_equal(ends + dropped, SESSIONS + 1);
    close(fd);
    free(text);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_higher_priority_runs_first_and_equals_in_order,
                                        setup_one_worker, teardown_server),
        ON_SERVER(sessions_with_one_concurrency_key_run_one_after_the_other),
        ON_SERVER(a_call_that_waits_no_longer_leaves_the_session_running),
        ON_SERVER(a_reload_changes_the_engine_under_running_sessions),
        ON_SERVER(a_reload_that_fails_keeps_the_engine),
        ON_SERVER(a_draining_server_takes_nothing_new),
        ON_SERVER(a_draining_server_can_be_opened_again),
        ON_SERVER(a_hangup_signal_reloads_and_ends_nothing),
        ON_SERVER(requests_with_one_key_at_the_same_time_begin_one_session),
        ON_SERVER(a_key_gives_the_whole_result_also_after_a_restart),
        ON_SERVER(metrics_and_samples_count_what_happened),
        ON_SERVER(one_stream_has_the_lines_of_several_sessions),
        ON_SERVER(a_wrong_stream_of_several_is_refused),
        ON_SERVER(one_stream_tells_of_all_sessions),
        cmocka_unit_test_setup_teardown(a_reader_of_all_sessions_is_told_of_those_it_missed,
                                        setup_small_memory, teardown_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
