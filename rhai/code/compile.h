/* compile.h - tree to register code. */
#ifndef RHAI_CODE_COMPILE_H
#define RHAI_CODE_COMPILE_H

#include "code/program.h"

typedef struct compile_options {
    bool count_operations; /* emit COUNT: max_operations is set */
    bool is_optimized;     /* which changes the number of operations */
    bool count_variables;  /* max_variables is set */
} compile_options;

/* Takes the tree over, also on failure. NULL with *ret_error: out of memory, or a function too
 * large for the instruction format. */
unit *compile_unit(heap *h, ast *tree, rhai_str *source, const compile_options *options,
                   rhai_error **ret_error);

/* Code that runs inside the frame of another function: eval text, which sees the variables of
 * `scope` in the caller's registers and uses those from scope->first_free on. New variables at
 * its top level become names on the stack of names. Takes the tree over. */
unit *compile_inner(heap *h, ast *tree, rhai_str *source, const scope_table *scope,
                    const compile_options *options, rhai_error **ret_error);
/* The body of `fn` for a call with `!`: parameters in the first registers at scope->first_free. */
proto *compile_scoped_call(unit *u, const fn_def *fn, const scope_table *scope,
                           const compile_options *options, rhai_error **ret_error);

#endif
