/* arith.c - arithmetic on one number. The operators between two numbers are built in (ops/). */
#include "lib/lib.h"

#include <math.h>

/* Natives that compute one value from args[0] and cannot fail. */
#define NUMBER_NATIVE(name, result)                                                                \
    static rhai_status name(rhai_call *call, rhai_value *args, rhai_value *ret) {                  \
        (void)call;                                                                                \
        *ret = (result);                                                                           \
        return RHAI_OK;                                                                            \
    }

NUMBER_NATIVE(int_plus, VALUE_INT(args[0].i))
NUMBER_NATIVE(int_sign, VALUE_INT((args[0].i > 0) - (args[0].i < 0)))
NUMBER_NATIVE(int_is_zero, VALUE_BOOL(args[0].i == 0))
NUMBER_NATIVE(int_is_odd, VALUE_BOOL(args[0].i % 2 != 0))
NUMBER_NATIVE(int_is_even, VALUE_BOOL(args[0].i % 2 == 0))

NUMBER_NATIVE(float_plus, VALUE_FLOAT(args[0].f))
NUMBER_NATIVE(float_negate, VALUE_FLOAT(-args[0].f))
NUMBER_NATIVE(float_abs, VALUE_FLOAT(fabs(args[0].f)))
NUMBER_NATIVE(float_is_zero, VALUE_BOOL(args[0].f == 0.0))

static rhai_status int_negate(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t x = args[0].i;
    if (x == INT64_MIN) return call_fail_arithmetic(call, "Negation overflow: -%lld", (long long)x);
    *ret = VALUE_INT(-x);
    return RHAI_OK;
}

static rhai_status int_abs(rhai_call *call, rhai_value *args, rhai_value *ret) {
    if (args[0].i < 0) return int_negate(call, args, ret);
    *ret = VALUE_INT(args[0].i);
    return RHAI_OK;
}

static rhai_status float_sign(rhai_call *call, rhai_value *args, rhai_value *ret) {
    double x = args[0].f;
    if (isnan(x)) return call_fail_arithmetic(call, "Sign of NaN is undefined");
    *ret = VALUE_INT((x > 0) - (x < 0));
    return RHAI_OK;
}

static const rhai_native arith_functions[] = {
    {"+", "i", int_plus, 0, "+(x: int) -> int", "Returns `x`."},
    {"+", "f", float_plus, 0, "+(x: float) -> float", "Returns `x`."},
    {"-", "i", int_negate, 0, "-(x: int) -> int",
     "Negates `x`. The smallest integer has no negative: that is an error."},
    {"-", "f", float_negate, 0, "-(x: float) -> float", "Negates `x`."},
    {"abs", "i", int_abs, 0, "abs(x: int) -> int",
     "Returns `x` without its sign. The smallest integer is an error."},
    {"abs", "f", float_abs, 0, "abs(x: float) -> float", "Returns `x` without its sign."},
    {"sign", "i", int_sign, 0, "sign(x: int) -> int",
     "Returns 1 for a positive number, -1 for a negative one, 0 for zero."},
    {"sign", "f", float_sign, 0, "sign(x: float) -> int",
     "Returns 1 for a positive number, -1 for a negative one, 0 for zero. NaN is an error."},
    {"is_zero", "i", int_is_zero, 0, "is_zero(x: int) -> bool", "Tells whether `x` is zero."},
    {"get$is_zero", "i", int_is_zero, 0, "int.is_zero -> bool",
     "Tells whether the number is zero."},
    {"is_zero", "f", float_is_zero, 0, "is_zero(x: float) -> bool", "Tells whether `x` is zero."},
    {"get$is_zero", "f", float_is_zero, 0, "float.is_zero -> bool",
     "Tells whether the number is zero."},
    {"is_odd", "i", int_is_odd, 0, "is_odd(x: int) -> bool", "Tells whether `x` is odd."},
    {"get$is_odd", "i", int_is_odd, 0, "int.is_odd -> bool", "Tells whether the number is odd."},
    {"is_even", "i", int_is_even, 0, "is_even(x: int) -> bool", "Tells whether `x` is even."},
    {"get$is_even", "i", int_is_even, 0, "int.is_even -> bool",
     "Tells whether the number is even."},
};
LIB_PACKAGE(arith);
