/* logic.c - the larger and the smaller of two numbers; logical not. Comparisons between numbers
 * are built in (ops/).
 */
#include "lib/lib.h"

static rhai_status bool_not(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_BOOL(!args[0].b);
    return RHAI_OK;
}

/* The second argument wins when it is the better one or when NaN makes every comparison false. */
#define CHOICE_NATIVE(name, type, value, first, second, relation)                                  \
    static rhai_status name(rhai_call *call, rhai_value *args, rhai_value *ret) {                  \
        (void)call;                                                                                \
        type x = (type)args[0].first, y = (type)args[1].second;                                    \
        *ret = value(x relation y ? x : y);                                                        \
        return RHAI_OK;                                                                            \
    }

CHOICE_NATIVE(max_int, int64_t, VALUE_INT, i, i, >=)
CHOICE_NATIVE(min_int, int64_t, VALUE_INT, i, i, <=)
CHOICE_NATIVE(max_float, double, VALUE_FLOAT, f, f, >=)
CHOICE_NATIVE(min_float, double, VALUE_FLOAT, f, f, <=)
CHOICE_NATIVE(max_int_float, double, VALUE_FLOAT, i, f, >=)
CHOICE_NATIVE(min_int_float, double, VALUE_FLOAT, i, f, <=)
CHOICE_NATIVE(max_float_int, double, VALUE_FLOAT, f, i, >=)
CHOICE_NATIVE(min_float_int, double, VALUE_FLOAT, f, i, <=)

static const rhai_native logic_functions[] = {
    {"!", "b", bool_not, 0, "!(x: bool) -> bool", "Returns the opposite of `x`."},
    {"max", "ii", max_int, 0, "max(x: int, y: int) -> int", "Returns the larger number."},
    {"max", "ff", max_float, 0, "max(x: float, y: float) -> float", "Returns the larger number."},
    {"max", "if", max_int_float, 0, "max(x: int, y: float) -> float",
     "Returns the larger number, as a float."},
    {"max", "fi", max_float_int, 0, "max(x: float, y: int) -> float",
     "Returns the larger number, as a float."},
    {"min", "ii", min_int, 0, "min(x: int, y: int) -> int", "Returns the smaller number."},
    {"min", "ff", min_float, 0, "min(x: float, y: float) -> float", "Returns the smaller number."},
    {"min", "if", min_int_float, 0, "min(x: int, y: float) -> float",
     "Returns the smaller number, as a float."},
    {"min", "fi", min_float_int, 0, "min(x: float, y: int) -> float",
     "Returns the smaller number, as a float."},
};
LIB_PACKAGE(logic);
