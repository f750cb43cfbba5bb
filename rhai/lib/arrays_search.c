/* arrays_search.c - functions that look at an array. */
#include "lib/arrays.h"

#include <string.h>

#include "lib/equality.h"
#include "lib/fn_ptr.h"
#include "lib/slice.h"

rhai_status array_with_named(rhai_call *call, rhai_value *args, rhai_value *ret,
                             rhai_native_fn native) {
    rhai_value fn;
    rhai_status status = fn_from_name(call, &args[1], &fn);
    if (status != RHAI_OK) return status;
    rhai_value name = args[1];
    args[1] = fn;
    status = native(call, args, ret);
    value_drop(call->h, &args[1]);
    args[1] = name;
    return status;
}

rhai_status array_len(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_INT(as_arr(args)->len);
    return RHAI_OK;
}

rhai_status array_is_empty(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_BOOL(as_arr(args)->len == 0);
    return RHAI_OK;
}

rhai_status array_get(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const arr *a = as_arr(args);
    size_t at = slice_start(a->len, args[1].i);
    if (at < a->len) *ret = value_copy(&a->items[at]);
    return RHAI_OK;
}

rhai_status array_extract(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t start, count;
    slice_args(&args[1], &start, &count);
    slice s = slice_clamp(as_arr(args)->len, start, count);
    return array_new_slice(call, as_arr(args), s.from, s.count, ret);
}

rhai_status array_extract_tail(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t from = slice_start(as_arr(args)->len, args[1].i);
    return array_new_slice(call, as_arr(args), from, as_arr(args)->len - from, ret);
}

/* Number of the first element from `start` on that equals *wanted, -1 if none does. */
static rhai_status search_value(rhai_call *call, const arr *a, size_t start,
                                const rhai_value *wanted, int64_t *ret) {
    *ret = -1;
    for (size_t i = start; i < a->len; i++) {
        bool equal;
        rhai_status status = values_equal(call, &a->items[i], wanted, &equal);
        if (status != RHAI_OK) return status;
        if (equal) {
            *ret = (int64_t)i;
            break;
        }
    }
    return RHAI_OK;
}

rhai_status array_contains(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t at;
    rhai_status status = search_value(call, as_arr(args), 0, &args[1], &at);
    if (status == RHAI_OK) *ret = VALUE_BOOL(at >= 0);
    return status;
}

/* Where a search begins: args[2] when the overload has one. */
static size_t start_arg(const rhai_call *call, const rhai_value *args) {
    return call->nargs > 2 ? slice_start(as_arr(args)->len, args[2].i) : 0;
}

rhai_status array_index_of(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t at;
    rhai_status status = search_value(call, as_arr(args), start_arg(call, args), &args[1], &at);
    if (status == RHAI_OK) *ret = VALUE_INT(at);
    return status;
}

/* Number of the first element from `start` on for which args[1] says `wanted`, -1 if none. */
static rhai_status search_match(rhai_call *call, const char *caller, rhai_value *args, size_t start,
                                bool wanted, int64_t *ret) {
    *ret = -1;
    for (size_t i = start; i < as_arr(args)->len; i++) {
        rhai_value index = VALUE_INT((int64_t)i);
        callback back = {.caller = caller, .fn = &args[1], .extras = &index, .nextras = 1};
        bool matches;
        rhai_status status = callback_test(call, &back, &args[0], i, &matches);
        if (status != RHAI_OK) return status;
        if (matches == wanted) {
            *ret = (int64_t)i;
            break;
        }
    }
    return RHAI_OK;
}

rhai_status array_index_of_match(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t at;
    rhai_status status = search_match(call, "index_of", args, start_arg(call, args), true, &at);
    if (status == RHAI_OK) *ret = VALUE_INT(at);
    return status;
}

/* Does this error only say that there is no function whose name begins like that? */
static bool is_missing_function(const rhai_error *error, const rhai_str *name) {
    if (error->kind == ERR_IN_FUNCTION_CALL) error = error->inner;
    return error->kind == ERR_FUNCTION_NOT_FOUND && error->text && error->text->len >= name->len &&
           memcmp(error->text->data, name->data, name->len) == 0;
}

/* A text is the name of a function if there is such a function, else a value to look for. */
rhai_status array_index_of_named(rhai_call *call, rhai_value *args, rhai_value *ret) {
    if (as_arr(args)->len > 0 && fn_name_is_valid(as_str(&args[1]))) {
        rhai_status status = array_with_named(call, args, ret, array_index_of_match);
        if (status != RHAI_ERROR || !is_missing_function(call->error, as_str(&args[1])))
            return status;
        rhai_error_free(call->error);
        call->error = NULL;
    }
    return array_index_of(call, args, ret);
}

/* Errors inside the call-back name index_of, which Rhai's find is made of. */
rhai_status array_find(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t at;
    rhai_status status = search_match(call, "index_of", args, start_arg(call, args), true, &at);
    if (status == RHAI_OK && at >= 0) *ret = value_copy(&as_arr(args)->items[at]);
    return status;
}

rhai_status array_find_map(rhai_call *call, rhai_value *args, rhai_value *ret) {
    for (size_t i = start_arg(call, args); i < as_arr(args)->len; i++) {
        rhai_value index = VALUE_INT((int64_t)i);
        callback back = {.caller = "find_map", .fn = &args[1], .extras = &index, .nextras = 1};
        rhai_status status = callback_item(call, &back, &args[0], i, ret);
        if (status != RHAI_OK || ret->type != RHAI_UNIT) return status;
    }
    return RHAI_OK;
}

rhai_status array_some(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t at;
    rhai_status status = search_match(call, "some", args, 0, true, &at);
    if (status == RHAI_OK) *ret = VALUE_BOOL(at >= 0);
    return status;
}

rhai_status array_some_named(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return array_with_named(call, args, ret, array_some);
}

rhai_status array_all(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t at;
    rhai_status status = search_match(call, "all", args, 0, false, &at);
    if (status == RHAI_OK) *ret = VALUE_BOOL(at < 0);
    return status;
}

rhai_status array_all_named(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return array_with_named(call, args, ret, array_all);
}

rhai_status array_equals(rhai_call *call, rhai_value *args, rhai_value *ret) {
    bool equal;
    rhai_status status = values_equal(call, &args[0], &args[1], &equal);
    if (status == RHAI_OK) *ret = VALUE_BOOL(equal);
    return status;
}

rhai_status array_not_equals(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_status status = array_equals(call, args, ret);
    if (status == RHAI_OK) *ret = VALUE_BOOL(!ret->b);
    return status;
}
