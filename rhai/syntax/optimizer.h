/* optimizer.h - what the optimize_*.c files share.
 *
 * The rules are Rhai's, and so is the order in which they are tried, since each can make room for
 * another. A rule that changes something sets `dirty`; a block is gone through until a pass
 * leaves everything as it is.
 *
 * Rhai has one kind of node for a call and an operator, and separate kinds for literals and for
 * constants that were folded; rules that tell these apart say so. A closure with captured
 * variables is, to Rhai, a block that is never pure.
 */
#ifndef RHAI_SYNTAX_OPTIMIZER_H
#define RHAI_SYNTAX_OPTIMIZER_H

#include <string.h>

#include "syntax/optimize.h"

/* A variable in force; value NULL: not known. */
typedef struct known_var {
    uint32_t name;
    uint32_t shadowed; /* what `tops` had for the name */
    expr *value;       /* a constant expression */
} known_var;

typedef struct optimizer {
    ast *ast;
    heap *h;
    const optimize_options *options;
    bool is_dirty;
    bool propagates; /* false after an eval, which may define variables */
    bool failed;     /* out of memory */
    known_var *vars;
    uint32_t vars_len, vars_cap;
    uint32_t constants; /* how many of vars have a value */
    uint32_t *tops;     /* by name number: index into vars + 1 of the topmost; 0: none */
    uint32_t tops_cap;
    stmt **scratch; /* statement lists under construction */
    uint32_t scratch_len, scratch_cap;
} optimizer;

void optimize_top_level(optimizer *o, block *b);
void optimizer_done(optimizer *o);
/* parse_late.c: bodies parsed from now on are optimised like this. */
void late_optimize(ast *a, const optimize_options *options);

/* ---- Variables ---- */

/* `value` NULL: a variable, not a constant. */
void known_push(optimizer *o, rhai_str *name, expr *value);
void known_drop(optimizer *o, uint32_t len);
/* The constant that the name stands for, or NULL. */
expr *known_constant(optimizer *o, rhai_str *name);

/* ---- Purity ---- */

bool expr_is_pure(const expr *e);
bool exprs_are_pure(expr *const *items, uint32_t len);
bool stmt_is_pure(const stmt *s);
/* Pure but for what ends with its block. */
bool stmt_is_internally_pure(const stmt *s);
/* Means something else in another block. */
bool stmt_is_block_dependent(const stmt *s);
bool stmt_returns_value(const stmt *s);
bool stmt_breaks_flow(const stmt *s);

/* ---- Rules ---- */

/* `in_chain`: the last [index] of a chain, where rules for whole chains do not apply. */
void optimize_expr(optimizer *o, expr **slot, bool in_chain);
void optimize_args(optimizer *o, expr_list *args);
void optimize_chain(optimizer *o, expr **slot, bool in_chain);
/* Rules for the target of an assignment: steps only, it stays a variable. */
void optimize_target(optimizer *o, expr *target);
void optimize_stmt(optimizer *o, stmt **slot, bool keeps_result);
void optimize_block(optimizer *o, block *b, bool keeps_result, bool is_internal,
                    bool reduces_return);

/* A new node for a constant that is used in another place: Rhai's Expr::from_dynamic. NULL: out
 * of memory, noted. */
expr *constant_again(optimizer *o, const expr *value, rhai_pos pos);
expr *constant_of_value(optimizer *o, rhai_value v, rhai_pos pos); /* takes v over */
/* The name of a constant expression's type, as type_of gives it. */
expr *type_of_constant(optimizer *o, const expr *e, rhai_pos pos);
/* The block as Rhai's StmtBlock::from(Stmt) makes it; NULL: out of memory, noted. */
block *block_from_stmt(optimizer *o, stmt *s);
stmt *stmt_from_block(optimizer *o, block *b);
stmt *stmt_from_expr(optimizer *o, expr *e);

static inline bool expr_is_bool(const expr *e, bool b) {
    return expr_is_const(e, RHAI_BOOL) && e->value.b == b;
}
static inline bool expr_is_unit(const expr *e) {
    return expr_is_const(e, RHAI_UNIT);
}
/* Rhai's Expr::FnCall. */
static inline bool expr_is_call(const expr *e) {
    return e->kind == EXPR_CALL || e->kind == EXPR_OP;
}
static inline bool name_is(const rhai_str *name, const char *s) {
    return strcmp(name->data, s) == 0;
}
/* `with` NULL: out of memory, noted already. */
static inline void replace_expr(optimizer *o, expr **slot, expr *with) {
    if (!with) return;
    o->is_dirty = true;
    *slot = with;
}
static inline void *note_no_memory(optimizer *o) {
    o->failed = true;
    return NULL;
}

#endif
