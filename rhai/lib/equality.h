/* equality.h - `==` between any two values, as scripts see it. */
#ifndef RHAI_LIB_EQUALITY_H
#define RHAI_LIB_EQUALITY_H

#include "native/call.h"

/* Compares element by element, in order, with the operator `==` that a script would get, custom
 * types' own included; stops at the first difference. Two values of one type that has no `==`
 * are an error ("Function not found: == (Fn, Fn)"), of different types unequal. Without C
 * recursion. */
rhai_status values_equal(rhai_call *call, const rhai_value *a, const rhai_value *b, bool *ret);

#endif
