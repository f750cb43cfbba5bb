/*
 * GET /metrics: counters and gauges for Prometheus (exposition formats, text format 0.0.4:
 * prometheus.io/docs/instrumenting/exposition_formats).
 */
#include "server/runner.h"

#include <hero_rpc/clock.h>

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define PREFIX "hero_runner_rhai_"

static void add(struct rpc_strbuf *out, const char *name, const char *type, const char *help,
                double value) {
    rpc_strbuf_addf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n" PREFIX "%s %.17g\n",
                    name, help, name, type, name, value);
}

static void add_totals(struct rpc_strbuf *out, const struct runner *runner) {
    static const enum session_status ends[] = {SESSION_SUCCEEDED, SESSION_FAILED,
                                               SESSION_CANCELLED};
    rpc_strbuf_add_text(out, "# HELP " PREFIX "sessions_ended_total Sessions that have ended.\n"
                             "# TYPE " PREFIX "sessions_ended_total counter\n");
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        rpc_strbuf_addf(out, PREFIX "sessions_ended_total{status=\"%s\"} %llu\n",
                        session_status_name(ends[i]),
                        (unsigned long long)runner->sessions.totals[ends[i]]);
}

static void add_store(struct rpc_strbuf *out, const struct runner *runner) {
    struct store_stats stats;
    store_get_stats(archive_store(runner->archive), &stats);
    add(out, "history_sessions", "gauge", "Sessions in the history.", (double)stats.sessions);
    add(out, "history_log_bytes", "gauge", "Bytes of their lines.", (double)stats.log_bytes);
    add(out, "history_waiting", "gauge", "Changes that wait to be written.",
        (double)(stats.queued + stats.deferred));
    add(out, "history_lost_lines_total", "counter", "Lines that could not be stored.",
        (double)stats.lost_lines);
    add(out, "history_lost_records_total", "counter", "Changes that could not be stored.",
        (double)stats.lost_records);
    add(out, "history_write_errors_total", "counter", "Writes that failed.",
        (double)stats.write_errors);
}

static void get_metrics(struct rpc_request *request, void *ctx) {
    const struct runner *runner = ctx;
    const struct slots *slots = &runner->slots;
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    add(&out, "up", "gauge", "1 when the last self-test was right and recent.",
        health_is_good(&runner->health));
    add(&out, "uptime_seconds", "gauge", "Since the start of the server.",
        (double)(rpc_clock_monotonic_ms() - runner->started_ms) / 1e3);
    add(&out, "sessions_running", "gauge", "Sessions that run.", (double)slots->running);
    add(&out, "sessions_pending", "gauge", "Sessions that wait for a slot.",
        (double)(slots->queue.len + slots->preparing_count));
    add(&out, "sessions_started_total", "counter", "Sessions that began to run.",
        (double)runner->started_count);
    add_totals(&out, runner);
    add(&out, "lines_total", "counter", "Lines of output.", (double)session_lines_added());
    add(&out, "sessions_cpu_seconds_total", "counter", "Processor time of sessions that ended.",
        (double)(slots->usage.user_us + slots->usage.system_us) / 1e6);
    add(&out, "slots", "gauge", "Sessions that may run at the same time.",
        (double)runner->config.workers);
    add(&out, "processes_parked", "gauge", "Session processes that wait for a script.",
        (double)slots->parked_count);
    add(&out, "zygote_restarts_total", "counter", "Zygotes that died and were started again.",
        slots->restarts);
    add(&out, "self_test_failures_total", "counter", "Self-tests that failed.",
        runner->health.failures);
    add(&out, "callbacks_waiting", "gauge", "Callbacks that are not delivered yet.",
        (double)callbacks_waiting(runner->callbacks));
    add(&out, "callbacks_given_up_total", "counter", "Callbacks that never were.",
        (double)callbacks_given_up(runner->callbacks));
    add_store(&out, runner);
    add(&out, "memory_bytes", "gauge", "Resident memory of the server.",
        (double)accounts_memory_bytes());
    add(&out, "connections", "gauge", "Open connections.", rpc_server_connections(runner->server));
    add(&out, "streams", "gauge", "Open event streams.", rpc_server_streams(runner->server));
    if (out.failed)
        rpc_request_reply_error(request, 500, "out of memory");
    else
        rpc_request_reply(request, 200, CONTENT_TYPE, rpc_strbuf_text(&out), out.len);
    rpc_strbuf_done(&out);
}

int metrics_add_routes(struct runner *runner) {
    return rpc_server_route(runner->server, "GET", "/metrics", get_metrics, runner);
}
