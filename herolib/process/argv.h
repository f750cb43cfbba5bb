/* argv.h - the arguments of a program, put together one by one. */
#ifndef HEROLIB_PROCESS_ARGV_H
#define HEROLIB_PROCESS_ARGV_H

#include <stdbool.h>
#include <stddef.h>

/* All zeros is an empty one. It owns its items. */
struct argv {
    char **items; /* ends with NULL; NULL while empty */
    size_t count, cap;
    bool is_incomplete; /* without memory; more may be added, but it is not to be run */
};

/* Adds copies, so nothing has to outlive the call. */
void argv_add(struct argv *argv, const char *text);
void argv_add_all(struct argv *argv, const char *const *texts); /* ends with NULL */
void argv_add_format(struct argv *argv, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void argv_done(struct argv *argv);

#endif
