/* ast.h - the tree between parser, optimiser and compiler.
 *
 * All nodes of one script live in one arena and go with it. Names are interned strings; the ast
 * holds one reference to each distinct name and to each constant value, so nodes borrow them.
 * Positions are those that Rhai's own tree carries (they appear in error texts): what each `pos`
 * points at is said beside it.
 *
 * Names are not resolved here: the compiler resolves them lexically. What the parser knows and
 * the compiler cannot see again - the variables a closure captures - is recorded.
 */
#ifndef RHAI_SYNTAX_AST_H
#define RHAI_SYNTAX_AST_H

#include "native/error.h"
#include "ops/ops.h"
#include "syntax/arena.h"

typedef struct expr expr;
typedef struct stmt stmt;
typedef struct block block;
typedef struct fn_def fn_def;

typedef struct ident {
    rhai_str *name;
    rhai_pos pos;
} ident;

/* a::b:: before a name. */
typedef struct name_path {
    ident *names;
    uint32_t len;
} name_path;

typedef enum expr_kind {
    EXPR_CONST,  /* literal or folded value, borrowed from ast.values; pos: the literal */
    EXPR_INTERP, /* list: parts of `...${}...`, EXPR_CONST strings included; pos: the literal */
    EXPR_ARRAY,  /* list; pos: the [ */
    EXPR_MAP,    /* map; pos: the #{ */
    EXPR_VAR,    /* var; pos: the name (the name after a path, too) */
    EXPR_THIS,   /* pos: `this` */
    EXPR_BLOCK,  /* stmt expression: { ... }, if, switch, loops ... as a value; pos: block.pos */
    EXPR_CALL,   /* call: f(x), a::f(x), f!(x); pos: the name */
    EXPR_OP,     /* unary or binary operator; pos: the operator */
    EXPR_AND,    /* list, flattened as Rhai does; pos: the operator */
    EXPR_OR,
    EXPR_COALESCE, /* ?? */
    EXPR_CHAIN,   /* root followed by [index], .property, .method() steps; pos: of the first step */
    EXPR_CLOSURE, /* |x| ...; pos: the first | */
} expr_kind;

typedef struct expr_list {
    expr **items;
    uint32_t len;
} expr_list;

typedef struct map_literal {
    ident *keys;
    expr **values;
    uint32_t len;
} map_literal;

typedef enum step_kind { STEP_INDEX, STEP_PROPERTY, STEP_METHOD } step_kind;

typedef struct chain_step {
    step_kind kind;
    bool is_optional; /* ?. and ?[ : the whole chain gives () when the object is () */
    rhai_pos op_pos;  /* what Rhai's Index or Dot node carries (parent.position()) */
    rhai_pos pos;     /* property or method: the name; index: unused */
    expr *index;      /* STEP_INDEX */
    rhai_str *name;   /* STEP_PROPERTY, STEP_METHOD */
    expr_list args;   /* STEP_METHOD */
} chain_step;

struct expr {
    uint8_t kind;
    rhai_pos pos;
    union {
        rhai_value value; /* EXPR_CONST */
        expr_list list;
        map_literal map;
        struct {
            rhai_str *name;
            name_path path; /* len 0: none */
        } var;
        block *block; /* EXPR_BLOCK; an `if` used as a value is a block with that one statement */
        struct {
            rhai_str *name;
            name_path path;
            expr_list args;
            bool in_caller_scope; /* f!(...) */
        } call;
        struct {
            op op;
            expr *left, *right; /* right NULL: unary */
        } op;
        struct {
            /* (a.b).c is parsed as one chain; after optimisation a root that is a chain itself is
             * a value of its own. */
            expr *root;
            chain_step *steps;
            uint32_t len;
        } chain;
        struct {
            fn_def *fn; /* its first captures_len parameters are the captured variables */
            ident *captures;
            uint32_t captures_len;
            /* What the optimiser found to be constants: the value in place of the variable, which
             * may be gone; NULL elements: none. NULL: none at all. */
            expr **constants;
        } closure;
    };
};

typedef enum stmt_kind {
    STMT_NOOP,
    STMT_EXPR,  /* expr */
    STMT_BLOCK, /* block */
    STMT_IF,    /* flow: expr, body, branch */
    STMT_SWITCH,
    STMT_WHILE, /* flow; expr NULL: loop */
    STMT_DO,    /* flow; is_until */
    STMT_FOR,
    STMT_VAR, /* let and const */
    STMT_ASSIGN,
    STMT_TRY,
    STMT_BREAK, /* expr may be NULL */
    STMT_CONTINUE,
    STMT_RETURN, /* expr may be NULL */
    STMT_THROW,  /* expr may be NULL */
    STMT_IMPORT,
    STMT_EXPORT,
} stmt_kind;

struct block {
    stmt **stmts;
    uint32_t len;
    rhai_pos pos;     /* the { (for expression blocks what Rhai's StmtBlock.position() gives) */
    rhai_pos end_pos; /* the } */
};

typedef struct switch_arm {
    expr *condition; /* NULL: none (Rhai's constant true) */
    expr *body;
} switch_arm;

/* One literal before =>; several may lead to one arm. In source order. */
typedef struct switch_label {
    rhai_value value; /* borrowed from ast.values; RHAI_RANGE for a range of integers */
    uint32_t arm;
} switch_label;

struct stmt {
    uint8_t kind;
    bool is_call; /* the optimiser's: Rhai's Stmt::FnCall, which it treats unlike Stmt::Expr */
    rhai_pos pos; /* Rhai's stmt.position(): the keyword; of expressions where they start */
    union {
        expr *expr; /* STMT_EXPR, BREAK, RETURN, THROW */
        block *block;
        struct {
            expr *condition;
            block *body;
            block *branch; /* else; NULL or empty: none */
            bool is_until; /* do ... until */
        } flow;
        struct {
            expr *value;
            switch_arm *arms;
            uint32_t arms_len;
            switch_label *labels; /* exact values in order; ranges too: they match equal ranges */
            uint32_t labels_len;
            switch_label *ranges; /* checked after the exact values, in Rhai's order */
            uint32_t ranges_len;
            int32_t default_arm; /* -1: none */
        } sw;
        struct {
            ident var, counter; /* counter.name NULL: none */
            expr *iterable;
            block *body;
        } loop_for;
        struct {
            ident name;
            expr *value; /* NULL: () */
            bool is_const, is_exported;
        } var;
        struct {
            expr *target; /* EXPR_VAR, EXPR_THIS or EXPR_CHAIN */
            expr *value;
            bool has_op; /* += and so on: `op` */
            op op;
            rhai_pos op_pos; /* the = or += */
        } assign;
        struct {
            block *body, *handler;
            ident var; /* name NULL: none */
        } try_catch;
        struct {
            expr *path;
            ident alias; /* name NULL: none */
        } import;
        struct {
            ident name, alias; /* alias.name NULL: none */
        } export_;
    };
};

struct fn_def {
    rhai_str *name; /* closures: "anon$" and 16 hex digits */
    ident *params;
    uint32_t nparams;
    uint32_t ncaptures;  /* of a closure: how many first parameters are captured variables */
    rhai_str *this_type; /* fn Type.name(): type_of() name; NULL: any */
    bool is_private;
    bool is_closure;
    rhai_pos pos;        /* the `fn` keyword, or the | */
    block *body;         /* NULL: parsed when needed, see ast_load_body */
    rhai_str **comments; /* doc-comments before it, with their markers */
    uint32_t comments_len;
    uint32_t late; /* body NULL: its number among ast.late, from 1 */
};

typedef struct late_bodies late_bodies;

typedef struct ast {
    heap *h;
    arena arena;
    block *body;
    fn_def **functions; /* fn statements in source order, then closures */
    uint32_t functions_len;
    rhai_str *module_doc; /* //! comments; NULL: none */
    rhai_str **names;     /* references held, each once */
    uint32_t names_len, names_cap;
    uint32_t *name_index; /* hash table of name numbers + 1; name_hashes: their hashes */
    uint32_t *name_hashes;
    uint32_t name_index_cap; /* a power of two, or 0 */
    rhai_value *values;      /* references held */
    uint32_t values_len, values_cap;
    uint32_t closures; /* running number for closure names */
    late_bodies *late; /* how to parse bodies that were put off; NULL: none were */
} ast;

void ast_free(ast *a);
/* Sees to it that f->body is there, optimised as the rest of the tree was. False: out of memory. */
bool ast_load_body(ast *a, fn_def *f);
/* The interned name, owned by the ast; NULL: out of memory. */
rhai_str *ast_name(ast *a, const char *text, size_t len);
/* The same as a number into ast.names; UINT32_MAX: out of memory. */
uint32_t ast_name_number(ast *a, const char *text, size_t len);
/* Gives the value to the ast and returns a borrowed copy through *ret; false: out of memory. */
bool ast_keep(ast *a, rhai_value v, rhai_value *ret);
void ast_drop_values(ast *a, uint32_t len); /* those kept since there were `len` */

/* Nodes, zeroed but for kind and position, with room for what the kind uses; NULL: no memory. */
expr *expr_new(ast *a, expr_kind kind, rhai_pos pos);
stmt *stmt_new(ast *a, stmt_kind kind, rhai_pos pos);
/* A constant that takes `v` over, also on failure. */
expr *expr_new_const(ast *a, rhai_value v, rhai_pos pos);

/* Rhai's Expr::start_position(): of the leftmost part. */
rhai_pos expr_start(const expr *e);
/* Rhai's Stmt::position() as the statement is now. */
rhai_pos stmt_start(const stmt *s);

static inline bool expr_is_const(const expr *e, rhai_type type) {
    return e->kind == EXPR_CONST && e->value.type == type;
}
/* A literal, or an array, map or text made of nothing else (Rhai's is_constant). A closure that
 * captures nothing but constants counts. */
bool expr_is_constant(const expr *e);
/* The value of a constant expression, or of a literal range, or Fn("name") - what a switch
 * label may be (Rhai's get_literal_value). */
typedef enum literal_result { LITERAL_DONE, LITERAL_NONE, LITERAL_NO_MEMORY } literal_result;
literal_result expr_literal(heap *h, const expr *e, rhai_value *ret);

#endif
