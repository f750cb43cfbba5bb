#include "server/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "HERO_RUNNER_RHAI_"
#define MIB (1024 * 1024)
#define MAX_NAME_BYTES 64

/* A setting: NAME here is HERO_RUNNER_RHAI_NAME in the environment and --name on the command line
 * (with '-' for '_'). A text setting has a text place instead of a number place. */
struct setting {
    const char *name;
    size_t place; /* in struct config */
    bool is_text;
    int64_t standard, least, most;
    const char *meaning;
};

#define NUMBER(NAME, MEMBER, STANDARD, LEAST, MOST, MEANING)                                       \
    { NAME, offsetof(struct config, MEMBER), false, STANDARD, LEAST, MOST, MEANING }

static const struct setting settings[] = {
    NUMBER("WORKERS", workers, 4, 1, 1024, "sessions that run at the same time"),
    NUMBER("PARKED", parked, -1, -1, 1024,
           "session processes kept ready for the next scripts; -1: as many as workers"),
    NUMBER("PARKED_AGE_S", parked_age_s, 300, 1, 86400,
           "seconds after which an unused one is replaced"),
    NUMBER("QUEUE", queue, 1000, 0, 1000000, "sessions that may wait; more are refused as busy"),
    NUMBER("TIMEOUT_MS", timeout_ms, 0, 0, INT64_C(1) << 40,
           "time limit of a session that asks for none; 0: no limit"),
    NUMBER("STOP_GRACE_MS", stop_grace_ms, 5000, 0, 3600000,
           "from SIGTERM to SIGKILL for a session that is stopped"),
    NUMBER("DRAIN_MS", drain_ms, 5000, 0, 3600000,
           "how long running sessions may go on when the server is to end"),
    NUMBER("RING_LINES", ring_lines, 1024, 1, 1 << 20, "newest lines kept of a session"),
    NUMBER("RING_BYTES", ring_bytes, MIB, 128 * 1024, 1024 * MIB, "and their bytes"),
    NUMBER("HISTORY", history, 10000, 1, 1000000, "ended sessions kept"),
    NUMBER("HISTORY_BYTES", history_bytes, 256 * MIB, MIB, INT64_C(1) << 40,
           "and the memory of their lines and values"),
    NUMBER("BODY_BYTES", body_bytes, 16 * MIB, 1024, 16 * MIB, "largest body of a request"),
    NUMBER("CONNECTIONS", connections, 1024, 1, 1000000, "connections at the same time"),
    NUMBER("STREAMS", streams, 1024, 1, 1000000, "open event streams at the same time"),
    NUMBER("SELF_TEST_S", self_test_s, 10, 1, 3600, "seconds between two self-tests"),
    NUMBER("FORWARD_LOGS", forward_logs, 0, 0, 1,
           "1: sessions that do not say otherwise forward their lines to hero_proc"),
    {"PASS_ENV", offsetof(struct config, pass_env), true, 0, 0, 0,
     "names of the server's variables that scripts get as well, separated by commas"},
};

#define SETTING_COUNT (sizeof settings / sizeof settings[0])

static int64_t *number_place(struct config *config, const struct setting *setting) {
    return (int64_t *)(void *)((char *)config + setting->place);
}

static int set(struct config *config, const struct setting *setting, const char *origin,
               const char *text, struct rpc_error *err) {
    if (setting->is_text) {
        *(const char **)(void *)((char *)config + setting->place) = text;
        return 0;
    }
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < setting->least || value > setting->most) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: \"%s\" is not a number from %lld to %lld",
                      origin, text, (long long)setting->least, (long long)setting->most);
        return -1;
    }
    *number_place(config, setting) = value;
    return 0;
}

static void flag_name(const struct setting *setting, char out[MAX_NAME_BYTES]) {
    size_t len = 0;
    for (const char *c = setting->name; *c && len + 1 < MAX_NAME_BYTES; c++)
        out[len++] = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
    out[len] = '\0';
}

static const struct setting *find_flag(const char *name, size_t len) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        char flag[MAX_NAME_BYTES];
        flag_name(&settings[i], flag);
        if (strlen(flag) == len && memcmp(flag, name, len) == 0) return &settings[i];
    }
    return NULL;
}

static int read_environment(struct config *config, struct rpc_error *err) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        char name[MAX_NAME_BYTES];
        snprintf(name, sizeof name, PREFIX "%s", settings[i].name);
        const char *text = getenv(name);
        if (text && *text && set(config, &settings[i], name, text, err) < 0) return -1;
    }
    return 0;
}

/* "--name=value" or "--name value". */
static int read_flag(struct config *config, char **argv, int *index, struct rpc_error *err) {
    const char *arg = argv[*index];
    const char *equals = strchr(arg, '=');
    const struct setting *setting = NULL;
    if (strncmp(arg, "--", 2) == 0)
        setting = find_flag(arg + 2, equals ? (size_t)(equals - arg) - 2 : strlen(arg) - 2);
    if (!setting) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: no such option, see --help", arg);
        return -1;
    }
    const char *value = equals ? equals + 1 : argv[++*index];
    if (!value) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: needs a value", arg);
        return -1;
    }
    return set(config, setting, arg, value, err);
}

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
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        char flag[MAX_NAME_BYTES];
        flag_name(&settings[i], flag);
        fprintf(out, "  --%-15s " PREFIX "%-15s ", flag, settings[i].name);
        if (settings[i].is_text)
            fputs("(none)\n", out);
        else
            fprintf(out, "%lld\n", (long long)settings[i].standard);
        fprintf(out, "      %s\n", settings[i].meaning);
    }
}

enum config_outcome config_read(int argc, char **argv, struct config *ret_config,
                                struct rpc_error *err) {
    struct config config = {.pass_env = ""};
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (!settings[i].is_text) *number_place(&config, &settings[i]) = settings[i].standard;
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
    if (read_environment(&config, err) < 0) return CONFIG_BAD;
    for (int i = 1; i < argc; i++)
        if (read_flag(&config, argv, &i, err) < 0) return CONFIG_BAD;
    if (config.parked < 0) config.parked = config.workers;
    *ret_config = config;
    return CONFIG_RUN;
}
