/* Checks and HTTP against a server of our own; ssh and ping against stand-ins that record. */
#include "tests/fixture.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- A server ---------------------------------------------------------------------------- */

static char dir[] = "/tmp/net_test.XXXXXX";
static int listener;
static pid_t server;
static char port[8];

static void answer(int fd, const char *status, const char *headers, const char *body, size_t len) {
    dprintf(fd, "HTTP/1.1 %s\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n", status, headers,
            len);
    for (size_t done = 0; done < len;) {
        ssize_t written = write(fd, body + done, len - done);
        if (written <= 0) return;
        done += (size_t)written;
    }
}

static void answer_text(int fd, const char *status, const char *headers, const char *body) {
    answer(fd, status, headers, body, strlen(body));
}

/* More than the client takes. */
static const char *many_headers(void) {
    static char headers[1001 * 5 + 1];
    for (char *h = headers; h < headers + sizeof headers - 1; h += 5)
        memcpy(h, "a:b\r\n", 5);
    return headers;
}

/* The whole request, its body included; what it holds is echoed by /echo. */
static void serve(int fd, unsigned *busy_left) {
    static char request[65536], big[300000];
    size_t len = 0, want = SIZE_MAX;
    char *end;
    while (len < want && len < sizeof request - 1) {
        ssize_t got = read(fd, request + len, sizeof request - 1 - len);
        if (got <= 0) return;
        len += (size_t)got;
        request[len] = '\0';
        if (want == SIZE_MAX && (end = strstr(request, "\r\n\r\n"))) {
            char *length = strstr(request, "Content-Length: ");
            want = (size_t)(end + 4 - request) + (length ? strtoul(length + 16, NULL, 10) : 0);
        }
    }
    if (strstr(request, " /json"))
        answer_text(fd, "200 OK", "X-One: a\r\nx-one: b\r\n", "{\"n\": [1, 2.5, null]}");
    else if (strstr(request, " /echo"))
        answer_text(fd, "200 OK", "", request);
    else if (strstr(request, " /moved"))
        answer_text(fd, "302 Found", "Location: /json\r\n", "not this");
    else if (strstr(request, " /busy") && *busy_left > 0 && (*busy_left)--)
        answer_text(fd, "503 Busy", "", "later");
    else if (strstr(request, " /busy"))
        answer_text(fd, "200 OK", "", "now");
    else if (strstr(request, " /big"))
        answer(fd, "200 OK", "", big, sizeof big);
    else if (strstr(request, " /many"))
        answer_text(fd, "200 OK", many_headers(), "");
    else if (strstr(request, " /never"))
        pause();
    else
        answer_text(fd, "404 Not Found", "", "nothing here");
}

static void run_server(void) {
    unsigned busy_left = 2;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) _exit(1);
        serve(fd, &busy_left);
        close(fd);
    }
}

static void write_program(const char *name, const char *text) {
    FILE *file = fopen(name, "w");
    fputs(text, file);
    fclose(file);
    chmod(name, 0755);
}

static int set_up(void **state) {
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (!mkdtemp(dir) || chdir(dir) < 0) return -1;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 16) < 0) return -1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
    setenv("PORT", port, 1);
    setenv("PATH", dir, 1);
    server = fork();
    if (server == 0) run_server();
    return server > 0 ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    close(listener);
    unlink("got"), unlink("ssh"), unlink("ping");
    return rmdir(dir);
}

static char *evaluate(struct fixture *f, const char *script) {
    char *whole;
    if (asprintf(&whole, "let url = `http://127.0.0.1:${env(\"PORT\")}`; %s", script) < 0) abort();
    char *shown = fixture_evaluate(f, whole);
    free(whole);
    return shown;
}

static void expect(struct fixture *f, const char *script, const char *value) {
    char *shown = evaluate(f, script);
    assert_string_equal(shown, value);
    free(shown);
}

static void expect_part(struct fixture *f, const char *script, const char *part) {
    char *shown = evaluate(f, script);
    if (!strstr(shown, part)) fail_msg("'%s' does not hold '%s'", shown, part);
    free(shown);
}

/* ---- HTTP -------------------------------------------------------------------------------- */

static void a_response_has_status_body_headers_and_json(void **state) {
    struct fixture *f = *state;
    expect(f, "let r = http_get(url + \"/json\"); [r.status, r.success, r.json().n, r.body.len]",
           "[200, true, [1, 2.5, ()], 21]");
    expect(f, "let r = http_get(url + \"/json\"); [r.headers.x_one, r.headers[\"x-one\"], "
              "r.header(\"X-ONE\"), r.header(\"none\")]",
           "[(), \"a, b\", \"a\", ()]");
    expect(f, "let r = http_get(url + \"/none\"); [r.status, r.success, r.body]",
           "[404, false, \"nothing here\"]");
}

static void an_answer_has_a_bound_of_headers(void **state) {
    struct fixture *f = *state;
    expect_part(f, "http_get(url + \"/many\")", "/many: the answer has too many headers (1,000)");
}

static void a_post_sends_text_as_it_is_and_values_as_json(void **state) {
    struct fixture *f = *state;
    expect_part(f, "http_post(url + \"/echo\", \"plain\").body", "\r\n\r\nplain");
    expect_part(f, "http_post(url + \"/echo\", #{a: [1, true]}).body",
                "\r\n\r\n{\"a\":[1,true]}");
    expect_part(f, "http_post(url + \"/echo\", #{}).body", "Content-Type: application/json");
    expect_part(f, "http_request(\"PUT\", url + \"/echo\", #{body: blob(2, 65)}).body",
                "\r\n\r\nAA");
    expect_part(f, "http_request(\"DELETE\", url + \"/echo\").body", "DELETE /echo");
    expect(f, "http_request(\"HEAD\", url + \"/json\").body", "");
}

static void headers_and_credentials_are_sent(void **state) {
    struct fixture *f = *state;
    expect_part(f, "http_get(url + \"/echo\", #{headers: #{\"X-Token\": 12}}).body", "X-Token: 12\r\n");
    expect_part(f, "http_get(url + \"/echo\", #{user: \"u\", password: \"p\"}).body",
                "Authorization: Basic dTpw");
    expect_part(f, "http_get(url, #{headers: #{a: \"b\\nc\"}})", "net: the header 'a' holds a line end");
}

static void redirects_are_followed_unless_told_otherwise(void **state) {
    struct fixture *f = *state;
    expect(f, "let r = http_get(url + \"/moved\"); [r.status, r.url == url + \"/json\"]",
           "[200, true]");
    expect(f, "let r = http_get(url + \"/moved\", #{redirects: false}); "
              "[r.status, r.header(\"location\")]",
           "[302, \"/json\"]");
}

static void a_busy_server_is_asked_again(void **state) {
    struct fixture *f = *state;
    expect(f, "http_get(url + \"/busy\", #{retries: 1, retry_delay: 0.01}).status", "503");
    expect(f, "http_get(url + \"/busy\", #{retries: 3, retry_delay: 0.01}).body", "now");
}

static void what_goes_wrong_is_named(void **state) {
    struct fixture *f = *state;
    expect_part(f, "http_get(\"http://127.0.0.1:1/x\")", "net: GET http://127.0.0.1:1/x: ");
    expect_part(f, "http_get(url + \"/none\").json()", "(status 404) is not JSON");
    expect_part(f, "http_get(url, #{retry: 1})", "net: there is no option 'retry'");
    expect_part(f, "http_get(url, #{timeout: \"1\"})", "the option 'timeout' must be a number");
    expect_part(f, "http_get(\"ftp://127.0.0.1/x\")", "Protocol \"ftp\"");
    expect_part(f, "http_request(\"get\", url)", "a method is capital letters");
}

static void checks_do_not_throw(void **state) {
    struct fixture *f = *state;
    expect(f, "[http_check(url + \"/json\"), http_check(url + \"/none\"), http_status(url + \"/none\"), "
              "http_status(\"http://127.0.0.1:1\"), http_status(\"::\")]",
           "[true, false, 404, -1, -1]");
}

static void a_download_appears_when_it_is_whole(void **state) {
    struct fixture *f = *state;
    struct stat info;
    expect(f, "http_download(url + \"/big\", \"got\")", "300000");
    assert_int_equal(stat("got", &info), 0);
    assert_int_equal(info.st_size, 300000);
    unlink("got");
    expect_part(f, "http_download(url + \"/none\", \"got\")", "answered with status 404");
    assert_int_equal(access("got", F_OK), -1);
    expect_part(f, "http_download(url + \"/big\", \"/nowhere/got\")",
                "net: cannot write /nowhere/got: No such file or directory");
}

static void a_stop_ends_a_request_at_once(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = sink_stop_after_ms(50);
    int64_t begin_ns = herolib_now_ns();
    expect_part(f, "http_get(url + \"/never\")", "Script terminated");
    assert_true(herolib_now_ns() - begin_ns < INT64_C(5000000000));
}

/* ---- TCP, names -------------------------------------------------------------------------- */

static void ports_are_checked(void **state) {
    struct fixture *f = *state;
    expect(f, "let p = parse_int(env(\"PORT\")); [tcp_check(\"127.0.0.1\", p), "
              "tcp_check(\"localhost\", p), tcp_check(\"127.0.0.1\", 1), tcp_check(\"127.0.0.1\", 0), "
              "tcp_check(\"no.such.invalid\", 80)]",
           "[true, true, false, false, false]");
    expect(f, "[tcp_wait(\"127.0.0.1\", parse_int(env(\"PORT\")), 5), tcp_wait(\"127.0.0.1\", 1, 0)]",
           "[true, false]");
}

static void a_stop_ends_waiting_for_a_port(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = sink_stop_after_ms(20);
    expect_part(f, "tcp_wait(\"127.0.0.1\", 1, 600)", "Script terminated");
}

static void names_are_looked_up(void **state) {
    struct fixture *f = *state;
    expect(f, "dns_lookup(\"127.0.0.1\")", "[\"127.0.0.1\"]");
    expect(f, "dns_lookup(\"localhost\").len > 0", "true");
    expect_part(f, "dns_lookup(\"no.such.invalid\")", "net: cannot look up no.such.invalid: ");
}

/* ---- Programs ---------------------------------------------------------------------------- */

static void ssh_gets_its_arguments(void **state) {
    struct fixture *f = *state;
    write_program("ssh", "#!/bin/sh\necho \"$@\"\n");
    expect(f, "ssh_execute_output(\"h\", \"me\", \"uptime; id\", #{port: 22, identity: \"k\"})",
           "-T -o BatchMode=yes -o ConnectTimeout=10 -l me -p 22 -i k -- h uptime; id\n");
    expect(f, "ssh_ping(\"h\", \"me\")", "true");
    expect(f, "ssh_execute(\"h\", \"me\", \"x\")", "0");
    assert_non_null(strstr(sink_text(&f->sink.out), "-l me -- h x\n"));
}

static void ssh_that_fails_is_minus_one(void **state) {
    struct fixture *f = *state;
    write_program("ssh", "#!/bin/sh\necho refused >&2\nexit 255\n");
    expect(f, "[ssh_execute(\"h\", \"me\", \"x\"), ssh_execute_output(\"h\", \"me\", \"x\"), "
              "ssh_ping(\"h\", \"me\")]",
           "[-1, \"refused\\n\", false]");
    unlink("ssh");
    expect_part(f, "ssh_execute(\"h\", \"me\", \"x\")",
                "ssh: cannot run ssh: it is not installed (Debian package openssh-client)");
}

static void ping_asks_once(void **state) {
    struct fixture *f = *state;
    write_program("ping", "#!/bin/sh\n[ \"$*\" = '-c 1 -W 3 -- there' ]\n");
    expect(f, "[tcp_ping(\"there\"), tcp_ping(\"gone\")]", "[true, false]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_response_has_status_body_headers_and_json),
        FIXTURE_CASE(an_answer_has_a_bound_of_headers),
        FIXTURE_CASE(a_post_sends_text_as_it_is_and_values_as_json),
        FIXTURE_CASE(headers_and_credentials_are_sent),
        FIXTURE_CASE(redirects_are_followed_unless_told_otherwise),
        FIXTURE_CASE(a_busy_server_is_asked_again),
        FIXTURE_CASE(what_goes_wrong_is_named),
        FIXTURE_CASE(checks_do_not_throw),
        FIXTURE_CASE(a_download_appears_when_it_is_whole),
        FIXTURE_CASE(ports_are_checked),
        FIXTURE_CASE(a_stop_ends_waiting_for_a_port),
        FIXTURE_CASE(names_are_looked_up),
        FIXTURE_CASE(ssh_gets_its_arguments),
        FIXTURE_CASE(ssh_that_fails_is_minus_one),
        FIXTURE_CASE(ping_asks_once),
        FIXTURE_CASE(a_stop_ends_a_request_at_once), /* last: the server hangs after it */
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
