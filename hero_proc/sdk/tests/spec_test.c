/* Specs as JSON, states as words, and where the socket is looked for. */
#include "hero_proc_sdk/proc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_json(json_t *value, const char *expected) {
    char *text = json_dumps(value, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void only_what_is_said_is_in_a_spec(void **state) {
    (void)state;
    const struct proc_action action = {.name = "a", .script = "/bin/a"};
    expect_json(proc_action_json(&action), "{\"name\":\"a\",\"script\":\"/bin/a\"}");
    const struct proc_service service = {.name = "s", .actions = &action, .action_count = 1};
    expect_json(proc_service_json(&service), "{\"name\":\"s\",\"actions\":[\"a\"]}");
}

static void a_whole_spec(void **state) {
    (void)state;
    static const char *const list[] = {"x", NULL}, *const env[] = {"A=1", "B=x=y", NULL};
    static const struct proc_health_check checks[] = {
        {PROC_CHECK_OPENRPC_SOCKET, "/s", 1, 2, 3},
        {.kind = PROC_CHECK_TCP_PORT, .target = "80"},
        {.kind = PROC_CHECK_HTTP_URL, .target = "http://x/"},
        {.kind = PROC_CHECK_EXEC, .target = "true"}};
    const struct proc_action action = {
        .name = "a",
        .script = "b",
        .interpreter = "exec",
        .is_process = true,
        .tty = true,
        .singleton = true,
        .env = env,
        .cwd = "/",
        .timeout_ms = 1,
        .start_timeout_ms = 2,
        .stop_timeout_ms = 3,
        .stop_signal = "SIGINT",
        .retry_policy = {4, 5, 6, 2},
        .stability_period_ms = 7,
        .kill_other = {list, list, list},
        .health_checks = checks,
        .health_check_count = 4,
        .sockets = list,
        .depends_on = list,
        .cron = "* * * * *",
        .tags = list,
    };
    expect_json(
        proc_action_json(&action),
        "{\"name\":\"a\",\"script\":\"b\",\"interpreter\":\"exec\",\"is_process\":true,\"tty\":"
        "true,\"singleton\":true,\"env\":{\"A\":\"1\",\"B\":\"x=y\"},\"cwd\":\"/\",\"timeout_ms\":"
        "1,\"start_timeout_ms\":2,\"stop_timeout_ms\":3,\"stop_signal\":\"SIGINT\",\"retry_policy\""
        ":{\"max_attempts\":4,\"delay_ms\":5,\"max_delay_ms\":6,\"backoff\":2.0},\"stability_"
        "period_ms\":7,\"kill_other\":{\"socket\":[\"x\"],\"port\":[\"x\"],\"process_filters\":["
        "\"x\"]},\"health_checks\":[{\"kind\":\"openrpc_socket\",\"target\":\"/s\",\"interval_ms\":"
        "1,\"timeout_ms\":2,\"failures\":3},{\"kind\":\"tcp_port\",\"target\":\"80\"},{\"kind\":"
        "\"http_url\",\"target\":\"http://x/\"},{\"kind\":\"exec\",\"target\":\"true\"}],"
        "\"sockets\":[\"x\"],\"depends_on\":[\"x\"],\"schedule\":{\"cron\":\"* * * * *\"},\"tags\":"
        "[\"x\"]}");
}

static void words_are_quoted_where_needed(void **state) {
    (void)state;
    struct rpc_strbuf line = RPC_STRBUF_INIT;
    proc_quote_word(&line, "/opt/my tools/x");
    proc_quote_word(&line, "--level=info");
    proc_quote_word(&line, "it's");
    proc_quote_word(&line, "");
    assert_string_equal(rpc_strbuf_text(&line), "'/opt/my tools/x' --level=info 'it'\\''s' ''");
    rpc_strbuf_done(&line);
}

static void states_are_read_leniently(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum proc_state state;
    } cases[] = {
        {"running", PROC_RUNNING},      {"Running", PROC_RUNNING},
        {"SUCCEEDED", PROC_SUCCESS},    {"ok", PROC_SUCCESS},
        {"stopped", PROC_EXITED},       {"Exited", PROC_EXITED},
        {"inactive", PROC_INACTIVE},    {"error", PROC_FAILED},
        {"DEAD", PROC_FAILED},          {"unhealthy", PROC_DEGRADED},
        {"Waiting_Deps", PROC_BLOCKED}, {"frobnicating", PROC_UNKNOWN},
        {NULL, PROC_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(proc_state_parse(cases[i].text), cases[i].state);
    for (int i = PROC_UNKNOWN; i <= PROC_FAILED; i++)
        assert_int_equal(proc_state_parse(proc_state_name((enum proc_state)i)), i);
    assert_int_equal(proc_phase_parse("Succeeded"), PROC_SUCCEEDED);
    assert_int_equal(proc_phase_parse("canceled"), PROC_CANCELLED);
}

static void a_moment_is_told_by_its_size(void **state) {
    (void)state;
    struct proc_log_line line;
    static const char *const moments[] = {"1764000000", "1764000000000", "1764000000000000",
                                          "1764000000000000000", "1764000000.0"};
    for (size_t i = 0; i < 5; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"epoch\":%s,\"content\":\"x\",\"loglevel\":30}", moments[i]);
        json_t *record = json_loads(text, 0, NULL);
        proc_log_line_read(record, &line);
        assert_int_equal(line.timestamp_ms, 1764000000000);
        assert_string_equal(line.level, "warn");
        json_decref(record);
    }
}

/* ---- The socket ------------------------------------------------------------------------- */

static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void expect_socket(const char *home, const char *rest) {
    char expected[128];
    snprintf(expected, sizeof expected, "%s/%s", home, rest);
    struct proc_client *client = proc_open(NULL, NULL);
    assert_string_equal(proc_socket_path(client), expected);
    proc_close(client);
}

static void the_first_listening_socket_is_taken(void **state) {
    (void)state;
    static const char *const dirs[] = {"hero",         "hero/var", "hero/var/sockets",
                                       "hero/sockets", "own",      "own/hero_proc"};
    char home[] = "/tmp/proc_sdk_XXXXXX", path[128], command[64];
    assert_non_null(mkdtemp(home));
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", home, dirs[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    setenv("HOME", home, 1);
    snprintf(path, sizeof path, "%s/own", home);
    setenv("PATH_SOCKET", path, 1);
    expect_socket(home, "own/hero_proc/rpc.sock"); /* nobody listens: where it should be */

    static const char *const worse_first[] = {
        "hero/sockets/hero_proc_server.sock", "hero/var/sockets/hero_proc.sock",
        "own/hero_proc_server.sock", "own/hero_proc.sock", "own/hero_proc/rpc.sock"};
    int fds[5];
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", home, worse_first[i]);
        fds[i] = listen_at(path);
        expect_socket(home, worse_first[i]);
    }
    for (size_t i = 0; i < 5; i++)
        close(fds[i]);
    unsetenv("PATH_SOCKET");
    snprintf(command, sizeof command, "rm -rf %s", home);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_said_is_in_a_spec),
        cmocka_unit_test(a_whole_spec),
        cmocka_unit_test(words_are_quoted_where_needed),
        cmocka_unit_test(states_are_read_leniently),
        cmocka_unit_test(a_moment_is_told_by_its_size),
        cmocka_unit_test(the_first_listening_socket_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
