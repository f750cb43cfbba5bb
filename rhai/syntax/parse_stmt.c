/* Statements and blocks. */
#include "syntax/parser.h"

#include <string.h>

/* ---- Blocks from statements ---- */

static block *new_block(parser *p, rhai_pos pos, rhai_pos end_pos) {
    block *b = arena_alloc(&p->ast->arena, sizeof *b);
    if (!b) return fail_no_memory(p);
    b->pos = pos;
    b->end_pos = end_pos;
    return b;
}

stmt *new_stmt(parser *p, stmt_kind kind, rhai_pos pos) {
    stmt *s = stmt_new(p->ast, kind, pos);
    return s ? s : fail_no_memory(p);
}

block *block_of_stmt(parser *p, stmt *s) {
    if (s->kind == STMT_BLOCK) return s->block;
    bool is_noop = s->kind == STMT_NOOP;
    rhai_pos pos = stmt_start(s);
    block *b = new_block(p, pos, is_noop ? pos : POS_NONE);
    if (!b || is_noop) return b;
    b->stmts = arena_alloc(&p->ast->arena, sizeof *b->stmts);
    if (!b->stmts) return fail_no_memory(p);
    b->stmts[0] = s;
    b->len = 1;
    return b;
}

expr *expr_of_block(parser *p, block *b) {
    expr *e = expr_new(p->ast, EXPR_BLOCK, b->pos);
    if (!e) return fail_no_memory(p);
    e->block = b;
    return e;
}

expr *expr_of_stmt(parser *p, stmt *s) {
    block *b = block_of_stmt(p, s);
    return b ? expr_of_block(p, b) : NULL;
}

static bool same_pos(rhai_pos a, rhai_pos b) {
    return a.line == b.line && a.column == b.column;
}

/* ---- Going on after an error (parse_check) ---- */

/* Tokens at which a new statement surely begins, whatever came before. */
static bool starts_statement(token_kind kind) {
    switch (kind) {
    case TOK_LET:
    case TOK_CONST:
    case TOK_FN:
    case TOK_PRIVATE:
    case TOK_RETURN:
    case TOK_THROW:
    case TOK_TRY:
    case TOK_IMPORT:
    case TOK_EXPORT: return true;
    default: return false;
    }
}

/* Skips the rest of a statement that failed, braces in pairs. */
static void skip_statement(parser *p, rhai_pos start, bool in_block) {
    unsigned depth = 0;
    for (;; lex_next(&p->lx)) {
        token_kind kind = peek(p);
        if (kind == TOK_EOF) return;
        if (kind == TOK_LBRACE || kind == TOK_MAP) {
            depth++;
        } else if (kind == TOK_RBRACE) {
            if (!depth && in_block) return;
            if (!depth || --depth == 0) {
                lex_next(&p->lx);
                return;
            }
        } else if (!depth && !same_pos(here(p), start) && starts_statement(kind)) {
            return;
        } else if (!depth && kind == TOK_SEMICOLON) {
            lex_next(&p->lx);
            return;
        }
    }
}

/* Where a list of statements stands, to return to after an error in one of them. */
typedef struct checkpoint {
    rhai_pos pos;
    uint32_t vars_len, imports_len, scratch_len, steps_len, block_var;
} checkpoint;

static checkpoint checkpoint_take(const parser *p) {
    return (checkpoint){here(p),        p->vars_len,  p->imports_len,
                        p->scratch_len, p->steps_len, p->scope->block_var};
}

/* True: the error was reported, and the next statement is to come. */
static bool resume(parser *p, const checkpoint *at, bool in_block) {
    if (!p->report || p->error->kind != ERR_PARSING) return false;
    rhai_pos pos = p->error->pos;
    /* One unclosed brace would otherwise be reported for every block around it. */
    if (!p->reported || !same_pos(pos, p->last_reported)) {
        p->report(p->report_data, p->error);
        p->reported++;
        p->last_reported = pos;
    }
    rhai_error_free(p->error);
    p->error = NULL;
    p->stop_at_pipe = false;
    p->scope->block_var = at->block_var;
    p->scratch_len = at->scratch_len;
    p->steps_len = at->steps_len;
    p->imports_len = at->imports_len;
    drop_vars(p, at->vars_len);
    skip_statement(p, at->pos, in_block);
    return true;
}

/* ---- Blocks ---- */

/* After a statement: a semicolon, or the end of the list, or none needed. */
static bool parse_separator(parser *p, const stmt *s, token_kind end) {
    if (match(p, TOK_SEMICOLON) || peek(p) == end || is_self_terminated(s)) return true;
    return fail_missing(p, TOK_SEMICOLON, "to terminate this statement");
}

/* Statements up to `end`, which stays the current token. */
static bool parse_stmts(parser *p, context c, token_kind end, block *b) {
    uint32_t mark = p->scratch_len;
    while (peek(p) != end) {
        if (peek(p) == TOK_EOF) return fail_expecting(p, here(p), end, "to terminate this block");
        checkpoint at = checkpoint_take(p);
        stmt *s = parse_stmt(p, c);
        if (s && s->kind == STMT_NOOP) continue;
        if (!s || !parse_separator(p, s, end)) {
            if (!resume(p, &at, end == TOK_RBRACE)) return false;
            continue;
        }
        if (!push_item(p, s)) return false;
    }
    return pop_items(p, mark, &b->stmts, &b->len);
}

/* Adds one to the depth. */
block *parse_block(parser *p, context c, bool is_interpolation) {
    rhai_pos pos = here(p);
    if (!match(p, TOK_LBRACE)) return fail_missing(p, TOK_LBRACE, "to start a statement block");
    if (!deeper_at(p, &c, pos)) return NULL;
    c.flags &= ~(uint32_t)AT_GLOBAL_LEVEL;
    block *b = new_block(p, pos, pos);
    if (!b) return NULL;

    uint32_t outer_block = p->scope->block_var, imports_len = p->imports_len;
    p->scope->block_var = p->vars_len;
    if (!parse_stmts(p, c, TOK_RBRACE, b)) return NULL;
    b->end_pos = here(p);
    if (!is_interpolation) lex_next(&p->lx);
    drop_vars(p, p->scope->block_var);
    p->scope->block_var = outer_block;
    p->imports_len = imports_len;
    return b;
}

block *parse_global(parser *p) {
    block *b = new_block(p, (rhai_pos){1, 0}, POS_NONE);
    context c = {.flags = AT_GLOBAL_LEVEL, .pos = {1, 0}};
    if (p->options->strict_variables) c.flags |= IS_STRICT;
    return b && parse_stmts(p, c, TOK_EOF, b) ? b : NULL;
}

/* ---- Assignments and expressions ---- */

static const struct {
    token_kind token;
    op op;
} assign_ops[] = {
    {TOK_ADD_ASSIGN, OP_ADD}, {TOK_SUB_ASSIGN, OP_SUB}, {TOK_MUL_ASSIGN, OP_MUL},
    {TOK_DIV_ASSIGN, OP_DIV}, {TOK_MOD_ASSIGN, OP_MOD}, {TOK_POW_ASSIGN, OP_POW},
    {TOK_SHL_ASSIGN, OP_SHL}, {TOK_SHR_ASSIGN, OP_SHR}, {TOK_AND_ASSIGN, OP_BAND},
    {TOK_OR_ASSIGN, OP_BOR},  {TOK_XOR_ASSIGN, OP_XOR},
};

/* A chain is a target if it starts at a variable and calls no method. */
static bool check_chain_target(parser *p, const expr *target) {
    for (uint32_t i = 0; i < target->chain.len; i++) {
        if (target->chain.steps[i].kind == STEP_METHOD)
            return fail(p, target->chain.steps[i].pos, "Expression cannot be assigned to");
    }
    const expr *root = target->chain.root;
    if (root->kind == EXPR_VAR || root->kind == EXPR_THIS) return true;
    return fail(p, root->pos, "Expression cannot be assigned to");
}

static bool check_target(parser *p, const expr *target, bool has_op, rhai_pos op_pos) {
    switch (target->kind) {
    case EXPR_THIS: return true;
    case EXPR_VAR: {
        if (target->var.path.len) return true;
        uint32_t name = ast_name_number(p->ast, target->var.name->data, target->var.name->len);
        if (name == UINT32_MAX) return fail_no_memory(p);
        const var_info *v = find_var(p, name);
        if (!v || !v->is_const) return true;
        return fail(p, target->pos, "Cannot assign to constant %s", target->var.name->data);
    }
    case EXPR_CHAIN: return check_chain_target(p, target);
    default: break;
    }
    if (expr_is_constant(target))
        return fail(p, expr_start(target), "Cannot assign to a constant value");
    bool is_logic =
        target->kind == EXPR_AND || target->kind == EXPR_OR || target->kind == EXPR_COALESCE;
    if (is_logic && !has_op) return fail(p, op_pos, "Possibly a typo of '=='?");
    return fail(p, target->pos, "Expression cannot be assigned to");
}

static stmt *parse_assignment(parser *p, context c, expr *target) {
    token_kind kind = peek(p);
    stmt *s = new_stmt(p, STMT_ASSIGN, here(p));
    if (!s) return NULL;
    s->assign.target = target;
    s->assign.op_pos = here(p);
    for (size_t i = 0; i < sizeof assign_ops / sizeof *assign_ops; i++) {
        if (assign_ops[i].token == kind) {
            s->assign.has_op = true;
            s->assign.op = assign_ops[i].op;
        }
    }
    eat(p);
    c.pos = s->pos;
    s->assign.value = parse_expr(p, c);
    if (!s->assign.value || !check_target(p, target, s->assign.has_op, s->pos)) return NULL;
    return s;
}

static stmt *parse_expr_stmt(parser *p, context c) {
    c.pos = here(p);
    expr *e = parse_expr(p, c);
    if (!e) return NULL;
    if (peek(p) == TOK_ASSIGN || (peek(p) >= TOK_ADD_ASSIGN && peek(p) <= TOK_XOR_ASSIGN))
        return parse_assignment(p, c, e);
    stmt *s = new_stmt(p, STMT_EXPR, expr_start(e));
    if (s) s->expr = e;
    return s;
}

/* ---- let, const, import, export ---- */

/* A variable of the same block is defined again in its place, unless it was exported. */
static bool define_var(parser *p, uint32_t name, bool is_const, bool is_exported) {
    var_info *v = find_var(p, name);
    if (v && !v->is_exported && v >= &p->vars[p->scope->block_var])
        v->is_const = is_const;
    else if (!push_var(p, name, is_const))
        return false;
    if (is_exported) p->vars[p->vars_len - 1].is_exported = true;
    return true;
}

static stmt *parse_let(parser *p, context c, bool is_exported) {
    bool is_const = peek(p) == TOK_CONST;
    c.pos = eat(p);
    uint32_t name;
    rhai_pos name_pos;
    if (!parse_name(p, &name, &name_pos)) return NULL;
    stmt *s = new_stmt(p, STMT_VAR, c.pos);
    if (!s) return NULL;
    s->var.name = (ident){name_text(p, name), name_pos};
    s->var.is_const = is_const;
    s->var.is_exported = is_exported;
    if (match(p, TOK_ASSIGN)) {
        if (!deeper(p, &c)) return NULL;
        s->var.value = parse_expr(p, c);
        if (!s->var.value) return NULL;
    }
    return define_var(p, name, is_const, is_exported) ? s : NULL;
}

/* as name */
static bool parse_alias(parser *p, ident *ret) {
    if (!match(p, TOK_AS)) return true;
    uint32_t name;
    if (!parse_name(p, &name, &ret->pos)) return false;
    ret->name = name_text(p, name);
    return true;
}

/* Adds one to the depth. */
static stmt *parse_import(parser *p, context c) {
    if (!deeper_at(p, &c, eat(p))) return NULL;
    stmt *s = new_stmt(p, STMT_IMPORT, c.pos);
    if (!s) return NULL;
    s->import.path = parse_expr(p, c);
    if (!s->import.path || !parse_alias(p, &s->import.alias)) return NULL;
    if (!s->import.alias.name) return s;
    if (!reserve_one(p, &p->imports, p->imports_len, &p->imports_cap, sizeof *p->imports))
        return NULL;
    p->imports[p->imports_len++] = s->import.alias.name;
    return s;
}

static stmt *parse_export(parser *p, context c) {
    c.pos = eat(p);
    if (peek(p) == TOK_LET || peek(p) == TOK_CONST) {
        if (!deeper(p, &c)) return NULL;
        return parse_let(p, c, true);
    }
    stmt *s = new_stmt(p, STMT_EXPORT, c.pos);
    uint32_t name;
    if (!s || !parse_name(p, &name, &s->export_.name.pos)) return NULL;
    s->export_.name.name = name_text(p, name);
    if (!parse_alias(p, &s->export_.alias)) return NULL;
    var_info *v = find_var(p, name);
    if (v) v->is_exported = true;
    return s;
}

/* ---- Control flow ---- */

static stmt *new_flow(parser *p, stmt_kind kind, context c, expr *condition, block *body) {
    stmt *s = new_stmt(p, kind, c.pos);
    if (!s) return NULL;
    s->flow.condition = condition;
    s->flow.body = body;
    return s;
}

/* Adds one to the depth, also of an else-if. */
stmt *parse_if(parser *p, context c) {
    if (!deeper_at(p, &c, eat(p))) return NULL;
    expr *condition = parse_condition(p, c);
    if (!condition) return NULL;
    block *body = parse_block(p, c, false);
    if (!body) return NULL;
    stmt *s = new_flow(p, STMT_IF, c, condition, body);
    if (!s || !match(p, TOK_ELSE)) return s;
    if (peek(p) == TOK_IF) {
        stmt *branch = parse_if(p, c);
        s->flow.branch = branch ? block_of_stmt(p, branch) : NULL;
    } else {
        s->flow.branch = parse_block(p, c, false);
    }
    return s->flow.branch ? s : NULL;
}

/* while and loop. Adds one to the depth. */
stmt *parse_while(parser *p, context c) {
    if (!deeper(p, &c)) return NULL;
    bool is_loop = peek(p) == TOK_LOOP;
    rhai_pos pos = eat(p);
    expr *condition = NULL;
    if (!is_loop) {
        condition = parse_condition(p, c);
        if (!condition) return NULL;
    }
    c.pos = pos;
    c.flags |= IN_LOOP;
    block *body = parse_block(p, c, false);
    return body ? new_flow(p, STMT_WHILE, c, condition, body) : NULL;
}

/* Adds one to the depth. */
stmt *parse_do(parser *p, context c) {
    if (!deeper_at(p, &c, eat(p))) return NULL;
    context inner = c;
    inner.flags |= IN_LOOP;
    block *body = parse_block(p, inner, false);
    if (!body) return NULL;
    bool is_until = peek(p) == TOK_UNTIL;
    if (!is_until && peek(p) != TOK_WHILE)
        return fail_expecting(p, here(p), TOK_WHILE, "for the do statement");
    eat(p);
    expr *condition = parse_condition(p, c);
    stmt *s = condition ? new_flow(p, STMT_DO, c, condition, body) : NULL;
    if (s) s->flow.is_until = is_until;
    return s;
}

static const char *not_iterable(const expr *e) {
    if (e->kind == EXPR_MAP) return "an object map";
    if (e->kind != EXPR_CONST) return NULL;
    switch (e->value.type) {
    case RHAI_UNIT: return "()";
    case RHAI_BOOL: return "a boolean";
    case RHAI_INT: return "a number";
    case RHAI_FLOAT: return "a floating-point number";
    case RHAI_CHAR: return "a character";
    default: return NULL;
    }
}

/* name, or (name, counter) */
static bool parse_loop_vars(parser *p, uint32_t *ret_var, uint32_t *ret_counter, stmt *s) {
    *ret_counter = UINT32_MAX;
    bool has_counter = match(p, TOK_LPAREN);
    if (!parse_name(p, ret_var, &s->loop_for.var.pos)) return false;
    s->loop_for.var.name = name_text(p, *ret_var);
    if (!has_counter) return true;
    if (!match(p, TOK_COMMA))
        return fail_expecting(p, here(p), TOK_COMMA, "after the iteration variable name");
    ident *counter = &s->loop_for.counter;
    if (!parse_name(p, ret_counter, &counter->pos)) return false;
    counter->name = name_text(p, *ret_counter);
    if (*ret_counter == *ret_var)
        return fail(p, counter->pos, "Duplicated variable name: %s", counter->name->data);
    if (match(p, TOK_RPAREN)) return true;
    return fail_expecting(p, here(p), TOK_RPAREN, "to close the iteration variable");
}

/* Adds one to the depth. */
stmt *parse_for(parser *p, context c) {
    if (!deeper_at(p, &c, eat(p))) return NULL;
    stmt *s = new_stmt(p, STMT_FOR, c.pos);
    uint32_t var, counter;
    if (!s || !parse_loop_vars(p, &var, &counter, s)) return NULL;
    if (!match(p, TOK_IN)) return fail_missing(p, TOK_IN, "after the iteration variable");
    if (peek(p) == TOK_LBRACE) return fail(p, here(p), "Expecting a boolean expression");
    s->loop_for.iterable = parse_expr(p, c);
    if (!s->loop_for.iterable) return NULL;
    const char *kind = not_iterable(s->loop_for.iterable);
    if (kind)
        return fail(p, expr_start(s->loop_for.iterable), "Expecting an iterable value, not %s",
                    kind);
    uint32_t vars_len = p->vars_len;
    if (counter != UINT32_MAX && !push_var(p, counter, false)) return NULL;
    if (!push_var(p, var, false)) return NULL;
    c.flags |= IN_LOOP;
    s->loop_for.body = parse_block(p, c, false);
    drop_vars(p, vars_len);
    return s->loop_for.body ? s : NULL;
}

/* Adds one to the depth. */
static stmt *parse_try(parser *p, context c) {
    if (!deeper_at(p, &c, eat(p))) return NULL;
    stmt *s = new_stmt(p, STMT_TRY, c.pos);
    if (!s) return NULL;
    s->try_catch.body = parse_block(p, c, false);
    if (!s->try_catch.body) return NULL;
    if (!match(p, TOK_CATCH))
        return fail_expecting(p, here(p), TOK_CATCH, "for the 'try' statement");
    uint32_t vars_len = p->vars_len;
    if (match(p, TOK_LPAREN)) {
        uint32_t name;
        if (!parse_name(p, &name, &s->try_catch.var.pos)) return NULL;
        if (!match(p, TOK_RPAREN))
            return fail_expecting(p, here(p), TOK_RPAREN, "to enclose the catch variable");
        s->try_catch.var.name = name_text(p, name);
        if (!push_var(p, name, false)) return NULL;
    }
    s->try_catch.handler = parse_block(p, c, false);
    drop_vars(p, vars_len);
    return s->try_catch.handler ? s : NULL;
}

/* return, throw and break with an optional value: no value if what follows cannot begin one. */
static stmt *parse_jump(parser *p, context c, stmt_kind kind) {
    stmt *s = new_stmt(p, kind, eat(p));
    if (!s || !deeper(p, &c)) return NULL;
    if (peek(p) == TOK_SEMICOLON || peek(p) == TOK_RBRACE || peek(p) == TOK_EOF) return s;
    rhai_pos pos = here(p);
    s->expr = parse_expr(p, c);
    if (s->expr || !same_pos(here(p), pos) || !p->error || p->error->kind != ERR_PARSING)
        return s->expr ? s : NULL;
    rhai_error_free(p->error);
    p->error = NULL;
    return s;
}

static stmt *parse_loop_jump(parser *p, context c, stmt_kind kind) {
    if (!(c.flags & IN_LOOP))
        return fail(p, c.pos, "Break statement should only be used inside a loop");
    if (kind == STMT_BREAK) return parse_jump(p, c, kind);
    return new_stmt(p, kind, eat(p));
}

/* ---- Statements ---- */

static stmt *parse_block_stmt(parser *p, context c) {
    if (!deeper(p, &c)) return NULL;
    block *b = parse_block(p, c, false);
    stmt *s = b ? new_stmt(p, STMT_BLOCK, b->pos) : NULL;
    if (s) s->block = b;
    return s;
}

stmt *parse_stmt(parser *p, context c) {
    c.pos = here(p);
    context inner = c;
    switch (peek(p)) {
    case TOK_EOF: return new_stmt(p, STMT_NOOP, c.pos);
    case TOK_SEMICOLON: return new_stmt(p, STMT_NOOP, eat(p));
    case TOK_LBRACE: return parse_block_stmt(p, c);
    case TOK_FN:
    case TOK_PRIVATE: return parse_fn(p, c);
    case TOK_CONTINUE: return parse_loop_jump(p, c, STMT_CONTINUE);
    case TOK_BREAK: return parse_loop_jump(p, c, STMT_BREAK);
    case TOK_RETURN: return parse_jump(p, c, STMT_RETURN);
    case TOK_THROW: return parse_jump(p, c, STMT_THROW);
    case TOK_EXPORT:
        if (!(c.flags & AT_GLOBAL_LEVEL))
            return fail(p, c.pos, "Export statement can only appear at global level");
        return deeper(p, &inner) ? parse_export(p, inner) : NULL;
    case TOK_IF: return deeper(p, &inner) ? parse_if(p, inner) : NULL;
    case TOK_SWITCH: return deeper(p, &inner) ? parse_switch(p, inner) : NULL;
    case TOK_WHILE:
    case TOK_LOOP: return deeper(p, &inner) ? parse_while(p, inner) : NULL;
    case TOK_DO: return deeper(p, &inner) ? parse_do(p, inner) : NULL;
    case TOK_FOR: return deeper(p, &inner) ? parse_for(p, inner) : NULL;
    case TOK_TRY: return deeper(p, &inner) ? parse_try(p, inner) : NULL;
    case TOK_LET:
    case TOK_CONST: return deeper(p, &inner) ? parse_let(p, inner, false) : NULL;
    case TOK_IMPORT: return deeper(p, &inner) ? parse_import(p, inner) : NULL;
    default: return deeper(p, &inner) ? parse_expr_stmt(p, inner) : NULL;
    }
}
