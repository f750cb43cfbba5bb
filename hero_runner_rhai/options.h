/* options.h - command lines, read by the same table that help is printed from. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What all commands together may be given. Texts are borrowed from argv. */
struct options {
    bool wants_help;
    bool as_json;
    bool follow;
    bool detach;
    bool forward_logs;
    const char *cwd;       /* NULL: not given */
    int64_t timeout_ms;    /* 0: not given */
    const char **env_vars; /* "NAME=VALUE", NULL-terminated */
    const char **operands;
    size_t operand_count;
    const char *const *script_args; /* behind "--", NULL-terminated */
};

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_DURATION, /* int64_t, milliseconds */
    OPTION_VARIABLE, /* env_vars: may be given several times */
};

struct option_spec {
    const char *name; /* without the dashes */
    char letter;      /* its short form, 0: none */
    enum option_kind kind;
    size_t offset;          /* of the member in struct options */
    const char *value_name; /* "DIR"; NULL for a flag */
    const char *help;       /* lines of at most 56 characters, separated by newlines */
};

/* What a command line may hold. */
struct option_rules {
    const struct option_spec *specs;
    size_t spec_count;
    size_t operands_min, operands_max;
    const char *operand_name; /* "ID", for messages */
    bool has_script_args;     /* what follows "--" is the script's; else "--" ends the options */
};

#define OPTIONS_MESSAGE_BYTES 256

/* argv as of main, from behind the command's name. On failure returns false with a sentence in
 * `message`, and options_done is still due. With --help, nothing behind it is
 * read and no operand is missed. */
bool options_parse(const struct option_rules *rules, int argc, char **argv,
                   struct options *ret_options, char message[OPTIONS_MESSAGE_BYTES]);
void options_done(struct options *options);

/* One paragraph for each option, aligned; --help is added. */
void options_print_help(const struct option_rules *rules, FILE *out);

#endif
