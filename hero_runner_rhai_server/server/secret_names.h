/* Which variables and inputs are taken for secret by their names alone. */
#ifndef RUNNER_SERVER_SECRET_NAMES_H
#define RUNNER_SERVER_SECRET_NAMES_H

#include <stdbool.h>

/* Whether the value of a variable or an input of that name is kept from history and logs, whether
 * or not it is marked. Words of a name end where no letter is, and where a small letter is before a
 * capital one. */
bool secret_name(const char *name);

#endif
