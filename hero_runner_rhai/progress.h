/* progress.h - how far a script has come: a bar on the last line of a terminal; elsewhere a line of
 * text, at most one in PROGRESS_LINE_MS and one when all is done. */
#ifndef RUNNER_CLI_PROGRESS_H
#define RUNNER_CLI_PROGRESS_H

#include <hero_cli/table.h>

#include <stdint.h>

#define PROGRESS_LINE_MS 1000

struct progress {
    FILE *out;
    struct style style;
    bool is_shown;   /* the bar */
    int64_t last_ms; /* when the last line was written; 0: never */
};

struct progress progress_on(FILE *out);
/* `total` 0: unknown. Replaces what is shown. */
void progress_show(struct progress *progress, double done, double total, const char *text);
/* Takes the bar off its line, so that something else can be written there. */
void progress_clear(struct progress *progress);

#endif
