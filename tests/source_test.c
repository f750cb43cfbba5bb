/* Where scripts come from: files below the roots, addresses, the library; what they import; and the
 * inputs they declare. */
#include "support/http.h"
#include "support/process.h"
#include "support/server.h"

#include <arpa/inet.h>
#include <hero_rpc/clock.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

static void write_file(const struct test_server *server, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", server->home, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_dir(const struct test_server *server, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", server->home, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

/* Two roots, and a file outside of them. */
static int setup_roots(void **state) {
    static char roots[256];
    static const char *options[] = {"--script-roots",   roots,  "--url-bytes", "65536",
                                    "--url-timeout-ms", "1000", NULL};
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    make_dir(server, "one");
    make_dir(server, "one/sub");
    make_dir(server, "two");
    make_dir(server, "out");
    write_file(server, "one/main.rhai",
               "import \"sub/part\" as p; import \"common\" as c; "
               "print(p::name() + c::name())");
    write_file(server, "one/sub/part.rhai",
               "import \"beside\" as b; fn name() { \"part \" + b::NAME }");
    write_file(server, "one/sub/beside.rhai", "export const NAME = \"beside \";");
    write_file(server, "two/common.rhai", "fn name() { \"common\" }");
    write_file(server, "out/secret.rhai", "fn name() { \"secret\" }");
    snprintf(roots, sizeof roots, "%s/one:%s/two", server->home, server->home);
    char target[256], link[256];
    snprintf(target, sizeof target, "%s/out/secret.rhai", server->home);
    snprintf(link, sizeof link, "%s/one/link.rhai", server->home);
    assert_int_equal(symlink(target, link), 0);
    server_start(server, options);
    *state = server;
    return 0;
}

static void run_start(struct test_server *server, struct runner_start start,
                      struct runner_session *ret_session, struct runner_result *ret_result) {
    struct rpc_error err = {0};
    start.timeout_ms = 30000;
    if (runner_session_run(server->runner, &start, ret_session, ret_result, &err) < 0)
        fail_msg("%s", err.message);
}

static void expect_refusal(struct test_server *server, struct runner_start start,
                           const char *message) {
    struct rpc_error err = {0};
    char id[RUNNER_ID_BYTES];
    assert_int_equal(runner_session_start(server->runner, &start, id, &err), -1);
    if (!strstr(err.message, message)) fail_msg("%s", err.message);
    rpc_error_clear(&err);
}

static void a_file_below_a_root_runs_with_what_is_beside_it_and_in_the_roots(void **state) {
    struct runner_session session;
    struct runner_result result;
    run_start(*state, (struct runner_start){.script_path = "main.rhai"}, &session, &result);
    if (session.status != RUNNER_SUCCEEDED) fail_msg("%s", session.message);
    assert_string_equal(json_string_value(json_array_get(result.stdout_lines, 0)),
                        "part beside common");
    assert_string_equal(session.source_kind, "path");
    assert_string_equal(session.source_name, "main.rhai");
    runner_session_done(&session);
    runner_result_done(&result);
}

static void nothing_outside_the_roots_is_opened(void **state) {
    struct test_server *server = *state;
    static const char *const paths[] = {"../out/secret.rhai", "link.rhai", "/etc/passwd",
                                        "sub/../../out/secret.rhai"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        expect_refusal(server, (struct runner_start){.script_path = paths[i]},
                       "leads out of the script roots");
    expect_refusal(server, (struct runner_start){.script_path = "none.rhai"},
                   "cannot be read: \"none.rhai\": No such file or directory");
    static const char *const imports[] = {"import \"../out/secret\" as s;", "import \"link\" as s;",
                                          "import \"/etc/passwd\" as s;"};
    for (size_t i = 0; i < sizeof imports / sizeof imports[0]; i++) {
        struct runner_session session;
        run_start(server, (struct runner_start){.script = imports[i]}, &session, NULL);
        assert_int_equal(session.status, RUNNER_FAILED);
        if (!strstr(session.message, "leads out of the script roots") &&
            !strstr(session.message, "Module not found"))
            fail_msg("%s", session.message);
        runner_session_done(&session);
    }
}

static void a_root_may_be_a_link(void **state) {
    struct test_server *server = calloc(1, sizeof *server);
    char root[256], script[512];
    server_init(server);
    make_dir(server, "real");
    write_file(server, "real/main.rhai", "import \"part\" as p; p::f()");
    write_file(server, "real/part.rhai", "fn f() { 7 }");
    snprintf(root, sizeof root, "%s/root", server->home);
    assert_int_equal(symlink("real", root), 0);
    server_start(server, (const char *const[]){"--script-roots", root, NULL});
    struct runner_session session;
    run_start(server, (struct runner_start){.script_path = "main.rhai"}, &session, NULL);
    if (session.status != RUNNER_SUCCEEDED) fail_msg("%s", session.message);
    runner_session_done(&session);
    snprintf(script, sizeof script, "import \"%s/part\" as p; p::f()", root);
    run_start(server, (struct runner_start){.script = script}, &session, NULL);
    if (session.status != RUNNER_SUCCEEDED) fail_msg("%s", session.message);
    runner_session_done(&session);
    *state = server;
}

static void only_regular_files_are_scripts(void **state) {
    struct test_server *server = *state;
    char path[256];
    snprintf(path, sizeof path, "%s/one/fifo.rhai", server->home);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/one/zero.rhai", server->home);
    bool has_device = mknod(path, S_IFCHR | 0600, makedev(1, 5)) == 0; /* as root only */
    expect_refusal(server, (struct runner_start){.script_path = "fifo.rhai"},
                   "is not a regular file");
    if (has_device)
        expect_refusal(server, (struct runner_start){.script_path = "zero.rhai"},
                       "is not a regular file");
    expect_refusal(server, (struct runner_start){.script_path = "sub"}, "Is a directory");
    struct runner_session session;
    run_start(server, (struct runner_start){.script = "import \"fifo\" as f;"}, &session, NULL);
    assert_non_null(strstr(session.message, "is not a regular file"));
    runner_session_done(&session);
}

static void modules_that_import_each_other_are_an_error(void **state) {
    struct test_server *server = *state;
    write_file(server, "one/a.rhai", "import \"b\" as b;");
    write_file(server, "one/b.rhai", "import \"a\" as a;");
    struct runner_session session;
    run_start(server, (struct runner_start){.script_path = "a.rhai"}, &session, NULL);
    assert_int_equal(session.status, RUNNER_FAILED);
    assert_non_null(strstr(session.message, "imports itself"));
    runner_session_done(&session);
}

static void exactly_one_source_is_given(void **state) {
    expect_refusal(*state, (struct runner_start){.script = "1", .script_name = "a"},
                   "must be the only one of script, script_path, script_url and script_name");
    expect_refusal(*state, (struct runner_start){0}, "one of them must be given");
    expect_refusal(*state, (struct runner_start){.script_name = "unknown"},
                   "unknown script \"unknown\"");
    expect_refusal(*state, (struct runner_start){.script_url = "file:///etc/passwd"},
                   "must be an http or https address");
    expect_refusal(*state, (struct runner_start){.script_url = "http://a:b@localhost/"},
                   "must not hold a user name or a password");
    expect_refusal(*state, (struct runner_start){.script_url = "http:///a:b@localhost/"},
                   "must not hold a user name or a password");
}

static void a_script_of_an_address_is_fetched_and_kept_by_its_etag(void **state) {
    static struct http_peer peer;
    struct test_server *server = *state;
    struct runner_session session;
    struct runner_result result;
    char url[64];
    http_peer_start(&peer, "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 7\r\n"
                           "Connection: close\r\n\r\n20 + 22");
    snprintf(url, sizeof url, "http://127.0.0.1:%u/x.rhai", peer.port);
    run_start(server, (struct runner_start){.script_url = url}, &session, &result);
    assert_int_equal(json_integer_value(result.value), 42);
    runner_session_done(&session);
    runner_result_done(&result);

    peer.answer = "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n";
    run_start(server, (struct runner_start){.script_url = url}, &session, &result);
    assert_int_equal(json_integer_value(result.value), 42);
    assert_non_null(strcasestr(peer.last, "If-None-Match: \"v1\""));
    runner_session_done(&session);
    runner_result_done(&result);

    peer.answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    run_start(server, (struct runner_start){.script_url = url}, &session, NULL);
    assert_int_equal(session.status, RUNNER_FAILED);
    assert_string_equal(session.reason, "error");
    assert_string_equal(session.message, "script_url: the answer has status 404");
    runner_session_done(&session);
}

static void expect_fetch(struct test_server *server, const char *url, const char *message) {
    struct runner_session session;
    run_start(server, (struct runner_start){.script_url = url}, &session, NULL);
    assert_string_equal(session.reason, "error");
    if (!strstr(session.message, message)) fail_msg("%s", session.message);
    runner_session_done(&session);
}

static void an_etag_is_that_of_the_last_answer(void **state) {
    static struct http_peer first, second;
    struct test_server *server = *state;
    char url[64], redirect[256];
    http_peer_start(&second, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1");
    snprintf(redirect, sizeof redirect,
             "HTTP/1.1 302 Found\r\nETag: \"of the redirect\"\r\nContent-Length: 0\r\n"
             "Location: http://127.0.0.1:%u/y.rhai\r\nConnection: close\r\n\r\n",
             second.port);
    http_peer_start(&first, redirect);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/x.rhai", first.port);
    for (int i = 0; i < 2; i++) {
        struct runner_session session;
        run_start(server, (struct runner_start){.script_url = url}, &session, NULL);
        assert_int_equal(session.status, RUNNER_SUCCEEDED);
        runner_session_done(&session);
    }
    assert_int_equal(http_peer_requests(&second), 2);
    assert_null(strcasestr(first.last, "If-None-Match"));
}

static void an_answer_may_be_packed(void **state) {
    static struct http_peer peer;
    struct test_server *server = *state;
    struct runner_result result;
    char url[64];
    /* "20 + 22 // aa\u00e9\u00e9\u00e9" */
    http_peer_start(&peer, "HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 24\r\n"
                           "Connection: close\r\n\r\n"
                           "\x78\x9c\x33\x32\x50\xd0\x56\x30\x32\x52\xd0\xd7"
                           "\x57\x48\x4c\x3c\xbc\x12\x04\x01\x2e\x5e\x06\xd6");
    snprintf(url, sizeof url, "http://127.0.0.1:%u/x.rhai", peer.port);
    run_start(server, (struct runner_start){.script_url = url}, NULL, &result);
    assert_int_equal(json_integer_value(result.value), 42);
    runner_result_done(&result);
}

/* A listener that never accepts. */
static int listen_silently(char url[64]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(url, 64, "http://127.0.0.1:%u/x.rhai", ntohs(address.sin_port));
    return fd;
}

static void an_address_leads_to_http_only_and_within_bounds(void **state) {
    static struct http_peer peer;
    struct test_server *server = *state;
    char url[64];
    http_peer_start(&peer, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
                           "Content-Length: 0\r\nConnection: close\r\n\r\n");
    snprintf(url, sizeof url, "http://127.0.0.1:%u/x.rhai", peer.port);
    expect_fetch(server, url, "Protocol \"file\" not supported");
    peer.answer = "HTTP/1.1 302 Found\r\nLocation: /x.rhai\r\n"
                  "Content-Length: 0\r\nConnection: close\r\n\r\n";
    expect_fetch(server, url, "Maximum (5) redirects followed");
    static char large[70000];
    int len = snprintf(large, sizeof large, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    memset(large + len, ' ', sizeof large - 1 - (size_t)len);
    peer.answer = large;
    expect_fetch(server, url, "the answer is too large");
    int fd = listen_silently(url);
    int64_t since = rpc_clock_monotonic_us();
    expect_fetch(server, url, "timed out");
    assert_true(rpc_clock_monotonic_us() - since < 10000000);
    close(fd);
}

static void what_was_fetched_is_in_the_history(void **state) {
    static struct http_peer peer;
    struct test_server *server = *state;
    struct runner_session session;
    char url[64];
    http_peer_start(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"
                           "40 + 2;");
    snprintf(url, sizeof url, "http://127.0.0.1:%u/x.rhai", peer.port);
    run_start(server, (struct runner_start){.script_url = url}, &session, NULL);
    kill(server->pid, SIGKILL);
    server_wait(server);
    server_start(server, NULL);
    json_t *request = runner_session_request(server->runner, session.id, NULL);
    assert_string_equal(json_string_value(json_object_get(request, "script")), "40 + 2;");
    json_decref(request);
    runner_session_done(&session);
}

static void a_script_of_the_library_keeps_its_versions(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    struct runner_result result;
    int64_t version;
    runner_script_save(server->runner, "lib/a", "1", 1, NULL, &version, NULL);
    assert_int_equal(version, 1);
    runner_script_save(server->runner, "lib/a", "2", 1, NULL, &version, NULL);
    assert_int_equal(version, 2);
    for (int64_t asked = 0; asked <= 2; asked++) {
        run_start(server, (struct runner_start){.script_name = "lib/a", .script_version = asked},
                  &session, &result);
        assert_int_equal(json_integer_value(result.value), asked ? asked : 2);
        runner_session_done(&session);
        runner_result_done(&result);
    }
}

static void inputs_are_checked_before_there_is_a_session(void **state) {
    static const char script[] = "/// @input host: string           Where\n"
                                 "/// @input port: int = 80         Its port\n"
                                 "/// @input tags: array = [\"a\"]\n"
                                 "/// @input note: string?\n"
                                 "`${host}:${port} ${tags} ${note}`";
    static const struct {
        const char *inputs, *message;
    } wrong[] = {
        {"{}", "parameter \"inputs.host\" is missing: it must be a string"},
        {"{\"host\": 1}", "parameter \"inputs.host\" must be a string"},
        {"{\"host\": \"x\", \"port\": 1.5}", "parameter \"inputs.port\" must be an integer"},
        {"{\"host\": \"x\", \"prot\": 1}",
         "parameter \"inputs.prot\" is not declared by the script"},
    };
    struct test_server *server = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *inputs = json_loads(wrong[i].inputs, 0, NULL);
        expect_refusal(server, (struct runner_start){.script = script, .inputs = inputs},
                       wrong[i].message);
        json_decref(inputs);
    }
    struct runner_session_list list;
    assert_int_equal(runner_session_list(server->runner, &list, NULL), 0);
    assert_int_equal(list.total, 0);
    runner_session_list_done(&list);

    json_t *inputs = json_pack("{s:s, s:i}", "host", "x", "port", 8080);
    struct runner_result result;
    run_start(server, (struct runner_start){.script = script, .inputs = inputs}, NULL, &result);
    assert_string_equal(json_string_value(result.value), "x:8080 [\"a\"] ");
    runner_result_done(&result);
    json_decref(inputs);
}

static void a_check_finds_every_error_and_the_inputs(void **state) {
    static const char script[] =
        "/// Does it.\n/// @input n: int = 1  How often\nlet x = ;\nlet 4;";
    struct test_server *server = *state;
    json_t *check = runner_script_check(server->runner, script, strlen(script), NULL);
    const json_t *errors = json_object_get(check, "errors");
    assert_true(json_is_false(json_object_get(check, "ok")));
    assert_int_equal(json_array_size(errors), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(errors, 1), "line")), 4);
    const json_t *n =
        json_object_get(json_object_get(json_object_get(check, "inputs"), "properties"), "n");
    assert_string_equal(json_string_value(json_object_get(n, "type")), "integer");
    assert_string_equal(json_string_value(json_object_get(check, "description")), "Does it.");
    json_decref(check);
}

static void what_is_wrong_with_the_inputs_comes_first(void **state) {
    static const char script[] = "/// @input n: integer\nlet x = ;";
    struct test_server *server = *state;
    json_t *check = runner_script_check(server->runner, script, strlen(script), NULL);
    const json_t *errors = json_object_get(check, "errors");
    assert_int_equal(json_array_size(errors), 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(errors, i), "line")),
                         i + 1);
    json_decref(check);
}

/* Those of the language, of its library, and of herolib. */
static void every_function_is_told_of(void **state) {
    static const char *const names[] = {"eval", "type_of",    "Fn",    "call", "curry", "is_shared",
                                        "exit", "is_def_var", "print", "push", "sleep", "env"};
    struct test_server *server = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_t *answer = runner_functions(server->runner, names[i], NULL);
        const json_t *list = json_object_get(answer, "functions"), *function;
        size_t index;
        bool found = false;
        json_array_foreach(list, index, function) {
            assert_true(*json_string_value(json_object_get(function, "signature")));
            assert_true(*json_string_value(json_object_get(function, "doc")));
            found |= !strcmp(json_string_value(json_object_get(function, "name")), names[i]);
        }
        if (!found) fail_msg("there is no %s", names[i]);
        json_decref(answer);
    }
}

static void a_first_line_for_the_kernel_is_passed_over(void **state) {
    static const char script[] = "#!/usr/bin/env -S hero_runner_rhai run\n"
                                 "/// @input n: int = 6\n"
                                 "import \"kernel\" as it;\n"
                                 "print(it::times(n));\n"
                                 "throw 1";
    struct test_server *server = *state;
    struct runner_session session;
    struct runner_result result;
    write_file(server, "one/kernel.rhai", "#!/usr/bin/rhai\nfn times(n) { n * 7 }");
    write_file(server, "one/main.rhai", script);
    run_start(server, (struct runner_start){.script_path = "main.rhai"}, &session, &result);
    assert_string_equal(json_string_value(json_array_get(result.stdout_lines, 0)), "42");
    assert_int_equal(result.error_line, 5); /* the lines keep their numbers */
    json_t *check = runner_script_check(server->runner, script, strlen(script), NULL);
    assert_true(json_is_true(json_object_get(check, "ok")));
    json_decref(check);
    runner_session_done(&session);
    runner_result_done(&result);
}

#define WITH_ROOTS(test) cmocka_unit_test_setup_teardown(test, setup_roots, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_ROOTS(a_file_below_a_root_runs_with_what_is_beside_it_and_in_the_roots),
        WITH_ROOTS(nothing_outside_the_roots_is_opened),
        cmocka_unit_test_setup_teardown(a_root_may_be_a_link, NULL, teardown_server),
        WITH_ROOTS(only_regular_files_are_scripts),
        WITH_ROOTS(modules_that_import_each_other_are_an_error),
        WITH_ROOTS(exactly_one_source_is_given),
        WITH_ROOTS(a_script_of_an_address_is_fetched_and_kept_by_its_etag),
        WITH_ROOTS(an_etag_is_that_of_the_last_answer),
        WITH_ROOTS(an_answer_may_be_packed),
        WITH_ROOTS(an_address_leads_to_http_only_and_within_bounds),
        WITH_ROOTS(what_was_fetched_is_in_the_history),
        WITH_ROOTS(a_script_of_the_library_keeps_its_versions),
        WITH_ROOTS(inputs_are_checked_before_there_is_a_session),
        WITH_ROOTS(a_check_finds_every_error_and_the_inputs),
        WITH_ROOTS(what_is_wrong_with_the_inputs_comes_first),
        WITH_ROOTS(every_function_is_told_of),
        WITH_ROOTS(a_first_line_for_the_kernel_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
