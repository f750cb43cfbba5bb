/* The heap and its objects, maps excepted. */
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

/* ---- Memory ---- */

static void every_byte_is_accounted(void **state) {
    (void)state;
    void *block = heap_alloc(&h, 100);
    assert_int_equal(h.used, 100);
    block = heap_resize(&h, block, 100, 300);
    assert_int_equal(h.used, 300);
    heap_free(&h, block, 300);
    assert_int_equal(h.used, 0);
    assert_int_equal(h.peak, 300);
}

static void an_allocation_past_the_limit_fails_and_says_so(void **state) {
    (void)state;
    h.limit = 1000;
    void *block = heap_alloc(&h, 900);
    assert_non_null(block);
    assert_null(heap_alloc(&h, 101));
    assert_true(h.limit_hit);
    assert_null(heap_resize(&h, block, 900, 1001));
    h.limit_hit = false;
    block = heap_resize(&h, block, 900, 1000);
    assert_non_null(block);
    assert_false(h.limit_hit);
    heap_free(&h, block, 1000);
}

static void growth_is_content_with_less_near_the_limit(void **state) {
    (void)state;
    h.limit = 1000;
    size_t size = 2000;
    void *block = heap_grow(&h, NULL, 0, 900, &size);
    assert_non_null(block);
    assert_int_equal(size, 900);
    assert_false(h.limit_hit);
    heap_free(&h, block, size);
}

static void an_array_nested_a_million_deep_is_freed(void **state) {
    (void)state;
    rhai_value v = ARRAY(&h, VALUE_INT(1));
    for (int i = 0; i < 1000000; i++)
        v = ARRAY(&h, v);
    value_drop(&h, &v);
    assert_int_equal(h.used, 0);
}

static void closures_nested_a_million_deep_are_freed(void **state) {
    (void)state;
    rhai_value v = VALUE_UNIT;
    for (int i = 0; i < 1000000; i++) {
        rhai_value f = fn_value(&h, "f", 1, &v);
        value_drop(&h, &v);
        v = f;
    }
    value_drop(&h, &v);
}

static void a_closure_that_captures_itself_goes_with_the_heap(void **state) {
    (void)state;
    rhai_value shared = VALUE_OBJ(RHAI_SHARED, cell_new(&h, VALUE_UNIT));
    rhai_value f = fn_value(&h, "f", 1, &shared);
    value_store(&h, &as_cell(&shared)->value, ARRAY(&h, f));
    value_drop(&h, &shared);
    assert_true(h.used > 0);
}

static void a_cell_leaves_the_list_when_it_dies(void **state) {
    (void)state;
    cell *a = cell_new(&h, VALUE_INT(1)), *b = cell_new(&h, VALUE_INT(2));
    cell *c = cell_new(&h, VALUE_INT(3));
    obj_unref(&h, b);
    assert_ptr_equal(h.cells, c);
    assert_ptr_equal(c->next, a);
    assert_ptr_equal(a->prev, c);
    obj_unref(&h, c);
    obj_unref(&h, a);
    assert_null(h.cells);
}

typedef struct unit {
    opaque head;
    rhai_value held;
} unit;

static void destroy_unit(heap *owner, opaque *o) {
    value_drop(owner, &((unit *)o)->held);
    heap_free(owner, o, sizeof(unit));
}

static void an_opaque_object_frees_what_it_holds(void **state) {
    (void)state;
    unit *u = heap_alloc(&h, sizeof *u);
    *u = (unit){.head = {.head = {.refs = 1, .type = OBJ_OPAQUE}, .destroy = destroy_unit},
                .held = ARRAY(&h, text_value(&h, "kept"))};
    rhai_str *name = str_intern(&h, "f", 1);
    fnptr *f = fnptr_new(&h, name, &u->head, &u->head, 0, NULL, 0);
    obj_unref(&h, name);
    obj_unref(&h, u);
    rhai_value v = ARRAY(&h, VALUE_OBJ(RHAI_FN, f));
    value_drop(&h, &v);
}

/* ---- Custom objects ---- */

static int frees;
static void count_free(void *object) {
    frees++;
    free(object);
}
static void *clone_int(const void *object) {
    int *copy = malloc(sizeof *copy);
    *copy = *(const int *)object;
    return copy;
}
static const rhai_custom_type counter = {.name = "Counter", .free = count_free, .clone = clone_int};
static const rhai_custom_type handle = {.name = "Handle", .free = count_free};

static void a_custom_value_is_cloned_before_a_change_and_a_handle_is_not(void **state) {
    (void)state;
    frees = 0;
    rhai_value a = VALUE_OBJ(RHAI_CUSTOM, custom_new(&h, &counter, calloc(1, sizeof(int))));
    rhai_value b = value_copy(&a);
    *(int *)custom_own(&h, &b)->object = 7;
    assert_int_equal(*(int *)as_custom(&a)->object, 0);
    assert_string_equal(value_type_name(&a), "Counter");
    value_drop(&h, &a);
    value_drop(&h, &b);
    a = VALUE_OBJ(RHAI_CUSTOM, custom_new(&h, &handle, calloc(1, sizeof(int))));
    b = value_copy(&a);
    assert_ptr_equal(custom_own(&h, &b), as_custom(&a));
    value_drop(&h, &a);
    value_drop(&h, &b);
    assert_int_equal(frees, 3);
}

/* ---- Strings ---- */

static void equal_texts_are_interned_once_and_forgotten_when_unused(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    rhai_str *names[COUNT];
    char name[16];
    for (int i = 0; i < COUNT; i++) {
        int len = snprintf(name, sizeof name, "name%d", i);
        names[i] = str_intern(&h, name, (size_t)len);
    }
    rhai_str *again = str_intern(&h, "name77", 6);
    assert_ptr_equal(again, names[77]);
    obj_unref(&h, again);
    for (int i = 0; i < COUNT; i += 2)
        obj_unref(&h, names[i]);
    assert_int_equal(h.symbols_len, COUNT / 2);
    for (int i = 1; i < COUNT; i += 2) {
        again = str_intern(&h, names[i]->data, names[i]->len);
        assert_ptr_equal(again, names[i]);
        obj_unref(&h, again);
        obj_unref(&h, names[i]);
    }
    assert_int_equal(h.symbols_len, 0);
}

static void appending_changes_only_a_string_of_ones_own(void **state) {
    (void)state;
    rhai_value a = text_value(&h, "ab"), b = value_copy(&a);
    assert_true(str_append(&h, &a, "cd", 2));
    assert_string_equal(as_str(&a)->data, "abcd");
    assert_string_equal(as_str(&b)->data, "ab");
    rhai_str *same = as_str(&a);
    assert_true(str_append(&h, &a, "e", 1));
    assert_ptr_equal(as_str(&a), same);
    value_drop(&h, &a);
    value_drop(&h, &b);
}

static void an_interned_string_is_never_changed(void **state) {
    (void)state;
    rhai_value v = VALUE_OBJ(RHAI_STRING, str_intern(&h, "ab", 2));
    assert_true(str_append(&h, &v, "c", 1));
    assert_int_equal(h.symbols_len, 0);
    assert_string_equal(as_str(&v)->data, "abc");
    value_drop(&h, &v);
}

static void a_string_can_be_appended_to_itself(void **state) {
    (void)state;
    rhai_value v = text_value(&h, "xyé");
    for (int i = 0; i < 10; i++)
        assert_true(str_append(&h, &v, as_str(&v)->data, as_str(&v)->len));
    assert_int_equal(as_str(&v)->len, 4 * 1024);
    assert_int_equal(str_chars(as_str(&v)), 3 * 1024);
    assert_memory_equal(as_str(&v)->data + 4092, "xyé", 4);
    value_drop(&h, &v);
}

static void characters_are_found_in_any_order(void **state) {
    (void)state;
    static const char words[] = "aé€😀z";
    static const size_t offsets[] = {0, 1, 3, 6, 10, 11};
    rhai_value v = text_value(&h, "");
    for (int i = 0; i < 100; i++)
        assert_true(str_append(&h, &v, words, sizeof words - 1));
    rhai_str *s = as_str(&v);
    assert_int_equal(str_chars(s), 500);
    assert_int_equal(str_offset(s, 500), s->len);
    unsigned random = 1;
    for (int i = 0; i < 2000; i++) {
        random = random * 1664525 + 1013904223;
        size_t index = i < 500 ? (size_t)i : i < 1000 ? (size_t)(999 - i) : random % 501;
        assert_int_equal(str_offset(s, index), index / 5 * 11 + offsets[index % 5]);
    }
    value_drop(&h, &v);
}

static void strings_compare_by_bytes(void **state) {
    (void)state;
    rhai_value a = text_value(&h, "ab"), b = text_value(&h, "abc"), c = text_value(&h, "é");
    assert_true(str_compare(as_str(&a), as_str(&b)) < 0);
    assert_true(str_compare(as_str(&c), as_str(&b)) > 0);
    assert_int_equal(str_compare(as_str(&a), as_str(&a)), 0);
    assert_false(str_equal(as_str(&a), as_str(&b)));
    value_drop(&h, &a);
    value_drop(&h, &b);
    value_drop(&h, &c);
}

static void only_strict_utf8_is_valid(void **state) {
    (void)state;
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80", "\xf4\x90\x80\x80",
        "a\xe2\x82"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (c >= 0xd800 && c < 0xe000) continue;
        char bytes[4];
        uint32_t back;
        size_t len = utf8_write(c, bytes);
        assert_int_equal(utf8_decode(bytes, len, &back), len);
        assert_int_equal(back, c);
    }
}

/* ---- Arrays and blobs ---- */

static void a_shared_array_is_copied_before_a_change(void **state) {
    (void)state;
    rhai_value a = ARRAY(&h, VALUE_INT(1), text_value(&h, "x")), b = value_copy(&a);
    arr *own = arr_own(&h, &b);
    arr_set(&h, own, 0, VALUE_INT(2));
    assert_int_equal(as_arr(&a)->items[0].i, 1);
    assert_int_equal(own->items[0].i, 2);
    assert_ptr_equal(own->items[1].obj, as_arr(&a)->items[1].obj);
    assert_ptr_equal(arr_own(&h, &b), own);
    value_drop(&h, &a);
    value_drop(&h, &b);
}

static void elements_come_and_go_anywhere(void **state) {
    (void)state;
    rhai_value v = ARRAY(&h, VALUE_INT(1), VALUE_INT(3));
    arr *a = as_arr(&v);
    rhai_value two = VALUE_INT(2), zero = VALUE_INT(0);
    assert_true(arr_insert(&h, a, 1, &two));
    assert_true(arr_insert(&h, a, 0, &zero));
    for (int i = 0; i < 4; i++)
        assert_int_equal(a->items[i].i, i);
    assert_int_equal(arr_remove(&h, a, 1).i, 1);
    assert_int_equal(a->items[1].i, 2);
    arr_truncate(&h, a, 1);
    assert_int_equal(a->len, 1);
    value_drop(&h, &v);
}

static void blobs_grow_with_zeros_and_are_copied_when_shared(void **state) {
    (void)state;
    rhai_value a = VALUE_OBJ(RHAI_BLOB, blob_new(&h, 2)), b = value_copy(&a);
    blob *own = blob_own(&h, &b);
    own->data[0] = 9;
    assert_int_equal(as_blob(&a)->data[0], 0);
    assert_true(blob_resize(&h, own, 100));
    assert_int_equal(own->data[0], 9);
    assert_int_equal(own->data[99], 0);
    assert_true(blob_resize(&h, own, 1));
    assert_true(blob_resize(&h, own, 3));
    assert_int_equal(own->data[1], 0);
    value_drop(&h, &a);
    value_drop(&h, &b);
}

static void assert_sizes(const rhai_value *v, uint64_t elements, uint64_t entries, uint64_t bytes) {
    sizes s = sizes_of_value(v);
    assert_int_equal(s.array, elements);
    assert_int_equal(s.map, entries);
    assert_int_equal(s.string, bytes);
}

/* As Rhai counts: every element of an array and below; a blob inside is one and its bytes. */
static void containers_know_what_is_in_them_and_below(void **state) {
    (void)state;
    h.track_sizes = true;
    rhai_value v =
        ARRAY(&h, VALUE_INT(1), text_value(&h, "four"), ARRAY(&h, VALUE_INT(1), VALUE_INT(2)),
              VALUE_OBJ(RHAI_BLOB, blob_new(&h, 10)), map_value(&h, "a", text_value(&h, "xy")));
    assert_sizes(&v, 5 + 2 + 11, 1, 6);
    arr *a = as_arr(&v);
    arr_set(&h, a, 3, VALUE_UNIT);
    assert_sizes(&v, 5 + 2, 1, 6);
    rhai_value *nested = &a->items[2];
    sizes before = sizes_of_element(nested);
    rhai_value more = text_value(&h, "zzz");
    assert_true(arr_push(&h, as_arr(nested), &more));
    sizes after = sizes_of_element(nested);
    sizes_add(&v, &before, &after);
    assert_sizes(&v, 5 + 3, 1, 9);
    rhai_value gone = arr_remove(&h, a, 4);
    value_drop(&h, &gone);
    assert_sizes(&v, 4 + 3, 0, 7);
    arr_truncate(&h, a, 1);
    assert_sizes(&v, 1, 0, 0);
    value_drop(&h, &v);
}

/* ---- Equality ---- */

static void assert_equality(rhai_value a, rhai_value b, bool equal) {
    assert_int_equal(value_equal(&h, &a, &b), equal);
    value_drop(&h, &a);
    value_drop(&h, &b);
}

static void containers_are_equal_element_by_element(void **state) {
    (void)state;
    assert_equality(ARRAY(&h, VALUE_INT(1), text_value(&h, "a")),
                    ARRAY(&h, VALUE_INT(1), text_value(&h, "a")), true);
    assert_equality(ARRAY(&h, VALUE_INT(1)), ARRAY(&h, VALUE_FLOAT(1)), true);
    assert_equality(ARRAY(&h, VALUE_FLOAT(0.1 + 0.2)), ARRAY(&h, VALUE_FLOAT(0.3)), true);
    assert_equality(ARRAY(&h, VALUE_FLOAT(__builtin_nan(""))),
                    ARRAY(&h, VALUE_FLOAT(__builtin_nan(""))), false);
    assert_equality(ARRAY(&h, VALUE_CHAR('a')), ARRAY(&h, text_value(&h, "a")), true);
    assert_equality(ARRAY(&h, VALUE_INT(1)), ARRAY(&h, VALUE_BOOL(true)), false);
    assert_equality(ARRAY(&h, VALUE_INT(1)), ARRAY(&h, VALUE_INT(1), VALUE_INT(2)), false);
    assert_equality(map_value(&h, "a", ARRAY(&h, VALUE_UNIT)),
                    map_value(&h, "a", ARRAY(&h, VALUE_UNIT)), true);
    assert_equality(map_value(&h, "a", VALUE_UNIT), map_value(&h, "b", VALUE_UNIT), false);
    assert_equality(fn_value(&h, "f", 0, NULL), fn_value(&h, "f", 0, NULL), false);
}

static int say_yes(void *data, const rhai_value *a, const rhai_value *b) {
    (void)a;
    (void)b;
    return ++*(int *)data;
}

static void what_the_language_cannot_compare_is_for_a_judge(void **state) {
    (void)state;
    int asked = 0;
    rhai_value a = ARRAY(&h, fn_value(&h, "f", 0, NULL)), b = ARRAY(&h, fn_value(&h, "g", 0, NULL));
    assert_int_equal(value_equal_with(&h, &a, &b, say_yes, &asked), 1);
    assert_int_equal(asked, 1);
    value_drop(&h, &a);
    value_drop(&h, &b);
}

static void deep_values_are_compared(void **state) {
    (void)state;
    rhai_value a = VALUE_INT(1), b = VALUE_INT(1);
    for (int i = 0; i < 100000; i++) {
        a = ARRAY(&h, a);
        b = map_value(&h, "x", b);
    }
    rhai_value c = value_copy(&a);
    assert_equality(a, c, true);
    c = value_copy(&b);
    assert_equality(b, c, true);
}

/* ---- Without memory ---- */

static bool use_everything(heap *failing_heap) {
    heap *f = failing_heap;
    rhai_value list = VALUE_UNIT, s = VALUE_UNIT, item = VALUE_UNIT, copy = VALUE_UNIT;
    rhai_str *name = str_intern(f, "name", 4);
    arr *a = name ? arr_new(f, 1) : NULL;
    bool ok = a != NULL;
    if (ok) list = VALUE_OBJ(RHAI_ARRAY, a);
    for (int i = 0; ok && i < 10; i++) {
        ok = value_new_range(f, 0, i, i % 2, &item) && arr_push(f, a, &item);
        value_clear(f, &item);
    }
    ok = ok && value_new_text(f, "start", 5, &s);
    for (int i = 0; ok && i < 10; i++)
        ok = str_append(f, &s, "and something to append", 23);
    copy = value_copy(&list);
    ok = ok && arr_own(f, &copy);
    fnptr *fn = ok ? fnptr_new(f, name, NULL, NULL, 0, &s, 1) : NULL;
    cell *c = fn ? cell_new(f, VALUE_INT(1)) : NULL;
    blob *b = c ? blob_new(f, 10) : NULL;
    ok = b && blob_resize(f, b, 1000);
    obj_unref(f, b);
    obj_unref(f, c);
    obj_unref(f, fn);
    obj_unref(f, name);
    value_drop(f, &copy);
    value_drop(f, &list);
    value_drop(f, &s);
    return ok;
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    with_every_allocation_failing(use_everything);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_byte_is_accounted),
        TEST(an_allocation_past_the_limit_fails_and_says_so),
        TEST(growth_is_content_with_less_near_the_limit),
        TEST(an_array_nested_a_million_deep_is_freed),
        TEST(closures_nested_a_million_deep_are_freed),
        TEST(a_closure_that_captures_itself_goes_with_the_heap),
        TEST(a_cell_leaves_the_list_when_it_dies),
        TEST(an_opaque_object_frees_what_it_holds),
        TEST(a_custom_value_is_cloned_before_a_change_and_a_handle_is_not),
        TEST(equal_texts_are_interned_once_and_forgotten_when_unused),
        TEST(appending_changes_only_a_string_of_ones_own),
        TEST(an_interned_string_is_never_changed),
        TEST(a_string_can_be_appended_to_itself),
        TEST(characters_are_found_in_any_order),
        TEST(strings_compare_by_bytes),
        TEST(only_strict_utf8_is_valid),
        TEST(a_shared_array_is_copied_before_a_change),
        TEST(elements_come_and_go_anywhere),
        TEST(blobs_grow_with_zeros_and_are_copied_when_shared),
        TEST(containers_know_what_is_in_them_and_below),
        TEST(containers_are_equal_element_by_element),
        TEST(what_the_language_cannot_compare_is_for_a_judge),
        TEST(deep_values_are_compared),
        TEST(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
