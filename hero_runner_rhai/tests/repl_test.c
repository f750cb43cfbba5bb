/* `repl`: the functions of herolib at a pipe and at a terminal. What all pieces have in common is
 * tested with `rhai repl`. */
#include "program.h"
#include "terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void expect_piped(void **state, const char *input, const char *out, const char *err) {
    const ran *r = run_program(*state, (const char *const[]){CLI, "repl", NULL}, input);
    assert_string_equal(r->err, err);
    assert_string_equal(r->out, out);
    assert_int_equal(r->code, 0);
}

static terminal open_terminal(const sandbox *s) {
    return terminal_open(s->dir, (const char *const[]){CLI, "repl", NULL});
}

/* ---- From a pipe -------------------------------------------------------------------------- */

static void the_modules_are_there(void **state) {
    expect_piped(state,
                 "let f = \"a.yaml\"; file_write(f, \"a: [1, 2]\"); yaml_parse(file_read(f))\n",
                 "#{\"a\": [1, 2]}\n", "");
    const ran *r =
        run_program(*state, (const char *const[]){CLI, "repl", NULL}, ".functions sleep_ms\n");
    assert_string_equal(r->out,
                        "sleep_ms(milliseconds: int)\n    Waits that many milliseconds. Ends "
                        "at once when the session is stopped.\n");
}

static void lines_of_commands_keep_their_place_among_prints(void **state) {
    expect_piped(state,
                 "print(1); run(\"echo 2; echo 3\").execute(); print(4);\nrun(\"printf "
                 "5\").execute(); ()\n6\n",
                 "1\n2\n3\n4\n5\n6\n", "");
}

static void standard_error_is_kept_apart(void **state) {
    expect_piped(state, "run(\"echo out; echo err >&2\").execute(); debug(`x`); print(`y`);\n",
                 "out\ny\n", "err\n\"x\"\n");
}

static void an_error_of_a_function_does_not_end_it(void **state) {
    expect_piped(state, "run(\"exit 3\").execute();\n1\n", "1\n",
                 "Runtime error: process: 'exit 3' exited with code 3 (line 1, position 15)\n");
}

static void arguments_are_for_the_scripts(void **state) {
    const ran *r = run_program(*state, (const char *const[]){CLI, "repl", "--", "a", "--b", NULL},
                               "ARGS\nargs() == ARGS\n");
    assert_string_equal(r->out, "[\"a\", \"--b\"]\ntrue\n");
    r = run_program(*state, (const char *const[]){CLI, "repl", "a", NULL}, "");
    assert_int_equal(r->code, 2);
    assert_non_null(strstr(r->err, "'a' is one operand too many"));
}

static void it_ends_when_nobody_reads_it(void **state) {
    sandbox_write(*state, "endless",
                  "while echo 'print(1)'; do :; done 2> /dev/null | \"$1\" repl | head -1");
    const ran *r = RUN(*state, "/bin/sh", "endless", CLI);
    assert_string_equal(r->out, "1\n");
}

/* ---- At a terminal ------------------------------------------------------------------------ */

static void control_c_ends_a_function_that_waits(void **state) {
    terminal t = open_terminal(*state);
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "print(`re` + `ady`); sleep_ms(600000)\n");
    terminal_await(&t, "ready\r\n");
    terminal_type(&t, "\3");
    terminal_await(&t, "Script terminated");
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "sleep_ms(1); 6 * 7\n");
    terminal_await(&t, "42\r\n");
    terminal_await(&t, "rhai> ");
    terminal_close(&t);
}

/* The number behind "pid " that the terminal shows next. */
static pid_t await_pid(terminal *t) {
    terminal_await(t, "\npid ");
    const char *number = t->text + t->seen;
    terminal_await(t, "\r\n");
    return (pid_t)strtol(number, NULL, 10);
}

static void control_c_ends_a_command_and_all_that_it_started(void **state) {
    terminal t = open_terminal(*state);
    terminal_await(&t, "rhai> ");
    /* It does not listen to the terminal's own SIGINT. */
    terminal_type(&t, "run(\"trap '' INT; setsid sleep 600 & echo pid $!; wait\").execute()\n");
    pid_t pid = await_pid(&t);
    terminal_type(&t, "\3");
    terminal_await(&t, "Script terminated");
    terminal_await(&t, "rhai> ");
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    terminal_close(&t);
}

static void the_start_of_a_line_is_shown_while_its_end_is_awaited(void **state) {
    terminal t = open_terminal(*state);
    terminal_await(&t, "rhai> ");
    terminal_type(&t,
                  "run(\"printf 'goi''ng, '; until test -e ~/go; do sleep 0.01; done; echo gone\")"
                  ".execute()\n");
    terminal_await(&t, "going, ");
    sandbox_write(*state, "go", "");
    terminal_await(&t, "gone\r\n");
    terminal_await(&t, "rhai> ");
    terminal_close(&t);
}

static void progress_is_a_bar_that_goes(void **state) {
    terminal t = open_terminal(*state);
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "progress(1, 4, `half` + `way`); sleep_ms(1); print(`do` + `ne`)\n");
    terminal_await(&t, "██████░░░░░░░░░░░░░░░░░░  25 % halfway");
    terminal_await(&t, "\r\033[Kdone\r\n");
    terminal_await(&t, "rhai> ");
    terminal_close(&t);
}

static void tab_completes_functions_of_the_modules(void **state) {
    terminal t = open_terminal(*state);
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "yaml_form\t([1])\n");
    terminal_await(&t, "\"- 1\\n\"\r\n");
    terminal_await(&t, "rhai> ");
    terminal_close(&t);
    free(sandbox_read(*state, ".local/state/hero_runner_rhai/history"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_set_up, sandbox_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_modules_are_there),
        TEST(lines_of_commands_keep_their_place_among_prints),
        TEST(standard_error_is_kept_apart),
        TEST(an_error_of_a_function_does_not_end_it),
        TEST(arguments_are_for_the_scripts),
        TEST(it_ends_when_nobody_reads_it),
        TEST(control_c_ends_a_function_that_waits),
        TEST(control_c_ends_a_command_and_all_that_it_started),
        TEST(the_start_of_a_line_is_shown_while_its_end_is_awaited),
        TEST(progress_is_a_bar_that_goes),
        TEST(tab_completes_functions_of_the_modules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
