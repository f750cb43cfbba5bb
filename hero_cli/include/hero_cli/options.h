/* options.h - command lines, read by the same tables that help is printed from. */
#ifndef HERO_CLI_OPTIONS_H
#define HERO_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What every command line holds. A program declares its own structure of options, whose first
 * member this is. Texts are borrowed from argv. */
struct option_line {
    bool wants_help;
    const char **operands;
    size_t operand_count;
    const char *const *rest; /* behind "--" (see rest_name), NULL-terminated */
};

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_NUMBER,   /* int64_t, from 0 */
    OPTION_DURATION, /* int64_t, milliseconds */
    OPTION_LIST,     /* const char **, NULL-terminated, NULL for none: may be given several times */
    OPTION_VARIABLE, /* the same, and each is NAME=VALUE */
};

struct option_spec {
    const char *name; /* without the dashes */
    char letter;      /* its short form, 0: none */
    enum option_kind kind;
    size_t offset;          /* of the member in the program's structure of options */
    const char *value_name; /* "DIR"; NULL for a flag */
    const char *help;       /* lines of at most 56 characters, separated by newlines */
};

/* What a command line may hold. */
struct option_rules {
    const struct option_spec *specs; /* of this command */
    size_t spec_count;
    const struct option_spec *common; /* of all commands of the program */
    size_t common_count;
    size_t operands_min, operands_max;
    const char *operand_name; /* "ID", for messages */
    /* What follows "--" is not for the program, and is called so in messages: "arguments for the
     * script". NULL: "--" only ends the options. */
    const char *rest_name;
};

#define OPTIONS_MESSAGE_BYTES 256

/* Words from behind the command's name. ret_line is the first member of the program's options,
 * which are all zero. On failure returns false with a sentence in `message`, and options_done is
 * still due. With --help, nothing behind it is read and no operand is missed. */
bool options_parse(const struct option_rules *rules, int argc, char **argv,
                   struct option_line *ret_line, char message[OPTIONS_MESSAGE_BYTES]);
void options_done(const struct option_rules *rules, struct option_line *line);

/* The number of words that an option takes at the beginning of argv when it is one of `specs`: 1
 * or 2, else 0. */
int options_width(const struct option_spec *specs, size_t count, int argc, char **argv);

/* One paragraph for each option, aligned; --help is added. */
void options_print_help(const struct option_rules *rules, FILE *out);

#endif
