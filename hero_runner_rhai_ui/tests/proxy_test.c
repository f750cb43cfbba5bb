/* Calls and streams on their way through the dashboard server. */
#include "tests/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STATS_CALL "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"stats\"}"
#define ANSWER "{\"jsonrpc\":\"2.0\",\"result\":{\"ok\":true},\"id\":7}"

static int setup(void **state) {
    struct place *place = calloc(1, sizeof *place);
    place_init(place);
    *state = place;
    return 0;
}

static int teardown(void **state) {
    place_done(*state);
    free(*state);
    return 0;
}

static void send_answer(int fd, const char *status, const char *body) {
    char answer[1024];
    snprintf(answer, sizeof answer,
             "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             status, strlen(body), body);
    send_text(fd, answer);
}

static int ask(const struct place *place, const char *request) {
    int fd = dial_ui(place);
    send_text(fd, request);
    return fd;
}

static int ask_rpc(const struct place *place) {
    char request[512];
    snprintf(request, sizeof request,
             "POST /rpc HTTP/1.0\r\nX-Hero-User: ana\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(STATS_CALL), STATS_CALL);
    return ask(place, request);
}

/* ---- Calls ------------------------------------------------------------------------------- */

static void a_call_and_its_answer_pass_unchanged_with_the_caller(void **state) {
    struct place *place = *state;
    runner_up(place);
    place_start(place, NULL, NULL);
    int browser = ask_rpc(place);
    char *request, uid[64];
    int runner = runner_accept(place, "POST /rpc HTTP/1.0\r\n", &request);
    assert_contains(request, "\r\nX-Hero-User: ana\r\n");
    snprintf(uid, sizeof uid, "\r\nX-Hero-Uid: %u\r\n", (unsigned)geteuid());
    assert_contains(request, uid);
    assert_contains(request, "\r\n\r\n" STATS_CALL);
    send_answer(runner, "200 OK", ANSWER);
    char *answer = read_until(browser, NULL);
    assert_contains(answer, " 200 OK\r\n");
    assert_contains(answer, "\r\n\r\n" ANSWER);
    free(request);
    free(answer);
    close(runner);
    close(browser);
}

static void without_a_runner_a_call_says_so_and_later_ones_work(void **state) {
    struct place *place = *state;
    place_start(place, NULL, NULL);
    char *answer = post_rpc(place, STATS_CALL);
    assert_contains(answer, " 502 ");
    assert_contains(answer, "\"id\":7");
    assert_contains(answer, "\"code\":-32099");
    assert_contains(answer, "the runner does not answer at ");
    assert_contains(answer, "No such file or directory; hero_runner_rhai --start starts it");
    free(answer);
    answer = get(place, "/health", "");
    assert_contains(answer, " 200 ");
    assert_contains(answer, "\"status\":\"degraded\"");
    free(answer);

    runner_up(place);
    int browser = ask_rpc(place);
    int runner = runner_accept(place, "POST /rpc", NULL);
    send_answer(runner, "200 OK", ANSWER);
    answer = read_until(browser, NULL);
    assert_contains(answer, ANSWER);
    free(answer);
    answer = get(place, "/health", "");
    assert_contains(answer, "\"status\":\"ok\"");
    free(answer);
    close(runner);
    close(browser);
}

static void a_notification_has_no_body(void **state) {
    struct place *place = *state;
    runner_up(place);
    place_start(place, NULL, NULL);
    int browser = ask_rpc(place);
    int runner = runner_accept(place, "POST /rpc", NULL);
    send_text(runner, "HTTP/1.1 204 No Content\r\n\r\n");
    char *answer = read_until(browser, NULL);
    assert_contains(answer, " 204 ");
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
    close(runner);
    close(browser);
}

static void an_answer_that_breaks_off_is_not_taken_for_whole(void **state) {
    struct place *place = *state;
    runner_up(place);
    place_start(place, NULL, NULL);
    int browser = ask_rpc(place);
    int runner = runner_accept(place, "POST /rpc", NULL);
    send_text(runner, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"jsonrpc\":");
    close(runner);
    char *answer = read_until(browser, NULL);
    assert_contains(answer, "Content-Length: 1000\r\n");
    assert_true(strlen(strstr(answer, "\r\n\r\n")) < 1000);
    free(answer);
    close(browser);
}

static void a_browser_that_leaves_ends_its_held_call(void **state) {
    struct place *place = *state;
    runner_up(place);
    place_start(place, NULL, NULL);
    int browser = ask_rpc(place);
    int runner = runner_accept(place, "POST /rpc", NULL);
    close(browser);
    assert_true(is_closed_by_peer(runner));
    close(runner);
}

static void other_bytes_than_http_are_a_clear_error(void **state) {
    struct place *place = *state;
    runner_up(place);
    place_start(place, NULL, NULL);
    int browser = ask_rpc(place);
    int runner = runner_accept(place, "POST /rpc", NULL);
    send_text(runner, "hello\r\n\r\n");
    char *answer = read_until(browser, NULL);
    assert_contains(answer, " 502 ");
    assert_contains(answer, "its answer is not HTTP");
    free(answer);
    close(runner);
    close(browser);
}

static void the_proxy_can_be_switched_off(void **state) {
    struct place *place = *state;
    const char *const options[] = {"--rpc-proxy", "0", NULL};
    place_start(place, options, NULL);
    char *answer = post_rpc(place, STATS_CALL);
    assert_contains(answer, " 403 ");
    free(answer);
    answer = get(place, "/", "");
    assert_contains(answer, "data-rpc=\"../rpc/rpc\"");
    free(answer);
}

/* ---- Streams ----------------------------------------------------------------------------- */

#define SSE_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

static void a_stream_passes_as_it_comes_and_ends_with_the_runners(void **state) {
    struct place *place = *state;
    runner_up(place);
    place_start(place, NULL, NULL);
    int browser = ask(place, "GET /sse/session/a%20b?after_seq=3&x=%26 HTTP/1.0\r\n"
                             "Last-Event-ID: 5\r\n\r\n");
    char *request;
    int runner = runner_accept(place, "GET /sse/session/a%20b?after_seq=3&x=%26 ", &request);
    assert_contains(request, "\r\nLast-Event-ID: 5\r\n");
    free(request);
    send_text(runner, SSE_HEAD "id: 6\ndata: six\n\n");
    char *first = read_until(browser, "data: six\n\n");
    assert_contains(first, "Content-Type: text/event-stream\r\n");
    assert_contains(first, "Cache-Control: no-store\r\n");
    send_text(runner, "id: 7\ndata: seven\n\n");
    close(runner);
    char *rest = read_until(browser, NULL);
    assert_string_equal(rest, "id: 7\ndata: seven\n\n");
    free(first);
    free(rest);
    close(browser);
}

#define RUN_PARAMS "{\"script\":\"1\"}"

static int ask_run(const struct place *place) {
    char request[256];
    snprintf(request, sizeof request, "POST /sse/run HTTP/1.0\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(RUN_PARAMS), RUN_PARAMS);
    return ask(place, request);
}

static void a_posted_stream_passes_or_its_refusal(void **state) {
    struct place *place = *state;
    runner_up(place);
    place_start(place, NULL, NULL);
    int browser = ask_run(place);
    char *request;
    int runner = runner_accept(place, "POST /sse/run HTTP/1.0\r\n", &request);
    assert_contains(request, "\r\n\r\n" RUN_PARAMS);
    free(request);
    send_text(runner, SSE_HEAD "event: status\ndata: {}\n\n");
    char *first = read_until(browser, "data: {}\n\n");
    assert_contains(first, "Content-Type: text/event-stream\r\n");
    free(first);
    close(browser); /* ends the runner's stream */
    assert_true(is_closed_by_peer(runner));
    close(runner);

    browser = ask_run(place);
    runner = runner_accept(place, "POST /sse/run", NULL);
    send_answer(runner, "503 Service Unavailable\r\nRetry-After: 1",
                "{\"error\":{\"code\":-32002}}");
    char *answer = read_until(browser, NULL);
    assert_contains(answer, " 503 ");
    assert_contains(answer, "\r\nRetry-After: 1\r\n");
    assert_contains(answer, "{\"error\":{\"code\":-32002}}");
    free(answer);
    close(runner);
    close(browser);
}

/* Writes until the other end has taken nothing for a while; gives what it took. */
static size_t push_until_full(int fd) {
    static char event[1024];
    size_t taken = 0;
    int64_t quiet_since = now_ms();
    memset(event, 'd', sizeof event);
    memcpy(event, "data: ", 6);
    memcpy(event + sizeof event - 2, "\n\n", 2);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (now_ms() - quiet_since < 300) {
        ssize_t n = send(fd, event, sizeof event, MSG_NOSIGNAL);
        if (n > 0) {
            taken += (size_t)n;
            quiet_since = now_ms();
        } else {
            assert_int_equal(errno, EAGAIN);
        }
    }
    return taken;
}

static void a_browser_that_does_not_read_stops_the_runner_and_not_the_server(void **state) {
    struct place *place = *state;
    runner_up(place);
    place_start(place, NULL, NULL);
    int browser = ask(place, "GET /sse/session/x HTTP/1.1\r\nHost: x\r\n\r\n");
    int runner = runner_accept(place, "GET /sse/session/x", NULL);
    send_text(runner, SSE_HEAD);
    /* Two socket buffers and the window, not the endless rest. */
    size_t taken = push_until_full(runner);
    assert_in_range(taken, 1, 2 << 20);
    char *answer = get(place, "/health", "");
    assert_contains(answer, " 200 ");
    free(answer);
    /* It goes on where it was. */
    fcntl(runner, F_SETFL, 0);
    char *some = read_until(browser, "ddd\n\n");
    free(some);
    close(browser);
    assert_true(is_closed_by_peer(runner));
    close(runner);
}

static void events_of_several_sources_come_whole_and_marked(void **state) {
    struct place *place = *state;
    runner_up(place);
    place_start(place, NULL, NULL);
    int browser = ask(place, "GET /events?list=1&logs=aa:4 HTTP/1.0\r\n\r\n");
    int list = runner_accept(place, "GET /sse/sessions HTTP/1.0\r\n", NULL);
    int log = runner_accept(place, "GET /sse/session/aa?after_seq=4 HTTP/1.0\r\n", NULL);
    char *read = read_until(browser, "event: hello\ndata: {}\n\n");
    free(read);
    /* Half an event, then one of the other source: that one waits for the other half. */
    send_text(log, SSE_HEAD "id: 5\nevent: stdout\ndata: {\"li");
    read = read_until(browser, "data: {\"li");
    free(read);
    send_text(list, SSE_HEAD "event: stats\ndata: {}\n\n");
    send_text(log, "ne\":1}\n\n");
    read = read_until(browser, "event: stats\ndata: {}\n\n");
    assert_string_equal(read, "ne\":1}\n\nfrom: sessions\nevent: stats\ndata: {}\n\n");
    free(read);
    close(log);
    read = read_until(browser, "closed\ndata: {\"status\":200}\n\n");
    assert_string_equal(read, "from: aa\nevent: closed\ndata: {\"status\":200}\n\n");
    free(read);
    close(list); /* the runner ends */
    read = read_until(browser, NULL);
    assert_string_equal(read, "from: sessions\nevent: closed\ndata: {\"status\":200}\n\n");
    free(read);
    close(browser);
}

static void half_an_event_cuts_the_stream(void **state) {
    struct place *place = *state;
    runner_up(place);
    place_start(place, NULL, NULL);
    int browser = ask(place, "GET /events?logs=aa:0 HTTP/1.1\r\nHost: x\r\n\r\n");
    int log = runner_accept(place, "GET /sse/session/aa", NULL);
    send_text(log, SSE_HEAD "id: 1\ndata: {\"half\":");
    close(log);
    char *read = read_until(browser, NULL);
    assert_null(strstr(read, "closed"));
    assert_null(strstr(read, "\r\n0\r\n\r\n")); /* no last chunk */
    free(read);
    close(browser);
}

static void events_tell_that_the_runner_is_down_or_does_not_know(void **state) {
    struct place *place = *state;
    place_start(place, NULL, NULL);
    char *answer = get(place, "/events?list=1", "");
    assert_contains(answer, "from: sessions\nevent: closed\ndata: {\"status\":0,\"message\":\"the "
                            "runner does not answer at ");
    free(answer);
    runner_up(place);
    int browser = ask(place, "GET /events?logs=aa:0 HTTP/1.0\r\n\r\n");
    int log = runner_accept(place, "GET /sse/session/aa", NULL);
    send_answer(log, "404 Not Found", "{\"error\":\"unknown session\"}");
    answer = read_until(browser, NULL);
    assert_contains(answer, "from: aa\nevent: closed\ndata: {\"status\":404}\n\n");
    free(answer);
    close(log);
    close(browser);
}

static void events_refuse_what_they_cannot_read(void **state) {
    struct place *place = *state;
    static const char *const wrong[] = {"/events", "/events?logs=aa", "/events?logs=a/b:1",
                                        "/events?logs=aa:x", "/events?logs=aa:1;bb:2"};
    place_start(place, NULL, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *answer = get(place, wrong[i], "");
        assert_contains(answer, " 400 ");
        free(answer);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_call_and_its_answer_pass_unchanged_with_the_caller),
        TEST(without_a_runner_a_call_says_so_and_later_ones_work),
        TEST(a_notification_has_no_body),
        TEST(an_answer_that_breaks_off_is_not_taken_for_whole),
        TEST(a_browser_that_leaves_ends_its_held_call),
        TEST(other_bytes_than_http_are_a_clear_error),
        TEST(the_proxy_can_be_switched_off),
        TEST(a_stream_passes_as_it_comes_and_ends_with_the_runners),
        TEST(a_posted_stream_passes_or_its_refusal),
        TEST(a_browser_that_does_not_read_stops_the_runner_and_not_the_server),
        TEST(events_of_several_sources_come_whole_and_marked),
        TEST(half_an_event_cuts_the_stream),
        TEST(events_tell_that_the_runner_is_down_or_does_not_know),
        TEST(events_refuse_what_they_cannot_read),
    };
    return cmocka_run_group_tests_name("dashboard server, proxy", tests, NULL, NULL);
}
