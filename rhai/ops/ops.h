/* ops.h - the built-in operators on the language's own types.
 *
 * Used by the VM when a fast path does not apply, by the optimiser to fold constants, and by
 * nobody else. Which pairs of types are built in, what they give, and each error's text follow
 * Rhai 1.26 (Rhai Book, "Operators"; overflow and division are errors).
 */
#ifndef RHAI_OPS_OPS_H
#define RHAI_OPS_OPS_H

#include "native/error.h"

/* token text, name */
#define OPERATORS(X)                                                                               \
    X(ADD, "+") X(SUB, "-") X(MUL, "*") X(DIV, "/") X(MOD, "%") X(POW, "**")                       \
    X(SHL, "<<") X(SHR, ">>") X(BAND, "&") X(BOR, "|") X(XOR, "^")                                 \
    X(EQ, "==") X(NE, "!=") X(LT, "<") X(LE, "<=") X(GT, ">") X(GE, ">=")                          \
    X(RANGE, "..") X(RANGE_INCLUSIVE, "..=") X(NOT, "!") X(NEG, "-") X(PLUS, "+")                  \
    X(IN, "in") X(NOT_IN, "!in")

typedef enum op {
#define X(name, text) OP_##name,
    OPERATORS(X)
#undef X
    OP_COUNT
} op;

const char *op_text(op o);        /* "+" */
const char *op_assign_text(op o); /* "+=" */

typedef enum op_result {
    OP_DONE,        /* *ret set */
    OP_FAILED,      /* *error set (no position) */
    OP_NOT_BUILTIN, /* no built-in for these types: look for a registered function */
} op_result;

/* a OP b into *ret, which may not alias a or b. Operands are borrowed and never RHAI_SHARED.
 * Unary operators have no b. `in` asks whether a is in b.
 * Most of Rhai's natives for operators are done here, too (string + int, array == array), as far
 * as no registered function can have a say: anything with a custom object, or containers of
 * values that have no == of their own, is OP_NOT_BUILTIN. Their errors get the operator's
 * position (op_is_native), those of Rhai's built-ins stay without. Limits on sizes are the
 * caller's to check, on the result. */
op_result op_binary(heap *h, op o, const rhai_value *a, const rhai_value *b, rhai_value *ret,
                    rhai_error **error);
/* a OP= b in place. A string grows in place when nobody else holds it. */
op_result op_assign(heap *h, op o, rhai_value *a, const rhai_value *b, rhai_error **error);

/* Whether Rhai runs this one as a native function. Of those that can fail there is only -x. */
static inline bool op_is_native(op o) { return o == OP_NEG || o == OP_PLUS || o == OP_NOT; }

/* Integer arithmetic with Rhai's checks, for callers that know the types: false means *error
 * was set. o is one of ADD SUB MUL DIV MOD POW SHL SHR BAND BOR XOR. */
bool op_int(heap *h, op o, int64_t a, int64_t b, int64_t *ret, rhai_error **error);

#endif
