/* report.h - errors as people at a terminal read them. */
#ifndef RHAI_TOOL_REPORT_H
#define RHAI_TOOL_REPORT_H

#include "files.h"
#include "suggest.h"

#include <stdio.h>

/* Writes where the error happened: file, line and column, then the source line with a caret
 * under the column (not when the error has no position); and for a name that is not known, the
 * nearest ones that are. `script` is the main script's text, `script_path` how it is called;
 * modules are read again from where they came from. */
void report_error(FILE *out, const rhai_error *error, const char *script_path,
                  const file_text *script, const module_files *modules, const known_names *known);

#endif
