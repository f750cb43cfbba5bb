/* progress.h - how far a script has come, on the last line of a terminal. */
#ifndef RUNNER_CLI_PROGRESS_H
#define RUNNER_CLI_PROGRESS_H

#include <hero_cli/table.h>

struct progress {
    FILE *out;
    struct style style; /* nothing is shown where it is no terminal */
    bool is_shown;
};

struct progress progress_on(FILE *out);
/* `total` 0: unknown. Replaces what is shown. */
void progress_show(struct progress *progress, double done, double total, const char *text);
/* Takes it off the line, so that something else can be written there. */
void progress_clear(struct progress *progress);

#endif
