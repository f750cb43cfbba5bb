/*
 * hero_runner_rhai_server: see ARCHITECTURE.md for the picture.
 *
 * One event loop on one thread. Everything the loop calls returns at once; scripts run in processes
 * that the zygote forks.
 */
#include "server/instance.h"
#include "server/log.h"
#include "server/openrpc_document.h"
#include "server/resume.h"
#include "server/runner.h"

#include <event2/event.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <errno.h>
#include <hero_rpc/paths.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define FAREWELL_MS 200 /* at the end: for answers that are still being written */

static struct runner runner;
static int exit_code;
static bool is_ending;

/* ---- The end ----------------------------------------------------------------------------- */

static void leave_loop_after(int64_t ms) {
    event_base_loopexit(runner.base,
                        &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
}

static void on_idle(void *ctx) {
    (void)ctx;
    log_info("all sessions have ended", "%s", "");
    leave_loop_after(FAREWELL_MS);
}

static void on_drained_long_enough(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what, (void)ctx;
    slots_stop_all(&runner.slots);
}

/* SIGTERM or SIGINT: running sessions may go on for a while, then are stopped. The second one stops
 * them at once. */
static void on_end_signal(evutil_socket_t signal, short what, void *ctx) {
    (void)what, (void)ctx;
    if (is_ending) {
        slots_stop_all(&runner.slots);
        return;
    }
    is_ending = true;
    log_info("ending", "signal=%d running=%zu", (int)signal, runner.slots.running);
    rpc_server_close_listeners(runner.server);
    int64_t ms = runner.config.drain_ms;
    event_base_once(runner.base, -1, EV_TIMEOUT, on_drained_long_enough, NULL,
                    &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
    slots_end(&runner.slots, on_idle, NULL);
}

/* SIGHUP: as the method reload. */
static void on_reload_signal(evutil_socket_t signal, short what, void *ctx) {
    (void)what, (void)ctx;
    struct rpc_error err = {0};
    if (is_ending) return;
    switch (slots_reload(&runner.slots, &err)) {
    case SLOTS_TAKEN:
        log_info("reload", "generation=%u signal=%d", runner.slots.candidate->number, (int)signal);
        break;
    case SLOTS_FULL: log_warn("no reload", "error=\"two generations are there already\""); break;
    default: log_error("no reload", "error=\"%s\"", err.message); break;
    }
    rpc_error_clear(&err);
}

static void on_unusable(void *ctx, const char *why) {
    (void)ctx;
    log_error("cannot serve", "error=\"%s\"", why);
    exit_code = 1;
    leave_loop_after(0);
}

static void on_problem(void *ctx, const char *message) {
    (void)ctx;
    log_error("http", "error=\"%s\"", message);
}

/* ---- The beginning ----------------------------------------------------------------------- */

static int listen_on_socket(char *state_dir, struct rpc_error *err) {
    struct rpc_server_config config = {
        .body_limit_bytes = (size_t)runner.config.body_bytes,
        .connection_limit = (unsigned)runner.config.connections,
        .stream_limit = (unsigned)runner.config.streams,
        .on_problem = on_problem,
    };
    runner.server = rpc_server_new(runner.base, &config, err);
    char *path = rpc_path_socket(SERVICE_NAME, "rpc.sock", err);
    int outcome = -1;
    if (runner.server && path)
        outcome = rpc_server_listen_unix(runner.server, path, state_dir, err);
    if (outcome == 0) log_info("listening", "socket=\"%s\"", path);
    free(path);
    return outcome;
}

static int add_service(struct rpc_error *err) {
    struct rpc_service_options options = {
        .name = SERVICE_NAME,
        .title = "Hero Rhai runner",
        .version = HERO_VERSION,
        .description = "Runs Rhai scripts as isolated, observable, stoppable sessions",
        .protocol = "openrpc",
        .socket = "rpc",
        .openrpc = openrpc_document,
        .openrpc_len = openrpc_document_len,
        .methods = runner_methods,
        .methods_ctx = &runner,
        .health = runner_health,
        .health_ctx = &runner,
    };
    runner.service = rpc_service_new(runner.server, &options, err);
    if (!runner.service) return -1;
    if (streams_add_routes(&runner) == 0 && streams_all_add_routes(&runner) == 0 &&
        metrics_add_routes(&runner) == 0)
        return 0;
    rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "out of memory");
    return -1;
}

static void on_ready(void *ctx, unsigned generation) {
    (void)ctx, (void)generation;
    runner_ask_functions(&runner);
}

static void on_reloaded(void *ctx, unsigned generation, const char *why) {
    (void)ctx;
    runner_note_reload(&runner, generation, why);
}

static void on_session_changed(void *ctx, struct session *session) {
    (void)ctx;
    accounts_note_change(&runner, session);
    sessions_note_change(&runner.sessions, session);
    if (!session_has_ended(session)) return;
    sessions_note_end(&runner.sessions, session);
    if (session->callback.state == CALLBACK_PENDING) callbacks_begin(runner.callbacks, session);
}

static bool on_session_begins(void *ctx, struct session *session, pid_t pid) {
    (void)ctx;
    return archive_note_start(runner.archive, session, pid);
}

static void on_session_line(void *ctx, struct session *session, uint64_t timestamp_us,
                            uint8_t stream, const char *text, size_t len) {
    (void)ctx;
    archive_add_line(runner.archive, session, timestamp_us, stream, text, len);
}

static void on_session_ended(void *ctx, struct session *session) {
    (void)ctx;
    archive_end(runner.archive, session);
}

static bool is_archive_full(void *ctx, struct session *session) {
    (void)ctx;
    return archive_is_full(runner.archive, session);
}

/* What runs sessions, and what they need. */
static int add_slots(char **environment, unsigned long open_files, struct rpc_error *err) {
    const struct zygote_link_options options = {.environment = (const char *const *)environment,
                                                .open_files = open_files,
                                                .script_roots = runner.config.script_roots,
                                                .cgroups = runner.cgroups};
    const struct slots_ops ops = {.ready = on_ready,
                                  .unusable = on_unusable,
                                  .reloaded = on_reloaded,
                                  .is_full = is_archive_full};
    session_set_listener(&(struct session_listener){.changed = on_session_changed,
                                                    .begins = on_session_begins,
                                                    .line = on_session_line,
                                                    .ended = on_session_ended});
    if (!environment || slots_init(&runner.slots, runner.base, &runner.config, &runner.sessions,
                                   &options, &ops) < 0) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "out of memory");
        return -1;
    }
    runner.files = files_new(runner.base, runner.config.script_roots, err);
    runner.http = runner.files ? http_new(runner.base, err) : NULL;
    if (!runner.http) return -1;
    runner.urls = url_scripts_new(runner.http, &runner.config);
    runner.callbacks = callbacks_new(runner.base, runner.http, runner.archive, &runner.config);
    if (runner.urls && runner.callbacks) return slots_start(&runner.slots, err);
    rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "out of memory");
    return -1;
}

/* One that is not there may come later, but may be a slip as well. */
static void warn_of_missing_roots(const char *roots) {
    char root[PATH_MAX];
    for (size_t len; *roots; roots += len + (roots[len] == ':')) {
        len = strcspn(roots, ":");
        snprintf(root, sizeof root, "%.*s", (int)(len < sizeof root ? len : sizeof root - 1),
                 roots);
        if (*root && access(root, X_OK) < 0)
            log_warn("script root cannot be entered", "root=\"%s\" error=\"%s\"", root,
                     strerror(errno));
    }
}

/* By default scripts in the state directory, which then is made. */
static int choose_script_roots(const char *state_dir, char **ret_made, struct rpc_error *err) {
    if (*runner.config.script_roots) {
        warn_of_missing_roots(runner.config.script_roots);
        return 0;
    }
    if (asprintf(ret_made, "%s/scripts", state_dir) < 0) {
        *ret_made = NULL;
        rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "out of memory");
        return -1;
    }
    runner.config.script_roots = *ret_made;
    return rpc_path_make_dirs(*ret_made, 0700, err);
}

#define SIGNALS 3

static int add_signals(struct event *events[SIGNALS]) {
    static const struct {
        int signal;
        event_callback_fn then;
    } signals[SIGNALS] = {
        {SIGTERM, on_end_signal}, {SIGINT, on_end_signal}, {SIGHUP, on_reload_signal}};
    for (int i = 0; i < SIGNALS; i++) {
        events[i] = evsignal_new(runner.base, signals[i].signal, signals[i].then, NULL);
        if (!events[i] || event_add(events[i], NULL) < 0) return -1;
    }
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

/* The socket comes first: its locks say that no other server uses this state. */
static int serve(struct rpc_error *err) {
    struct event *signals[SIGNALS] = {NULL};
    struct rlimit open_files = {0};
    char **environment = NULL, *script_roots = NULL;
    struct store_sessions *interrupted = NULL;
    int outcome = -1;
    char *state_dir = rpc_path_state_dir(SERVICE_NAME, err);
    if (!state_dir || rpc_path_make_dirs(state_dir, 0700, err) < 0) goto done;
    if (choose_script_roots(state_dir, &script_roots, err) < 0) goto done;
    if (rpc_fd_raise_limit(&open_files, err) < 0) goto done;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (listen_on_socket(state_dir, err) < 0) goto done;
    cgroups_sweep();
    if (instance_begin(state_dir, runner.instance, err) < 0) goto done;
    runner.cgroups = cgroups_new(runner.config.cgroups ? runner.instance : NULL);
    environment = instance_environment(runner.instance, runner.config.pass_env);
    if (!runner.cgroups || add_signals(signals) < 0 || accounts_init(&runner) < 0) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "out of memory");
        goto done;
    }
    runner.archive = archive_new(runner.base, &runner.config, state_dir, &runner.sessions,
                                 &runner.ring_limits, &interrupted, err);
    if (!runner.archive) goto done;
    feeds_init(&runner.feeds, runner.archive);
    runner.forward = forward_new(runner.base, runner.config.forward_logs);
    if (!runner.forward) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, 0, "out of memory");
        goto done;
    }
    if (add_slots(environment, open_files.rlim_cur, err) < 0 || add_service(err) < 0) goto done;
    if (health_init(&runner.health, runner.base, &runner.slots, &runner.ring_limits,
                    runner.config.self_test_s * 1000) < 0)
        goto done;
    resume_sessions(&runner, interrupted);
    interrupted = NULL;
    callbacks_resume(runner.callbacks);
    event_base_dispatch(runner.base);
    outcome = 0;
done:
    for (int i = 0; i < SIGNALS; i++)
        if (signals[i]) event_free(signals[i]);
    archive_close(runner.archive);
    session_set_listener(&(struct session_listener){0});
    slots_stop_zygotes(&runner.slots);
    health_done(&runner.health);
    forward_free(runner.forward);
    rpc_server_free(runner.server);
    rpc_service_free(runner.service);
    runner_forget_functions(&runner);
    callbacks_free(runner.callbacks);
    http_free(runner.http);
    url_scripts_free(runner.urls);
    files_free(runner.files);
    if (runner.slots.base) slots_done(&runner.slots);
    archive_free(runner.archive);
    store_sessions_free(interrupted);
    cgroups_free(runner.cgroups);
    accounts_done(&runner);
    free(script_roots);
    free(environment);
    free(state_dir);
    return outcome;
}

static void warn_of_variable(void *ctx, const char *variable, const char *nearest) {
    (void)ctx;
    if (nearest)
        log_warn("variable is no setting", "variable=%s did_you_mean=%s", variable, nearest);
    else
        log_warn("variable is no setting", "variable=%s", variable);
}

int main(int argc, char **argv) {
    struct rpc_error err = {0};
    switch (config_read(argc, argv, &runner.config, &err)) {
    case CONFIG_DONE: return 0;
    case CONFIG_BAD:
        fprintf(stderr, "hero_runner_rhai_server: %s\n", err.message);
        return EXIT_USAGE;
    case CONFIG_RUN: break;
    }
    config_find_unknown(environ, warn_of_variable, NULL);
    runner.started_ms = rpc_clock_monotonic_ms();
    runner.ring_limits = (struct ring_limits){.max_lines = (size_t)runner.config.ring_lines,
                                              .max_bytes = (size_t)runner.config.ring_bytes};
    sessions_init(&runner.sessions, (size_t)runner.config.cached,
                  (size_t)runner.config.cached_bytes);
    runner.base = event_base_new();
    runner_init_functions(&runner);
    if (!runner.base) return 1;
    if (serve(&err) < 0) {
        log_error("cannot serve", "error=\"%s\"", err.message);
        exit_code = 1;
    }
    rpc_error_clear(&err);
    sessions_done(&runner.sessions);
    event_base_free(runner.base);
    return exit_code;
}
