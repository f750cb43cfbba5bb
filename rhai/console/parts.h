/* parts.h - what the REPL consists of. */
#ifndef RHAI_CONSOLE_PARTS_H
#define RHAI_CONSOLE_PARTS_H

#include <rhai_console/repl.h>

#include <stdio.h>

/* What lives from piece to piece. */
typedef struct repl {
    const repl_setup *setup;
    rhai_engine *engine; /* of the setup, as is the scope */
    rhai_scope *scope;
    rhai_program *program; /* the newest piece, which continues all others; NULL: none yet */
    bool is_terminal;      /* prompts, and hints below errors */
    bool is_over;
} repl;

/* Lines that begin with a dot. */
typedef struct repl_command {
    const char *name, *operand, *help;
    void (*run)(repl *r, const char *operand);
} repl_command;
extern const repl_command repl_commands[]; /* ends with a NULL name */

/* ---- line.c: lines from a terminal, with editing and history, or from anything else ---- */

typedef struct line_reader line_reader;

typedef enum line_result {
    LINE_READ,
    LINE_END,       /* end of input, Ctrl-D */
    LINE_CANCELLED, /* Ctrl-C */
} line_result;

/* NULL: out of memory. The history is read from its file. */
line_reader *line_reader_open(const repl *r);
/* Writes the history back. */
void line_reader_close(line_reader *lr);
/* The line with its line end (missing at the end of input), good until the next call. */
line_result line_reader_read(line_reader *lr, const char *prompt, const char **ret_line,
                             size_t *ret_len);
void line_reader_remember(line_reader *lr, const char *input); /* in the history */

/* ---- complete.c ---- */

typedef struct completion {
    char **names; /* sorted, each once; malloc'd */
    size_t len, cap;
    size_t typed; /* bytes of the names that stand before the cursor already */
} completion;

/* What the word that ends at text[len] could become: variables, functions, keywords; keys of a
 * map and methods after `name.`; commands after a dot at the start of the line. */
void repl_complete(const repl *r, const char *text, size_t len, completion *ret);
void repl_completion_done(completion *c);

/* ---- functions.c ---- */

/* Lists functions whose name contains the pattern ("": all), signatures and documentation. */
void repl_list_functions(const repl *r, const char *pattern, FILE *out);

#endif
