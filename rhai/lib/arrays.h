/* arrays.h - the natives of arrays; arrays.c has the table with their names and overloads.
 *
 * args[0] is the array. Functions that change it own it first (arr_own); the others never copy.
 */
#ifndef RHAI_LIB_ARRAYS_H
#define RHAI_LIB_ARRAYS_H

#include "lib/callback.h"

#define ARRAY_NATIVES(X)                                                                           \
    /* arrays_edit.c */                                                                            \
    X(set)                                                                                         \
    X(push)                                                                                        \
    X(append) X(concat) X(insert) X(pad) X(pop) X(shift) X(remove) X(clear) X(truncate) X(chop)    \
        X(reverse) X(splice) X(split) X(drain_span) X(retain_span) /* arrays_search.c */           \
        X(len) X(is_empty) X(get) X(extract) X(extract_tail) X(contains) X(index_of)               \
            X(index_of_match) X(index_of_named) X(find) X(find_map) X(some) X(some_named) X(all)   \
                X(all_named) X(equals) X(not_equals) /* arrays_transform.c */                      \
        X(for_each) X(map) X(map_named) X(filter) X(filter_named) X(reduce) X(reduce_named)        \
            X(reduce_rev) X(reduce_rev_named) X(zip) X(drain) X(drain_named) X(retain)             \
                X(retain_named) /* arrays_order.c */                                               \
        X(sort) X(sort_desc) X(sort_by) X(sort_named) X(order) X(order_desc) X(order_by) X(dedup)  \
            X(dedup_named)

#define X(name) rhai_status array_##name(rhai_call *call, rhai_value *args, rhai_value *ret);
ARRAY_NATIVES(X)
#undef X

/* Runs `native` with args[1], the name of a function, replaced by a pointer to that function. */
rhai_status array_with_named(rhai_call *call, rhai_value *args, rhai_value *ret,
                             rhai_native_fn native);

/* Elements [from, from + count) as a new array value, sharing them. */
rhai_status array_new_slice(rhai_call *call, const arr *a, size_t from, size_t count,
                            rhai_value *ret);
/* Takes elements out of *a, an owned array, into a new array value; the gap closes. */
rhai_status array_cut(rhai_call *call, arr *a, size_t from, size_t count, rhai_value *ret);

#endif
