/* The TCP listener: who may call, from where, under which name. */
#include "service_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint16_t port;

static const char *const more_names[] = {"runner.example", NULL};

static void listen_tcp(struct fixture *f, const char *address) {
    struct rpc_error err = {0};
    struct rpc_tcp_options options = {
        .address = address, .token = "s3cret", .host_names = more_names};
    if (rpc_server_listen_tcp(f->server, &options, &port, &err) != 0) fail_msg("%s", err.message);
}

static void add_all(struct fixture *f) {
    add_service(f);
    listen_tcp(f, NULL);
}

static int connect_tcp(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* A GET with these headers. */
static void get(const char *target, const char *headers, struct answer *answer) {
    char request[512];
    int fd = connect_tcp();
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n%s\r\n", target, headers);
    send_text(fd, request);
    read_answer(fd, answer);
    close(fd);
}

static void assert_status(const char *headers, int status) {
    struct answer answer;
    get("/health", headers, &answer);
    assert_int_equal(answer.status, status);
    answer_done(&answer);
}

static void the_owner_passes_without_a_token(void **state) {
    (void)state;
    struct fixture f;
    struct rpc_error err = {0};
    char url[64];
    fixture_start(&f, NULL, add_all);
    assert_status("Host: localhost\r\n", 200);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    struct rpc_client *client = rpc_client_new_tcp(url, NULL, &err);
    json_t *health = rpc_client_call(client, "health", NULL, &err);
    assert_non_null(health);
    json_decref(health);
    rpc_client_free(client);
    fixture_stop(&f);
}

static void only_known_names_are_served(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_all);
    assert_status("Host: LOCALHOST:80\r\n", 200);
    assert_status("Host: 127.0.0.1:8080\r\n", 200);
    assert_status("Host: 127.1.2.3\r\n", 200);
    assert_status("Host: [::1]:80\r\n", 200);
    assert_status("Host: runner.example\r\n", 200);
    assert_status("Host: evil.example\r\n", 421);
    assert_status("Host: localhost.evil.example\r\n", 421);
    assert_status("Host: [::1].evil\r\n", 421);
    assert_status("Host: \r\n", 421);
    fixture_stop(&f);
}

static void pages_of_other_origins_are_refused(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_all);
    assert_status("Host: localhost\r\nOrigin: http://localhost:3000\r\n", 200);
    assert_status("Host: localhost\r\nOrigin: https://runner.example\r\n", 200);
    assert_status("Host: localhost\r\nOrigin: https://evil.example\r\n", 403);
    assert_status("Host: localhost\r\nOrigin: null\r\n", 403);
    fixture_stop(&f);
}

/* Runs a check as another user; such a client is known by its token only. */
static void as_nobody(void (*check)(void)) {
    if (geteuid() != 0) skip();
    pid_t pid = fork();
    if (pid == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0) _exit(2);
        check();
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static int status_of(const char *target, const char *headers) {
    struct answer answer;
    get(target, headers, &answer);
    int status = answer.status;
    answer_done(&answer);
    return status;
}

static void check_token(void) {
    if (status_of("/health", "Host: localhost\r\n") != 401) _exit(11);
    if (status_of("/health", "Host: localhost\r\nAuthorization: Bearer wrong!\r\n") != 401)
        _exit(12);
    if (status_of("/health", "Host: localhost\r\nAuthorization: Bearer s3cret\r\n") != 200)
        _exit(13);
    if (status_of("/health", "Host: localhost\r\nCookie: a=b; hero_token=s3cret\r\n") != 200)
        _exit(14);
    if (status_of("/health", "Host: localhost\r\nCookie: hero_token=\r\n") != 401) _exit(15);
    if (status_of("/health?token=s3cre", "Host: localhost\r\n") != 401) _exit(16);
    if (status_of("/health?token=s3cret", "Host: localhost\r\n") != 303) _exit(17);
}

static void another_user_needs_the_token(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_all);
    as_nobody(check_token);
    fixture_stop(&f);
}

static void with_wants_token_the_owner_needs_it_too(void **state) {
    (void)state;
    struct fixture f;
    struct rpc_error err = {0};
    struct rpc_tcp_options options = {.token = "s3cret", .wants_token = true};
    fixture_start(&f, NULL, add_service);
    if (rpc_server_listen_tcp(f.server, &options, &port, &err) != 0) fail_msg("%s", err.message);
    assert_int_equal(status_of("/health", "Host: localhost\r\n"), 401);
    assert_int_equal(status_of("/health", "Host: localhost\r\nAuthorization: Bearer s3cret\r\n"),
                     200);
    fixture_stop(&f);
}

static char unix_path[128];

static void check_unix_refusal(void) {
    int fd = connect_to(unix_path);
    struct answer answer;
    send_text(fd, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    read_answer(fd, &answer);
    _exit(answer.status == 403 ? 0 : 1);
}

static void check_unix_group(void) {
    struct answer answer;
    http(unix_path, "GET", "/health", NULL, &answer);
    _exit(answer.status == 200 ? 0 : 1);
}

static void a_unix_socket_serves_its_group_and_refuses_others(void **state) {
    (void)state;
    if (geteuid() != 0) skip();
    struct fixture f;
    fixture_start(&f, NULL, add_service);
    /* Wider rights on the file than ours must not be enough. */
    strcpy(unix_path, f.socket);
    assert_int_equal(chmod(f.home.path, 0755), 0);
    assert_int_equal(chmod(f.socket, 0666), 0);
    as_nobody(check_unix_refusal);
    fixture_stop(&f);

    gid_t before = getegid();
    assert_int_equal(setegid(65534), 0); /* the group the socket will have */
    fixture_start(&f, NULL, add_service);
    assert_int_equal(setegid(before), 0);
    strcpy(unix_path, f.socket);
    assert_int_equal(chmod(f.home.path, 0755), 0);
    as_nobody(check_unix_group);
    fixture_stop(&f);
}

static void a_token_in_the_address_becomes_a_cookie(void **state) {
    (void)state;
    struct fixture f;
    struct answer answer;
    fixture_start(&f, NULL, add_all);
    get("//docs/a%20b?x=1%262&token=s3cret&y", "Host: localhost\r\n", &answer);
    assert_int_equal(answer.status, 303);
    assert_non_null(strstr(answer.headers, "\r\nSet-Cookie: hero_token=s3cret; Path=/; HttpOnly; "
                                           "SameSite=Strict\r\n"));
    assert_non_null(strstr(answer.headers, "\r\nLocation: /docs/a%20b?x=1%262&y\r\n"));
    answer_done(&answer);
    fixture_stop(&f);
}

static void a_body_is_not_read_from_who_may_not_call(void **state) {
    (void)state;
    struct fixture f;
    struct answer answer;
    fixture_start(&f, NULL, add_all);
    int fd = connect_tcp();
    send_text(fd, "POST /rpc HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000\r\n\r\n");
    read_answer(fd, &answer); /* without having sent the body */
    assert_int_equal(answer.status, 421);
    answer_done(&answer);
    close(fd);
    fixture_stop(&f);
}

static void a_held_call_over_tcp_notices_its_client_leaving(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_all);
    int fd = connect_tcp();
    send_post(fd, "/rpc", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hold\"}");
    wait_for(&f.signalled);
    close(fd);
    wait_for(&f.signalled);
    assert_null(service_held);
    fixture_stop(&f);
}

static void addresses_must_be_numeric_and_free(void **state) {
    (void)state;
    struct fixture f;
    struct rpc_error err = {0};
    fixture_start(&f, NULL, add_all);
    struct rpc_tcp_options options = {.address = "localhost"};
    assert_int_equal(rpc_server_listen_tcp(f.server, &options, NULL, &err), -1);
    assert_string_equal(err.message, "not a numeric IP address: \"localhost\"");
    options = (struct rpc_tcp_options){.port = port};
    assert_int_equal(rpc_server_listen_tcp(f.server, &options, NULL, &err), -1);
    char expected[96];
    snprintf(expected, sizeof expected,
             "cannot listen on 127.0.0.1 port %d: Address already in use", port);
    assert_string_equal(err.message, expected);
    fixture_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_passes_without_a_token),
        cmocka_unit_test(only_known_names_are_served),
        cmocka_unit_test(pages_of_other_origins_are_refused),
        cmocka_unit_test(another_user_needs_the_token),
        cmocka_unit_test(with_wants_token_the_owner_needs_it_too),
        cmocka_unit_test(a_unix_socket_serves_its_group_and_refuses_others),
        cmocka_unit_test(a_token_in_the_address_becomes_a_cookie),
        cmocka_unit_test(a_body_is_not_read_from_who_may_not_call),
        cmocka_unit_test(a_held_call_over_tcp_notices_its_client_leaving),
        cmocka_unit_test(addresses_must_be_numeric_and_free),
    };
    return cmocka_run_group_tests_name("hero_rpc TCP and callers", tests, NULL, NULL);
}
