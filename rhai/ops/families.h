/* families.h - the groups of operators that op_binary and op_assign choose from. */
#ifndef RHAI_OPS_FAMILIES_H
#define RHAI_OPS_FAMILIES_H

#include "ops/ops.h"

/* A running operation: where memory comes from and where the results go. */
typedef struct operation {
    heap *h;
    op op;
    const rhai_value *a, *b;
    rhai_value *ret;
    rhai_error **error;
} operation;

static inline bool is_number(const rhai_value *v) {
    return v->type == RHAI_INT || v->type == RHAI_FLOAT;
}

static inline double as_float(const rhai_value *v) {
    return v->type == RHAI_INT ? (double)v->i : v->f;
}

op_result op_fail_no_memory(const operation *o);

op_result op_unary(const operation *o);     /* ! - + */
op_result op_calculate(const operation *o); /* of two numbers or two bools */
op_result op_compare(const operation *o);   /* == != < <= > >= */
op_result op_make_range(const operation *o);
op_result op_contains(const operation *o); /* in, !in: is a in b */
op_result op_concat(const operation *o);   /* + of everything that is not a number */
op_result op_without(const operation *o);  /* - of strings */

/* += in place. False: not for these types; what + gives is to be stored instead. */
bool op_append(const operation *o, rhai_value *target, op_result *ret);

/* a OP b of two floats; o is one of ADD SUB MUL DIV MOD POW. */
double op_float(op o, double a, double b);
static inline bool op_is_float_op(op o) {
    return o >= OP_ADD && o <= OP_POW;
}

#endif
