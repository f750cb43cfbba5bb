/* repl.h - a session at a terminal: what is typed is run piece by piece, and its value shown.
 *
 * A piece is as many lines as it takes until everything is closed. Variables and functions stay
 * from piece to piece. At a terminal there are prompts, editing of lines, a history and completion;
 * from anything else lines are read as they come. Lines that begin with a dot are commands, which
 * `.help` lists. docs/rhai.md describes it to users.
 */
#ifndef RHAI_CONSOLE_REPL_H
#define RHAI_CONSOLE_REPL_H

#include <rhai/rhai.h>

typedef struct repl_setup {
    /* The program's name: for messages, and for the history in $XDG_STATE_HOME/NAME/history. */
    const char *name;
    const char *greeting; /* the first line at a terminal, without its line end */
    /* With everything that pieces may call. Where print and debug go is the caller's affair; the
     * resolver is set anew for each piece. */
    rhai_engine *engine;
    rhai_scope *scope; /* variables from the start, and those that pieces define */
    /* Ctrl-C ends the running piece by rhai_engine_terminate. For functions that wait elsewhere
     * than in the engine: an eventfd(2) that does not block, which then becomes readable, and is
     * not any more when the next piece begins. -1: none. */
    int stop_fd;
    /* Called when a piece has ended, before its value or error is shown: all that it wrote belongs
     * on the terminal, and the cursor at the beginning of a line. May be NULL. */
    void (*piece_ended)(void *data);
    void *data;
} repl_setup;

/* Reads and runs standard input to its end, or to `.quit` or exit(). Everything in `setup` is
 * borrowed. At a terminal the locale's LC_CTYPE is set, and the action of SIGINT, which is the
 * default one afterwards. One at a time in a process. False, and nothing has been read: out of
 * memory. */
bool repl_run(const repl_setup *setup);

#endif
