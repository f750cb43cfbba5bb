/* bit_field.c - single bits and groups of bits of an integer; bit 0 is the least significant.
 *
 * Wherever a bit is named, -1 is the most significant one and so on down. A group that would
 * pass the most significant bit ends there.
 */
#include "lib/lib.h"
#include "lib/slice.h"

enum { INT_BITS = 64 };

typedef struct bit_group {
    size_t from, count; /* from + count <= INT_BITS */
} bit_group;

static rhai_status bit_out_of_bounds(rhai_call *call, int64_t bit) {
    return call_fail(call, error_bounds(call->h, ERR_BIT_FIELD_BOUNDS, INT_BITS, bit, POS_NONE));
}

static uint64_t group_mask(bit_group g) {
    uint64_t ones = g.count == INT_BITS ? UINT64_MAX : ((uint64_t)1 << g.count) - 1;
    return ones << g.from;
}

/* (from, count) of a range that never starts below bit 0; an inclusive range that ends before
 * it starts is empty. */
static void range_group(const range *r, bool is_inclusive, int64_t *ret_from, int64_t *ret_count) {
    int64_t from = r->from > 0 ? r->from : 0;
    int64_t to = r->to;
    if (is_inclusive) to = to < INT64_MAX ? to + 1 : INT64_MAX;
    *ret_from = from;
    *ret_count = to > from ? to - from : 0;
}

/* Reads (bit, count) or a range at args[0] and returns how many arguments that was, or 0 with
 * the error set: Rhai refuses an inclusive range that ends past the last bit, where all other
 * groups are cut off. */
static size_t group_args(rhai_call *call, const rhai_value *args, int64_t *ret_from,
                         int64_t *ret_count) {
    if (args->type == RHAI_INT) {
        *ret_from = args[0].i;
        *ret_count = args[1].i;
        return 2;
    }
    const range *r = as_range(args);
    bool is_inclusive = args->type == RHAI_RANGE_INCLUSIVE;
    int64_t from = r->from > 0 ? r->from : 0;
    int64_t last = r->to > from - 1 ? r->to : from - 1;
    if (is_inclusive && last >= INT_BITS) {
        bit_out_of_bounds(call, last);
        return 0;
    }
    range_group(r, is_inclusive, ret_from, ret_count);
    return 1;
}

/* The group that (from, count) names; an empty one is never out of bounds. */
static bool resolve_group(int64_t from, int64_t count, bit_group *ret) {
    *ret = (bit_group){0, 0};
    if (count <= 0) return true;
    if (!slice_index(INT_BITS, from, &ret->from)) return false;
    size_t room = INT_BITS - ret->from;
    ret->count = (uint64_t)count < room ? (size_t)count : room;
    return true;
}

static rhai_status get_bit(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t bit;
    if (!slice_index(INT_BITS, args[1].i, &bit)) return bit_out_of_bounds(call, args[1].i);
    *ret = VALUE_BOOL(((uint64_t)args[0].i >> bit) & 1);
    return RHAI_OK;
}

static rhai_status set_bit(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    size_t bit;
    if (!slice_index(INT_BITS, args[1].i, &bit)) return bit_out_of_bounds(call, args[1].i);
    uint64_t mask = (uint64_t)1 << bit;
    uint64_t value = (uint64_t)args[0].i;
    args[0].i = (int64_t)(args[2].b ? value | mask : value & ~mask);
    return RHAI_OK;
}

static rhai_status get_bits(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t from, count;
    bit_group group;
    if (group_args(call, &args[1], &from, &count) == 0) return RHAI_ERROR;
    if (!resolve_group(from, count, &group)) return bit_out_of_bounds(call, from);
    *ret = VALUE_INT((int64_t)(((uint64_t)args[0].i & group_mask(group)) >> group.from));
    return RHAI_OK;
}

static rhai_status set_bits(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    int64_t from, count;
    bit_group group;
    size_t used = group_args(call, &args[1], &from, &count);
    if (used == 0) return RHAI_ERROR;
    if (!resolve_group(from, count, &group)) return bit_out_of_bounds(call, from);
    uint64_t mask = group_mask(group);
    uint64_t bits = ((uint64_t)args[1 + used].i << group.from) & mask;
    args[0].i = (int64_t)(((uint64_t)args[0].i & ~mask) | bits);
    return RHAI_OK;
}

/* ---- Iterating over bits ---- */

typedef struct bit_range {
    heap *h;
    uint64_t bits; /* the first one at bit 0 */
    size_t count;
} bit_range;

static void bit_range_free(void *object) {
    bit_range *b = object;
    heap_free(b->h, b, sizeof *b);
}

static rhai_status bit_range_next(rhai_call *call, void *object, int64_t *state, rhai_value *ret) {
    (void)call;
    const bit_range *b = object;
    if ((uint64_t)*state >= b->count) return RHAI_EXITED;
    *ret = VALUE_BOOL((b->bits >> *state) & 1);
    (*state)++;
    return RHAI_OK;
}

static const rhai_custom_type bit_range_type = {
    .name = "range", .free = bit_range_free, .next = bit_range_next};

/* Unlike for get_bits, the first bit must exist even when no bit is wanted. */
static rhai_status new_bit_range(rhai_call *call, int64_t value, int64_t from, int64_t count,
                                 rhai_value *ret) {
    size_t first;
    if (!slice_index(INT_BITS, from, &first)) return bit_out_of_bounds(call, from);
    bit_range *b = heap_alloc(call->h, sizeof *b);
    if (!b) return call_no_memory(call);
    size_t room = INT_BITS - first;
    b->h = call->h;
    b->bits = (uint64_t)value >> first;
    b->count = count < 0 ? 0 : (uint64_t)count < room ? (size_t)count : room;
    custom *made = custom_new(call->h, &bit_range_type, b);
    if (!made) return call_no_memory(call);
    *ret = VALUE_OBJ(RHAI_CUSTOM, made);
    return RHAI_OK;
}

static rhai_status bits(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return new_bit_range(call, args[0].i, 0, INT_BITS, ret);
}

static rhai_status bits_from(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return new_bit_range(call, args[0].i, args[1].i, INT_BITS, ret);
}

static rhai_status bits_group(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return new_bit_range(call, args[0].i, args[1].i, args[2].i, ret);
}

static rhai_status bits_range(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t from, count;
    range_group(as_range(&args[1]), args[1].type == RHAI_RANGE_INCLUSIVE, &from, &count);
    return new_bit_range(call, args[0].i, from, count, ret);
}

static const rhai_native bit_field_functions[] = {
    {"get_bit", "ii", get_bit, 0, "get_bit(value: int, bit: int) -> bool",
     "Tells whether a bit is set. A negative number counts from the most significant bit."},
    {"set_bit", "iib", set_bit, RHAI_FN_MUTATES, "set_bit(value: int, bit: int, set: bool)",
     "Sets or clears a bit of the variable."},
    {"get_bits", "iii", get_bits, 0, "get_bits(value: int, start: int, bits: int) -> int",
     "Returns the number that a group of bits makes; `start` is its lowest bit."},
    {"get_bits", "ir", get_bits, 0, "get_bits(value: int, range: start..end) -> int",
     "Returns the number that a group of bits makes."},
    {"get_bits", "iR", get_bits, 0, "get_bits(value: int, range: start..=end) -> int",
     "Returns the number that a group of bits makes. A range past bit 63 is an error."},
    {"set_bits", "iiii", set_bits, RHAI_FN_MUTATES,
     "set_bits(value: int, start: int, bits: int, new_value: int)",
     "Puts the lowest bits of `new_value` in place of a group of bits of the variable."},
    {"set_bits", "iri", set_bits, RHAI_FN_MUTATES,
     "set_bits(value: int, range: start..end, new_value: int)",
     "Puts the lowest bits of `new_value` in place of a group of bits of the variable."},
    {"set_bits", "iRi", set_bits, RHAI_FN_MUTATES,
     "set_bits(value: int, range: start..=end, new_value: int)",
     "Puts the lowest bits of `new_value` in place of a group of bits of the variable. A range "
     "past bit 63 is an error."},
    {"bits", "i", bits, 0, "bits(value: int) -> iterator",
     "Iterates over all bits as booleans, from the least significant one."},
    {"get$bits", "i", bits, 0, "int.bits -> iterator",
     "Iterates over all bits as booleans, from the least significant one."},
    {"bits", "ii", bits_from, 0, "bits(value: int, start: int) -> iterator",
     "Iterates over the bits from `start` up."},
    {"bits", "iii", bits_group, 0, "bits(value: int, start: int, bits: int) -> iterator",
     "Iterates over a group of bits, from its lowest one."},
    {"bits", "ir", bits_range, 0, "bits(value: int, range: start..end) -> iterator",
     "Iterates over a group of bits, from its lowest one."},
    {"bits", "iR", bits_range, 0, "bits(value: int, range: start..=end) -> iterator",
     "Iterates over a group of bits, from its lowest one."},
};
LIB_PACKAGE(bit_field);
