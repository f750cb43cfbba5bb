#include "server/config.h"

#include "server/log.h"
#include "store/store.h"

#include <string.h>

#define PREFIX "HERO_RUNNER_RHAI_"
#define MIB (1024 * 1024)
#define MOST_OF_A_LIMIT (INT64_C(1) << 50)
#define MOST_MS (INT64_C(1) << 40) /* of a time: in nanoseconds it still is a number */

#define NUMBER(NAME, MEMBER, STANDARD, LEAST, MOST, MEANING)                                       \
    {                                                                                              \
        NAME, RPC_SETTING_NUMBER, offsetof(struct config, MEMBER), STANDARD, LEAST, MOST, NULL,    \
            MEANING                                                                                \
    }
#define TEXT(NAME, MEMBER, STANDARD, MEANING)                                                      \
    { NAME, RPC_SETTING_TEXT, offsetof(struct config, MEMBER), 0, 0, 0, STANDARD, MEANING }

#define LIMIT(NAME, LIMIT, STANDARD, MOST, MEANING)                                                \
    NUMBER(NAME, limits.value[LIMIT], STANDARD, 0, MOST,                                           \
           MEANING " of a session that asks for no limit; 0: none"),                               \
        NUMBER("MAX_" NAME, ceilings.value[LIMIT], 0, 0, MOST,                                     \
               "and the highest that may be asked for; 0: any")

static const struct rpc_setting table[] = {
    NUMBER("WORKERS", workers, 4, 1, 1024, "sessions that run at the same time"),
    NUMBER("PARKED", parked, -1, -1, 1024,
           "session processes kept ready for the next scripts; -1: as many as workers"),
    NUMBER("PARKED_AGE_S", parked_age_s, 300, 1, 86400,
           "seconds after which an unused one is replaced"),
    NUMBER("QUEUE", queue, 1000, 0, 1000000, "sessions that may wait; more are refused as busy"),
    TEXT(
        "SCRIPT_ROOTS", script_roots, NULL,
        "directories, separated by ':', below which script_path and import find files; by default\n"
        "      scripts in the state directory"),
    NUMBER("TIMEOUT_MS", timeout_ms, 0, 0, MOST_MS,
           "time limit of a session that asks for none; 0: no limit"),
    NUMBER("MAX_TIMEOUT_MS", max_timeout_ms, 0, 0, MOST_MS,
           "and the highest that may be asked for; 0: any"),
    LIMIT("CPU_MS", LIMIT_CPU_MS, 0, MOST_MS, "milliseconds of processor time"),
    LIMIT("MEMORY_BYTES", LIMIT_MEMORY_BYTES, 1024 * MIB, MOST_OF_A_LIMIT, "bytes of memory"),
    LIMIT("OPERATIONS", LIMIT_OPERATIONS, 0, MOST_OF_A_LIMIT, "operations of the engine"),
    LIMIT("OUTPUT_BYTES", LIMIT_OUTPUT_BYTES, 0, MOST_OF_A_LIMIT, "bytes of output"),
    LIMIT("PROCESSES", LIMIT_PROCESSES, 0, MOST_OF_A_LIMIT, "processes, its own included,"),
    LIMIT("OPEN_FILES", LIMIT_OPEN_FILES, 0, MOST_OF_A_LIMIT, "open files of each process"),
    NUMBER("CGROUPS", cgroups, 1, 0, 1,
           "1: the limit of processes is kept by a control group where one can be made, 0: by\n"
           "      counting alone"),
    NUMBER("STOP_GRACE_MS", stop_grace_ms, 5000, 0, 3600000,
           "from SIGTERM to SIGKILL for a session that is stopped"),
    NUMBER("DRAIN_MS", drain_ms, 5000, 0, 3600000,
           "how long running sessions may go on when the server is to end"),
    NUMBER("RING_LINES", ring_lines, 1024, 1, 1 << 20, "newest lines of a session in memory"),
    NUMBER("RING_BYTES", ring_bytes, MIB, 128 * 1024, 1024 * MIB, "and their bytes"),
    NUMBER(
        "LOG_BYTES", log_bytes, 64 * MIB, STORE_SESSION_LOG_MIN_BYTES, INT64_C(1) << 40,
        "bytes that a session's lines take on disk at most; of more, the first and the newest are\n"
        "      kept"),
    NUMBER("HISTORY_DAYS", history_days, 30, 0, 36500,
           "days for which ended sessions are kept; 0: any time"),
    NUMBER("HISTORY_SESSIONS", history_sessions, 100000, 0, INT64_C(1) << 40,
           "and how many of them; 0: any number"),
    NUMBER("HISTORY_BYTES", history_bytes, INT64_C(10240) * MIB, 0, INT64_C(1) << 50,
           "and the bytes of all their lines; 0: any number"),
    NUMBER("CACHED", cached, 1000, 1, 1000000, "of them, sessions kept in memory too"),
    NUMBER("CACHED_BYTES", cached_bytes, 64 * MIB, MIB, INT64_C(1) << 40,
           "and the bytes of their scripts, lines and values"),
    NUMBER("BODY_BYTES", body_bytes, 16 * MIB, 1024, 16 * MIB, "largest body of a request"),
    NUMBER("CONNECTIONS", connections, 1024, 1, 1000000, "connections at the same time"),
    NUMBER("STREAMS", streams, 1024, 1, 1000000, "open event streams at the same time"),
    NUMBER("SELF_TEST_S", self_test_s, 10, 1, 3600, "seconds between two self-tests"),
    NUMBER("URL_TIMEOUT_MS", url_timeout_ms, 10000, 1, 3600000,
           "time to fetch a script_url, and for each call of a callback"),
    NUMBER("URL_BYTES", url_bytes, 16 * MIB, 1, 16 * MIB, "largest script of a script_url"),
    NUMBER("CALLBACK_TRIES", callback_tries, 8, 1, 100,
           "how often a callback is tried; the pauses grow from 1 s to 5 min"),
    NUMBER("FORWARD_LOGS", forward_logs, 0, 0, 1,
           "1: sessions that do not say otherwise forward their lines to hero_proc"),
    TEXT("PASS_ENV", pass_env, NULL,
         "names of the server's variables that scripts get as well, separated by commas"),
    TEXT("LOG_LEVEL", log_level, "info",
         "what goes to the server's own log: error, warn, info, or debug with each session"),
};

#define SETTING_COUNT (sizeof table / sizeof table[0])

static uint8_t sources[SETTING_COUNT];
static const struct rpc_settings settings = {
    .prefix = PREFIX, .table = table, .count = SETTING_COUNT, .sources = sources};

static void print_info(void) {
    printf("{\"name\":\"hero_runner_rhai_server\",\"service\":\"hero_runner_rhai\","
           "\"version\":\"%s\",\"kind\":\"server\",\"protocol\":\"openrpc\","
           "\"socket\":\"hero_runner_rhai/rpc.sock\","
           "\"description\":\"Runs Rhai scripts as isolated, observable, stoppable sessions\"}\n",
           HERO_VERSION);
}

void config_print_help(FILE *out) {
    fputs("hero_runner_rhai_server - runs Rhai scripts, each in a process of its own\n\n"
          "usage: hero_runner_rhai_server [--SETTING VALUE]... | --help | --version | --info\n\n"
          "Serves in the foreground on hero_runner_rhai/rpc.sock in the socket directory; SIGTERM\n"
          "lets running sessions end and stops. Settings, each an option or a variable:\n\n",
          out);
    rpc_settings_print_help(&settings, out);
}

void config_find_unknown(char **environment, rpc_settings_found *found, void *ctx) {
    /* The other two are marks of sessions, one of which may have started us. */
    static const char *const others[] = {"UI_", "INSTANCE", "SESSION", NULL};
    rpc_settings_find_unknown(&settings, others, environment, found, ctx);
}

json_t *config_settings(const struct config *config) {
    return rpc_settings_json(&settings, config);
}

/* The first name of the list that is none; NULL: all are. */
static const char *bad_name(const char *list, size_t *ret_len) {
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    for (; *list; list += *ret_len) {
        list += strspn(list, ", ");
        *ret_len = strcspn(list, ", ");
        if (*ret_len > strspn(list, good)) return list;
    }
    return NULL;
}

/* A default may not be higher than its ceiling. */
static void keep_below_ceilings(struct config *config) {
    int64_t *values[LIMIT_COUNT + 1], ceilings[LIMIT_COUNT + 1];
    for (int i = 0; i < LIMIT_COUNT; i++) {
        values[i] = &config->limits.value[i];
        ceilings[i] = config->ceilings.value[i];
    }
    values[LIMIT_COUNT] = &config->timeout_ms;
    ceilings[LIMIT_COUNT] = config->max_timeout_ms;
    for (int i = 0; i <= LIMIT_COUNT; i++)
        if (ceilings[i] > 0 && (*values[i] == 0 || *values[i] > ceilings[i]))
            *values[i] = ceilings[i];
}

enum config_outcome config_read(int argc, char **argv, struct config *ret_config,
                                struct rpc_error *err) {
    struct config config = {0};
    for (int i = 1; i < argc; i++) {
        bool is_help = !strcmp(argv[i], "--help"), is_version = !strcmp(argv[i], "--version");
        if (is_help)
            config_print_help(stdout);
        else if (is_version)
            printf("hero_runner_rhai_server %s\n", HERO_VERSION);
        else if (!strcmp(argv[i], "--info"))
            print_info();
        else
            continue;
        return CONFIG_DONE;
    }
    if (rpc_settings_read(&settings, argc, argv, &config, err) < 0) return CONFIG_BAD;
    if (log_set_level(config.log_level) < 0) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0,
                      PREFIX "LOG_LEVEL: \"%s\" is not error, warn, info or debug",
                      config.log_level);
        return CONFIG_BAD;
    }
    size_t len;
    const char *bad = bad_name(config.pass_env, &len);
    if (bad) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, PREFIX "PASS_ENV: \"%.*s\" is not a name",
                      (int)len, bad);
        return CONFIG_BAD;
    }
    if (config.parked < 0) config.parked = config.workers;
    keep_below_ceilings(&config);
    *ret_config = config;
    return CONFIG_RUN;
}
