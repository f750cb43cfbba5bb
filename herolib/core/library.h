/* library.h - client libraries that are loaded when a script first needs them.
 *
 * Linked, each of them would be mapped into every fork and make it dearer (libcurl brings thirty
 * more), for functions that most scripts never call.
 */
#ifndef HEROLIB_CORE_LIBRARY_H
#define HEROLIB_CORE_LIBRARY_H

#include <rhai/rhai.h>

struct library {
    const char *file;           /* the name with its version: "libpq.so.5" */
    const char *package;        /* the Debian package that has it */
    const char *const *symbols; /* their names; ends with NULL */
};

/* Loads a library and finds its symbols, unless that has been done. `functions` is a struct of one
 * pointer per symbol, in that order, all NULL at first. Once loaded the library stays. Throws, as
 * `module`, what is missing and which package has it.
 *
 *     #define FUNCTIONS(X) X(PQfinish) X(PQstatus)
 *     static struct { FUNCTIONS(LIBRARY_MEMBER) } pq;
 *     static const char *const names[] = {FUNCTIONS(LIBRARY_NAME) NULL};
 */
rhai_status library_load(rhai_call *call, const char *module, const struct library *library,
                         void *functions);

#define LIBRARY_MEMBER(name) __typeof__(&name) name;
#define LIBRARY_NAME(name) #name,

#endif
