/* What rhai_engine_operations tells: exact under max_operations, an estimate without. */
#include "script_fixture.h"

#include <inttypes.h>

enum { COUNTS_EXACTLY = 1, MAY_FAIL = 2 };

static uint64_t operations_of(const char *script, int how) {
    rhai_engine *engine = rhai_engine_new(NULL);
    assert_non_null(engine);
    rhai_engine_set_limit(engine, RHAI_MAX_OPERATIONS, how & COUNTS_EXACTLY ? UINT64_MAX / 2 : 0);
    rhai_value v = rhai_unit();
    rhai_error *error = NULL;
    rhai_status status = rhai_eval(engine, script, strlen(script), NULL, &v, &error);
    if (status == RHAI_ERROR && !(how & MAY_FAIL))
        fail_msg("%s\n%s", script, rhai_error_text(error));
    uint64_t operations = rhai_engine_operations(engine);
    rhai_error_free(error);
    rhai_value_done(engine, &v);
    rhai_engine_free(engine);
    return operations;
}

static void assert_near(const char *script, uint64_t estimate, uint64_t exact) {
    if (estimate * 10 < exact * 3 || estimate > exact * 3)
        fail_msg("%s\nhas %" PRIu64 " operations, and is taken for %" PRIu64, script, exact,
                 estimate);
}

/* N: how often it goes round. */
static const char *const shapes[] = {
    "let i = 0; while i < N { i += 1; }",
    "let i = 0; while i < N && i >= 0 { i += 1; }",
    "let on = true; let i = 0; while on { i += 1; on = i != N; }",
    "let i = 0; loop { i += 1; if i == N { break; } }",
    "let i = 0; do { i += 1; } while i < N",
    "let i = 0; do { i += 1; if i % 2 == 0 { continue; } } until i >= N",
    "let x = 0; for i in 0..N { x += i; }",
    "let x = 0; for (i, k) in 0..N { x += i * k; }",
    "let a = []; a.pad(N, 1); let x = 0; for v in a { x += v; }",
    "let x = 0; for i in 0..N { if i % 3 == 0 { x += 1; } else { x -= i * 2; } }",
    "let x = 0; for i in 0..N { x += switch i % 4 { 0 => 1, 1 => i * 2 + 1, _ => 3 }; }",
    "let x = 0; for i in 0..N { for k in 0..3 { x += k; } }",
    "let x = 0; for i in 0..N { for k in 0..0 { x += k; x += i; x += k * i; } }",
    "let m = #{a: [1, 2, 3]}; for i in 0..N { m.a[i % 3] += m.a[1] % 9; }",
    "let x = 0; for i in 0..N { x += `${i}`.len(); }",
    "fn add(a, b) { a + b } let x = 0; for i in 0..N { x = add(x, i); }",
    "fn first(a) { for v in a { return v; } } let x = 0; for i in 0..N { x += first([i, 2]); }",
    "fn int.twice() { this * 2 } let x = 0; for i in 0..N { x += i.twice(); }",
    "let f = |a| a + 1; let x = 0; for i in 0..N { x = f.call(x); }",
    "let a = []; a.pad(N, 1); a.map(|v| v * 2 + 1)",
    "let a = []; a.pad(N, 1); a.filter(|v| v > 0).reduce(|sum, v| sum + v, 0)",
    "let a = []; for i in 0..N { a.push(i); } a.sort(|x, y| y - x);",
    "let x = 0; for i in 0..N { try { if i >= 0 { throw i; } } catch (e) { x += e; } }",
    "fn fail(i) { let a = i * 2; let b = a + i; throw b; }"
    "let x = 0; for i in 0..N { try { fail(i); } catch { x += 1; } }",
    "let x = 0; for i in 0..N { x += eval(\"1 + 2\"); }",
};

static void loops_have_so_many_more_as_they_go_round_more(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        uint64_t estimates[2];
        for (int k = 0; k < 2; k++) {
            char script[300];
            snprintf(script, sizeof script, "const N = %d; %s", k ? 1000 : 100, shapes[i]);
            estimates[k] = operations_of(script, 0);
            assert_near(script, estimates[k], operations_of(script, COUNTS_EXACTLY));
        }
        if (estimates[1] < estimates[0] * 5 || estimates[1] > estimates[0] * 20)
            fail_msg("%s\n%" PRIu64 ", and ten times the rounds %" PRIu64, shapes[i], estimates[0],
                     estimates[1]);
    }
}

static void scripts_without_loops_are_counted_once(void **state) {
    (void)state;
    static const char *const scripts[] = {
        "let a = 1; let b = a + 2; let c = a * b - 3; c + a",
        "fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } fib(15)",
        "fn fib(n) { if n < 2 { return n; } return fib(n - 1) + fib(n - 2); } fib(15)",
        "let text = \"a,b\"; let parts = text.split(','); parts[0].to_upper() + parts[1]",
        "let m = #{a: #{b: 1}}; m.a.b = 2; m.a.b += m.a.b; m.a.b",
        "if 1 > 2 { 3 } else if 2 > 1 { 4 } else { 5 }",
        "let f = |x| { let y = x + 1; y * 2 }; f.call(1) + f.call(2)",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        assert_near(scripts[i], operations_of(scripts[i], 0),
                    operations_of(scripts[i], COUNTS_EXACTLY));
}

static void what_was_done_before_an_error_counts(void **state) {
    (void)state;
    static const char *const scripts[] = {
        "let a = 1; let b = a + 2; let c = a * b; let d = b + c; a / 0",
        "let i = 0; loop { i += 1; if i == 100 { throw i; } }",
        "fn f(n) { let m = n - 1; if m == 0 { 1 / m } else { f(m) } } f(40)",
        "let a = []; a.pad(100, 1); a.map(|v, i| 100 / (90 - i))",
        "for i in 0..100 { let x = i * 2; if x == 180 { exit(x); } }",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        assert_near(scripts[i], operations_of(scripts[i], MAY_FAIL),
                    operations_of(scripts[i], MAY_FAIL | COUNTS_EXACTLY));
}

static void each_run_begins_at_0(void **state) {
    (void)state;
    rhai_engine *engine = rhai_engine_new(NULL);
    rhai_error *error = NULL;
    static const char script[] = "let x = 0; for i in 0..1000 { x += i; }";
    rhai_program *program = rhai_compile(engine, script, strlen(script), NULL, NULL, &error);
    assert_non_null(program);
    assert_int_equal(rhai_engine_operations(engine), 0);
    assert_int_equal(rhai_run(engine, program, NULL, NULL, &error), RHAI_OK);
    uint64_t first = rhai_engine_operations(engine);
    assert_true(first >= 1000);
    assert_int_equal(rhai_run(engine, program, NULL, NULL, &error), RHAI_OK);
    assert_int_equal(rhai_engine_operations(engine), first);
    rhai_program_free(engine, program);
    rhai_engine_free(engine);
}

/* Rhai forgets what a call-back did when it holds a script to its limit. */
static void call_backs_count_though_the_limit_forgets_them(void **state) {
    (void)state;
    rhai_engine *engine = rhai_engine_new(NULL);
    rhai_engine_set_limit(engine, RHAI_MAX_OPERATIONS, 100);
    rhai_error *error = NULL;
    static const char script[] = "let a = []; a.pad(1000, 1); a.map(|v| v * 2 + 1).len()";
    assert_int_equal(rhai_eval(engine, script, strlen(script), NULL, NULL, &error), RHAI_OK);
    assert_true(rhai_engine_operations(engine) > 3000);
    rhai_engine_free(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_have_so_many_more_as_they_go_round_more),
        cmocka_unit_test(scripts_without_loops_are_counted_once),
        cmocka_unit_test(what_was_done_before_an_error_counts),
        cmocka_unit_test(each_run_begins_at_0),
        cmocka_unit_test(call_backs_count_though_the_limit_forgets_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
