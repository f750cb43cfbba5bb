/* Clients that do not keep to their part: one that never reads, and ones that vanish at each step.
 */
#include "faults/health.h"
#include "support/http.h"
#include "support/process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LINES 100000
#define TIMES 10

/* ---- One that never reads ------------------------------------------------------------------ */

struct counting {
    uint64_t lines, gaps;
};

static bool count_line(void *ctx, const struct runner_line *line) {
    struct counting *counting = ctx;
    if (line->seq == counting->lines + 1) counting->lines++;
    return true;
}

static bool count_gap(void *ctx, uint64_t dropped) {
    ((struct counting *)ctx)->gaps += dropped;
    return true;
}

static int subscribe_and_sleep(struct test_server *server, const char *id) {
    char path[80];
    snprintf(path, sizeof path, "/sse/session/%s", id);
    int fd = http_connect(server->socket);
    assert_true(fd >= 0);
    http_send_get(fd, path, "");
    return fd;
}

static void a_subscriber_that_never_reads_costs_nobody_a_line(void **state) {
    struct test_server *server = *state;
    struct holdings before = holdings_of(server);
    char id[RUNNER_ID_BYTES], script[128];
    snprintf(script, sizeof script,
             "sleep(0.2); for i in 0..%d { print(`line ${i} of a long log`) }", LINES);
    start_session(server, script, id);
    int sleepers[4];
    for (int i = 0; i < 4; i++)
        sleepers[i] = subscribe_and_sleep(server, id);
    int64_t memory = process_memory_kib(server->pid);
    struct counting counting = {0};
    struct runner_follow how = {.line = count_line, .gap = count_gap, .ctx = &counting};
    struct runner_session session;
    assert_int_equal(runner_session_follow(server->runner, id, &how, &session, NULL), 0);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(counting.lines, LINES);
    assert_int_equal(counting.gaps, 0);
    runner_session_done(&session);
    /* Nothing is queued for those who sleep: what they have not read is in the log. */
    assert_true(process_memory_kib(server->pid) - memory < 64 * 1024);
    for (int i = 0; i < 4; i++)
        close(sleepers[i]);
    assert_healthy(server);
    assert_nothing_left(server, &before);
}

/* ---- Ones that vanish ---------------------------------------------------------------------- */

static const char run_body[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session_run\",\"params\":"
    "{\"script\":\"print(1); sleep(0.1); print(2)\"}}";

/* Sends so many bytes of a whole request and vanishes, politely or with a reset. */
static void vanish_after(struct test_server *server, const char *request, size_t len,
                         bool is_reset) {
    int fd = http_connect(server->socket);
    assert_true(fd >= 0);
    if (len) assert_true(send(fd, request, len, MSG_NOSIGNAL) == (ssize_t)len);
    if (is_reset) shutdown(fd, SHUT_RD);
    close(fd);
}

static size_t make_request(char out[1024], const char *body) {
    return (size_t)snprintf(out, 1024,
                            "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                            "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                            strlen(body), body);
}

static void clients_vanish_within_a_request(void **state) {
    struct test_server *server = *state;
    struct holdings before = holdings_of(server);
    char request[1024];
    size_t len = make_request(request, run_body);
    for (size_t cut = 0; cut <= len; cut += cut + 7 < len ? 7 : 1)
        vanish_after(server, request, cut, cut % 2);
    assert_healthy(server);
    assert_nothing_left(server, &before);
}

/* How many sessions there are, and of them have not ended. */
static size_t count_sessions(struct test_server *server, size_t *ret_open) {
    struct runner_session_list list;
    assert_int_equal(runner_session_list(server->runner, &list, NULL), 0);
    size_t count = list.count;
    *ret_open = 0;
    for (size_t i = 0; i < count; i++) {
        if (!runner_status_is_final(list.sessions[i].status))
            ++*ret_open;
        else
            assert_int_equal(list.sessions[i].status, RUNNER_SUCCEEDED);
    }
    runner_session_list_done(&list);
    return count;
}

static bool have_all_ended(void *ctx) {
    size_t open;
    count_sessions(ctx, &open);
    return open == 0;
}

struct expectation {
    struct test_server *server;
    size_t count;
};

static bool are_there(void *ctx) {
    struct expectation *expectation = ctx;
    size_t open;
    return count_sessions(expectation->server, &open) >= expectation->count;
}

static void sessions_whose_caller_has_gone_end_as_they_would(void **state) {
    struct test_server *server = *state;
    struct holdings before = holdings_of(server);
    char request[1024];
    size_t len = make_request(request, run_body);
    for (size_t i = 1; i <= TIMES; i++) {
        int fd = http_connect(server->socket);
        assert_true(send(fd, request, len, MSG_NOSIGNAL) == (ssize_t)len);
        struct expectation expectation = {server, i};
        assert_true(wait_until(are_there, &expectation, 10000));
        close(fd);
    }
    assert_true(wait_until(have_all_ended, server, 20000));
    assert_healthy(server);
    assert_nothing_left(server, &before);
}

static void clients_vanish_while_they_wait_or_follow(void **state) {
    struct test_server *server = *state;
    struct holdings before = holdings_of(server);
    char id[RUNNER_ID_BYTES], path[96], body[256], request[1024];
    start_session(server, "for i in 0..2000 { print(i); if i % 20 == 0 { sleep(0.02) } }", id);
    snprintf(path, sizeof path, "/sse/session/%s", id);
    snprintf(body, sizeof body,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session_logs\",\"params\":{\"session_id\":"
             "\"%s\",\"after_seq\":100000,\"wait_ms\":60000}}",
             id);
    size_t len = make_request(request, body);
    for (int i = 0; i < TIMES; i++) {
        int fd = http_connect(server->socket);
        http_send_get(fd, path, "");
        char buffer[512];
        for (int reads = 0; reads < i; reads++) /* some have read more, some nothing */
            if (recv(fd, buffer, sizeof buffer, 0) <= 0) break;
        close(fd);
        vanish_after(server, request, len, i % 2);
    }
    struct runner_session session;
    await_end(server, id, &session);
    runner_session_done(&session);
    assert_counted(server, id, 2000);
    assert_healthy(server);
    assert_nothing_left(server, &before);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(a_subscriber_that_never_reads_costs_nobody_a_line),
        ON_SERVER(clients_vanish_within_a_request),
        ON_SERVER(sessions_whose_caller_has_gone_end_as_they_would),
        ON_SERVER(clients_vanish_while_they_wait_or_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
