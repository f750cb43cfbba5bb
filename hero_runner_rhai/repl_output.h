/* repl_output.h - where the output of pieces goes in `repl`: to the terminal, in the order in which
 * it was made.
 *
 * Lines of child processes are shown when they are complete, or when no more of one comes for a
 * while; whatever else is to be shown then begins a line of its own. How far a script has come is a
 * bar on the last line, and gone when something else is written.
 */
#ifndef RUNNER_CLI_REPL_OUTPUT_H
#define RUNNER_CLI_REPL_OUTPUT_H

#include "progress.h"

#include <hero_rpc/strbuf.h>
#include <herolib/herolib.h>

struct repl_output {
    struct rpc_strbuf starts[2]; /* of lines of child processes: standard output, standard error */
    FILE *open;                  /* the stream whose last line has not ended; NULL: none */
    struct progress progress;
    int64_t shown_ms; /* when the bar was renewed */
    bool is_waiting;  /* there is more to show than it says */
    double done, total;
    struct rpc_strbuf text;
};

void repl_output_init(struct repl_output *output);
void repl_output_done(struct repl_output *output);

/* The interface that herolib sees. */
herolib_output repl_output_for_herolib(struct repl_output *output);
/* What print (standard output) and debug (standard error) give: whole lines. */
void repl_output_print(struct repl_output *output, FILE *out, const char *text, size_t len);
/* Writes all that is still open, as the last of a piece. */
void repl_output_finish(struct repl_output *output);

#endif
