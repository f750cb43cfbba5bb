/* equality.c - deep comparison with a stack of its own. */
#include "lib/equality.h"

#include <string.h>

/* A pair of containers of one type and the number of the next element to compare. */
typedef struct pair {
    const rhai_value *a, *b;
    uint32_t next;
} pair;

enum { PAIRS_INLINE = 8 };

typedef struct comparison {
    rhai_call *call;
    pair *open; /* the innermost last */
    size_t len, cap;
    rhai_status status;
    pair first[PAIRS_INLINE];
} comparison;

static bool out_of_memory(comparison *c) {
    c->status = call_no_memory(c->call);
    return false;
}

static bool open_pair(comparison *c, const rhai_value *a, const rhai_value *b) {
    if (c->len == c->cap) {
        size_t size = c->cap * sizeof *c->open;
        pair *grown = heap_alloc(c->call->h, 2 * size);
        if (!grown) return out_of_memory(c);
        memcpy(grown, c->open, size);
        if (c->open != c->first) heap_free(c->call->h, c->open, size);
        c->open = grown;
        c->cap *= 2;
    }
    c->open[c->len++] = (pair){.a = a, .b = b};
    return true;
}

/* Rhai lets the comparison of an array take the elements of its second operand over when they
 * are containers; if such a comparison then ends in a missing `==`, the types differ (one is
 * gone), and the answer is a plain no. Only a missing `==` between the elements themselves, or
 * below maps alone, is an error. */
static bool hides_missing_operator(const comparison *c) {
    for (size_t i = 0; i + 1 < c->len; i++) {
        if (c->open[i].a->type == RHAI_ARRAY) return true;
    }
    return false;
}

/* A pair of one type that the language itself cannot compare: a registered `==`, if any. */
static int compare_by_native(void *data, const rhai_value *a, const rhai_value *b) {
    comparison *c = data;
    rhai_call *call = c->call;
    rhai_value args[2] = {value_copy(a), value_copy(b)}, result = VALUE_UNIT;
    if (call_has_native(call, "==", args, 2))
        c->status = call_named(call, "==", args, 2, &result);
    else if (!hides_missing_operator(c))
        c->status =
            call_fail(call, error_newf(call->h, ERR_FUNCTION_NOT_FOUND, POS_NONE, "== (%s, %s)",
                                       value_type_name(a), value_type_name(b)));
    bool equal = result.type == RHAI_BOOL && result.b;
    value_drop(call->h, &result);
    value_drop(call->h, &args[0]);
    value_drop(call->h, &args[1]);
    return equal;
}

static bool compare_leaves(comparison *c, const rhai_value *a, const rhai_value *b) {
    if (a->type == b->type && a->type == RHAI_INT) return a->i == b->i;
    if (a->type == b->type && a->type == RHAI_STRING) return str_equal(as_str(a), as_str(b));
    int equal = value_equal_with(c->call->h, a, b, compare_by_native, c);
    return equal == -2 ? out_of_memory(c) : equal == 1 && c->status == RHAI_OK;
}

static uint32_t count_elements(const rhai_value *v) {
    return v->type == RHAI_ARRAY ? as_arr(v)->len : as_map(v)->len;
}

static bool is_container(const rhai_value *v) {
    return v->type == RHAI_ARRAY || v->type == RHAI_MAP;
}

/* The next two elements of the innermost pair. False: there is no second one. */
static bool next_elements(comparison *c, const rhai_value **ret_a, const rhai_value **ret_b) {
    pair *top = &c->open[c->len - 1];
    uint32_t i = top->next++;
    if (top->a->type == RHAI_ARRAY) {
        *ret_a = &as_arr(top->a)->items[i];
        *ret_b = &as_arr(top->b)->items[i];
        return true;
    }
    const map_entry *entry = map_nth(c->call->h, as_map(top->a), i);
    if (!entry) return out_of_memory(c);
    *ret_a = &entry->value;
    *ret_b = map_find(as_map(top->b), entry->key);
    return *ret_b != NULL;
}

static bool compare(comparison *c, const rhai_value *a, const rhai_value *b) {
    for (;;) {
        if (a->type != b->type || !is_container(a)) {
            if (!compare_leaves(c, a, b)) return false;
        } else if (count_elements(a) != count_elements(b) || !open_pair(c, a, b)) {
            return false;
        }
        while (c->len > 0 && c->open[c->len - 1].next == count_elements(c->open[c->len - 1].a))
            c->len--;
        if (c->len == 0) return true;
        if (!next_elements(c, &a, &b)) return false;
    }
}

rhai_status values_equal(rhai_call *call, const rhai_value *a, const rhai_value *b, bool *ret) {
    comparison c; /* `first` needs no initial values */
    c.call = call;
    c.open = c.first;
    c.len = 0;
    c.cap = PAIRS_INLINE;
    c.status = RHAI_OK;
    *ret = compare(&c, a, b) && c.status == RHAI_OK;
    if (c.open != c.first) heap_free(call->h, c.open, c.cap * sizeof *c.open);
    return c.status;
}
