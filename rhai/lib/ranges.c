/* ranges.c - ranges and their parts; iterators with steps and over characters.
 *
 * An iterator is a custom object that never changes: the cursor is in the loop that runs over
 * it, so one object may be iterated any number of times, also at once.
 */
#include "lib/lib.h"
#include "lib/slice.h"

#include <string.h>

static rhai_status new_iterator(rhai_call *call, const rhai_custom_type *type, void *object,
                                rhai_value *ret) {
    custom *made = custom_new(call->h, type, object);
    if (!made) return call_no_memory(call);
    *ret = VALUE_OBJ(RHAI_CUSTOM, made);
    return RHAI_OK;
}

/* ---- Steps ---- */

typedef struct step_range {
    heap *h;
    int direction; /* 1 up, -1 down, 0 empty */
    union {
        struct {
            int64_t from, to, step;
        } ints;
        struct {
            double from, to, step;
        } floats;
    };
} step_range;

static void step_range_free(void *object) {
    step_range *s = object;
    heap_free(s->h, s, sizeof *s);
}

/* The cursor is the distance from the start. A last element whose successor would overflow is
 * left out, as in Rhai. */
static rhai_status int_steps_next(rhai_call *call, void *object, int64_t *state, rhai_value *ret) {
    (void)call;
    const step_range *s = object;
    int64_t at = (int64_t)((uint64_t)s->ints.from + (uint64_t)*state), next;
    if (s->direction == 0 || (s->direction > 0 ? at >= s->ints.to : at <= s->ints.to) ||
        __builtin_add_overflow(at, s->ints.step, &next))
        return RHAI_EXITED;
    *ret = VALUE_INT(at);
    *state = (int64_t)((uint64_t)next - (uint64_t)s->ints.from);
    return RHAI_OK;
}

static int64_t float_bits(double f) {
    int64_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static double float_from_bits(int64_t bits) {
    double f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Rhai adds step to step, rounding each time, so the cursor must be the running sum itself. It
 * is kept as its bits xor those of the start, which makes it 0 at first. */
static rhai_status float_steps_next(rhai_call *call, void *object, int64_t *state,
                                    rhai_value *ret) {
    (void)call;
    const step_range *s = object;
    double at = float_from_bits(float_bits(s->floats.from) ^ *state);
    if (s->direction == 0 || (s->direction > 0 ? at >= s->floats.to : at <= s->floats.to))
        return RHAI_EXITED;
    *ret = VALUE_FLOAT(at);
    *state = float_bits(at + s->floats.step) ^ float_bits(s->floats.from);
    return RHAI_OK;
}

static const rhai_custom_type int_steps_type = {
    .name = "range", .free = step_range_free, .next = int_steps_next};
static const rhai_custom_type float_steps_type = {
    .name = "range", .free = step_range_free, .next = float_steps_next};

static rhai_status step_is_zero(rhai_call *call) {
    rhai_error *error = error_newf(call->h, ERR_ARITHMETIC, POS_NONE, "step value cannot be zero");
    return call_fail(call, error_in_call(call->h, "range", NULL, error, POS_NONE));
}

static rhai_status new_int_steps(rhai_call *call, int64_t from, int64_t to, int64_t step,
                                 rhai_value *ret) {
    int64_t next;
    int direction = 0;
    if (step == 0) return step_is_zero(call);
    if (!__builtin_add_overflow(from, step, &next) && from != to && (step > 0) == (from < to))
        direction = step > 0 ? 1 : -1;
    step_range *s = heap_alloc(call->h, sizeof *s);
    if (!s) return call_no_memory(call);
    s->h = call->h;
    s->direction = direction;
    s->ints.from = from;
    s->ints.to = to;
    s->ints.step = step;
    return new_iterator(call, &int_steps_type, s, ret);
}

static rhai_status range_int_steps(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return new_int_steps(call, args[0].i, args[1].i, args[2].i, ret);
}

static rhai_status range_steps(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const range *r = as_range(&args[0]);
    return new_int_steps(call, r->from, r->to, args[1].i, ret);
}

static rhai_status range_float_steps(rhai_call *call, rhai_value *args, rhai_value *ret) {
    double from = args[0].f, to = args[1].f, next = from + args[2].f;
    if (next == from) /* also a step that is too small to count */
        return step_is_zero(call);
    step_range *s = heap_alloc(call->h, sizeof *s);
    if (!s) return call_no_memory(call);
    s->h = call->h;
    s->direction = from < to && next > from ? 1 : from > to && next < from ? -1 : 0;
    s->floats.from = from;
    s->floats.to = to;
    s->floats.step = args[2].f;
    return new_iterator(call, &float_steps_type, s, ret);
}

static rhai_status range_ints(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return value_new_range(call->h, args[0].i, args[1].i, false, ret) ? RHAI_OK
                                                                      : call_no_memory(call);
}

/* ---- Parts of a range ---- */

#define RANGE_NATIVE(name, result)                                                                 \
    static rhai_status name(rhai_call *call, rhai_value *args, rhai_value *ret) {                  \
        (void)call;                                                                                \
        const range *r = as_range(&args[0]);                                                       \
        bool is_inclusive = args[0].type == RHAI_RANGE_INCLUSIVE;                                  \
        (void)r, (void)is_inclusive;                                                               \
        *ret = (result);                                                                           \
        return RHAI_OK;                                                                            \
    }

RANGE_NATIVE(range_start, VALUE_INT(r->from))
RANGE_NATIVE(range_end, VALUE_INT(r->to))
RANGE_NATIVE(range_is_inclusive, VALUE_BOOL(is_inclusive))
RANGE_NATIVE(range_is_exclusive, VALUE_BOOL(!is_inclusive))
RANGE_NATIVE(range_is_empty, VALUE_BOOL(is_inclusive ? r->from > r->to : r->from >= r->to))
RANGE_NATIVE(range_contains, VALUE_BOOL(args[1].i >= r->from &&
                                        (is_inclusive ? args[1].i <= r->to : args[1].i < r->to)))

/* ---- Characters of a string ---- */

typedef struct char_stream {
    heap *h;
    rhai_str *s;
    size_t from, to; /* bytes */
} char_stream;

static void char_stream_free(void *object) {
    char_stream *stream = object;
    obj_unref(stream->h, stream->s);
    heap_free(stream->h, stream, sizeof *stream);
}

/* The cursor is the number of bytes passed. */
static rhai_status char_stream_next(rhai_call *call, void *object, int64_t *state,
                                    rhai_value *ret) {
    (void)call;
    const char_stream *stream = object;
    size_t at = stream->from + (size_t)*state;
    if (at >= stream->to) return RHAI_EXITED;
    uint32_t c;
    *state += (int64_t)utf8_decode(stream->s->data + at, stream->to - at, &c);
    *ret = VALUE_CHAR(c);
    return RHAI_OK;
}

static const rhai_custom_type char_stream_type = {
    .name = "range", .free = char_stream_free, .next = char_stream_next};

static rhai_status new_char_stream(rhai_call *call, const rhai_value *string, int64_t start,
                                   int64_t count, rhai_value *ret) {
    rhai_str *s = as_str(string);
    slice part = slice_clamp(str_chars(s), start, count);
    char_stream *stream = heap_alloc(call->h, sizeof *stream);
    if (!stream) return call_no_memory(call);
    obj_ref(s);
    stream->h = call->h;
    stream->s = s;
    stream->from = str_offset(s, part.from);
    stream->to = str_offset(s, part.from + part.count);
    return new_iterator(call, &char_stream_type, stream, ret);
}

static rhai_status chars(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return new_char_stream(call, &args[0], 0, INT64_MAX, ret);
}

static rhai_status chars_from(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return new_char_stream(call, &args[0], args[1].i, INT64_MAX, ret);
}

static rhai_status chars_part(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return new_char_stream(call, &args[0], args[1].i, args[2].i, ret);
}

/* An inclusive range that ends before it starts gives nothing here, but one character with
 * sub_string. */
static rhai_status chars_range(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const range *r = as_range(&args[1]);
    int64_t from = r->from > 0 ? r->from : 0;
    int64_t to = r->to;
    if (args[1].type == RHAI_RANGE_INCLUSIVE && to < INT64_MAX) to++;
    return new_char_stream(call, &args[0], from, to > from ? to - from : 0, ret);
}

static const rhai_native ranges_functions[] = {
    {"range", "ii", range_ints, 0, "range(from: int, to: int) -> range",
     "Returns `from..to`: the numbers from `from` up to, but without, `to`."},
    {"range", "iii", range_int_steps, 0, "range(from: int, to: int, step: int) -> iterator",
     "Iterates from `from` in steps until it reaches `to`, which is left out. A negative step "
     "counts down; a step away from `to` gives nothing; 0 is an error."},
    {"range", "ri", range_steps, 0, "range(range: from..to, step: int) -> iterator",
     "Iterates over a range in steps. A negative step goes down a reversed range; 0 is an error."},
    {"range", "fff", range_float_steps, 0, "range(from: float, to: float, step: float) -> iterator",
     "Iterates from `from` in steps until it reaches `to`, which is left out. A step that does "
     "not change `from` is an error."},
    {"start", "r", range_start, 0, "start(range: start..end) -> int", "The range's first number."},
    {"get$start", "r", range_start, 0, "range.start -> int", "The range's first number."},
    {"start", "R", range_start, 0, "start(range: start..=end) -> int", "The range's first number."},
    {"get$start", "R", range_start, 0, "range.start -> int", "The range's first number."},
    {"end", "r", range_end, 0, "end(range: start..end) -> int",
     "The number that follows the range's last one."},
    {"get$end", "r", range_end, 0, "range.end -> int",
     "The number behind `..`, which is not in the range."},
    {"end", "R", range_end, 0, "end(range: start..=end) -> int", "The range's last number."},
    {"get$end", "R", range_end, 0, "range.end -> int", "The range's last number."},
    {"is_inclusive", "r", range_is_inclusive, 0, "is_inclusive(range: start..end) -> bool",
     "False: the range does not contain its end."},
    {"get$is_inclusive", "r", range_is_inclusive, 0, "range.is_inclusive -> bool",
     "Tells whether the range contains its end."},
    {"is_inclusive", "R", range_is_inclusive, 0, "is_inclusive(range: start..=end) -> bool",
     "True: the range contains its end."},
    {"get$is_inclusive", "R", range_is_inclusive, 0, "range.is_inclusive -> bool",
     "Tells whether the range contains its end."},
    {"is_exclusive", "r", range_is_exclusive, 0, "is_exclusive(range: start..end) -> bool",
     "True: the range does not contain its end."},
    {"get$is_exclusive", "r", range_is_exclusive, 0, "range.is_exclusive -> bool",
     "Tells whether the range does not contain its end."},
    {"is_exclusive", "R", range_is_exclusive, 0, "is_exclusive(range: start..=end) -> bool",
     "False: the range contains its end."},
    {"get$is_exclusive", "R", range_is_exclusive, 0, "range.is_exclusive -> bool",
     "Tells whether the range does not contain its end."},
    {"is_empty", "r", range_is_empty, 0, "is_empty(range: start..end) -> bool",
     "Tells whether no number is in the range."},
    {"get$is_empty", "r", range_is_empty, 0, "range.is_empty -> bool",
     "Tells whether no number is in the range."},
    {"is_empty", "R", range_is_empty, 0, "is_empty(range: start..=end) -> bool",
     "Tells whether no number is in the range."},
    {"get$is_empty", "R", range_is_empty, 0, "range.is_empty -> bool",
     "Tells whether no number is in the range."},
    /* Changes nothing, but Rhai refuses to call it on a constant. */
    {"contains", "ri", range_contains, RHAI_FN_MUTATES,
     "contains(range: start..end, value: int) -> bool", "Tells whether a number is in the range."},
    {"contains", "Ri", range_contains, RHAI_FN_MUTATES,
     "contains(range: start..=end, value: int) -> bool", "Tells whether a number is in the range."},
    {"chars", "s", chars, 0, "chars(string: string) -> iterator",
     "Iterates over the characters of a string."},
    {"get$chars", "s", chars, 0, "string.chars -> iterator",
     "Iterates over the characters of a string."},
    {"chars", "si", chars_from, 0, "chars(string: string, start: int) -> iterator",
     "Iterates over the characters from `start` on. A negative number counts from the end."},
    {"chars", "sii", chars_part, 0, "chars(string: string, start: int, len: int) -> iterator",
     "Iterates over at most `len` characters from `start` on. A negative start counts from the "
     "end."},
    {"chars", "sr", chars_range, 0, "chars(string: string, range: start..end) -> iterator",
     "Iterates over the characters at the given positions."},
    {"chars", "sR", chars_range, 0, "chars(string: string, range: start..=end) -> iterator",
     "Iterates over the characters at the given positions."},
};
LIB_PACKAGE(ranges);
