/* What the dashboard server itself serves, to whom, and with which headers. */
#include "src/config.h"
#include "src/page.h"
#include "tests/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static char *get_tcp(const struct place *place, const char *target, const char *headers) {
    char request[1024];
    snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n%s\r\n", target, headers);
    return talk(dial_tcp(place), request);
}

static char *post_tcp(const struct place *place, const char *headers) {
    char request[1024];
    snprintf(request, sizeof request, "POST /rpc HTTP/1.0\r\n%sContent-Length: 2\r\n\r\n{}",
             headers);
    return talk(dial_tcp(place), request);
}

static void expect(char *answer, const char *part) {
    assert_contains(answer, part);
    free(answer);
}

/* The path of a file of the page, from the page itself; "" in a build without them. */
static void find_asset(const struct place *place, char *path, size_t size) {
    char *page = get(place, "/", "");
    const char *from = strstr(page, "\"assets/app-");
    const char *end = from ? strchr(from + 1, '"') : NULL;
    snprintf(path, size, "%s%.*s", end ? "/" : "", end ? (int)(end - from - 1) : 0,
             end ? from + 1 : "");
    free(page);
}

/* ---- Small parts ------------------------------------------------------------------------- */

static void prefixes_are_paths_of_plain_segments(void **state) {
    (void)state;
    static const struct {
        const char *header, *prefix; /* NULL: refused */
    } cases[] = {
        {NULL, ""},
        {"", ""},
        {"/", ""},
        {"/a", "/a"},
        {"/a/b-c/", "/a/b-c"},
        {"/a_1.2/~x", "/a_1.2/~x"},
        {"a", NULL},
        {"/a//b", NULL},
        {"//evil", NULL},
        {"/a/../b", NULL},
        {"/..", NULL},
        {"/a\"b", NULL},
        {"/a b", NULL},
        {"/a<b>", NULL},
        {"/a%2fb", NULL},
        {"/.hidden", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char prefix[PAGE_PREFIX_MAX_BYTES];
        bool is_good = page_clean_prefix(cases[i].header, prefix);
        assert_int_equal(is_good, cases[i].prefix != NULL);
        if (is_good) assert_string_equal(prefix, cases[i].prefix);
    }
}

static void a_template_is_filled(void **state) {
    (void)state;
    const struct page_value values[] = {{"name", "ana"}, {"empty", ""}};
    const char text[] = "{{name}}{{empty}} {{other}} {{ {{name}} }} {{name";
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    page_fill(&out, text, strlen(text), values, 2);
    assert_string_equal(rpc_strbuf_text(&out), "ana {{other}} {{ ana }} {{name");
    rpc_strbuf_done(&out);
}

static void addresses_to_listen_on_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text, *address; /* NULL: refused */
        int port;
    } cases[] = {
        {"127.0.0.1:9977", "127.0.0.1", 9977},
        {"9977", "127.0.0.1", 9977},
        {":0", "127.0.0.1", 0},
        {"[::1]:80", "::1", 80},
        {"127.0.0.1", NULL, 0},
        {"x:", NULL, 0},
        {"1:65536", NULL, 0},
        {"1:-1", NULL, 0},
        {"1:2x", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *address = NULL;
        uint16_t port = 0;
        struct rpc_error err = {0};
        int outcome = config_parse_listen(cases[i].text, &address, &port, &err);
        assert_int_equal(outcome, cases[i].address ? 0 : -1);
        if (outcome == 0) {
            assert_string_equal(address, cases[i].address);
            assert_int_equal(port, cases[i].port);
        }
        free(address);
    }
}

static void wrong_settings_are_named(void **state) {
    (void)state;
    static const struct {
        const char *argv[4], *message;
    } cases[] = {
        {{"ui", "--frame-ancestors", "a; script-src *"}, "frame-ancestors: "},
        {{"ui", "--listen", "here"}, "listen: \"here\" is not an address and a port"},
        {{"ui", "--rpc-proxy", "2"}, "--rpc-proxy: \"2\" is not a number from 0 to 1"},
        {{"ui", "--token", "x"}, "--token: no such option, see --help"},
        {{"ui", "--listen"}, "--listen: needs a value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int argc = 0;
        while (cases[i].argv[argc])
            argc++;
        struct config config;
        struct rpc_error err = {0};
        assert_int_equal(config_read(argc, (char **)(uintptr_t)cases[i].argv, &config, &err),
                         CONFIG_BAD);
        assert_contains(err.message, cases[i].message);
    }
}

/* ---- The page ---------------------------------------------------------------------------- */

static void every_tab_is_the_page_with_a_nonce_of_its_own(void **state) {
    struct place *place = *state;
    static const char *const tabs[] = {"/",      "/sessions", "/sessions/3f0c",
                                       "/run",   "/logs",     "/stats",
                                       "/admin", "/docs",     "/docs/health"};
    place_start(place, NULL, NULL);
    char nonces[sizeof tabs / sizeof *tabs][40];
    for (size_t i = 0; i < sizeof tabs / sizeof *tabs; i++) {
        char *answer = get(place, tabs[i], "");
        assert_contains(answer, " 200 ");
        assert_contains(answer, "Cache-Control: no-store\r\n");
        assert_contains(answer, "Content-Security-Policy: default-src 'none'; ");
        assert_null(strstr(answer, "unsafe-"));
        const char *nonce = strstr(answer, "'nonce-") + strlen("'nonce-");
        snprintf(nonces[i], sizeof nonces[i], "%.32s", nonce);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(nonces[i], nonces[j]);
        char attribute[64];
        snprintf(attribute, sizeof attribute, "nonce=\"%.32s\"", nonces[i]);
        assert_contains(answer, attribute);
        free(answer);
    }
    expect(get(place, "/nothing", ""), " 404 ");
}

static void a_prefix_becomes_the_base(void **state) {
    struct place *place = *state;
    place_start(place, NULL, NULL);
    expect(get(place, "/", ""), "<base href=\"/\">");
    expect(get(place, "/run", "X-Forwarded-Prefix: /hero/ui/\r\n"), "<base href=\"/hero/ui/\">");
    expect(get(place, "/", "X-Forwarded-Prefix: /a\"onload=x\r\n"), " 400 ");
}

static void frames_are_for_whom_the_operator_says(void **state) {
    struct place *place = *state;
    const char *const options[] = {"--frame-ancestors", "https://router.example", NULL};
    place_start(place, options, NULL);
    expect(get(place, "/", ""), "frame-ancestors https://router.example\r\n");
}

static void files_are_compressed_and_kept_for_ever(void **state) {
    struct place *place = *state;
    char path[128];
    place_start(place, NULL, NULL);
    find_asset(place, path, sizeof path);
    if (!*path) skip();
    char *answer = get(place, path, "Accept-Encoding: br, gzip;q=0.8\r\n");
    assert_contains(answer, "Content-Encoding: gzip\r\n");
    assert_contains(answer, "Cache-Control: public, max-age=31536000, immutable\r\n");
    const char *etag = strstr(answer, "ETag: ") + strlen("ETag: ");
    char condition[128];
    snprintf(condition, sizeof condition, "If-None-Match: %.*s\r\n", (int)strcspn(etag, "\r"),
             etag);
    free(answer);
    answer = get(place, path, condition);
    assert_contains(answer, " 304 ");
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
    expect(get(place, "/assets/nothing.js", ""), " 404 ");
}

static void a_client_without_gzip_gets_the_plain_file(void **state) {
    struct place *place = *state;
    char path[128];
    place_start(place, NULL, NULL);
    find_asset(place, path, sizeof path);
    if (!*path) skip();
    char *answer = get(place, path, "Accept-Encoding: gzip;q=0\r\n");
    assert_null(strstr(answer, "Content-Encoding"));
    assert_contains(answer, "Vary: Accept-Encoding\r\n");
    assert_non_null(strpbrk(strstr(answer, "\r\n\r\n"), "({"));
    free(answer);
}

static void the_standard_endpoints_are_there(void **state) {
    struct place *place = *state;
    place_start(place, NULL, NULL);
    expect(get(place, "/.well-known/heroservice.json", ""), "\"protocol\":\"ui\"");
    expect(get(place, "/openrpc.json", ""), "\"session_start\"");
    expect(get(place, "/health", ""), "\"service\":\"hero_runner_rhai\"");
    expect(get(place, "/supervisor", ""), "{\"error\":\"no hero_proc answers: ");
    snprintf(strstr(place->ui_socket, "ui.sock"), 16, "admin.sock");
    expect(get(place, "/", ""), " 200 ");
}

/* ---- Over TCP ---------------------------------------------------------------------------- */

static void forged_hosts_and_origins_are_refused(void **state) {
    struct place *place = *state;
    const char *const options[] = {"--listen", "127.0.0.1:0", "--hosts", "runner.example", NULL};
    place_start(place, options, NULL);
    expect(get_tcp(place, "/", "Host: localhost\r\n"), " 200 ");
    expect(get_tcp(place, "/", "Host: runner.example\r\n"), " 200 ");
    expect(get_tcp(place, "/", "Host: evil.example\r\n"), " 421 ");
    static const char *const targets[] = {"/sse/session/x", "/events?list=1"};
    for (size_t i = 0; i < 2; i++)
        expect(get_tcp(place, targets[i], "Host: localhost\r\nOrigin: https://evil.example\r\n"),
               " 403 ");
    expect(post_tcp(place, "Host: localhost\r\nOrigin: https://evil.example\r\n"
                           "Content-Type: application/json\r\n"),
           " 403 ");
}

static void a_call_over_tcp_must_say_that_it_is_json(void **state) {
    struct place *place = *state;
    const char *const options[] = {"--listen", "127.0.0.1:0", NULL};
    place_start(place, options, NULL);
    expect(post_tcp(place, "Host: localhost\r\nContent-Type: text/plain\r\n"), " 415 ");
    expect(post_tcp(place, "Host: localhost\r\nContent-Type: application/jsonx\r\n"), " 415 ");
    expect(post_tcp(place, "Host: localhost\r\n"), " 415 ");
    /* There is no runner, but so far it came. */
    expect(post_tcp(place, "Host: localhost\r\nContent-Type: application/json; charset=utf-8\r\n"),
           " 502 ");
}

static void with_a_token_everybody_over_tcp_needs_it(void **state) {
    struct place *place = *state;
    const char *const options[] = {"--listen", "127.0.0.1:0", NULL};
    const char *const variables[] = {"HERO_RUNNER_RHAI_UI_TOKEN=s3cret", NULL};
    place_start(place, options, variables);
    expect(get_tcp(place, "/", "Host: localhost\r\n"), " 401 ");
    expect(get_tcp(place, "/", "Host: localhost\r\nCookie: hero_token=wrong\r\n"), " 401 ");
    expect(get_tcp(place, "/", "Host: localhost\r\nCookie: hero_token=s3cret\r\n"), " 200 ");
    expect(get_tcp(place, "/", "Host: localhost\r\nAuthorization: Bearer s3cret\r\n"), " 200 ");
    expect(get_tcp(place, "/run?token=s3cret", "Host: localhost\r\n"), "Location: /run\r\n");
    expect(get(place, "/", ""), " 200 "); /* the kernel says who is at the Unix socket */
}

static void identities_over_tcp_are_not_passed_on(void **state) {
    struct place *place = *state;
    const char *const options[] = {"--listen", "127.0.0.1:0", NULL};
    runner_up(place);
    place_start(place, options, NULL);
    int browser = dial_tcp(place);
    send_text(browser, "GET /sse/sessions HTTP/1.0\r\nHost: localhost\r\nX-Hero-User: eve\r\n\r\n");
    char *request;
    int runner = runner_accept(place, "GET /sse/sessions", &request);
    assert_null(strstr(request, "eve"));
    free(request);
    close(runner);
    close(browser);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_are_paths_of_plain_segments),
        cmocka_unit_test(a_template_is_filled),
        cmocka_unit_test(addresses_to_listen_on_are_read),
        cmocka_unit_test(wrong_settings_are_named),
        TEST(every_tab_is_the_page_with_a_nonce_of_its_own),
        TEST(a_prefix_becomes_the_base),
        TEST(frames_are_for_whom_the_operator_says),
        TEST(files_are_compressed_and_kept_for_ever),
        TEST(a_client_without_gzip_gets_the_plain_file),
        TEST(the_standard_endpoints_are_there),
        TEST(forged_hosts_and_origins_are_refused),
        TEST(a_call_over_tcp_must_say_that_it_is_json),
        TEST(with_a_token_everybody_over_tcp_needs_it),
        TEST(identities_over_tcp_are_not_passed_on),
    };
    return cmocka_run_group_tests_name("dashboard server, page and callers", tests, NULL, NULL);
}
