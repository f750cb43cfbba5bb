/* repl.h - the parts of `rhai repl`. */
#ifndef RHAI_TOOL_REPL_H
#define RHAI_TOOL_REPL_H

#include <rhai/rhai.h>

#include <stdio.h>

/* What lives from input to input. */
typedef struct repl {
    rhai_engine *engine;
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

/* ---- repl_line.c: lines from a terminal, with editing and history, or from anything else ---- */

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

/* ---- repl_complete.c ---- */

typedef struct completion {
    char **names; /* sorted, each once; malloc'd */
    size_t len, cap;
    size_t typed; /* bytes of the names that stand before the cursor already */
} completion;

/* What the word that ends at text[len] could become: variables, functions, keywords; keys of a
 * map and methods after `name.`; commands after a dot at the start of the line. */
void complete(const repl *r, const char *text, size_t len, completion *ret);
void completion_done(completion *c);

/* ---- repl_functions.c ---- */

/* Lists functions whose name contains the pattern ("": all), signatures and documentation. */
void list_functions(const repl *r, const char *pattern, FILE *out);

#endif
