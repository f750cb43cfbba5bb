/* optimize.h - Rhai's optimiser, rule by rule.
 *
 * Its effects can be observed (dropped statements, folded errors, propagated constants), so it
 * does what Rhai's does at the same level and nothing more.
 */
#ifndef RHAI_SYNTAX_OPTIMIZE_H
#define RHAI_SYNTAX_OPTIMIZE_H

#include "syntax/ast.h"

typedef struct optimize_options {
    rhai_optimize level; /* NONE does nothing */
    /* Constants of the host scope, folded like the script's own; may be empty. */
    const struct optimize_constant {
        rhai_str *name;
        const rhai_value *value;
    } * constants;
    size_t constants_len;
    /* For FULL: calls a registered non-volatile function with constant arguments. Returns true
     * with *ret when it gave a value; false leaves the call as it is. */
    bool (*call)(void *data, rhai_str *name, const rhai_value *args, size_t nargs, rhai_value *ret);
    void *data;
    uint64_t max_string_size; /* longer results of operators are left to run time; 0: no limit */
} optimize_options;

/* Rewrites the tree in place, bodies that are parsed late as they come: `options` must then be at
 * most SIMPLE and without constants. False: out of memory (the tree is still valid). */
bool optimize_ast(ast *a, const optimize_options *options);

#endif
