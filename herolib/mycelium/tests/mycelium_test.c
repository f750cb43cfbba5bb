/* Against an HTTP server that stands in for a node: it records what it is asked and answers what
 * the test says. */
#include "tests/fixture.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- A node ------------------------------------------------------------------------------- */

/* Shared with the server's process. */
static struct {
    char answer[1024];   /* from the status on */
    char requests[4096]; /* request lines, and behind each its body, if any */
} * node;

static int listener;
static pid_t server;

/* The whole request: its length is in the headers. */
static size_t read_request(int fd, char *request, size_t size) {
    size_t len = 0, want = SIZE_MAX;
    while (len < want && len < size - 1) {
        ssize_t got = read(fd, request + len, size - 1 - len);
        if (got <= 0) break;
        len += (size_t)got;
        request[len] = '\0';
        char *end = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");
        if (end) want = (size_t)(end + 4 - request) + (length ? strtoul(length + 16, NULL, 10) : 0);
    }
    return len;
}

static void serve(int fd) {
    char request[4096] = "";
    read_request(fd, request, sizeof request);
    if (strcmp(node->answer, "never") == 0) pause();
    char *body = strstr(request, "\r\n\r\n");
    size_t used = strlen(node->requests);
    int line_len = (int)(strstr(request, " HTTP/") - request);
    snprintf(node->requests + used, sizeof node->requests - used, "%.*s\n%s%s", line_len, request,
             body ? body + 4 : "", body && body[4] ? "\n" : "");
    const char *answer_body = strchr(node->answer, '\n');
    size_t len = answer_body ? strlen(answer_body + 1) : 0;
    dprintf(fd, "HTTP/1.1 %.*s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
            (int)strcspn(node->answer, "\n"), node->answer, len, len ? answer_body + 1 : "");
}

static void run_server(void) {
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) _exit(1);
        serve(fd);
        close(fd);
    }
}

static int set_up(void **state) {
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char url[64];
    node = mmap(NULL, sizeof *node, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (node == MAP_FAILED || bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, 16) < 0)
        return -1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    setenv("NODE", url, 1);
    server = fork();
    if (server == 0) run_server();
    return server > 0 ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return 0;
}

/* A status and, behind a newline, a body. */
static void answer(const char *text) {
    snprintf(node->answer, sizeof node->answer, "%s", text);
    node->requests[0] = '\0';
}

static void expect_requests(const char *requests) {
    assert_string_equal(node->requests, requests);
}

#define NODE "let node = env(\"NODE\");"
#define PUBLIC_KEY "bb39b4a3a4efd70f3e05e37887677e02efbda14681d0acd3882bc0f754792c32"

/* ---- Cases -------------------------------------------------------------------------------- */

static void a_node_tells_about_itself(void **state) {
    struct fixture *f = *state;
    answer("200 OK\n{\"nodeSubnet\": \"54f:b680::/64\"}");
    fixture_expect(f, NODE "mycelium_get_node_info(node).nodeSubnet", "54f:b680::/64");
    fixture_expect(f, NODE "mycelium_get_node_info(node + \"/\").nodeSubnet", "54f:b680::/64");
    expect_requests("GET /api/v1/admin\nGET /api/v1/admin\n");
}

static void peers_and_routes_are_listed(void **state) {
    struct fixture *f = *state;
    answer("200 OK\n[{\"a\": 1}]");
    fixture_expect(f,
                   NODE "[mycelium_list_peers(node), mycelium_list_selected_routes(node), "
                        "mycelium_list_fallback_routes(node)]",
                   "[[#{\"a\": 1}], [#{\"a\": 1}], [#{\"a\": 1}]]");
    expect_requests("GET /api/v1/admin/peers\nGET /api/v1/admin/routes/selected\n"
                    "GET /api/v1/admin/routes/fallback\n");
}

static void peers_are_added_and_removed(void **state) {
    struct fixture *f = *state;
    answer("204 No Content");
    fixture_expect(f,
                   NODE "[mycelium_add_peer(node, \"tcp://192.0.2.6:9651\"), "
                        "mycelium_remove_peer(node, \"tcp://192.0.2.6:9651\")]",
                   "[true, true]");
    expect_requests("POST /api/v1/admin/peers\n{\"endpoint\":\"tcp://192.0.2.6:9651\"}\n"
                    "DELETE /api/v1/admin/peers/tcp%3A%2F%2F192.0.2.6%3A9651\n");
}

static void a_message_is_sent_without_waiting(void **state) {
    struct fixture *f = *state;
    answer("201 Created\n{\"id\": \"0123456789abcdef\"}");
    fixture_expect(f, NODE "mycelium_send_message(node, \"449:abcd::1\", \"news\", \"hello\", 0)",
                   "#{\"id\": \"0123456789abcdef\"}");
    fixture_expect(f,
                   NODE "mycelium_send_message(node, \"" PUBLIC_KEY "\", \"\", blob(2, 255), 0).id",
                   "0123456789abcdef");
    expect_requests(
        "POST /api/v1/messages\n"
        "{\"dst\":{\"ip\":\"449:abcd::1\"},\"payload\":\"aGVsbG8=\",\"topic\":\"bmV3cw==\"}\n"
        "POST /api/v1/messages\n"
        "{\"dst\":{\"pk\":\"" PUBLIC_KEY "\"},\"payload\":\"//8=\"}\n");
}

static void a_reply_is_waited_for(void **state) {
    struct fixture *f = *state;
    answer("200 OK\n{\"id\": \"1\", \"topic\": \"bmV3cw==\", \"payload\": \"eWVz\"}");
    fixture_expect(f, NODE "mycelium_send_message(node, \"449::1\", \"news\", \"hello?\", 20)",
                   "#{\"id\": \"1\", \"payload\": \"yes\", \"topic\": \"news\"}");
    answer("408 Request Timeout\n{\"id\": \"2\"}");
    fixture_expect(f, NODE "mycelium_send_message(node, \"449::1\", \"\", \"hello?\", 20)",
                   "#{\"id\": \"2\"}");
    expect_requests("POST /api/v1/messages?reply_timeout=20\n"
                    "{\"dst\":{\"ip\":\"449::1\"},\"payload\":\"aGVsbG8/\"}\n");
}

static void messages_are_received_as_text_or_bytes(void **state) {
    struct fixture *f = *state;
    answer("200 OK\n{\"id\": \"1\", \"topic\": \"+g==\", \"payload\": \"w6k=\"}");
    fixture_expect(f,
                   NODE "let m = mycelium_receive_messages(node, \"a>?\", 5);"
                        "[m.payload, type_of(m.topic), m.topic.len]",
                   "[\"é\", \"blob\", 1]");
    expect_requests("GET /api/v1/messages?peek=false&timeout=5&topic=YT4%2F\n");
    answer("204 No Content");
    fixture_expect(f, NODE "mycelium_receive_messages(node, \"\", 0) == ()", "true");
    expect_requests("GET /api/v1/messages?peek=false&timeout=0\n");
}

static void what_goes_wrong_is_named(void **state) {
    struct fixture *f = *state;
    answer("409 Conflict\npeer is known\nalready");
    fixture_expect_part(f, NODE "mycelium_add_peer(node, \"x\")",
                        "/api/v1/admin/peers: the node answered with status 409: peer is known");
    answer("200 OK\nhello");
    fixture_expect_part(f, NODE "mycelium_list_peers(node)", "cannot read the answer: ");
    fixture_expect_part(f, "mycelium_list_peers(\"http://127.0.0.1:1\")",
                        "mycelium: GET http://127.0.0.1:1/api/v1/admin/peers: ");
    fixture_expect_part(f, NODE "mycelium_receive_messages(node, \"\", -1)",
                        "mycelium: the number of seconds must be");
}

static void a_stop_ends_waiting_at_once(void **state) {
    struct fixture *f = *state;
    answer("never");
    f->session.stop_fd = sink_stop_after_ms(50);
    int64_t begin_ns = herolib_now_ns();
    fixture_expect_part(f, NODE "print(\"before\"); mycelium_receive_messages(node, \"\", 600)",
                        "Script terminated");
    assert_true(herolib_now_ns() - begin_ns < INT64_C(5000000000));
    assert_true(f->sink.flushes > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_node_tells_about_itself),
        FIXTURE_CASE(peers_and_routes_are_listed),
        FIXTURE_CASE(peers_are_added_and_removed),
        FIXTURE_CASE(a_message_is_sent_without_waiting),
        FIXTURE_CASE(a_reply_is_waited_for),
        FIXTURE_CASE(messages_are_received_as_text_or_bytes),
        FIXTURE_CASE(what_goes_wrong_is_named),
        FIXTURE_CASE(a_stop_ends_waiting_at_once), /* last: the server hangs after it */
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
