/* `rhai run` as a user meets it: output, errors, exit codes, options, modules. */
#include "program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void assert_ran(const ran *r, int code, const char *out, const char *err) {
    assert_string_equal(r->err, err);
    assert_string_equal(r->out, out);
    assert_int_equal(r->code, code);
}

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr(text, part)) fail_msg("no '%s' in:\n%s", part, text);                          \
    } while (0)

/* Runs the script text given as standard input. */
#define RUN_TEXT(sandbox, text, ...)                                                               \
    run_program(sandbox, (const char *const[]){RHAI, "run", __VA_ARGS__, NULL}, text)

/* ---- Output ------------------------------------------------------------------------------- */

static void print_goes_to_stdout_and_debug_to_stderr(void **state) {
    sandbox_write(*state, "a.rhai", "print(\"one\"); debug(\"two\"); print(3);\n");
    assert_ran(RUN(*state, RHAI, "run", "a.rhai"), 0, "one\n3\n", "\"two\"\n");
}

static void a_script_comes_from_standard_input_too(void **state) {
    assert_ran(RUN_TEXT(*state, "print(40 + 2);", "-"), 0, "42\n", "");
}

static void nothing_is_printed_for_a_value(void **state) {
    assert_ran(RUN_TEXT(*state, "40 + 2", "-"), 0, "", "");
}

static void show_value_prints_type_and_debug_form(void **state) {
    assert_ran(RUN_TEXT(*state, "40 + 2", "--show-value", "-"), 0, "=> i64\n42\n", "");
    assert_ran(RUN_TEXT(*state, "print(1); \"a\\n\"", "--show-value", "-"), 0,
               "1\n=> string\n\"a\\n\"\n", "");
    assert_ran(RUN_TEXT(*state, "", "--show-value", "-"), 0, "=> ()\n()\n", "");
}

static void dump_prints_the_code_and_runs_nothing(void **state) {
    const ran *r = RUN_TEXT(*state, "fn twice(n) { n * 2 }\nlet m = #{x: 1};\nm.x += twice(3);",
                            "--dump", "-");
    assert_int_equal(r->code, 0);
    assert_string_equal(r->err, "");
    assert_contains(r->out, "fn twice/1 (registers: 2, constants: 0)\n"
                            "    0     1:17  MUL_INT                r1 r0 2\n"
                            "    1           RETURN                 r1 4\n");
    assert_contains(r->out, "ASSIGN_PROPERTY");
    assert_contains(r->out, " .x +");
    assert_ran(RUN_TEXT(*state, "print(1", "--dump", "-"), 1, "",
               "Syntax error: Expecting ')' to close the arguments list of this function call "
               "'print' (line 1, position 8)\n");
}

static void exit_ends_the_script_with_its_value_and_success(void **state) {
    assert_ran(RUN_TEXT(*state, "print(1); exit(7); print(2);", "--show-value", "-"), 0,
               "1\n=> i64\n7\n", "");
}

static void a_first_line_with_hash_and_exclamation_mark_is_skipped(void **state) {
    assert_ran(RUN_TEXT(*state, "#!/usr/bin/env rhai\nprint(1);\n", "-"), 0, "1\n", "");
    assert_ran(RUN_TEXT(*state, "#!/usr/bin/env rhai", "-"), 0, "", "");
    assert_ran(RUN_TEXT(*state, "#!/usr/bin/env rhai\nx", "-"), 1, "",
               "Variable not found: x (line 2, position 1)\n");
}

/* ---- Errors ------------------------------------------------------------------------------- */

static void an_uncaught_error_is_told_and_exits_1(void **state) {
    assert_ran(RUN_TEXT(*state, "print(1);\nthrow \"no\";", "-"), 1, "1\n",
               "Runtime error: no (line 2, position 1)\n");
    assert_ran(RUN_TEXT(*state, "let = 1;", "-"), 1, "",
               "Syntax error: Expecting name of a variable (line 1, position 5)\n");
}

static void an_error_in_functions_comes_with_its_calls(void **state) {
    assert_ran(RUN_TEXT(*state, "fn f(x) { x.nope() }\nf(1);", "-"), 1, "",
               "Function not found: nope (i64) (line 1, position 13)\n"
               "in call to function 'f' (line 2, position 1)\n");
}

static void on_a_terminal_the_source_line_is_shown_with_a_caret(void **state) {
    sandbox_write(*state, "a.rhai", "let a = 1;\n\tlet b = a + nothing;\n");
    const ran *r = run_program_on_terminal(*state, (const char *[]){RHAI, "run", "a.rhai", NULL});
    assert_int_equal(r->code, 1);
    assert_string_equal(r->err, "Variable not found: nothing (line 2, position 14)\r\n"
                                "  --> a.rhai:2:14\r\n"
                                "    2 | \tlet b = a + nothing;\r\n"
                                "      | \t            ^\r\n");
}

/* What the terminal shows below the error of the script. */
static void assert_hint(void **state, const char *script, const char *error, const char *hint) {
    sandbox_write(*state, "a.rhai", script);
    const ran *r = run_program_on_terminal(*state, (const char *[]){RHAI, "run", "a.rhai", NULL});
    if (strncmp(r->err, error, strlen(error)) != 0)
        fail_msg("not first: '%s' in\n%s", error, r->err);
    if (hint)
        assert_contains(r->err, hint);
    else
        assert_null(strstr(r->err, "did you mean"));
}

static void on_a_terminal_an_unknown_name_comes_with_the_nearest_ones(void **state) {
    assert_hint(state, "let total = 1; print(totl);",
                "Variable not found: totl (line 1, position 22)\r\n", "did you mean total");
    assert_hint(state, "fn area(width) { widht * 2 }\narea(1)",
                "Variable not found: widht (line 1, position 18)", "did you mean width");
    assert_hint(state, "fn greet(who) { }\ngreat(1)", "Function not found: great (i64)",
                "did you mean greet");
    assert_hint(state, "pritn(1)", "Function not found: pritn (i64)", "did you mean print");
    assert_hint(state, "let numbers = [1]; for number in numbers { print(nubmer) }",
                "Variable not found: nubmer", "did you mean number");
    assert_hint(state, "let x = 2; x.is_evne", "Unknown property 'is_evne'",
                "did you mean is_even");
}

static void on_a_terminal_there_is_no_hint_when_nothing_is_near(void **state) {
    assert_hint(state, "qqzzxx", "Variable not found: qqzzxx", NULL);
    assert_hint(state, "let message = 1; throw \"Variable not found: mesage\"",
                "Runtime error: Variable not found: mesage", NULL);
}

static void on_a_terminal_an_error_without_a_position_comes_with_its_place(void **state) {
    assert_hint(state, "let a = 1;\nlet b = a / 0;", "Division by zero: 1 / 0\r\n", NULL);
    assert_contains(((sandbox *)*state)->last.err, "--> a.rhai:2:");
}

static void on_a_terminal_an_error_in_a_module_shows_the_module(void **state) {
    sandbox_write(*state, "lib/m.rhai", "fn f(x) {\n    throw x;\n}\n");
    sandbox_write(*state, "a.rhai", "import \"lib/m\" as m;\nm::f(5);\n");
    const ran *r = run_program_on_terminal(*state, (const char *[]){RHAI, "run", "a.rhai", NULL});
    assert_int_equal(r->code, 1);
    assert_contains(r->err, "lib/m.rhai:2:5\r\n"
                            "    2 |     throw x;\r\n"
                            "      |     ^\r\n");
}

static void a_very_long_source_line_is_shown_around_the_column(void **state) {
    char text[1000];
    memset(text, ' ', sizeof text);
    memcpy(text, "let a = 1;", 10);
    memcpy(text + 500, "nothing", 7);
    text[sizeof text - 1] = '\0';
    sandbox_write(*state, "a.rhai", text);
    const ran *r = run_program_on_terminal(*state, (const char *[]){RHAI, "run", "a.rhai", NULL});
    assert_contains(r->err, "    1 | ...   ");
    assert_contains(r->err, " nothing ");
    assert_true(strlen(r->err) < 500);
}

/* ---- Options ------------------------------------------------------------------------------ */

static void limits_are_set_by_name(void **state) {
    assert_ran(RUN_TEXT(*state, "loop {}", "--limit", "max_operations=1000", "-"), 1, "",
               "Too many operations (line 1, position 6)\n");
    assert_ran(RUN_TEXT(*state, "let a = []; a.push(1); a.push(2); a.push(3);", "--limit",
                        "max_array_size=2", "-"),
               1, "", "Size of array/BLOB too large (line 1, position 37)\n");
}

static void sizes_in_bytes_take_a_suffix(void **state) {
    static const char script[] = "let s = \"x\"; for i in 0..10 { s += s; } print(s.len());";
    assert_ran(RUN_TEXT(*state, script, "--limit", "max_string_size=1K", "-"), 0, "1024\n", "");
    assert_ran(RUN_TEXT(*state, script, "--limit=max_string_size=1MB", "-"), 0, "1024\n", "");
    assert_int_equal(RUN_TEXT(*state, script, "--limit", "max_string_size=1023", "-")->code, 1);
}

static void strict_variables_refuses_unknown_names_before_running(void **state) {
    assert_ran(RUN_TEXT(*state, "print(1); x", "-"), 1, "1\n",
               "Variable not found: x (line 1, position 11)\n");
    assert_ran(RUN_TEXT(*state, "print(1); x", "--strict-variables", "-"), 1, "",
               "Syntax error: Undefined variable: x (line 1, position 11)\n");
}

static void optimize_chooses_what_is_dropped(void **state) {
    assert_int_equal(RUN_TEXT(*state, "ghost; 5", "-")->code, 0);
    assert_int_equal(RUN_TEXT(*state, "ghost; 5", "--optimize", "full", "-")->code, 0);
    assert_ran(RUN_TEXT(*state, "ghost; 5", "--optimize", "none", "-"), 1, "",
               "Variable not found: ghost (line 1, position 1)\n");
}

static void what_follows_two_dashes_is_the_constant_array_args(void **state) {
    assert_ran(RUN_TEXT(*state, "print(ARGS);", "-", "--", "a", "--limit"), 0,
               "[\"a\", \"--limit\"]\n", "");
    assert_ran(RUN_TEXT(*state, "print(ARGS.len());", "-", "--"), 0, "0\n", "");
    assert_int_equal(RUN_TEXT(*state, "ARGS = 1;", "-", "--", "a")->code, 1);
    assert_ran(RUN_TEXT(*state, "print(is_def_var(\"ARGS\"));", "-"), 0, "false\n", "");
}

static void wrong_usage_exits_2_and_runs_nothing(void **state) {
    static const struct {
        const char *argv[6], *err;
    } uses[] = {
        {{"run"}, "rhai run: no script is given; see rhai --help\n"},
        {{"run", "a", "b"},
         "rhai run: 'b' is one operand too many (arguments for the script go behind --)\n"},
        {{"run", "--nothing", "-"}, "rhai run: no option '--nothing'; see rhai --help\n"},
        {{"run", "-n", "-"}, "rhai run: no option '-n'; see rhai --help\n"},
        {{"run", "-", "--limit"}, "rhai run: --limit needs a value\n"},
        {{"run", "--limit", "max_operations", "-"},
         "rhai run: --limit needs NAME=VALUE, not 'max_operations'\n"},
        {{"run", "--limit", "max_luck=1", "-"}, "rhai run: no limit is called 'max_luck'\n"},
        {{"run", "--limit", "max_operations=1K", "-"},
         "rhai run: 'max_operations=1K': the value is not a whole number\n"},
        {{"run", "--limit", "max_memory=-1", "-"},
         "rhai run: 'max_memory=-1': the value is not a whole number\n"},
        {{"run", "--limit", "max_memory=99999999999G", "-"},
         "rhai run: 'max_memory=99999999999G': the value is not a whole number\n"},
        {{"run", "--optimize", "more", "-"},
         "rhai run: --optimize is none, simple or full, not 'more'\n"},
        {{"run", "missing.rhai"}, "rhai: cannot read missing.rhai: No such file or directory\n"},
        {{"run", "."}, "rhai: cannot read .: Is a directory\n"},
        {{"walk"}, "rhai: no command 'walk'; see rhai --help\n"},
    };
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        const char *argv[8] = {RHAI};
        for (size_t k = 0; k < 6; k++)
            argv[k + 1] = uses[i].argv[k];
        assert_ran(run_program(*state, argv, "print(1);"), 2, "", uses[i].err);
    }
    assert_int_equal(RUN(*state, RHAI)->code, 2);
}

static void help_and_version_are_told_on_stdout(void **state) {
    const ran *r = RUN(*state, RHAI, "--help");
    assert_int_equal(r->code, 0);
    assert_contains(r->out, "rhai run [OPTION]... FILE|- [-- ARG...]\n");
    assert_ran(RUN(*state, RHAI, "--version"), 0, "rhai " HERO_VERSION "\n", "");
}

/* ---- Modules ------------------------------------------------------------------------------ */

static void modules_are_found_next_to_the_script(void **state) {
    sandbox_write(*state, "app/m.rhai", "fn f() { \"app\" }");
    sandbox_write(*state, "m.rhai", "fn f() { \"current folder\" }");
    sandbox_write(*state, "app/a.rhai",
                  "import \"m\" as m; import \"m.rhai\" as n;\n"
                  "print(m::f()); print(n::f());");
    assert_ran(RUN(*state, RHAI, "run", "app/a.rhai"), 0, "app\napp\n", "");
}

static void module_paths_are_tried_in_order_after_that(void **state) {
    sandbox_write(*state, "one/m.rhai", "fn f() { \"one\" }");
    sandbox_write(*state, "two/m.rhai", "fn f() { \"two\" }");
    sandbox_write(*state, "two/deep/n.rhai", "fn f() { \"deep\" }");
    sandbox_write(*state, "a.rhai",
                  "import \"m\" as m; import \"deep/n\" as n;\n"
                  "print(m::f()); print(n::f());");
    assert_ran(RUN(*state, RHAI, "run", "--module-path", "one", "--module-path", "two/", "a.rhai"),
               0, "one\ndeep\n", "");
}

static void a_module_imports_relative_to_itself_first(void **state) {
    sandbox_write(*state, "pkg/main.rhai", "import \"util\" as u; fn f() { u::g() }");
    sandbox_write(*state, "pkg/util.rhai", "fn g() { \"pkg\" }");
    sandbox_write(*state, "util.rhai", "fn g() { \"top\" }");
    sandbox_write(*state, "pkg/other.rhai", "import \"top_only\" as t; fn f() { t::g() }");
    sandbox_write(*state, "top_only.rhai", "fn g() { \"top only\" }");
    sandbox_write(*state, "a.rhai",
                  "import \"pkg/main\" as p; import \"pkg/other\" as o;\n"
                  "print(p::f()); print(o::f());");
    assert_ran(RUN(*state, RHAI, "run", "a.rhai"), 0, "pkg\ntop only\n", "");
}

static void one_file_is_one_module_by_any_path(void **state) {
    sandbox_write(*state, "lib/m.rhai", "print(\"loaded\");");
    sandbox_write(*state, "a.rhai", "import \"lib/m\"; import \"lib/../lib/m.rhai\";");
    assert_ran(RUN(*state, RHAI, "run", "a.rhai"), 0, "loaded\n", "");
}

static void modules_may_begin_with_an_interpreter_line(void **state) {
    sandbox_write(*state, "m.rhai", "#!/usr/bin/env rhai\nfn f() { 1 }");
    sandbox_write(*state, "a.rhai", "import \"m\" as m; print(m::f());");
    assert_ran(RUN(*state, RHAI, "run", "a.rhai"), 0, "1\n", "");
}

static void a_module_that_is_not_there_is_an_error(void **state) {
    sandbox_write(*state, "a.rhai", "import \"gone\" as g;");
    assert_ran(RUN(*state, RHAI, "run", "a.rhai"), 1, "",
               "Module not found: gone (line 1, position 8)\n");
}

/* ---- Surroundings ------------------------------------------------------------------------- */

static void a_full_disk_is_told(void **state) {
    const ran *r = RUN(*state, "/bin/sh", "-c", "echo 'print(1)' | " RHAI " run - > /dev/full");
    assert_ran(r, 1, "", "rhai: cannot write to standard output: No space left on device\n");
}

/* The debug line tells the shell that the script is running. */
static void sigterm_ends_the_script_and_what_it_printed_is_kept(void **state) {
    sandbox_write(*state, "a.rhai", "print(\"kept\"); debug(\"ready\"); loop {}");
    const ran *r = RUN(*state, "/bin/sh", "-c",
                       RHAI " run a.rhai 2> err & until [ -s err ]; do sleep 0.01; done;"
                            "kill $!; wait $!");
    char *err = sandbox_read(*state, "err");
    assert_string_equal(r->out, "kept\n");
    assert_contains(err, "Script terminated");
    assert_int_equal(r->code, 128 + SIGTERM);
    free(err);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_set_up, sandbox_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(print_goes_to_stdout_and_debug_to_stderr),
        TEST(a_script_comes_from_standard_input_too),
        TEST(nothing_is_printed_for_a_value),
        TEST(show_value_prints_type_and_debug_form),
        TEST(dump_prints_the_code_and_runs_nothing),
        TEST(exit_ends_the_script_with_its_value_and_success),
        TEST(a_first_line_with_hash_and_exclamation_mark_is_skipped),
        TEST(an_uncaught_error_is_told_and_exits_1),
        TEST(an_error_in_functions_comes_with_its_calls),
        TEST(on_a_terminal_the_source_line_is_shown_with_a_caret),
        TEST(on_a_terminal_an_error_in_a_module_shows_the_module),
        TEST(on_a_terminal_an_unknown_name_comes_with_the_nearest_ones),
        TEST(on_a_terminal_there_is_no_hint_when_nothing_is_near),
        TEST(on_a_terminal_an_error_without_a_position_comes_with_its_place),
        TEST(a_very_long_source_line_is_shown_around_the_column),
        TEST(limits_are_set_by_name),
        TEST(sizes_in_bytes_take_a_suffix),
        TEST(strict_variables_refuses_unknown_names_before_running),
        TEST(optimize_chooses_what_is_dropped),
        TEST(what_follows_two_dashes_is_the_constant_array_args),
        TEST(wrong_usage_exits_2_and_runs_nothing),
        TEST(help_and_version_are_told_on_stdout),
        TEST(modules_are_found_next_to_the_script),
        TEST(module_paths_are_tried_in_order_after_that),
        TEST(a_module_imports_relative_to_itself_first),
        TEST(one_file_is_one_module_by_any_path),
        TEST(modules_may_begin_with_an_interpreter_line),
        TEST(a_module_that_is_not_there_is_an_error),
        TEST(a_full_disk_is_told),
        TEST(sigterm_ends_the_script_and_what_it_printed_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
