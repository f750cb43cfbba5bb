/* What may follow a primary expression: arguments, paths, and chains of [index], .property and
 * .method() steps.
 *
 * Rhai nests chains to the right and each step carries the position of its own [ or dot. Two
 * slips of its parser can be observed and are kept: of a[i]?[j] both steps are optional (and of
 * a?[i][j] none), since an index takes the mark of the one that follows; and a dot after indexes
 * makes all of them not optional.
 */
#include "syntax/parser.h"

#include <string.h>

/* ---- Calls ---- */

bool check_module(parser *p, context c, const name_path *path) {
    if (!(c.flags & IS_STRICT) || !path->len) return true;
    const rhai_str *root = path->names[0].name;
    if (strcmp(root->data, "global") == 0) return true;
    for (uint32_t i = p->imports_len; i-- > 0;) {
        if (p->imports[i] == root) return true;
    }
    for (size_t i = 0; i < p->options->modules_len; i++) {
        if (str_equal(p->options->modules[i], root)) return true;
    }
    return fail(p, path->names[0].pos, "Undefined module: %s", root->data);
}

static void *fail_open_call(parser *p, rhai_pos pos, const rhai_str *name) {
    return fail(p, pos, "Expecting ')' to close the arguments list of this function call '%s'",
                name->data);
}

/* f(a, b); the parenthesis was eaten, and the closing one too if there are no_args. Adds one to
 * the depth of the arguments. */
static bool parse_args(parser *p, context c, const rhai_str *name, bool no_args, expr_list *ret) {
    *ret = (expr_list){0};
    if (no_args || match(p, TOK_RPAREN)) return true;
    if (peek(p) == TOK_EOF) return fail_open_call(p, here(p), name);
    if (peek(p) == TOK_ERROR) return fail_fault(p);
    if (!deeper(p, &c)) return false;
    uint32_t mark = p->scratch_len;
    for (;;) {
        if (peek(p) != TOK_RPAREN) { /* a comma may end the list */
            expr *e = parse_expr(p, c);
            if (!e || !push_item(p, e)) return false;
        }
        if (match(p, TOK_RPAREN)) break;
        if (peek(p) == TOK_EOF) return fail_open_call(p, here(p), name);
        if (peek(p) == TOK_ERROR) return fail_fault(p);
        if (!match(p, TOK_COMMA))
            return fail(p, here(p), "Expecting ',' to separate the arguments to function call '%s'",
                        name->data);
    }
    return pop_items(p, mark, &ret->items, &ret->len);
}

static bool expect_call(parser *p) {
    if (peek(p) == TOK_LPAREN || peek(p) == TOK_UNIT) return true;
    return fail_expecting(p, here(p), TOK_LPAREN, "to start arguments list of function call");
}

/* The current token is ( or (). */
static expr *parse_call(parser *p, context c, const expr *var, bool in_caller_scope) {
    c.pos = var->pos;
    bool no_args = peek(p) == TOK_UNIT;
    eat(p);
    expr *e = expr_new(p->ast, EXPR_CALL, var->pos);
    if (!e) return fail_no_memory(p);
    e->call.name = var->var.name;
    e->call.path = var->var.path;
    e->call.in_caller_scope = in_caller_scope;
    if (!parse_args(p, c, var->var.name, no_args, &e->call.args)) return NULL;
    return check_module(p, c, &e->call.path) ? e : NULL;
}

/* f!(...) sees the caller's variables; a module's function cannot. */
static expr *parse_bang_call(parser *p, context c, const expr *var) {
    rhai_pos pos = eat(p);
    if (!var->var.path.len) return expect_call(p) ? parse_call(p, c, var, true) : NULL;
    if (peek(p) == TOK_LPAREN || peek(p) == TOK_UNIT) return fail(p, pos, "Unexpected '!'");
    return fail(p, pos, "'!' cannot be used to call module functions");
}

/* a::b::c - all names but the last are the path. The current token is the first ::. */
static bool parse_path(parser *p, expr *var) {
    uint32_t mark = p->scratch_len;
    for (uint32_t i = 0; i < var->var.path.len; i++) { /* (a::b)::c */
        if (!push_item(p, &var->var.path.names[i])) return false;
    }
    while (match(p, TOK_PATH)) {
        ident *id = arena_alloc(&p->ast->arena, sizeof *id);
        if (!id) return fail_no_memory(p);
        *id = (ident){var->var.name, var->pos};
        uint32_t name;
        if (!push_item(p, id) || !parse_name(p, &name, &var->pos)) return false;
        var->var.name = name_text(p, name);
    }
    uint32_t len = p->scratch_len - mark;
    ident *names = arena_alloc(&p->ast->arena, len * sizeof *names);
    if (!names) return fail_no_memory(p);
    for (uint32_t i = 0; i < len; i++)
        names[i] = *(ident *)p->scratch[mark + i];
    p->scratch_len = mark;
    var->var.path = (name_path){names, len};
    return true;
}

/* ---- Steps ---- */

static chain_step *push_step(parser *p, step_kind kind, bool is_optional, rhai_pos op_pos) {
    if (!reserve_one(p, &p->steps, p->steps_len, &p->steps_cap, sizeof *p->steps)) return NULL;
    chain_step *step = &p->steps[p->steps_len++];
    *step = (chain_step){.kind = kind, .is_optional = is_optional, .op_pos = op_pos};
    return step;
}

/* What a literal index is called, for the two kinds of container; NULL: could be right. */
typedef struct index_name {
    const char *in_map, *in_list;
} index_name;

static index_name name_index(const expr *e) {
    static const index_name by_type[] = {
        [RHAI_UNIT] = {"()", "()"},
        [RHAI_BOOL] = {"a boolean", "a boolean"},
        [RHAI_INT] = {"a number", NULL},
        [RHAI_FLOAT] = {"a float", "a float"},
        [RHAI_CHAR] = {"a character", "a character"},
        [RHAI_STRING] = {NULL, "a string"},
    };
    switch (e->kind) {
    case EXPR_CONST: return by_type[e->value.type];
    case EXPR_INTERP: return by_type[RHAI_STRING];
    case EXPR_AND:
    case EXPR_OR: return by_type[RHAI_BOOL];
    default: return (index_name){NULL, NULL};
    }
}

/* Literals that cannot be indexed like this, whatever the host registers. */
static bool check_index(parser *p, const expr *object, const expr *index) {
    index_name name = name_index(index);
    if (object->kind == EXPR_MAP) {
        if (!name.in_map) return true;
        return fail(p, expr_start(index), "Object map expects string index, not %s", name.in_map);
    }
    if (object->kind == EXPR_ARRAY || object->kind == EXPR_INTERP ||
        expr_is_const(object, RHAI_INT) || expr_is_const(object, RHAI_STRING)) {
        if (!name.in_list) return true;
        const char *wanted = strcmp(name.in_list, "a string") == 0 ? "numeric" : "integer";
        return fail(p, expr_start(index), "Array, string or bit-field expects %s index, not %s",
                    wanted, name.in_list);
    }
    return true;
}

static inline bool is_index_token(token_kind kind) {
    return kind == TOK_LBRACKET || kind == TOK_ELVIS_INDEX;
}

static inline bool is_dot_token(token_kind kind) {
    return kind == TOK_DOT || kind == TOK_ELVIS;
}

/* A run of [i][j]. Adds one to the depth per index. `object`: the expression before the first,
 * NULL if it is a chain. */
static bool parse_indexes(parser *p, context c, const expr *object) {
    c.pos = here(p);
    bool is_optional = peek(p) == TOK_ELVIS_INDEX;
    eat(p);
    if (!deeper(p, &c)) return false;
    for (;;) {
        context inner = c;
        if (!deeper(p, &inner)) return false;
        expr *index = parse_expr(p, inner);
        if (!index || (object && !check_index(p, object, index))) return false;
        if (!match(p, TOK_RBRACKET))
            return fail_missing(p, TOK_RBRACKET, "for a matching [ in this index expression");

        bool has_more = is_index_token(peek(p));
        if (has_more) is_optional = peek(p) == TOK_ELVIS_INDEX;
        chain_step *step = push_step(p, STEP_INDEX, is_optional, c.pos);
        if (!step) return false;
        step->index = index;
        if (!has_more) return true;
        c.pos = eat(p);
        if (!deeper(p, &c)) return false;
        object = NULL;
    }
}

static bool check_property_name(parser *p) {
    const token *tok = &p->lx.tok;
    if (tok->kind == TOK_NAME) return true;
    if (tok->kind != TOK_RESERVED) return fail(p, tok->pos, "Expecting name of a property");
    if (tok->reserved & RESERVED_METHOD) return true;
    uint32_t name = token_name(p);
    return name == UINT32_MAX ? false : fail_reserved(p, name_text(p, name)->data, tok->pos);
}

/* .name, .name() - the dot was eaten and the name found good. */
static bool parse_property(parser *p, context c, bool is_optional, rhai_pos op_pos) {
    bool is_reserved = peek(p) == TOK_RESERVED;
    uint32_t number = token_name(p);
    if (number == UINT32_MAX) return false;
    rhai_str *name = name_text(p, number);
    rhai_pos pos = eat(p);
    if (peek(p) == TOK_PATH && !is_reserved)
        return fail(p, here(p), "Invalid symbol encountered: '::'");

    bool has_bang = peek(p) == TOK_BANG;
    if (!has_bang && peek(p) != TOK_LPAREN && peek(p) != TOK_UNIT) {
        if (is_reserved) return fail_reserved(p, name->data, pos);
        chain_step *step = push_step(p, STEP_PROPERTY, is_optional, op_pos);
        if (!step) return false;
        step->pos = pos;
        step->name = name;
        return true;
    }
    if (has_bang) eat(p);
    if (!expect_call(p)) return false;
    bool no_args = peek(p) == TOK_UNIT;
    eat(p);
    c.pos = pos;
    expr_list args;
    if (!parse_args(p, c, name, no_args, &args)) return false;
    /* Rhai looks for the ! only where the chain ends. */
    if (has_bang && !is_index_token(peek(p)) && !is_dot_token(peek(p)))
        return fail(p, pos, "method-call style does not support running within the caller's scope");
    chain_step *step = push_step(p, STEP_METHOD, is_optional, op_pos);
    if (!step) return false;
    step->pos = pos;
    step->name = name;
    step->args = args;
    return true;
}

/* All steps that follow. `mark`: where this chain's begin. Adds one to the depth per dot. */
static bool parse_steps(parser *p, context c, const expr *root, uint32_t mark) {
    for (;;) {
        if (is_index_token(peek(p))) {
            if (!parse_indexes(p, c, p->steps_len == mark ? root : NULL)) return false;
            root = NULL;
        } else if (is_dot_token(peek(p))) {
            for (uint32_t i = p->steps_len; i-- > mark && p->steps[i].kind == STEP_INDEX;)
                p->steps[i].is_optional = false;
            bool is_optional = peek(p) == TOK_ELVIS;
            c.pos = eat(p);
            rhai_pos op_pos = c.pos;
            /* The name is checked before the depth. */
            if (!check_property_name(p) || !deeper(p, &c)) return false;
            if (!parse_property(p, c, is_optional, op_pos)) return false;
            root = NULL;
        } else {
            return true;
        }
    }
}

/* (a.b).c is one chain, as a.b.c. */
static expr *new_chain(parser *p, expr *root, uint32_t mark) {
    uint32_t nmore = p->steps_len - mark, nfirst = 0;
    if (!nmore) return root;
    const chain_step *more = &p->steps[mark];
    p->steps_len = mark;
    expr *e = root->kind == EXPR_CHAIN ? root : expr_new(p->ast, EXPR_CHAIN, more[0].op_pos);
    if (!e) return fail_no_memory(p);
    if (e == root)
        nfirst = e->chain.len;
    else
        e->chain.root = root;
    chain_step *steps = arena_alloc(&p->ast->arena, (nfirst + nmore) * sizeof *steps);
    if (!steps) return fail_no_memory(p);
    if (nfirst) memcpy(steps, e->chain.steps, nfirst * sizeof *steps);
    memcpy(steps + nfirst, more, nmore * sizeof *steps);
    e->chain.steps = steps;
    e->chain.len = nfirst + nmore;
    return e;
}

expr *parse_postfix(parser *p, context c, expr *root) {
    if (root->kind == EXPR_VAR) {
        if (peek(p) == TOK_PATH && !parse_path(p, root)) return NULL;
        if (peek(p) == TOK_BANG)
            root = parse_bang_call(p, c, root);
        else if (peek(p) == TOK_LPAREN || peek(p) == TOK_UNIT)
            root = parse_call(p, c, root, false);
        if (!root) return NULL;
    }
    uint32_t mark = p->steps_len;
    if (!parse_steps(p, c, root, mark)) return NULL;
    expr *e = new_chain(p, root, mark);
    if (!e) return NULL;
    const expr *first = e->kind == EXPR_CHAIN ? e->chain.root : e;
    if (first->kind == EXPR_VAR && !check_module(p, c, &first->var.path)) return NULL;
    return e;
}
