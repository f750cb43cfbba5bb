/* parse.h - text to tree.
 *
 * The texts and positions of errors are Rhai's (kind ERR_PARSING, "Syntax error: ..." when
 * displayed). No recursion without a bound: nesting is limited by max_expr_depth.
 */
#ifndef RHAI_SYNTAX_PARSE_H
#define RHAI_SYNTAX_PARSE_H

#include "syntax/ast.h"

/* A variable that exists outside the script (host scope, or the caller of eval). */
typedef struct outer_var {
    rhai_str *name;
    bool is_const;
} outer_var;

typedef struct parse_options {
    uint32_t max_expr_depth; /* 0: a built-in bound that the C stack bears */
    uint32_t max_function_expr_depth;
    uint64_t max_functions; /* closures count; 0: none at all, UINT64_MAX: unlimited */
    uint64_t max_string_size, max_array_size, max_map_size; /* of literals; 0: unlimited */
    bool strict_variables;
    const outer_var *outer; /* oldest first; later ones shadow */
    size_t outer_len;
    /* Other names that strict_variables accepts as the first part of a path (registered or
     * imported modules); may be NULL. */
    rhai_str *const *modules;
    size_t modules_len;
    uint32_t first_closure; /* running number of the first closure, to keep names distinct */
    /* In a script of so many bytes or more, bodies of functions are checked for errors and parsed
     * again when they are needed (ast_load_body); 0: never. Not for level FULL of the optimiser,
     * nor with constants of the host's for it. */
    size_t late_from;
    /* A first line that starts with #! is skipped (it still counts as a line), as when Rhai runs
     * a file; otherwise it is an error. */
    bool skip_interpreter_line;
    /* The text is one expression as parse_json takes it: { begins a map, whose keys must be in
     * quotes, and null is (). The tree's body is that expression. */
    bool as_json;
} parse_options;

/* The script, or NULL with *ret_error set. Text that is not valid UTF-8 is an error like any
 * other. */
ast *parse_script(heap *h, const parse_options *options, const char *text, size_t len,
                  rhai_error **ret_error);

/* Every syntax error that can be found, by resuming after each at the next statement; calls
 * report for each in order and returns how many there were. */
typedef void (*parse_report_fn)(void *data, const rhai_error *error);
size_t parse_check(heap *h, const parse_options *options, const char *text, size_t len,
                   parse_report_fn report, void *data);

#endif
