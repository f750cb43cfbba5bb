/* Comparisons and membership. */
#include "ops/families.h"

#include <float.h>
#include <math.h>
#include <string.h>

static op_result give(const operation *o, bool b) {
    *o->ret = VALUE_BOOL(b);
    return OP_DONE;
}

/* `order` is negative, 0 or positive. */
static op_result give_order(const operation *o, int order) {
    switch (o->op) {
    case OP_EQ: return give(o, order == 0);
    case OP_NE: return give(o, order != 0);
    case OP_LT: return give(o, order < 0);
    case OP_LE: return give(o, order <= 0);
    case OP_GT: return give(o, order > 0);
    default: return give(o, order >= 0);
    }
}

static op_result give_equal(const operation *o, bool equal) {
    if (o->op != OP_EQ && o->op != OP_NE) return OP_NOT_BUILTIN;
    return give(o, equal == (o->op == OP_EQ));
}

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/* Rhai compares floats by their relative difference. With NaN all is false, != too; so is any
 * comparison with an infinity. */
static op_result compare_floats(const operation *o, double a, double b) {
    double scale = a * b == 0 ? 1 : fmax(fabs(a), fabs(b));
    switch (o->op) {
    case OP_EQ: return give(o, fabs(a - b) / scale <= DBL_EPSILON);
    case OP_NE: return give(o, fabs(a - b) / scale > DBL_EPSILON);
    case OP_GT: return give(o, (a - b) / scale > DBL_EPSILON);
    case OP_GE: return give(o, (a - b) / scale > -DBL_EPSILON);
    case OP_LT: return give(o, (b - a) / scale > DBL_EPSILON);
    default: return give(o, (b - a) / scale > -DBL_EPSILON);
    }
}

/* A char against a string: as the sequences of their first two characters. */
static int order_char_text(uint32_t c, const rhai_str *s) {
    uint32_t first;
    size_t n = utf8_decode(s->data, s->len, &first);
    if (n == 0) return 1;
    if (c != first) return ORDER(c, first);
    return n < s->len ? -1 : 0;
}

/* A pair of elements with no == of its own is for the registered == of containers to judge, which
 * can call functions and report that there is none. */
static int judge_unknown(void *data, const rhai_value *a, const rhai_value *b) {
    (void)data;
    (void)a;
    (void)b;
    return -1;
}

static op_result compare_containers(const operation *o) {
    if (o->op != OP_EQ && o->op != OP_NE) return OP_NOT_BUILTIN;
    int equal = value_equal_with(o->h, o->a, o->b, judge_unknown, NULL);
    if (equal == -2) return op_fail_no_memory(o);
    return equal < 0 ? OP_NOT_BUILTIN : give_equal(o, equal == 1);
}

static op_result compare_same_type(const operation *o) {
    const rhai_value *a = o->a, *b = o->b;
    switch (a->type) {
    case RHAI_UNIT: return give(o, o->op == OP_EQ);
    case RHAI_BOOL: return give_order(o, ORDER(a->b, b->b));
    case RHAI_INT:
    case RHAI_TIMESTAMP: return give_order(o, ORDER(a->i, b->i));
    case RHAI_CHAR: return give_order(o, ORDER(a->c, b->c));
    case RHAI_FLOAT: return compare_floats(o, a->f, b->f);
    case RHAI_STRING:
        if (o->op == OP_EQ || o->op == OP_NE) return give_equal(o, str_equal(as_str(a), as_str(b)));
        return give_order(o, str_compare(as_str(a), as_str(b)));
    case RHAI_BLOB:
    case RHAI_RANGE:
    case RHAI_RANGE_INCLUSIVE: return give_equal(o, value_equal(o->h, a, b));
    case RHAI_ARRAY:
    case RHAI_MAP: return compare_containers(o);
    case RHAI_CUSTOM:
        if (as_custom(a)->type != as_custom(b)->type) return give(o, o->op == OP_NE);
        return OP_NOT_BUILTIN;
    default: return OP_NOT_BUILTIN;
    }
}

static bool is_range(const rhai_value *v) {
    return v->type == RHAI_RANGE || v->type == RHAI_RANGE_INCLUSIVE;
}

/* Values of unlike types can be compared, and are just different. Exceptions: the two kinds of
 * range know only !=, bytes cannot be compared with other numbers, nor blobs with a char. */
static op_result compare_types(const operation *o) {
    const rhai_value *a = o->a, *b = o->b;
    if (is_number(a) && is_number(b)) return compare_floats(o, as_float(a), as_float(b));
    if (a->type == RHAI_CHAR && b->type == RHAI_STRING)
        return give_order(o, order_char_text(a->c, as_str(b)));
    if (a->type == RHAI_STRING && b->type == RHAI_CHAR)
        return give_order(o, -order_char_text(b->c, as_str(a)));
    if ((a->type == RHAI_BYTE && is_number(b)) || (is_number(a) && b->type == RHAI_BYTE))
        return OP_NOT_BUILTIN;
    if (is_range(a) && is_range(b) && o->op != OP_NE) return OP_NOT_BUILTIN;
    if (a->type == RHAI_BLOB && b->type == RHAI_CHAR) return OP_NOT_BUILTIN;
    return give(o, o->op == OP_NE);
}

op_result op_compare(const operation *o) {
    return o->a->type == o->b->type ? compare_same_type(o) : compare_types(o);
}

/* ---- Membership ---- */

static op_result is_in_array(const operation *o) {
    const arr *a = as_arr(o->b);
    for (uint32_t i = 0; i < a->len; i++) {
        int equal = value_equal_with(o->h, &a->items[i], o->a, judge_unknown, NULL);
        if (equal == -2) return op_fail_no_memory(o);
        if (equal < 0) return OP_NOT_BUILTIN;
        if (equal) return give(o, true);
    }
    return give(o, false);
}

static op_result is_in_text(const operation *o) {
    const rhai_str *s = as_str(o->b);
    if (o->a->type == RHAI_STRING)
        return give(o, memmem(s->data, s->len, as_str(o->a)->data, as_str(o->a)->len) != NULL);
    if (o->a->type != RHAI_CHAR) return OP_NOT_BUILTIN;
    char bytes[4];
    size_t len = utf8_write(o->a->c, bytes);
    return give(o, memmem(s->data, s->len, bytes, len) != NULL);
}

static op_result is_in_ints(const operation *o) {
    if (o->a->type != RHAI_INT) return OP_NOT_BUILTIN;
    int64_t i = o->a->i;
    if (o->b->type == RHAI_BLOB) {
        const blob *b = as_blob(o->b);
        return give(o, b->len && memchr(b->data, (int)(i & 0xff), b->len) != NULL);
    }
    const range *r = as_range(o->b);
    bool is_inclusive = o->b->type == RHAI_RANGE_INCLUSIVE;
    return give(o, i >= r->from && (i < r->to || (is_inclusive && i == r->to)));
}

static op_result is_in(const operation *o) {
    switch (o->b->type) {
    case RHAI_ARRAY: return is_in_array(o);
    case RHAI_STRING: return is_in_text(o);
    case RHAI_BLOB:
    case RHAI_RANGE:
    case RHAI_RANGE_INCLUSIVE: return is_in_ints(o);
    case RHAI_MAP:
        if (o->a->type != RHAI_STRING) return OP_NOT_BUILTIN;
        return give(o, map_find(as_map(o->b), as_str(o->a)) != NULL);
    default: return OP_NOT_BUILTIN;
    }
}

op_result op_contains(const operation *o) {
    op_result result = is_in(o);
    if (result == OP_DONE && o->op == OP_NOT_IN) o->ret->b = !o->ret->b;
    return result;
}
