#include "server/config.h"

#include <hero_rpc/settings.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MIB (1024 * 1024)

#define NUMBER(NAME, MEMBER, STANDARD, LEAST, MOST, MEANING)                                       \
    {                                                                                              \
        NAME, RPC_SETTING_NUMBER, offsetof(struct config, MEMBER), STANDARD, LEAST, MOST, NULL,    \
            MEANING                                                                                \
    }
#define TEXT(NAME, MEMBER, STANDARD, MEANING)                                                      \
    { NAME, RPC_SETTING_TEXT, offsetof(struct config, MEMBER), 0, 0, 0, STANDARD, MEANING }

static const struct rpc_setting table[] = {
    TEXT("SOCKET", socket, NULL, "the socket to serve on; otherwise hero_proc/rpc.sock in the socket\n"
                                 "      directory"),
    TEXT("LOG_LEVEL", log_level, "info", "of the daemon's own log: debug, info, warn or error"),
    NUMBER("KEEP_JOBS", keep_jobs, 10000, 1, 10000000, "ended jobs kept"),
    NUMBER("KEEP_DAYS", keep_days, 30, 1, 36500, "days for which they are kept"),
    NUMBER("LOG_RATE", log_rate, 10000, 1, 10000000,
           "lines a second that a source may write; more are dropped and counted"),
    NUMBER("LOG_FILE_BYTES", log_file_bytes, 8 * MIB, 4096, INT64_C(1) << 40,
           "size at which a source's log file is turned over"),
    NUMBER("LOG_FILES", log_files, 4, 1, 100, "files kept of each source"),
    NUMBER("LOG_TOTAL_BYTES", log_total_bytes, INT64_C(1024) * MIB, MIB, INT64_C(1) << 50,
           "all log files together"),
    NUMBER("BODY_BYTES", body_bytes, 16 * MIB, 1024, 16 * MIB, "largest body of a request"),
    NUMBER("CONNECTIONS", connections, 1024, 1, 1000000, "connections at the same time"),
    NUMBER("STREAMS", streams, 1024, 1, 1000000, "open event streams at the same time"),
};

static const struct rpc_settings settings = {
    .prefix = "HERO_PROC_", .table = table, .count = sizeof table / sizeof *table};

static void print_help(void) {
    fputs("hero_proc_server - starts, watches and restarts services\n\n"
          "usage: hero_proc_server [--SETTING VALUE]... | --help | --version | --info\n\n"
          "Serves in the foreground. SIGTERM ends it and leaves its services running; the next one\n"
          "takes them over. This hero_proc_server is part of hero_runner_rhai.\n"
          "Settings, each an option or a variable:\n\n",
          stdout);
    rpc_settings_print_help(&settings, stdout);
    /* By these words build_runner.sh knows that it may replace this program. */
    puts("\nThis hero_proc_server is part of hero_runner_rhai.");
}

static void print_version(void) {
    printf("hero_proc_server %s\n", HERO_VERSION);
}

static void print_info(void) {
    printf("{\"name\":\"hero_proc_server\",\"service\":\"hero_proc\",\"version\":\"%s\","
           "\"kind\":\"server\",\"protocol\":\"openrpc\",\"socket\":\"hero_proc/rpc.sock\","
           "\"description\":\"Starts, watches and restarts services\"}\n",
           HERO_VERSION);
}

static const struct {
    const char *option;
    void (*print)(void);
} prints[] = {{"--help", print_help}, {"--version", print_version}, {"--info", print_info}};

static int check_level(const struct config *config, struct rpc_error *err) {
    static const char *const levels[] = {"trace", "debug", "info", "warn", "error"};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (strcasecmp(config->log_level, levels[i]) == 0) return 0;
    rpc_error_set(err, RPC_ERROR_INVALID, 0, "log-level: \"%s\" is not debug, info, warn or error",
                  config->log_level);
    return -1;
}

enum config_outcome config_read(int argc, char **argv, struct config *ret_config,
                                struct rpc_error *err) {
    for (int i = 1; i < argc; i++)
        for (size_t j = 0; j < sizeof prints / sizeof prints[0]; j++) {
            if (strcmp(argv[i], prints[j].option) != 0) continue;
            prints[j].print();
            return CONFIG_DONE;
        }
    if (rpc_settings_read(&settings, argc, argv, ret_config, err) < 0) return CONFIG_BAD;
    return check_level(ret_config, err) < 0 ? CONFIG_BAD : CONFIG_RUN;
}
