/* Entry point, variables, purity. */
#include "syntax/optimizer.h"

#include <string.h>

/* ---- Variables ---- */

static bool grow_tops(optimizer *o) {
    uint32_t cap = o->ast->names_cap;
    uint32_t *tops = heap_resize(o->h, o->tops, o->tops_cap * sizeof *tops, cap * sizeof *tops);
    if (!tops) return note_no_memory(o);
    memset(tops + o->tops_cap, 0, (cap - o->tops_cap) * sizeof *tops);
    o->tops = tops;
    o->tops_cap = cap;
    return true;
}

static bool name_number(optimizer *o, const rhai_str *name, uint32_t *ret) {
    *ret = ast_name_number(o->ast, name->data, name->len);
    if (*ret == UINT32_MAX) return note_no_memory(o);
    return *ret < o->tops_cap || grow_tops(o);
}

void known_push(optimizer *o, rhai_str *name, expr *value) {
    uint32_t number;
    if (!name_number(o, name, &number)) return;
    if (o->vars_len == o->vars_cap) {
        uint32_t cap = next_size(o->vars_cap, 32);
        known_var *vars =
            heap_resize(o->h, o->vars, o->vars_cap * sizeof *vars, cap * sizeof *vars);
        if (!vars) {
            note_no_memory(o);
            return;
        }
        o->vars = vars;
        o->vars_cap = cap;
    }
    o->vars[o->vars_len++] = (known_var){number, o->tops[number], value};
    o->tops[number] = o->vars_len;
    if (value) o->constants++;
}

void known_drop(optimizer *o, uint32_t len) {
    while (o->vars_len > len) {
        const known_var *v = &o->vars[--o->vars_len];
        o->tops[v->name] = v->shadowed;
        if (v->value) o->constants--;
    }
}

expr *known_constant(optimizer *o, rhai_str *name) {
    uint32_t number;
    if (!o->constants || !o->propagates || !name_number(o, name, &number)) return NULL;
    return o->tops[number] ? o->vars[o->tops[number] - 1].value : NULL;
}

/* ---- Purity ---- */

bool exprs_are_pure(expr *const *items, uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        if (!expr_is_pure(items[i])) return false;
    }
    return true;
}

static bool stmts_are(const block *b, bool (*test)(const stmt *)) {
    for (uint32_t i = 0; b && i < b->len; i++) {
        if (!test(b->stmts[i])) return false;
    }
    return true;
}

/* Reading a variable is not pure: there may be none. */
bool expr_is_pure(const expr *e) {
    switch (e->kind) {
    case EXPR_INTERP:
    case EXPR_ARRAY:
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_COALESCE: return exprs_are_pure(e->list.items, e->list.len);
    case EXPR_MAP: return exprs_are_pure(e->map.values, e->map.len);
    case EXPR_BLOCK: return stmts_are(e->block, stmt_is_pure);
    default: return expr_is_constant(e);
    }
}

static bool arm_is_pure(const stmt *s, uint32_t arm) {
    const switch_arm *a = &s->sw.arms[arm];
    return (!a->condition || expr_is_pure(a->condition)) && expr_is_pure(a->body);
}

static bool switch_is_pure(const stmt *s) {
    if (!expr_is_pure(s->sw.value) || s->sw.default_arm < 0) return false;
    for (uint32_t i = 0; i < s->sw.labels_len; i++) {
        if (!arm_is_pure(s, s->sw.labels[i].arm)) return false;
    }
    for (uint32_t i = 0; i < s->sw.ranges_len; i++) {
        if (!arm_is_pure(s, s->sw.ranges[i].arm)) return false;
    }
    return expr_is_pure(s->sw.arms[s->sw.default_arm].body);
}

/* Loops may run for ever, which is an effect, except those whose condition says they do not. */
bool stmt_is_pure(const stmt *s) {
    switch (s->kind) {
    case STMT_NOOP: return true;
    case STMT_EXPR: return !s->is_call && expr_is_pure(s->expr);
    case STMT_BLOCK: return stmts_are(s->block, stmt_is_pure);
    case STMT_IF:
        return expr_is_pure(s->flow.condition) && stmts_are(s->flow.body, stmt_is_pure) &&
               stmts_are(s->flow.branch, stmt_is_pure);
    case STMT_SWITCH: return switch_is_pure(s);
    case STMT_WHILE: return s->flow.condition && expr_is_bool(s->flow.condition, false);
    case STMT_DO:
        return expr_is_bool(s->flow.condition, s->flow.is_until) &&
               stmts_are(s->flow.body, stmt_is_pure);
    case STMT_FOR:
        return expr_is_pure(s->loop_for.iterable) && stmts_are(s->loop_for.body, stmt_is_pure);
    case STMT_TRY: /* the catch variable counts as one that is read */
        return !s->try_catch.var.name && stmts_are(s->try_catch.body, stmt_is_pure) &&
               stmts_are(s->try_catch.handler, stmt_is_pure);
    default: return false;
    }
}

bool stmt_is_internally_pure(const stmt *s) {
    switch (s->kind) {
    case STMT_VAR: return !s->var.value || expr_is_pure(s->var.value);
    case STMT_EXPR:
        if (s->expr->kind == EXPR_BLOCK) return stmts_are(s->expr->block, stmt_is_internally_pure);
        return stmt_is_pure(s);
    case STMT_IMPORT: return expr_is_pure(s->import.path);
    case STMT_EXPORT: return true;
    default: return stmt_is_pure(s);
    }
}

bool stmt_is_block_dependent(const stmt *s) {
    switch (s->kind) {
    case STMT_VAR:
    case STMT_IMPORT:
    case STMT_EXPORT: return true;
    case STMT_EXPR:
        if (s->expr->kind == EXPR_BLOCK) return stmts_are(s->expr->block, stmt_is_block_dependent);
        return s->expr->kind == EXPR_CALL && !s->expr->call.path.len &&
               strcmp(s->expr->call.name->data, "eval") == 0;
    default: return false;
    }
}

bool stmt_returns_value(const stmt *s) {
    return s->kind == STMT_IF || s->kind == STMT_SWITCH || s->kind == STMT_BLOCK ||
           s->kind == STMT_EXPR;
}

bool stmt_breaks_flow(const stmt *s) {
    return s->kind == STMT_RETURN || s->kind == STMT_THROW || s->kind == STMT_BREAK ||
           s->kind == STMT_CONTINUE;
}

/* ---- Entry ---- */

static void push_host_constants(optimizer *o) {
    for (size_t i = 0; i < o->options->constants_len; i++) {
        const struct optimize_constant *c = &o->options->constants[i];
        expr *e = expr_new_const(o->ast, value_copy(c->value), POS_NONE);
        if (!e) {
            note_no_memory(o);
            return;
        }
        known_push(o, c->name, e);
    }
}

void optimize_top_level(optimizer *o, block *b) {
    uint32_t vars_len = o->vars_len;
    o->propagates = true;
    o->is_dirty = false;
    optimize_block(o, b, true, false, true);
    known_drop(o, vars_len);
}

void optimizer_done(optimizer *o) {
    heap_free(o->h, o->vars, o->vars_cap * sizeof *o->vars);
    heap_free(o->h, o->tops, o->tops_cap * sizeof *o->tops);
    heap_free(o->h, o->scratch, o->scratch_cap * sizeof *o->scratch);
}

bool optimize_ast(ast *a, const optimize_options *options) {
    if (options->level == RHAI_OPTIMIZE_NONE) return true;
    if (a->late) late_optimize(a, options);
    optimizer o = {.ast = a, .h = a->h, .options = options};
    push_host_constants(&o);
    for (uint32_t i = 0; i < a->functions_len && !o.failed; i++)
        if (a->functions[i]->body) optimize_top_level(&o, a->functions[i]->body);
    if (!o.failed) optimize_top_level(&o, a->body);
    optimizer_done(&o);
    return !o.failed;
}
