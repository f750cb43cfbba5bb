/* Equality of whole values, as Rhai's == has it. */
#include "value/object.h"

#include <float.h>
#include <math.h>
#include <string.h>

bool float_equal(double a, double b) {
    double scale = a * b == 0 ? 1 : fmax(fabs(a), fabs(b));
    return scale == 0 || fabs(a - b) / scale <= DBL_EPSILON;
}

enum { UNEQUAL = 0, EQUAL = 1, STOPPED = -1, NO_MEMORY = -2, DESCEND = 2 };

/* A pair of arrays or maps being compared, and how far. */
typedef struct level {
    const rhai_value *a, *b;
    uint32_t at;
} level;

typedef struct walk {
    heap *h;
    value_judge judge;
    void *data;
    level *levels; /* `few` until there are more */
    size_t len, cap;
    level few[8];
} walk;

static bool enter(walk *w, const rhai_value *a, const rhai_value *b) {
    if (w->len == w->cap) {
        bool is_few = w->levels == w->few;
        size_t size = 2 * w->cap * sizeof *w->levels, old_size = w->cap * sizeof *w->levels;
        level *levels = heap_resize(w->h, is_few ? NULL : w->levels, is_few ? 0 : old_size, size);
        if (!levels) return false;
        if (is_few) memcpy(levels, w->few, sizeof w->few);
        w->levels = levels;
        w->cap *= 2;
    }
    w->levels[w->len++] = (level){.a = a, .b = b};
    return true;
}

static bool same_range(const range *a, const range *b) {
    return a->from == b->from && a->to == b->to;
}

static bool same_blob(const blob *a, const blob *b) {
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static int different_types(const rhai_value *a, const rhai_value *b) {
    if (a->type == RHAI_INT && b->type == RHAI_FLOAT) return float_equal((double)a->i, b->f);
    if (a->type == RHAI_FLOAT && b->type == RHAI_INT) return float_equal(a->f, (double)b->i);
    if (a->type == RHAI_CHAR && b->type == RHAI_STRING) {
        char bytes[4];
        size_t len = utf8_write(a->c, bytes);
        return as_str(b)->len == len && memcmp(as_str(b)->data, bytes, len) == 0;
    }
    if (a->type == RHAI_STRING && b->type == RHAI_CHAR) return different_types(b, a);
    return UNEQUAL;
}

static int compare(walk *w, const rhai_value *a, const rhai_value *b) {
    if (a->type != b->type) return different_types(a, b);
    switch (a->type) {
    case RHAI_UNIT: return EQUAL;
    case RHAI_BOOL: return a->b == b->b;
    case RHAI_INT:
    case RHAI_BYTE:
    case RHAI_TIMESTAMP: return a->i == b->i;
    case RHAI_CHAR: return a->c == b->c;
    case RHAI_FLOAT: return float_equal(a->f, b->f);
    case RHAI_STRING: return str_equal(as_str(a), as_str(b));
    case RHAI_BLOB: return same_blob(as_blob(a), as_blob(b));
    case RHAI_RANGE:
    case RHAI_RANGE_INCLUSIVE: return same_range(as_range(a), as_range(b));
    case RHAI_ARRAY: return as_arr(a)->len == as_arr(b)->len ? DESCEND : UNEQUAL;
    case RHAI_MAP: return as_map(a)->len == as_map(b)->len ? DESCEND : UNEQUAL;
    default: break;
    }
    if (a->type == RHAI_CUSTOM && as_custom(a)->type != as_custom(b)->type) return UNEQUAL;
    return w->judge ? w->judge(w->data, a, b) : UNEQUAL;
}

/* The next pair of elements of a level: EQUAL when there is none left, DESCEND with *ret_a and
 * *ret_b set, UNEQUAL when b lacks a key of a. */
static int next_pair(walk *w, level *l, const rhai_value **ret_a, const rhai_value **ret_b) {
    if (l->a->type == RHAI_ARRAY) {
        if (l->at == as_arr(l->a)->len) return EQUAL;
        *ret_a = &as_arr(l->a)->items[l->at];
        *ret_b = &as_arr(l->b)->items[l->at];
    } else {
        if (l->at == as_map(l->a)->len) return EQUAL;
        map_entry *entry = map_nth(w->h, as_map(l->a), l->at);
        if (!entry) return NO_MEMORY;
        *ret_a = &entry->value;
        *ret_b = map_find(as_map(l->b), entry->key);
        if (!*ret_b) return UNEQUAL;
    }
    l->at++;
    return DESCEND;
}

static int run(walk *w, const rhai_value *a, const rhai_value *b) {
    int result = compare(w, a, b);
    if (result == DESCEND && !enter(w, a, b)) return NO_MEMORY;
    while (w->len > 0 && result > UNEQUAL) {
        result = next_pair(w, &w->levels[w->len - 1], &a, &b);
        if (result == EQUAL) {
            w->len--;
        } else if (result == DESCEND) {
            result = compare(w, a, b);
            if (result == DESCEND && !enter(w, a, b)) result = NO_MEMORY;
        }
    }
    return result;
}

int value_equal_with(heap *h, const rhai_value *a, const rhai_value *b, value_judge judge,
                     void *data) {
    walk w = {.h = h, .judge = judge, .data = data};
    w.levels = w.few;
    w.cap = sizeof w.few / sizeof *w.few;
    int result = run(&w, a, b);
    if (w.levels != w.few) heap_free(h, w.levels, w.cap * sizeof *w.levels);
    return result;
}

bool value_equal(heap *h, const rhai_value *a, const rhai_value *b) {
    return value_equal_with(h, a, b, NULL, NULL) == EQUAL;
}
