/* Rules for expressions. */
#include "syntax/lex.h"
#include "syntax/optimizer.h"

#include <string.h>

/* ---- Constants ---- */

/* Rhai writes a function pointer that it folded as a call again, Fn("name"); what it points to is
 * looked up then, and a closure is not found. */
static expr *new_fn_call(optimizer *o, rhai_str *fn, rhai_pos pos) {
    expr *e = expr_new(o->ast, EXPR_CALL, pos);
    expr **args = arena_alloc(&o->ast->arena, sizeof *args);
    rhai_str *name = ast_name(o->ast, "Fn", 2);
    obj_ref(fn);
    expr *arg = expr_new_const(o->ast, VALUE_OBJ(RHAI_STRING, fn), pos);
    if (!e || !args || !name || !arg) return note_no_memory(o);
    args[0] = arg;
    e->call.name = name;
    e->call.args = (expr_list){args, 1};
    return e;
}

expr *constant_of_value(optimizer *o, rhai_value v, rhai_pos pos) {
    if (v.type == RHAI_FN && !as_fn(&v)->ncurry) {
        expr *call = new_fn_call(o, as_fn(&v)->name, pos);
        value_drop(o->h, &v);
        return call;
    }
    expr *e = expr_new_const(o->ast, v, pos);
    return e ? e : note_no_memory(o);
}

expr *constant_again(optimizer *o, const expr *value, rhai_pos pos) {
    if (value->kind == EXPR_CONST) return constant_of_value(o, value_copy(&value->value), pos);
    if (value->kind == EXPR_CLOSURE && !value->closure.captures_len)
        return new_fn_call(o, value->closure.fn->name, pos);
    expr *e = expr_new(o->ast, value->kind, pos);
    if (!e) return note_no_memory(o);
    if (value->kind == EXPR_CLOSURE)
        e->closure = value->closure;
    else if (value->kind == EXPR_MAP)
        e->map = value->map;
    else
        e->list = value->list;
    return e;
}

/* Closures become values only when they run, so that they know their code: what contains one is
 * constant, but stays as it was written. */
static bool contains_closure(const expr *e) {
    switch (e->kind) {
    case EXPR_CLOSURE: return true;
    case EXPR_ARRAY:
    case EXPR_INTERP:
        for (uint32_t i = 0; i < e->list.len; i++) {
            if (contains_closure(e->list.items[i])) return true;
        }
        return false;
    case EXPR_MAP:
        for (uint32_t i = 0; i < e->map.len; i++) {
            if (contains_closure(e->map.values[i])) return true;
        }
        return false;
    default: return false;
    }
}

/* An array, map or text of constants becomes one value. */
static bool fold_literal(optimizer *o, expr **slot, rhai_pos pos) {
    rhai_value v;
    switch (expr_literal(o->h, *slot, &v)) {
    case LITERAL_NONE: return false;
    case LITERAL_NO_MEMORY: note_no_memory(o); return false;
    case LITERAL_DONE: break;
    }
    expr *e = expr_new_const(o->ast, v, pos);
    if (!e) {
        note_no_memory(o);
        return false;
    }
    replace_expr(o, slot, e);
    return true;
}

static void optimize_list(optimizer *o, expr_list *list) {
    for (uint32_t i = 0; i < list->len; i++)
        optimize_expr(o, &list->items[i], false);
}

static void optimize_arg(optimizer *o, expr **slot) {
    optimize_expr(o, slot, false);
    if (!o->failed && (*slot)->kind != EXPR_CONST && !contains_closure(*slot))
        fold_literal(o, slot, expr_start(*slot));
}

void optimize_args(optimizer *o, expr_list *args) {
    for (uint32_t i = 0; i < args->len; i++)
        optimize_arg(o, &args->items[i]);
}

/* ---- Blocks, closures ---- */

static bool is_plain_value(const stmt *s) {
    return s->kind == STMT_EXPR && !s->is_call;
}

static void optimize_block_expr(optimizer *o, expr **slot) {
    block *b = (*slot)->block;
    if (!b->len) {
        replace_expr(o, slot, constant_of_value(o, VALUE_UNIT, b->pos));
        return;
    }
    if (b->len == 1 && is_plain_value(b->stmts[0])) {
        expr *inner = b->stmts[0]->expr;
        o->is_dirty = true;
        optimize_expr(o, &inner, false);
        *slot = inner;
        return;
    }
    optimize_block(o, b, true, true, false);
    if (b->len == 1 && is_plain_value(b->stmts[0])) replace_expr(o, slot, b->stmts[0]->expr);
}

/* Captured constants are not shared: the closure gets their values. */
static void optimize_closure(optimizer *o, expr *e) {
    uint32_t len = e->closure.captures_len;
    if (!len) return;
    expr **constants = e->closure.constants;
    if (!constants) {
        constants = arena_alloc(&o->ast->arena, len * sizeof *constants);
        if (!constants) {
            note_no_memory(o);
            return;
        }
        e->closure.constants = constants;
        o->is_dirty = true;
    }
    for (uint32_t i = 0; i < len; i++) {
        if (constants[i]) continue;
        const expr *value = known_constant(o, e->closure.captures[i].name);
        if (!value) continue;
        constants[i] = constant_again(o, value, e->closure.captures[i].pos);
        o->is_dirty = true;
    }
}

/* ---- Text, arrays, maps ---- */

static expr *join_texts(optimizer *o, const expr *a, const expr *b) {
    rhai_value v = value_copy(&a->value);
    const rhai_str *s = as_str(&b->value);
    if (!str_append(o->h, &v, s->data, s->len)) {
        value_drop(o->h, &v);
        return note_no_memory(o);
    }
    return constant_of_value(o, v, a->pos);
}

static bool is_no_text(const expr *e) {
    return expr_is_unit(e) || (expr_is_const(e, RHAI_STRING) && !as_str(&e->value)->len);
}

static void remove_item(expr_list *list, uint32_t i) {
    list->len--;
    memmove(&list->items[i], &list->items[i + 1], (list->len - i) * sizeof *list->items);
}

static void optimize_text(optimizer *o, expr **slot) {
    expr *e = *slot;
    expr_list *parts = &e->list;
    if (expr_is_constant(e)) {
        fold_literal(o, slot, e->pos);
        return;
    }
    optimize_list(o, parts);
    for (uint32_t i = 0; i + 1 < parts->len && !o->failed;) {
        expr *a = parts->items[i], *b = parts->items[i + 1];
        if (expr_is_const(a, RHAI_STRING) && expr_is_const(b, RHAI_STRING)) {
            expr *both = join_texts(o, a, b);
            if (!both) return;
            parts->items[i] = both;
            remove_item(parts, i + 1);
        } else if (is_no_text(b)) {
            remove_item(parts, i + 1);
        } else if (is_no_text(a)) {
            remove_item(parts, i);
        } else {
            i++;
            continue;
        }
        o->is_dirty = true;
    }
}

static void optimize_container(optimizer *o, expr **slot) {
    expr *e = *slot;
    if (expr_is_constant(e) && !contains_closure(e)) {
        fold_literal(o, slot, e->pos);
        return;
    }
    if (e->kind == EXPR_ARRAY) {
        optimize_list(o, &e->list);
        return;
    }
    for (uint32_t i = 0; i < e->map.len; i++)
        optimize_expr(o, &e->map.values[i], false);
}

/* ---- && || ?? ---- */

/* `deciding` ends the operation (false of &&), its opposite has no say in it. */
static void optimize_logic(optimizer *o, expr **slot, bool deciding) {
    expr *e = *slot;
    expr_list *list = &e->list;
    bool is_decided = false;
    rhai_pos pos = e->pos;
    for (uint32_t n = 0; n < list->len && !o->failed;) {
        const expr *item = list->items[n];
        if (expr_is_bool(item, !deciding)) {
            o->is_dirty = true;
            remove_item(list, n);
        } else if (expr_is_bool(item, deciding)) {
            is_decided = exprs_are_pure(list->items, n);
            pos = is_decided ? item->pos : pos;
            o->is_dirty |= is_decided || list->len > n + 1;
            list->len = n + 1;
            break;
        } else {
            optimize_expr(o, &list->items[n++], false);
        }
    }
    if (is_decided || !list->len)
        replace_expr(o, slot,
                     constant_of_value(o, VALUE_BOOL(is_decided ? deciding : !deciding), pos));
    else if (list->len == 1)
        replace_expr(o, slot, list->items[0]);
}

static void optimize_coalesce(optimizer *o, expr **slot) {
    expr *e = *slot;
    expr_list *list = &e->list;
    for (uint32_t n = 0; n < list->len && !o->failed;) {
        const expr *item = list->items[n];
        if (expr_is_unit(item)) {
            o->is_dirty = true;
            remove_item(list, n);
        } else if (expr_is_constant(item)) {
            o->is_dirty |= list->len > n + 1;
            list->len = n + 1;
            break;
        } else {
            optimize_expr(o, &list->items[n++], false);
        }
    }
    if (!list->len)
        replace_expr(o, slot, constant_of_value(o, VALUE_BOOL(false), e->pos));
    else if (list->len == 1)
        replace_expr(o, slot, list->items[0]);
}

/* ---- Operators ---- */

static bool is_full(const optimizer *o) {
    return o->options->level == RHAI_OPTIMIZE_FULL;
}

static bool is_script_function(const optimizer *o, const rhai_str *name, uint32_t nparams) {
    for (uint32_t i = 0; i < o->ast->functions_len; i++) {
        const fn_def *f = o->ast->functions[i];
        if (f->name == name && f->nparams == nparams) return true;
    }
    return false;
}

/* Calls something registered with constant arguments. True: *slot is its value now. */
static bool fold_native(optimizer *o, expr **slot, rhai_str *name, const rhai_value *args,
                        size_t nargs) {
    rhai_value result;
    if (!o->options->call || !o->options->call(o->options->data, name, args, nargs, &result))
        return false;
    expr *e = constant_of_value(o, result, (*slot)->pos);
    if (!e) return false;
    replace_expr(o, slot, e);
    return true;
}

static bool literal_operands(optimizer *o, const expr *e, rhai_value *ret) {
    if (expr_literal(o->h, e->op.left, &ret[0]) != LITERAL_DONE) return note_no_memory(o);
    if (!e->op.right) return true;
    if (expr_literal(o->h, e->op.right, &ret[1]) == LITERAL_DONE) return true;
    value_drop(o->h, &ret[0]);
    return note_no_memory(o);
}

/* `in` is the function contains(container, item), which only full optimisation calls. */
static bool fold_in(optimizer *o, expr **slot, const rhai_value *args) {
    expr *e = *slot;
    const rhai_value swapped[2] = {args[1], args[0]};
    rhai_str *name = ast_name(o->ast, "contains", 8);
    if (!name) return note_no_memory(o);
    if (!is_full(o) || is_script_function(o, name, 2) || !fold_native(o, slot, name, swapped, 2))
        return false;
    if (e->op.op != OP_NOT_IN) return true;
    if (!expr_is_const(*slot, RHAI_BOOL)) {
        *slot = e;
        return false;
    }
    *slot = constant_of_value(o, VALUE_BOOL(!(*slot)->value.b), e->pos);
    return *slot ? true : (*slot = e, false);
}

static bool fold_operands(optimizer *o, expr **slot, const rhai_value *args) {
    expr *e = *slot;
    if (e->op.op == OP_IN || e->op.op == OP_NOT_IN) return fold_in(o, slot, args);
    if (e->op.right) {
        rhai_value result;
        rhai_error *error = NULL;
        switch (op_binary(o->h, e->op.op, &args[0], &args[1], &result, &error)) {
        case OP_DONE: {
            if (result.type == RHAI_STRING && o->options->max_string_size &&
                as_str(&result)->len > o->options->max_string_size) {
                value_drop(o->h, &result);
                return false;
            }
            expr *folded = constant_of_value(o, result, e->pos);
            replace_expr(o, slot, folded);
            return folded != NULL;
        }
        case OP_FAILED: rhai_error_free(error); return false;
        case OP_NOT_BUILTIN: break;
        }
    }
    if (!is_full(o)) return false;
    const char *symbol = op_text(e->op.op);
    rhai_str *name = ast_name(o->ast, symbol, strlen(symbol));
    if (!name) return note_no_memory(o);
    return fold_native(o, slot, name, args, e->op.right ? 2 : 1);
}

static bool fold_operator(optimizer *o, expr **slot) {
    expr *e = *slot;
    rhai_value args[2] = {VALUE_UNIT, VALUE_UNIT};
    if (!expr_is_constant(e->op.left) || (e->op.right && !expr_is_constant(e->op.right)))
        return false;
    if (!literal_operands(o, e, args)) return false;
    bool ok = fold_operands(o, slot, args);
    value_drop(o->h, &args[0]);
    value_drop(o->h, &args[1]);
    return ok;
}

static void optimize_operator(optimizer *o, expr **slot) {
    expr *e = *slot;
    if (e->op.op == OP_NOT && expr_is_const(e->op.left, RHAI_BOOL)) {
        replace_expr(o, slot,
                     constant_of_value(o, VALUE_BOOL(!e->op.left->value.b), e->op.left->pos));
        return;
    }
    if (fold_operator(o, slot) || o->failed) return;
    bool is_in = e->op.op == OP_IN || e->op.op == OP_NOT_IN;
    if (is_in) optimize_arg(o, &e->op.right);
    optimize_arg(o, &e->op.left);
    if (e->op.right && !is_in) optimize_arg(o, &e->op.right);
}

/* ---- Calls ---- */

static bool all_constant(const expr_list *args) {
    for (uint32_t i = 0; i < args->len; i++) {
        if (!expr_is_constant(args->items[i])) return false;
    }
    return true;
}

static void drop_values(optimizer *o, rhai_value *values, size_t len) {
    for (size_t i = 0; i < len; i++)
        value_drop(o->h, &values[i]);
}

static bool fold_call(optimizer *o, expr **slot) {
    expr *e = *slot;
    size_t n = e->call.args.len, size = (n ? n : 1) * sizeof(rhai_value), done = 0;
    rhai_value *args = heap_alloc(o->h, size);
    if (!args) return note_no_memory(o);
    while (done < n && expr_literal(o->h, e->call.args.items[done], &args[done]) == LITERAL_DONE)
        done++;
    bool ok = done == n && fold_native(o, slot, e->call.name, args, n);
    drop_values(o, args, done);
    heap_free(o->h, args, size);
    return ok;
}

/* Fn("name") */
static bool fold_fn(optimizer *o, expr **slot) {
    const expr *e = *slot;
    if (e->call.args.len != 1 || !name_is(e->call.name, "Fn")) return false;
    expr *arg = e->call.args.items[0];
    if (!expr_is_constant(arg)) return false;
    if (!expr_is_const(arg, RHAI_STRING) || !fold_literal(o, slot, e->pos))
        optimize_expr(o, &e->call.args.items[0], false);
    return true;
}

/* curry(Fn("f"), constants) */
static bool fold_curry(optimizer *o, expr **slot) {
    const expr *e = *slot;
    size_t n = e->call.args.len;
    if (n < 2 || !name_is(e->call.name, "curry") ||
        !expr_is_const(e->call.args.items[0], RHAI_FN) || !all_constant(&e->call.args))
        return false;
    for (uint32_t i = 1; i < n; i++) {
        if (contains_closure(e->call.args.items[i])) return false;
    }
    const fnptr *f = as_fn(&e->call.args.items[0]->value);
    size_t len = f->ncurry + n - 1, done = 0;
    rhai_value *curry = heap_alloc(o->h, len * sizeof *curry);
    if (!curry) return note_no_memory(o);
    for (; done < f->ncurry; done++)
        curry[done] = value_copy(&f->curry[done]);
    while (done < len && expr_literal(o->h, e->call.args.items[done - f->ncurry + 1],
                                      &curry[done]) == LITERAL_DONE)
        done++;
    fnptr *curried =
        done == len ? fnptr_new(o->h, f->name, f->code, f->env, f->nparams, curry, len) : NULL;
    drop_values(o, curry, done);
    heap_free(o->h, curry, len * sizeof *curry);
    if (!curried) return note_no_memory(o);
    replace_expr(o, slot, constant_of_value(o, VALUE_OBJ(RHAI_FN, curried), e->pos));
    return true;
}

/* type_of(CONST), is_shared(CONST) */
static bool fold_syntactic(optimizer *o, expr **slot) {
    const expr *e = *slot;
    if (e->call.args.len != 1) return false;
    if (name_is(e->call.name, "type_of"))
        replace_expr(o, slot, type_of_constant(o, e->call.args.items[0], e->pos));
    else if (name_is(e->call.name, "is_shared"))
        replace_expr(o, slot, constant_of_value(o, VALUE_BOOL(false), e->pos));
    else
        return false;
    return true;
}

static void optimize_call(optimizer *o, expr **slot) {
    expr *e = *slot;
    const rhai_str *name = e->call.name;
    if (e->call.path.len) {
        optimize_args(o, &e->call.args);
    } else if (name_is(name, "eval")) {
        o->propagates = false;
    } else if (fold_fn(o, slot) || fold_curry(o, slot)) {
        return;
    } else if (name_is(name, "print") || name_is(name, "debug")) {
        optimize_list(o, &e->call.args);
    } else if (!all_constant(&e->call.args)) {
        optimize_args(o, &e->call.args);
    } else if (!is_full(o)) {
        if (!fold_syntactic(o, slot)) optimize_args(o, &e->call.args);
    } else {
        if (is_script_function(o, name, e->call.args.len) ||
            (!fold_syntactic(o, slot) && !fold_call(o, slot)))
            optimize_list(o, &e->call.args);
    }
}

/* ---- All ---- */

static void optimize_variable(optimizer *o, expr **slot) {
    const expr *e = *slot;
    if (e->var.path.len) return;
    const expr *value = known_constant(o, e->var.name);
    if (value) replace_expr(o, slot, constant_again(o, value, e->pos));
}

void optimize_expr(optimizer *o, expr **slot, bool in_chain) {
    if (o->failed) return;
    switch ((expr_kind)(*slot)->kind) {
    case EXPR_BLOCK: optimize_block_expr(o, slot); break;
    case EXPR_CLOSURE: optimize_closure(o, *slot); break;
    case EXPR_CHAIN: optimize_chain(o, slot, in_chain); break;
    case EXPR_INTERP: optimize_text(o, slot); break;
    case EXPR_ARRAY:
    case EXPR_MAP: optimize_container(o, slot); break;
    case EXPR_AND: optimize_logic(o, slot, false); break;
    case EXPR_OR: optimize_logic(o, slot, true); break;
    case EXPR_COALESCE: optimize_coalesce(o, slot); break;
    case EXPR_OP: optimize_operator(o, slot); break;
    case EXPR_CALL: optimize_call(o, slot); break;
    case EXPR_VAR: optimize_variable(o, slot); break;
    case EXPR_CONST:
    case EXPR_THIS: break;
    }
}
