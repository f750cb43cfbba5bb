/* value_testing.h - heaps for unit tests: one that fails on demand, and values in one line. */
#ifndef RHAI_TESTS_VALUE_TESTING_H
#define RHAI_TESTS_VALUE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "native/error.h"

#include <stdlib.h>
#include <string.h>

/* An allocator whose n-th request for more memory fails (0: none does). */
typedef struct failing {
    size_t requests, fail_at;
} failing;

static inline void *failing_allocator(void *data, void *block, size_t old_size, size_t new_size) {
    failing *f = data;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    if (new_size > old_size && ++f->requests == f->fail_at) return NULL;
    return realloc(block, new_size);
}

/* Runs `work` again and again, failing the 1st, 2nd, ... allocation, until it gets through. Work
 * returns false when it ran out of memory; whatever happens, nothing may be left. */
static inline void with_every_allocation_failing(bool (*work)(heap *h)) {
    for (size_t n = 1;; n++) {
        failing f = {.fail_at = n};
        heap h;
        heap_init(&h, failing_allocator, &f);
        bool done = work(&h);
        heap_done(&h);
        assert_int_equal(h.used, 0);
        if (f.requests < n) {
            assert_true(done);
            return;
        }
        assert_in_range(n, 1, 100000);
    }
}

static inline rhai_value text_value(heap *h, const char *s) {
    rhai_value v;
    assert_true(value_new_text(h, s, strlen(s), &v));
    return v;
}

/* An array of `len` values, which it takes over. */
static inline rhai_value array_value(heap *h, size_t len, rhai_value *items) {
    arr *a = arr_new(h, 0);
    assert_non_null(a);
    for (size_t i = 0; i < len; i++)
        assert_true(arr_push(h, a, &items[i]));
    return VALUE_OBJ(RHAI_ARRAY, a);
}
#define ARRAY(h, ...)                                                                              \
    array_value(h, sizeof((rhai_value[]){__VA_ARGS__}) / sizeof(rhai_value),                       \
                (rhai_value[]){__VA_ARGS__})

static inline void put(heap *h, rhai_value *m, const char *name, rhai_value item) {
    rhai_str *key = str_intern(h, name, strlen(name));
    assert_non_null(key);
    assert_true(map_set(h, map_own(h, m), key, &item));
    obj_unref(h, key);
}

static inline rhai_value map_value(heap *h, const char *name, rhai_value item) {
    rhai_value m = VALUE_OBJ(RHAI_MAP, map_new(h, 0));
    put(h, &m, name, item);
    return m;
}

static inline rhai_value fn_value(heap *h, const char *name, size_t ncurry,
                                  const rhai_value *curry) {
    rhai_str *s = str_intern(h, name, strlen(name));
    assert_non_null(s);
    fnptr *f = fnptr_new(h, s, NULL, NULL, 0, curry, ncurry);
    assert_non_null(f);
    obj_unref(h, s);
    return VALUE_OBJ(RHAI_FN, f);
}

#endif
