#include "ops/families.h"

const char *op_text(op o) {
    static const char *const texts[] = {
#define X(name, text) [OP_##name] = text,
        OPERATORS(X)
#undef X
    };
    return texts[o];
}

const char *op_assign_text(op o) {
    static const char *const texts[] = {
#define X(name, text) [OP_##name] = text "=",
        OPERATORS(X)
#undef X
    };
    return texts[o];
}

op_result op_fail_no_memory(const operation *o) {
    *o->error = error_out_of_memory(o->h);
    return OP_FAILED;
}

op_result op_make_range(const operation *o) {
    const rhai_value *a = o->a, *b = o->b;
    bool has_from = a->type == RHAI_INT, has_to = b->type == RHAI_INT;
    if (!(has_from || (a->type == RHAI_UNIT && has_to)) || !(has_to || b->type == RHAI_UNIT))
        return OP_NOT_BUILTIN;
    if (!value_new_range(o->h, has_from ? a->i : 0, has_to ? b->i : INT64_MAX,
                         o->op == OP_RANGE_INCLUSIVE, o->ret))
        return op_fail_no_memory(o);
    return OP_DONE;
}

static op_result add_or_subtract(const operation *o) {
    if (is_number(o->a) && is_number(o->b)) return op_calculate(o);
    return o->op == OP_ADD ? op_concat(o) : op_without(o);
}

static op_result binary(const operation *o) {
    switch (o->op) {
    case OP_ADD:
    case OP_SUB: return add_or_subtract(o);
    case OP_MUL:
    case OP_DIV:
    case OP_MOD:
    case OP_POW:
    case OP_SHL:
    case OP_SHR:
    case OP_BAND:
    case OP_BOR:
    case OP_XOR: return op_calculate(o);
    case OP_EQ:
    case OP_NE:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE: return op_compare(o);
    case OP_RANGE:
    case OP_RANGE_INCLUSIVE: return op_make_range(o);
    case OP_NOT:
    case OP_NEG:
    case OP_PLUS: return op_unary(o);
    case OP_IN:
    case OP_NOT_IN: return op_contains(o);
    default: return OP_NOT_BUILTIN;
    }
}

op_result op_binary(heap *h, op o, const rhai_value *a, const rhai_value *b, rhai_value *ret,
                    rhai_error **error) {
    operation run = {.h = h, .op = o, .a = a, .b = b, .ret = ret, .error = error};
    return binary(&run);
}

/* Numbers keep their slot's tag: only the payload changes. */
static bool calculate_in_place(const operation *o, rhai_value *a, op_result *ret) {
    if (a->type == RHAI_INT && o->b->type == RHAI_INT && o->op <= OP_XOR) {
        *ret = op_int(o->h, o->op, a->i, o->b->i, &a->i, o->error) ? OP_DONE : OP_FAILED;
        return true;
    }
    if (a->type == RHAI_FLOAT && is_number(o->b) && op_is_float_op(o->op)) {
        a->f = op_float(o->op, a->f, as_float(o->b));
        *ret = OP_DONE;
        return true;
    }
    return false;
}

op_result op_assign(heap *h, op o, rhai_value *a, const rhai_value *b, rhai_error **error) {
    rhai_value value;
    operation run = {.h = h, .op = o, .a = a, .b = b, .ret = &value, .error = error};
    op_result result;
    if (calculate_in_place(&run, a, &result)) return result;
    if (o == OP_ADD && op_append(&run, a, &result)) return result;
    result = binary(&run);
    if (result == OP_DONE) value_store(h, a, value);
    return result;
}
