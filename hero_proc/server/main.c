/*
 * hero_proc_server: see daemon.h and supervisor.h.
 *
 * One event loop on one thread; SQLite and the files of the log have a thread each (worker.h).
 */
#include "server/daemon.h"
#include "server/probe.h"
#include "server/reaper.h"

#include <errno.h>
#include <event2/event.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <hero_rpc/log.h>
#include <hero_rpc/paths.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#define SERVICE_NAME SUPERVISOR_OWN_NAME
#define EXIT_USAGE 2
#define FAREWELL_MS 100 /* for answers that are still being written */
#define DAY_MS (INT64_C(24) * 3600 * 1000)

static struct daemon process;

/* ---- The end ----------------------------------------------------------------------------- */

static void leave_loop(struct daemon *daemon) {
    event_base_loopexit(daemon->base, &(struct timeval){.tv_usec = FAREWELL_MS * 1000});
}

static void on_all_down(void *ctx) {
    leave_loop(ctx);
}

void daemon_end(struct daemon *daemon, bool force) {
    if (!daemon->is_ending) {
        rpc_log_info("ending", "force=%d", force);
        rpc_server_close_listeners(daemon->server);
    }
    daemon->is_ending = true;
    if (force)
        supervisor_end(&daemon->supervisor);
    else
        leave_loop(daemon);
}

static void on_end_signal(evutil_socket_t signal, short what, void *ctx) {
    (void)signal, (void)what;
    daemon_end(ctx, false);
}

static void on_problem(void *ctx, const char *message) {
    (void)ctx;
    rpc_log_error("http", "error=\"%s\"", message);
}

/* ---- The beginning ----------------------------------------------------------------------- */

static char *join(const char *dir, const char *name) {
    char *path;
    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Made once for each state directory, so that processes of another daemon are never taken for ours.
 */
static int read_instance(struct daemon *daemon, struct rpc_error *err) {
    char *path = join(daemon->state_dir, "instance");
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    unsigned char random[(DAEMON_INSTANCE_BYTES - 1) / 2];
    int outcome = 0;
    if (path && rpc_file_read(path, 256, &text, NULL) == 0 &&
        text.len == DAEMON_INSTANCE_BYTES - 1) {
        memcpy(daemon->instance, text.data, text.len);
    } else {
        if (getrandom(random, sizeof random, 0) != sizeof random) abort();
        for (size_t i = 0; i < sizeof random; i++)
            snprintf(daemon->instance + 2 * i, 3, "%02x", random[i]);
        outcome =
            path ? rpc_file_replace(path, daemon->instance, strlen(daemon->instance), 0600, err)
                 : -1;
    }
    rpc_strbuf_done(&text);
    free(path);
    return outcome;
}

static int make_dirs(struct daemon *daemon, struct rpc_error *err) {
    char program[PATH_MAX] = "";
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    daemon->program_dir = strdup(len > 0 ? dirname(program) : "/");
    daemon->state_dir = rpc_path_state_dir(SERVICE_NAME, err);
    if (!daemon->state_dir) return -1;
    daemon->run_dir = join(daemon->state_dir, "run");
    if (!daemon->run_dir || rpc_path_make_dirs(daemon->state_dir, 0700, err) < 0) return -1;
    return rpc_path_make_dirs(daemon->run_dir, 0700, err);
}

static int listen_on_socket(struct daemon *daemon, struct rpc_error *err) {
    const struct rpc_server_config config = {
        .connection_limit = (unsigned)daemon->config.connections,
        .stream_limit = (unsigned)daemon->config.streams,
        .on_problem = on_problem,
    };
    daemon->server = rpc_server_new(daemon->base, &config, err);
    char *path = *daemon->config.socket ? strdup(daemon->config.socket)
                                        : rpc_path_socket(SERVICE_NAME, "rpc.sock", err);
    int outcome = -1;
    if (daemon->server && path)
        outcome = rpc_server_listen_unix(daemon->server, path, daemon->state_dir, err);
    if (outcome == 0) rpc_log_info("listening", "socket=\"%s\"", path);
    free(path);
    return outcome;
}

static int open_state(struct daemon *daemon, struct rpc_error *err) {
    char *database = join(daemon->state_dir, "hero_proc.db");
    char *key = join(daemon->state_dir, "secrets.key"), *logs = join(daemon->state_dir, "logs");
    const struct config *config = &daemon->config;
    const struct logs_options options = {
        .dir = logs,
        .lines_per_s = config->log_lines_per_s,
        .limits = {.file_bytes = config->log_file_bytes,
                   .source_bytes = config->log_source_bytes,
                   .total_bytes = config->log_total_bytes,
                   .free_bytes = config->log_free_bytes},
    };
    if (database && key && logs) {
        daemon->db = state_db_open(daemon->base, database, err);
        if (daemon->db) daemon->secrets = secrets_open(key, daemon->db, err);
        if (daemon->secrets) daemon->logs = logs_new(daemon->base, &options, err);
    }
    free(database);
    free(key);
    free(logs);
    return daemon->logs ? 0 : -1;
}

static int begin_supervisor(struct daemon *daemon, struct rpc_error *err) {
    const struct supervisor_options options = {
        .base = daemon->base,
        .db = daemon->db,
        .logs = daemon->logs,
        .run_dir = daemon->run_dir,
        .program_dir = daemon->program_dir,
        .instance = daemon->instance,
        .history_jobs = daemon->config.history_jobs,
        .history_ms = daemon->config.history_days * DAY_MS,
        .all_down = on_all_down,
        .ctx = daemon,
    };
    return supervisor_init(&daemon->supervisor, &options, err);
}

static int add_service(struct daemon *daemon, struct rpc_error *err) {
    const struct rpc_service_options options = {
        .name = SERVICE_NAME,
        .title = "Hero process manager",
        .version = HERO_VERSION,
        .description = "Supervisor of services, jobs and their logs",
        .protocol = "openrpc",
        .socket = "rpc",
        .openrpc = openrpc_document,
        .openrpc_len = openrpc_document_len,
        .methods = daemon_methods,
        .methods_ctx = daemon,
        .health = daemon_health,
        .health_ctx = daemon,
    };
    daemon->service = rpc_service_new(daemon->server, &options, err);
    if (!daemon->service) return -1;
    if (streams_add_routes(daemon) == 0) return 0;
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return -1;
}

static int add_signals(struct daemon *daemon, struct event *events[2], struct rpc_error *err) {
    static const int signals[] = {SIGTERM, SIGINT};
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        events[i] = evsignal_new(daemon->base, signals[i], on_end_signal, daemon);
        if (events[i] && event_add(events[i], NULL) == 0) continue;
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    return 0;
}

/* The socket comes first: its locks say that no other daemon uses this state. */
static int serve(struct daemon *daemon, struct rpc_error *err) {
    struct event *signals[2] = {NULL, NULL};
    int outcome = -1;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (make_dirs(daemon, err) == 0 && rpc_fd_raise_limit(NULL, err) == 0 &&
        listen_on_socket(daemon, err) == 0 && read_instance(daemon, err) == 0 &&
        reaper_init(daemon->base) == 0 && probes_init(daemon->base) == 0 &&
        open_state(daemon, err) == 0 && begin_supervisor(daemon, err) == 0 &&
        add_service(daemon, err) == 0 && add_signals(daemon, signals, err) == 0) {
        event_base_dispatch(daemon->base);
        outcome = 0;
    }
    for (int i = 0; i < 2; i++)
        if (signals[i]) event_free(signals[i]);
    /* Writes and readings that are under way still answer their calls. */
    state_db_close(daemon->db);
    rpc_server_free(daemon->server);
    supervisor_done(&daemon->supervisor);
    secrets_free(daemon->secrets);
    logs_free(daemon->logs);
    rpc_service_free(daemon->service);
    probes_done();
    reaper_done();
    free(daemon->state_dir);
    free(daemon->run_dir);
    free(daemon->program_dir);
    return outcome;
}

int main(int argc, char **argv) {
    struct rpc_error err = {0};
    switch (config_read(argc, argv, &process.config, &err)) {
    case CONFIG_DONE: return 0;
    case CONFIG_BAD: fprintf(stderr, "hero_proc_server: %s\n", err.message); return EXIT_USAGE;
    case CONFIG_RUN: break;
    }
    process.started_ms = rpc_clock_monotonic_ms();
    process.base = event_base_new();
    if (!process.base) return 1;
    int outcome = serve(&process, &err);
    if (outcome < 0) rpc_log_error("cannot serve", "error=\"%s\"", err.message);
    rpc_error_clear(&err);
    event_base_free(process.base);
    return outcome < 0 ? 1 : 0;
}
