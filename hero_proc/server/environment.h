/* The environment of what the daemon starts: not its own, but PATH, HOME, USER, LOGNAME, SHELL,
 * LANG, LC_*, TZ and the directories of Hero as the daemon has them, and what is added. */
#ifndef HERO_PROC_SERVER_ENVIRONMENT_H
#define HERO_PROC_SERVER_ENVIRONMENT_H

#include <jansson.h>

/* `added` (NULL: none) is an object of texts and wins. `mark` (NULL: none) is put in as
 * PROCESS_MARK of process.h. NULL-terminated; NULL without memory. */
char **environment_make(const json_t *added, const char *mark);
void environment_free(char **environment); /* NULL is allowed */
/* "" when there is no such variable. */
const char *environment_get(char *const *environment, const char *name);

#endif
