/* arrays_order.c - sorting and the removal of repetitions. */
#include "lib/arrays.h"

#include <string.h>

#include "lib/equality.h"

/* ---- The stable sort, once per comparison ---- */

enum {
    SORT_INSERTION = 20,        /* up to here by insertion alone */
    SORT_SMALL = 32,            /* pieces that are not divided further */
    SORT_GOOD_RUN = 64,         /* natural runs are used from this length on, or the square root */
    SORT_FULL_SCRATCH = 500000, /* up to here as much scratch as elements, beyond it half */
};

typedef struct sort_run {
    size_t len;
    bool is_sorted;
} sort_run;

static size_t sort_scratch_len(size_t len) {
    size_t half = len - len / 2;
    size_t full = len < SORT_FULL_SCRATCH ? len : SORT_FULL_SCRATCH;
    size_t need = half > full ? half : full;
    return need > SORT_SMALL + 16 ? need : SORT_SMALL + 16;
}

static size_t sort_good_run(size_t len) {
    if (len <= SORT_GOOD_RUN * SORT_GOOD_RUN) {
        size_t half = len - len / 2;
        return half < SORT_GOOD_RUN ? half : SORT_GOOD_RUN;
    }
    /* One step of Newton's method from a power of two. */
    unsigned shift = (64 - (unsigned)__builtin_clzll((unsigned long long)(len | 1))) / 2;
    return (((size_t)1 << shift) + (len >> shift)) / 2;
}

/* Powersort: the depth of the node, in a balanced tree over the whole, that joins the runs
 * left..mid and mid..right. scale maps 2 * len to 2^63. */
static uint64_t sort_tree_scale(size_t len) {
    return (((uint64_t)1 << 62) + len - 1) / len;
}

static unsigned sort_tree_depth(size_t left, size_t mid, size_t right, uint64_t scale) {
    uint64_t x = scale * (left + mid), y = scale * (mid + right);
    return x == y ? 64 : (unsigned)__builtin_clzll(x ^ y);
}

#define IS_DESCENDING (*(const bool *)context)

#define SORT_NAME(f) ints_##f
#define SORT_LESS(a, b, context) (IS_DESCENDING ? (b)->i < (a)->i : (a)->i < (b)->i)
#include "lib/sort_impl.h"

#define SORT_NAME(f) floats_##f
#define SORT_LESS(a, b, context) (IS_DESCENDING ? (b)->f < (a)->f : (a)->f < (b)->f)
#include "lib/sort_impl.h"

static bool is_less_string(const rhai_value *a, const rhai_value *b, bool descending) {
    int order = str_compare(as_str(a), as_str(b));
    return descending ? order > 0 : order < 0;
}

#define SORT_NAME(f) strings_##f
#define SORT_LESS(a, b, context) is_less_string(a, b, IS_DESCENDING)
#include "lib/sort_impl.h"

/* A script's comparer. */
typedef struct comparer {
    rhai_call *call;
    const rhai_value *fn;
    bool is_terminated;
} comparer;

/* Where values stand whose comparer gave no answer. The order is the one that Rust gives the
 * types by the hashes of their names. */
static int type_rank(const rhai_value *v) {
    static const uint8_t ranks[] = {
        [RHAI_INT] = 0,     [RHAI_FLOAT] = 1,      [RHAI_RANGE] = 2,
        [RHAI_BYTE] = 3,    [RHAI_ARRAY] = 4,      [RHAI_RANGE_INCLUSIVE] = 5,
        [RHAI_FN] = 6,      [RHAI_CHAR] = 7,       [RHAI_UNIT] = 8,
        [RHAI_BOOL] = 9,    [RHAI_BLOB] = 10,      [RHAI_STRING] = 11,
        [RHAI_MAP] = 12,    [RHAI_TIMESTAMP] = 13, [RHAI_CUSTOM] = 14,
        [RHAI_SHARED] = 15,
    };
    return ranks[v->type];
}

/* Below 0: *a comes first, above 0: *b does. A number says so by its sign; true means *a. */
static int64_t ask_comparer(comparer *c, const rhai_value *a, const rhai_value *b) {
    if (c->is_terminated) return 0;
    rhai_value args[2] = {value_copy(a), value_copy(b)}, answer = VALUE_UNIT;
    rhai_status status = rhai_call_value(c->call, c->fn, NULL, args, 2, &answer);
    if (!callback_forgive(c->call, status)) {
        c->is_terminated = true;
        return 0;
    }
    if (answer.type == RHAI_INT) return answer.i;
    if (answer.type == RHAI_BOOL) return answer.b ? -1 : 1;
    value_drop(c->call->h, &answer);
    return type_rank(a) - type_rank(b);
}

#define SORT_NAME(f) asked_##f
#define SORT_LESS(a, b, context) (ask_comparer(context, a, b) < 0)
#include "lib/sort_impl.h"

#define SORT_NAME(f) small_##f
#define SORT_LESS(a, b, context) (IS_DESCENDING ? (b)->c < (a)->c : (a)->c < (b)->c)
#include "lib/sort_impl.h"

typedef bool (*sort_fn)(rhai_value *v, size_t len, rhai_value *scratch, size_t scratch_len,
                        void *context);

/* Sorts *v, an array of at least two elements, in place. */
static rhai_status sort_value(rhai_call *call, rhai_value *v, sort_fn sort, void *context) {
    heap *h = call->h;
    arr *a = arr_own(h, v);
    if (!a) return call_no_memory(call);
    size_t scratch_len = sort_scratch_len(a->len), size = scratch_len * sizeof *a->items;
    rhai_value *scratch = heap_alloc(h, size);
    if (!scratch) return call_no_memory(call);
    bool is_order = sort(a->items, a->len, scratch, scratch_len, context);
    heap_free(h, scratch, size);
    return is_order ? RHAI_OK : rhai_throw(call, "error in comparer for sorting");
}

static rhai_status sort_asking(rhai_call *call, rhai_value *v, const rhai_value *fn) {
    if (as_arr(v)->len < 2) return RHAI_OK;
    comparer c = {.call = call, .fn = fn};
    rhai_status status = sort_value(call, v, asked_sort, &c);
    return c.is_terminated ? RHAI_ERROR : status;
}

/* Names of types as Rhai's sort spells them. */
static const char *sorted_type_name(const rhai_value *v) {
    switch (v->type) {
    case RHAI_RANGE: return "core::ops::range::Range<i64>";
    case RHAI_RANGE_INCLUSIVE: return "core::ops::range::RangeInclusive<i64>";
    default: return value_type_name(v);
    }
}

static bool has_one_type(const arr *a) {
    const rhai_value *first = &a->items[0];
    for (size_t i = 1; i < a->len; i++) {
        const rhai_value *item = &a->items[i];
        if (item->type != first->type) return false;
        if (item->type == RHAI_CUSTOM && as_custom(item)->type != as_custom(first)->type)
            return false;
    }
    return true;
}

static rhai_status sort_builtin(rhai_call *call, rhai_value *v, bool descending) {
    const arr *a = as_arr(v);
    if (a->len < 2) return RHAI_OK;
    const char *why = "elements of different types cannot be sorted";
    if (!has_one_type(a))
        return call_fail(call, error_newf(call->h, ERR_FUNCTION_NOT_FOUND, POS_NONE, "%s", why));
    switch (a->items[0].type) {
    case RHAI_UNIT: return RHAI_OK;
    case RHAI_INT: return sort_value(call, v, ints_sort, &descending);
    case RHAI_FLOAT: return sort_value(call, v, floats_sort, &descending);
    case RHAI_STRING: return sort_value(call, v, strings_sort, &descending);
    case RHAI_CHAR:
    case RHAI_BOOL: return sort_value(call, v, small_sort, &descending);
    default:
        return call_fail(call, error_newf(call->h, ERR_FUNCTION_NOT_FOUND, POS_NONE,
                                          "elements of %s cannot be sorted",
                                          sorted_type_name(&a->items[0])));
    }
}

rhai_status array_sort(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return sort_builtin(call, &args[0], false);
}

rhai_status array_sort_desc(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return sort_builtin(call, &args[0], true);
}

rhai_status array_sort_by(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    return sort_asking(call, &args[0], &args[1]);
}

rhai_status array_sort_named(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return array_with_named(call, args, ret, array_sort_by);
}

/* The result of the order functions: a sorted copy, or nothing. */
static rhai_status keep_if_ok(rhai_call *call, rhai_status status, rhai_value *sorted,
                              rhai_value *ret) {
    if (status == RHAI_OK)
        *ret = *sorted;
    else
        value_drop(call->h, sorted);
    return status;
}

rhai_status array_order(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_value sorted = value_copy(&args[0]);
    return keep_if_ok(call, sort_builtin(call, &sorted, false), &sorted, ret);
}

rhai_status array_order_desc(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_value sorted = value_copy(&args[0]);
    return keep_if_ok(call, sort_builtin(call, &sorted, true), &sorted, ret);
}

rhai_status array_order_by(rhai_call *call, rhai_value *args, rhai_value *ret) {
    rhai_value sorted = value_copy(&args[0]);
    return keep_if_ok(call, sort_asking(call, &sorted, &args[1]), &sorted, ret);
}

/* ---- Repetitions ---- */

/* Is *item a repetition of *before? By args[1], or by == when there is none. Failures mean no;
 * the end of the script sets *ret_terminated. */
static bool is_repetition(rhai_call *call, const rhai_value *args, const rhai_value *before,
                          const rhai_value *item, bool *ret_terminated) {
    rhai_value answer = VALUE_UNIT;
    bool repeats = false;
    rhai_status status;
    if (call->nargs < 2) {
        status = values_equal(call, before, item, &repeats);
    } else {
        rhai_value pair[2] = {value_copy(before), value_copy(item)};
        status = rhai_call_value(call, &args[1], NULL, pair, 2, &answer);
        repeats = answer.type == RHAI_BOOL && answer.b;
    }
    *ret_terminated = !callback_forgive(call, status);
    value_drop(call->h, &answer);
    return status == RHAI_OK && repeats;
}

rhai_status array_dedup(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    arr *a = as_arr(args);
    size_t kept = 1, len = a->len;
    bool terminated = false;
    for (size_t i = 1; i < len; i++) {
        if (!terminated &&
            is_repetition(call, args, &a->items[kept - 1], &a->items[i], &terminated)) {
            /* At the first change the array must become ours; later this does nothing. */
            a = arr_own(call->h, &args[0]);
            if (!a) return call_no_memory(call);
            value_clear(call->h, &a->items[i]);
        } else {
            if (kept < i) a->items[kept] = value_take(&a->items[i]);
            kept++;
        }
    }
    if (kept < len) {
        a->len = (uint32_t)kept;
        arr_recount(call->h, a);
    }
    return terminated ? RHAI_ERROR : RHAI_OK;
}

rhai_status array_dedup_named(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return array_with_named(call, args, ret, array_dedup);
}
