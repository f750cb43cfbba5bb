/* arrays_transform.c - functions that run a call-back over every element. */
#include "lib/arrays.h"

#include <string.h>

rhai_status array_for_each(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    for (size_t i = 0; i < as_arr(args)->len; i++) {
        rhai_value index = VALUE_INT((int64_t)i);
        callback back = {
            .caller = "for_each", .fn = &args[1], .extras = &index, .nextras = 1, .self_at = -1};
        rhai_value ignored = VALUE_UNIT;
        rhai_status status = callback_item(call, &back, &args[0], i, &ignored);
        if (status == RHAI_EXITED)
            *ret = ignored;
        else
            value_drop(call->h, &ignored);
        if (status != RHAI_OK) return status;
    }
    return RHAI_OK;
}

/* Gives up a half-made result. An exit's value, in *item, takes its place. */
static rhai_status abandon(rhai_call *call, rhai_status status, arr *made, rhai_value *item,
                           rhai_value *ret) {
    obj_unref(call->h, made);
    *ret = *item;
    return status;
}

rhai_status array_map(rhai_call *call, rhai_value *args, rhai_value *ret) {
    arr *made = arr_new(call->h, as_arr(args)->len);
    if (!made) return call_no_memory(call);
    for (size_t i = 0; i < as_arr(args)->len; i++) {
        rhai_value index = VALUE_INT((int64_t)i), item = VALUE_UNIT;
        callback back = {.caller = "map", .fn = &args[1], .extras = &index, .nextras = 1};
        rhai_status status = callback_item(call, &back, &args[0], i, &item);
        if (status != RHAI_OK) return abandon(call, status, made, &item, ret);
        if (!arr_push(call->h, made, &item)) {
            value_clear(call->h, &item);
            return abandon(call, call_no_memory(call), made, &item, ret);
        }
    }
    *ret = VALUE_OBJ(RHAI_ARRAY, made);
    return RHAI_OK;
}

rhai_status array_map_named(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return array_with_named(call, args, ret, array_map);
}

rhai_status array_filter(rhai_call *call, rhai_value *args, rhai_value *ret) {
    arr *made = arr_new(call->h, 0);
    if (!made) return call_no_memory(call);
    for (size_t i = 0; i < as_arr(args)->len; i++) {
        rhai_value index = VALUE_INT((int64_t)i), item = VALUE_UNIT;
        callback back = {.caller = "filter", .fn = &args[1], .extras = &index, .nextras = 1};
        rhai_status status = callback_item(call, &back, &args[0], i, &item);
        if (status != RHAI_OK) return abandon(call, status, made, &item, ret);
        bool keep = item.type == RHAI_BOOL && item.b;
        value_clear(call->h, &item);
        if (!keep) continue;
        item = value_copy(&as_arr(args)->items[i]);
        if (!arr_push(call->h, made, &item)) {
            value_clear(call->h, &item);
            return abandon(call, call_no_memory(call), made, &item, ret);
        }
    }
    *ret = VALUE_OBJ(RHAI_ARRAY, made);
    return RHAI_OK;
}

rhai_status array_filter_named(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return array_with_named(call, args, ret, array_filter);
}

/* The result so far is the call-back's first argument, the element its second. */
static rhai_status reduce(rhai_call *call, const char *caller, rhai_value *args, bool reversed,
                          rhai_value *ret) {
    rhai_value result = call->nargs > 2 ? value_take(&args[2]) : VALUE_UNIT;
    size_t len = as_arr(args)->len;
    for (size_t n = 0; n < len; n++) {
        size_t i = reversed ? len - 1 - n : n;
        rhai_value index = VALUE_INT((int64_t)i), next = VALUE_UNIT;
        callback back = {.caller = caller,
                         .fn = &args[1],
                         .args = &result,
                         .nargs = 1,
                         .extras = &index,
                         .nextras = 1,
                         .self_at = 1};
        rhai_status status = callback_item(call, &back, &args[0], i, &next);
        value_drop(call->h, &result);
        result = next;
        if (status != RHAI_OK) {
            *ret = result;
            return status;
        }
    }
    *ret = result;
    return RHAI_OK;
}

rhai_status array_reduce(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return reduce(call, "reduce", args, false, ret);
}

rhai_status array_reduce_named(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return array_with_named(call, args, ret, array_reduce);
}

rhai_status array_reduce_rev(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return reduce(call, "reduce_rev", args, true, ret);
}

rhai_status array_reduce_rev_named(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return array_with_named(call, args, ret, array_reduce_rev);
}

rhai_status array_zip(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t len = as_arr(&args[0])->len;
    if (as_arr(&args[1])->len < len) len = as_arr(&args[1])->len;
    arr *made = arr_new(call->h, len);
    if (!made) return call_no_memory(call);
    for (size_t i = 0; i < len; i++) {
        rhai_value pair[2] = {as_arr(&args[0])->items[i], as_arr(&args[1])->items[i]};
        rhai_value index = VALUE_INT((int64_t)i), item = VALUE_UNIT;
        rhai_status status = call_back(call, "zip", &args[2], NULL, pair, 2, &index, 1, -1, &item);
        if (status != RHAI_OK) return abandon(call, status, made, &item, ret);
        if (!arr_push(call->h, made, &item)) {
            value_clear(call->h, &item);
            return abandon(call, call_no_memory(call), made, &item, ret);
        }
    }
    *ret = VALUE_OBJ(RHAI_ARRAY, made);
    return RHAI_OK;
}

/* Splits *a by what the call-back says of each element: those that it says `taken` of go to
 * *made, the others move up. When a call-back fails, those taken so far are lost. */
static rhai_status separate(rhai_call *call, const char *caller, rhai_value *args, bool taken,
                            arr *made, rhai_value *ret) {
    arr *a = as_arr(args);
    uint32_t kept = 0, i = 0;
    rhai_status status = RHAI_OK;
    while (i < a->len) {
        rhai_value index = VALUE_INT(i), answer = VALUE_UNIT;
        callback back = {.caller = caller, .fn = &args[1], .extras = &index, .nextras = 1};
        status = callback_item(call, &back, &args[0], i, &answer);
        if (status != RHAI_OK) {
            *ret = answer;
            break;
        }
        bool said = answer.type == RHAI_BOOL && answer.b;
        value_drop(call->h, &answer);
        rhai_value item = value_take(&a->items[i++]);
        if (said != taken) {
            a->items[kept++] = item;
        } else if (!arr_push(call->h, made, &item)) {
            value_drop(call->h, &item);
            status = call_no_memory(call);
            break;
        }
    }
    if (kept < i) memmove(a->items + kept, a->items + i, (a->len - i) * sizeof *a->items);
    a->len = kept + (a->len - i);
    arr_recount(call->h, a);
    return status;
}

static rhai_status take_apart(rhai_call *call, const char *caller, rhai_value *args, bool taken,
                              rhai_value *ret) {
    arr *made = arr_new(call->h, 0);
    if (!made || !arr_own(call->h, &args[0])) {
        obj_unref(call->h, made);
        return call_no_memory(call);
    }
    rhai_status status = separate(call, caller, args, taken, made, ret);
    if (status != RHAI_OK) {
        obj_unref(call->h, made);
        return status;
    }
    *ret = VALUE_OBJ(RHAI_ARRAY, made);
    return RHAI_OK;
}

rhai_status array_drain(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return take_apart(call, "drain", args, true, ret);
}

rhai_status array_drain_named(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return array_with_named(call, args, ret, array_drain);
}

rhai_status array_retain(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return take_apart(call, "retain", args, false, ret);
}

rhai_status array_retain_named(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return array_with_named(call, args, ret, array_retain);
}
