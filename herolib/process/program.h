/* program.h - where programs are. */
#ifndef HEROLIB_PROCESS_PROGRAM_H
#define HEROLIB_PROCESS_PROGRAM_H

/* The path of a program: `name` itself when it holds a slash, else the first executable file of
 * that name in the directories of PATH (an empty one is the working directory, as in execvp(3)).
 * From malloc; NULL with errno ENOENT, EACCES (found, but not executable) or ENOMEM. */
char *program_find(const char *name);

#endif
