/* compile.h - tree to register code. */
#ifndef RHAI_CODE_COMPILE_H
#define RHAI_CODE_COMPILE_H

#include "code/program.h"

/* The script's own statements; functions are compiled when they are first called, for many of a
 * library never are. Takes the tree over, also on failure. NULL with *ret_error: out of memory, or
 * statements too large for the instruction format. */
unit *compile_unit(heap *h, ast *tree, rhai_str *source, const compile_options *options,
                   rhai_error **ret_error);

/* Compiles a function that has no code yet. False with *ret_error: as above. */
bool compile_function(proto *p, rhai_error **ret_error);
/* All functions of a unit that have none yet and are not empty. */
bool compile_all(unit *u, rhai_error **ret_error);

/* Code that runs inside the frame of another function: eval text, which sees the variables of
 * `scope` in the caller's registers and uses those from scope->first_free on. New variables at
 * its top level become names on the stack of names. Takes the tree over. */
unit *compile_inner(heap *h, ast *tree, rhai_str *source, const scope_table *scope,
                    const compile_options *options, rhai_error **ret_error);
/* The body of `fn` for a call with `!`: parameters in the first registers at scope->first_free. */
proto *compile_scoped_call(unit *u, fn_def *fn, const scope_table *scope,
                           const compile_options *options, rhai_error **ret_error);

#endif
