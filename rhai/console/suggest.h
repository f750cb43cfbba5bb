/* suggest.h - the nearest known names for one that is not known. */
#ifndef RHAI_CONSOLE_SUGGEST_H
#define RHAI_CONSOLE_SUGGEST_H

#include <rhai_console/report.h>

/* For errors about an unknown variable, function or property: writes a line with the nearest
 * names of the engine, the scope and the program, and those that `script` itself defines.
 * Nothing when none is near. */
void suggest_names(FILE *out, const rhai_error *error, const known_names *known, const char *script,
                   size_t len);

#endif
