#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "syntax/optimize.h"
#include "syntax/parse.h"
#include "tests/tree_text.h"

static void check_once(const optimize_options *options, heap *h, const char *script,
                       size_t late_from, const char *expected) {
    parse_options parse = {.max_functions = UINT64_MAX, .late_from = late_from};
    rhai_error *error = NULL;
    ast *a = parse_script(h, &parse, script, strlen(script), &error);
    assert_non_null(a);
    assert_true(optimize_ast(a, options));
    text t;
    text_init(&t, h);
    show_tree(&t, a);
    assert_string_equal(t.data ? t.data : "", expected);
    text_done(&t);
    ast_free(a);
}

static void check_with(const optimize_options *options, heap *h, const char *script,
                       const char *expected) {
    check_once(options, h, script, 0, expected);
    if (options->level != RHAI_OPTIMIZE_FULL && !options->constants_len)
        check_once(options, h, script, 1, expected);
}

static void check(const char *script, const char *expected) {
    heap h;
    heap_init(&h, NULL, NULL);
    check_with(&(optimize_options){.level = RHAI_OPTIMIZE_SIMPLE}, &h, script, expected);
    heap_done(&h);
    assert_int_equal(h.used, 0);
}

static void operators_on_constants_are_folded(void **state) {
    (void)state;
    check("1 + 2 * 3", "7");
    check("\"a\" + 'b'", "\"ab\"");
    check("!true; x; !(1 > 2)", "true");
    check("1 / 0", "(/ 1 0)");
    check("x in [1, 2]", "(in x [1, 2])");
    check("for i in 0..3 { f(i) }", "(for i 0..3 {(f i)})");
}

static void logic_keeps_only_what_can_decide(void **state) {
    (void)state;
    check("x && true", "x");
    check("f() && false && g()", "(&& (f) false)");
    check("false && f()", "false");
    check("true || f()", "true");
    check("() ?? x", "x");
    check("1 ?? f()", "1");
}

static void literals_of_constants_become_values_and_are_indexed(void **state) {
    (void)state;
    check("let a = [1, 2, 3][1];", "(let a 2)");
    check("let a = #{b: 1}.b;", "(let a 1)");
    check("let a = #{b: 1}[\"c\"];", "(let a ())");
    check("let a = \"abc\"[-1];", "(let a c)");
    check("let a = 5[0];", "(let a true)");
    check("let a = `x${1}y`;", "(let a \"x1y\")");
    check("let a = `x${n}${\"y\"}z`;", "(let a (text \"x\" n \"yz\"))");
    check("let a = [|x| x];", "(let a (array (fn [x] {x})))");
}

static void constants_are_propagated_until_eval(void **state) {
    (void)state;
    check("const A = 2; let b = A * 3;", "(const A 2)\n(let b 6)");
    check("const M = #{a: 1}; let b = M.a;", "(const M #{\"a\": 1})\n(let b 1)");
    check("const A = 1; let r = eval(\"\"); let b = A;",
          "(const A 1)\n(let r (eval \"\"))\n(let b A)");
    /* As a statement it is only seen as a call in the second pass. */
    check("const A = 1; eval(\"\"); let b = A;", "(const A 1)\n(eval \"\")\n(let b 1)");
    check("const A = 1; { let A = f(); g(A) }", "(const A 1)\n{(let A (f)); (g A)}");
    check("const A = 1; for A in x { f(A) }", "(const A 1)\n(for A x {(f 1)})");
    check("fn f() { const A = 1; return A + 1; }", "(fn f [] {(const A 1); 2})\n");
}

static void closures_get_the_values_of_constants(void **state) {
    (void)state;
    check("const A = 5; let f = |x| x * A;", "(const A 5)\n(let f (fn [^A=5 x] {(* x A)}))");
    check("const F = |x| x; let g = F;",
          "(const F (fn [x] {x}))\n(let g (Fn \"anon$0000000000000000\"))");
}

static void statements_without_effect_are_dropped(void **state) {
    (void)state;
    check("1; x; f(); 2", "(f)\n2");
    check("let a = 1; { let b = 2; } a", "(let a 1)\na");
    check("if true { f() } else { g() }", "(f)");
    check("if x { if y { f() } }", "(if (&& x y) {(f)})");
    check("while false { f() } g()", "(g)");
    check("try { 1 } catch { f() } g()", "(g)");
    check("return f(); g()", "(f)");
    check("loop { break; f() }", "(loop {(break)})");
}

static void assignments_are_shortened(void **state) {
    (void)state;
    check("x = x + y", "(+= x y)");
    check("x = y + x", "(= x (+ y x))");
}

static void switches_lose_what_cannot_match(void **state) {
    (void)state;
    check("switch x { 1 if false => f(), 1 => g(), 1 => h(), _ => 2 }",
          "(switch x 1->1 _->3 0:if false() 1:(g) 2:() 3:2)");
    check("switch [1] { [1] => f(), _ => 2 }", "(f)");
    check("switch 1 { 1 => f(), _ => 2 }", "(switch 1 1->0 _->1 0:(f) 1:2)");
}

static bool answer(void *data, rhai_str *name, const rhai_value *args, size_t nargs,
                   rhai_value *ret) {
    (void)data;
    if (strcmp(name->data, "answer") != 0 || nargs != 1) return false;
    *ret = VALUE_INT(args[0].i * 2);
    return true;
}

static void the_full_level_calls_native_functions(void **state) {
    (void)state;
    heap h;
    heap_init(&h, NULL, NULL);
    optimize_options full = {.level = RHAI_OPTIMIZE_FULL, .call = answer};
    check_with(&full, &h, "let a = answer(21) + 1; unknown(1)", "(let a 43)\n(unknown 1)");
    check_with(&full, &h, "fn answer(x) { x } answer(1)", "(fn answer [x] {x})\n(answer 1)");
    heap_done(&h);
}

static void constants_of_the_host_are_known(void **state) {
    (void)state;
    heap h;
    heap_init(&h, NULL, NULL);
    rhai_value limit = VALUE_INT(10);
    struct optimize_constant constant = {str_intern(&h, "LIMIT", 5), &limit};
    optimize_options options = {
        .level = RHAI_OPTIMIZE_SIMPLE, .constants = &constant, .constants_len = 1};
    check_with(&options, &h, "fn f() { LIMIT } LIMIT + 1", "(fn f [] {10})\n11");
    obj_unref(&h, constant.name);
    heap_done(&h);
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

static void every_failed_allocation_leaves_a_valid_tree(void **state) {
    (void)state;
    const char *script =
        "const A = [1, 2]; const M = #{a: 1, f: |x| x}; let c = |x| x + A[0];\n"
        "if true { f(M.a, `x${1}${A}`, \"a\" + \"b\", 1..3) } else { g() }\n"
        "switch x { 1 if false => 2, 1 | 2 => [3][0], 4..6 => M, _ => () } { { h() } }\n"
        "x = x + type_of(A); let q = Fn(\"f\"); curry(q, 1); M[\"a\"]";
    for (long n = 0;; n++) {
        heap h;
        heap_init(&h, failing_allocator, NULL);
        allocations_left = 1000000;
        parse_options parse = {.max_functions = UINT64_MAX};
        rhai_error *error = NULL;
        ast *a = parse_script(&h, &parse, script, strlen(script), &error);
        assert_non_null(a);
        allocations_left = n;
        bool done = optimize_ast(a, &(optimize_options){.level = RHAI_OPTIMIZE_SIMPLE});
        allocations_left = 1000000;
        text t;
        text_init(&t, &h);
        show_tree(&t, a);
        text_done(&t);
        ast_free(a);
        heap_done(&h);
        assert_int_equal(h.used, 0);
        if (done) break;
        assert_true(n < 10000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_on_constants_are_folded),
        cmocka_unit_test(logic_keeps_only_what_can_decide),
        cmocka_unit_test(literals_of_constants_become_values_and_are_indexed),
        cmocka_unit_test(constants_are_propagated_until_eval),
        cmocka_unit_test(closures_get_the_values_of_constants),
        cmocka_unit_test(statements_without_effect_are_dropped),
        cmocka_unit_test(assignments_are_shortened),
        cmocka_unit_test(switches_lose_what_cannot_match),
        cmocka_unit_test(the_full_level_calls_native_functions),
        cmocka_unit_test(constants_of_the_host_are_known),
        cmocka_unit_test(every_failed_allocation_leaves_a_valid_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
