/* The judge is judged: what the conformance runner does with cases that it should not pass. */
#include "program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static const char good[] = "# comment\n"
                           "=== sum\n40 + 2\n--- value i64\n42\n"
                           "=== prints\nprint(\"a\");\nprint(\"b\");\n"
                           "--- out\na\nb\n--- value ()\n()\n";

static const char one_wrong[] = "=== right\n1\n--- value i64\n1\n"
                                "=== wrong\nprint(\"same\"); 2\n--- out\nsame\n--- value i64\n3\n";

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr(text, part)) fail_msg("no '%s' in:\n%s", part, text);                          \
    } while (0)

static void cases_that_are_right_pass(void **state) {
    sandbox_write(*state, "a.cases", good);
    const ran *r = RUN(*state, RUNNER, "a.cases");
    assert_int_equal(r->code, 0);
    assert_string_equal(r->out, "2 passed, 0 failed\n");
}

static void a_failing_case_is_shown_with_what_differs(void **state) {
    sandbox_write(*state, "a.cases", one_wrong);
    const ran *r = RUN(*state, RUNNER, "a.cases");
    assert_int_equal(r->code, 1);
    assert_string_equal(r->out, "FAIL a.cases:wrong (line 5)\n"
                                "  - expected, + got\n"
                                "    --- out\n"
                                "    same\n"
                                "    --- value i64\n"
                                "  - 3\n"
                                "  + 2\n"
                                "\n"
                                "1 passed, 1 failed\n");
}

static void only_chooses_cases_by_name(void **state) {
    sandbox_write(*state, "a.cases", one_wrong);
    const ran *r = RUN(*state, RUNNER, "--only", "a.cases:ri", "a.cases");
    assert_int_equal(r->code, 0);
    assert_string_equal(r->out, "1 passed, 0 failed\n");
    assert_int_equal(RUN(*state, RUNNER, "--only", "nothing", "a.cases")->code, 2);
}

static void a_case_without_end_is_stopped_and_the_next_ones_run(void **state) {
    sandbox_write(*state, "a.cases",
                  "=== endless\nloop {}\n--- value ()\n()\n=== after\n1\n--- value i64\n1\n");
    const ran *r = RUN(*state, RUNNER, "--timeout", "1", "--jobs", "1", "a.cases");
    assert_int_equal(r->code, 1);
    assert_string_equal(r->out, "FAIL a.cases:endless (line 1)\n  not done after 1 s\n\n"
                                "1 passed, 1 failed\n");
}

static void directives_reach_the_engine(void **state) {
    sandbox_write(*state, "a.cases",
                  "=== limit\n@limit max_operations 1000\nloop {}\n"
                  "--- error\nToo many operations (line 1, position 6)\n"
                  "=== strict\n@strict_variables\nfn f() { x }\n"
                  "--- error\nSyntax error: Undefined variable: x (line 1, position 10)\n"
                  "=== module\n@module lib/a.rhai\nimport \"b\" as b;\nfn f() { b::g() }\n"
                  "@module lib/b.rhai\nfn g() { 7 }\n@script\nimport \"lib/a\" as a;\na::f()\n"
                  "--- value i64\n7\n");
    const ran *r = RUN(*state, RUNNER, "a.cases");
    assert_string_equal(r->out, "3 passed, 0 failed\n");
    assert_int_equal(r->code, 0);
}

static void names_of_closures_are_normalised(void **state) {
    sandbox_write(*state, "a.cases", "=== closure\n|x| x\n--- value Fn\nFn(anon$...)\n");
    assert_string_equal(RUN(*state, RUNNER, "a.cases")->out, "1 passed, 0 failed\n");
}

static void a_malformed_file_is_refused_with_its_line(void **state) {
    static const struct {
        const char *text, *message;
    } files[] = {
        {"", "a.cases:0: no cases: \n"},
        {"=== a\n1\n", "a.cases:2: a case without an expectation: a\n"},
        {"=== a\n1\n=== b\n2\n--- value i64\n2\n", "a.cases:2: a case without an expectation: a\n"},
        {"=== a\n1\n--- out\nx\n", "a.cases:4: a case without a value or an error: a\n"},
        {"=== a\n1\n--- result\n1\n", "a.cases:3: no such section: --- result\n"},
        {"=== a\n1\n--- value i64\n1\n--- out\nx\n",
         "a.cases:5: a section in the wrong place: --- out\n"},
        {"=== a\n@limit max_nothing 4\n1\n--- value i64\n1\n",
         "a.cases:2: no such limit: max_nothing 4\n"},
        {"=== a\n@limit max_operations x\n1\n--- value i64\n1\n",
         "a.cases:2: not a number: max_operations x\n"},
        {"=== a\n@optimize much\n1\n--- value i64\n1\n", "a.cases:2: no such level: much\n"},
        {"=== a\n@unknown\n1\n--- value i64\n1\n", "a.cases:2: no such directive: @unknown\n"},
        {"=== a\n@module m\nfn f() {}\n=== b\n", "a.cases:3: a module without @script: m\n"},
        {"=== a\n1\n--- value i64\n1\n=== a\n1\n--- value i64\n1\n",
         "a.cases:5: a second case of this name: a\n"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        sandbox_write(*state, "a.cases", files[i].text);
        const ran *r = RUN(*state, RUNNER, "a.cases");
        assert_string_equal(r->err, files[i].message);
        assert_string_equal(r->out, "");
        assert_int_equal(r->code, 2);
    }
}

static void wrong_usage_is_told(void **state) {
    assert_int_equal(RUN(*state, RUNNER)->code, 2);
    assert_int_equal(RUN(*state, RUNNER, "--nothing", "a.cases")->code, 2);
    assert_int_equal(RUN(*state, RUNNER, "--jobs", "0", "a.cases")->code, 2);
    assert_int_equal(RUN(*state, RUNNER, "--known", "a.cases")->code, 2);
    assert_int_equal(RUN(*state, RUNNER, "missing.cases")->code, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_set_up, sandbox_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(cases_that_are_right_pass),
        TEST(a_failing_case_is_shown_with_what_differs),
        TEST(only_chooses_cases_by_name),
        TEST(a_case_without_end_is_stopped_and_the_next_ones_run),
        TEST(directives_reach_the_engine),
        TEST(names_of_closures_are_normalised),
        TEST(a_malformed_file_is_refused_with_its_line),
        TEST(wrong_usage_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
