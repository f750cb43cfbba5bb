/* math.c - functions of floats, conversions between numbers, numbers out of text. */
#include "lib/lib.h"
#include "lib/number_text.h"
#include "lib/unicode.h"

#include <math.h>

/* Natives that compute one value from x = args[0] and cannot fail. */
#define FLOAT_NATIVE(name, result)                                                                 \
    static rhai_status name(rhai_call *call, rhai_value *args, rhai_value *ret) {                  \
        (void)call;                                                                                \
        double x = args[0].f;                                                                      \
        *ret = (result);                                                                           \
        return RHAI_OK;                                                                            \
    }

/* The inverse hyperbolic functions are computed as Rust's standard library does, so that the
 * last digit is the same; the C library's differ there. */
static double arc_sinh(double x) {
    double size = fabs(x), inverse = 1.0 / size;
    return copysign(log1p(size + size / (hypot(1.0, inverse) + inverse)), x);
}

static double arc_cosh(double x) {
    return x < 1.0 ? NAN : log(x + sqrt(x - 1.0) * sqrt(x + 1.0));
}

static double arc_tanh(double x) {
    return 0.5 * log1p((2.0 * x) / (1.0 - x));
}

FLOAT_NATIVE(float_sin, VALUE_FLOAT(sin(x)))
FLOAT_NATIVE(float_cos, VALUE_FLOAT(cos(x)))
FLOAT_NATIVE(float_tan, VALUE_FLOAT(tan(x)))
FLOAT_NATIVE(float_sinh, VALUE_FLOAT(sinh(x)))
FLOAT_NATIVE(float_cosh, VALUE_FLOAT(cosh(x)))
FLOAT_NATIVE(float_tanh, VALUE_FLOAT(tanh(x)))
FLOAT_NATIVE(float_asin, VALUE_FLOAT(asin(x)))
FLOAT_NATIVE(float_acos, VALUE_FLOAT(acos(x)))
FLOAT_NATIVE(float_atan, VALUE_FLOAT(atan(x)))
FLOAT_NATIVE(float_atan2, VALUE_FLOAT(atan2(x, args[1].f)))
FLOAT_NATIVE(float_asinh, VALUE_FLOAT(arc_sinh(x)))
FLOAT_NATIVE(float_acosh, VALUE_FLOAT(arc_cosh(x)))
FLOAT_NATIVE(float_atanh, VALUE_FLOAT(arc_tanh(x)))
FLOAT_NATIVE(float_hypot, VALUE_FLOAT(hypot(x, args[1].f)))
FLOAT_NATIVE(float_to_radians, VALUE_FLOAT(x *(M_PI / 180.0)))
FLOAT_NATIVE(float_to_degrees, VALUE_FLOAT(x *(180.0 / M_PI)))
FLOAT_NATIVE(float_sqrt, VALUE_FLOAT(sqrt(x)))
FLOAT_NATIVE(float_exp, VALUE_FLOAT(exp(x)))
FLOAT_NATIVE(float_ln, VALUE_FLOAT(log(x)))
FLOAT_NATIVE(float_log10, VALUE_FLOAT(log10(x)))
FLOAT_NATIVE(float_log_base, VALUE_FLOAT(log(x) / log(args[1].f)))
FLOAT_NATIVE(float_floor, VALUE_FLOAT(floor(x)))
FLOAT_NATIVE(float_ceiling, VALUE_FLOAT(ceil(x)))
FLOAT_NATIVE(float_round, VALUE_FLOAT(round(x)))
FLOAT_NATIVE(float_int, VALUE_FLOAT(trunc(x)))
FLOAT_NATIVE(float_fraction, VALUE_FLOAT(x - trunc(x)))
FLOAT_NATIVE(float_is_nan, VALUE_BOOL(isnan(x)))
FLOAT_NATIVE(float_is_finite, VALUE_BOOL(isfinite(x)))
FLOAT_NATIVE(float_is_infinite, VALUE_BOOL(isinf(x)))
FLOAT_NATIVE(float_to_float, VALUE_FLOAT(x))

static rhai_status number_e(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)args;
    *ret = VALUE_FLOAT(M_E);
    return RHAI_OK;
}

static rhai_status number_pi(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)args;
    *ret = VALUE_FLOAT(M_PI);
    return RHAI_OK;
}

static rhai_status float_to_int(rhai_call *call, rhai_value *args, rhai_value *ret) {
    double x = args[0].f;
    if (x > (double)INT64_MAX || x < (double)INT64_MIN) {
        char buffer[PLAIN_FLOAT_SIZE];
        return call_fail_arithmetic(call, "Integer overflow: to_int(%s)", plain_float(x, buffer));
    }
    /* 2^63 passes the test above, and stays at the largest integer. */
    *ret = VALUE_INT(isnan(x) ? 0 : x >= 0x1p63 ? INT64_MAX : (int64_t)x);
    return RHAI_OK;
}

static rhai_status int_to_int(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_INT(args[0].i);
    return RHAI_OK;
}

static rhai_status char_to_int(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_INT(args[0].c);
    return RHAI_OK;
}

static rhai_status int_to_float(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_FLOAT((double)args[0].i);
    return RHAI_OK;
}

static span trimmed(const rhai_value *v) {
    return unicode_trim((span){as_str(v)->data, as_str(v)->len});
}

/* "Error parsing WHAT 'STRING': WRONG"; the string may hold anything, NUL included. */
static rhai_status parse_failed(rhai_call *call, const char *what, const rhai_value *string,
                                const char *wrong) {
    text t;
    text_init(&t, call->h);
    text_printf(&t, "Error parsing %s '", what);
    text_add_str(&t, as_str(string));
    text_printf(&t, "': %s", wrong);
    rhai_value message;
    if (!text_finish(&t, &message)) return call_no_memory(call);
    rhai_error *error = error_new(call->h, ERR_ARITHMETIC, POS_NONE);
    if (error->kind == ERR_ARITHMETIC)
        error->text = as_str(&message);
    else
        value_clear(call->h, &message); /* it is the out-of-memory error */
    return call_fail(call, error);
}

static rhai_status parse_int_radix(rhai_call *call, const rhai_value *string, int64_t radix,
                                   rhai_value *ret) {
    if (radix < 2 || radix > 36)
        return call_fail_arithmetic(call, "Invalid radix: '%lld'", (long long)radix);
    span digits = trimmed(string);
    int64_t value;
    const char *wrong = parse_int_text(digits.at, digits.len, (unsigned)radix, &value);
    if (wrong) return parse_failed(call, "integer number", string, wrong);
    *ret = VALUE_INT(value);
    return RHAI_OK;
}

static rhai_status parse_int(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return parse_int_radix(call, &args[0], 10, ret);
}

static rhai_status parse_int_with_radix(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return parse_int_radix(call, &args[0], args[1].i, ret);
}

static rhai_status parse_float(rhai_call *call, rhai_value *args, rhai_value *ret) {
    span digits = trimmed(&args[0]);
    double value;
    const char *wrong = parse_float_text(digits.at, digits.len, &value);
    if (wrong) return parse_failed(call, "floating-point number", &args[0], wrong);
    *ret = VALUE_FLOAT(value);
    return RHAI_OK;
}

static const rhai_native math_functions[] = {
    {"sin", "f", float_sin, 0, "sin(x: float) -> float", "Sine of an angle in radians."},
    {"cos", "f", float_cos, 0, "cos(x: float) -> float", "Cosine of an angle in radians."},
    {"tan", "f", float_tan, 0, "tan(x: float) -> float", "Tangent of an angle in radians."},
    {"sinh", "f", float_sinh, 0, "sinh(x: float) -> float", "Hyperbolic sine."},
    {"cosh", "f", float_cosh, 0, "cosh(x: float) -> float", "Hyperbolic cosine."},
    {"tanh", "f", float_tanh, 0, "tanh(x: float) -> float", "Hyperbolic tangent."},
    {"asin", "f", float_asin, 0, "asin(x: float) -> float",
     "The angle, in radians, whose sine is `x`; NaN outside -1 to 1."},
    {"acos", "f", float_acos, 0, "acos(x: float) -> float",
     "The angle, in radians, whose cosine is `x`; NaN outside -1 to 1."},
    {"atan", "f", float_atan, 0, "atan(x: float) -> float",
     "The angle, in radians, whose tangent is `x`."},
    {"atan", "ff", float_atan2, 0, "atan(y: float, x: float) -> float",
     "The angle, in radians, of the point (`x`, `y`) seen from the origin."},
    {"asinh", "f", float_asinh, 0, "asinh(x: float) -> float", "Inverse hyperbolic sine."},
    {"acosh", "f", float_acosh, 0, "acosh(x: float) -> float",
     "Inverse hyperbolic cosine; NaN below 1."},
    {"atanh", "f", float_atanh, 0, "atanh(x: float) -> float",
     "Inverse hyperbolic tangent; NaN outside -1 to 1."},
    {"hypot", "ff", float_hypot, 0, "hypot(x: float, y: float) -> float",
     "Length of the hypotenuse over two sides of a right triangle."},
    {"E", "", number_e, 0, "E() -> float", "Euler's number, 2.718281828459045."},
    {"PI", "", number_pi, 0, "PI() -> float", "The circle's ratio, 3.141592653589793."},
    {"to_radians", "f", float_to_radians, 0, "to_radians(degrees: float) -> float",
     "Converts an angle from degrees."},
    {"to_degrees", "f", float_to_degrees, 0, "to_degrees(radians: float) -> float",
     "Converts an angle from radians."},
    {"sqrt", "f", float_sqrt, 0, "sqrt(x: float) -> float",
     "Square root; NaN for a negative number."},
    {"exp", "f", float_exp, 0, "exp(x: float) -> float", "Euler's number to the power `x`."},
    {"ln", "f", float_ln, 0, "ln(x: float) -> float", "Natural logarithm."},
    {"log", "f", float_log10, 0, "log(x: float) -> float", "Logarithm to base 10."},
    {"log", "ff", float_log_base, 0, "log(x: float, base: float) -> float",
     "Logarithm to the given base."},
    {"floor", "f", float_floor, 0, "floor(x: float) -> float",
     "The largest whole number that is not above `x`."},
    {"get$floor", "f", float_floor, 0, "float.floor -> float",
     "The largest whole number that is not above it."},
    {"ceiling", "f", float_ceiling, 0, "ceiling(x: float) -> float",
     "The smallest whole number that is not below `x`."},
    {"get$ceiling", "f", float_ceiling, 0, "float.ceiling -> float",
     "The smallest whole number that is not below it."},
    {"round", "f", float_round, 0, "round(x: float) -> float",
     "The nearest whole number; halves go away from zero."},
    {"get$round", "f", float_round, 0, "float.round -> float",
     "The nearest whole number; halves go away from zero."},
    {"int", "f", float_int, 0, "int(x: float) -> float", "The whole part of `x`, still a float."},
    {"get$int", "f", float_int, 0, "float.int -> float", "The whole part, still a float."},
    {"fraction", "f", float_fraction, 0, "fraction(x: float) -> float",
     "What `x` has behind the decimal point, with its sign."},
    {"get$fraction", "f", float_fraction, 0, "float.fraction -> float",
     "What the number has behind the decimal point, with its sign."},
    {"is_nan", "f", float_is_nan, 0, "is_nan(x: float) -> bool",
     "Tells whether `x` is not a number."},
    {"get$is_nan", "f", float_is_nan, 0, "float.is_nan -> bool",
     "Tells whether it is not a number."},
    {"is_finite", "f", float_is_finite, 0, "is_finite(x: float) -> bool",
     "Tells whether `x` is neither infinite nor NaN."},
    {"get$is_finite", "f", float_is_finite, 0, "float.is_finite -> bool",
     "Tells whether it is neither infinite nor NaN."},
    {"is_infinite", "f", float_is_infinite, 0, "is_infinite(x: float) -> bool",
     "Tells whether `x` is infinite."},
    {"get$is_infinite", "f", float_is_infinite, 0, "float.is_infinite -> bool",
     "Tells whether it is infinite."},
    {"to_int", "i", int_to_int, 0, "to_int(x: int) -> int", "Returns `x`."},
    {"to_int", "f", float_to_int, 0, "to_int(x: float) -> int",
     "The whole part of `x` as an integer, 0 for NaN; an error when it does not fit."},
    {"to_int", "c", char_to_int, 0, "to_int(character: char) -> int",
     "The character's number in Unicode."},
    {"to_float", "f", float_to_float, 0, "to_float(x: float) -> float", "Returns `x`."},
    {"to_float", "i", int_to_float, 0, "to_float(x: int) -> float",
     "The number as a float, rounded where that has fewer digits."},
    {"parse_int", "s", parse_int, 0, "parse_int(string: string) -> int",
     "Reads a decimal integer, with or without a sign and white space around it."},
    {"parse_int", "si", parse_int_with_radix, 0, "parse_int(string: string, radix: int) -> int",
     "Reads an integer in the given base, 2 to 36."},
    {"parse_float", "s", parse_float, 0, "parse_float(string: string) -> float",
     "Reads a decimal number, `inf` or `nan`, with or without white space around it."},
};
LIB_PACKAGE(math);
