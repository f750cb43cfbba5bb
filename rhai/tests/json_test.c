/* JSON for hosts: rhai_from_json and rhai_to_json. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rhai/rhai.h"

static int make_engine(void **state) {
    *state = rhai_engine_new(NULL);
    return *state ? 0 : -1;
}

static int free_engine(void **state) {
    rhai_engine_free(*state);
    return 0;
}

static rhai_value read_json(rhai_engine *engine, const char *json) {
    rhai_value v;
    rhai_error *error = NULL;
    if (rhai_from_json(engine, json, strlen(json), &v, &error) != RHAI_OK)
        fail_msg("%s: %s", json, rhai_error_text(error));
    return v;
}

static void assert_json(rhai_engine *engine, const rhai_value *v, const char *wanted) {
    rhai_value text;
    bool truncated = true;
    assert_int_equal(rhai_to_json(engine, v, 0, &text, &truncated), RHAI_OK);
    assert_false(truncated);
    assert_string_equal(rhai_as_text(&text, NULL), wanted);
    rhai_value_done(engine, &text);
}

static void assert_written_back(rhai_engine *engine, const char *json, const char *wanted) {
    rhai_value v = read_json(engine, json);
    assert_json(engine, &v, wanted);
    rhai_value_done(engine, &v);
}

/* What a script's value looks like as JSON. */
static void assert_script_json(rhai_engine *engine, const char *script, const char *wanted) {
    rhai_value v;
    rhai_error *error = NULL;
    if (rhai_eval(engine, script, strlen(script), NULL, &v, &error) != RHAI_OK)
        fail_msg("%s: %s", script, rhai_error_text(error));
    assert_json(engine, &v, wanted);
    rhai_value_done(engine, &v);
}

static void plain_data_comes_back_as_it_was(void **state) {
    rhai_engine *e = *state;
    static const char *const same[] = {
        "null",
        "true",
        "false",
        "0",
        "-7",
        "1.5",
        "\"\"",
        "\"text\"",
        "[]",
        "{}",
        "[1,[2,[3,[]]],{}]",
        "{\"a\":{\"b\":[null]},\"c\":false}",
        "\"h\u00e9llo \U0001f600\"",
        "9223372036854775807",
        "-9223372036854775808",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        assert_written_back(e, same[i], same[i]);
}

static void keys_come_in_byte_order_and_the_last_of_equal_ones_counts(void **state) {
    assert_written_back(*state, " { \"b\" : 1 ,\n\"a\":2, \"\":3, \"b\":4 } ",
                        "{\"\":3,\"a\":2,\"b\":4}");
}

static void numbers_are_integers_while_they_fit(void **state) {
    static const struct {
        const char *json;
        rhai_type type;
        double value;
    } cases[] = {
        {"42", RHAI_INT, 42},
        {"-0", RHAI_INT, 0},
        {"42.0", RHAI_FLOAT, 42},
        {"1e2", RHAI_FLOAT, 100},
        {"1E+2", RHAI_FLOAT, 100},
        {"25e-1", RHAI_FLOAT, 2.5},
        {"9223372036854775808", RHAI_FLOAT, 9223372036854775808.0},
        {"0.1", RHAI_FLOAT, 0.1},
        {"3.14159265358979323846", RHAI_FLOAT, 3.14159265358979323846},
        {"2.2250738585072014e-308", RHAI_FLOAT, 2.2250738585072014e-308},
        {"123456789012345e22", RHAI_FLOAT, 123456789012345e22},
        {"1234567890123456e-22", RHAI_FLOAT, 1234567890123456e-22},
        {"1e-400", RHAI_FLOAT, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rhai_value v = read_json(*state, cases[i].json);
        assert_int_equal(rhai_type_of(&v), cases[i].type);
        double value = cases[i].type == RHAI_INT ? (double)rhai_as_int(&v) : rhai_as_float(&v);
        if (value != cases[i].value) fail_msg("%s is %.17g", cases[i].json, value);
    }
}

static void escapes_are_read_and_written(void **state) {
    rhai_engine *e = *state;
    assert_written_back(e, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u00e9\\ud83d\\ude00\"",
                        "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\u00e9\U0001f600\"");
    rhai_value v = read_json(e, "\"a\\u0000b\"");
    size_t len;
    assert_memory_equal(rhai_as_text(&v, &len), "a\0b", 3);
    assert_int_equal(len, 3);
    assert_json(e, &v, "\"a\\u0000b\"");
    rhai_value_done(e, &v);
}

static void errors_say_what_and_where(void **state) {
    static const struct {
        const char *json;
        unsigned line, column;
        const char *message;
    } cases[] = {
        {"", 1, 1, "unexpected end"},
        {"  ", 1, 3, "unexpected end"},
        {"nul", 1, 1, "unexpected character"},
        {"[1, 2", 1, 6, "expecting ',' or ']'"},
        {"[1,\n 2 3]", 2, 4, "expecting ',' or ']'"},
        {"[1,]", 1, 4, "unexpected character"},
        {"{\"a\":1,}", 1, 8, "expecting a key in quotes"},
        {"{\"a\":1 \"b\":2}", 1, 8, "expecting ',' or '}'"},
        {"{\"a\" 1}", 1, 6, "expecting ':' after a key"},
        {"{a:1}", 1, 2, "expecting a key in quotes"},
        {"[\"\u00e9\", x]", 1, 7, "unexpected character"},
        {"\"abc", 1, 1, "string without end"},
        {"\"a\nb\"", 1, 3, "control character in string"},
        {"\"a\\x\"", 1, 3, "invalid escape sequence"},
        {"\"\\u12\"", 1, 2, "incomplete escape sequence"},
        {"\"\\u12g4\"", 1, 2, "invalid hexadecimal digit in escape sequence"},
        {"\"\\ud800\"", 1, 2, "unpaired surrogate in escape sequence"},
        {"\"\\ude00\"", 1, 2, "unpaired surrogate in escape sequence"},
        {"\"\\ud800\\u0041\"", 1, 2, "unpaired surrogate in escape sequence"},
        {"01", 1, 1, "invalid number"},
        {"1.", 1, 1, "invalid number"},
        {"-", 1, 1, "invalid number"},
        {"1e", 1, 1, "invalid number"},
        {"1e400", 1, 1, "number out of range"},
        {"NaN", 1, 1, "unexpected character"},
        {"1 2", 1, 3, "unexpected text at the end"},
        {"[\"\xff\"]", 1, 3, "invalid UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rhai_value v;
        rhai_error *error = NULL;
        const char *json = cases[i].json;
        assert_int_equal(rhai_from_json(*state, json, strlen(json), &v, &error), RHAI_ERROR);
        char wanted[128];
        snprintf(wanted, sizeof wanted, "Syntax error: JSON: %s (line %u, position %u)",
                 cases[i].message, cases[i].line, cases[i].column);
        assert_string_equal(rhai_error_text(error), wanted);
        rhai_error_free(error);
    }
}

static void nesting_ends_at_64(void **state) {
    char json[200];
    for (int depth = 64; depth <= 65; depth++) {
        memset(json, '[', (size_t)depth);
        memset(json + depth, ']', (size_t)depth);
        rhai_value v;
        rhai_error *error = NULL;
        rhai_status status = rhai_from_json(*state, json, 2 * (size_t)depth, &v, &error);
        assert_int_equal(status, depth == 64 ? RHAI_OK : RHAI_ERROR);
        if (status == RHAI_OK) {
            rhai_value_done(*state, &v);
        } else {
            assert_int_equal(rhai_error_pos(error).column, 65);
            rhai_error_free(error);
        }
    }
}

static void values_without_a_json_form_become_text(void **state) {
    rhai_engine *e = *state;
    assert_script_json(e, "'x'", "\"x\"");
    assert_script_json(e, "[0.0/0.0, 1.0/0.0, -1.0/0.0]", "[\"NaN\",\"inf\",\"-inf\"]");
    assert_script_json(e, "[1..5, 1..=5]", "[\"1..5\",\"1..=5\"]");
    assert_script_json(e, "[Fn(\"f\"), Fn(\"f\").curry(1)]", "[\"Fn(f)\",\"Fn(f)\"]");
    assert_script_json(e, "#{a: (), b: 1.0, c: 1e30}", "{\"a\":null,\"b\":1.0,\"c\":1e30}");
}

static void blobs_are_base64(void **state) {
    rhai_engine *e = *state;
    static const struct {
        const char *bytes, *wanted;
    } cases[] = {
        {"", "\"\""},        {"f", "\"Zg==\""},          {"fo", "\"Zm8=\""},
        {"foo", "\"Zm9v\""}, {"foobar", "\"Zm9vYmFy\""}, {"\xff\xfe\xfd", "\"//79\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rhai_value v;
        const char *bytes = cases[i].bytes;
        assert_int_equal(rhai_from_blob(e, bytes, strlen(bytes), &v), RHAI_OK);
        assert_json(e, &v, cases[i].wanted);
        rhai_value_done(e, &v);
    }
}

static void a_bound_cuts_off_to_an_empty_string(void **state) {
    rhai_engine *e = *state;
    static const char json[] = "[\"0123456789\",{\"key\":[1,2,3]}]";
    enum { LENGTH = sizeof json - 1 };
    rhai_value v = read_json(e, json), text;
    bool truncated;
    size_t len;
    for (size_t bound = 1; bound <= 40; bound++) {
        assert_int_equal(rhai_to_json(e, &v, bound, &text, &truncated), RHAI_OK);
        rhai_as_text(&text, &len);
        assert_int_equal(truncated, bound < LENGTH);
        assert_int_equal(len, truncated ? 0 : LENGTH);
        rhai_value_done(e, &text);
    }
    rhai_value_done(e, &v);
}

static void deep_values_are_written_without_recursion(void **state) {
    rhai_engine *e = *state;
    enum { DEPTH = 200000 };
    rhai_value v;
    assert_int_equal(rhai_new_array(e, &v), RHAI_OK);
    for (int i = 1; i < DEPTH; i++) {
        rhai_value outer;
        assert_int_equal(rhai_new_array(e, &outer), RHAI_OK);
        assert_int_equal(rhai_array_push(e, &outer, &v), RHAI_OK);
        v = outer;
    }
    rhai_value text;
    bool truncated;
    size_t len;
    assert_int_equal(rhai_to_json(e, &v, 0, &text, &truncated), RHAI_OK);
    const char *s = rhai_as_text(&text, &len);
    assert_int_equal(len, 2 * DEPTH);
    assert_int_equal(strspn(s, "["), DEPTH);
    rhai_value_done(e, &text);
    rhai_value_done(e, &v);
}

/* An allocator that fails once, at a given allocation. */
typedef struct failing {
    long countdown;
    size_t used;
} failing;

static void *failing_alloc(void *data, void *block, size_t old_size, size_t new_size) {
    failing *f = data;
    if (new_size > old_size && f->countdown > 0 && --f->countdown == 0) return NULL;
    void *moved = NULL;
    if (new_size == 0)
        free(block);
    else if (!(moved = realloc(block, new_size)))
        return NULL;
    f->used += new_size - old_size;
    return moved;
}

static bool survives(rhai_engine *e, const char *json) {
    rhai_value v, text;
    bool truncated;
    rhai_error *error = NULL;
    if (rhai_from_json(e, json, strlen(json), &v, &error) != RHAI_OK) {
        assert_non_null(strstr(rhai_error_text(error), "memory"));
        rhai_error_free(error);
        return false;
    }
    bool written = rhai_to_json(e, &v, 0, &text, &truncated) == RHAI_OK;
    if (written) rhai_value_done(e, &text);
    rhai_value_done(e, &v);
    return written;
}

static void any_failed_allocation_is_an_error_and_leaks_nothing(void **state) {
    (void)state;
    static const char json[] = "{\"a\":[1,2.5,\"tab\\t\",{\"b\":\"\\u00e9\"}],\"c\":3."
                               "14159265358979323846,\"d\":1,\"e\":2,"
                               "\"f\":3,\"g\":4,\"h\":5,\"i\":6,\"j\":7,\"k\":8}";
    bool succeeded = false;
    for (long n = 1; !succeeded; n++) {
        failing f = {0};
        rhai_config config = {
            .allocator = failing_alloc, .allocator_data = &f, .no_standard_library = true};
        rhai_engine *e = rhai_engine_new(&config);
        assert_non_null(e);
        f.countdown = n;
        succeeded = survives(e, json);
        if (f.countdown > 0) assert_true(succeeded);
        f.countdown = 0;
        rhai_engine_free(e);
        assert_int_equal(f.used, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_data_comes_back_as_it_was, make_engine, free_engine),
        cmocka_unit_test_setup_teardown(keys_come_in_byte_order_and_the_last_of_equal_ones_counts,
                                        make_engine, free_engine),
        cmocka_unit_test_setup_teardown(numbers_are_integers_while_they_fit, make_engine,
                                        free_engine),
        cmocka_unit_test_setup_teardown(escapes_are_read_and_written, make_engine, free_engine),
        cmocka_unit_test_setup_teardown(errors_say_what_and_where, make_engine, free_engine),
        cmocka_unit_test_setup_teardown(nesting_ends_at_64, make_engine, free_engine),
        cmocka_unit_test_setup_teardown(values_without_a_json_form_become_text, make_engine,
                                        free_engine),
        cmocka_unit_test_setup_teardown(blobs_are_base64, make_engine, free_engine),
        cmocka_unit_test_setup_teardown(a_bound_cuts_off_to_an_empty_string, make_engine,
                                        free_engine),
        cmocka_unit_test_setup_teardown(deep_values_are_written_without_recursion, make_engine,
                                        free_engine),
        cmocka_unit_test(any_failed_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
