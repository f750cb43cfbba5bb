/* bytes.c - bytes, type "u8": what `for` takes out of a blob, and nothing else makes.
 *
 * A byte calculates and compares with bytes only, within 0 to 255, and turns into an int with
 * to_int. There are no built-in operators for it: these natives are all there is.
 */
#include "lib/strings.h"

static rhai_status give(rhai_value *ret, rhai_value v) {
    *ret = v;
    return RHAI_OK;
}

#define BYTE_NATIVE(name, result)                                                                  \
    static rhai_status name(rhai_call *call, rhai_value *args, rhai_value *ret) {                  \
        (void)call;                                                                                \
        return give(ret, (result));                                                                \
    }

BYTE_NATIVE(bit_and, VALUE_BYTE(args[0].i &args[1].i))
BYTE_NATIVE(bit_or, VALUE_BYTE(args[0].i | args[1].i))
BYTE_NATIVE(bit_xor, VALUE_BYTE(args[0].i ^ args[1].i))
BYTE_NATIVE(is_equal, VALUE_BOOL(args[0].i == args[1].i))
BYTE_NATIVE(is_unequal, VALUE_BOOL(args[0].i != args[1].i))
BYTE_NATIVE(is_less, VALUE_BOOL(args[0].i < args[1].i))
BYTE_NATIVE(is_less_or_equal, VALUE_BOOL(args[0].i <= args[1].i))
BYTE_NATIVE(is_greater, VALUE_BOOL(args[0].i > args[1].i))
BYTE_NATIVE(is_greater_or_equal, VALUE_BOOL(args[0].i >= args[1].i))
BYTE_NATIVE(max_byte, VALUE_BYTE(args[args[0].i < args[1].i].i))
BYTE_NATIVE(min_byte, VALUE_BYTE(args[args[0].i > args[1].i].i))
BYTE_NATIVE(is_zero, VALUE_BOOL(args[0].i == 0))
BYTE_NATIVE(is_odd, VALUE_BOOL(args[0].i % 2 != 0))
BYTE_NATIVE(is_even, VALUE_BOOL(args[0].i % 2 == 0))
BYTE_NATIVE(to_int, VALUE_INT(args[0].i))
BYTE_NATIVE(to_float, VALUE_FLOAT((double)args[0].i))

/* ---- Arithmetic ---- */

/* `result` of x operator y, if it fits. */
static rhai_status checked(rhai_call *call, const rhai_value *args, int64_t result,
                           const char *what, const char *operator, rhai_value * ret) {
    if (result < 0 || result > UINT8_MAX)
        return call_fail_arithmetic(call, "%s: %d %s %lld", what,
                                    (int)args[0].i, operator,(long long) args[1].i);
    return give(ret, VALUE_BYTE(result));
}

static rhai_status add(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return checked(call, args, args[0].i + args[1].i, "Addition overflow", "+", ret);
}

static rhai_status subtract(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return checked(call, args, args[0].i - args[1].i, "Subtraction overflow", "-", ret);
}

static rhai_status multiply(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return checked(call, args, args[0].i * args[1].i, "Multiplication overflow", "*", ret);
}

static rhai_status divide(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t quotient = args[1].i ? args[0].i / args[1].i : -1;
    return checked(call, args, quotient, "Division by zero", "/", ret);
}

static rhai_status modulo(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t rest = args[1].i ? args[0].i % args[1].i : -1;
    return checked(call, args, rest, "Modulo division by zero or overflow", "%", ret);
}

/* The exponent is an int. */
static rhai_status power(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t base = args[0].i, exponent = args[1].i, result = 1;
    if (exponent < 0)
        return checked(call, args, -1, "Integer raised to a negative power", "**", ret);
    if (exponent > UINT32_MAX)
        result = -1;
    else if (base < 2)
        result = base || !exponent;
    else
        for (; exponent > 0 && result <= UINT8_MAX; exponent--)
            result *= base;
    return checked(call, args, result, "Exponential overflow", "**", ret);
}

/* Shifts by an int, to the other side when it is negative. Rhai keeps the highest bit when it
 * shifts everything out to the right. */
static int64_t shift(int64_t byte, bool is_left, int64_t by) {
    if (by < 0) {
        is_left = !is_left;
        by = by == INT64_MIN ? INT64_MAX : -by;
    }
    if (is_left) return by > 7 ? 0 : byte << by;
    return byte >> (by > 7 ? 7 : by);
}

BYTE_NATIVE(shift_left, VALUE_BYTE(shift(args[0].i, true, args[1].i)))
BYTE_NATIVE(shift_right, VALUE_BYTE(shift(args[0].i, false, args[1].i)))

/* ---- Iterating from byte to byte ---- */

typedef struct byte_steps {
    heap *h;
    int from, to, step;
    int last; /* the largest byte that comes out */
} byte_steps;

static void byte_steps_free(void *object) {
    byte_steps *s = object;
    heap_free(s->h, s, sizeof *s);
}

static rhai_status byte_steps_next(rhai_call *call, void *object, int64_t *state, rhai_value *ret) {
    (void)call;
    const byte_steps *s = object;
    int64_t at = s->from + *state;
    if (at >= s->to || at > s->last) return RHAI_EXITED;
    *state += s->step;
    return give(ret, VALUE_BYTE(at));
}

static const rhai_custom_type byte_range_type = {
    .name = "core::ops::range::Range<u8>", .free = byte_steps_free, .next = byte_steps_next};
static const rhai_custom_type byte_steps_type = {
    .name = "range", .free = byte_steps_free, .next = byte_steps_next};

static rhai_status new_byte_steps(rhai_call *call, const rhai_custom_type *type,
                                  const rhai_value *args, int step, int last, rhai_value *ret) {
    byte_steps *s = heap_alloc(call->h, sizeof *s);
    if (!s) return call_no_memory(call);
    *s = (byte_steps){call->h, (int)args[0].i, (int)args[1].i, step, last};
    custom *made = custom_new(call->h, type, s);
    if (!made) return call_no_memory(call);
    return give(ret, VALUE_OBJ(RHAI_CUSTOM, made));
}

static rhai_status range_bytes(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return new_byte_steps(call, &byte_range_type, args, 1, UINT8_MAX, ret);
}

/* A last element whose successor would be no byte is left out, as with ints. */
static rhai_status range_byte_steps(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int step = (int)args[2].i;
    if (step == 0) {
        rhai_error *e = error_newf(call->h, ERR_ARITHMETIC, POS_NONE, "step value cannot be zero");
        return call_fail(call, error_in_call(call->h, "range", NULL, e, POS_NONE));
    }
    return new_byte_steps(call, &byte_steps_type, args, step, UINT8_MAX - step, ret);
}

/* ---- Text ---- */

static rhai_status to_hex(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return string_in_base(call, args[0].i, 4, ret);
}

static rhai_status to_octal(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return string_in_base(call, args[0].i, 3, ret);
}

static rhai_status to_binary(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return string_in_base(call, args[0].i, 1, ret);
}

static const rhai_native bytes_functions[] = {
    {"+", "yy", add, 0, "+(x: u8, y: u8) -> u8", "Adds bytes; above 255 is an error."},
    {"-", "yy", subtract, 0, "-(x: u8, y: u8) -> u8", "Subtracts bytes; below 0 is an error."},
    {"*", "yy", multiply, 0, "*(x: u8, y: u8) -> u8", "Multiplies bytes; above 255 is an error."},
    {"/", "yy", divide, 0, "/(x: u8, y: u8) -> u8", "Divides bytes; by zero is an error."},
    {"%", "yy", modulo, 0, "%(x: u8, y: u8) -> u8",
     "The rest of a division of bytes; by zero is an error."},
    {"**", "yi", power, 0, "**(x: u8, y: int) -> u8",
     "Raises a byte to a power; above 255 is an error."},
    {"<<", "yi", shift_left, 0, "<<(x: u8, y: int) -> u8",
     "Shifts bits to the left, or to the right when `y` is negative."},
    {">>", "yi", shift_right, 0, ">>(x: u8, y: int) -> u8",
     "Shifts bits to the right, or to the left when `y` is negative."},
    {"&", "yy", bit_and, 0, "&(x: u8, y: u8) -> u8", "The bits that are set in both."},
    {"|", "yy", bit_or, 0, "|(x: u8, y: u8) -> u8", "The bits that are set in either."},
    {"^", "yy", bit_xor, 0, "^(x: u8, y: u8) -> u8", "The bits that are set in just one."},
    {"==", "yy", is_equal, 0, "==(x: u8, y: u8) -> bool", "Tells whether both are the same."},
    {"!=", "yy", is_unequal, 0, "!=(x: u8, y: u8) -> bool", "Tells whether they are different."},
    {"<", "yy", is_less, 0, "<(x: u8, y: u8) -> bool", "Tells whether `x` is the smaller byte."},
    {"<=", "yy", is_less_or_equal, 0, "<=(x: u8, y: u8) -> bool",
     "Tells whether `x` is not above `y`."},
    {">", "yy", is_greater, 0, ">(x: u8, y: u8) -> bool", "Tells whether `x` is the larger byte."},
    {">=", "yy", is_greater_or_equal, 0, ">=(x: u8, y: u8) -> bool",
     "Tells whether `x` is not below `y`."},
    {"max", "yy", max_byte, 0, "max(x: u8, y: u8) -> u8", "Returns the larger byte."},
    {"min", "yy", min_byte, 0, "min(x: u8, y: u8) -> u8", "Returns the smaller byte."},
    {"is_zero", "y", is_zero, 0, "is_zero(x: u8) -> bool", "Tells whether `x` is zero."},
    {"get$is_zero", "y", is_zero, 0, "u8.is_zero -> bool", "Tells whether the byte is zero."},
    {"is_odd", "y", is_odd, 0, "is_odd(x: u8) -> bool", "Tells whether `x` is odd."},
    {"get$is_odd", "y", is_odd, 0, "u8.is_odd -> bool", "Tells whether the byte is odd."},
    {"is_even", "y", is_even, 0, "is_even(x: u8) -> bool", "Tells whether `x` is even."},
    {"get$is_even", "y", is_even, 0, "u8.is_even -> bool", "Tells whether the byte is even."},
    {"to_int", "y", to_int, 0, "to_int(x: u8) -> int", "The byte as an integer."},
    {"to_float", "y", to_float, 0, "to_float(x: u8) -> float", "The byte as a float."},
    {"to_hex", "y", to_hex, 0, "to_hex(value: u8) -> string", "The byte in base 16."},
    {"to_octal", "y", to_octal, 0, "to_octal(value: u8) -> string", "The byte in base 8."},
    {"to_binary", "y", to_binary, 0, "to_binary(value: u8) -> string", "The byte in base 2."},
    {"range", "yy", range_bytes, 0, "range(from: u8, to: u8) -> iterator",
     "Iterates over the bytes from `from` up to, but without, `to`."},
    {"range", "yyy", range_byte_steps, 0, "range(from: u8, to: u8, step: u8) -> iterator",
     "Iterates from `from` in steps until it reaches `to`, which is left out; a step of 0 is an "
     "error."},
};
LIB_PACKAGE(bytes);
