/* Blobs: sharing, positions, numbers and text in bytes. */
#include "script_fixture.h"

static void changing_one_blob_leaves_its_copies_alone(void **state) {
    (void)state;
    static const char *const changes[] = {
        "b.push(4)",
        "b.insert(0, 4)",
        "b.append(b)",
        "b.append(\"x\")",
        "b.append('x')",
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
        "b.split(1)",
        "b.splice(0, 1, b)",
        "b.drain(0, 1)",
        "b.retain(0, 1)",
        "b.write_le(0, 8, 77)",
        "b.write_be(0..3, 1.5)",
        "b.write_utf8(0, 2, \"xy\")",
        "b.write_ascii(0, 2, \"xy\")",
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char script[256];
        snprintf(script, sizeof script,
                 "let a = blob(); for i in 1..4 { a.push(i); } let b = a; %s;"
                 "[a.to_array(), a == b]",
                 changes[i]);
        assert_script(script, "[[1, 2, 3], false]");
    }
}

static void numbers_are_written_and_read_in_both_orders(void **state) {
    (void)state;
    assert_script("let b = blob(8); b.write_le(0, 8, 0x0102030405060708); b.to_array()",
                  "[8, 7, 6, 5, 4, 3, 2, 1]");
    assert_script("let b = blob(4); b.write_be(1, 2, 0x0102030405060708); b.to_array()",
                  "[0, 1, 2, 0]");
    assert_script("let b = blob(8); b.write_be(0..8, -1.5);"
                  "[b.parse_be_float(0..8), b.parse_be_int(0..=1), b.parse_le_int(-8, 2)]",
                  "[-1.5, -4613937818241073152, 63679]");
    assert_script("let b = blob(3, 0xff); [b.parse_le_int(0, 99), b.parse_le_int(3, 1),"
                  " b.parse_le_float(9, 9), blob().parse_be_int(0, 8)]",
                  "[16777215, 0, 0.0, 0]");
}

static void text_is_cut_at_the_span_not_at_characters(void **state) {
    (void)state;
    assert_script("let b = blob(4); b.write_utf8(0, 3, \"\u00e9\u00e9\"); b.to_array()",
                  "[195, 169, 195, 0]");
    assert_script("let b = blob(4); b.write_ascii(1..4, \"a\u00e9bcd\"); b.to_array()",
                  "[0, 97, 98, 99]");
}

static void invalid_utf8_becomes_replacement_characters(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *wanted;
    } cases[] = {
        {"[0x61, 0x80, 0x62]", "\"a\ufffdb\""},
        {"[0xe4, 0xbd, 0xa0]", "\"\u4f60\""},
        {"[0xe4, 0xbd, 0x41]", "\"\ufffdA\""},
        {"[0xf0, 0x9f, 0x98]", "\"\ufffd\""},
        {"[0xed, 0xa0, 0x80]", "\"\ufffd\ufffd\ufffd\""},
        {"[0xf4, 0x90, 0x80, 0x80]", "\"\ufffd\ufffd\ufffd\ufffd\""},
        {"[0xc0, 0xaf]", "\"\ufffd\ufffd\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char script[256];
        snprintf(script, sizeof script, "let b = blob(); for x in %s { b.push(x); } b.as_string()",
                 cases[i].bytes);
        assert_script(script, cases[i].wanted);
    }
}

static void a_span_without_bytes_has_odd_results(void **state) {
    (void)state;
    assert_script("let b = blob(3, 1); b.splice(1, 0, blob(1, 9)); b.to_array()", "[1, 1, 1, 9]");
    assert_script("let b = blob(3, 1); [b.retain(1, 0).len(), b.len()]", "[0, 3]");
    assert_script("let b = blob(3, 1); [b.retain(9, 1).len(), b.len()]", "[3, 0]");
}

static void padding_beyond_a_limit_fails_before_it_allocates(void **state) {
    (void)state;
    static const char *const scripts[] = {"let b = blob(); b.pad(1000000000000, 0);",
                                          "blob(1000000000000)"};
    static const char *const wanted[] = {"Size of BLOB too large (line 1, position 19)",
                                         "Size of array/BLOB too large (line 1, position 1)"};
    for (size_t i = 0; i < 2; i++) {
        rhai_engine *engine = rhai_engine_new(NULL);
        assert_non_null(engine);
        rhai_engine_set_limit(engine, RHAI_MAX_ARRAY_SIZE, 1000);
        rhai_value v;
        rhai_error *error = NULL;
        assert_int_equal(rhai_eval(engine, scripts[i], strlen(scripts[i]), NULL, &v, &error),
                         RHAI_ERROR);
        assert_string_equal(rhai_error_text(error), wanted[i]);
        rhai_error_free(error);
        rhai_engine_free(engine);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changing_one_blob_leaves_its_copies_alone),
        cmocka_unit_test(numbers_are_written_and_read_in_both_orders),
        cmocka_unit_test(text_is_cut_at_the_span_not_at_characters),
        cmocka_unit_test(invalid_utf8_becomes_replacement_characters),
        cmocka_unit_test(a_span_without_bytes_has_odd_results),
        cmocka_unit_test(padding_beyond_a_limit_fails_before_it_allocates),
    };
    return cmocka_run_group_tests_name("blobs", tests, NULL, NULL);
}
