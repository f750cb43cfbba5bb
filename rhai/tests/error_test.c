/* Texts of errors and what catch binds. */
#include "native/call.h"
#include "tests/value_testing.h"

#include <stdio.h>

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

static const rhai_pos nowhere = {0, 0}, here = {3, 7};

/* Takes the error over. */
static void assert_text(rhai_error *e, const char *expected) {
    assert_string_equal(rhai_error_text(e), expected);
    rhai_error_free(e);
}

static void each_kind_has_its_text(void **state) {
    (void)state;
    static const struct {
        error_kind kind;
        const char *carried, *expected;
    } cases[] = {
        {ERR_SYSTEM, "broken", "broken"},
        {ERR_PARSING, "Unexpected ';'", "Syntax error: Unexpected ';'"},
        {ERR_VARIABLE_EXISTS, "x", "Variable already defined: x"},
        {ERR_FORBIDDEN_VARIABLE, "x", "Forbidden variable name: x"},
        {ERR_VARIABLE_NOT_FOUND, "x", "Variable not found: x"},
        {ERR_PROPERTY_NOT_FOUND, "x", "Property not found: x"},
        {ERR_FUNCTION_NOT_FOUND, "f (i64)", "Function not found: f (i64)"},
        {ERR_MODULE_NOT_FOUND, "m", "Module not found: m"},
        {ERR_UNBOUND_THIS, "", "'this' not bound"},
        {ERR_INDEXING_TYPE, "i64 [i64]", "Indexer unavailable: i64 [i64]"},
        {ERR_FOR, "", "For loop expects iterable type"},
        {ERR_DATA_RACE, "x", "Data race detected on variable 'x'"},
        {ERR_DATA_RACE, "", "Data race detected"},
        {ERR_NON_PURE_ON_CONSTANT, "push", "Non-pure method 'push' cannot be called on constant"},
        {ERR_NON_PURE_ON_CONSTANT, "get$x", "Non-pure property x cannot be accessed on constant"},
        {ERR_NON_PURE_ON_CONSTANT, "set$x", "Cannot modify property 'x' of constant"},
        {ERR_NON_PURE_ON_CONSTANT, "index$get$", "Non-pure indexer cannot be accessed on constant"},
        {ERR_NON_PURE_ON_CONSTANT, "index$set$", "Cannot assign to indexer of constant"},
        {ERR_ASSIGNMENT_TO_CONSTANT, "X", "Cannot modify constant X"},
        {ERR_DOT_EXPR, "Unknown property", "Unknown property"},
        {ERR_DOT_EXPR, "", "Malformed dot expression"},
        {ERR_ARITHMETIC, "Division by zero: 1 / 0", "Division by zero: 1 / 0"},
        {ERR_ARITHMETIC, "", "Arithmetic error"},
        {ERR_TOO_MANY_OPERATIONS, "", "Too many operations"},
        {ERR_TOO_MANY_VARIABLES, "", "Too many variables defined"},
        {ERR_TOO_MANY_MODULES, "", "Too many modules imported"},
        {ERR_STACK_OVERFLOW, "", "Stack overflow"},
        {ERR_DATA_TOO_LARGE, "Length of string", "Length of string too large"},
        {ERR_TERMINATED, "", "Script terminated"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_text(error_newf(&h, cases[i].kind, nowhere, "%s", cases[i].carried),
                    cases[i].expected);
}

static void a_position_follows_the_text(void **state) {
    (void)state;
    assert_text(error_newf(&h, ERR_VARIABLE_NOT_FOUND, here, "x"),
                "Variable not found: x (line 3, position 7)");
    assert_text(error_new(&h, ERR_STACK_OVERFLOW, (rhai_pos){2, 0}),
                "Stack overflow (line 2, position 0)");
}

static void bounds_speak_of_how_much_there_is(void **state) {
    (void)state;
    assert_text(error_bounds(&h, ERR_ARRAY_BOUNDS, 0, 5, nowhere),
                "Array index 5 out of bounds: array is empty");
    assert_text(error_bounds(&h, ERR_ARRAY_BOUNDS, 1, -5, nowhere),
                "Array index -5 out of bounds: only 1 element in array");
    assert_text(error_bounds(&h, ERR_ARRAY_BOUNDS, 3, 5, here),
                "Array index 5 out of bounds: only 3 elements in array (line 3, position 7)");
    assert_text(error_bounds(&h, ERR_STRING_BOUNDS, 0, 5, nowhere),
                "String index 5 out of bounds: string is empty");
    assert_text(error_bounds(&h, ERR_STRING_BOUNDS, 1, 5, nowhere),
                "String index 5 out of bounds: only 1 character in string");
    assert_text(error_bounds(&h, ERR_STRING_BOUNDS, 2, 5, nowhere),
                "String index 5 out of bounds: only 2 characters in string");
    assert_text(error_bounds(&h, ERR_BIT_FIELD_BOUNDS, 64, 70, nowhere),
                "Bit-field index 70 out of bounds: only 64 bits in bit-field");
}

static void mismatches_name_what_is_known(void **state) {
    (void)state;
    assert_text(error_mismatch(&h, "i64", "string", here),
                "Data type incorrect: string (expecting i64) (line 3, position 7)");
    assert_text(error_mismatch(&h, "i64", "", nowhere), "Data type incorrect, expecting i64");
    assert_text(error_mismatch(&h, "", "string", nowhere), "Data type incorrect: string");
}

static void thrown_values_show_their_plain_form(void **state) {
    (void)state;
    assert_text(error_thrown(&h, text_value(&h, "oops"), here),
                "Runtime error: oops (line 3, position 7)");
    assert_text(error_thrown(&h, VALUE_UNIT, nowhere), "Runtime error");
    assert_text(error_thrown(&h, text_value(&h, ""), nowhere), "Runtime error");
    assert_text(error_thrown(&h, ARRAY(&h, VALUE_CHAR('a')), nowhere), "Runtime error: ['a']");
}

static void a_trace_is_printed_from_the_inside_out(void **state) {
    (void)state;
    rhai_str *source = str_intern(&h, "m", 1);
    rhai_error *e = error_thrown(&h, text_value(&h, "at two"), (rhai_pos){2, 35});
    e = error_in_call(&h, "two", source, e, (rhai_pos){3, 1});
    e = error_in_call(&h, "anon$0123456789abcdef", NULL, e, (rhai_pos){4, 1});
    e = error_in_module(&h, "lib", e, (rhai_pos){1, 1});
    obj_unref(&h, source);
    assert_text(e, "Runtime error: at two @ 'm' (line 2, position 35)\n"
                   "in call to function 'two' (from 'm') (line 3, position 1)\n"
                   "in closure call (line 4, position 1)\n"
                   "in module 'lib' (line 1, position 1)");
}

static void a_trace_may_be_long(void **state) {
    (void)state;
    rhai_error *e = error_new(&h, ERR_UNBOUND_THIS, nowhere);
    for (int i = 0; i < 100000; i++)
        e = error_in_call(&h, "f", NULL, e, here);
    const char *shown = rhai_error_text(e);
    assert_memory_equal(shown, "'this' not bound\nin call to function 'f' (line 3", 40);
    assert_string_equal(rhai_error_kind(e), "ErrorInFunctionCall");
    rhai_error_free(e);
}

static void limits_and_parse_errors_cannot_be_caught(void **state) {
    (void)state;
    rhai_error *e = error_new(&h, ERR_TOO_MANY_OPERATIONS, here);
    assert_false(error_is_catchable(e));
    assert_true(error_is_system(e));
    e = error_in_call(&h, "f", NULL, e, here);
    assert_false(error_is_catchable(e));
    rhai_error_free(e);
    e = error_newf(&h, ERR_PARSING, here, "bad");
    assert_false(error_is_catchable(e));
    e = error_in_call(&h, "eval", NULL, e, here);
    assert_true(error_is_catchable(e));
    rhai_error_free(e);
}

/* Takes the error over. */
static void assert_caught(rhai_error *e, const char *source, const char *expected) {
    rhai_str *name = source ? str_intern(&h, source, strlen(source)) : NULL;
    rhai_value v;
    assert_true(error_is_catchable(e));
    assert_true(error_catch_value(&h, e, name, &v));
    text t;
    text_init(&t, &h);
    text_add_debug(&t, &v);
    assert_string_equal(t.data, expected);
    text_done(&t);
    value_drop(&h, &v);
    obj_unref(&h, name);
    rhai_error_free(e);
}

static void catch_binds_the_thrown_value_itself(void **state) {
    (void)state;
    rhai_error *e = error_thrown(&h, VALUE_INT(42), here);
    assert_caught(error_in_call(&h, "f", NULL, e, here), NULL, "42");
}

static void catch_binds_the_fields_of_other_errors(void **state) {
    (void)state;
    assert_caught(error_newf(&h, ERR_VARIABLE_NOT_FOUND, here, "x"), NULL,
                  "#{\"error\": \"ErrorVariableNotFound\", \"line\": 3, \"message\": "
                  "\"Variable not found: x\", \"position\": 7, \"variable\": \"x\"}");
    assert_caught(error_newf(&h, ERR_ARITHMETIC, nowhere, "Division by zero: 5 / 0"), "src",
                  "#{\"error\": \"ErrorArithmetic\", \"message\": \"Division by zero: 5 / 0\", "
                  "\"source\": \"src\"}");
    assert_caught(error_bounds(&h, ERR_ARRAY_BOUNDS, 2, 9, nowhere), NULL,
                  "#{\"error\": \"ErrorArrayBounds\", \"index\": 9, \"length\": 2, \"message\": "
                  "\"Array index 9 out of bounds: only 2 elements in array\"}");
    assert_caught(error_mismatch(&h, "i64", "string", nowhere), NULL,
                  "#{\"actual\": \"string\", \"error\": \"ErrorMismatchDataType\", \"message\": "
                  "\"Data type incorrect: string (expecting i64)\", \"requested\": \"i64\"}");
    rhai_error *e = error_newf(&h, ERR_FUNCTION_NOT_FOUND, (rhai_pos){1, 16}, "g (i64)");
    assert_caught(error_in_call(&h, "boom", NULL, e, here), NULL,
                  "#{\"error\": \"ErrorInFunctionCall\", \"function\": \"boom\", \"line\": 3, "
                  "\"message\": \"Function not found: g (i64) (line 1, position 16)\\nin call to "
                  "function 'boom'\", \"position\": 7, \"source\": \"\"}");
}

static void diagnostics_know_the_innermost_place(void **state) {
    (void)state;
    rhai_error *e = error_newf(&h, ERR_ARITHMETIC, nowhere, "Division by zero: 1 / 0");
    e->origin = (rhai_pos){9, 4};
    e->origin_source = str_intern(&h, "deep", 4);
    e = error_in_call(&h, "f", NULL, e, here);
    assert_int_equal(rhai_error_pos(e).line, 9);
    assert_string_equal(rhai_error_source(e), "deep");
    assert_null(rhai_error_value(e));
    rhai_error_free(e);
    e = error_thrown(&h, VALUE_INT(1), here);
    assert_int_equal(rhai_error_pos(e).column, 7);
    assert_null(rhai_error_source(e));
    assert_int_equal(rhai_error_value(e)->i, 1);
    rhai_error_free(e);
}

static void natives_fail_at_the_position_of_their_call(void **state) {
    (void)state;
    rhai_call call = {.h = &h, .pos = here};
    assert_int_equal(rhai_throw(&call, "bad %s \xff", "thing"), RHAI_ERROR);
    assert_string_equal(rhai_error_text(call.error),
                        "Runtime error: bad thing \uFFFD (line 3, position 7)");
    assert_int_equal(call_fail_mismatch(&call, "i64", "char"), RHAI_ERROR);
    assert_string_equal(rhai_error_text(call.error),
                        "Data type incorrect: char (expecting i64) (line 3, position 7)");
    call_fail_arithmetic(&call, "Negation overflow: -%d", 5);
    assert_string_equal(rhai_error_text(call.error), "Negation overflow: -5 (line 3, position 7)");
    rhai_throw_terminated(&call);
    assert_false(error_is_catchable(call.error));
    rhai_value v = text_value(&h, "x");
    rhai_throw_value(&call, &v);
    assert_int_equal(v.type, RHAI_UNIT);
    assert_string_equal(rhai_error_text(call.error), "Runtime error: x (line 3, position 7)");
    rhai_error_free(call.error);
}

static void out_of_memory_is_reported_when_nothing_can_be_allocated(void **state) {
    (void)state;
    failing none = {.requests = 0, .fail_at = 1};
    heap full;
    heap_init(&full, failing_allocator, &none);
    rhai_error *e = error_newf(&full, ERR_RUNTIME, here, "x");
    assert_non_null(e);
    rhai_error_free(e);
    none = (failing){.fail_at = SIZE_MAX};
    full.limit = 1;
    e = error_in_call(&full, "f", NULL, error_new(&full, ERR_FOR, here), here);
    error_fill_pos(e, here);
    assert_string_equal(rhai_error_kind(e), "ErrorSystem");
    assert_memory_equal(rhai_error_text(e), "Out of memory", 13);
    rhai_error_free(e);
    heap_done(&full);
    assert_int_equal(full.used, 0);
}

static bool make_and_show(heap *failing_heap) {
    heap *f = failing_heap;
    rhai_str *source = str_intern(f, "src", 3);
    rhai_error *e = error_newf(f, ERR_VARIABLE_NOT_FOUND, here, "%s", "name");
    for (int i = 0; i < 70; i++)
        e = error_in_call(f, "f", source, e, here);
    rhai_value v = VALUE_UNIT;
    bool ok = source && error_innermost(e)->kind == ERR_VARIABLE_NOT_FOUND;
    ok = ok && strcmp(rhai_error_text(e), "Out of memory") != 0;
    ok = error_catch_value(f, e, source, &v) && ok;
    value_drop(f, &v);
    rhai_error_free(e);
    e = error_mismatch(f, "a", "b", here);
    ok = ok && e->kind == ERR_MISMATCH_DATA_TYPE;
    rhai_error_free(e);
    obj_unref(f, source);
    return ok;
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    with_every_allocation_failing(make_and_show);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_kind_has_its_text),
        TEST(a_position_follows_the_text),
        TEST(bounds_speak_of_how_much_there_is),
        TEST(mismatches_name_what_is_known),
        TEST(thrown_values_show_their_plain_form),
        TEST(a_trace_is_printed_from_the_inside_out),
        TEST(a_trace_may_be_long),
        TEST(limits_and_parse_errors_cannot_be_caught),
        TEST(catch_binds_the_thrown_value_itself),
        TEST(catch_binds_the_fields_of_other_errors),
        TEST(diagnostics_know_the_innermost_place),
        TEST(natives_fail_at_the_position_of_their_call),
        TEST(out_of_memory_is_reported_when_nothing_can_be_allocated),
        TEST(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
