/* template_tree.h - the tree between template_parse.c, which makes it, and template_render.c.
 *
 * Nodes live in the template's arena; texts are borrowed from the template's source.
 */
#ifndef HEROLIB_TEXT_TEMPLATE_TREE_H
#define HEROLIB_TEXT_TEMPLATE_TREE_H

#include "text/template.h"

struct slice {
    const char *text;
    size_t len;
};

enum expr_kind {
    EXPR_TEXT,    /* text */
    EXPR_INT,     /* integer */
    EXPR_FLOAT,   /* number */
    EXPR_BOOL,    /* truth */
    EXPR_ARRAY,   /* items */
    EXPR_NAME,    /* text */
    EXPR_MEMBER,  /* left . text */
    EXPR_INDEX,   /* left [ right ] */
    EXPR_NEGATE,  /* - left */
    EXPR_NOT,     /* not left */
    EXPR_BINARY,  /* left op right */
    EXPR_DEFINED, /* left is defined; truth false: is undefined */
    EXPR_FILTER,  /* left | filter(filter_args) */
};

enum expr_op {
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_REMAINDER,
    OP_CONCAT,
    OP_EQUAL,
    OP_UNEQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_IN,
    OP_NOT_IN,
    OP_AND,
    OP_OR,
};

struct filter;

#define EXPR_DEPTH_MAX 256

struct expr {
    enum expr_kind kind;
    unsigned line;
    unsigned depth; /* of what is below it */
    struct slice text;
    int64_t integer;
    double number;
    bool truth;
    enum expr_op op;
    struct expr *left, *right;
    struct expr *items; /* of an array: a list by `next` */
    struct expr *next;
    const struct filter *filter;
    struct expr *filter_args[2]; /* in the order of filter->params; NULL: not given */
};

enum node_kind { NODE_TEXT, NODE_PRINT, NODE_IF, NODE_FOR, NODE_SET, NODE_INCLUDE };

struct node {
    enum node_kind kind;
    unsigned line;
    struct slice text;        /* literal text; name of set; name of the file to include */
    struct slice key, item;   /* names of for; key.text NULL: none */
    struct expr *expr;        /* printed, condition, what is iterated, value of set */
    struct node *body, *rest; /* rest: what stands in for `body` otherwise (elif is an if there) */
    struct node *next;
};

#define FILTER_PARAMS_MAX 2

/* A filter: its name, its parameters, which Tera passes by name, and what it does. */
struct filter {
    const char *name;
    const char *params[FILTER_PARAMS_MAX];
    /* `value` is replaced by the result. An argument that was not given is (). NULL: `default` and
     * `safe`, which the renderer does itself. False with the reason in err->message. */
    bool (*apply)(rhai_engine *engine, rhai_value *value, const rhai_value *args,
                  struct template_error *err);
    bool is_default, is_safe;
};

/* NULL: there is none of that name. */
const struct filter *filter_find(const char *name, size_t len);

struct template {
    char *name;
    struct node *nodes;
    struct template_block *blocks; /* the arena */
};

/* Sets the message, with the template's name and the line before it; returns false. */
bool template_fail(struct template_error *err, const char *name, unsigned line, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
bool template_fail_memory(struct template_error *err);

#endif
