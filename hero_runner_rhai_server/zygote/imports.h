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

/* A text without a first line that is for the kernel (execve(2): "#!"), whose newline stays, so that
 * lines keep their numbers. */
const char *imports_behind_shebang(const char *text, size_t *len);

#endif
