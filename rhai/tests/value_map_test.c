/* Maps, checked after every step of random work against a plain table. */
#include "tests/value_testing.h"

#include <stdio.h>

static heap h;

static int set_up(void **state) {
    (void)state;
    heap_init(&h, NULL, NULL);
    h.track_sizes = true;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    heap_done(&h);
    assert_int_equal(h.used, 0);
    return 0;
}

/* Every promise of object.h about the shape of a map. */
static void assert_sane_map(map *m) {
    assert_true(m->len <= m->cap);
    assert_int_equal(m->sizes.map, m->len);
    if (!m->index) {
        assert_true(m->len <= MAP_SMALL);
        assert_null(m->order);
        for (uint32_t i = 1; i < m->len; i++)
            assert_true(str_compare(m->entries[i - 1].key, m->entries[i].key) < 0);
        return;
    }
    uint32_t mask = m->index_cap - 1, slots = 0;
    assert_int_equal(m->index_cap & mask, 0);
    assert_true(m->len < m->index_cap);
    for (uint32_t i = 0; i < m->index_cap; i++) {
        map_slot slot = m->index[i];
        if (slot.entry == 0) continue;
        slots++;
        assert_true(slot.entry <= m->len);
        assert_int_equal(slot.hash, str_hash(m->entries[slot.entry - 1].key));
        for (uint32_t j = slot.hash & mask; j != i; j = (j + 1) & mask)
            assert_int_not_equal(m->index[j].entry, 0);
    }
    assert_int_equal(slots, m->len);
    if (!m->order) return;
    assert_true(m->len <= m->order_cap);
    for (uint32_t i = 1; i < m->len; i++)
        assert_true(str_compare(m->entries[m->order[i - 1]].key, m->entries[m->order[i]].key) < 0);
}

static rhai_str *key_number(unsigned number, bool interned) {
    char name[16];
    size_t len = (size_t)snprintf(name, sizeof name, "k%u", number);
    return interned ? str_intern(&h, name, len) : str_new(&h, name, len);
}

static void random_work_keeps_a_map_sane(void **state) {
    (void)state;
    enum { KEYS = 60, STEPS = 20000, ABSENT = -1 };
    int expected[KEYS];
    unsigned random = 42, count = 0;
    map *m = map_new(&h, 0);
    for (unsigned i = 0; i < KEYS; i++)
        expected[i] = ABSENT;
    for (int step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        /* Phases of mostly adding and mostly removing, to cross the small size both ways. */
        bool adds = (random >> 8) % 4 != (unsigned)(step / 500 % 2 ? 0 : 3) ? step / 500 % 2 : 1;
        unsigned number = (random >> 16) % KEYS;
        rhai_str *key = key_number(number, random >> 30 & 1);
        if (adds) {
            rhai_value item = VALUE_INT(step);
            assert_true(map_set(&h, m, key, &item));
            count += expected[number] == ABSENT;
            expected[number] = step;
        } else {
            rhai_value item = VALUE_UNIT;
            assert_int_equal(map_remove(&h, m, key, &item), expected[number] != ABSENT);
            if (expected[number] != ABSENT) assert_int_equal(item.i, expected[number]);
            count -= expected[number] != ABSENT;
            expected[number] = ABSENT;
        }
        assert_int_equal(m->len, count);
        rhai_value *found = map_find(m, key);
        assert_int_equal(found ? found->i : ABSENT, expected[number]);
        assert_ptr_equal(map_find_text(&h, m, key->data, key->len), found);
        obj_unref(&h, key);
        if (step % 7 == 0 && m->len) assert_non_null(map_nth(&h, m, m->len - 1));
        assert_sane_map(m);
    }
    obj_unref(&h, m);
}

static void keys_come_in_byte_order(void **state) {
    (void)state;
    static const char *const names[] = {"b",         "",          "é",   "ab", "a",        "B",
                                        "aaaaaaaab", "aaaaaaaaa", "abc", "z",  "aaaaaaaa", "😀"};
    static const char *const sorted[] = {"",   "B",   "a", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaab",
                                         "ab", "abc", "b", "z",        "é",         "😀"};
    rhai_value v = VALUE_OBJ(RHAI_MAP, map_new(&h, 0));
    for (size_t n = 0; n < 12; n++) {
        put(&h, &v, names[n], VALUE_INT((int64_t)n));
        assert_sane_map(as_map(&v));
    }
    for (size_t i = 0; i < 12; i++)
        assert_string_equal(map_nth(&h, as_map(&v), i)->key->data, sorted[i]);
    assert_null(map_nth(&h, as_map(&v), 12));
    value_drop(&h, &v);
}

static void the_order_survives_keys_added_at_the_end(void **state) {
    (void)state;
    rhai_value v = VALUE_OBJ(RHAI_MAP, map_new(&h, 0));
    char name[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%06d", i);
        put(&h, &v, name, VALUE_INT(i));
        if (i == 20) assert_non_null(map_nth(&h, as_map(&v), 0));
        if (i > 20) assert_non_null(as_map(&v)->order);
    }
    assert_sane_map(as_map(&v));
    put(&h, &v, "000500a", VALUE_UNIT);
    assert_null(as_map(&v)->order);
    assert_string_equal(map_nth(&h, as_map(&v), 501)->key->data, "000500a");
    value_drop(&h, &v);
}

static void a_shared_map_is_copied_before_a_change(void **state) {
    (void)state;
    for (unsigned size = 4; size < 100; size += 40) {
        rhai_value a = VALUE_OBJ(RHAI_MAP, map_new(&h, 0));
        for (unsigned i = 0; i < size; i++) {
            rhai_str *key = key_number(i, true);
            rhai_value item = VALUE_INT(i);
            assert_true(map_set(&h, as_map(&a), key, &item));
            obj_unref(&h, key);
        }
        rhai_value b = value_copy(&a);
        put(&h, &b, "k1", VALUE_INT(-1));
        put(&h, &b, "new", VALUE_UNIT);
        assert_int_equal(map_find_text(&h, as_map(&a), "k1", 2)->i, 1);
        assert_int_equal(map_find_text(&h, as_map(&b), "k1", 2)->i, -1);
        assert_int_equal(as_map(&a)->len, size);
        assert_sane_map(as_map(&a));
        assert_sane_map(as_map(&b));
        value_drop(&h, &a);
        value_drop(&h, &b);
    }
}

static void a_cleared_map_is_as_new(void **state) {
    (void)state;
    rhai_value v = VALUE_OBJ(RHAI_MAP, map_new(&h, 0));
    char name[16];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "%d", i);
        put(&h, &v, name, text_value(&h, "item"));
    }
    map_clear(&h, as_map(&v));
    assert_sane_map(as_map(&v));
    assert_int_equal(as_map(&v)->len, 0);
    put(&h, &v, "a", VALUE_UNIT);
    assert_sane_map(as_map(&v));
    value_drop(&h, &v);
}

static void maps_count_their_entries_and_what_is_below(void **state) {
    (void)state;
    rhai_value v = map_value(&h, "a", ARRAY(&h, VALUE_INT(1), text_value(&h, "xyz")));
    put(&h, &v, "b", map_value(&h, "c", VALUE_OBJ(RHAI_BLOB, blob_new(&h, 5))));
    sizes s = sizes_of_value(&v);
    assert_int_equal(s.map, 3);
    assert_int_equal(s.array, 2 + 6);
    assert_int_equal(s.string, 3);
    rhai_str *key = str_new(&h, "a", 1);
    assert_true(map_remove(&h, as_map(&v), key, NULL));
    assert_false(map_remove(&h, as_map(&v), key, NULL));
    obj_unref(&h, key);
    s = sizes_of_value(&v);
    assert_int_equal(s.map, 2);
    assert_int_equal(s.array, 6);
    value_drop(&h, &v);
}

static bool fill_map(heap *failing_heap) {
    heap *f = failing_heap;
    bool ok = true;
    map *m = map_new(f, 0);
    if (!m) return false;
    rhai_value v = VALUE_OBJ(RHAI_MAP, m), copy = VALUE_UNIT;
    char name[16];
    for (int i = 0; ok && i < 40; i++) {
        size_t len = (size_t)snprintf(name, sizeof name, "%d", i * 7 % 40);
        rhai_str *key = str_intern(f, name, len);
        rhai_value item = VALUE_INT(i);
        ok = key && map_set(f, m, key, &item);
        obj_unref(f, key);
        ok = ok && map_nth(f, m, 0);
    }
    copy = value_copy(&v);
    ok = ok && map_own(f, &copy) && value_equal(f, &v, &copy);
    value_drop(f, &copy);
    value_drop(f, &v);
    return ok;
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    with_every_allocation_failing(fill_map);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(random_work_keeps_a_map_sane),
        TEST(keys_come_in_byte_order),
        TEST(the_order_survives_keys_added_at_the_end),
        TEST(a_shared_map_is_copied_before_a_change),
        TEST(a_cleared_map_is_as_new),
        TEST(maps_count_their_entries_and_what_is_below),
        TEST(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
