/* environment.h - the environment of the process with other variables, for a command. */
#ifndef HEROLIB_PROCESS_ENVIRONMENT_H
#define HEROLIB_PROCESS_ENVIRONMENT_H

#include <stddef.h>

/* The environment with these variables ("name=value") set, ended by NULL: an array from malloc of
 * borrowed texts. A later variable wins over an earlier one. NULL without memory. */
char **environment_with(char *const *variables, size_t count);

#endif
