/* hero_runner_rhai_ui: see ui.h for the picture. */
#include "src/assets.h"
#include "src/ui.h"

#include <arpa/inet.h>
#include <errno.h>
#include <hero_rpc/fd.h>
#include <hero_rpc/log.h>
#include <hero_rpc/paths.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define EXIT_USAGE 2
#define TOKEN_BYTES 16
#define NAMES_MAX 32
/* Streams are many and their events small. */
#define CONNECTION_MEMORY_BYTES (12 * 1024)

static void on_problem(void *ctx, const char *message) {
    (void)ctx;
    rpc_log_error("http", "error=\"%s\"", message);
}

static void on_end_signal(evutil_socket_t signal, short what, void *ctx) {
    (void)what;
    struct ui *ui = ctx;
    rpc_log_info("ending", "signal=%d", (int)signal);
    event_base_loopbreak(ui->base);
}

/* ---- Listening --------------------------------------------------------------------------- */

static int listen_on(struct ui *ui, const char *file, const char *state_dir,
                     struct rpc_error *err) {
    char *path = rpc_path_socket(SERVICE_NAME, file, err);
    int outcome = path ? rpc_server_listen_unix(ui->server, path, state_dir, err) : -1;
    if (outcome == 0) rpc_log_info("listening", "socket=\"%s\"", path);
    free(path);
    return outcome;
}

/* Both names are in use for a dashboard's socket, the second one by newer programs. */
static int listen_on_sockets(struct ui *ui, struct rpc_error *err) {
    char *state_dir = rpc_path_state_dir(SERVICE_NAME, err);
    int outcome = state_dir ? rpc_path_make_dirs(state_dir, 0700, err) : -1;
    if (outcome == 0) outcome = listen_on(ui, "ui.sock", state_dir, err);
    if (outcome == 0) outcome = listen_on(ui, "admin.sock", state_dir, err);
    free(state_dir);
    return outcome;
}

static bool is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static int make_token(char out[2 * TOKEN_BYTES + 1], struct rpc_error *err) {
    unsigned char random[TOKEN_BYTES];
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        rpc_error_set_errno(err, "cannot make a token");
        return -1;
    }
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(out + 2 * i, 3, "%02x", random[i]);
    return 0;
}

/* Cuts `list` at its commas. */
static void split_names(char *list, const char *names[NAMES_MAX + 1]) {
    size_t count = 0;
    char *save = NULL;
    for (char *name = strtok_r(list, ", ", &save); name && count < NAMES_MAX;
         name = strtok_r(NULL, ", ", &save))
        names[count++] = name;
    names[count] = NULL;
}

static int listen_on_tcp(struct ui *ui, struct rpc_error *err) {
    const struct config *config = &ui->config;
    const char *names[NAMES_MAX + 1];
    char token[2 * TOKEN_BYTES + 1] = "";
    struct rpc_tcp_options options = {.host_names = names, .wants_token = *config->token};
    char *address = NULL, *hosts = strdup(config->hosts);
    int outcome = -1;
    if (!hosts) goto done;
    split_names(hosts, names);
    if (config_parse_listen(config->listen, &address, &options.port, err) != 0) goto done;
    if (!*config->token && !is_loopback(address) && make_token(token, err) != 0) goto done;
    options.address = address;
    options.token = *config->token ? config->token : token;
    uint16_t port;
    outcome = rpc_server_listen_tcp(ui->server, &options, &port, err);
    if (outcome != 0) goto done;
    bool is_v6 = strchr(address, ':');
    rpc_log_info("listening", "url=\"http://%s%s%s:%u/%s%s\"", is_v6 ? "[" : "", address,
                 is_v6 ? "]" : "", port, *token ? "?token=" : "", token);
done:
    free(address);
    free(hosts);
    return outcome;
}

/* ---- The life of the program ------------------------------------------------------------- */

static int add_service(struct ui *ui, struct rpc_error *err) {
    const struct asset *document = asset_find("openrpc.json");
    const struct rpc_service_options options = {
        .name = SERVICE_NAME,
        .title = "Hero Rhai runner",
        .version = HERO_VERSION,
        .description = "The dashboard of the Rhai runner",
        .protocol = "ui",
        .socket = "ui",
        .openrpc = (const char *)document->bytes,
        .openrpc_len = document->len,
        .health = watch_health,
        .health_ctx = ui,
    };
    ui->service = rpc_service_new(ui->server, &options, err);
    if (!ui->service) return -1;
    if (page_add_routes(ui) == 0 && assets_add_routes(ui) == 0 && proxy_add_routes(ui) == 0 &&
        events_add_routes(ui) == 0 && supervisor_add_routes(ui) == 0 && watch_start(ui) == 0)
        return 0;
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return -1;
}

static int serve(struct ui *ui, struct rpc_error *err) {
    const struct rpc_server_config config = {
        .body_limit_bytes = (size_t)ui->config.body_bytes,
        .connection_limit = (unsigned)ui->config.connections,
        .stream_limit = (unsigned)ui->config.streams,
        .connection_memory_bytes = CONNECTION_MEMORY_BYTES,
        .on_problem = on_problem,
    };
    ui->runner_socket = rpc_path_socket(SERVICE_NAME, "rpc.sock", err);
    ui->server = ui->runner_socket ? rpc_server_new(ui->base, &config, err) : NULL;
    if (!ui->server || rpc_fd_raise_limit(NULL, err) != 0 || add_service(ui, err) != 0 ||
        listen_on_sockets(ui, err) != 0 || (*ui->config.listen && listen_on_tcp(ui, err) != 0))
        return -1;
    event_base_dispatch(ui->base);
    return 0;
}

int main(int argc, char **argv) {
    struct ui ui = {0};
    struct rpc_error err = {0};
    switch (config_read(argc, argv, &ui.config, &err)) {
    case CONFIG_DONE: return 0;
    case CONFIG_BAD: fprintf(stderr, "hero_runner_rhai_ui: %s\n", err.message); return EXIT_USAGE;
    case CONFIG_RUN: break;
    }
    signal(SIGPIPE, SIG_IGN);
    ui.base = event_base_new();
    struct event *on_term = evsignal_new(ui.base, SIGTERM, on_end_signal, &ui);
    struct event *on_int = evsignal_new(ui.base, SIGINT, on_end_signal, &ui);
    if (!on_term || !on_int || event_add(on_term, NULL) != 0 || event_add(on_int, NULL) != 0)
        return 1;
    int outcome = serve(&ui, &err);
    if (outcome != 0) rpc_log_error("cannot serve", "error=\"%s\"", err.message);
    watch_stop(&ui);
    rpc_server_free(ui.server);
    rpc_service_free(ui.service);
    free(ui.runner_socket);
    event_free(on_term);
    event_free(on_int);
    event_base_free(ui.base);
    rpc_error_clear(&err);
    return outcome == 0 ? 0 : 1;
}
