/* A command line without a shell: words separated by white space; '...' and "..." keep it together,
 * a backslash outside of '...' takes the next character as it is. Nothing else is special. */
#ifndef HERO_PROC_SERVER_COMMAND_LINE_H
#define HERO_PROC_SERVER_COMMAND_LINE_H

#include <hero_rpc/error.h>

/* argv, ended by NULL, in one block from malloc. NULL after an error: a quote without an end, no
 * word at all, or no memory. */
char **command_line_split(const char *line, struct rpc_error *err);

/* The program that a name means: a path as it is, else the first executable file in `path`, which
 * is like $PATH. From malloc; NULL when there is none (errno says why). */
char *command_find(const char *name, const char *path);

#endif
