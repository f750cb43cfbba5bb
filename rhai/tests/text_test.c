/* Text forms of values, as Rhai 1.26 prints them. */
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

typedef void (*writer)(text *t, const rhai_value *v);

static void assert_form(writer write, const rhai_value *v, const char *expected) {
    text t;
    rhai_value s;
    text_init(&t, &h);
    write(&t, v);
    assert_true(text_finish(&t, &s));
    assert_string_equal(as_str(&s)->data, expected);
    assert_int_equal(as_str(&s)->len, strlen(expected));
    value_drop(&h, &s);
}

static void assert_floats(double f, const char *display, const char *debug) {
    rhai_value v = VALUE_FLOAT(f);
    assert_form(text_add_display, &v, display);
    assert_form(text_add_debug, &v, debug);
}

static void floats_have_their_shortest_digits(void **state) {
    (void)state;
    assert_floats(0.0, "0.0", "0.0");
    assert_floats(-0.0, "0.0", "-0.0");
    assert_floats(1, "1.0", "1.0");
    assert_floats(-123.456, "-123.456", "-123.456");
    assert_floats(0.1 + 0.2, "0.30000000000000004", "0.30000000000000004");
    assert_floats(1.0 / 3, "0.3333333333333333", "0.3333333333333333");
    assert_floats(9999999999999.0, "9.999999999999e12", "9999999999999.0");
    assert_floats(1e12, "1000000000000.0", "1000000000000.0");
    assert_floats(1e13, "1e13", "10000000000000.0");
    assert_floats(1e15, "1e15", "1000000000000000.0");
    assert_floats(1e16, "1e16", "1e16");
    assert_floats(1e-4, "0.0001", "0.0001");
    assert_floats(1e-5, "0.00001", "1e-5");
    assert_floats(1e-13, "0.0000000000001", "1e-13");
    assert_floats(9e-14, "9e-14", "9e-14");
    assert_floats(123456789012345680.0, "1.2345678901234568e17", "1.2345678901234568e17");
    assert_floats(0x1p-44, "5.684341886080802e-14", "5.684341886080802e-14");
    assert_floats(5e-324, "5e-324", "5e-324");
    assert_floats(1.7976931348623157e308, "1.7976931348623157e308", "1.7976931348623157e308");
    assert_floats(__builtin_nan(""), "NaN", "NaN");
    assert_floats(-__builtin_inf(), "-inf", "-inf");
}

static void every_float_reads_back_the_same(void **state) {
    (void)state;
    uint64_t random = 88172645463325252;
    for (int i = 0; i < 20000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        double f = i % 2 ? (double)(int64_t)random / 1e6 : 0;
        if (i % 2 == 0) memcpy(&f, &random, sizeof f);
        if (f != f) continue;
        text t;
        text_init(&t, &h);
        text_add_float(&t, f);
        assert_true(strtod(t.data, NULL) == f);
        text_done(&t);
    }
}

static void strings_are_quoted_inside_containers_and_chars_are_not(void **state) {
    (void)state;
    rhai_value v = ARRAY(&h, VALUE_CHAR('x'), text_value(&h, "s\n\"q'\\"), VALUE_FLOAT(1),
                         VALUE_UNIT, VALUE_BOOL(true), fn_value(&h, "a", 0, NULL),
                         ARRAY(&h, VALUE_CHAR('b')), VALUE_INT(INT64_MIN));
    const char *expected =
        "[x, \"s\\n\\\"q'\\\\\", 1.0, (), true, Fn(a), [b], -9223372036854775808]";
    assert_form(text_add_display, &v, expected);
    assert_form(text_add_debug, &v, expected);
    assert_form(text_add_plain_display, &v,
                "['x', \"s\\n\\\"q'\\\\\", 1.0, (), true, Fn(\"a\"), ['b'], "
                "-9223372036854775808]");
    value_drop(&h, &v);
}

static void simple_values_print_as_themselves(void **state) {
    (void)state;
    rhai_value v = VALUE_UNIT;
    assert_form(text_add_display, &v, "");
    assert_form(text_add_debug, &v, "()");
    v = VALUE_CHAR(0x20ac);
    assert_form(text_add_display, &v, "€");
    assert_form(text_add_debug, &v, "€");
    assert_form(text_add_plain_debug, &v, "'€'");
    v = (rhai_value){.type = RHAI_TIMESTAMP, .i = 5};
    assert_form(text_add_debug, &v, "<timestamp>");
    v = text_value(&h, "it's");
    assert_form(text_add_display, &v, "it's");
    assert_form(text_add_debug, &v, "\"it's\"");
    value_drop(&h, &v);
}

static void maps_print_in_key_order_with_quoted_keys(void **state) {
    (void)state;
    rhai_value v = map_value(&h, "b", VALUE_CHAR('x'));
    put(&h, &v, "a \"", map_value(&h, "n", VALUE_INT(1)));
    assert_form(text_add_display, &v, "#{\"a \\\"\": #{\"n\": 1}, \"b\": x}");
    value_drop(&h, &v);
    v = VALUE_OBJ(RHAI_MAP, map_new(&h, 0));
    assert_form(text_add_display, &v, "#{}");
    value_drop(&h, &v);
}

static void blobs_print_in_groups_of_eight(void **state) {
    (void)state;
    rhai_value v = VALUE_OBJ(RHAI_BLOB, blob_new(&h, 0));
    assert_form(text_add_display, &v, "[]");
    assert_true(blob_resize(&h, as_blob(&v), 9));
    as_blob(&v)->data[0] = 0xaf;
    assert_form(text_add_debug, &v, "[af00000000000000 00]");
    value_drop(&h, &v);
}

static void assert_range(int64_t from, int64_t to, bool inclusive, const char *expected) {
    rhai_value v;
    assert_true(value_new_range(&h, from, to, inclusive, &v));
    assert_form(text_add_display, &v, expected);
    assert_form(text_add_debug, &v, expected);
    value_drop(&h, &v);
}

static void ranges_without_end_show_none(void **state) {
    (void)state;
    assert_range(-1, 5, false, "-1..5");
    assert_range(1, 5, true, "1..=5");
    assert_range(1, INT64_MAX, false, "1..");
    assert_range(1, INT64_MAX, true, "1..=");
}

static void what_cannot_be_seen_is_escaped(void **state) {
    (void)state;
    rhai_value v = text_value(&h, "\t\r\x01\x7f a\u0301\u200bé€😀\ue000");
    assert_form(text_add_debug, &v, "\"\\t\\r\\u{1}\\u{7f} a\\u{301}\\u{200b}é€😀\\u{e000}\"");
    value_drop(&h, &v);
    v = VALUE_CHAR('\'');
    assert_form(text_add_plain_debug, &v, "'\\''");
    v = VALUE_CHAR('"');
    assert_form(text_add_plain_debug, &v, "'\"'");
    v = VALUE_CHAR(0);
    assert_form(text_add_plain_debug, &v, "'\\0'");
}

static void destroy_opaque(heap *owner, opaque *o) {
    heap_free(owner, o, sizeof *o);
}

/* A script function, with what it sees; bound to `len` values. */
static rhai_value closure(size_t len, const rhai_value *bound) {
    opaque *code = heap_alloc(&h, sizeof *code);
    *code = (opaque){.head = {.refs = 1, .type = OBJ_OPAQUE}, .destroy = destroy_opaque};
    rhai_str *name = str_intern(&h, "anon$1", 6);
    fnptr *f = fnptr_new(&h, name, code, code, 0, bound, len);
    obj_unref(&h, name);
    obj_unref(&h, code);
    return VALUE_OBJ(RHAI_FN, f);
}

static void captured_variables_are_marked_as_shared(void **state) {
    (void)state;
    rhai_value shared = VALUE_OBJ(RHAI_SHARED, cell_new(&h, VALUE_INT(5)));
    rhai_value bound[] = {shared, VALUE_INT(1), VALUE_CHAR('x')};
    rhai_value v = closure(3, bound);
    assert_form(text_add_debug, &v, "Fn(anon$1)");
    assert_form(text_add_plain_debug, &v, "Fn*+(\"anon$1\", 5 (shared), 1, 'x')");
    as_cell(&shared)->borrows++;
    assert_form(text_add_plain_debug, &v, "Fn*+(\"anon$1\", <shared>, 1, 'x')");
    as_cell(&shared)->borrows--;
    value_drop(&h, &v);
    value_drop(&h, &shared);
}

/* let c = 5; let f = |x| x + c; c = [f, f]; throw [f] */
static void a_variable_that_contains_itself_prints_once_per_place(void **state) {
    (void)state;
    rhai_value shared = VALUE_OBJ(RHAI_SHARED, cell_new(&h, VALUE_INT(5)));
    rhai_value f = closure(1, &shared);
    value_store(&h, &as_cell(&shared)->value, ARRAY(&h, value_copy(&f), value_copy(&f)));
    rhai_value v = ARRAY(&h, f);
    assert_form(text_add_plain_display, &v,
                "[Fn*+(\"anon$1\", [Fn*(\"anon$1\", [Fn*(\"anon$1\", <shared>), "
                "Fn*(\"anon$1\", [Fn*(\"anon$1\", <shared>), Fn*(\"anon$1\", <shared>)] "
                "(shared))] (shared)), Fn*(\"anon$1\", <shared>)] (shared))]");
    value_drop(&h, &v);
    value_drop(&h, &shared);
}

static void an_array_nested_a_million_deep_prints(void **state) {
    (void)state;
    enum { DEPTH = 1000000 };
    rhai_value v = VALUE_OBJ(RHAI_ARRAY, arr_new(&h, 0));
    for (int i = 1; i < DEPTH; i++)
        v = ARRAY(&h, v);
    text t;
    text_init(&t, &h);
    text_add_display(&t, &v);
    assert_false(t.failed);
    assert_int_equal(t.len, 2 * DEPTH);
    text_done(&t);
    value_drop(&h, &v);
}

static void assert_lossy(const char *bytes, const char *expected) {
    text t;
    text_init(&t, &h);
    text_add_lossy(&t, bytes, strlen(bytes));
    assert_string_equal(t.data, expected);
    text_done(&t);
}

static void each_invalid_part_becomes_one_replacement(void **state) {
    (void)state;
    assert_lossy("aé", "aé");
    assert_lossy("\xf0\x9f\x98", "\uFFFD");
    assert_lossy("\xe2\x82\x41", "\uFFFDA");
    assert_lossy("\xc0\x80", "\uFFFD\uFFFD");
    assert_lossy("\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD");
    assert_lossy("a\xff\xf1\x80z", "a\uFFFD\uFFFDz");
}

static size_t custom_text(const void *object, char *buffer, size_t size) {
    size_t len = *(const size_t *)object;
    for (size_t i = 0; i < len && i < size; i++)
        buffer[i] = 'c';
    return len;
}

static void custom_types_print_their_text_however_long(void **state) {
    (void)state;
    static const rhai_custom_type with_text = {.name = "T", .text = custom_text};
    static const rhai_custom_type without = {.name = "Plain"};
    size_t len = 3;
    rhai_value v = VALUE_OBJ(RHAI_CUSTOM, custom_new(&h, &with_text, &len));
    assert_form(text_add_display, &v, "ccc");
    len = 5000;
    text t;
    text_init(&t, &h);
    text_add_debug(&t, &v);
    assert_int_equal(t.len, 5000);
    text_done(&t);
    value_drop(&h, &v);
    v = VALUE_OBJ(RHAI_CUSTOM, custom_new(&h, &without, &len));
    assert_form(text_add_debug, &v, "Plain");
    value_drop(&h, &v);
}

static void formatted_text_may_be_long(void **state) {
    (void)state;
    text t;
    text_init(&t, &h);
    assert_null(t.data);
    text_printf(&t, "%300d|", 7);
    assert_int_equal(t.len, 301);
    text_add_int(&t, INT64_MIN);
    assert_string_equal(t.data + 299, "7|-9223372036854775808");
    text_done(&t);
}

static bool print_everything(heap *failing_heap) {
    heap *f = failing_heap;
    bool ok = false;
    map *m = map_new(f, 0);
    rhai_value v = m ? VALUE_OBJ(RHAI_MAP, m) : VALUE_UNIT, printed = VALUE_UNIT;
    char name[16];
    for (int i = 0; m && i < 20; i++) {
        size_t len = (size_t)snprintf(name, sizeof name, "%d", i);
        rhai_str *key = str_intern(f, name, len);
        cell *c = key ? cell_new(f, VALUE_INT(i)) : NULL;
        rhai_value shared = c ? VALUE_OBJ(RHAI_SHARED, c) : VALUE_UNIT;
        fnptr *fn = c ? fnptr_new(f, key, NULL, NULL, 0, &shared, 1) : NULL;
        rhai_value item = fn ? VALUE_OBJ(RHAI_FN, fn) : VALUE_UNIT;
        ok = fn && map_set(f, m, key, &item);
        value_drop(f, &item);
        value_drop(f, &shared);
        obj_unref(f, key);
        if (!ok) break;
    }
    text t;
    text_init(&t, f);
    text_add_plain_display(&t, &v);
    ok = text_finish(&t, &printed) && ok;
    value_drop(f, &printed);
    value_drop(f, &v);
    return ok;
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    with_every_allocation_failing(print_everything);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(floats_have_their_shortest_digits),
        TEST(every_float_reads_back_the_same),
        TEST(strings_are_quoted_inside_containers_and_chars_are_not),
        TEST(simple_values_print_as_themselves),
        TEST(maps_print_in_key_order_with_quoted_keys),
        TEST(blobs_print_in_groups_of_eight),
        TEST(ranges_without_end_show_none),
        TEST(what_cannot_be_seen_is_escaped),
        TEST(captured_variables_are_marked_as_shared),
        TEST(a_variable_that_contains_itself_prints_once_per_place),
        TEST(an_array_nested_a_million_deep_prints),
        TEST(each_invalid_part_becomes_one_replacement),
        TEST(custom_types_print_their_text_however_long),
        TEST(formatted_text_may_be_long),
        TEST(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
