/* command.h - the commands of hero_runner_rhai and what they share.
 *
 * A command is a row of a table: its options, its help and the function that does it. Messages
 * for people go to standard error as "hero_runner_rhai: ..."; standard output holds only what was
 * asked for.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "options.h"

#include <hero_runner_rhai_sdk/runner.h>

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* the session failed, or the request was refused */
    EXIT_USAGE = 2,
    EXIT_NO_SERVER = 3,
    EXIT_INTERRUPTED = 130, /* as shells count an end by SIGINT */
};

struct command {
    const char *name;
    const char *operands; /* as in a synopsis: "FILE|- [-- ARG...]" */
    const char *summary;  /* half a sentence */
    const char *description;
    struct option_rules rules;
    int (*run)(const struct options *options);
};

extern const struct command command_run;
extern const struct command command_list;
extern const struct command command_logs;
extern const struct command command_stop;
extern const struct command command_status;

#define COMMAND_RULES(spec_table)                                                                  \
    .specs = (spec_table), .spec_count = sizeof(spec_table) / sizeof((spec_table)[0])

void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Tells the error and gives the exit code for it; the error is cleared. */
int tell_error(struct rpc_error *err);

/* Prints a JSON document for programs and releases it. False when it is NULL or memory was short.
 */
bool print_json(json_t *document);

/* ---- The server and its sessions -------------------------------------------------------- */

/* Opens the client; Ctrl-C and SIGTERM end its calls from now on. NULL after a message. */
struct runner *open_runner(void);
/* Forgets a Ctrl-C that was noticed, so that calls work again until the next one. */
void forget_interrupt(void);

/* The id that begins with `prefix`. Fails when there is none, or more than one. */
int find_session(struct runner *runner, const char *prefix, char ret_id[RUNNER_ID_BYTES],
                 struct rpc_error *err);

/* One line of a session to the stream it belongs to, at once. False when nobody reads it. */
bool show_line(const struct runner_line *line);
void show_gap(uint64_t dropped);

#endif
