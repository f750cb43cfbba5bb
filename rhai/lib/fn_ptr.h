/* fn_ptr.h - function pointers made from names. */
#ifndef RHAI_LIB_FN_PTR_H
#define RHAI_LIB_FN_PTR_H

#include "native/call.h"

/* May a function have this name? */
bool fn_name_is_valid(const rhai_str *name);
/* A pointer to the function that the string *name names, as Fn(name) makes it: looked up at each
 * call. Reserved words and symbols are a syntax error, other invalid names are not found. */
rhai_status fn_from_name(rhai_call *call, const rhai_value *name, rhai_value *ret);

#endif
