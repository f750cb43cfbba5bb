/*
 * hero_proc_server: one event loop on one thread, and a thread for the files of the log. It never
 * blocks; what it starts are processes of their own.
 */
#include "server/daemon.h"
#include "server/openrpc_document.h"
#include "server/probe.h"
#include "server/reaper.h"

#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <hero_rpc/log.h>
#include <hero_rpc/paths.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define FAREWELL_MS 200 /* at the end: for answers that are still being written */
#define RECENT_LINES 8192
#define RECENT_BYTES (8 * 1024 * 1024)
#define QUEUE_BYTES (16 * 1024 * 1024)

static struct daemon hero_proc;

/* ---- The end ----------------------------------------------------------------------------- */

static void leave_loop(void *ctx) {
    struct daemon *daemon = ctx;
    event_base_loopexit(daemon->base, &(struct timeval){.tv_usec = FAREWELL_MS * 1000});
}

void daemon_end(struct daemon *daemon, bool force) {
    if (daemon->is_ending) return;
    daemon->is_ending = true;
    rpc_log_info("ending", "force=%d", force);
    rpc_server_close_listeners(daemon->server);
    if (force)
        supervisor_stop_all(daemon->supervisor, leave_loop, daemon);
    else
        leave_loop(daemon);
}

static void on_signal(evutil_socket_t signal, short what, void *ctx) {
    (void)signal, (void)what;
    struct daemon *daemon = ctx;
    if (daemon->is_ending)
        leave_loop(daemon);
    else
        daemon_end(daemon, false);
}

static void on_problem(void *ctx, const char *message) {
    (void)ctx;
    rpc_log_error("http", "error=\"%s\"", message);
}

/* ---- The beginning ----------------------------------------------------------------------- */

static char *join(const char *dir, const char *name, struct rpc_error *err) {
    char *path;
    if (asprintf(&path, "%s/%s", dir, name) >= 0) return path;
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return NULL;
}

/* The socket comes first: its locks say that no other daemon uses this state. */
static int listen_on_socket(struct daemon *daemon, const char *state_dir, struct rpc_error *err) {
    struct rpc_server_config config = {
        .body_limit_bytes = (size_t)daemon->config.body_bytes,
        .connection_limit = (unsigned)daemon->config.connections,
        .stream_limit = (unsigned)daemon->config.streams,
        .on_problem = on_problem,
    };
    char *path = *daemon->config.socket ? strdup(daemon->config.socket)
                                        : rpc_path_socket(SUPERVISOR_OWN_NAME, "rpc.sock", err);
    daemon->server = rpc_server_new(daemon->base, &config, err);
    int outcome = daemon->server && path
                      ? rpc_server_listen_unix(daemon->server, path, state_dir, err)
                      : -1;
    if (outcome == 0) rpc_log_info("listening", "socket=\"%s\"", path);
    free(path);
    return outcome;
}

static int open_state(struct daemon *daemon, const char *state_dir, struct rpc_error *err) {
    static const char *const folders[] = {"fifos", "scripts"};
    char *db = join(state_dir, "hero_proc.db", err), *logs = join(state_dir, "logs", err);
    char *key = join(state_dir, "secret.key", err);
    struct logs_limits limits = {
        .recent_lines = RECENT_LINES,
        .recent_bytes = RECENT_BYTES,
        .queue_bytes = QUEUE_BYTES,
        .rate_lines = (uint64_t)daemon->config.log_rate,
        .file_bytes = (uint64_t)daemon->config.log_file_bytes,
        .file_count = (uint64_t)daemon->config.log_files,
        .total_bytes = (uint64_t)daemon->config.log_total_bytes,
    };
    int outcome = db && logs && key ? 0 : -1;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0] && outcome == 0; i++) {
        char *path = join(state_dir, folders[i], err);
        outcome = path ? rpc_path_make_dirs(path, 0700, err) : -1;
        free(path);
    }
    if (outcome == 0) daemon->db = state_db_open(db, err);
    if (daemon->db) daemon->logs = logs_open(daemon->base, logs, &limits, err);
    if (daemon->logs) daemon->secrets = secrets_open(key, daemon->db, err);
    free(db);
    free(logs);
    free(key);
    return daemon->secrets ? 0 : -1;
}

static int add_service(struct daemon *daemon, struct rpc_error *err) {
    struct rpc_service_options options = {
        .name = SUPERVISOR_OWN_NAME,
        .title = "Hero process supervisor",
        .version = HERO_VERSION,
        .description = "Starts, watches and restarts services",
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
    if (log_stream_add_routes(daemon) == 0) return 0;
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return -1;
}

static int start_supervisor(struct daemon *daemon, const char *state_dir, const char *programs_dir,
                            struct rpc_error *err) {
    struct supervisor_options options = {
        .base = daemon->base,
        .state_dir = state_dir,
        .programs_dir = programs_dir,
        .db = daemon->db,
        .logs = daemon->logs,
        .keep_jobs = daemon->config.keep_jobs,
        .keep_days = daemon->config.keep_days,
    };
    if (reaper_init(daemon->base) < 0 || probes_init(daemon->base) < 0) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    daemon->supervisor = supervisor_new(&options, err);
    return daemon->supervisor ? 0 : -1;
}

static int add_signals(struct daemon *daemon, struct event *events[2]) {
    static const int signals[] = {SIGTERM, SIGINT};
    for (int i = 0; i < 2; i++) {
        events[i] = evsignal_new(daemon->base, signals[i], on_signal, daemon);
        if (!events[i] || event_add(events[i], NULL) < 0) return -1;
    }
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static int serve(struct daemon *daemon, const char *programs_dir, struct rpc_error *err) {
    struct event *signals[2] = {NULL, NULL};
    int outcome = -1;
    char *state_dir = rpc_path_state_dir(SUPERVISOR_OWN_NAME, err);
    if (!state_dir || rpc_path_make_dirs(state_dir, 0700, err) < 0) goto done;
    if (rpc_fd_raise_limit(NULL, err) < 0) goto done;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (listen_on_socket(daemon, state_dir, err) < 0) goto done;
    if (open_state(daemon, state_dir, err) < 0 || add_signals(daemon, signals) < 0) goto done;
    if (start_supervisor(daemon, state_dir, programs_dir, err) < 0) goto done;
    if (add_service(daemon, err) < 0) goto done;
    event_base_dispatch(daemon->base);
    outcome = 0;
done:
    for (int i = 0; i < 2; i++)
        if (signals[i]) event_free(signals[i]);
    supervisor_free(daemon->supervisor);
    probes_done();
    reaper_done();
    secrets_close(daemon->secrets);
    logs_close(daemon->logs);
    daemon->logs = NULL;
    state_db_close(daemon->db);
    /* Last, since its locks say that the state is in use. */
    rpc_server_free(daemon->server);
    rpc_service_free(daemon->service);
    free(state_dir);
    return outcome;
}

int main(int argc, char **argv) {
    struct rpc_error err = {0};
    switch (config_read(argc, argv, &hero_proc.config, &err)) {
    case CONFIG_DONE: return 0;
    case CONFIG_BAD: fprintf(stderr, "hero_proc_server: %s\n", err.message); return EXIT_USAGE;
    case CONFIG_RUN: break;
    }
    char self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) self[0] = '\0';
    hero_proc.started_ms = rpc_clock_monotonic_ms();
    hero_proc.base = event_base_new();
    if (!hero_proc.base) return 1;
    int outcome = serve(&hero_proc, dirname(self), &err);
    if (outcome < 0) rpc_log_error("cannot serve", "error=\"%s\"", err.message);
    rpc_error_clear(&err);
    event_base_free(hero_proc.base);
    return outcome < 0;
}
