/* Sessions come from one warm engine and share nothing of it: no random number, no connection. */
#include "support/server.h"
#include "tests/servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SESSIONS 4 /* as many as run at the same time */

/* The value of a session that has succeeded; a new reference. */
static json_t *value_of(struct test_server *server, const char *id) {
    struct runner_session session;
    struct runner_result result;
    struct rpc_error err = {0};
    bool has_ended;
    await_end(server, id, &session);
    if (session.status != RUNNER_SUCCEEDED) fail_msg("a session failed: %s", session.message);
    runner_session_done(&session);
    assert_int_equal(runner_session_result(server->runner, id, &has_ended, &result, &err), 0);
    json_t *value = json_deep_copy(result.value);
    runner_result_done(&result);
    return value;
}

/* Runs the script in several sessions at once; an array of their values. */
static json_t *run_together(struct test_server *server, const char *script) {
    char ids[SESSIONS][RUNNER_ID_BYTES];
    json_t *values = json_array();
    for (int i = 0; i < SESSIONS; i++)
        start_session(server, script, ids[i]);
    for (int i = 0; i < SESSIONS; i++)
        json_array_append_new(values, value_of(server, ids[i]));
    return values;
}

static void expect_all_different(json_t *values) {
    for (size_t i = 0; i < json_array_size(values); i++)
        for (size_t j = 0; j < i; j++)
            assert_false(json_equal(json_array_get(values, i), json_array_get(values, j)));
}

static void no_two_sessions_draw_the_same_random_numbers(void **state) {
    /* Every source of them, so often that the state of any generator shows. */
    static const char script[] =
        "let drawn = []; let key = sha256(\"key\");"
        "for i in 0..5 {"
        "    let order = []; for n in 0..50 { order.push(n); } order.shuffle();"
        "    drawn.push([rand(), rand_float(), order, order.sample(10), uuid(), random_hex(8),"
        "                base64_encode(random_bytes(8)), generate_key(),"
        "                generate_keypair().public_key_hex, encrypt(\"x\", key)]);"
        "}"
        "drawn";
    struct test_server *server = *state;
    json_t *all = json_array(), *of_source = json_array();
    for (int round = 0; round < 3; round++) {
        json_t *values = run_together(server, script), *drawn;
        size_t index;
        json_array_foreach(values, index, drawn)
            json_array_extend(all, drawn);
        json_decref(values);
    }
    size_t sources = json_array_size(json_array_get(all, 0));
    assert_int_equal(sources, 10);
    for (size_t source = 0; source < sources; source++) {
        for (size_t i = 0; i < json_array_size(all); i++)
            json_array_append(of_source, json_array_get(json_array_get(all, i), source));
        expect_all_different(of_source);
        json_array_clear(of_source);
    }
    json_decref(of_source);
    json_decref(all);
}

static void directory(char dir[32]) {
    strcpy(dir, "/tmp/isolation_test.XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static void remove_directory(const char *dir) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static void each_session_has_a_redis_connection_of_its_own(void **state) {
    struct test_server *server = *state;
    char dir[32], script[1000];
    directory(dir);
    pid_t redis = redis_server_start(dir);
    assert_true(redis > 0);
    /* All are connected before any of them goes on. */
    snprintf(script, sizeof script,
             "set_env(`REDIS_SOCKET`, `%s/redis.sock`); set_env(`REDIS_PASSWORD`, `pw`);"
             "redis_command([`INCR`, `there`]);"
             "while parse_int(redis_get(`there`)) < %d { sleep_ms(1); }"
             "let id = redis_command([`CLIENT`, `ID`]);"
             "for i in 0..200 {"
             "    let word = `${id} ${i}`;"
             "    assert_eq(redis_command([`ECHO`, word]), word);"
             "}"
             "id",
             dir, SESSIONS);
    json_t *values = run_together(server, script);
    expect_all_different(values);
    json_decref(values);
    redis_server_stop(redis, dir);
    remove_directory(dir);
}

static void each_session_has_a_postgres_connection_of_its_own(void **state) {
    struct test_server *server = *state;
    char dir[32], script[1200], environment[200], id[RUNNER_ID_BYTES];
    directory(dir);
    assert_int_equal(postgres_cluster_make(dir), 0);
    pid_t postgres = postgres_server_start(dir);
    assert_true(postgres > 0);
    snprintf(environment, sizeof environment,
             "set_env(`POSTGRES_HOST`, `%s`); set_env(`POSTGRES_USER`, `tester`);"
             "set_env(`POSTGRES_DB`, `postgres`);",
             dir);
    snprintf(script, sizeof script, "%s pg_execute(`CREATE SEQUENCE there`)", environment);
    start_session(server, script, id);
    json_decref(value_of(server, id));
    snprintf(script, sizeof script,
             "%s pg_query(`SELECT nextval('there')`);"
             "while pg_query_one(`SELECT last_value AS n FROM there`).n < %d { sleep_ms(1); }"
             "let id = pg_query_one(`SELECT pg_backend_pid() AS id`).id;"
             "for i in 0..200 {"
             "    let word = `${id} ${i}`;"
             "    assert_eq(pg_query_one(`SELECT $1::text AS word`, [word]).word, word);"
             "}"
             "id",
             environment, SESSIONS);
    json_t *values = run_together(server, script);
    expect_all_different(values);
    json_decref(values);
    postgres_server_stop(postgres);
    remove_directory(dir);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(no_two_sessions_draw_the_same_random_numbers),
        ON_SERVER(each_session_has_a_redis_connection_of_its_own),
        ON_SERVER(each_session_has_a_postgres_connection_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
