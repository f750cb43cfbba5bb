/* known.h - the list of cases that are known to fail, one `file:case` per line; lines that
 * start with # are comments. */
#ifndef CONFORMANCE_KNOWN_H
#define CONFORMANCE_KNOWN_H

#include "case_file.h"

#include <stdio.h>

typedef struct known_list {
    char **lines; /* comments and empty lines included */
    size_t count;
} known_list;

/* False after a message. A file that is not there is an error. */
bool known_read(known_list *known, const char *path);
bool known_has(const known_list *known, const test_case *c);
/* Calls visit for each entry of the .cases file with this base name. */
void known_each(const known_list *known, const char *file,
                void (*visit)(void *data, const char *name), void *data);
void known_done(known_list *known);

/* Writes the list anew: entries of .cases files that were not run stay, those of files that were
 * (`files`, base names) are replaced by `failing`. Replaces the file in one step. */
bool known_write(const known_list *old, const char *path, const char *const *files,
                 size_t file_count, const test_case *const *failing, size_t failing_count);

#endif
