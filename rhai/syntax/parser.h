/* parser.h - what the parse_*.c files share.
 *
 * Recursive descent in the shape of Rhai's own parser, because the depth at which an expression
 * becomes "too deep" and the position that is reported can be observed: each function notes what
 * it adds to the depth. A function that fails returns NULL (or false) with p->error set.
 */
#ifndef RHAI_SYNTAX_PARSER_H
#define RHAI_SYNTAX_PARSER_H

#include "syntax/lex.h"
#include "syntax/parse.h"

/* Nesting that a C stack of 1 MiB bears; in force when there is no limit, or a larger one. */
enum { PARSE_MAX_DEPTH = 1000 };

enum { /* context flags */
       AT_GLOBAL_LEVEL = 1,
       IN_FUNCTION = 2,
       IN_CLOSURE = 4,
       IN_LOOP = 8,
       IS_STRICT = 16,
};

/* Where the construct being parsed is; passed by value, so it is small. */
typedef struct context {
    uint32_t depth;
    uint32_t flags;
    rhai_pos pos; /* what an error about depth reports */
} context;

/* What is known about a name, by its number. */
typedef struct name_info {
    uint32_t var;         /* its topmost variable: an index into vars + 1; 0: none */
    uint32_t captured_in; /* serial of the function that captured it last */
    uint32_t key_of;      /* serial of the map literal that had it last */
    struct known_fn *functions;
} name_info;

typedef struct known_fn {
    const fn_def *fn;
    struct known_fn *older;
} known_fn;

typedef struct var_info {
    uint32_t name;
    uint32_t shadowed; /* what name_info.var was before */
    bool is_const;
    bool is_exported; /* a second definition does not replace it */
} var_info;

/* The function whose body is being parsed; variables of the ones around it are not visible. */
typedef struct fn_scope {
    struct fn_scope *outer;
    uint32_t serial;
    uint32_t first_var; /* of this function, in vars */
    uint32_t block_var; /* of the innermost block */
    bool is_closure;
    /* Variables that a closure takes from around it, in the order of their first use. */
    ident *captures;
    uint32_t captures_len, captures_cap;
} fn_scope;

typedef struct parser {
    lexer lx;
    heap *h;
    ast *ast;
    const parse_options *options;
    rhai_error *error; /* the first one */
    uint32_t max_depth;
    bool stop_at_pipe; /* in the labels of a switch arm, | separates alternatives */

    name_info *names;
    uint32_t names_cap;
    var_info *vars;
    uint32_t vars_len, vars_cap;
    rhai_str **imports;
    uint32_t imports_len, imports_cap;
    fn_scope *scope;
    uint32_t serials; /* next number for a function or map literal */

    fn_def **functions, **closures;
    uint32_t functions_len, functions_cap, closures_len, closures_cap;

    /* Lists under construction; what is above a function's mark is its own. */
    void **scratch;
    uint32_t scratch_len, scratch_cap;
    chain_step *steps;
    uint32_t steps_len, steps_cap;

    /* parse_check */
    parse_report_fn report;
    void *report_data;
    size_t reported;
    rhai_pos last_reported;
} parser;

/* ---- Errors: all return NULL ---- */

void *fail(parser *p, rhai_pos pos, const char *format, ...) __attribute__((format(printf, 3, 4)));
void *fail_no_memory(parser *p);
void *fail_expecting(parser *p, rhai_pos pos, token_kind wanted, const char *what);
void *fail_reserved(parser *p, const char *word, rhai_pos pos);
void *fail_unexpected(parser *p); /* the current token, with its text */
void *fail_fault(parser *p);      /* the current token is TOK_ERROR */
/* The fault of the current token if it is one, else that `wanted` is missing. */
void *fail_missing(parser *p, token_kind wanted, const char *what);

/* ---- Tokens ---- */

static inline token_kind peek(const parser *p) {
    return (token_kind)p->lx.tok.kind;
}
static inline rhai_pos here(const parser *p) {
    return p->lx.tok.pos;
}
/* Steps to the next token and returns the position of the one left. */
static inline rhai_pos eat(parser *p) {
    rhai_pos pos = p->lx.tok.pos;
    lex_next(&p->lx);
    return pos;
}
static inline bool match(parser *p, token_kind kind) {
    if (peek(p) != kind) return false;
    lex_next(&p->lx);
    return true;
}
void *fail_too_deep(parser *p, rhai_pos pos);
/* One level deeper, or the error that this is too deep. */
static inline bool deeper(parser *p, context *c) {
    if (c->depth >= p->max_depth) return fail_too_deep(p, c->pos);
    c->depth++;
    return true;
}
/* The same and on to `pos`; the error reports the position before it. */
static inline bool deeper_at(parser *p, context *c, rhai_pos pos) {
    bool ok = deeper(p, c);
    c->pos = pos;
    return ok;
}

/* ---- Names, variables ---- */

/* Number of the current token's text; UINT32_MAX: no memory. */
uint32_t token_name(parser *p);
/* Eats a name that is to be defined, or the name after a ::. */
bool parse_name(parser *p, uint32_t *ret_name, rhai_pos *ret_pos);
static inline rhai_str *name_text(const parser *p, uint32_t name) {
    return p->ast->names[name];
}

/* The innermost variable of this function's, NULL if there is none. */
var_info *find_var(parser *p, uint32_t name);
bool push_var(parser *p, uint32_t name, bool is_const);
void drop_vars(parser *p, uint32_t len);
/* A use of a name as a variable: closures take what they do not define themselves. */
bool use_var(parser *p, uint32_t name, rhai_pos pos);
bool is_outer_var(const parser *p, const rhai_str *name);
/* strict_variables: is the first name of the path a module? */
bool check_module(parser *p, context c, const name_path *path);

/* ---- Lists ---- */

bool push_item(parser *p, void *item);
/* The items above the mark as an array in the arena, and drops them; NULL: error, or none. */
bool pop_items(parser *p, uint32_t mark, void *ret_items, uint32_t *ret_len);
/* Makes room for one more element of an array of the parser's. */
bool reserve_one(parser *p, void *items, uint32_t len, uint32_t *cap, size_t size);

/* ---- Grammar ---- */

expr *parse_expr(parser *p, context c);
expr *parse_unary(parser *p, context c);
/* A guard: not a block, of a type that may be a boolean, not an assignment. */
expr *parse_condition(parser *p, context c);
expr *ensure_bool(parser *p, expr *e);
/* [ ... ] [ ... ] .name .name() ... after an expression; NULL: error. */
expr *parse_postfix(parser *p, context c, expr *root);

expr *parse_string(parser *p);
expr *parse_interpolation(parser *p, context c);
expr *parse_array(parser *p, context c);
expr *parse_map(parser *p, context c);

stmt *parse_stmt(parser *p, context c);
stmt *parse_if(parser *p, context c);
stmt *parse_while(parser *p, context c);
stmt *parse_do(parser *p, context c);
stmt *parse_for(parser *p, context c);
stmt *parse_switch(parser *p, context c);
/* { ... }. An interpolation's block leaves its } as the current token. */
block *parse_block(parser *p, context c, bool is_interpolation);
block *parse_global(parser *p);
block *parse_json_text(parser *p); /* parse_options.as_json */
stmt *new_stmt(parser *p, stmt_kind kind, rhai_pos pos);
/* As a block of its own; Rhai's StmtBlock::from(Stmt). */
block *block_of_stmt(parser *p, stmt *s);
expr *expr_of_block(parser *p, block *b);
expr *expr_of_stmt(parser *p, stmt *s);

stmt *parse_fn(parser *p, context c);
/* The lexer is at the {. NULL: out of memory. */
block *parse_body_again(parser *p, const fn_def *f);
expr *parse_closure(parser *p, context c);

/* ---- parse_late.c ---- */

bool late_begin(parser *p); /* makes ast.late */
/* Parses the body of a function and drops it: f->late is set, and NULL returned as after an error.
 * A body that has to stay is returned. */
block *late_parse_body(parser *p, context c, fn_def *f);
/* The script is parsed: the parser's memory goes to the ast. */
void late_keep(parser *p);
void late_done(ast *a);
void parser_done(parser *p);

static inline bool is_self_terminated(const stmt *s) {
    return s->kind == STMT_IF || s->kind == STMT_SWITCH || s->kind == STMT_WHILE ||
           s->kind == STMT_FOR || s->kind == STMT_BLOCK || s->kind == STMT_TRY;
}

#endif
