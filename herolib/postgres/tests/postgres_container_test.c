/* Servers in containers, against a stand-in for nerdctl that records how it is called. */
#include "tests/fixture.h"
#include "tests/stand_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state) {
    (void)state;
    return stand_in_set_up("nerdctl");
}

static int tear_down(void **state) {
    (void)state;
    return stand_in_tear_down();
}

#define PS "nerdctl ps -a --no-trunc --format=json\n"
#define READY "nerdctl exec db pg_isready -q -h 127.0.0.1\n"
#define INSTALL "pg_install(\"db\", \"16\", 5433, \"me\", \"s3cret\")"

static void install_runs_a_server_and_waits_for_it(void **state) {
    struct fixture *f = *state;
    stand_in_answer("case $1 in\n"
                    "run) echo \"$POSTGRES_PASSWORD\" > \"$dir/password\"; echo c1;;\n"
                    "exec) [ -e \"$dir/tried\" ] || { : > \"$dir/tried\"; exit 2; };;\n"
                    "cat) read -r line < \"$dir/password\"; echo \"$line\";;\n"
                    "esac");
    fixture_expect(f, INSTALL, "true");
    stand_in_expect(
        PS
        "nerdctl run -d --name db -p 5433:5432 -e POSTGRES_USER=me -e POSTGRES_PASSWORD "
        "--restart unless-stopped --cgroup-manager=cgroupfs docker.io/library/postgres:16\n" READY
            READY);
    fixture_expect(f, "run_silent(`nerdctl cat`).stdout", "s3cret\n");
}

static void a_server_that_is_there_is_started(void **state) {
    struct fixture *f = *state;
    stand_in_answer("[ $1 != ps ] || echo '{\"ID\":\"c1\",\"Names\":\"db\",\"Image\":\"p\"}'");
    fixture_expect(f, INSTALL, "true");
    stand_in_expect(PS "nerdctl start db\n" READY);
}

static void a_stop_ends_waiting_for_a_server(void **state) {
    struct fixture *f = *state;
    stand_in_answer("[ $1 != exec ]");
    f->session.stop_fd = sink_stop_after_ms(50);
    fixture_expect_part(f, INSTALL, "Script terminated");
}

static void what_install_is_given_is_checked(void **state) {
    struct fixture *f = *state;
    stand_in_answer("true");
    fixture_expect_part(f, "pg_install(\"db\", \"16\", 0, \"me\", \"x\")",
                        "postgres: the port must be 1 to 65535");
    fixture_expect_part(f, "pg_install(\"db\", \"16\", 1, \"me\", \"\")",
                        "postgres: the user or the password is empty");
    fixture_expect_part(f, "pg_install(\"-d\", \"16\", 1, \"me\", \"x\")", "taken for an option");
    stand_in_expect("");
}

static void databases_are_made_and_used_as_the_images_user(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo '(1 row)'");
    fixture_expect(f, "pg_create_database(\"db\", \"shop\")", "true");
    fixture_expect(f, "pg_execute_sql(\"db\", \"shop\", \"SELECT 1;\\nSELECT 2;\\n\")", "(1 row)");
    stand_in_expect("nerdctl exec db sh -c \"exec createdb -U \"${POSTGRES_USER:-postgres}\" -- "
                    "\"$1\"\" sh shop\n"
                    "nerdctl exec -i db sh -c \"exec psql -X -q -v ON_ERROR_STOP=1 -U "
                    "\"${POSTGRES_USER:-postgres}\" -d \"$1\"\" sh shop\n"
                    "< SELECT 1;\n< SELECT 2;\n");
}

static void a_container_runs_or_not(void **state) {
    struct fixture *f = *state;
    stand_in_answer("[ $3 = up ] && echo true || echo false");
    fixture_expect(f, "[pg_is_running(\"up\"), pg_is_running(\"down\")]", "[true, false]");
    stand_in_expect("nerdctl inspect --format={{.State.Running}} up\n"
                    "nerdctl inspect --format={{.State.Running}} down\n");
}

static void what_goes_wrong_is_named_by_its_cause(void **state) {
    struct fixture *f = *state;
    stand_in_answer("echo 'no such object db' >&2; exit 1");
    fixture_expect_part(f, "pg_is_running(\"db\")",
                        "postgres: inspect db: exit code 1: no such object db (see nerdctl ps -a");
    stand_in_answer("echo 'ERROR:  syntax error' >&2; exit 3");
    fixture_expect_part(f, "pg_execute_sql(\"db\", \"shop\", \"SELEC\")",
                        "postgres: exec db: exit code 3: ERROR:  syntax error");
    stand_in_remove();
    fixture_expect_part(f, INSTALL,
                        "postgres: cannot run nerdctl: it is not installed, or not in PATH");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(install_runs_a_server_and_waits_for_it),
        FIXTURE_CASE(a_server_that_is_there_is_started),
        FIXTURE_CASE(a_stop_ends_waiting_for_a_server),
        FIXTURE_CASE(what_install_is_given_is_checked),
        FIXTURE_CASE(databases_are_made_and_used_as_the_images_user),
        FIXTURE_CASE(a_container_runs_or_not),
        FIXTURE_CASE(what_goes_wrong_is_named_by_its_cause),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
