/* scripts.h - scripts and modules from the file system. */
#ifndef RHAI_CONSOLE_SCRIPTS_H
#define RHAI_CONSOLE_SCRIPTS_H

#include <rhai/rhai.h>

/* A file's content. `text` starts behind a first line that begins with #!, at its newline, so
 * that line numbers stay true. Ended with script_text_done. */
typedef struct script_text {
    char *text;
    size_t len;
    char *block; /* what to free */
} script_text;

/* Reads the whole file; "-" is standard input. Returns 0, or an errno value. */
int script_read(const char *path, script_text *ret_text);
void script_text_done(script_text *t);

/* Where a script's imports are looked for. */
typedef struct module_files {
    const char *script; /* the main script's path, NULL for standard input: the current folder */
    const char *const *dirs; /* further folders, in the order they are tried */
    size_t dir_count;
    struct loaded_module *loaded; /* newest first */
} module_files;

/* A rhai_resolver_fn; `data` is a module_files. Tries the importing module's own folder, the
 * script's folder, then `dirs`; the ending .rhai may be left out. A module's canonical name is
 * its real path, so one file is one module by whatever path it is imported. */
rhai_status module_files_resolve(void *data, rhai_call *call, const char *path,
                                 const char *importer, rhai_value *ret_text, rhai_value *ret_name);

/* The file that an import of `path`, as written in a script, was read from last; NULL: none. */
const char *module_files_find(const module_files *m, const char *path);
void module_files_done(module_files *m);

#endif
