/* The daemon's settings, from the environment (HERO_PROC_...) and the command line. */
#ifndef HERO_PROC_SERVER_CONFIG_H
#define HERO_PROC_SERVER_CONFIG_H

#include <hero_rpc/error.h>
#include <stdint.h>

struct config {
    const char *socket;    /* "": where hero_rpc/paths.h says */
    const char *log_level; /* taken and not used by others of this name; here: of the daemon's own log */
    int64_t keep_jobs, keep_days;
    int64_t log_rate, log_file_bytes, log_files, log_total_bytes;
    int64_t body_bytes, connections, streams;
};

enum config_outcome {
    CONFIG_RUN,  /* *ret_config is set: start */
    CONFIG_DONE, /* --help, --version or --info has been printed: exit 0 */
    CONFIG_BAD,  /* *err names the setting and says what is wrong: exit 2 */
};

enum config_outcome config_read(int argc, char **argv, struct config *ret_config,
                                struct rpc_error *err);

#endif
