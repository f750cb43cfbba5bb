/* editline.h - libedit, loaded when the first line is edited.
 *
 * Only the REPL on a terminal needs it; linked, it and the four libraries behind it would be loaded
 * for every script that is run: 0.4 MiB resident, an eighth of what an empty script takes.
 */
#ifndef RHAI_CONSOLE_EDITLINE_H
#define RHAI_CONSOLE_EDITLINE_H

#include <histedit.h>
#include <stdbool.h>

#define EDITLINE_FUNCTIONS(X)                                                                      \
    X(el_init)                                                                                     \
    X(el_end)                                                                                      \
    X(el_get)                                                                                      \
    X(el_set)                                                                                      \
    X(el_wset)                                                                                     \
    X(el_gets)                                                                                     \
    X(el_line)                                                                                     \
    X(el_insertstr)                                                                                \
    X(el_reset)                                                                                    \
    X(el_source)                                                                                   \
    X(history_init)                                                                                \
    X(history_end)                                                                                 \
    X(history)

/* The functions of histedit.h, see editline(7); NULL until editline_load. */
typedef struct editline_functions {
#define X(name) __typeof__(name) *name;
    EDITLINE_FUNCTIONS(X)
#undef X
} editline_functions;
extern editline_functions editline;

/* For the rest of the process. False: the library is missing, dlerror(3) has the reason. */
bool editline_load(void);

#endif
