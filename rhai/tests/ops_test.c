/* Built-in operators, as Rhai 1.26 computes them. */
#include "ops/ops.h"
#include "tests/value_testing.h"

#include <math.h>

static heap h;

static int set_up(void **state) {
    (void)state;
    heap_init(&h, NULL, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    heap_done(&h);
    assert_int_equal(h.used, 0);
    return 0;
}

#define I(x) VALUE_INT(x)
#define F(x) VALUE_FLOAT(x)
#define C(x) VALUE_CHAR(x)
#define B(x) VALUE_BOOL(x)
#define S(x) text_value(&h, x)
#define A(...) ARRAY(&h, __VA_ARGS__)
#define M(k, v) map_value(&h, k, v)
#define FN(name) fn_value(&h, name, 0, NULL)

static rhai_value blob_of(const char *bytes) {
    rhai_value v = VALUE_OBJ(RHAI_BLOB, blob_new(&h, strlen(bytes)));
    if (*bytes) memcpy(as_blob(&v)->data, bytes, strlen(bytes));
    return v;
}

static rhai_value range_of(int64_t from, int64_t to, bool inclusive) {
    rhai_value v;
    assert_true(value_new_range(&h, from, to, inclusive, &v));
    return v;
}

static void assert_debug(const rhai_value *v, const char *expected) {
    text t;
    text_init(&t, &h);
    text_add_plain_debug(&t, v);
    assert_string_equal(t.data, expected);
    text_done(&t);
}

static const char not_builtin[] = "no built-in";

/* `expected` is the result's debug form, an error's text, or not_builtin. Takes over a and b. */
static void assert_op(rhai_value a, op o, rhai_value b, const char *expected) {
    rhai_value ret = VALUE_UNIT;
    rhai_error *error = NULL;
    switch (op_binary(&h, o, &a, &b, &ret, &error)) {
    case OP_DONE: assert_debug(&ret, expected); break;
    case OP_FAILED: assert_string_equal(rhai_error_text(error), expected); break;
    case OP_NOT_BUILTIN: assert_ptr_equal(expected, not_builtin); break;
    }
    rhai_error_free(error);
    value_drop(&h, &ret);
    value_drop(&h, &a);
    value_drop(&h, &b);
}

/* The same for a OP= b. */
static void assert_assign(rhai_value a, op o, rhai_value b, const char *expected) {
    rhai_error *error = NULL;
    switch (op_assign(&h, o, &a, &b, &error)) {
    case OP_DONE: assert_debug(&a, expected); break;
    case OP_FAILED: assert_string_equal(rhai_error_text(error), expected); break;
    case OP_NOT_BUILTIN: assert_ptr_equal(expected, not_builtin); break;
    }
    rhai_error_free(error);
    value_drop(&h, &a);
    value_drop(&h, &b);
}

static void integers_are_checked(void **state) {
    (void)state;
    assert_op(I(40), OP_ADD, I(2), "42");
    assert_op(I(INT64_MAX), OP_ADD, I(1), "Addition overflow: 9223372036854775807 + 1");
    assert_op(I(INT64_MIN), OP_SUB, I(1), "Subtraction overflow: -9223372036854775808 - 1");
    assert_op(I(INT64_MAX), OP_MUL, I(2), "Multiplication overflow: 9223372036854775807 * 2");
    assert_op(I(-7), OP_DIV, I(2), "-3");
    assert_op(I(15), OP_DIV, I(0), "Division by zero: 15 / 0");
    assert_op(I(INT64_MIN), OP_DIV, I(-1), "Division overflow: -9223372036854775808 / -1");
    assert_op(I(-7), OP_MOD, I(3), "-1");
    assert_op(I(5), OP_MOD, I(0), "Modulo division by zero or overflow: 5 % 0");
    assert_op(I(-2), OP_POW, I(63), "-9223372036854775808");
    assert_op(I(2), OP_POW, I(63), "Exponential overflow: 2 ** 63");
    assert_op(I(1), OP_POW, I(4294967296), "Exponential overflow: 1 ** 4294967296");
    assert_op(I(2), OP_POW, I(-1), "Integer raised to a negative power: 2 ** -1");
    assert_op(I(INT64_MIN), OP_NEG, VALUE_UNIT, "Negation overflow: --9223372036854775808");
    assert_op(I(5), OP_NEG, VALUE_UNIT, "-5");
}

static void shifts_never_fail(void **state) {
    (void)state;
    assert_op(I(1), OP_SHL, I(63), "-9223372036854775808");
    assert_op(I(1), OP_SHL, I(64), "0");
    assert_op(I(8), OP_SHL, I(-2), "2");
    assert_op(I(1), OP_SHR, I(-3), "8");
    assert_op(I(-1), OP_SHR, I(4294967296), "-1");
    assert_op(I(1), OP_SHL, I(INT64_MIN), "0");
    assert_op(I(6), OP_BAND, I(3), "2");
    assert_op(I(6), OP_BOR, I(3), "7");
    assert_op(I(6), OP_XOR, I(3), "5");
}

static void floats_mix_with_integers(void **state) {
    (void)state;
    assert_op(F(1.5), OP_ADD, I(2), "3.5");
    assert_op(I(1), OP_DIV, F(4), "0.25");
    assert_op(F(5.5), OP_MOD, I(2), "1.5");
    assert_op(F(1), OP_MOD, I(0), "NaN");
    assert_op(I(2), OP_POW, F(0.5), "1.4142135623730951");
    assert_op(F(2), OP_POW, I(-1), "0.5");
    assert_op(F(1), OP_SHL, I(1), not_builtin);
    assert_op(F(1.5), OP_NEG, VALUE_UNIT, "-1.5");
    assert_op(I(3), OP_PLUS, VALUE_UNIT, "3");
}

static void bools_know_logic_only(void **state) {
    (void)state;
    assert_op(B(true), OP_BAND, B(false), "false");
    assert_op(B(true), OP_BOR, B(false), "true");
    assert_op(B(true), OP_XOR, B(true), "false");
    assert_op(B(true), OP_ADD, B(true), not_builtin);
    assert_op(B(true), OP_NOT, VALUE_UNIT, "false");
    assert_op(I(1), OP_NOT, VALUE_UNIT, not_builtin);
    assert_op(B(true), OP_NEG, VALUE_UNIT, not_builtin);
    assert_op(B(true), OP_GT, B(false), "true");
}

static void floats_compare_with_a_tolerance(void **state) {
    (void)state;
    assert_op(F(0.1 + 0.2), OP_EQ, F(0.3), "true");
    assert_op(F(0.1 + 0.2), OP_GT, F(0.3), "false");
    assert_op(F(0.1 + 0.2), OP_LE, F(0.3), "true");
    assert_op(I(1), OP_EQ, F(1), "true");
    assert_op(I(1), OP_LT, F(1.5), "true");
    assert_op(F(0), OP_EQ, F(-0.0), "true");
    assert_op(F((double)NAN), OP_EQ, F((double)NAN), "false");
    assert_op(F((double)NAN), OP_NE, F((double)NAN), "false");
    assert_op(F((double)INFINITY), OP_GT, F(1), "false");
}

static void texts_and_chars_compare_together(void **state) {
    (void)state;
    assert_op(S("abc"), OP_LT, S("abd"), "true");
    assert_op(S("ab"), OP_GE, S("abc"), "false");
    assert_op(S("a"), OP_EQ, C('a'), "true");
    assert_op(S("ab"), OP_EQ, C('a'), "false");
    assert_op(S("abc"), OP_LT, C('a'), "false");
    assert_op(C('a'), OP_LT, S("ab"), "true");
    assert_op(C('b'), OP_GT, S("abc"), "true");
    assert_op(S(""), OP_LT, C('a'), "true");
    assert_op(C('a'), OP_GT, S(""), "true");
}

static void unlike_types_are_just_different(void **state) {
    (void)state;
    assert_op(I(1), OP_EQ, S("1"), "false");
    assert_op(I(1), OP_NE, S("1"), "true");
    assert_op(I(1), OP_LT, S("1"), "false");
    assert_op(VALUE_UNIT, OP_EQ, VALUE_UNIT, "true");
    assert_op(VALUE_UNIT, OP_LE, VALUE_UNIT, "false");
    assert_op(A(I(1)), OP_LT, I(2), "false");
    assert_op(A(I(1)), OP_LT, A(I(2)), not_builtin);
    assert_op(FN("f"), OP_EQ, FN("f"), not_builtin);
    assert_op(FN("f"), OP_NE, I(1), "true");
    assert_op(range_of(1, 2, false), OP_EQ, range_of(1, 2, false), "true");
    assert_op(range_of(1, 2, false), OP_NE, range_of(1, 2, true), "true");
    assert_op(range_of(1, 2, false), OP_EQ, range_of(1, 2, true), not_builtin);
}

static void containers_compare_as_far_as_their_elements_can(void **state) {
    (void)state;
    assert_op(A(I(1), S("a")), OP_EQ, A(F(1), C('a')), "true");
    assert_op(A(I(1)), OP_NE, A(I(2)), "true");
    assert_op(M("a", I(1)), OP_EQ, M("a", I(1)), "true");
    assert_op(M("a", FN("f")), OP_EQ, M("a", FN("f")), not_builtin);
    assert_op(A(I(1), FN("f")), OP_EQ, A(I(2), FN("f")), "false");
    assert_op(blob_of("ab"), OP_EQ, blob_of("ab"), "true");
}

static void strings_join_with_nearly_everything(void **state) {
    (void)state;
    assert_op(S("x"), OP_ADD, S("é"), "\"xé\"");
    assert_op(S("x"), OP_ADD, I(-1), "\"x-1\"");
    assert_op(F(1), OP_ADD, S("x"), "\"1.0x\"");
    assert_op(C('a'), OP_ADD, C('b'), "\"ab\"");
    assert_op(C('a'), OP_ADD, I(1), not_builtin);
    assert_op(S("x"), OP_ADD, VALUE_UNIT, "\"x\"");
    assert_op(VALUE_UNIT, OP_ADD, S("x"), "\"x\"");
    assert_op(B(true), OP_ADD, S("x"), "\"truex\"");
    assert_op(S("a"), OP_ADD, FN("f"), "\"aFn(f)\"");
    assert_op(range_of(1, 2, false), OP_ADD, S("a"), "\"1..2a\"");
    assert_op(S("x"), OP_ADD, blob_of("A\xff"), "\"xA\uFFFD\"");
    assert_op(blob_of(""), OP_ADD, S("x"), "\"x\"");
    assert_op(S("x"), OP_ADD, A(I(1)), not_builtin);
    assert_op(S("x"), OP_MUL, I(2), not_builtin);
}

static void strings_lose_what_is_subtracted(void **state) {
    (void)state;
    assert_op(S("hello hello"), OP_SUB, S("ll"), "\"heo heo\"");
    assert_op(S("aaa"), OP_SUB, C('a'), "\"\"");
    assert_op(S("abc"), OP_SUB, S(""), "\"abc\"");
    assert_op(S("abc"), OP_SUB, C('x'), "\"abc\"");
    assert_op(S(""), OP_SUB, S("abc"), "\"abc\"");
    assert_op(S(""), OP_SUB, C('a'), "\"\"");
    assert_op(S("a"), OP_SUB, I(1), not_builtin);
}

static void containers_join_with_their_own_kind(void **state) {
    (void)state;
    assert_op(A(I(1)), OP_ADD, A(I(2), I(3)), "[1, 2, 3]");
    assert_op(A(I(1)), OP_ADD, I(2), not_builtin);
    assert_op(M("a", I(1)), OP_ADD, M("a", I(2)), "#{\"a\": 2}");
    assert_op(blob_of("a"), OP_ADD, blob_of("b"), "[6162]");
    assert_op(blob_of("a"), OP_ADD, C(0xe9), "[61c3a9]");
    assert_op(blob_of("a"), OP_ADD, I(1), not_builtin);
}

static void ranges_may_be_open(void **state) {
    (void)state;
    assert_op(I(1), OP_RANGE, I(5), "1..5");
    assert_op(I(1), OP_RANGE_INCLUSIVE, I(5), "1..=5");
    assert_op(I(1), OP_RANGE, VALUE_UNIT, "1..");
    assert_op(VALUE_UNIT, OP_RANGE_INCLUSIVE, I(5), "0..=5");
    assert_op(VALUE_UNIT, OP_RANGE, VALUE_UNIT, not_builtin);
    assert_op(F(1), OP_RANGE, I(2), not_builtin);
}

static void membership_is_asked_of_the_container(void **state) {
    (void)state;
    assert_op(I(1), OP_IN, A(F(1)), "true");
    assert_op(I(3), OP_IN, A(I(1), S("x")), "false");
    assert_op(FN("f"), OP_IN, A(FN("f")), not_builtin);
    assert_op(S("b"), OP_IN, S("abc"), "true");
    assert_op(C('z'), OP_NOT_IN, S("abc"), "true");
    assert_op(I(1), OP_IN, S("abc"), not_builtin);
    assert_op(S("a"), OP_IN, M("a", VALUE_UNIT), "true");
    assert_op(C('a'), OP_IN, M("a", VALUE_UNIT), not_builtin);
    assert_op(I(5), OP_IN, range_of(1, 5, false), "false");
    assert_op(I(5), OP_IN, range_of(1, 5, true), "true");
    assert_op(F(2), OP_IN, range_of(1, 5, true), not_builtin);
    assert_op(I(0x161), OP_IN, blob_of("a"), "true");
    assert_op(I(1), OP_IN, blob_of(""), "false");
    assert_op(I(1), OP_IN, I(1), not_builtin);
}

static void assignments_work_in_place(void **state) {
    (void)state;
    assert_assign(I(40), OP_ADD, I(2), "42");
    assert_assign(I(INT64_MAX), OP_ADD, I(1), "Addition overflow: 9223372036854775807 + 1");
    assert_assign(I(1), OP_ADD, F(1.5), "2.5");
    assert_assign(F(1), OP_SUB, I(3), "-2.0");
    assert_assign(I(1), OP_ADD, S("bc"), "\"1bc\"");
    assert_assign(S("a"), OP_ADD, I(1), "\"a1\"");
    assert_assign(S("a"), OP_ADD, C('b'), "\"ab\"");
    assert_assign(S("a"), OP_ADD, VALUE_UNIT, "\"a\"");
    assert_assign(S("a"), OP_ADD, A(I(1)), not_builtin);
    assert_assign(S("hello"), OP_SUB, S("l"), "\"heo\"");
    assert_assign(C('a'), OP_ADD, S("b"), "\"ab\"");
    assert_assign(VALUE_UNIT, OP_ADD, S("b"), "\"b\"");
    assert_assign(B(true), OP_XOR, B(true), "false");
    assert_assign(A(I(1)), OP_ADD, I(2), "[1, 2]");
    assert_assign(A(I(1)), OP_ADD, A(I(2), I(3)), "[1, 2, 3]");
    assert_assign(A(I(1)), OP_ADD, S("x"), "[1, \"x\"]");
    assert_assign(M("a", I(1)), OP_ADD, M("b", I(2)), "#{\"a\": 1, \"b\": 2}");
    assert_assign(blob_of("a"), OP_ADD, I(-1), "[61ff]");
    assert_assign(blob_of("a"), OP_ADD, S("é"), "[61c3a9]");
    assert_assign(blob_of("a"), OP_ADD, F(1), not_builtin);
}

static void a_variable_may_be_added_to_itself(void **state) {
    (void)state;
    rhai_value values[] = {A(I(1), I(2)), S("ab"), blob_of("ab"), M("a", I(1)), I(4)};
    static const char *const expected[] = {"[1, 2, 1, 2]", "\"abab\"", "[61626162]", "#{\"a\": 1}",
                                           "8"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        rhai_error *error = NULL;
        assert_int_equal(op_assign(&h, OP_ADD, &values[i], &values[i], &error), OP_DONE);
        assert_debug(&values[i], expected[i]);
        value_drop(&h, &values[i]);
    }
}

static void appending_leaves_other_holders_alone(void **state) {
    (void)state;
    rhai_value a = A(I(1)), b = value_copy(&a), one = I(2);
    rhai_error *error = NULL;
    assert_int_equal(op_assign(&h, OP_ADD, &a, &one, &error), OP_DONE);
    assert_debug(&a, "[1, 2]");
    assert_debug(&b, "[1]");
    assert_int_equal(op_assign(&h, OP_ADD, &b, &b, &error), OP_DONE);
    assert_debug(&b, "[1, 1]");
    value_drop(&h, &a);
    value_drop(&h, &b);
}

static void operators_know_their_names(void **state) {
    (void)state;
    assert_string_equal(op_text(OP_RANGE_INCLUSIVE), "..=");
    assert_string_equal(op_assign_text(OP_SHL), "<<=");
}

static bool join_everything(heap *failing_heap) {
    heap *f = failing_heap;
    rhai_value s = VALUE_UNIT, list = VALUE_UNIT, r = VALUE_UNIT, n = VALUE_INT(5);
    rhai_error *error = NULL;
    bool ok = value_new_text(f, "some text", 9, &s);
    arr *a = ok ? arr_new(f, 0) : NULL;
    ok = a != NULL;
    if (a) list = VALUE_OBJ(RHAI_ARRAY, a);
    for (int i = 0; ok && i < 10; i++)
        ok = op_assign(f, OP_ADD, &list, &n, &error) == OP_DONE &&
             op_assign(f, OP_ADD, &s, &n, &error) == OP_DONE;
    ok = ok && op_binary(f, OP_ADD, &list, &list, &r, &error) == OP_DONE;
    value_clear(f, &r);
    ok = ok && op_binary(f, OP_ADD, &s, &n, &r, &error) == OP_DONE;
    value_clear(f, &r);
    ok = ok && op_binary(f, OP_SUB, &s, &s, &r, &error) == OP_DONE;
    value_clear(f, &r);
    ok = ok && op_binary(f, OP_RANGE, &n, &n, &r, &error) == OP_DONE;
    value_clear(f, &r);
    rhai_error_free(error);
    value_drop(f, &s);
    value_drop(f, &list);
    return ok;
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    with_every_allocation_failing(join_everything);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(integers_are_checked),
        TEST(shifts_never_fail),
        TEST(floats_mix_with_integers),
        TEST(bools_know_logic_only),
        TEST(floats_compare_with_a_tolerance),
        TEST(texts_and_chars_compare_together),
        TEST(unlike_types_are_just_different),
        TEST(containers_compare_as_far_as_their_elements_can),
        TEST(strings_join_with_nearly_everything),
        TEST(strings_lose_what_is_subtracted),
        TEST(containers_join_with_their_own_kind),
        TEST(ranges_may_be_open),
        TEST(membership_is_asked_of_the_container),
        TEST(assignments_work_in_place),
        TEST(a_variable_may_be_added_to_itself),
        TEST(appending_leaves_other_holders_alone),
        TEST(operators_know_their_names),
        TEST(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
