/*
 * The server's settings: one table (config.c) with name, default, bounds and meaning, from which
 * the environment, the command line and --help are served. A flag wins over the environment.
 */
#ifndef RUNNER_SERVER_CONFIG_H
#define RUNNER_SERVER_CONFIG_H

#include "server/limits.h"

#include <hero_rpc/error.h>
#include <hero_rpc/settings.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct config {
    int64_t workers;
    int64_t parked; /* -1 in the table means: as many as workers */
    int64_t parked_age_s;
    int64_t queue;
    int64_t timeout_ms, max_timeout_ms;
    struct limits limits, ceilings;
    int64_t stop_grace_ms;
    int64_t drain_ms;
    int64_t ring_lines;
    int64_t ring_bytes;
    int64_t history_days, history_sessions, history_bytes, log_bytes;
    int64_t cached;
    int64_t cached_bytes;
    int64_t body_bytes;
    int64_t connections;
    int64_t streams;
    int64_t self_test_s;
    int64_t url_timeout_ms;
    int64_t url_bytes;
    int64_t callback_tries;
    int64_t forward_logs;
    int64_t cgroups;
    /* Borrowed from the environment or argv. */
    const char *script_roots;
    const char *pass_env;
    const char *log_level;
};

enum config_outcome {
    CONFIG_RUN,  /* *ret_config is set: start */
    CONFIG_DONE, /* --help, --version or --info has been printed: exit 0 */
    CONFIG_BAD,  /* *err names the setting and says what is wrong: exit 2 */
};

enum config_outcome config_read(int argc, char **argv, struct config *ret_config,
                                struct rpc_error *err);
void config_print_help(FILE *out);
/* Variables with our prefix that are no settings of ours, nor the dashboard's. */
void config_find_unknown(char **environment, rpc_settings_found *found, void *ctx);

/* The array of the method config_get: every setting with value, default and source, as config_read
 * found them. NULL without memory. */
json_t *config_settings(const struct config *config);

#endif
