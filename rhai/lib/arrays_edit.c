/* arrays_edit.c - functions that change an array. */
#include "lib/arrays.h"

#include "lib/slice.h"

#include <string.h>

/* An empty array may have no memory at all, which memcpy must not be given. */
static void copy_items(rhai_value *to, const rhai_value *from, size_t count) {
    if (count > 0) memcpy(to, from, count * sizeof *to);
}

static void move_items(rhai_value *to, const rhai_value *from, size_t count) {
    if (count > 0) memmove(to, from, count * sizeof *to);
}

static rhai_status new_array(rhai_call *call, size_t cap, rhai_value *ret) {
    arr *made = arr_new(call->h, cap);
    if (!made) return call_no_memory(call);
    *ret = VALUE_OBJ(RHAI_ARRAY, made);
    return RHAI_OK;
}

rhai_status array_new_slice(rhai_call *call, const arr *a, size_t from, size_t count,
                            rhai_value *ret) {
    rhai_status status = new_array(call, count, ret);
    if (status != RHAI_OK) return status;
    arr *made = as_arr(ret);
    for (size_t i = 0; i < count; i++)
        made->items[i] = value_copy(&a->items[from + i]);
    made->len = (uint32_t)count;
    arr_recount(call->h, made);
    return RHAI_OK;
}

static void close_gap(heap *h, arr *a, size_t from, size_t count) {
    size_t behind = a->len - from - count;
    move_items(a->items + from, a->items + from + count, behind);
    a->len -= (uint32_t)count;
    arr_recount(h, a);
}

rhai_status array_cut(rhai_call *call, arr *a, size_t from, size_t count, rhai_value *ret) {
    rhai_status status = new_array(call, count, ret);
    if (status != RHAI_OK || count == 0) return status;
    arr *made = as_arr(ret);
    copy_items(made->items, a->items + from, count);
    made->len = (uint32_t)count;
    arr_recount(call->h, made);
    close_gap(call->h, a, from, count);
    return RHAI_OK;
}

static void drop_span(heap *h, arr *a, size_t from, size_t count) {
    for (size_t i = 0; i < count; i++)
        value_clear(h, &a->items[from + i]);
    close_gap(h, a, from, count);
}

/* Makes *v the array *other (which becomes what *v was), keeping the value's tag. */
static void swap_contents(rhai_value *v, rhai_value *other) {
    void *contents = v->obj;
    v->obj = other->obj;
    other->obj = contents;
}

/* Puts the elements of `from` into *v, an array, before element `at`. */
static bool insert_all(heap *h, rhai_value *v, size_t at, const arr *from) {
    arr *a = arr_own(h, v);
    size_t count = from->len;
    if (count == 0) return a != NULL;
    if (!a || count > UINT32_MAX - a->len || !arr_reserve(h, a, a->len + count)) return false;
    move_items(a->items + at + count, a->items + at, a->len - at);
    for (size_t i = 0; i < count; i++)
        a->items[at + i] = value_copy(&from->items[i]);
    a->len += (uint32_t)count;
    if (h->track_sizes) {
        sizes none = {0};
        sizes_add(v, &none, &from->sizes);
    }
    return true;
}

rhai_status array_set(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    size_t at = slice_start(as_arr(args)->len, args[1].i);
    if (at >= as_arr(args)->len) return RHAI_OK;
    arr *a = arr_own(call->h, &args[0]);
    if (!a) return call_no_memory(call);
    arr_set(call->h, a, at, value_take(&args[2]));
    return RHAI_OK;
}

rhai_status array_push(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    arr *a = arr_own(call->h, &args[0]);
    rhai_value item = value_take(&args[1]);
    if (!a || !arr_push(call->h, a, &item)) {
        value_drop(call->h, &item);
        return call_no_memory(call);
    }
    return RHAI_OK;
}

rhai_status array_append(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    if (as_arr(&args[1])->len == 0) return RHAI_OK;
    if (as_arr(args)->len == 0)
        swap_contents(&args[0], &args[1]);
    else if (!insert_all(call->h, &args[0], as_arr(args)->len, as_arr(&args[1])))
        return call_no_memory(call);
    return RHAI_OK;
}

rhai_status array_concat(rhai_call *call, rhai_value *args, rhai_value *ret) {
    if (as_arr(args)->len == 0 || as_arr(&args[1])->len == 0) {
        *ret = value_take(&args[as_arr(args)->len == 0]);
        return RHAI_OK;
    }
    *ret = value_take(&args[0]);
    if (!insert_all(call->h, ret, as_arr(ret)->len, as_arr(&args[1]))) {
        value_clear(call->h, ret);
        return call_no_memory(call);
    }
    return RHAI_OK;
}

rhai_status array_insert(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    arr *a = arr_own(call->h, &args[0]);
    rhai_value item = value_take(&args[2]);
    if (!a || !arr_insert(call->h, a, slice_start(a->len, args[1].i), &item)) {
        value_drop(call->h, &item);
        return call_no_memory(call);
    }
    return RHAI_OK;
}

static uint64_t scaled_sum(uint64_t have, uint64_t each, uint64_t times) {
    uint64_t more, sum;
    if (__builtin_mul_overflow(each, times, &more) || __builtin_add_overflow(have, more, &sum))
        return UINT64_MAX;
    return sum;
}

/* Padding is the one function that can make an array huge at once, so the limits are looked at
 * before anything is allocated. */
static rhai_status check_padding(rhai_call *call, const rhai_value *args, uint64_t count) {
    if (rhai_engine_limit(call->engine, RHAI_MAX_ARRAY_SIZE) == 0) return RHAI_OK;
    sizes have = sizes_of_value(&args[0]), each = sizes_of_value(&args[2]);
    sizes total = {
        .array = scaled_sum(have.array, each.array + 1, count),
        .map = scaled_sum(have.map, each.map, count),
        .string = scaled_sum(have.string, each.string, count),
    };
    return call_check_sizes(call, &total);
}

rhai_status array_pad(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    int64_t len = args[1].i;
    size_t have = as_arr(args)->len;
    if (len < 0 || (uint64_t)len <= have) return RHAI_OK;
    rhai_status status = check_padding(call, args, (uint64_t)len - have);
    if (status != RHAI_OK) return status;
    arr *a = len <= UINT32_MAX ? arr_own(call->h, &args[0]) : NULL;
    if (!a || !arr_reserve(call->h, a, (size_t)len)) return call_no_memory(call);
    for (size_t i = have; i < (size_t)len; i++)
        a->items[i] = value_copy(&args[2]);
    a->len = (uint32_t)len;
    arr_recount(call->h, a);
    return RHAI_OK;
}

static rhai_status remove_at(rhai_call *call, rhai_value *args, size_t at, rhai_value *ret) {
    arr *a = arr_own(call->h, &args[0]);
    if (!a) return call_no_memory(call);
    *ret = arr_remove(call->h, a, at);
    return RHAI_OK;
}

rhai_status array_pop(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t len = as_arr(args)->len;
    return len ? remove_at(call, args, len - 1, ret) : RHAI_OK;
}

rhai_status array_shift(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return as_arr(args)->len ? remove_at(call, args, 0, ret) : RHAI_OK;
}

rhai_status array_remove(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t at;
    bool exists = slice_index(as_arr(args)->len, args[1].i, &at);
    return exists ? remove_at(call, args, at, ret) : RHAI_OK;
}

static rhai_status empty(rhai_call *call, rhai_value *args) {
    arr *a = as_arr(args);
    if (a->len == 0) return RHAI_OK;
    if (a->head.refs == 1) {
        arr_truncate(call->h, a, 0);
        return RHAI_OK;
    }
    rhai_value fresh = VALUE_UNIT;
    rhai_status status = new_array(call, 0, &fresh);
    if (status == RHAI_OK) {
        swap_contents(&args[0], &fresh);
        value_drop(call->h, &fresh);
    }
    return status;
}

rhai_status array_clear(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return empty(call, args);
}

rhai_status array_truncate(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    int64_t len = args[1].i;
    if (len <= 0) return empty(call, args);
    if ((uint64_t)len >= as_arr(args)->len) return RHAI_OK;
    arr *a = arr_own(call->h, &args[0]);
    if (!a) return call_no_memory(call);
    arr_truncate(call->h, a, (size_t)len);
    return RHAI_OK;
}

rhai_status array_chop(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    int64_t len = args[1].i;
    if (len <= 0) return empty(call, args);
    if ((uint64_t)len >= as_arr(args)->len) return RHAI_OK;
    arr *a = arr_own(call->h, &args[0]);
    if (!a) return call_no_memory(call);
    drop_span(call->h, a, 0, a->len - (size_t)len);
    return RHAI_OK;
}

rhai_status array_reverse(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    if (as_arr(args)->len == 0) return RHAI_OK;
    arr *a = arr_own(call->h, &args[0]);
    if (!a) return call_no_memory(call);
    for (size_t i = 0, j = a->len - 1; i < j; i++, j--) {
        rhai_value item = a->items[i];
        a->items[i] = a->items[j];
        a->items[j] = item;
    }
    return RHAI_OK;
}

rhai_status array_splice(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    int64_t start, count;
    rhai_value *with = &args[1 + slice_args(&args[1], &start, &count)];
    if (as_arr(args)->len == 0) {
        swap_contents(&args[0], with);
        return RHAI_OK;
    }
    slice s = slice_clamp(as_arr(args)->len, start, count);
    if (!insert_all(call->h, &args[0], s.from + s.count, as_arr(with))) return call_no_memory(call);
    if (s.count > 0) drop_span(call->h, as_arr(args), s.from, s.count);
    return RHAI_OK;
}

rhai_status array_split(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t at = slice_start(as_arr(args)->len, args[1].i);
    arr *a = arr_own(call->h, &args[0]);
    return a ? array_cut(call, a, at, a->len - at, ret) : call_no_memory(call);
}

rhai_status array_drain_span(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t start, count;
    slice_args(&args[1], &start, &count);
    slice s = slice_clamp(as_arr(args)->len, start, count);
    if (s.count == 0) return new_array(call, 0, ret);
    arr *a = arr_own(call->h, &args[0]);
    return a ? array_cut(call, a, s.from, s.count, ret) : call_no_memory(call);
}

/* The removed elements are those before the span, then those behind it. */
rhai_status array_retain_span(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t start, count;
    slice_args(&args[1], &start, &count);
    slice s = slice_clamp(as_arr(args)->len, start, count);
    if (s.count == 0) return new_array(call, 0, ret);
    arr *a = arr_own(call->h, &args[0]);
    if (!a) return call_no_memory(call);
    size_t behind = a->len - s.from - s.count;
    rhai_status status = new_array(call, s.from + behind, ret);
    if (s.from + behind == 0) return status;
    if (status != RHAI_OK) return status;
    arr *removed = as_arr(ret);
    copy_items(removed->items, a->items, s.from);
    copy_items(removed->items + s.from, a->items + s.from + s.count, behind);
    removed->len = (uint32_t)(s.from + behind);
    move_items(a->items, a->items + s.from, s.count);
    a->len = (uint32_t)s.count;
    arr_recount(call->h, removed);
    arr_recount(call->h, a);
    return RHAI_OK;
}
