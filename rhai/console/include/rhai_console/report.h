/* report.h - errors as people at a terminal read them. */
#ifndef RHAI_CONSOLE_REPORT_H
#define RHAI_CONSOLE_REPORT_H

#include <rhai_console/scripts.h>

#include <stdio.h>

/* Where names can come from that a script could have meant; scope and program may be NULL. */
typedef struct known_names {
    rhai_engine *engine;
    const rhai_scope *scope;
    const rhai_program *program; /* for its functions */
} known_names;

/* Writes where the error happened: file, line and column, then the source line with a caret
 * under the column (not when the error has no position); and for a name that is not known, the
 * nearest ones that are. `script` is the main script's text, `script_path` how it is called;
 * modules are read again from where they came from. */
void report_error(FILE *out, const rhai_error *error, const char *script_path,
                  const script_text *script, const module_files *modules, const known_names *known);

#endif
