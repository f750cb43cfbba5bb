/* Numbers and truth values. */
#include "ops/families.h"

#include <math.h>

/* ---- Integers ---- */

static int64_t shift_right(int64_t a, int64_t by);

/* Shifts by a negative count go the other way; bits shifted out are lost without an error. */
static int64_t shift_left(int64_t a, int64_t by) {
    if (by < 0) return shift_right(a, by == INT64_MIN ? INT64_MAX : -by);
    return by > 63 ? 0 : (int64_t)((uint64_t)a << by);
}

static int64_t shift_right(int64_t a, int64_t by) {
    if (by < 0) return shift_left(a, by == INT64_MIN ? INT64_MAX : -by);
    return a >> (by > 63 ? 63 : by);
}

static bool power(int64_t base, int64_t exponent, int64_t *ret) {
    int64_t result = 1;
    for (;;) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return false;
        exponent >>= 1;
        if (exponent == 0) break;
        if (__builtin_mul_overflow(base, base, &base)) return false;
    }
    *ret = result;
    return true;
}

static bool divide(int64_t a, int64_t b, int64_t *ret) {
    if (b == 0 || (a == INT64_MIN && b == -1)) return false;
    *ret = a / b;
    return true;
}

static bool remainder_of(int64_t a, int64_t b, int64_t *ret) {
    if (b == 0 || (a == INT64_MIN && b == -1)) return false;
    *ret = a % b;
    return true;
}

static const char *why_it_failed(op o, int64_t b) {
    switch (o) {
    case OP_ADD: return "Addition overflow";
    case OP_SUB: return "Subtraction overflow";
    case OP_MUL: return "Multiplication overflow";
    case OP_DIV: return b == 0 ? "Division by zero" : "Division overflow";
    case OP_MOD: return "Modulo division by zero or overflow";
    default: return b < 0 ? "Integer raised to a negative power" : "Exponential overflow";
    }
}

static bool calculate_int(op o, int64_t a, int64_t b, int64_t *ret) {
    switch (o) {
    case OP_ADD: return !__builtin_add_overflow(a, b, ret);
    case OP_SUB: return !__builtin_sub_overflow(a, b, ret);
    case OP_MUL: return !__builtin_mul_overflow(a, b, ret);
    case OP_DIV: return divide(a, b, ret);
    case OP_MOD: return remainder_of(a, b, ret);
    case OP_POW: return b >= 0 && b <= UINT32_MAX && power(a, b, ret);
    case OP_SHL: *ret = shift_left(a, b); return true;
    case OP_SHR: *ret = shift_right(a, b); return true;
    case OP_BAND: *ret = a & b; return true;
    case OP_BOR: *ret = a | b; return true;
    default: *ret = a ^ b; return true;
    }
}

bool op_int(heap *h, op o, int64_t a, int64_t b, int64_t *ret, rhai_error **error) {
    /* The built-ins write their wrapped result also when they overflow. */
    int64_t result;
    if (calculate_int(o, a, b, &result)) {
        *ret = result;
        return true;
    }
    *error = error_newf(h, ERR_ARITHMETIC, POS_NONE, "%s: %lld %s %lld", why_it_failed(o, b),
                        (long long)a, op_text(o), (long long)b);
    return false;
}

/* ---- Floats and bools ---- */

double op_float(op o, double a, double b) {
    switch (o) {
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_DIV: return a / b;
    case OP_MOD: return fmod(a, b);
    default: return pow(a, b);
    }
}

static op_result combine_bools(const operation *o) {
    bool a = o->a->b, b = o->b->b;
    switch (o->op) {
    case OP_BAND: *o->ret = VALUE_BOOL(a && b); return OP_DONE;
    case OP_BOR: *o->ret = VALUE_BOOL(a || b); return OP_DONE;
    case OP_XOR: *o->ret = VALUE_BOOL(a != b); return OP_DONE;
    default: return OP_NOT_BUILTIN;
    }
}

op_result op_calculate(const operation *o) {
    if (o->a->type == RHAI_INT && o->b->type == RHAI_INT) {
        int64_t result;
        if (!op_int(o->h, o->op, o->a->i, o->b->i, &result, o->error)) return OP_FAILED;
        *o->ret = VALUE_INT(result);
        return OP_DONE;
    }
    if (is_number(o->a) && is_number(o->b) && op_is_float_op(o->op)) {
        *o->ret = VALUE_FLOAT(op_float(o->op, as_float(o->a), as_float(o->b)));
        return OP_DONE;
    }
    if (o->a->type == RHAI_BOOL && o->b->type == RHAI_BOOL) return combine_bools(o);
    return OP_NOT_BUILTIN;
}

/* ---- Unary ---- */

static op_result negate(const operation *o) {
    if (o->a->type == RHAI_FLOAT) {
        *o->ret = VALUE_FLOAT(-o->a->f);
        return OP_DONE;
    }
    if (o->a->i == INT64_MIN) {
        *o->error = error_newf(o->h, ERR_ARITHMETIC, POS_NONE, "Negation overflow: -%lld",
                               (long long)o->a->i);
        return OP_FAILED;
    }
    *o->ret = VALUE_INT(-o->a->i);
    return OP_DONE;
}

op_result op_unary(const operation *o) {
    if (o->op == OP_NOT) {
        if (o->a->type != RHAI_BOOL) return OP_NOT_BUILTIN;
        *o->ret = VALUE_BOOL(!o->a->b);
        return OP_DONE;
    }
    if (!is_number(o->a)) return OP_NOT_BUILTIN;
    if (o->op == OP_NEG) return negate(o);
    *o->ret = value_copy(o->a);
    o->ret->tag = 0;
    return OP_DONE;
}
