/*
 * Where `import "path"` finds its file: beside the script or module that imports, then in the
 * script roots; never outside them. ".rhai" is added to a path without it.
 */
#ifndef RUNNER_ZYGOTE_IMPORTS_H
#define RUNNER_ZYGOTE_IMPORTS_H

#include <rhai/rhai.h>

/* Sets the engine's resolver. `roots`: directories separated by ':', as they are now: links in them
 * are followed once, here. 0 or -ENOMEM. */
int imports_init(rhai_engine *engine, const char *roots);

/* The real path of the directory of the script that is about to run, borrowed; NULL: it has none.
 */
void imports_set_dir(const char *dir);

#endif
