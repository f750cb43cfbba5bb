/* Numbers in the standard library: what the recorded cases leave out. */
#include "native_fixture.h"

#include <math.h>

static void integers_without_a_negative_are_errors(void **state) {
    (void)state;
    assert_native(arith, "abs", "i", "9223372036854775807", INT(-INT64_MAX));
    assert_fails(arith, "abs", "i", "Negation overflow: --9223372036854775808 (line 7, position 3)",
                 INT(INT64_MIN));
    assert_fails(arith, "-", "i", "Negation overflow: --9223372036854775808 (line 7, position 3)",
                 INT(INT64_MIN));
}

static void sign_of_nan_is_an_error(void **state) {
    (void)state;
    assert_native(arith, "sign", "f", "-1", FLOAT(-INFINITY));
    assert_native(arith, "sign", "f", "0", FLOAT(-0.0));
    assert_fails(arith, "sign", "f", "Sign of NaN is undefined (line 7, position 3)", FLOAT(NAN));
}

static void max_and_min_with_nan_give_the_second_number(void **state) {
    (void)state;
    assert_native(logic, "max", "ff", "1.0", FLOAT(NAN), FLOAT(1));
    assert_native(logic, "max", "ff", "NaN", FLOAT(1), FLOAT(NAN));
    assert_native(logic, "min", "if", "2.0", INT(2), FLOAT(2.5));
}

static void to_int_cuts_and_refuses_what_does_not_fit(void **state) {
    (void)state;
    assert_native(math, "to_int", "f", "-3", FLOAT(-3.99));
    assert_native(math, "to_int", "f", "0", FLOAT(NAN));
    assert_native(math, "to_int", "f", "9223372036854775807", FLOAT(0x1p63));
    assert_native(math, "to_int", "f", "-9223372036854775808", FLOAT(-0x1p63));
    assert_fails(math, "to_int", "f",
                 "Integer overflow: to_int(18446744073709552000) (line 7, position 3)",
                 FLOAT(0x1p64));
    assert_fails(math, "to_int", "f", "Integer overflow: to_int(-inf) (line 7, position 3)",
                 FLOAT(-INFINITY));
}

static void parse_int_reports_the_first_thing_wrong(void **state) {
    (void)state;
    assert_native(math, "parse_int", "s", "-9223372036854775808", TEXT(" -9223372036854775808\n"));
    assert_native(math, "parse_int", "si", "-35", TEXT("-Z"), INT(36));
    assert_fails(math, "parse_int", "s",
                 "Error parsing integer number '99999999999999999999x': number too large to fit in "
                 "target type (line 7, position 3)",
                 TEXT("99999999999999999999x"));
    assert_fails(math, "parse_int", "s",
                 "Error parsing integer number '+': invalid digit found in string (line 7, "
                 "position 3)",
                 TEXT("+"));
    assert_fails(math, "parse_int", "si", "Invalid radix: '37' (line 7, position 3)", TEXT("1"),
                 INT(37));
}

static void parse_float_takes_decimal_numbers_and_names_only(void **state) {
    (void)state;
    assert_native(math, "parse_float", "s", "0.5", TEXT("\u00a0.5 "));
    assert_native(math, "parse_float", "s", "-1200.0", TEXT("-1.2E+3"));
    assert_native(math, "parse_float", "s", "inf", TEXT("+Infinity"));
    static const char *const wrong[] = {"0x10", "1e", ".", "nan(1)", "1_0", "infinit"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rhai_value arg = TEXT(wrong[i]), ret;
        assert_int_equal(call_native(&math_package, "parse_float", "s", &arg, &ret), RHAI_ERROR);
        rhai_value_done(engine, &arg);
    }
}

static void error_shows_text_with_a_nul_in_full(void **state) {
    (void)state;
    rhai_value arg, ret;
    assert_int_equal(rhai_from_text(engine, "1\0x", 3, &arg), RHAI_OK);
    assert_int_equal(call_native(&math_package, "parse_int", "s", &arg, &ret), RHAI_ERROR);
    assert_int_equal(as_str(&arg)->len + strlen("Error parsing integer number '': invalid digit "
                                                "found in string"),
                     call.error->text->len);
    rhai_value_done(engine, &arg);
}

static void bits_count_from_either_end(void **state) {
    (void)state;
    assert_native(bit_field, "get_bit", "ii", "true", INT(INT64_MIN), INT(-1));
    assert_native(bit_field, "get_bits", "iii", "-1", INT(-1), INT(0), INT(99));
    assert_native(bit_field, "get_bits", "iii", "15", INT(-1), INT(-4), INT(99));
    assert_native(bit_field, "get_bits", "iii", "0", INT(-1), INT(1000), INT(0));
    assert_native(bit_field, "get_bits", "ir", "3", INT(0xF0), RANGE(6, 80));
    assert_fails(bit_field, "get_bits", "iR",
                 "Bit-field index 64 out of bounds: only 64 bits in bit-field (line 7, position 3)",
                 INT(-1), RANGE_INCLUSIVE(0, 64));
    assert_fails(bit_field, "get_bit", "ii",
                 "Bit-field index -65 out of bounds: only 64 bits in bit-field (line 7, position "
                 "3)",
                 INT(1), INT(-65));
}

static void set_bits_leaves_the_other_bits(void **state) {
    (void)state;
    assert_changes(bit_field, "set_bits", "iiii", "124224", INT(123456), INT(5), INT(8), INT(42));
    assert_changes(bit_field, "set_bits", "iiii", "7", INT(-1), INT(0), INT(64), INT(7));
    assert_changes(bit_field, "set_bits", "iri", "-1", INT(-1), RANGE(3, 1), INT(0));
    assert_changes(bit_field, "set_bit", "iib", "-9223372036854775808", INT(0), INT(63),
                   BOOL(true));
}

static void bits_iterate_from_the_lowest(void **state) {
    (void)state;
    assert_iterates(result_of(bit_field, "bits", "iii", INT(5), INT(0), INT(4)),
                    "[true, false, true, false]");
    assert_iterates(result_of(bit_field, "bits", "ii", INT(-1), INT(-2)), "[true, true]");
    assert_iterates(result_of(bit_field, "bits", "iR", INT(5), RANGE_INCLUSIVE(3, 1)), "[]");
}

static void steps_stop_before_they_overflow(void **state) {
    (void)state;
    assert_iterates(result_of(ranges, "range", "iii", INT(INT64_MAX - 4), INT(INT64_MAX), INT(3)),
                    "[9223372036854775803]");
    assert_iterates(result_of(ranges, "range", "iii", INT(3), INT(INT64_MIN), INT(INT64_MIN)),
                    "[3]");
    assert_iterates(result_of(ranges, "range", "iii", INT(INT64_MAX), INT(0), INT(1)), "[]");
    assert_iterates(result_of(ranges, "range", "ri", RANGE(9, 1), INT(-3)), "[9, 6, 3]");
}

static void float_steps_add_up_their_rounding(void **state) {
    (void)state;
    assert_iterates(result_of(ranges, "range", "fff", FLOAT(0), FLOAT(0.5), FLOAT(0.1)),
                    "[0.0, 0.1, 0.2, 0.30000000000000004, 0.4]");
    assert_iterates(result_of(ranges, "range", "fff", FLOAT(0), FLOAT(NAN), FLOAT(1)), "[]");
    assert_fails(ranges, "range", "fff",
                 "step value cannot be zero\nin call to function 'range' (line 7, position 3)",
                 FLOAT(1e16), FLOAT(1e17), FLOAT(0.5));
}

static void an_iterator_can_run_again(void **state) {
    (void)state;
    rhai_value steps = result_of(ranges, "range", "iii", INT(0), INT(5), INT(2)), copy;
    rhai_value_copy(&steps, &copy);
    assert_iterates(copy, "[0, 2, 4]");
    assert_iterates(steps, "[0, 2, 4]");
}

static void timestamps_move_by_seconds(void **state) {
    (void)state;
    rhai_value t = result_of(time, "timestamp", "");
    rhai_value later = result_of(time, "+", "tf", t, FLOAT(1.5));
    assert_native(time, "-", "tt", "1.5", later, t);
    assert_native(time, "-", "tt", "-1.5", t, later);
    assert_native(time, "<", "tt", "true", t, later);
    rhai_value back = result_of(time, "-", "ti", later, INT(-2));
    assert_native(time, "-", "tt", "2.0", back, later);
    assert_fails(time, "elapsed", "t", "Time-stamp is later than now (line 7, position 3)",
                 result_of(time, "+", "ti", t, INT(1000)));
    assert_fails(time, "+", "ti",
                 "Timestamp overflow when adding 9223372036854775807 second(s) (line 7, position "
                 "3)",
                 t, INT(INT64_MAX));
    assert_fails(time, "-", "tf",
                 "Integer overflow for timestamp add: 100000000000000000000 (line 7, position 3)",
                 t, FLOAT(-1e20));
}

static void sleep_ends_when_the_engine_is_told_to(void **state) {
    (void)state;
    rhai_engine_terminate(engine);
    assert_fails(time, "sleep", "i", "Script terminated (line 7, position 3)", INT(1000));
    rhai_engine_clear_termination(engine);
    assert_native(time, "sleep", "f", "()", FLOAT(NAN));
    assert_native(time, "sleep", "i", "()", INT(-5));
}

static void bytes_stay_within_their_range(void **state) {
    (void)state;
    assert_native(bytes, "-", "yy", "0", BYTE(250), BYTE(250));
    assert_fails(bytes, "+", "yy", "Addition overflow: 250 + 6 (line 7, position 3)", BYTE(250),
                 BYTE(6));
    assert_fails(bytes, "%", "yy",
                 "Modulo division by zero or overflow: 3 % 0 (line 7, position 3)", BYTE(3),
                 BYTE(0));
    assert_native(bytes, "**", "yi", "243", BYTE(3), INT(5));
    assert_native(bytes, "**", "yi", "1", BYTE(1), INT(UINT32_MAX));
    assert_fails(bytes, "**", "yi", "Exponential overflow: 1 ** 4294967296 (line 7, position 3)",
                 BYTE(1), INT((int64_t)UINT32_MAX + 1));
    assert_native(bytes, "<<", "yi", "208", BYTE(250), INT(3));
    assert_native(bytes, ">>", "yi", "1", BYTE(250), INT(INT64_MAX));
    assert_native(bytes, ">>", "yi", "0", BYTE(250), INT(INT64_MIN));
}

static void byte_steps_leave_out_what_has_no_successor(void **state) {
    (void)state;
    assert_iterates(result_of(bytes, "range", "yy", BYTE(253), BYTE(255)), "[253, 254]");
    assert_iterates(result_of(bytes, "range", "yyy", BYTE(250), BYTE(255), BYTE(3)), "[250]");
    assert_iterates(result_of(bytes, "range", "yyy", BYTE(9), BYTE(3), BYTE(3)), "[]");
}

static void tags_have_32_bits(void **state) {
    (void)state;
    rhai_value args[2] = {INT(5), INT(INT32_MIN)}, ret;
    assert_int_equal(call_native(&lang_package, "set_tag", "?i", args, &ret), RHAI_OK);
    assert_native(lang, "tag", "?", "-2147483648", args[0]);
    assert_fails(lang, "set_tag", "?i",
                 "2147483648 is too large to fit into a tag (must be between -2147483648 and "
                 "2147483647) (line 7, position 3)",
                 INT(5), INT((int64_t)INT32_MAX + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_without_a_negative_are_errors),
        cmocka_unit_test(sign_of_nan_is_an_error),
        cmocka_unit_test(max_and_min_with_nan_give_the_second_number),
        cmocka_unit_test(to_int_cuts_and_refuses_what_does_not_fit),
        cmocka_unit_test(parse_int_reports_the_first_thing_wrong),
        cmocka_unit_test(parse_float_takes_decimal_numbers_and_names_only),
        cmocka_unit_test(error_shows_text_with_a_nul_in_full),
        cmocka_unit_test(bits_count_from_either_end),
        cmocka_unit_test(set_bits_leaves_the_other_bits),
        cmocka_unit_test(bits_iterate_from_the_lowest),
        cmocka_unit_test(steps_stop_before_they_overflow),
        cmocka_unit_test(float_steps_add_up_their_rounding),
        cmocka_unit_test(an_iterator_can_run_again),
        cmocka_unit_test(timestamps_move_by_seconds),
        cmocka_unit_test(sleep_ends_when_the_engine_is_told_to),
        cmocka_unit_test(bytes_stay_within_their_range),
        cmocka_unit_test(byte_steps_leave_out_what_has_no_successor),
        cmocka_unit_test(tags_have_32_bits),
    };
    return cmocka_run_group_tests(tests, start_engine, stop_engine);
}
