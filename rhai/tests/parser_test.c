#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "syntax/parse.h"
#include "tests/tree_text.h"

static const parse_options defaults = {.max_functions = UINT64_MAX};

/* The tree, or the error's text. */
static void check_once(const parse_options *options, const char *script, const char *expected) {
    heap h;
    heap_init(&h, NULL, NULL);
    text t;
    text_init(&t, &h);
    rhai_error *error = NULL;
    ast *a = parse_script(&h, options, script, strlen(script), &error);
    if (a)
        show_tree(&t, a);
    else
        text_add_cstr(&t, rhai_error_text(error));
    assert_string_equal(t.data ? t.data : "", expected);
    text_done(&t);
    ast_free(a);
    rhai_error_free(error);
    heap_done(&h);
    assert_int_equal(h.used, 0);
}

/* Functions whose bodies are parsed late have the same ones. */
static void check_with(const parse_options *options, const char *script, const char *expected) {
    parse_options late = *options;
    late.late_from = 1;
    check_once(options, script, expected);
    check_once(&late, script, expected);
}

static void check(const char *script, const char *expected) {
    tree_positions = false;
    check_with(&defaults, script, expected);
}

static void check_positions(const char *script, const char *expected) {
    tree_positions = true;
    check_with(&defaults, script, expected);
    tree_positions = false;
}

static void operators_bind_by_their_precedence(void **state) {
    (void)state;
    check("1 + 2 * 3 - x", "(- (+ 1 (* 2 3)) x)");
    check("a && b && c || d", "(|| (&& a b c) d)");
    check("2 ** 3 ** x", "(** 2 (** 3 x))");
    check("1 << 2 + 3", "(+ (<< 1 2) 3)");
    check("a ?? b + 1 == c", "(== (?? a (+ b 1)) c)");
    check("x !in 0..5", "(!in x (.. 0 5))");
}

static void a_minus_before_a_number_makes_a_number(void **state) {
    (void)state;
    check("-5; - 5; -(5); -x; !-x", "-5\n-5\n-5\n(- x)\n(! (- x))");
    check("-5.abs()", "(chain -5 .abs())");
    check("x - 5.abs()", "(- x (chain 5 .abs()))");
}

static void chains_are_flat_and_parentheses_do_not_split_them(void **state) {
    (void)state;
    check("a.b[1].c(2)", "(chain a .b [1] .c( 2))");
    check("(a.b).c", "(chain a .b .c)");
    check("f(x)[0]?.y", "(chain (f x) [0] ?.y)");
    check_positions("a.b[i]", "(chain a@1:1 .b@1:3@1:2 [i@1:5]@1:4)@1:2");
}

static void an_index_takes_the_question_mark_of_the_next_one(void **state) {
    (void)state;
    check("a?[1][2]", "(chain a [1] [2])");
    check("a[1]?[2]", "(chain a ?[1] ?[2])");
    check("a?[1].b", "(chain a [1] .b)");
    check("(a?[1]).b", "(chain a ?[1] .b)");
}

static void closures_capture_what_they_use_from_outside(void **state) {
    (void)state;
    check("let n = 1; |x| x + n + m", "(let n 1)\n(fn [^n ^m x] {(+ (+ x n) m)})");
    check("|| || n", "(fn [^n] {(fn [^n] {n})})");
    check("fn f() {} let x = || f;", "(fn f [] {})\n(let x (fn [] {f}))");
    check("|a| a.b.c(d)", "(fn [^d a] {(chain a .b .c( d))})");
    check("|| { let y = 1; y }", "(fn [] {(let y 1); y})");
}

static void switch_labels_are_values_and_ranges(void **state) {
    (void)state;
    check("switch x { 1 | \"a\" => b, 2..5 if c => d, _ => e }",
          "(switch x 1->0 \"a\"->0 2..5->1 in 2..5->1 _->2 0:{b} 1:if c{d} 2:{e})");
}

static void interpolated_text_nests(void **state) {
    (void)state;
    check("`a${`b${1}`}c`", "(text \"a\" {(text \"b\" {1})} \"c\")");
    check_positions("`a${x}b`", "(text \"a\"@1:1 {x@1:5}@1:4@1:4 \"b\"@1:7)@1:1");
}

static void functions_keep_their_comments_and_types(void **state) {
    (void)state;
    const char *script =
        "//! module\n/// one\n/// two\n/** three\n    four */\nprivate fn int.f(a) {}";
    heap h;
    heap_init(&h, NULL, NULL);
    rhai_error *error = NULL;
    ast *a = parse_script(&h, &defaults, script, strlen(script), &error);
    assert_non_null(a);
    assert_string_equal(a->module_doc->data, "//! module");
    const fn_def *f = a->functions[0];
    assert_true(f->is_private);
    assert_string_equal(f->this_type->data, "i64");
    assert_int_equal(f->comments_len, 2);
    assert_string_equal(f->comments[0]->data, "/// one\n/// two");
    assert_string_equal(f->comments[1]->data, "/** three\n    four */");
    ast_free(a);
    heap_done(&h);
}

static void constants_cannot_be_assigned_to_in_their_function(void **state) {
    (void)state;
    check("const A = 1; A = 2", "Syntax error: Cannot assign to constant A (line 1, position 14)");
    check("const A = 1; let A = 2; A = 3", "(const A 1)\n(let A 2)\n(= A 3)");
    check("const A = 1; fn f() { A = 2 }", "(fn f [] {(= A 2)})\n(const A 1)");
    check("a.f() = 1", "Syntax error: Expression cannot be assigned to (line 1, position 3)");
}

static void strict_variables_must_exist(void **state) {
    (void)state;
    parse_options strict = defaults;
    strict.strict_variables = true;
    check_with(&strict, "let a = 1; a + b",
               "Syntax error: Undefined variable: b (line 1, position 16)");
    check_with(&strict, "|x| x + y", "Syntax error: Undefined variable: y (line 1, position 9)");
    check_with(&strict, "m::f()", "Syntax error: Undefined module: m (line 1, position 1)");
    check_with(&strict, "import \"m\" as m; m::f(global::X)", "(import \"m\" m)\n(m::f global::X)");
}

static void an_interpreter_line_is_skipped_on_demand(void **state) {
    (void)state;
    parse_options options = defaults;
    check_with(&options, "#!/bin/rhai\nx",
               "Syntax error: '#!' is a reserved symbol (line 1, position 1)");
    options.skip_interpreter_line = true;
    tree_positions = true;
    check_with(&options, "#!/bin/rhai\nx", "x@2:1");
    tree_positions = false;
}

static void text_that_is_not_utf8_is_an_error(void **state) {
    (void)state;
    check("let x = 1;\n\xff", "Syntax error: Script is not valid UTF-8 (line 2, position 1)");
}

/* Nested as deep as the built-in bound allows, and beyond: neither may overflow the C stack. */
static void nesting_without_a_limit_is_bounded(void **state) {
    (void)state;
    static const char *const openers[] = {"(",    "[",    "{",   "- ",    "f(",
                                          "|x| ", "#{a:", "`${", "if x{", "switch x{_=>",
                                          "x.f(", "!",    "x[",  "x.",    "if x{}else "};
    for (size_t i = 0; i < sizeof openers / sizeof *openers; i++) {
        size_t len = strlen(openers[i]), n = 200000;
        char *script = malloc(len * n + 1);
        assert_non_null(script);
        for (size_t k = 0; k < n; k++)
            memcpy(script + k * len, openers[i], len);
        script[len * n] = 0;
        heap h;
        heap_init(&h, NULL, NULL);
        rhai_error *error = NULL;
        assert_null(parse_script(&h, &defaults, script, len * n, &error));
        assert_non_null(strstr(rhai_error_text(error), "exceeds maximum complexity"));
        rhai_error_free(error);
        heap_done(&h);
        free(script);
    }
}

typedef struct reports {
    char text[1024];
} reports;

static void collect(void *data, const rhai_error *error) {
    reports *r = data;
    char line[64];
    snprintf(line, sizeof line, "%u:%u ", error->pos.line, error->pos.column);
    strcat(r->text, line);
}

static void check_reports(const char *script, const char *expected) {
    heap h;
    heap_init(&h, NULL, NULL);
    reports r = {""};
    size_t n = parse_check(&h, &defaults, script, strlen(script), collect, &r);
    assert_string_equal(r.text, expected);
    assert_int_equal(n > 0, *expected != 0);
    heap_done(&h);
    assert_int_equal(h.used, 0);
}

static void a_check_goes_on_after_each_error(void **state) {
    (void)state;
    check_reports("let x = 1;\nx + 2", "");
    check_reports("let = 1;\nlet y = ;\nlet z = 3;\nz z;\n", "1:5 2:9 4:3 ");
    check_reports("fn f() {\n  let = 1;\n  break;\n}\nfn g() { 1 +; }\n}\nlet a = 2",
                  "2:7 3:3 5:13 6:1 ");
    check_reports("let x = 5\nlet y = 6;", "2:1 ");
    check_reports("fn f() { if x {", "1:16 ");
    check_reports("let a = `x${`; let b = 1;", "1:13 1:26 ");
}

static long allocations_left;

static void *failing_allocator(void *data, void *old, size_t old_size, size_t size) {
    (void)data;
    (void)old_size;
    if (!size) {
        free(old);
        return NULL;
    }
    if (allocations_left-- <= 0) return NULL;
    return realloc(old, size);
}

static void every_failed_allocation_is_an_error_without_leak(void **state) {
    (void)state;
    const char *script =
        "/// doc\nfn f(a) { switch a { 1 | 2..4 => `x${a}`, _ => [1, #{b: 2}] } }\n"
        "let n = 1; let c = |x| |y| x + y + n; m::k(c.call(1)?.z[2], \"a\\n\");\n"
        "for (i, k) in 0..9 { if i > k { break i } }\nimport \"m\" as m;";
    for (long n = 0;; n++) {
        heap h;
        heap_init(&h, failing_allocator, NULL);
        allocations_left = n;
        rhai_error *error = NULL;
        ast *a = parse_script(&h, &defaults, script, strlen(script), &error);
        assert_true((a != NULL) != (error != NULL));
        bool done = a != NULL;
        ast_free(a);
        rhai_error_free(error);
        heap_done(&h);
        assert_int_equal(h.used, 0);
        if (done) break;
        assert_true(n < 10000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_bind_by_their_precedence),
        cmocka_unit_test(a_minus_before_a_number_makes_a_number),
        cmocka_unit_test(chains_are_flat_and_parentheses_do_not_split_them),
        cmocka_unit_test(an_index_takes_the_question_mark_of_the_next_one),
        cmocka_unit_test(closures_capture_what_they_use_from_outside),
        cmocka_unit_test(switch_labels_are_values_and_ranges),
        cmocka_unit_test(interpolated_text_nests),
        cmocka_unit_test(functions_keep_their_comments_and_types),
        cmocka_unit_test(constants_cannot_be_assigned_to_in_their_function),
        cmocka_unit_test(strict_variables_must_exist),
        cmocka_unit_test(an_interpreter_line_is_skipped_on_demand),
        cmocka_unit_test(text_that_is_not_utf8_is_an_error),
        cmocka_unit_test(nesting_without_a_limit_is_bounded),
        cmocka_unit_test(a_check_goes_on_after_each_error),
        cmocka_unit_test(every_failed_allocation_is_an_error_without_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
