#include "src/config.h"

#include <hero_rpc/settings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1024 * 1024)

#define NUMBER(NAME, MEMBER, STANDARD, LEAST, MOST, MEANING)                                       \
    {                                                                                              \
        NAME, RPC_SETTING_NUMBER, offsetof(struct config, MEMBER), STANDARD, LEAST, MOST, NULL,    \
            MEANING                                                                                \
    }
#define TEXT(NAME, KIND, MEMBER, STANDARD, MEANING)                                                \
    { NAME, KIND, offsetof(struct config, MEMBER), 0, 0, 0, STANDARD, MEANING }

static const struct rpc_setting table[] = {
    TEXT("LISTEN", RPC_SETTING_TEXT, listen, NULL,
         "also serve on this TCP address and port, such as 127.0.0.1:9977; port 0: a free one"),
    TEXT("TOKEN", RPC_SETTING_SECRET, token, NULL,
         "what callers over TCP must show, on loopback too; without it the owner passes on\n"
         "      loopback, and for any other address one is made up and logged"),
    TEXT("HOSTS", RPC_SETTING_TEXT, hosts, NULL,
         "further names allowed in Host and Origin over TCP, separated by commas"),
    TEXT("FRAME_ANCESTORS", RPC_SETTING_TEXT, frame_ancestors, "'self'",
         "who may show the page in a frame: the value of the CSP directive"),
    NUMBER("RPC_PROXY", rpc_proxy, 1, 0, 1,
           "0: POST /rpc is refused; the page then looks for the runner beside its own path"),
    NUMBER("CHECK_MS", check_ms, 5000, 100, 3600000,
           "how often the runner's health is looked at; each second while it is down"),
    NUMBER("BODY_BYTES", body_bytes, 16 * MIB, 1024, 16 * MIB, "largest body of a request"),
    NUMBER("CONNECTIONS", connections, 1024, 1, 1000000, "connections at the same time"),
    NUMBER("STREAMS", streams, 1024, 1, 1000000, "open event streams at the same time"),
};

static const struct rpc_settings settings = {
    .prefix = "HERO_RUNNER_RHAI_UI_", .table = table, .count = sizeof table / sizeof *table};

static void print_help(void) {
    fputs("hero_runner_rhai_ui - the dashboard of the Rhai runner\n\n"
          "usage: hero_runner_rhai_ui [--SETTING VALUE]... | --help | --version | --info\n\n"
          "Serves in the foreground on hero_runner_rhai/ui.sock and admin.sock in the socket\n"
          "directory. Settings, each an option or a variable:\n\n",
          stdout);
    rpc_settings_print_help(&settings, stdout);
}

static void print_info(void) {
    printf("{\"name\":\"hero_runner_rhai_ui\",\"service\":\"hero_runner_rhai\","
           "\"version\":\"%s\",\"kind\":\"admin\",\"protocol\":\"ui\","
           "\"socket\":\"hero_runner_rhai/ui.sock\","
           "\"description\":\"The dashboard of the Rhai runner\"}\n",
           HERO_VERSION);
}

static void print_version(void) {
    printf("hero_runner_rhai_ui %s\n", HERO_VERSION);
}

/* What is printed instead of serving. */
static const struct {
    const char *option;
    void (*print)(void);
} prints[] = {{"--help", print_help}, {"--version", print_version}, {"--info", print_info}};

int config_parse_listen(const char *text, char **ret_address, uint16_t *ret_port,
                        struct rpc_error *err) {
    const char *colon = strrchr(text, ':');
    const char *port = colon ? colon + 1 : text;
    const char *address = text, *end = colon ? colon : text;
    if (*address == '[' && end > address && end[-1] == ']') {
        address++;
        end--;
    }
    char *rest;
    long number = strtol(port, &rest, 10);
    if (*port < '0' || *port > '9' || *rest || number > UINT16_MAX) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "listen: \"%s\" is not an address and a port",
                      text);
        return -1;
    }
    *ret_port = (uint16_t)number;
    *ret_address = end > address ? strndup(address, (size_t)(end - address)) : strdup("127.0.0.1");
    if (*ret_address) return 0;
    rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "out of memory");
    return -1;
}

/* What would break the header it goes into. */
static int check_frame_ancestors(const char *text, struct rpc_error *err) {
    for (const char *c = text; *c; c++) {
        if (*c >= ' ' && *c <= '~' && *c != ';' && *c != ',') continue;
        rpc_error_set(err, RPC_ERROR_INVALID, 0,
                      "frame-ancestors: \"%s\" is not a list of sources separated by spaces", text);
        return -1;
    }
    return 0;
}

/* It goes into a cookie (RFC 6265, cookie-octet). */
static int check_token(const char *text, struct rpc_error *err) {
    for (const char *c = text; *c; c++) {
        if (*c > ' ' && *c <= '~' && !strchr("\",;\\", *c)) continue;
        rpc_error_set(err, RPC_ERROR_INVALID, 0,
                      "HERO_RUNNER_RHAI_UI_TOKEN: only visible ASCII characters without quotes, "
                      "commas, semicolons and backslashes");
        return -1;
    }
    return 0;
}

enum config_outcome config_read(int argc, char **argv, struct config *ret_config,
                                struct rpc_error *err) {
    for (int i = 1; i < argc; i++) {
        for (size_t p = 0; p < sizeof prints / sizeof *prints; p++) {
            if (strcmp(argv[i], prints[p].option) != 0) continue;
            prints[p].print();
            return CONFIG_DONE;
        }
    }
    struct config config;
    if (rpc_settings_read(&settings, argc, argv, &config, err) != 0 ||
        check_frame_ancestors(config.frame_ancestors, err) != 0 ||
        check_token(config.token, err) != 0)
        return CONFIG_BAD;
    if (*config.listen) {
        char *address;
        uint16_t port;
        if (config_parse_listen(config.listen, &address, &port, err) != 0) return CONFIG_BAD;
        free(address);
    }
    *ret_config = config;
    return CONFIG_RUN;
}
