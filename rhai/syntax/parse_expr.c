/* Expressions: binary and unary operators, primary expressions. */
#include "syntax/parser.h"

#include <string.h>

static const op binary_ops[TOK_COUNT] = {
    [TOK_PLUS] = OP_ADD, [TOK_MINUS] = OP_SUB,     [TOK_MUL] = OP_MUL,
    [TOK_DIV] = OP_DIV,  [TOK_MOD] = OP_MOD,       [TOK_POW] = OP_POW,
    [TOK_SHL] = OP_SHL,  [TOK_SHR] = OP_SHR,       [TOK_AMP] = OP_BAND,
    [TOK_PIPE] = OP_BOR, [TOK_XOR] = OP_XOR,       [TOK_EQ] = OP_EQ,
    [TOK_NE] = OP_NE,    [TOK_LT] = OP_LT,         [TOK_LE] = OP_LE,
    [TOK_GT] = OP_GT,    [TOK_GE] = OP_GE,         [TOK_RANGE] = OP_RANGE,
    [TOK_IN] = OP_IN,    [TOK_NOT_IN] = OP_NOT_IN, [TOK_RANGE_INCLUSIVE] = OP_RANGE_INCLUSIVE,
};

/* ---- Types that can be told while parsing ---- */

static const char *literal_kind(const expr *e) {
    static const char *const names[] = {
        [RHAI_UNIT] = "()",          [RHAI_BOOL] = "a boolean",
        [RHAI_INT] = "a number",     [RHAI_FLOAT] = "a floating-point number",
        [RHAI_CHAR] = "a character", [RHAI_STRING] = "a string",
    };
    switch (e->kind) {
    case EXPR_CONST: return names[e->value.type];
    case EXPR_INTERP: return "a string";
    case EXPR_ARRAY: return "an array";
    case EXPR_MAP: return "an object map";
    case EXPR_CLOSURE: return e->closure.captures_len ? NULL : "Fn";
    default: return NULL;
    }
}

expr *ensure_bool(parser *p, expr *e) {
    const char *kind = literal_kind(e);
    if (!kind || expr_is_const(e, RHAI_BOOL)) return e;
    return fail(p, expr_start(e), "Expecting a boolean expression, not %s", kind);
}

expr *parse_condition(parser *p, context c) {
    if (peek(p) == TOK_LBRACE) return fail(p, here(p), "Expecting a boolean expression");
    expr *e = parse_expr(p, c);
    if (!e || !ensure_bool(p, e)) return NULL;
    if (peek(p) == TOK_ASSIGN) return fail(p, here(p), "Possibly a typo of '=='?");
    return e;
}

/* ---- Unary ---- */

static expr *new_op(parser *p, op o, expr *left, expr *right, rhai_pos pos) {
    expr *e = expr_new(p->ast, EXPR_OP, pos);
    if (!e) return fail_no_memory(p);
    e->op.op = o;
    e->op.left = left;
    e->op.right = right;
    return e;
}

/* A minus before a number makes a negative number, parentheses or not. */
static expr *negate(parser *p, expr *e, rhai_pos pos) {
    if (expr_is_const(e, RHAI_INT))
        e->value = e->value.i == INT64_MIN ? VALUE_FLOAT(0x1p63) : VALUE_INT(-e->value.i);
    else if (expr_is_const(e, RHAI_FLOAT))
        e->value.f = -e->value.f;
    else
        return new_op(p, OP_NEG, e, NULL, pos);
    e->pos = pos;
    return e;
}

static expr *parse_primary(parser *p, context c);

/* Adds one to the depth per operator. */
expr *parse_unary(parser *p, context c) {
    token_kind kind = peek(p);
    c.pos = here(p);
    if (p->stop_at_pipe && kind == TOK_PIPE) return fail(p, c.pos, "Unexpected '|'");
    if (kind != TOK_MINUS && kind != TOK_UNARY_MINUS && kind != TOK_PLUS &&
        kind != TOK_UNARY_PLUS && kind != TOK_BANG)
        return parse_primary(p, c);

    rhai_pos pos = eat(p);
    if (!deeper(p, &c)) return NULL;
    expr *e = parse_unary(p, c);
    if (!e) return NULL;
    if (kind == TOK_MINUS || kind == TOK_UNARY_MINUS) return negate(p, e, pos);
    if (kind == TOK_BANG) return new_op(p, OP_NOT, e, NULL, pos);
    if (expr_is_const(e, RHAI_INT) || expr_is_const(e, RHAI_FLOAT)) return e;
    return new_op(p, OP_PLUS, e, NULL, pos);
}

/* ---- Binary ---- */

static expr *new_list(parser *p, expr_kind kind, rhai_pos pos, expr *const *first, uint32_t nfirst,
                      expr *const *second, uint32_t nsecond) {
    expr *e = expr_new(p->ast, kind, pos);
    expr **items = arena_alloc(&p->ast->arena, (nfirst + nsecond) * sizeof *items);
    if (!e || !items) return fail_no_memory(p);
    for (uint32_t i = 0; i < nfirst; i++)
        items[i] = first[i];
    for (uint32_t i = 0; i < nsecond; i++)
        items[nfirst + i] = second[i];
    e->list.items = items;
    e->list.len = nfirst + nsecond;
    return e;
}

/* && || ?? join with an operand of the same kind, whose position the list keeps if it is the
 * left one. */
static expr *new_logic(parser *p, expr_kind kind, expr *left, expr *right, rhai_pos pos) {
    if (kind != EXPR_COALESCE && (!ensure_bool(p, left) || !ensure_bool(p, right))) return NULL;
    bool joins_left = left->kind == kind, joins_right = right->kind == kind;
    return new_list(p, kind, joins_left ? left->pos : pos, joins_left ? left->list.items : &left,
                    joins_left ? left->list.len : 1, joins_right ? right->list.items : &right,
                    joins_right ? right->list.len : 1);
}

static expr *new_binary(parser *p, token_kind kind, expr *left, expr *right, rhai_pos pos) {
    switch (kind) {
    case TOK_AND: return new_logic(p, EXPR_AND, left, right, pos);
    case TOK_OR: return new_logic(p, EXPR_OR, left, right, pos);
    case TOK_COALESCE: return new_logic(p, EXPR_COALESCE, left, right, pos);
    default: return new_op(p, binary_ops[kind], left, right, pos);
    }
}

/* 5.. may end there. */
static bool ends_range(token_kind kind) {
    return kind == TOK_RBRACKET || kind == TOK_RPAREN || kind == TOK_RBRACE || kind == TOK_COMMA ||
           kind == TOK_SEMICOLON || kind == TOK_ARROW;
}

static expr *parse_right_operand(parser *p, context c, token_kind operator) {
    token_kind next = peek(p);
    if (operator== TOK_COALESCE &&(next == TOK_BREAK || next == TOK_CONTINUE ||
                                   next == TOK_RETURN || next == TOK_THROW)) {
        stmt *s = parse_stmt(p, c);
        return s ? expr_of_stmt(p, s) : NULL;
    }
    if ((operator== TOK_RANGE || operator== TOK_RANGE_INCLUSIVE) && ends_range(next)) {
        expr *e = expr_new_const(p->ast, VALUE_UNIT, here(p));
        return e ? e : fail_no_memory(p);
    }
    return parse_unary(p, c);
}

static bool check_operator(parser *p) {
    if (peek(p) != TOK_RESERVED || lex_is_name(p->lx.tok.text, p->lx.tok.len)) return true;
    return fail(p, here(p), "Unknown operator: '%.*s'", (int)p->lx.tok.len, p->lx.tok.text);
}

/* Adds one to the depth per operator, also to the right operands of tighter ones. */
static expr *parse_binary(parser *p, context c, unsigned parent_precedence, expr *left) {
    c.pos = left->pos;
    for (;;) {
        token_kind operator= peek(p);
        if (p->stop_at_pipe && operator== TOK_PIPE) return left;
        if (!check_operator(p)) return NULL;
        unsigned precedence = token_table[operator].precedence;
        bool binds_right = operator== TOK_POW;
        if (precedence < parent_precedence || (precedence == parent_precedence && !binds_right))
            return left;

        rhai_pos pos = eat(p);
        expr *right = parse_right_operand(p, c, operator);
        if (!right || !check_operator(p)) return NULL;
        unsigned next = token_table[peek(p)].precedence;
        context inner = c;
        if (precedence < next || (precedence == next && binds_right)) {
            if (!deeper(p, &inner)) return NULL;
            right = parse_binary(p, inner, precedence, right);
            if (!right) return NULL;
        }
        if (!deeper(p, &c)) return NULL;
        c.pos = pos;
        left = new_binary(p, operator, left, right, pos);
        if (!left) return NULL;
    }
}

/* Adds one to the depth. */
expr *parse_expr(parser *p, context c) {
    c.pos = here(p);
    if (!deeper(p, &c)) return NULL;
    expr *left = parse_unary(p, c);
    return left ? parse_binary(p, c, 1, left) : NULL;
}

/* ---- Primary ---- */

static expr *new_const(parser *p, rhai_value v) {
    expr *e = expr_new_const(p->ast, v, here(p));
    if (!e) return fail_no_memory(p);
    lex_next(&p->lx);
    return e;
}

static expr *parse_group(parser *p, context c) {
    c.pos = eat(p);
    if (!deeper(p, &c)) return NULL;
    expr *e = parse_expr(p, c);
    if (!e) return NULL;
    if (!match(p, TOK_RPAREN))
        return fail_missing(p, TOK_RPAREN, "for a matching ( in this expression");
    return e;
}

static bool starts_call(token_kind kind) {
    return kind == TOK_LPAREN || kind == TOK_BANG || kind == TOK_UNIT;
}

static expr *new_var(parser *p, uint32_t name, rhai_pos pos) {
    expr *e = expr_new(p->ast, EXPR_VAR, pos);
    if (!e) return fail_no_memory(p);
    e->var.name = name_text(p, name);
    return e;
}

static expr *parse_variable(parser *p, context c) {
    uint32_t name = token_name(p);
    if (name == UINT32_MAX) return NULL;
    eat(p);
    if (!starts_call(peek(p)) && peek(p) != TOK_PATH) {
        bool is_known = find_var(p, name) || p->names[name].functions;
        if (!is_known && !use_var(p, name, c.pos)) return NULL;
        if (!is_known && (c.flags & IS_STRICT) && !is_outer_var(p, name_text(p, name)))
            return fail(p, c.pos, "Undefined variable: %s", name_text(p, name)->data);
    }
    return new_var(p, name, c.pos);
}

/* Reserved words: some are functions, and there is `this`. */
static expr *parse_reserved(parser *p, context c) {
    const token *tok = &p->lx.tok;
    bool is_this = tok->len == 4 && memcmp(tok->text, "this", 4) == 0;
    bool is_function = tok->reserved & RESERVED_CALL;
    uint32_t name = token_name(p);
    if (name == UINT32_MAX) return NULL;
    eat(p);
    if (is_function && starts_call(peek(p))) return new_var(p, name, c.pos);
    if (!is_this) return fail_reserved(p, name_text(p, name)->data, c.pos);
    if (!(c.flags & IN_FUNCTION)) return fail(p, c.pos, "'this' can only be used in functions");
    expr *e = expr_new(p->ast, EXPR_THIS, c.pos);
    return e ? e : fail_no_memory(p);
}

typedef stmt *(*stmt_parser)(parser *, context);

/* if, switch and loops as expressions. Adds one to the depth. */
static expr *parse_stmt_expr(parser *p, context c, stmt_parser parse) {
    if (!deeper(p, &c)) return NULL;
    stmt *s = parse(p, c);
    return s ? expr_of_stmt(p, s) : NULL;
}

static expr *parse_block_expr(parser *p, context c) {
    if (!deeper(p, &c)) return NULL;
    block *b = parse_block(p, c, false);
    return b ? expr_of_block(p, b) : NULL;
}

static expr *parse_nested(parser *p, context c, expr *(*parse)(parser *, context)) {
    return deeper(p, &c) ? parse(p, c) : NULL;
}

static bool is_loop(token_kind kind) {
    return kind == TOK_WHILE || kind == TOK_LOOP || kind == TOK_DO || kind == TOK_FOR;
}

static expr *parse_root(parser *p, context c) {
    const token *tok = &p->lx.tok;
    if (p->lx.as_json && is_loop(tok->kind)) return fail_unexpected(p);
    switch (tok->kind) {
    case TOK_EOF: return fail(p, c.pos, "Script is incomplete");
    case TOK_ERROR: {
        fail_fault(p);
        lex_next(&p->lx); /* a consumed token: `return` must not take this for "no value" */
        return NULL;
    }
    case TOK_UNIT: return new_const(p, VALUE_UNIT);
    case TOK_INT: return new_const(p, VALUE_INT(tok->i));
    case TOK_FLOAT: return new_const(p, VALUE_FLOAT(tok->f));
    case TOK_CHAR: return new_const(p, VALUE_CHAR(tok->c));
    case TOK_TRUE: return new_const(p, VALUE_BOOL(true));
    case TOK_FALSE: return new_const(p, VALUE_BOOL(false));
    case TOK_STRING: return parse_string(p);
    case TOK_RANGE:
    case TOK_RANGE_INCLUSIVE: { /* ..5 begins at 0 */
        expr *e = expr_new_const(p->ast, VALUE_INT(0), c.pos);
        return e ? e : fail_no_memory(p);
    }
    case TOK_LBRACE: return parse_block_expr(p, c);
    case TOK_LPAREN: return parse_group(p, c);
    case TOK_IF: return parse_stmt_expr(p, c, parse_if);
    case TOK_WHILE:
    case TOK_LOOP: return parse_stmt_expr(p, c, parse_while);
    case TOK_DO: return parse_stmt_expr(p, c, parse_do);
    case TOK_FOR: return parse_stmt_expr(p, c, parse_for);
    case TOK_SWITCH: return parse_stmt_expr(p, c, parse_switch);
    case TOK_PIPE:
    case TOK_OR: return parse_closure(p, c);
    case TOK_INTERP: return parse_nested(p, c, parse_interpolation);
    case TOK_LBRACKET: return parse_nested(p, c, parse_array);
    case TOK_MAP: return parse_nested(p, c, parse_map);
    case TOK_NAME: return parse_variable(p, c);
    case TOK_RESERVED: return parse_reserved(p, c);
    default: return fail(p, c.pos, "Unexpected '%s'", token_table[tok->kind].text);
    }
}

static expr *parse_primary(parser *p, context c) {
    c.pos = here(p);
    expr *root = parse_root(p, c);
    if (!root || !(token_table[peek(p)].flags & POSTFIX)) return root;
    return parse_postfix(p, c, root);
}
