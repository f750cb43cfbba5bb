/* Against a real PostgreSQL server on a socket of its own. */
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

static char dir[] = "/tmp/pg_test.XXXXXX";
static pid_t server;

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(dir) || postgres_cluster_make(dir) < 0) return -1;
    server = postgres_server_start(dir);
    return server < 0 ? -1 : 0;
}

static int remove_dir(void) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command); /* NOLINT: of our own directory */
}

static int tear_down(void **state) {
    (void)state;
    postgres_server_stop(server);
    return remove_dir();
}

static void expect_part(struct fixture *f, const char *script, const char *part) {
    char *shown = fixture_evaluate(f, script);
    if (!strstr(shown, part)) fail_msg("'%s' does not hold '%s'", shown, part);
    free(shown);
}

static void it_connects_as_the_environment_says(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "[pg_connect(), pg_ping(), pg_reset()]", "[true, true, true]");
    fixture_expect(f, "pg_query_one(\"SELECT current_user::text AS u\").u", "tester");
}

static void rows_are_maps_with_types(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "pg_query(\"SELECT 1 AS i, 2.5::float8 AS f, true AS b, 'x' AS t, NULL AS n, "
                   "1.10::numeric AS d\")",
                   "[#{\"b\": true, \"d\": \"1.10\", \"f\": 2.5, \"i\": 1, \"n\": (), \"t\": \"x\"}]");
    fixture_expect(f, "pg_query_one(\"SELECT '{\\\"a\\\": [1]}'::jsonb AS j\").j.a[0]", "1");
    fixture_expect(f, "pg_query_one(\"SELECT '\\\\x00ff'::bytea AS y\").y.len", "2");
    fixture_expect(f, "pg_query(\"SELECT 1 WHERE false\")", "[]");
}

static void parameters_are_never_sql(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "pg_execute(\"CREATE TABLE p (i int, t text, j jsonb, y bytea, b bool)\");"
                   "pg_execute(\"INSERT INTO p VALUES ($1, $2, $3, $4, $5)\","
                   " [7, \"'; DROP TABLE p; --\", #{a: 1}, blob(3, 0), ()]);"
                   "let r = pg_query_one(\"SELECT * FROM p WHERE i = $1\", [7]);"
                   "[r.t, r.j.a, r.y.len, r.b]",
                   "[\"'; DROP TABLE p; --\", 1, 3, ()]");
}

static void execute_gives_the_number_of_rows(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "pg_execute(\"CREATE TABLE n (i int); INSERT INTO n SELECT generate_series(1, 5)\");"
                   "[pg_execute(\"UPDATE n SET i = i + 1 WHERE i > 3\"),"
                   " pg_execute(\"DELETE FROM n WHERE i < $1\", [3]), pg_execute(\"TRUNCATE n\")]",
                   "[2, 2, 0]");
}

static void one_row_means_one(void **state) {
    struct fixture *f = *state;
    expect_part(f, "pg_query_one(\"SELECT 1 WHERE false\")", "postgres: the query gave 0 rows");
    expect_part(f, "pg_query_one(\"SELECT generate_series(1, 2)\")", "gave 2 rows");
}

static void errors_are_the_servers(void **state) {
    struct fixture *f = *state;
    expect_part(f, "pg_query(\"SELEC 1\")", "postgres: ERROR:  syntax error at or near \"SELEC\"");
    expect_part(f, "pg_query(\"SELECT 1; SELECT nothing; SELECT 2\")", "column \"nothing\"");
    expect_part(f, "pg_execute(\"COPY (SELECT 1) TO STDOUT\")", "COPY from or to the client");
    expect_part(f, "pg_connect(\"host=/nowhere\")", "/nowhere/.s.PGSQL.5432");
    expect_part(f, "pg_connect(\"nonsense\")", "postgres: missing \"=\"");
    fixture_expect(f, "pg_connect()", "true");
}

static void a_transaction_is_kept_or_dropped(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "pg_execute(\"CREATE TABLE t (i int)\");"
                   "pg_begin(); pg_execute(\"INSERT INTO t VALUES (1)\"); pg_rollback();"
                   "pg_begin(); pg_execute(\"INSERT INTO t VALUES (2)\"); pg_commit();"
                   "pg_query(\"SELECT i FROM t\")",
                   "[#{\"i\": 2}]");
}

static void a_server_that_was_restarted_is_found_again(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "pg_begin()", "true");
    postgres_server_stop(server);
    server = postgres_server_start(dir);
    assert_true(server > 0);
    expect_part(f, "pg_ping()", "postgres: the connection broke in a transaction");
    fixture_expect(f, "pg_ping()", "true");
    postgres_server_stop(server);
    server = postgres_server_start(dir);
    assert_true(server > 0);
    fixture_expect(f, "pg_ping()", "true");
}

static void a_stop_ends_a_statement_at_once(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "pg_ping()", "true");
    f->session.stop_fd = sink_stop_after_ms(20);
    expect_part(f, "pg_query(\"SELECT pg_sleep(600)\")", "Script terminated");
}

static void a_forked_process_connects_for_itself(void **state) {
    struct fixture *f = *state;
    static const char script[] = "pg_query_one(\"SELECT pg_backend_pid() AS p\").p";
    char *before = fixture_evaluate(f, script);
    pid_t child = fork();
    if (child == 0) {
        char *mine = fixture_evaluate(f, script);
        _exit(strcmp(mine, before) == 0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    fixture_expect(f, script, before);
    free(before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(it_connects_as_the_environment_says),
        FIXTURE_CASE(rows_are_maps_with_types),
        FIXTURE_CASE(parameters_are_never_sql),
        FIXTURE_CASE(execute_gives_the_number_of_rows),
        FIXTURE_CASE(one_row_means_one),
        FIXTURE_CASE(errors_are_the_servers),
        FIXTURE_CASE(a_transaction_is_kept_or_dropped),
        FIXTURE_CASE(a_forked_process_connects_for_itself),
        FIXTURE_CASE(a_server_that_was_restarted_is_found_again),
        FIXTURE_CASE(a_stop_ends_a_statement_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
