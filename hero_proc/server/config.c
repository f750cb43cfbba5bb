#include "server/config.h"

#include <hero_rpc/log.h>
#include <hero_rpc/settings.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MIB (INT64_C(1024) * 1024)

#define NUMBER(NAME, MEMBER, STANDARD, LEAST, MOST, MEANING)                                       \
    {                                                                                              \
        NAME, RPC_SETTING_NUMBER, offsetof(struct config, MEMBER), STANDARD, LEAST, MOST, NULL,    \
            MEANING                                                                                \
    }
#define TEXT(NAME, MEMBER, STANDARD, MEANING)                                                      \
    { NAME, RPC_SETTING_TEXT, offsetof(struct config, MEMBER), 0, 0, 0, STANDARD, MEANING }

static const struct rpc_setting table[] = {
    TEXT("SOCKET", socket, NULL,
         "where to listen; by default hero_proc/rpc.sock where the Hero sockets are"),
    TEXT("LOG_LEVEL", log_level, "info", "of the daemon's own log: debug, info, warn or error"),
    NUMBER("LOG_LINES_PER_S", log_lines_per_s, 10000, 1, 10000000,
           "lines of one source that are kept in a second; what is over is dropped and counted"),
    NUMBER("LOG_FILE_BYTES", log_file_bytes, 4 * MIB, 64 * 1024, 64 * MIB,
           "size at which a file of the log is followed by a new one"),
    NUMBER("LOG_SOURCE_BYTES", log_source_bytes, 64 * MIB, MIB, INT64_C(1) << 40,
           "what a source keeps; its oldest files go"),
    NUMBER("LOG_TOTAL_BYTES", log_total_bytes, 1024 * MIB, MIB, INT64_C(1) << 44,
           "what all sources keep together"),
    NUMBER("LOG_FREE_BYTES", log_free_bytes, 128 * MIB, 0, INT64_C(1) << 44,
           "no lines are written while less than this is free on the disk"),
    NUMBER("HISTORY_JOBS", history_jobs, 1000, 1, 1000000, "ended jobs that are kept"),
    NUMBER("HISTORY_DAYS", history_days, 30, 1, 36500, "and for how long"),
    NUMBER("CONNECTIONS", connections, 1024, 1, 1000000, "connections at the same time"),
    NUMBER("STREAMS", streams, 1024, 1, 1000000, "open event streams at the same time"),
};

static const struct rpc_settings settings = {
    .prefix = "HERO_PROC_", .table = table, .count = sizeof table / sizeof *table};

static void print_help(void) {
    puts("hero_proc_server - starts, probes and restarts services, runs jobs, keeps their logs\n\n"
         "usage: hero_proc_server [--SETTING VALUE]... | --help | --version | --info\n\n"
         "Serves in the foreground. SIGTERM ends it; what it has started goes on, and the next\n"
         "hero_proc_server takes it over (`hero_proc shutdown --force` stops everything).\n"
         "This hero_proc_server is part of hero_runner_rhai.\n\n"
         "Settings, each an option or a variable:\n");
    rpc_settings_print_help(&settings, stdout);
}

static void print_info(void) {
    puts(
        "{\"name\":\"hero_proc_server\",\"service\":\"hero_proc\",\"version\":\"" HERO_VERSION
        "\",\"kind\":\"server\",\"protocol\":\"openrpc\",\"socket\":\"hero_proc/rpc.sock\","
        "\"product\":\"hero_runner_rhai\",\"description\":\"Supervisor of services, jobs and their "
        "logs\"}");
}

enum config_outcome config_read(int argc, char **argv, struct config *ret_config,
                                struct rpc_error *err) {
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help"))
            print_help();
        else if (!strcmp(argv[i], "--version"))
            puts("hero_proc_server " HERO_VERSION);
        else if (!strcmp(argv[i], "--info"))
            print_info();
        else
            continue;
        return CONFIG_DONE;
    }
    if (rpc_settings_read(&settings, argc, argv, ret_config, err) < 0) return CONFIG_BAD;
    if (rpc_log_set_level(ret_config->log_level) == 0) return CONFIG_RUN;
    rpc_error_set(err, RPC_ERROR_INVALID, 0,
                  "--log-level: \"%s\" is not debug, info, warn or error", ret_config->log_level);
    return CONFIG_BAD;
}
