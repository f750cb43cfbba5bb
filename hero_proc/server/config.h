/* The daemon's settings: one table (config.c) for the environment, the command line and --help. */
#ifndef HERO_PROC_SERVER_CONFIG_H
#define HERO_PROC_SERVER_CONFIG_H

#include <hero_rpc/error.h>

#include <stdint.h>

struct config {
    const char *socket;    /* "": where the Hero sockets are */
    const char *log_level; /* borrowed, as all texts */
    int64_t log_lines_per_s;
    int64_t log_source_bytes, log_total_bytes, log_file_bytes, log_free_bytes;
    int64_t history_jobs, history_days;
    int64_t connections, streams;
};

enum config_outcome {
    CONFIG_RUN,  /* *ret_config is set: start */
    CONFIG_DONE, /* --help, --version or --info has been printed: exit 0 */
    CONFIG_BAD,  /* *err names the setting and says what is wrong: exit 2 */
};

enum config_outcome config_read(int argc, char **argv, struct config *ret_config,
                                struct rpc_error *err);

#endif
