/* `rhai repl`: fed from a pipe, and on a terminal as a user types. */
#include "program.h"
#include "terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

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

static terminal open_terminal(const sandbox *s) {
    return terminal_open(s->dir, (const char *const[]){RHAI, "repl", NULL});
}

static void a_terminal_gets_prompts_and_a_second_one_for_the_next_lines(void **state) {
    terminal t = open_terminal(*state);
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "(40 +\n");
    terminal_await(&t, "  ... ");
    terminal_type(&t, "2)\n");
    terminal_await(&t, "42\r\n");
    terminal_await(&t, "rhai> ");
    terminal_close(&t);
}

static void control_c_ends_what_runs_and_not_the_session(void **state) {
    terminal t = open_terminal(*state);
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "let x = 5; print(`ready`); loop { x += 1 }\n");
    terminal_await(&t, "ready\r\n");
    terminal_type(&t, "\3");
    terminal_await(&t, "Script terminated");
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "x > 5\n");
    terminal_await(&t, "true\r\n");
    terminal_await(&t, "rhai> ");
    terminal_close(&t);
}

static void control_c_drops_an_unfinished_input(void **state) {
    terminal t = open_terminal(*state);
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "[1,\n");
    terminal_await(&t, "  ... ");
    terminal_type(&t, "\3");
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "6 * 7\n");
    terminal_await(&t, "42\r\n");
    terminal_await(&t, "rhai> ");
    terminal_close(&t);
}

static void tab_completes_variables_functions_map_keys_and_commands(void **state) {
    terminal t = open_terminal(*state);
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "let zebra = #{stripes: #{black: 41}}; fn zz_double(x) { x * 2 }\n");
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "zeb\t.str\t.bla\t + 1\n");
    terminal_await(&t, "42\r\n");
    terminal_type(&t, "zz_d\t(4)\n");
    terminal_await(&t, "8\r\n");
    terminal_type(&t, "is_od\t(4)\n");
    terminal_await(&t, "false\r\n");
    terminal_type(&t, ".he\t\n");
    terminal_await(&t, "show this");
    terminal_await(&t, "rhai> ");
    terminal_close(&t);
}

static void errors_come_with_their_place_and_the_nearest_names(void **state) {
    terminal t = open_terminal(*state);
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "let counter = 1;\n");
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "1 + conuter\n");
    terminal_await(&t, "Variable not found: conuter (line 1, position 5)\r\n");
    terminal_await(&t, "    1 | 1 + conuter\r\n      |     ^\r\n");
    terminal_await(&t, "did you mean counter");
    terminal_await(&t, "rhai> ");
    terminal_close(&t);
}

static void the_history_is_kept_for_the_next_session(void **state) {
    terminal first = open_terminal(*state);
    terminal_await(&first, "rhai> ");
    terminal_type(&first, "21 * 2\n");
    terminal_await(&first, "42\r\n");
    terminal_await(&first, "rhai> ");
    terminal_close(&first);

    terminal second = open_terminal(*state);
    terminal_await(&second, "rhai> ");
    terminal_type(&second, "\20\n"); /* Ctrl-P: the line before */
    terminal_await(&second, "42\r\n");
    terminal_await(&second, "rhai> ");
    terminal_close(&second);
}

static void text_beyond_ascii_is_typed_and_edited(void **state) {
    terminal t = open_terminal(*state);
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "\"grün€x\b\".len\n");
    terminal_await(&t, "5\r\n");
    terminal_await(&t, "rhai> ");
    terminal_type(&t, "\"grün\" + 1\n");
    terminal_await(&t, "\"grün1\"\r\n");
    terminal_await(&t, "rhai> ");
    terminal_close(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_set_up, sandbox_tear_down)

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
        TEST(text_beyond_ascii_is_typed_and_edited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
