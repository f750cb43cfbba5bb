/* Arrays: what the recorded cases do not show, sharing above all. */
#include "script_fixture.h"

static void changing_one_array_leaves_its_copies_alone(void **state) {
    (void)state;
    static const char *const changes[] = {
        "b.push(4)",
        "b.insert(0, 4)",
        "b.append([4])",
        "b += 4",
        "b.pop()",
        "b.shift()",
        "b.remove(1)",
        "b.clear()",
        "b.truncate(1)",
        "b.chop(1)",
        "b.reverse()",
        "b.pad(5, 0)",
        "b.set(0, 9)",
        "b[0] = 9",
        "b.splice(0, 1, [7])",
        "b.split(1)",
        "b.drain(0, 1)",
        "b.retain(0, 1)",
        "b.drain(|x| x == 2)",
        "b.retain(|x| x == 2)",
        "b.sort_desc()",
        "b.dedup(|x, y| true)",
        "b.sort(|x, y| y - x)",
        "b.for_each(|| this += 1)",
        "b.map(|| this += 1)",
        "b.filter(|| this.bump())",
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char script[256];
        snprintf(script, sizeof script,
                 "fn bump() { this += 1; true } let a = [1, 2, 3]; let b = a; let c = [b];"
                 "%s; [a, c, a == b]",
                 changes[i]);
        assert_script(script, "[[1, 2, 3], [[1, 2, 3]], false]");
    }
}

static void elements_keep_their_sharing_too(void **state) {
    (void)state;
    assert_script("let inner = [1]; let a = [inner, inner]; a[0].push(2); [a, inner]",
                  "[[[1, 2], [1]], [1]]");
    assert_script("let a = [[1], [2]]; let b = a; b.for_each(|| this.push(9)); [a, b]",
                  "[[[1], [2]], [[1, 9], [2, 9]]]");
    assert_script("let a = [[1], [2]]; let b = a.extract(0, 1); b[0].push(9); [a, b]",
                  "[[[1], [2]], [[1, 9]]]");
}

static void an_array_may_be_its_own_argument(void **state) {
    (void)state;
    assert_script("let a = [1, 2]; a.append(a); a", "[1, 2, 1, 2]");
    assert_script("let a = [1, 2]; a += a; a", "[1, 2, 1, 2]");
    assert_script("let a = [1, 2]; a.push(a); a", "[1, 2, [1, 2]]");
    assert_script("let a = [1, 2, 3]; a.splice(1, 1, a); a", "[1, 1, 2, 3, 3]");
    assert_script("let a = [1]; a.pad(3, a); a", "[1, [1], [1]]");
    assert_script("let a = [1, 2]; a.zip(a, |x, y| x * y)", "[1, 4]");
    assert_script("let a = [1]; a == a && a + a == [1, 1]", "true");
}

static void positions_are_clamped(void **state) {
    (void)state;
    assert_script("let a = [1, 2, 3];"
                  "[a.get(-1), a.get(-9), a.get(3), a.extract(-2), a.extract(1, 99),"
                  " a.extract(-9223372036854775807, 2), a.extract(1..9223372036854775807),"
                  " a.extract(-5..=0), a.remove(-4), a.remove(9)]",
                  "[3, 1, (), [2, 3], [2, 3], [1, 2], [2, 3], [1], (), ()]");
    assert_script("let a = [1, 2, 3]; a.insert(-1, 8); a.insert(99, 9); a.splice(9, 1, [7]); a",
                  "[1, 2, 8, 3, 9, 7]");
    assert_script("let a = [1, 2, 3]; [a.retain(1..2), a]", "[[1, 3], [2]]");
    assert_script("let a = [1, 2, 3]; [a.retain(5, 2), a, a.drain(5, 2), a.split(9), a]",
                  "[[], [1, 2, 3], [], [], [1, 2, 3]]");
}

static void an_error_in_a_call_back_keeps_what_was_done(void **state) {
    (void)state;
    assert_script("let a = [1, 2, 3, 4]; try { a.for_each(|| { this *= 10;"
                  " if this == 30 { throw 1; } }); } catch {} a",
                  "[10, 20, 30, 4]");
    assert_script("let a = [1, 2, 3, 4]; try { a.drain(|x| if x == 3 { throw 1; } else { x < 2 });"
                  " } catch {} a",
                  "[2, 3, 4]");
    assert_script("let a = [1, 2, 3, 4]; try { a.retain(|x| if x == 3 { throw 1; } else { x < 2"
                  " }); } catch {} a",
                  "[1, 3, 4]");
}

static void a_call_back_cannot_reach_the_array_it_is_about(void **state) {
    (void)state;
    assert_script_fails("let a = [1, 2]; a.for_each(|| a.push(1));",
                        "Data race detected\n"
                        "in closure call (line 1, position 19)");
}

static void equality_looks_into_containers(void **state) {
    (void)state;
    assert_script("[[1, 2.0], #{a: ['x']}] == [[1.0, 2], #{a: [\"x\"]}]", "true");
    assert_script("[1, [2, 3]] == [1, [2, 4]]", "false");
    assert_script("let n = 0.0 / 0.0; let a = [n]; a == a", "false");
    assert_script_fails("[|| 1] == [|| 1]", "Function not found: == (Fn, Fn) (line 1, position 8)");
    assert_script("[[|| 1]] == [[|| 1]]", "false"); /* an oddity of Rhai's */
    assert_script("[|| 1].contains(1)", "false");
    assert_script("let a = 1; for i in 0..100000 { a = [a]; }"
                  " let b = 1; for i in 0..100000 { b = [b]; } a == b",
                  "true");
}

static void padding_beyond_a_limit_fails_before_it_allocates(void **state) {
    (void)state;
    static const char script[] = "let a = [[1, 2], 3]; a.pad(1000000000000, [4, 5]); a";
    rhai_engine *engine = rhai_engine_new(NULL);
    assert_non_null(engine);
    rhai_engine_set_limit(engine, RHAI_MAX_ARRAY_SIZE, 1000);
    rhai_value v;
    rhai_error *error = NULL;
    assert_int_equal(rhai_eval(engine, script, strlen(script), NULL, &v, &error), RHAI_ERROR);
    assert_string_equal(rhai_error_text(error),
                        "Size of array/BLOB too large (line 1, position 24)");
    assert_true(rhai_engine_peak_memory(engine) < 1000000);
    rhai_error_free(error);
    rhai_engine_free(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changing_one_array_leaves_its_copies_alone),
        cmocka_unit_test(elements_keep_their_sharing_too),
        cmocka_unit_test(an_array_may_be_its_own_argument),
        cmocka_unit_test(positions_are_clamped),
        cmocka_unit_test(an_error_in_a_call_back_keeps_what_was_done),
        cmocka_unit_test(a_call_back_cannot_reach_the_array_it_is_about),
        cmocka_unit_test(equality_looks_into_containers),
        cmocka_unit_test(padding_beyond_a_limit_fails_before_it_allocates),
    };
    return cmocka_run_group_tests_name("arrays", tests, NULL, NULL);
}
