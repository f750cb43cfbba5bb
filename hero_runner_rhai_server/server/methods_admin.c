/* How the server is, what it does and uses, and how it is run. */
#include "server/log.h"
#include "server/methods.h"

#include <hero_rpc/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- Parts of the objects ----------------------------------------------------------------- */

static json_t *workers_object(const struct runner *runner) {
    const struct slots *slots = &runner->slots;
    return json_pack("{s:I, s:I, s:I, s:I}", "slots", (json_int_t)runner->config.workers, "running",
                     (json_int_t)slots->running, "parked", (json_int_t)slots->parked_count,
                     "unkillable", (json_int_t)slots->unkillable);
}

static json_t *queue_object(const struct runner *runner) {
    const struct slots *slots = &runner->slots;
    return json_pack("{s:I, s:I}", "pending",
                     (json_int_t)(slots->queue.len + slots->preparing_count), "max",
                     (json_int_t)runner->config.queue);
}

static json_t *zygote_object(const struct runner *runner) {
    const struct generation *current = runner->slots.current;
    return json_pack("{s:i, s:b, s:i, s:i}", "pid", (int)zygote_link_pid(current->link), "ready",
                     zygote_link_is_ready(current->link), "restarts", (int)runner->slots.restarts,
                     "generation", (int)current->number);
}

static json_t *self_test_object(const struct health *health) {
    if (!health->has_result) return json_null();
    return json_pack("{s:b, s:I, s:I, s:i}", "ok", health->is_good, "age_ms",
                     (json_int_t)(rpc_clock_monotonic_ms() - health->result_ms), "duration_us",
                     (json_int_t)health->duration_us, "failures", (int)health->failures);
}

static json_t *store_object(const struct runner *runner) {
    struct store_stats stats;
    store_get_stats(archive_store(runner->archive), &stats);
    json_t *object = json_pack(
        "{s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "ok", stats.last_error == 0, "sessions",
        (json_int_t)stats.sessions, "log_bytes", (json_int_t)stats.log_bytes, "database_bytes",
        (json_int_t)stats.database_bytes, "waiting", (json_int_t)(stats.queued + stats.deferred),
        "lost_lines", (json_int_t)stats.lost_lines, "lost_records", (json_int_t)stats.lost_records);
    if (stats.last_error)
        json_object_set_new(object, "error", json_string(strerror(stats.last_error)));
    return object;
}

static json_t *callbacks_object(const struct runner *runner) {
    return json_pack("{s:I, s:I}", "waiting", (json_int_t)callbacks_waiting(runner->callbacks),
                     "given_up", (json_int_t)callbacks_given_up(runner->callbacks));
}

json_t *runner_health(void *ctx) {
    const struct runner *runner = ctx;
    const struct slots *slots = &runner->slots;
    bool is_good = health_is_good(&runner->health) && zygote_link_is_ready(slots->current->link) &&
                   slots->unkillable == 0 && !slots->is_draining;
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:s, s:b, s:s, s:o, s:o}", "status",
                     is_good ? "ok" : "degraded", "service", SERVICE_NAME, "version", HERO_VERSION,
                     "uptime_ms", (json_int_t)(rpc_clock_monotonic_ms() - runner->started_ms),
                     "self_test", self_test_object(&runner->health), "zygote",
                     zygote_object(runner), "workers", workers_object(runner), "queue",
                     queue_object(runner), "forwarding",
                     session_forwarding_name(forward_state(runner->forward)), "draining",
                     slots->is_draining, "process_limit", cgroups_mechanism(runner->cgroups),
                     "store", store_object(runner), "callbacks", callbacks_object(runner));
}

/* ---- stats -------------------------------------------------------------------------------- */

static json_int_t microseconds(struct timeval time) {
    return (json_int_t)time.tv_sec * 1000000 + time.tv_usec;
}

json_t *runner_stats(struct runner *runner) {
    const struct sessions *sessions = &runner->sessions;
    const struct control_usage *used = &runner->slots.usage;
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    return json_pack(
        "{s:I, s:o, s:o, s:o, s:{s:I, s:I, s:I, s:I}, s:I, s:{s:I, s:I, s:I}, "
        "s:{s:I, s:I, s:I, s:I}, s:I, s:I}",
        "uptime_ms", (json_int_t)(rpc_clock_monotonic_ms() - runner->started_ms), "workers",
        workers_object(runner), "queue", queue_object(runner), "zygote", zygote_object(runner),
        "sessions", "kept", (json_int_t)sessions->count, "succeeded",
        (json_int_t)sessions->totals[SESSION_SUCCEEDED], "failed",
        (json_int_t)sessions->totals[SESSION_FAILED], "cancelled",
        (json_int_t)sessions->totals[SESSION_CANCELLED], "lines", (json_int_t)session_lines_added(),
        "memory", "server_bytes", (json_int_t)accounts_memory_bytes(), "history_bytes",
        (json_int_t)sessions->ended_memory, "session_peak_bytes",
        (json_int_t)used->max_rss_kib * 1024, "cpu", "server_user_us", microseconds(own.ru_utime),
        "server_system_us", microseconds(own.ru_stime), "sessions_user_us",
        (json_int_t)used->user_us, "sessions_system_us", (json_int_t)used->system_us, "connections",
        (json_int_t)rpc_server_connections(runner->server), "streams",
        (json_int_t)rpc_server_streams(runner->server));
}

void stats(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    long long history_s = rpc_call_integer(call, "history_s", 0);
    if (history_s == 0) {
        rpc_call_reply(call, runner_stats(runner));
        return;
    }
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    json_t *now = runner_stats(runner);
    rpc_strbuf_add_json(&out, now);
    json_decref(now);
    if (out.len > 0) out.len--; /* the closing brace */
    rpc_strbuf_add_text(&out, ",\"history\":");
    samples_write(&runner->samples, history_s, rpc_call_integer(call, "step_s", 1), &out);
    rpc_strbuf_add_char(&out, '}');
    reply_buffer(call, &out);
}

/* ---- Running it --------------------------------------------------------------------------- */

void config_get(struct rpc_call *call, void *ctx) {
    const struct runner *runner = ctx;
    rpc_call_reply(call, json_pack("{s:o}", "settings", config_settings(&runner->config)));
}

void drain(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    slots_drain(&runner->slots, rpc_call_boolean(call, "on", true));
    bool is_draining = runner->slots.is_draining;
    log_info(is_draining ? "draining" : "new sessions are taken again", "running=%zu",
             runner->slots.running);
    rpc_call_reply(call, json_pack("{s:b, s:I}", "draining", is_draining, "running",
                                   (json_int_t)runner->slots.running));
}

static void reload_gone(void *ctx) {
    struct runner *runner = ctx;
    runner->reload_call = NULL;
}

void reload(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    struct rpc_error err = {0};
    switch (slots_reload(&runner->slots, &err)) {
    case SLOTS_TAKEN:
        log_info("reload", "generation=%u", runner->slots.candidate->number);
        runner->reload_call = call;
        rpc_call_on_gone(call, reload_gone, runner);
        break;
    case SLOTS_FULL:
        rpc_call_fail(call, ERROR_WRONG_STATE, NULL,
                      "two generations are there already: the one before still runs sessions, or "
                      "the next one is being started");
        break;
    default: rpc_call_fail(call, ERROR_UNAVAILABLE, NULL, "%s", err.message); break;
    }
    rpc_error_clear(&err);
}

void runner_note_reload(struct runner *runner, unsigned generation, const char *why) {
    struct rpc_call *call = runner->reload_call;
    runner->reload_call = NULL;
    if (why)
        log_error("reload has failed, the present engine stays", "error=\"%s\"", why);
    else
        log_info("reloaded", "generation=%u", generation);
    if (!call) return;
    rpc_call_on_gone(call, NULL, NULL);
    if (why)
        rpc_call_fail(call, ERROR_UNAVAILABLE, NULL, "the present engine stays: %s", why);
    else
        rpc_call_reply(call, json_pack("{s:i}", "generation", (int)generation));
}
