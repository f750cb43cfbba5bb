/* program.h - runs a program as a user would and keeps what it said. */
#ifndef RHAI_TESTS_PROGRAM_H
#define RHAI_TESTS_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct ran {
    int code; /* exit code, or minus the signal that ended it */
    char *out, *err;
} ran;

/* Each test works in a new, empty folder below $TMPDIR and leaves nothing behind. */
typedef struct sandbox {
    char dir[64];
    ran last; /* what the newest run_program said */
} sandbox;

void sandbox_init(sandbox *s);
void sandbox_done(sandbox *s);
/* The same as cmocka's set-up and tear-down: *state is the sandbox. */
int sandbox_set_up(void **state);
int sandbox_tear_down(void **state);
/* Writes the file `name`; folders on the way are made. */
void sandbox_write(sandbox *s, const char *name, const char *text);
char *sandbox_read(sandbox *s, const char *name); /* malloc'd */

/* Runs argv (ended by NULL) in the sandbox with `input` on standard input (NULL: nothing) and
 * waits for its end. The result lives until the next run. */
const ran *run_program(sandbox *s, const char *const *argv, const char *input);
/* The same with standard error (and only it) on a pseudo-terminal. */
const ran *run_program_on_terminal(sandbox *s, const char *const *argv);

#define RUN(sandbox, ...) run_program(sandbox, (const char *const[]){__VA_ARGS__, NULL}, NULL)

#endif
