/* The HTTP server over Unix sockets: routes, limits, held calls, its socket path. */
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Handlers --- */

static struct rpc_request *held;

static void echo(struct rpc_request *request, void *ctx) {
    (void)ctx;
    size_t len;
    const char *body = rpc_request_body(request, &len);
    rpc_request_add_header(request, "X-Peer",
                           rpc_request_peer(request)->uid == getuid() ? "me" : "other");
    rpc_request_reply(request, 200, "text/plain", body, len);
}

static void name_route(struct rpc_request *request, void *ctx) {
    rpc_request_reply_static(request, 200, "text/plain", ctx, strlen(ctx));
}

static void say(struct rpc_request *request, void *ctx) {
    (void)ctx;
    const char *what = rpc_request_query(request, "what");
    const char *header = rpc_request_header(request, "x-case");
    json_t *answer = json_pack("{s:s,s:s?,s:s?}", "path", rpc_request_path(request), "what", what,
                               "header", header);
    rpc_request_reply_json(request, 200, answer);
}

static void note_gone(void *ctx) {
    struct fixture *f = ctx;
    held = NULL;
    sem_post(&f->signalled);
}

static void hold(struct rpc_request *request, void *ctx) {
    struct fixture *f = ctx;
    held = request;
    rpc_request_on_gone(request, note_gone, f);
    sem_post(&f->signalled);
}

static void answer_held(void *ctx) {
    const char *text = ctx;
    rpc_request_reply(held, 200, "text/plain", text, strlen(text));
}

static char big_answer[3 * 1024 * 1024];

static void get_big(struct rpc_request *request, void *ctx) {
    (void)ctx;
    for (size_t i = 0; i < sizeof big_answer; i++)
        big_answer[i] = (char)('a' + i % 26);
    rpc_request_reply_static(request, 200, "text/plain", big_answer, sizeof big_answer);
}

static void add_routes(struct fixture *f) {
    rpc_server_route(f->server, "POST", "/echo", echo, f);
    rpc_server_route(f->server, "GET", "/say", say, f);
    rpc_server_route(f->server, "GET", "/hold", hold, f);
    rpc_server_route(f->server, "GET", "/big", get_big, f);
    rpc_server_route(f->server, "GET", "/tree/", name_route, (void *)(uintptr_t) "prefix");
    rpc_server_route(f->server, "*", "/tree/inner/", name_route, (void *)(uintptr_t) "longer");
    rpc_server_route(f->server, "GET", "/tree/inner/", name_route, (void *)(uintptr_t) "same");
    rpc_server_route(f->server, "GET", "/tree/leaf", name_route, (void *)(uintptr_t) "exact");
}

static void assert_answer(struct fixture *f, const char *method, const char *target,
                          const char *body, int status, const char *expected) {
    struct answer answer;
    http(f->socket, method, target, body, &answer);
    assert_int_equal(answer.status, status);
    if (expected) assert_string_equal(answer.body, expected);
    answer_done(&answer);
}

/* --- Tests --- */

static void requests_reach_their_handlers(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    struct answer answer;
    http(f.socket, "POST", "/echo", "some text", &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "some text");
    assert_non_null(strstr(answer.headers, "\r\nX-Peer: me\r\n"));
    assert_non_null(strstr(answer.headers, "\r\nContent-Type: text/plain\r\n"));
    answer_done(&answer);
    assert_answer(&f, "GET", "/say?what=a%20b%26c", NULL, 200,
                  "{\"path\":\"/say\",\"what\":\"a b&c\",\"header\":null}");
    fixture_stop(&f);
}

static void the_longest_route_wins_and_an_exact_one_beats_it(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    assert_answer(&f, "GET", "/tree/a/b", NULL, 200, "prefix");
    assert_answer(&f, "POST", "/tree/inner/x", "", 200, "longer");
    assert_answer(&f, "GET", "/tree/leaf", NULL, 200, "exact");
    assert_answer(&f, "GET", "/tree/leaf/deeper", NULL, 200, "prefix");
    fixture_stop(&f);
}

static void unknown_paths_and_methods_get_an_error_in_json(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    assert_answer(&f, "GET", "/nowhere", NULL, 404, "{\"error\":\"nothing at /nowhere\"}");
    assert_answer(&f, "GET", "/a%22b", NULL, 404, "{\"error\":\"nothing at /a\\\"b\"}");
    assert_answer(&f, "GET", "/echo", NULL, 405, "{\"error\":\"GET is not allowed for /echo\"}");
    assert_answer(&f, "GET", "/tree", NULL, 404, NULL);
    fixture_stop(&f);
}

static void HEAD_is_answered_like_GET_without_a_body(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = connect_to(f.socket);
    send_text(fd, "HEAD /tree/leaf HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    char *all = read_all(fd);
    assert_non_null(strstr(all, "HTTP/1.1 200"));
    assert_non_null(strstr(all, "Content-Length: 5"));
    assert_null(strstr(all, "exact"));
    free(all);
    close(fd);
    fixture_stop(&f);
}

static void a_connection_serves_many_requests(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = connect_to(f.socket);
    for (int i = 0; i < 100; i++) {
        char request[128], body[16];
        int n = snprintf(body, sizeof body, "body %d", i);
        snprintf(request, sizeof request,
                 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", n, body);
        send_text(fd, request);
        struct answer answer;
        read_answer(fd, &answer);
        assert_string_equal(answer.body, body);
        answer_done(&answer);
    }
    close(fd);
    fixture_stop(&f);
}

static void a_body_in_chunks_and_pieces_arrives_whole(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = connect_to(f.socket);
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                                  "chunked\r\n\r\n3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n";
    for (size_t i = 0; i < sizeof request - 1; i++)
        send_bytes(fd, request + i, 1);
    struct answer answer;
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "abcdefgh");
    answer_done(&answer);
    close(fd);
    fixture_stop(&f);
}

static void a_large_answer_arrives_whole(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    struct answer answer;
    http(f.socket, "GET", "/big", NULL, &answer);
    assert_int_equal(answer.len, sizeof big_answer);
    assert_memory_equal(answer.body, big_answer, sizeof big_answer);
    answer_done(&answer);
    fixture_stop(&f);
}

/* Sends the whole body first and reads then, as simple clients do. */
static void post_large(struct fixture *f, const char *framing, size_t len, struct answer *answer) {
    char *body = malloc(len);
    memset(body, 'b', len);
    int fd = connect_to(f->socket);
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\n");
    send_text(fd, framing);
    send_bytes(fd, body, len);
    if (strstr(framing, "chunked")) send_text(fd, "\r\n0\r\n\r\n");
    read_answer(fd, answer);
    close(fd);
    free(body);
}

static void a_body_over_the_limit_gets_413(void **state) {
    (void)state;
    struct fixture f;
    struct answer answer;
    char framing[64];
    fixture_start(&f, &(struct rpc_server_config){.body_limit_bytes = 1000000}, add_routes);
    snprintf(framing, sizeof framing, "Content-Length: %d\r\n\r\n", 1000000);
    post_large(&f, framing, 1000000, &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    snprintf(framing, sizeof framing, "Content-Length: %d\r\n\r\n", 1000001);
    post_large(&f, framing, 1000001, &answer);
    assert_int_equal(answer.status, 413);
    assert_string_equal(answer.body, "{\"error\":\"the body is larger than 1000000 bytes\"}");
    answer_done(&answer);
    snprintf(framing, sizeof framing, "Transfer-Encoding: chunked\r\n\r\n%x\r\n", 1000001);
    post_large(&f, framing, 1000001, &answer);
    assert_int_equal(answer.status, 413);
    answer_done(&answer);
    fixture_stop(&f);
}

static void a_client_that_asks_first_is_told_413_before_it_sends(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = connect_to(f.socket);
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n"
                  "Expect: 100-continue\r\n\r\n");
    struct answer answer;
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 413);
    answer_done(&answer);
    close(fd);
    fixture_stop(&f);
}

static void a_held_call_is_answered_later(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = connect_to(f.socket);
    for (int i = 0; i < 3; i++) {
        send_text(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        wait_for(&f.signalled);
        fixture_run(&f, answer_held, (void *)(uintptr_t) "at last");
        struct answer answer;
        read_answer(fd, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "at last");
        answer_done(&answer);
    }
    close(fd);
    fixture_stop(&f);
}

static void a_client_that_leaves_a_held_call_is_noticed(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = connect_to(f.socket);
    send_text(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&f.signalled);
    close(fd);
    wait_for(&f.signalled); /* note_gone */
    assert_null(held);
    assert_answer(&f, "GET", "/tree/leaf", NULL, 200, "exact");
    fixture_stop(&f);
}

static void a_held_client_that_only_stops_sending_still_gets_its_answer(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = connect_to(f.socket);
    send_text(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&f.signalled);
    shutdown(fd, SHUT_WR);
    assert_answer(&f, "GET", "/tree/leaf", NULL, 200, "exact"); /* the loop went round */
    assert_non_null(held);
    fixture_run(&f, answer_held, (void *)(uintptr_t) "still here");
    struct answer answer;
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "still here");
    answer_done(&answer);
    close(fd);
    fixture_stop(&f);
}

static void a_pipelined_request_waits_for_the_held_one(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = connect_to(f.socket);
    send_text(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&f.signalled);
    send_text(fd, "GET /tree/leaf HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_answer(&f, "GET", "/tree/leaf", NULL, 200, "exact");
    fixture_run(&f, answer_held, (void *)(uintptr_t) "first");
    struct answer answer;
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "first");
    answer_done(&answer);
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "exact");
    answer_done(&answer);
    close(fd);
    fixture_stop(&f);
}

static void a_server_that_ends_lets_held_calls_go(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = connect_to(f.socket);
    send_text(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&f.signalled);
    fixture_stop(&f);
    assert_null(held);
    char byte;
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
}

static void connections_over_the_limit_get_503(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, &(struct rpc_server_config){.connection_limit = 2}, add_routes);
    int first = connect_to(f.socket), second = connect_to(f.socket);
    struct answer answer;
    send_text(second, "GET /tree/leaf HTTP/1.1\r\nHost: x\r\n\r\n");
    read_answer(second, &answer); /* both are accepted, in order */
    answer_done(&answer);
    int third = connect_to(f.socket);
    read_answer(third, &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.headers, "\r\nRetry-After: 1\r\n"));
    assert_string_equal(answer.body, "{\"error\":\"too many connections\"}");
    answer_done(&answer);
    close(third);
    /* The limit is one of connections, not of requests. */
    send_text(first, "GET /tree/leaf HTTP/1.1\r\nHost: x\r\n\r\n");
    read_answer(first, &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    close(first);
    close(second);
    fixture_stop(&f);
}

static void fill_descriptors(void *ctx) {
    int *last = ctx;
    int fd;
    while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        *last = fd;
}

static void without_descriptors_clients_are_told_so(void **state) {
    (void)state;
    struct fixture f;
    struct rlimit before, low;
    int last = -1;
    fixture_start(&f, NULL, add_routes);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int first_free = dup(fd);
    close(first_free);
    getrlimit(RLIMIT_NOFILE, &before);
    low = before;
    low.rlim_cur = (rlim_t)first_free + 8;
    setrlimit(RLIMIT_NOFILE, &low);
    fill_descriptors(&last);
    /* The descriptor was made before they ran out, so only accepting fails. */
    close(fd);
    fd = connect_to(f.socket);
    struct answer answer;
    read_answer(fd, &answer);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer.body, "{\"error\":\"out of descriptors\"}");
    answer_done(&answer);
    for (int i = first_free; i <= last; i++)
        if (i != fd) close(i);
    close(fd);
    setrlimit(RLIMIT_NOFILE, &before);
    wait_for(&f.problem);
    assert_string_equal(f.problem_text, "cannot accept: Too many open files");
    assert_answer(&f, "GET", "/tree/leaf", NULL, 200, "exact");
    fixture_stop(&f);
}

static void an_idle_connection_is_closed_and_a_held_one_is_not(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, &(struct rpc_server_config){.idle_timeout_s = 1}, add_routes);
    int waiting = connect_to(f.socket);
    send_text(waiting, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&f.signalled);
    int idle = connect_to(f.socket), slow = connect_to(f.socket);
    send_text(slow, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Le");
    char *rest = read_all(idle);
    assert_string_equal(rest, "");
    free(rest);
    free(read_all(slow));
    close(idle);
    close(slow);
    fixture_run(&f, answer_held, (void *)(uintptr_t) "spared");
    struct answer answer;
    read_answer(waiting, &answer);
    assert_string_equal(answer.body, "spared");
    answer_done(&answer);
    close(waiting);
    fixture_stop(&f);
}

static void a_vanished_socket_file_comes_back(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, &(struct rpc_server_config){.socket_check_ms = 20}, add_routes);
    assert_answer(&f, "GET", "/tree/leaf", NULL, 200, "exact");
    unlink(f.socket);
    wait_for(&f.problem);
    assert_non_null(strstr(f.problem_text, "had vanished and was bound again"));
    assert_answer(&f, "GET", "/tree/leaf", NULL, 200, "exact");
    fixture_stop(&f);
}

static void junk_is_answered_or_dropped_and_does_no_harm(void **state) {
    (void)state;
    struct fixture f;
    static const struct {
        const char *bytes;
        int status; /* 0: closed without an answer; -1: no request yet, we leave */
    } junk[] = {
        {"\r\n\r\n\r\n", -1},
        {"\x16\x03\x01\x02", -1},
        {"GET\r\n\r\n", 0},
        {"GET / HTTP/9.9\r\n\r\n", 505},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 413},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
    };
    fixture_start(&f, NULL, add_routes);
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        int fd = connect_to(f.socket);
        send_text(fd, junk[i].bytes);
        if (junk[i].status >= 0) {
            struct answer answer;
            read_answer(fd, &answer);
            assert_int_equal(answer.status, junk[i].status);
            answer_done(&answer);
        }
        close(fd);
        assert_answer(&f, "GET", "/tree/leaf", NULL, 200, "exact");
    }
    fixture_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_reach_their_handlers),
        cmocka_unit_test(the_longest_route_wins_and_an_exact_one_beats_it),
        cmocka_unit_test(unknown_paths_and_methods_get_an_error_in_json),
        cmocka_unit_test(HEAD_is_answered_like_GET_without_a_body),
        cmocka_unit_test(a_connection_serves_many_requests),
        cmocka_unit_test(a_body_in_chunks_and_pieces_arrives_whole),
        cmocka_unit_test(a_large_answer_arrives_whole),
        cmocka_unit_test(a_body_over_the_limit_gets_413),
        cmocka_unit_test(a_client_that_asks_first_is_told_413_before_it_sends),
        cmocka_unit_test(a_held_call_is_answered_later),
        cmocka_unit_test(a_client_that_leaves_a_held_call_is_noticed),
        cmocka_unit_test(a_held_client_that_only_stops_sending_still_gets_its_answer),
        cmocka_unit_test(a_pipelined_request_waits_for_the_held_one),
        cmocka_unit_test(a_server_that_ends_lets_held_calls_go),
        cmocka_unit_test(connections_over_the_limit_get_503),
        cmocka_unit_test(without_descriptors_clients_are_told_so),
        cmocka_unit_test(an_idle_connection_is_closed_and_a_held_one_is_not),
        cmocka_unit_test(a_vanished_socket_file_comes_back),
        cmocka_unit_test(junk_is_answered_or_dropped_and_does_no_harm),
    };
    return cmocka_run_group_tests_name("hero_rpc http server", tests, NULL, NULL);
}
