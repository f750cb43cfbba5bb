/* Against a real redis-server on a socket and a port of its own. */
#include "redis/connection.h"
#include "tests/fixture.h"
#include "tests/servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/redis_test.XXXXXX";
static pid_t server;

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(dir)) return -1;
    server = redis_server_start(dir);
    return server < 0 ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    redis_server_stop(server, dir);
    return rmdir(dir);
}

static void expect_part(struct fixture *f, const char *script, const char *part) {
    char *shown = fixture_evaluate(f, script);
    if (!strstr(shown, part)) fail_msg("'%s' does not hold '%s'", shown, part);
    free(shown);
}

static void keys_are_set_and_read(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "redis_ping()", "PONG");
    fixture_expect(f, "[redis_set(\"k\", \"grün\"), redis_get(\"k\"), redis_exists(\"k\")]",
                   "[true, \"grün\", true]");
    fixture_expect(f, "redis_set(\"n\", 42); redis_get(\"n\")", "42");
    fixture_expect(f, "[redis_del(\"k\"), redis_del(\"k\"), redis_get(\"k\")]", "[true, false, \"\"]");
    fixture_expect(f, "[redis_expire(\"n\", 100), redis_expire(\"none\", 100)]", "[true, false]");
}

static void hashes_are_maps(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "[redis_hset(\"h\", \"a\", 1), redis_hset(\"h\", \"b\", \"two\"), "
                      "redis_hset(\"h\", \"a\", 1)]",
                   "[true, true, true]");
    fixture_expect(f, "redis_hgetall(\"h\")", "#{\"a\": \"1\", \"b\": \"two\"}");
    fixture_expect(f, "[redis_hget(\"h\", \"b\"), redis_hget(\"h\", \"c\"), redis_hdel(\"h\", \"b\"), "
                      "redis_hdel(\"h\", \"b\")]",
                   "[\"two\", \"\", true, false]");
}

static void lists_keep_their_order(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "redis_rpush(\"l\", \"b\"); redis_rpush(\"l\", \"c\"); redis_lpush(\"l\", \"a\");"
                   "[redis_llen(\"l\"), redis_lrange(\"l\", 0, -1), redis_lrange(\"l\", 1, 1)]",
                   "[3, [\"a\", \"b\", \"c\"], [\"b\"]]");
}

static void commands_of_any_kind(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "redis_command([\"GET\", \"none\"])", "");
    fixture_expect(f, "redis_command([\"SET\", \"bin\", blob(3, 0)]); redis_command([\"STRLEN\", \"bin\"])",
                   "3");
    expect_part(f, "redis_command([\"NONSENSE\"])", "redis: ERR unknown command");
    expect_part(f, "redis_command([])", "redis: a command is an array");
    fixture_expect(f, "redis_ping()", "PONG");
}

static void a_pipeline_gives_every_reply(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "redis_pipeline([[\"SET\", \"p\", 1], [\"INCRBY\", \"p\", 5], [\"GET\", \"p\"]])",
                   "[\"OK\", 6, \"6\"]");
    /* More than the buffers of a socket hold, in both directions. */
    fixture_expect(f,
                   "redis_set(\"big\", blob(100000, 65)); let c = [];"
                   "for i in 0..100 { c.push([\"GET\", \"big\"]); c.push([\"SET\", \"b\" + i, blob(50000, 66)]); }"
                   "redis_pipeline(c).len",
                   "200");
    expect_part(f, "redis_pipeline([[\"SET\", \"after\", 1], [\"LLEN\", \"p\"], [\"SET\", \"after\", 2]])",
                "redis: WRONGTYPE");
    fixture_expect(f, "redis_get(\"after\")", "2");
}

static void a_transaction_is_done_wholly_or_not(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "redis_transaction([[\"SET\", \"t\", 1], [\"INCR\", \"t\"]])", "[\"OK\", 2]");
    expect_part(f, "redis_transaction([[\"SET\", \"t\", 9], [\"NONSENSE\"]])", "redis: EXECABORT");
    fixture_expect(f, "redis_get(\"t\")", "2");
}

static void expect_address(const char *url, const char *wanted) {
    struct redis_address address;
    char shown[200] = "no address";
    if (redis_address_parse(url, &address))
        snprintf(shown, sizeof shown, "%s|%s|%d|%d|%s|%s", address.socket ? address.socket : "",
                 address.host ? address.host : "", address.port, address.db,
                 address.user ? address.user : "", address.password ? address.password : "");
    redis_address_done(&address);
    assert_string_equal(shown, wanted);
}

static void urls_say_where_it_is(void **state) {
    (void)state;
    expect_address("redis://db.local", "|db.local|6379|0||");
    expect_address("redis://db.local:1234/5", "|db.local|1234|5||");
    expect_address("redis://:p%40ss%2F@[::1]:1/", "|::1|1|0||p@ss/");
    expect_address("redis://me:a:b@h", "|h|6379|0|me|a:b");
    expect_address("unix:///run/r%20s.sock?db=2", "/run/r s.sock||6379|2||");
    static const char *const bad[] = {
        "http://x",        "redis://",         "redis://:1",     "redis://h:x",    "redis://h:65536",
        "redis://h/x",     "redis://[::1",     "redis://[::1]x", "redis://u:p@",   "redis://h%00x",
        "unix://relative", "unix:///x?db=one", "unix://",        "redis://h:%31",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_address(bad[i], "no address");
}

static void a_handle_has_a_connection_of_its_own(void **state) {
    struct fixture *f = *state;
    expect_part(f,
                "let r = redis_connect(\"unix://\" + env(\"REDIS_SOCKET\"));"
                "r.command([\"PING\"])",
                "redis: NOAUTH Authentication required.");
    fixture_expect(f,
                   "let r = redis_connect(\"unix://\" + env(\"REDIS_SOCKET\"));"
                   "r.pipeline([[\"AUTH\", \"pw\"], [\"SELECT\", 3], [\"SET\", \"x\", 1]]);"
                   "[r.command([\"EXISTS\", \"x\"]), redis_exists(\"x\")]",
                   "[1, false]");
    expect_part(f, "redis_connect(\"http://x\")", "redis: the URL must be");
    expect_part(f, "redis_connect(\"redis://:pw@127.0.0.1:1/0\").command([\"PING\"])",
                "redis: 127.0.0.1:1: Connection refused");
}

static void a_server_that_was_restarted_is_found_again(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "redis_ping()", "PONG");
    redis_server_stop(server, dir);
    expect_part(f, "redis_ping()", "redis.sock: No such file or directory");
    server = redis_server_start(dir);
    assert_true(server > 0);
    fixture_expect(f, "redis_ping()", "PONG");
    fixture_expect(f, "redis_reset()", "true");
}

static void a_forked_process_connects_for_itself(void **state) {
    struct fixture *f = *state;
    char *before = fixture_evaluate(f, "redis_command([\"CLIENT\", \"ID\"])");
    pid_t child = fork();
    if (child == 0) {
        char *mine = fixture_evaluate(f, "redis_command([\"CLIENT\", \"ID\"])");
        _exit(strcmp(mine, before) == 0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    fixture_expect(f, "redis_command([\"CLIENT\", \"ID\"])", before);
    free(before);
}

static void a_stop_ends_a_command_that_waits(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = sink_stop_after_ms(20);
    expect_part(f, "redis_command([\"BLPOP\", \"nothing\", 0])", "Script terminated");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(keys_are_set_and_read),
        FIXTURE_CASE(hashes_are_maps),
        FIXTURE_CASE(lists_keep_their_order),
        FIXTURE_CASE(commands_of_any_kind),
        FIXTURE_CASE(a_pipeline_gives_every_reply),
        FIXTURE_CASE(a_transaction_is_done_wholly_or_not),
        cmocka_unit_test(urls_say_where_it_is),
        FIXTURE_CASE(a_handle_has_a_connection_of_its_own),
        FIXTURE_CASE(a_server_that_was_restarted_is_found_again),
        FIXTURE_CASE(a_forked_process_connects_for_itself),
        FIXTURE_CASE(a_stop_ends_a_command_that_waits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
