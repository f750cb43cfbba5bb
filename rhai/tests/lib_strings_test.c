/* Strings and characters in the standard library: what the recorded cases leave out. */
#include "native_fixture.h"

#include <stdlib.h>

static void positions_count_characters_not_bytes(void **state) {
    (void)state;
    assert_native(strings_more, "len", "s", "4", TEXT("aé€😀"));
    assert_native(strings_more, "get", "si", "😀", TEXT("aé€😀"), INT(-1));
    assert_native(strings_more, "get", "si", "()", TEXT("aé€😀"), INT(INT64_MIN));
    assert_native(strings_more, "index_of", "sc", "2", TEXT("aé€😀"), CHAR(0x20AC));
    assert_native(strings_more, "sub_string", "sii", "\"é€\"", TEXT("aé€😀"), INT(1), INT(2));
    assert_native(strings_more, "sub_string", "sR", "\"é\"", TEXT("aé€😀"), RANGE_INCLUSIVE(1, 0));
    assert_changes(strings_more, "set", "sic", "\"a😀€😀\"", TEXT("aé€😀"), INT(-3), CHAR(0x1F600));
}

static void an_empty_needle_is_everywhere(void **state) {
    (void)state;
    assert_native(strings_more, "index_of", "ssi", "2", TEXT("abc"), TEXT(""), INT(2));
    assert_native(strings_more, "index_of", "ssi", "-1", TEXT("abc"), TEXT(""), INT(3));
    assert_native(strings_more, "index_of", "ss", "-1", TEXT(""), TEXT(""));
    assert_changes(strings_more, "replace", "sss", "\"-a-é-\"", TEXT("aé"), TEXT(""), TEXT("-"));
    assert_changes(strings_more, "remove", "ss", "\"aé\"", TEXT("aé"), TEXT(""));
    assert_native(strings_more, "split", "ss", "[\"\", \"a\", \"é\", \"\"]", TEXT("aé"), TEXT(""));
    assert_native(strings_more, "split_rev", "ssi", "[\"\", \"é\", \"a\"]", TEXT("aé"), TEXT(""),
                  INT(3));
}

static void split_from_the_end_finds_matches_from_the_end(void **state) {
    (void)state;
    assert_native(strings_more, "split", "ss", "[\"\", \"a\"]", TEXT("aaa"), TEXT("aa"));
    assert_native(strings_more, "split_rev", "ss", "[\"\", \"a\"]", TEXT("aaa"), TEXT("aa"));
    assert_native(strings_more, "split_rev", "sci", "[\"c\", \"a,b\"]", TEXT("a,b,c"), CHAR(','),
                  INT(2));
    assert_native(strings_more, "split", "ssi", "[\"a,b\"]", TEXT("a,b"), TEXT(","), INT(-1));
    assert_native(strings_more, "split", "si", "[\"ab\", \"\"]", TEXT("ab"), INT(0));
    assert_native(strings_more, "split", "s", "[\"a\", \"b\"]", TEXT("\u3000a \t b\n"));
}

static void pad_repeats_a_string_and_cuts_the_last_one(void **state) {
    (void)state;
    assert_changes(strings_more, "pad", "sis", "\"abéxéxé\"", TEXT("ab"), INT(7), TEXT("éx"));
    assert_changes(strings_more, "pad", "sic", "\"ab\"", TEXT("ab"), INT(-7), CHAR('x'));
    assert_changes(strings_more, "pad", "sis", "\"ab\"", TEXT("ab"), INT(9), TEXT(""));
}

static void sizes_are_checked_before_memory_is_asked_for(void **state) {
    (void)state;
    rhai_engine_set_limit(engine, RHAI_MAX_STRING_SIZE, 100);
    size_t peak = rhai_engine_peak_memory(engine);
    assert_fails(strings_more, "pad", "sic", "Length of string too large", TEXT("ab"),
                 INT(INT64_MAX), CHAR('x'));
    assert_fails(strings_more, "pad", "sic", "Length of string too large", TEXT("ab"), INT(60),
                 CHAR(0xE9));
    assert_fails(strings_more, "replace", "sss", "Length of string too large", TEXT("0123456789"),
                 TEXT(""), TEXT("0123456789"));
    rhai_engine_set_limit(engine, RHAI_MAX_STRING_SIZE, 0);
    assert_fails(strings_more, "pad", "sic", "Out of memory (line 7, position 3)", TEXT("ab"),
                 INT(INT64_MAX), CHAR('x'));
    assert_in_range(rhai_engine_peak_memory(engine), peak, peak + 4096);
}

static void trim_knows_the_spaces_of_unicode(void **state) {
    (void)state;
    assert_changes(strings_more, "trim", "s", "\"a b\"",
                   TEXT("\u2003\xC2\x85"
                        "a b\t\u3000"));
    assert_changes(strings_more, "trim", "s", "\"\"", TEXT(" \n "));
    assert_changes(strings_more, "trim", "s", "\"\\u{200b}a\"", TEXT("\u200ba "));
}

static void case_of_strings_may_change_their_length(void **state) {
    (void)state;
    assert_native(strings_more, "to_upper", "s", "\"STRASSE ŸÉ\"", TEXT("straße ÿé"));
    assert_native(strings_more, "to_lower", "s", "\"i\\u{307}x\"", TEXT("\u0130X"));
    assert_native(strings_more, "to_lower", "s", "\"ὀδυσσεύς. σ\"", TEXT("ὈΔΥΣΣΕΎΣ. Σ"));
    assert_changes(strings_more, "make_upper", "s", "\"ŐR\"", TEXT("őr"));
}

static void case_of_a_character_never_makes_two(void **state) {
    (void)state;
    assert_native(strings_more, "to_upper", "c", "ß", CHAR(0xDF));
    assert_native(strings_more, "to_upper", "c", "É", CHAR(0xE9));
    assert_native(strings_more, "to_lower", "c", "\u0130", CHAR(0x130));
    assert_changes(strings_more, "make_lower", "c", "σ", CHAR(0x3A3));
    assert_native(strings_more, "to_upper", "c", "\U00010D55", CHAR(0x10D75));
}

static void bytes_that_are_not_text_become_replacement_characters(void **state) {
    (void)state;
    rhai_value bytes, joined;
    assert_int_equal(rhai_from_blob(engine, "\xF0\x9F\x98z", 4, &bytes), RHAI_OK);
    joined = result_of(strings_more, "+", "sl", TEXT("a"), bytes);
    assert_value_shows(&joined, "\"a\uFFFDz\"");
    rhai_value_done(engine, &joined);
}

static void a_change_never_shows_in_a_copy(void **state) {
    (void)state;
    rhai_value args[3] = {TEXT("abc"), INT(0), CHAR('x')}, copy, ret;
    rhai_value_copy(&args[0], &copy);
    assert_int_equal(call_native(&strings_more_package, "set", "sic", args, &ret), RHAI_OK);
    assert_value_shows(&args[0], "\"xbc\"");
    assert_value_shows(&copy, "\"abc\"");
    assert_int_equal(call_native(&strings_more_package, "pop", "s", args, &ret), RHAI_OK);
    assert_value_shows(&ret, "c");
    rhai_value_done(engine, &copy);
    rhai_value_done(engine, &args[0]);
}

static void a_changed_string_keeps_its_tag_and_a_new_one_has_none(void **state) {
    (void)state;
    rhai_value args[2] = {TEXT("a-b"), TEXT("-")}, ret;
    args[0].tag = 5;
    assert_int_equal(call_native(&strings_more_package, "remove", "ss", args, &ret), RHAI_OK);
    assert_value_shows(&args[0], "\"ab\"");
    assert_int_equal(args[0].tag, 5);
    assert_int_equal(call_native(&strings_more_package, "clear", "s", args, &ret), RHAI_OK);
    assert_int_equal(args[0].tag, 5);
    assert_int_equal(call_native(&strings_more_package, "+", "ss", args, &ret), RHAI_OK);
    assert_int_equal(ret.tag, 0);
    rhai_value_done(engine, &ret);
    rhai_value_done(engine, &args[0]);
    rhai_value_done(engine, &args[1]);
}

static void numbers_in_other_bases_show_their_64_bits(void **state) {
    (void)state;
    assert_native(strings, "to_hex", "i", "\"ffffffffffffffff\"", INT(-1));
    assert_native(strings, "to_octal", "i", "\"1000000000000000000000\"", INT(INT64_MIN));
    assert_native(strings, "to_binary", "i", "\"0\"", INT(0));
}

static void characters_iterate_from_any_part(void **state) {
    (void)state;
    assert_iterates(result_of(ranges, "chars", "s", TEXT("aé")), "[a, é]");
    assert_iterates(result_of(ranges, "chars", "sii", TEXT("aé€"), INT(-2), INT(99)), "[é, €]");
    assert_iterates(result_of(ranges, "chars", "sR", TEXT("aé€"), RANGE_INCLUSIVE(2, 1)), "[]");
    assert_iterates(result_of(ranges, "chars", "sr", TEXT("aé€"), RANGE(-5, 1)), "[a]");
}

static const rhai_custom_type point_type = {.name = "Point"};
static int a_point;

static rhai_status new_point(rhai_call *c, rhai_value *args, rhai_value *ret) {
    (void)args;
    return rhai_from_custom(rhai_call_engine(c), &point_type, &a_point, ret);
}

static rhai_status point_to_string(rhai_call *c, rhai_value *args, rhai_value *ret) {
    (void)args;
    return rhai_from_text(rhai_call_engine(c), "P", 1, ret);
}

static void a_custom_type_joins_strings_as_its_to_string_says(void **state) {
    (void)state;
    static const rhai_native point_functions[] = {
        {"point", "", new_point, 0, "point()", NULL},
        {"to_string", "{Point}", point_to_string, 0, "to_string(point: Point)", NULL},
    };
    assert_int_equal(rhai_register_type(engine, &point_type), RHAI_OK);
    assert_int_equal(rhai_register(engine, point_functions, 2, NULL), RHAI_OK);
    const char *script = "let s = `${point()}` + point(); s += point(); s.append(point()); "
                         "point() + s";
    rhai_value result;
    assert_int_equal(rhai_eval(engine, script, strlen(script), NULL, &result, NULL), RHAI_OK);
    assert_value_shows(&result, "\"PPPPP\"");
    rhai_value_done(engine, &result);
}

/* An allocator that fails the n-th request. */
static size_t allocations_left;

static void *failing_allocator(void *data, void *block, size_t old_size, size_t new_size) {
    (void)data, (void)old_size;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return allocations_left && --allocations_left ? realloc(block, new_size) : NULL;
}

typedef struct trial {
    const package *package;
    const char *name, *params;
} trial;

static void out_of_memory_leaves_the_string_as_it_was(void **state) {
    (void)state;
    static const trial trials[] = {
        {&strings_more_package, "replace", "sss"},  {&strings_more_package, "split", "ss"},
        {&strings_more_package, "split_rev", "ss"}, {&strings_more_package, "make_upper", "s"},
        {&strings_more_package, "to_chars", "s"},   {&strings_more_package, "+=", "ss"},
        {&strings_more_package, "trim", "s"},       {&ranges_package, "chars", "s"},
        {&strings_more_package, "to_blob", "s"},    {&strings_package, "to_debug", "?"},
    };
    heap saved = engine->heap;
    for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++) {
        rhai_status status = RHAI_ERROR;
        for (size_t n = 1; status != RHAI_OK && n < 50; n++) {
            rhai_value args[3] = {TEXT(" a, b,, c "), TEXT(","), TEXT("a long text in its place")};
            rhai_value copy, ret;
            rhai_value_copy(&args[0], &copy);
            engine->heap.allocator = failing_allocator;
            allocations_left = n;
            status = call_native(trials[i].package, trials[i].name, trials[i].params, args, &ret);
            engine->heap.allocator = saved.allocator;
            if (status != RHAI_OK) assert_value_shows(&copy, "\" a, b,, c \"");
            rhai_value_done(engine, &ret);
            rhai_value_done(engine, &copy);
            for (size_t k = 0; k < 3; k++)
                rhai_value_done(engine, &args[k]);
        }
        assert_int_equal(status, RHAI_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_count_characters_not_bytes),
        cmocka_unit_test(an_empty_needle_is_everywhere),
        cmocka_unit_test(split_from_the_end_finds_matches_from_the_end),
        cmocka_unit_test(pad_repeats_a_string_and_cuts_the_last_one),
        cmocka_unit_test(sizes_are_checked_before_memory_is_asked_for),
        cmocka_unit_test(trim_knows_the_spaces_of_unicode),
        cmocka_unit_test(case_of_strings_may_change_their_length),
        cmocka_unit_test(case_of_a_character_never_makes_two),
        cmocka_unit_test(bytes_that_are_not_text_become_replacement_characters),
        cmocka_unit_test(a_change_never_shows_in_a_copy),
        cmocka_unit_test(a_changed_string_keeps_its_tag_and_a_new_one_has_none),
        cmocka_unit_test(numbers_in_other_bases_show_their_64_bits),
        cmocka_unit_test(characters_iterate_from_any_part),
        cmocka_unit_test(a_custom_type_joins_strings_as_its_to_string_says),
        cmocka_unit_test(out_of_memory_leaves_the_string_as_it_was),
    };
    return cmocka_run_group_tests(tests, start_engine, stop_engine);
}
