/* slice.h - how Rhai's functions read positions: negative ones count from the end, and whatever
 * lies outside is cut off. Shared by arrays and blobs.
 */
#ifndef RHAI_LIB_SLICE_H
#define RHAI_LIB_SLICE_H

#include "value/object.h"

/* Elements from .. from + count of a container; from + count never exceeds its length. */
typedef struct slice {
    size_t from, count;
} slice;

/* Where `start` lies in a container of `len` elements; `len` itself when it lies behind. */
static inline size_t slice_start(size_t len, int64_t start) {
    if (start < 0) {
        uint64_t back = -(uint64_t)start;
        return back < len ? len - back : 0;
    }
    return (uint64_t)start < len ? (size_t)start : len;
}

static inline slice slice_clamp(size_t len, int64_t start, int64_t count) {
    slice s = {.from = slice_start(len, start)};
    if (count > 0) s.count = (uint64_t)count < len - s.from ? (size_t)count : len - s.from;
    return s;
}

/* A position that must exist: false when it does not. */
static inline bool slice_index(size_t len, int64_t index, size_t *ret) {
    uint64_t at = index < 0 ? (uint64_t)index + len : (uint64_t)index;
    if (at >= len || (index < 0 && -(uint64_t)index > len)) return false;
    *ret = (size_t)at;
    return true;
}

/* Many functions take either (start, count) or one range of either kind. Reads whichever begins
 * at args[0] and returns how many arguments that was. A range never starts before 0. */
static inline size_t slice_args(const rhai_value *args, int64_t *ret_start, int64_t *ret_count) {
    if (args->type == RHAI_INT) {
        *ret_start = args[0].i;
        *ret_count = args[1].i;
        return 2;
    }
    const range *r = as_range(args);
    int64_t from = r->from > 0 ? r->from : 0;
    int64_t to = r->to > from ? r->to : from;
    *ret_start = from;
    if (args->type == RHAI_RANGE)
        *ret_count = to - from;
    else
        *ret_count = (to < INT64_MAX ? to : INT64_MAX - 1) - from + 1;
    return 1;
}

#endif
