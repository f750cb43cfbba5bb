/*
 * A program's settings: one constant table with name, default, bounds and meaning, from which the
 * environment, the command line and the text of --help are served.
 *
 * A setting NAME is <prefix>NAME in the environment and --name on the command line, with '-' for
 * '_' ("--name value" or "--name=value"). An option wins over the environment; an empty variable
 * counts as not set.
 */
#ifndef HERO_RPC_SETTINGS_H
#define HERO_RPC_SETTINGS_H

#include "hero_rpc/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum rpc_setting_kind {
    RPC_SETTING_NUMBER, /* an int64_t */
    RPC_SETTING_TEXT,   /* a const char *, borrowed from the environment or argv; never NULL */
    RPC_SETTING_SECRET, /* the same, from the environment only: others can read command lines */
};

struct rpc_setting {
    const char *name;
    enum rpc_setting_kind kind;
    size_t place;                  /* offset in the program's struct */
    int64_t standard, least, most; /* of a number */
    const char *standard_text;     /* of a text; NULL is "" */
    const char *meaning;
};

/* Where a value comes from. */
enum rpc_setting_source {
    RPC_SETTING_DEFAULT,
    RPC_SETTING_ENVIRONMENT,
    RPC_SETTING_OPTION,
};

struct rpc_settings {
    const char *prefix; /* "HERO_RUNNER_RHAI_UI_" */
    const struct rpc_setting *table;
    size_t count;
    uint8_t *sources; /* gets an enum rpc_setting_source for each; NULL: not wanted */
};

/* Fills *config. RPC_ERROR_INVALID names the option or variable that is wrong, or unknown. */
int rpc_settings_read(const struct rpc_settings *settings, int argc, char **argv, void *config,
                      struct rpc_error *err);
/* Calls `found` for each variable in `environment` that has the prefix and a value, and is no setting:
 * most likely its name is misspelt. `nearest` is the variable that may be meant; NULL: none is like
 * it. `others` are names behind the prefix that belong to somebody else, or, ending in '_', how such
 * names begin; ended by NULL. Texts are borrowed, `nearest` until `found` returns. */
typedef void rpc_settings_found(void *ctx, const char *variable, const char *nearest);
void rpc_settings_find_unknown(const struct rpc_settings *settings, const char *const *others,
                               char **environment, rpc_settings_found *found, void *ctx);
/* An array of {name, variable, flag, value, default, source, meaning} for each that is no secret;
 * `sources` must be wanted. NULL without memory. */
json_t *rpc_settings_json(const struct rpc_settings *settings, const void *config);
/* A few lines for each setting. */
void rpc_settings_print_help(const struct rpc_settings *settings, FILE *out);

#endif
