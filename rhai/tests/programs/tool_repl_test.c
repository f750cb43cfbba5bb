/* `rhai repl`: fed from a pipe, and on a terminal as a user types. */
#include "program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int set_up(void **state) {
    static sandbox s;
    sandbox_init(&s);
    *state = &s;
    return 0;
}

static int tear_down(void **state) {
    sandbox_done(*state);
    return 0;
}

static const ran *run_piped(void **state, const char *input) {
    return run_program(*state, (const char *const[]){RHAI, "repl", NULL}, input);
}

static void assert_piped(void **state, const char *input, const char *out, const char *err) {
    const ran *r = run_piped(state, input);
    assert_string_equal(r->err, err);
    assert_string_equal(r->out, out);
    assert_int_equal(r->code, 0);
}

/* ---- From a pipe -------------------------------------------------------------------------- */

static void values_are_shown_in_debug_form_and_unit_is_not(void **state) {
    assert_piped(state, "40 + 2\n\"a\\n\"\n()\n#{b: 1}\n", "42\n\"a\\n\"\n#{\"b\": 1}\n", "");
}

static void variables_and_constants_stay(void **state) {
    assert_piped(state, "let x = 1;\nx += 1;\nx\nconst C = 3;\nC\nC = 4\nC\n", "2\n3\n3\n",
                 "Cannot modify constant C (line 1, position 1)\n");
}

static void functions_stay_and_a_new_definition_counts_for_older_callers(void **state) {
    assert_piped(state, "fn a() { 1 }\nfn b() { a() }\nb()\nfn a() { 2 }\nb()\n", "1\n2\n", "");
}

static void closures_of_earlier_pieces_call_functions(void **state) {
    assert_piped(state, "fn twice(x) { x * 2 }\nlet f = |x| twice(x) + 1;\nlet y = 1;\nf.call(5)\n",
                 "11\n", "");
}

static void a_piece_goes_on_until_everything_is_closed(void **state) {
    assert_piped(state, "let m = #{\na: [1,\n2],\n};\nm\n", "#{\"a\": [1, 2]}\n", "");
    assert_piped(state, "/* a /* b */\nc */ 1 +\n2\n", "3\n", "");
    assert_piped(state, "`a\n${`b\n${1}`}`\n", "\"a\\nb\\n1\"\n", "");
    assert_piped(state, "#\"a\nb\"#\n", "\"a\\nb\"\n", "");
    assert_piped(state, "/// Doubles.\nfn f(x) {\n  x * 2\n}\nf(\n4)\n", "8\n", "");
}

static void a_string_in_quotes_does_not_wait(void **state) {
    assert_piped(state, "\"abc\n1\n", "1\n",
                 "Syntax error: Open string is not terminated (line 1, position 1)\n");
}

static void an_error_does_not_end_the_session(void **state) {
    assert_piped(state, "throw 1\nlet let\n7\n", "7\n",
                 "Runtime error: 1 (line 1, position 1)\n"
                 "Syntax error: Expecting name of a variable (line 1, position 5)\n");
}

static void what_is_never_closed_is_an_error_at_the_end(void **state) {
    assert_piped(state, "(1 +", "", "Syntax error: Script is incomplete (line 1, position 5)\n");
}

static void exit_and_quit_end_it(void **state) {
    assert_piped(state, "exit(3)\n4\n", "3\n", "");
    assert_piped(state, "1\n.quit\n2\n", "1\n", "");
}

static void load_runs_a_file_in_the_session(void **state) {
    sandbox_write(*state, "lib.rhai", "fn six() { 6 }\nlet seven = 7;\n");
    assert_piped(state, ".load lib.rhai\nsix() * seven\n", "42\n", "");
    assert_piped(state, ".load nothing.rhai\n", "",
                 "cannot read nothing.rhai: No such file or directory\n");
}

static void functions_are_listed_with_signatures_and_docs(void **state) {
    assert_piped(state, "/// Greets.\n/// Politely.\nfn zz_greet(a, b) { }\n.functions zz_\n",
                 "fn zz_greet(a, b)\n    Greets.\n    Politely.\n", "");
    assert_piped(state, ".functions zz_\n", "no function's name contains 'zz_'\n", "");
    const ran *r = run_piped(state, ".functions is_odd\n");
    assert_non_null(strstr(r->out, "is_odd(x: int) -> bool\n    Tells whether `x` is odd.\n"));
}

static void an_unknown_command_is_told(void **state) {
    assert_piped(state, ".nope\n1\n", "1\n", "no command '.nope'; .help lists them\n");
}

/* ---- On a terminal ------------------------------------------------------------------------ */

typedef struct terminal {
    pid_t pid;
    int fd;
    char text[16384];
    size_t len, seen;
} terminal;

static terminal open_terminal(sandbox *s) {
    terminal t = {.fd = -1};
    t.pid = forkpty(&t.fd, NULL, NULL, NULL);
    assert_true(t.pid >= 0);
    if (t.pid == 0) {
        setenv("HOME", s->dir, 1);
        setenv("TERM", "xterm", 1);
        unsetenv("XDG_STATE_HOME");
        execl(RHAI, RHAI, "repl", NULL);
        _exit(127);
    }
    return t;
}

/* Waits until the text appears behind what was awaited before. */
static void await(terminal *t, const char *wanted) {
    for (;;) {
        t->text[t->len] = '\0';
        char *found = strstr(t->text + t->seen, wanted);
        if (found) {
            t->seen = (size_t)(found - t->text) + strlen(wanted);
            return;
        }
        struct pollfd p = {.fd = t->fd, .events = POLLIN};
        ssize_t n = -1;
        if (poll(&p, 1, 20000) == 1) n = read(t->fd, t->text + t->len, sizeof t->text - 1 - t->len);
        if (n <= 0) {
            kill(t->pid, SIGKILL);
            fail_msg("no '%s' in:\n%s", wanted, t->text + t->seen);
        }
        t->len += (size_t)n;
    }
}

static void type(terminal *t, const char *keys) {
    assert_int_equal(write(t->fd, keys, strlen(keys)), strlen(keys));
}

static void close_terminal(terminal *t) {
    int status;
    char rest[256];
    type(t, "\4");
    while (read(t->fd, rest, sizeof rest) > 0)
        ;
    assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(t->fd);
}

static void a_terminal_gets_prompts_and_a_second_one_for_the_next_lines(void **state) {
    terminal t = open_terminal(*state);
    await(&t, "rhai> ");
    type(&t, "(40 +\n");
    await(&t, "  ... ");
    type(&t, "2)\n");
    await(&t, "42\r\n");
    await(&t, "rhai> ");
    close_terminal(&t);
}

static void control_c_ends_what_runs_and_not_the_session(void **state) {
    terminal t = open_terminal(*state);
    await(&t, "rhai> ");
    type(&t, "let x = 5; print(`ready`); loop { x += 1 }\n");
    await(&t, "ready\r\n");
    type(&t, "\3");
    await(&t, "Script terminated");
    await(&t, "rhai> ");
    type(&t, "x > 5\n");
    await(&t, "true\r\n");
    await(&t, "rhai> ");
    close_terminal(&t);
}

static void control_c_drops_an_unfinished_input(void **state) {
    terminal t = open_terminal(*state);
    await(&t, "rhai> ");
    type(&t, "[1,\n");
    await(&t, "  ... ");
    type(&t, "\3");
    await(&t, "rhai> ");
    type(&t, "6 * 7\n");
    await(&t, "42\r\n");
    await(&t, "rhai> ");
    close_terminal(&t);
}

static void tab_completes_variables_functions_map_keys_and_commands(void **state) {
    terminal t = open_terminal(*state);
    await(&t, "rhai> ");
    type(&t, "let zebra = #{stripes: #{black: 41}}; fn zz_double(x) { x * 2 }\n");
    await(&t, "rhai> ");
    type(&t, "zeb\t.str\t.bla\t + 1\n");
    await(&t, "42\r\n");
    type(&t, "zz_d\t(4)\n");
    await(&t, "8\r\n");
    type(&t, "is_od\t(4)\n");
    await(&t, "false\r\n");
    type(&t, ".he\t\n");
    await(&t, "show this");
    await(&t, "rhai> ");
    close_terminal(&t);
}

static void errors_come_with_their_place_and_the_nearest_names(void **state) {
    terminal t = open_terminal(*state);
    await(&t, "rhai> ");
    type(&t, "let counter = 1;\n");
    await(&t, "rhai> ");
    type(&t, "1 + conuter\n");
    await(&t, "Variable not found: conuter (line 1, position 5)\r\n");
    await(&t, "    1 | 1 + conuter\r\n      |     ^\r\n");
    await(&t, "did you mean counter");
    await(&t, "rhai> ");
    close_terminal(&t);
}

static void the_history_is_kept_for_the_next_session(void **state) {
    terminal first = open_terminal(*state);
    await(&first, "rhai> ");
    type(&first, "21 * 2\n");
    await(&first, "42\r\n");
    await(&first, "rhai> ");
    close_terminal(&first);

    terminal second = open_terminal(*state);
    await(&second, "rhai> ");
    type(&second, "\20\n"); /* Ctrl-P: the line before */
    await(&second, "42\r\n");
    await(&second, "rhai> ");
    close_terminal(&second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(values_are_shown_in_debug_form_and_unit_is_not),
        TEST(variables_and_constants_stay),
        TEST(functions_stay_and_a_new_definition_counts_for_older_callers),
        TEST(closures_of_earlier_pieces_call_functions),
        TEST(a_piece_goes_on_until_everything_is_closed),
        TEST(a_string_in_quotes_does_not_wait),
        TEST(an_error_does_not_end_the_session),
        TEST(what_is_never_closed_is_an_error_at_the_end),
        TEST(exit_and_quit_end_it),
        TEST(load_runs_a_file_in_the_session),
        TEST(functions_are_listed_with_signatures_and_docs),
        TEST(an_unknown_command_is_told),
        TEST(a_terminal_gets_prompts_and_a_second_one_for_the_next_lines),
        TEST(control_c_ends_what_runs_and_not_the_session),
        TEST(control_c_drops_an_unfinished_input),
        TEST(tab_completes_variables_functions_map_keys_and_commands),
        TEST(errors_come_with_their_place_and_the_nearest_names),
        TEST(the_history_is_kept_for_the_next_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
