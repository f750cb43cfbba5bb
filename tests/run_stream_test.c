/* POST /sse/run: a session and its stream in one request, over raw HTTP and through the SDK. */
#include "support/http.h"
#include "support/process.h"
#include "support/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BUSY (-32002)

/* ---- Raw requests ------------------------------------------------------------------------ */

static size_t make_request(char out[2048], const char *header, const char *body) {
    return (size_t)snprintf(out, 2048,
                            "POST /sse/run HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: "
                            "%zu\r\n\r\n%s",
                            header, strlen(body), body);
}

static int post(const struct test_server *server, const char *header, const char *body) {
    char request[2048];
    int fd = http_connect(server->socket);
    assert_true(fd >= 0);
    http_send(fd, request, make_request(request, header, body));
    return fd;
}

/* Reads until `text` has come (NULL: to the end), and gives all that was read, freed with free().
 */
static char *read_until(int fd, const char *text) {
    size_t len = 0, cap = 64 * 1024;
    char *read = malloc(cap + 1);
    read[0] = '\0';
    while (!text || !strstr(read, text)) {
        if (len == cap) read = realloc(read, (cap *= 2) + 1);
        ssize_t got = recv(fd, read + len, cap - len, 0);
        if (got <= 0 && text) fail_msg("'%s' does not come; there was: %s", text, read);
        if (got <= 0) break;
        len += (size_t)got;
        read[len] = '\0';
    }
    return read;
}

/* What is told, in order: "out 1 text" for lines, the status for changes, the name for the rest. */
static char *outline(const char *stream) {
    static char text[2048];
    char *out = text, *end = text + sizeof text;
    *out = '\0';
    for (const char *at = stream; (at = strstr(at, "event: ")); at++) {
        char name[32];
        const char *data = strstr(at, "\ndata: ");
        assert_int_equal(sscanf(at, "event: %31s", name), 1);
        assert_non_null(data);
        char *json_text = strndup(data + 7, strcspn(data + 7, "\n"));
        json_t *json = json_loads(json_text, 0, NULL);
        assert_non_null(json);
        const char *line = json_string_value(json_object_get(json, "line"));
        const char *status = json_string_value(json_object_get(json, "status"));
        out += snprintf(out, (size_t)(end - out), "%s %s\n", name, line ? line : status);
        json_decref(json);
        free(json_text);
    }
    return text;
}

/* The id that the first event tells. */
static void read_id(const char *stream, char id[RUNNER_ID_BYTES]) {
    const char *first = strstr(stream, "\r\n\r\n");
    assert_non_null(first);
    const char *event = strstr(first, "event: ");
    static const char begin[] = "event: status\ndata: {\"session_id\":\"";
    assert_non_null(event);
    assert_memory_equal(event, begin, sizeof begin - 1);
    snprintf(id, RUNNER_ID_BYTES, "%.36s", event + sizeof begin - 1);
}

static size_t session_count(struct test_server *server) {
    struct runner_session_list list;
    assert_int_equal(runner_session_list(server->runner, &list, NULL), 0);
    size_t count = list.count;
    runner_session_list_done(&list);
    return count;
}

static void the_first_event_tells_the_session_and_the_last_its_end(void **state) {
    struct test_server *server = *state;
    int fd = post(server, "X-Hero-User: ann\r\n",
                  "{\"script\":\"print(1); debug(2); print(3); 7\",\"tags\":[\"x\"]}");
    char *stream = read_until(fd, NULL), id[RUNNER_ID_BYTES];
    assert_memory_equal(stream, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(stream, "\r\nContent-Type: text/event-stream\r\n"));
    read_id(stream, id);
    const char *told = outline(stream);
    assert_memory_equal(told, "status pending\n", 15);
    told += 15;
    if (strncmp(told, "status running\n", 15) == 0) told += 15; /* it may be over before that */
    assert_string_equal(told, "stdout 1\nstderr 2\nstdout 3\nstatus succeeded\nend succeeded\n");
    free(stream);
    close(fd);
    struct runner_session session;
    get_session(server, id, &session);
    const json_t *caller = json_object_get(session.json, "caller");
    assert_string_equal(json_string_value(json_object_get(caller, "hero_user")), "ann");
    runner_session_done(&session);
}

static void lines_come_while_the_script_runs(void **state) {
    struct test_server *server = *state;
    int fd = post(server, "", "{\"script\":\"print(`up`); sleep(100.0)\"}");
    char *stream = read_until(fd, "\"line\":\"up\"}\n\n"), id[RUNNER_ID_BYTES];
    read_id(stream, id);
    free(stream);
    assert_int_equal(runner_session_stop(server->runner, id, NULL, NULL), 0);
    stream = read_until(fd, NULL);
    assert_non_null(strstr(outline(stream), "end cancelled\n"));
    free(stream);
    close(fd);
}

static void a_named_script_runs_too(void **state) {
    struct test_server *server = *state;
    assert_int_equal(
        runner_script_save(server->runner, "greet", "print(`hello`)", 14, NULL, NULL, NULL), 0);
    int fd = post(server, "", "{\"script_name\":\"greet\"}");
    char *stream = read_until(fd, NULL);
    assert_non_null(strstr(outline(stream), "stdout hello\n"));
    free(stream);
    close(fd);
}

/* ---- Refusals ---------------------------------------------------------------------------- */

static void expect_refusal(struct test_server *server, const char *body, int status, int code) {
    char *answer;
    int fd = post(server, "", body);
    int got = http_read_answer(fd, &answer);
    if (got != status) fail_msg("%s: status %d", body, got);
    json_t *json = json_loads(answer, 0, NULL);
    const json_t *error = json_object_get(json, "error");
    assert_int_equal(json_integer_value(json_object_get(error, "code")), code);
    assert_true(json_is_string(json_object_get(error, "message")));
    assert_true(json_is_null(json_object_get(json, "id")));
    json_decref(json);
    free(answer);
    close(fd);
}

static void a_wrong_request_is_refused_as_session_start_does_and_leaves_nothing(void **state) {
    struct test_server *server = *state;
    static const struct {
        const char *body;
        int status, code;
    } cases[] = {
        {"", 400, -32700},
        {"{\"script\":", 400, -32700},
        {"[\"print(1)\"]", 400, -32602},
        {"{}", 400, -32602},
        {"{\"script\":7}", 400, -32602},
        {"{\"script\":\"1\",\"unknown\":1}", 400, -32602},
        {"{\"script\":\"1\",\"wait_ms\":1}", 400, -32602}, /* of session_run */
        {"{\"script\":\"1\",\"script_name\":\"x\"}", 400, -32602},
        {"{\"script\":\"1\",\"working_dir\":\"/nonexistent\"}", 400, -32602},
        {"{\"script\":\"/// @input n: int\\n1\"}", 400, -32602},
        {"{\"script_path\":\"nowhere.rhai\"}", 400, -32602},
        {"{\"script_name\":\"nobody\"}", 404, -32004},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refusal(server, cases[i].body, cases[i].status, cases[i].code);
    assert_int_equal(session_count(server), 0);
    int fd = http_connect(server->socket);
    char *answer;
    http_send_get(fd, "/sse/run", "");
    assert_int_equal(http_read_answer(fd, &answer), 405);
    free(answer);
    close(fd);
}

static void expect_busy(struct test_server *server) {
    expect_refusal(server, "{\"script\":\"1\"}", 503, BUSY);
    int fd = post(server, "", "{\"script\":\"1\"}");
    char *answer = read_until(fd, "\r\n\r\n");
    assert_non_null(strstr(answer, "\r\nRetry-After: 1\r\n"));
    free(answer);
    close(fd);
}

static struct test_server *start_with(void **state, const char *const *options) {
    struct test_server *server = calloc(1, sizeof *server);
    *state = server;
    server_init(server);
    server_start(server, options);
    return server;
}

static int set_up_small(void **state) {
    static const char *const options[] = {"--workers", "1", "--queue", "1", "--streams", "3", NULL};
    start_with(state, options);
    return 0;
}

static void a_full_queue_too_many_streams_and_a_draining_server_are_busy(void **state) {
    struct test_server *server = *state;
    int fds[3];
    for (int i = 0; i < 2; i++) { /* one runs, one waits */
        fds[i] = post(server, "", "{\"script\":\"sleep(100.0)\"}");
        free(read_until(fds[i], "event: status"));
    }
    expect_busy(server);
    assert_int_equal(runner_session_stop_all(server->runner, NULL, NULL, NULL), 0);
    for (int i = 0; i < 2; i++) {
        free(read_until(fds[i], "event: end"));
        close(fds[i]);
    }

    char id[RUNNER_ID_BYTES], path[96];
    start_session(server, "sleep(100.0)", id);
    snprintf(path, sizeof path, "/sse/session/%s", id);
    for (int i = 0; i < 3; i++) {
        fds[i] = http_connect(server->socket);
        http_send_get(fds[i], path, "");
        free(read_until(fds[i], "event: status"));
    }
    size_t before = session_count(server);
    expect_busy(server);
    assert_int_equal(session_count(server), before); /* none that nobody could follow */
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    assert_int_equal(runner_session_stop(server->runner, id, NULL, NULL), 0);

    assert_int_equal(runner_drain(server->runner, true, NULL, NULL), 0);
    expect_busy(server);
}

/* ---- Clients that leave ------------------------------------------------------------------- */

static int64_t stat_of(struct test_server *server, const char *name) {
    json_t *stats = runner_stats(server->runner, NULL);
    int64_t value = json_integer_value(json_object_get(stats, name));
    json_decref(stats);
    return value;
}

static bool is_alone_again(void *ctx) {
    return stat_of(ctx, "connections") == 1 && stat_of(ctx, "streams") == 0;
}

static bool have_all_succeeded(void *ctx) {
    struct test_server *server = ctx;
    struct runner_session_list list;
    size_t open = 0;
    assert_int_equal(runner_session_list(server->runner, &list, NULL), 0);
    for (size_t i = 0; i < list.count; i++) {
        if (runner_status_is_final(list.sessions[i].status))
            assert_int_equal(list.sessions[i].status, RUNNER_SUCCEEDED);
        else
            open++;
    }
    runner_session_list_done(&list);
    return open == 0;
}

static void leave(int fd, bool is_reset) {
    struct linger reset = {.l_onoff = 1};
    if (is_reset) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

static void clients_that_vanish_within_the_request_leave_nothing(void **state) {
    struct test_server *server = *state;
    char request[2048];
    size_t len = make_request(request, "", "{\"script\":\"print(1)\"}");
    for (size_t cut = 0; cut < len; cut += 3) {
        int fd = http_connect(server->socket);
        http_send(fd, request, cut);
        leave(fd, cut % 2);
    }
    assert_true(wait_until(is_alone_again, server, 10000));
    assert_int_equal(session_count(server), 0);
}

/* At once, when the script is still read from the store, at the first event, at a line. */
static void sessions_of_clients_that_vanish_go_on(void **state) {
    static const char script[] = "print(1); sleep(0.2); print(2)";
    static const char *const bodies[] = {
        "{\"script\":\"print(1); sleep(0.2); print(2)\"}",
        "{\"script_name\":\"slow\"}",
    };
    static const char *const steps[] = {"", "event: status", "event: stdout"};
    struct test_server *server = *state;
    assert_int_equal(
        runner_script_save(server->runner, "slow", script, sizeof script - 1, NULL, NULL, NULL), 0);
    size_t seen = 0;
    for (int round = 0; round < 12; round++) {
        const char *step = steps[round / 2 % 3];
        int fd = post(server, "", bodies[round % 2]);
        free(read_until(fd, step));
        seen += *step != '\0';
        leave(fd, round / 6);
    }
    assert_true(wait_until(is_alone_again, server, 10000));
    assert_true(session_count(server) >= seen);
    assert_true(wait_until(have_all_succeeded, server, 20000));
}

/* ---- Idempotency --------------------------------------------------------------------------- */

static const char once[] = "{\"script\":\"print(1); sleep(100.0)\",\"idempotency_key\":\"once\"}";

static void a_known_key_follows_the_session_it_names(void **state) {
    struct test_server *server = *state;
    char first[RUNNER_ID_BYTES], id[RUNNER_ID_BYTES];
    int fd = post(server, "", once);
    char *stream = read_until(fd, "event: stdout");
    read_id(stream, first);
    free(stream);
    close(fd);

    fd = post(server, "", once); /* while it runs */
    stream = read_until(fd, "\"line\":\"1\"}\n\n");
    read_id(stream, id);
    assert_string_equal(id, first);
    assert_string_equal(outline(stream), "status running\nstdout 1\n");
    free(stream);
    assert_int_equal(runner_session_stop(server->runner, id, NULL, NULL), 0);
    free(read_until(fd, "event: end"));
    close(fd);

    for (int is_restarted = 0; is_restarted < 2; is_restarted++) { /* ended; known to the store */
        if (is_restarted) {
            assert_int_equal(server_stop(server), 0);
            server_start(server, NULL);
        }
        fd = post(server, "", once);
        stream = read_until(fd, NULL);
        read_id(stream, id);
        assert_string_equal(id, first);
        assert_string_equal(outline(stream), "status cancelled\nstdout 1\nend cancelled\n");
        free(stream);
        close(fd);
    }
    assert_int_equal(session_count(server), 1);
}

/* ---- The SDK ----------------------------------------------------------------------------- */

struct told {
    char text[1024];
    const char *id;         /* of runner_session_start_follow */
    struct http_peer *peer; /* whose next answer is set at the first line; NULL: none */
    const char *next_answer;
};

static void note(struct told *told, const char *what, const char *text) {
    size_t at = strlen(told->text);
    snprintf(told->text + at, sizeof told->text - at, "%s %s\n", what, text);
}

static bool on_line(void *ctx, const struct runner_line *line) {
    struct told *told = ctx;
    assert_int_equal(strlen(told->id), RUNNER_ID_BYTES - 1); /* known before any line */
    note(told, line->is_stderr ? "err" : "out", line->text);
    if (told->peer) told->peer->answer = told->next_answer;
    return true;
}

static bool on_status(void *ctx, const struct runner_session *session) {
    struct told *told = ctx;
    assert_string_equal(told->id, session->id);
    if (runner_status_is_final(session->status))
        note(told, "status", runner_status_name(session->status));
    return true;
}

static int run_and_follow(struct runner *runner, struct told *told, const char *script,
                          char id[RUNNER_ID_BYTES], struct runner_session *session,
                          struct rpc_error *err) {
    const struct runner_start start = {.script = script};
    const struct runner_follow follow = {.line = on_line, .status = on_status, .ctx = told};
    told->id = id;
    return runner_session_start_follow(runner, &start, &follow, id, session, err);
}

static void the_sdk_starts_and_follows_in_one_call(void **state) {
    struct test_server *server = *state;
    struct told told = {.text = ""};
    struct runner_session session;
    struct rpc_error err = {0};
    char id[RUNNER_ID_BYTES];
    assert_int_equal(run_and_follow(server->runner, &told, "print(1); debug(`zwei \xc3\xa9`); 7",
                                    id, &session, &err),
                     0);
    assert_string_equal(told.text, "out 1\nerr \"zwei \xc3\xa9\"\nstatus succeeded\n");
    assert_string_equal(session.id, id);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(session.lines, 2);
    runner_session_done(&session);

    const struct runner_start wrong = {.script = "1", .working_dir = "/nonexistent"};
    const struct runner_follow follow = {.line = on_line, .ctx = &told};
    assert_int_equal(
        runner_session_start_follow(server->runner, &wrong, &follow, id, &session, &err), -1);
    assert_int_equal(err.kind, RPC_ERROR_RPC);
    assert_int_equal(err.code, -32602);
    assert_string_equal(json_string_value(json_object_get(err.data, "param")), "working_dir");
    assert_string_equal(id, "");
    rpc_error_clear(&err);
}

#define ID "11111111-2222-3333-4444-555555555555"
#define INFO(status) "{\"session_id\":\"" ID "\",\"status\":\"" status "\"}"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define LINE(n)                                                                                    \
    "id: " #n "\nevent: stdout\ndata: {\"session_id\":\"" ID "\",\"seq\":" #n                      \
    ",\"timestamp_ms\":1,\"kind\":\"stdout\",\"line\":\"" #n "\"}\n\n"

static void a_stream_that_breaks_is_taken_up_where_it_was(void **state) {
    struct test_server *server = *state;
    char path[160], id[RUNNER_ID_BYTES];
    static struct http_peer peer;
    snprintf(path, sizeof path, "%s/peer.sock", server->home);
    http_peer_start_unix(&peer, path,
                         HEAD "event: status\ndata: " INFO("running") "\n\n" LINE(1)
                             LINE(2) "id: 3\nevent: stdout\nda");
    struct told told = {.peer = &peer,
                        .next_answer = HEAD LINE(3) "event: end\ndata: " INFO("succeeded") "\n\n"};
    struct runner *runner = runner_open(path, NULL);
    struct rpc_error err = {0};
    assert_int_equal(run_and_follow(runner, &told, "x", id, NULL, &err), 0);
    assert_string_equal(told.text, "out 1\nout 2\nout 3\n");
    assert_string_equal(id, ID);
    assert_memory_equal(peer.last, "GET /sse/session/" ID " ", strlen(ID) + 18);
    assert_non_null(strstr(peer.last, "\r\nLast-Event-ID: 2\r\n"));

    /* Before it is known which session that is, nothing may be begun a second time. */
    unsigned before = http_peer_requests(&peer);
    peer.answer = HEAD ":\n\n";
    assert_int_equal(run_and_follow(runner, &told, "x", id, NULL, &err), -1);
    assert_int_equal(err.kind, RPC_ERROR_UNREACHABLE);
    assert_string_equal(id, "");
    assert_int_equal(http_peer_requests(&peer), before + 1);
    rpc_error_clear(&err);
    runner_close(runner);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(the_first_event_tells_the_session_and_the_last_its_end),
        ON_SERVER(lines_come_while_the_script_runs),
        ON_SERVER(a_named_script_runs_too),
        ON_SERVER(a_wrong_request_is_refused_as_session_start_does_and_leaves_nothing),
        cmocka_unit_test_setup_teardown(
            a_full_queue_too_many_streams_and_a_draining_server_are_busy, set_up_small,
            teardown_server),
        ON_SERVER(clients_that_vanish_within_the_request_leave_nothing),
        ON_SERVER(sessions_of_clients_that_vanish_go_on),
        ON_SERVER(a_known_key_follows_the_session_it_names),
        ON_SERVER(the_sdk_starts_and_follows_in_one_call),
        ON_SERVER(a_stream_that_breaks_is_taken_up_where_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
