/* terminal.h - a program on a pseudo-terminal, and somebody who types. */
#ifndef RHAI_TESTS_TERMINAL_H
#define RHAI_TESTS_TERMINAL_H

#include <stddef.h>
#include <sys/types.h>

typedef struct terminal {
    pid_t pid;
    int fd;
    char text[16384]; /* all that it has shown */
    size_t len, seen;
} terminal;

/* Starts argv (ended by NULL) in the home `dir`, on a terminal of 80 columns whose locale is UTF-8.
 */
terminal terminal_open(const char *dir, const char *const *argv);
void terminal_type(terminal *t, const char *keys);
/* Waits until the text appears behind what was awaited before; fails the test after 20 s. */
void terminal_await(terminal *t, const char *wanted);
/* Types Ctrl-D and fails the test unless the program then exits with 0. */
void terminal_close(terminal *t);

#endif
