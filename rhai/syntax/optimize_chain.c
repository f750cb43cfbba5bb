/* Rules for a[i].b.c() chains. */
#include "syntax/optimizer.h"

#include <string.h>

static expr *at_position(expr *e, rhai_pos pos) {
    e->pos = pos;
    if (e->kind == EXPR_BLOCK) e->block->pos = pos;
    return e;
}

/* Everything in the chain after the root. After an index that is the literal (), ?. and ?[ end
 * the chain. */
static void optimize_steps(optimizer *o, expr *e) {
    for (uint32_t i = 0; i < e->chain.len && !o->failed; i++) {
        chain_step *step = &e->chain.steps[i];
        if (i > 0 && step->is_optional && step[-1].kind == STEP_INDEX &&
            expr_is_unit(step[-1].index)) {
            e->chain.len = i;
            o->is_dirty = true;
            return;
        }
        if (step->kind == STEP_INDEX)
            optimize_expr(o, &step->index, i + 1 == e->chain.len);
        else if (step->kind == STEP_METHOD)
            optimize_args(o, &step->args);
    }
}

void optimize_target(optimizer *o, expr *target) {
    if (target->kind == EXPR_CHAIN) optimize_steps(o, target);
}

/* The value of a key in a map of constants; () if there is none. */
static expr *constant_property(optimizer *o, const expr *map_expr, rhai_str *key, rhai_pos pos) {
    if (map_expr->kind == EXPR_MAP) {
        for (uint32_t i = 0; i < map_expr->map.len; i++) {
            if (map_expr->map.keys[i].name == key || str_equal(map_expr->map.keys[i].name, key))
                return constant_again(o, map_expr->map.values[i], pos);
        }
        return constant_of_value(o, VALUE_UNIT, pos);
    }
    const rhai_value *v = map_find(as_map(&map_expr->value), key);
    return constant_of_value(o, v ? value_copy(v) : VALUE_UNIT, pos);
}

static bool is_constant_map(const expr *e) {
    return e && (e->kind == EXPR_MAP || expr_is_const(e, RHAI_MAP));
}

/* #{...}.name and #{...}["name"] where all values are pure. */
static expr *literal_property(optimizer *o, const expr *root, const rhai_str *key) {
    for (uint32_t i = 0; i < root->map.len; i++) {
        if (str_equal(root->map.keys[i].name, key))
            return at_position(root->map.values[i], root->pos);
    }
    return constant_of_value(o, VALUE_UNIT, root->pos);
}

/* [...][i] where all items are pure; negative i from the end. */
static expr *literal_item(const expr *root, int64_t i) {
    uint32_t len = root->list.len;
    if (i < 0 && i >= -(int64_t)len) i += len;
    if (i < 0 || i >= (int64_t)len || !exprs_are_pure(root->list.items, len)) return NULL;
    return at_position(root->list.items[i], root->pos);
}

static expr *literal_bit(optimizer *o, const expr *root, int64_t i) {
    if (i < 0 && i >= -64) i += 64;
    if (i < 0 || i >= 64) return NULL;
    return constant_of_value(o, VALUE_BOOL((uint64_t)root->value.i >> i & 1), root->pos);
}

static expr *literal_char(optimizer *o, const expr *root, int64_t i) {
    rhai_str *s = as_str(&root->value);
    int64_t len = (int64_t)str_chars(s);
    if (i < 0 && i >= -len) i += len;
    if (i < 0 || i >= len) return NULL;
    uint32_t c = 0;
    size_t at = str_offset(s, (size_t)i);
    utf8_decode(s->data + at, s->len - at, &c);
    return constant_of_value(o, VALUE_CHAR(c), root->pos);
}

/* A single [index] on a literal or a constant; NULL: no rule applies. */
static expr *fold_index(optimizer *o, expr *root, const expr *index) {
    if (expr_is_const(index, RHAI_INT)) {
        if (root->kind == EXPR_ARRAY) return literal_item(root, index->value.i);
        if (expr_is_const(root, RHAI_INT)) return literal_bit(o, root, index->value.i);
        if (expr_is_const(root, RHAI_STRING)) return literal_char(o, root, index->value.i);
    } else if (expr_is_const(index, RHAI_STRING)) {
        rhai_str *key = as_str(&index->value);
        if (root->kind == EXPR_MAP && exprs_are_pure(root->map.values, root->map.len))
            return literal_property(o, root, key);
        if (expr_is_const(root, RHAI_MAP)) return constant_property(o, root, key, root->pos);
        if (root->kind == EXPR_VAR) {
            const expr *value = known_constant(o, root->var.name);
            if (is_constant_map(value)) return constant_property(o, value, key, root->pos);
        }
    }
    return NULL;
}

static expr *fold_property(optimizer *o, expr *root, rhai_str *name) {
    if (root->kind == EXPR_MAP && exprs_are_pure(root->map.values, root->map.len))
        return literal_property(o, root, name);
    if (root->kind == EXPR_VAR) {
        const expr *value = known_constant(o, root->var.name);
        if (is_constant_map(value)) return constant_property(o, value, name, root->pos);
    }
    return NULL;
}

static const char *constant_type(const expr *e) {
    switch (e->kind) {
    case EXPR_CONST: return value_type_name(&e->value);
    case EXPR_CLOSURE: return "Fn";
    case EXPR_MAP: return "map";
    case EXPR_INTERP: return "string";
    default: return "array";
    }
}

expr *type_of_constant(optimizer *o, const expr *e, rhai_pos pos) {
    const char *type = constant_type(e);
    rhai_str *name = str_intern(o->h, type, strlen(type));
    return name ? constant_of_value(o, VALUE_OBJ(RHAI_STRING, name), pos) : note_no_memory(o);
}

/* CONST.type_of() and CONST.is_shared() */
static expr *fold_method(optimizer *o, const expr *root, const chain_step *step) {
    if (!expr_is_constant(root) || step->args.len) return NULL;
    if (name_is(step->name, "type_of")) return type_of_constant(o, root, step->pos);
    if (name_is(step->name, "is_shared")) return constant_of_value(o, VALUE_BOOL(false), step->pos);
    return NULL;
}

static expr *fold_chain(optimizer *o, const expr *e) {
    const chain_step *step = &e->chain.steps[0];
    switch (step->kind) {
    case STEP_INDEX: return fold_index(o, e->chain.root, step->index);
    case STEP_PROPERTY: return fold_property(o, e->chain.root, step->name);
    case STEP_METHOD: return fold_method(o, e->chain.root, step);
    }
    return NULL;
}

void optimize_chain(optimizer *o, expr **slot, bool in_chain) {
    expr *e = *slot, *root = e->chain.root;
    if (e->chain.steps[0].is_optional && expr_is_unit(root)) { /* ()?.x */
        replace_expr(o, slot, root);
        return;
    }
    if (!in_chain && e->chain.len == 1) {
        expr *folded = fold_chain(o, e);
        if (folded) {
            replace_expr(o, slot, folded);
            return;
        }
    }
    if (in_chain || (root->kind != EXPR_VAR && root->kind != EXPR_THIS))
        optimize_expr(o, &e->chain.root, false);
    optimize_steps(o, e);
}
