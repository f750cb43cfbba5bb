/* call.h - what a native function of this library sees, beyond rhai.h.
 *
 * The standard library is registered and called exactly as an embedder's functions are; this
 * header only adds shorthands and the error kinds that Rhai's own functions raise.
 */
#ifndef RHAI_NATIVE_CALL_H
#define RHAI_NATIVE_CALL_H

#include "native/error.h"

struct vm;

struct rhai_call {
    rhai_engine *engine;
    heap *h;
    struct vm *vm;
    void *data;             /* given at registration */
    const rhai_native *native; /* NULL while an operator runs */
    uint32_t nargs;
    rhai_pos pos;      /* of the call */
    rhai_error *error; /* set by a function that returns RHAI_ERROR; the caller takes it */
};

/* Set the call's error and return RHAI_ERROR. The error is taken over. Errors without position
 * get the call's, as Rhai fills them in. */
rhai_status call_fail(rhai_call *call, rhai_error *error);
rhai_status call_fail_arithmetic(rhai_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
rhai_status call_fail_mismatch(rhai_call *call, const char *wanted, const char *actual);
static inline rhai_status call_no_memory(rhai_call *call) { return rhai_throw_out_of_memory(call); }

/* Checks a value that is being built against the size limits (max_string_size and so on); to be
 * called before a function makes something huge (pad, repeat). `what` counts the new value. */
rhai_status call_check_sizes(rhai_call *call, const sizes *what);

/* Calls a function value as Rhai's array and map functions call theirs: with `args`; if it is a
 * script function that wants one more and `self` is given, with self inserted at position
 * `self_at` (-1: never); if it wants `extras` too, with them at the end. Errors of the callee
 * come wrapped as "in call to function 'caller'". `self` NULL: none. args and extras stay the
 * caller's (they are copied). */
rhai_status call_back(rhai_call *call, const char *caller, const rhai_value *fn, rhai_value *self,
                      const rhai_value *args, size_t nargs, const rhai_value *extras,
                      size_t nextras, int self_at, rhai_value *ret);

/* Calls a function by name, as the script would: script functions first, then natives by type. */
rhai_status call_named(rhai_call *call, const char *name, rhai_value *args, size_t nargs,
                       rhai_value *ret);

/* Evaluates a text as Rhai's parse_json does: as one expression of the language in which { begins
 * a map and null is (), in an empty scope, seeing registered functions only, counting operations
 * from 0. *ret may be of any type. Syntax errors have positions in the text. */
rhai_status call_eval_json(rhai_call *call, const char *text, size_t len, rhai_value *ret);

/* True when a native `name` exists for these argument types (used by print and interpolation to
 * honour registered to_string and to_debug). */
bool call_has_native(rhai_call *call, const char *name, const rhai_value *args, size_t nargs);

/* A package of the standard library: a constant table. */
typedef struct package {
    const char *name;
    const rhai_native *functions;
    size_t count;
} package;

#endif
