/*
 * program.h - a program whose first words name a command.
 *
 * A command is a row: its name, its options, its help and the function that does it. The reading of
 * the command line, the help and the dispatch come from the same rows. A name may have two words,
 * "service list"; then "service.list" is the same. Messages for people go to standard error as
 * "<program>: ..."; standard output holds only what was asked for.
 */
#ifndef HERO_CLI_PROGRAM_H
#define HERO_CLI_PROGRAM_H

#include "hero_cli/options.h"

#include <hero_rpc/error.h>

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* it was refused, or did not succeed */
    EXIT_USAGE = 2,
    EXIT_NO_SERVER = 3,
    EXIT_TIME_OVER = 124,   /* as timeout(1) says it */
    EXIT_INTERRUPTED = 130, /* as shells count an end by SIGINT */
};

/* The program's own; its first member is a struct option_line. */
struct options;

struct command {
    const char *name;
    const char *operands; /* as in a synopsis: "FILE|- [-- ARG...]" */
    const char *summary;  /* half a sentence */
    const char *description;
    struct option_rules rules; /* without the common ones */
    int (*run)(const struct options *options);
};

#define COMMAND_RULES(spec_table)                                                                  \
    .specs = (spec_table), .spec_count = sizeof(spec_table) / sizeof((spec_table)[0])

/* Another word for the beginning of a name: {"log", "logs"}. */
struct command_alias {
    const char *word, *stands_for;
};

struct program {
    const char *name;
    const char *about; /* half a sentence */
    const char *notes; /* what the help says below the commands, ended by a newline */
    const struct command *const *commands;
    size_t command_count;
    const struct command_alias *aliases;
    size_t alias_count;
    /* Options that every command takes, also in front of its name. */
    const struct option_spec *common;
    size_t common_count;
    size_t options_bytes; /* sizeof(struct options) */
    /* What a failure to reach the server comes to, and a hint that is then shown. */
    enum exit_code unreachable_code;
    const char *unreachable_hint;
};

/* Runs the command that argv names; the exit code. SIGPIPE is ignored from then on. */
int program_main(const struct program *program, int argc, char **argv);

void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Tells the error and gives the exit code for it; the error is cleared. */
int tell_error(struct rpc_error *err);

/* Prints a JSON document for programs and releases it. False when it is NULL or memory was short.
 */
bool print_json(json_t *document);

#endif
