/*
 * The JSON-RPC methods, documented in openrpc.json. Params have been checked against that document
 * when a method is called; what is checked here is what a schema cannot say.
 */
#include "server/instance.h"
#include "server/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENV_VARS_MAX_BYTES (1024 * 1024)
#define LOGS_DEFAULT_LIMIT 1000
#define LOGS_MAX_LIMIT 10000
#define LOGS_MAX_WAIT_MS 60000

/* ---- Helpers ----------------------------------------------------------------------------- */

/* In the words of the checks that went before: `parameter "x" must ...`. */
static void refuse(struct rpc_call *call, const char *param, const char *what) {
    rpc_call_fail(call, RPC_INVALID_PARAMS, json_pack("{s:s}", "param", param),
                  "parameter \"%s\" %s", param, what);
}

/* The session named by the call; NULL when the call has been refused. */
static struct session *find_session(struct rpc_call *call, struct runner *runner) {
    const char *id = rpc_call_text(call, "session_id", "");
    struct session *session = sessions_find(&runner->sessions, id);
    if (!session)
        rpc_call_fail(call, ERROR_UNKNOWN_SESSION, json_pack("{s:s}", "session_id", id),
                      "unknown session \"%s\"", id);
    return session;
}

static void reply_buffer(struct rpc_call *call, struct rpc_strbuf *buf) {
    if (buf->failed)
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
    else
        rpc_call_reply_text(call, rpc_strbuf_text(buf), buf->len);
    rpc_strbuf_done(buf);
}

static void add_json_text(struct rpc_strbuf *out, const json_t *text) {
    rpc_strbuf_add_json_string(out, json_string_value(text), json_string_length(text));
}

/* ---- session_start and session_run ------------------------------------------------------- */

/* Each returns false when it has refused the call. */
static bool check_working_dir(struct rpc_call *call) {
    const json_t *dir = rpc_call_param(call, "working_dir");
    if (!json_is_string(dir)) return true;
    char what[512];
    struct statx info;
    if (json_string_value(dir)[0] != '/') {
        refuse(call, "working_dir", "must be an absolute path");
        return false;
    }
    /* Answered from what the kernel knows already: this thread must not wait for a file server. The
     * session process has the last word. */
    if (statx(AT_FDCWD, json_string_value(dir), AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE,
              &info) < 0) {
        snprintf(what, sizeof what, "cannot be entered: \"%.400s\": %s", json_string_value(dir),
                 strerror(errno));
    } else if (!S_ISDIR(info.stx_mode)) {
        snprintf(what, sizeof what, "is not a directory: \"%.400s\"", json_string_value(dir));
    } else {
        return true;
    }
    refuse(call, "working_dir", what);
    return false;
}

static bool check_env_vars(struct rpc_call *call) {
    size_t bytes = 0;
    const char *name;
    json_t *value, *vars = rpc_call_param(call, "env_vars");
    json_object_foreach(vars, name, value) {
        char param[256];
        snprintf(param, sizeof param, "env_vars.%s", name);
        const char *wrong = NULL;
        if (!*name || strchr(name, '='))
            wrong = "is not a name of a variable";
        else if (strcmp(name, INSTANCE_VARIABLE) == 0)
            wrong = "is set by the server";
        if (wrong) {
            refuse(call, param, wrong);
            return false;
        }
        bytes += strlen(name) + json_string_length(value) + 2;
    }
    if (bytes <= ENV_VARS_MAX_BYTES) return true;
    refuse(call, "env_vars", "must not be larger than 1 MiB in all");
    return false;
}

/* The payload of the request frame. */
static char *write_request(struct rpc_call *call, size_t *ret_len) {
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&out, "{\"script\":");
    add_json_text(&out, rpc_call_param(call, "script"));
    static const char *const optional[] = {"working_dir", "env_vars", "args"};
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
        const json_t *value = rpc_call_param(call, optional[i]);
        if (!value || json_is_null(value)) continue;
        rpc_strbuf_addf(&out, ",\"%s\":", optional[i]);
        rpc_strbuf_add_json(&out, value);
    }
    rpc_strbuf_add_char(&out, '}');
    char *text = rpc_strbuf_take(&out, ret_len);
    rpc_strbuf_done(&out);
    return text;
}

/* Makes the session and puts it into the queue. One reference is the caller's; NULL when the call
 * has been refused. */
static struct session *submit(struct rpc_call *call, struct runner *runner) {
    if (!check_working_dir(call) || !check_env_vars(call)) return NULL;
    size_t len;
    char *request = write_request(call, &len);
    struct session *session = request ? session_new(request, len, &runner->ring_limits) : NULL;
    if (!session) {
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
        return NULL;
    }
    session->timeout_ms = rpc_call_integer(call, "timeout_ms", runner->config.timeout_ms);
    switch (slots_submit(&runner->slots, session)) {
    case SLOTS_TAKEN:
        if (rpc_call_boolean(call, "forward_logs", runner->config.forward_logs))
            forward_session(runner->forward, session);
        return session;
    case SLOTS_FULL:
        rpc_call_fail(call, ERROR_BUSY,
                      json_pack("{s:I}", "queue", (json_int_t)runner->config.queue),
                      "busy: the queue is full (%lld sessions)", (long long)runner->config.queue);
        break;
    case SLOTS_DRAINING:
        rpc_call_fail(call, ERROR_BUSY, NULL, "busy: the server is stopping");
        break;
    }
    session_unref(session);
    return NULL;
}

static void session_start(struct rpc_call *call, void *ctx) {
    struct session *session = submit(call, ctx);
    if (!session) return;
    rpc_call_reply(call, json_pack("{s:s}", "session_id", session->id));
    session_unref(session);
}

/* A call that waits for the end of its session. */
struct run_wait {
    struct session_watch watch;
    struct session *session; /* held by the watch */
    struct rpc_call *call;
};

static void end_run_wait(struct run_wait *wait) {
    session_unwatch(wait->session, &wait->watch);
    free(wait);
}

static void run_changed(struct session_watch *watch) {
    struct run_wait *wait = (void *)((char *)watch - offsetof(struct run_wait, watch));
    if (!session_has_ended(wait->session)) return;
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    rpc_strbuf_add_char(&out, '{');
    session_write_info(wait->session, &out);
    session_write_result(wait->session, &out);
    rpc_strbuf_add_char(&out, '}');
    struct rpc_call *call = wait->call;
    end_run_wait(wait);
    reply_buffer(call, &out);
}

static void run_gone(void *ctx) {
    end_run_wait(ctx);
}

static void session_run(struct rpc_call *call, void *ctx) {
    struct session *session = submit(call, ctx);
    if (!session) return;
    struct run_wait *wait = calloc(1, sizeof *wait);
    if (!wait) {
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "out of memory");
    } else {
        wait->watch.changed = run_changed;
        wait->session = session;
        wait->call = call;
        session_watch(session, &wait->watch);
        rpc_call_on_gone(call, run_gone, wait);
    }
    session_unref(session);
}

/* ---- Asking for sessions ----------------------------------------------------------------- */

static void session_stop(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    struct session *session = find_session(call, runner);
    if (session)
        rpc_call_reply(call, json_pack("{s:b}", "ok", slots_stop(&runner->slots, session)));
}

static void session_list(struct rpc_call *call, void *ctx) {
    struct runner *runner = ctx;
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    rpc_strbuf_add_text(&out, "{\"sessions\":[");
    const struct session *session;
    TAILQ_FOREACH(session, &runner->sessions.list, table_link) {
        rpc_strbuf_add_text(&out, session == TAILQ_FIRST(&runner->sessions.list) ? "{" : ",{");
        session_write_info(session, &out);
        rpc_strbuf_add_char(&out, '}');
    }
    rpc_strbuf_add_text(&out, "]}");
    reply_buffer(call, &out);
}

static void session_get(struct rpc_call *call, void *ctx) {
    struct session *session = find_session(call, ctx);
    if (!session) return;
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    rpc_strbuf_add_char(&out, '{');
    session_write_info(session, &out);
    rpc_strbuf_add_char(&out, '}');
    reply_buffer(call, &out);
}

static void session_result(struct rpc_call *call, void *ctx) {
    struct session *session = find_session(call, ctx);
    if (!session) return;
    if (!session_has_ended(session)) {
        rpc_call_reply(call, json_null());
        return;
    }
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    rpc_strbuf_add_char(&out, '{');
    session_write_result(session, &out);
    rpc_strbuf_add_char(&out, '}');
    reply_buffer(call, &out);
}

/* ---- session_logs ------------------------------------------------------------------------ */

/* What was asked for, also while the call is held. */
struct logs_query {
    struct session_watch watch;
    struct session *session; /* held by the watch while the call is held */
    struct rpc_call *call;
    struct event *timer;
    uint64_t after_seq;
    int64_t after_ts_ms; /* -1: not by time */
    long long limit;
};

static uint64_t first_wanted(const struct logs_query *query, uint64_t *ret_dropped) {
    const struct ring *ring = &query->session->ring;
    uint64_t seq;
    *ret_dropped = 0;
    if (query->after_ts_ms >= 0) {
        seq = ring_find_time(ring, (uint64_t)query->after_ts_ms * 1000);
        /* Whether the lost ones were late enough is not known any more. */
        if (seq == ring->first_seq) *ret_dropped = ring_dropped(ring);
    } else {
        seq = query->after_seq + 1;
        if (seq < ring->first_seq) {
            *ret_dropped = ring->first_seq - seq;
            seq = ring->first_seq;
        }
    }
    return seq;
}

static bool has_lines(const struct logs_query *query) {
    uint64_t dropped;
    return first_wanted(query, &dropped) < query->session->ring.next_seq || dropped > 0;
}

static void reply_logs(const struct logs_query *query, struct rpc_call *call) {
    const struct session *session = query->session;
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    uint64_t dropped, seq = first_wanted(query, &dropped);
    uint64_t next_seq = query->after_ts_ms >= 0 || dropped > 0 ? seq - 1 : query->after_seq;
    uint64_t last_us = 0;
    struct ring_line line;
    rpc_strbuf_add_text(&out, "{\"lines\":[");
    for (long long count = 0; count < query->limit && ring_get(&session->ring, seq, &line);
         count++, seq++) {
        if (count > 0) rpc_strbuf_add_char(&out, ',');
        session_write_line(session, &line, &out);
        next_seq = seq;
        if (line.timestamp_us > last_us) last_us = line.timestamp_us;
    }
    int64_t given_ts = query->after_ts_ms >= 0 ? query->after_ts_ms : 0;
    bool is_end = session_has_ended(session) && next_seq >= ring_last_seq(&session->ring);
    rpc_strbuf_addf(&out, "],\"next_seq\":%llu,\"next_ts_ms\":%lld,\"dropped\":%llu,\"ended\":%s}",
                    (unsigned long long)next_seq,
                    (long long)(last_us ? (int64_t)(last_us / 1000) : given_ts),
                    (unsigned long long)dropped, is_end ? "true" : "false");
    reply_buffer(call, &out);
}

static void end_logs_wait(struct logs_query *query) {
    session_unwatch(query->session, &query->watch);
    event_free(query->timer);
    free(query);
}

static void answer_held_logs(struct logs_query *query) {
    struct session *session = session_ref(query->session);
    struct logs_query answered = *query;
    end_logs_wait(query);
    reply_logs(&answered, answered.call);
    session_unref(session);
}

static void logs_changed(struct session_watch *watch) {
    struct logs_query *query = (void *)((char *)watch - offsetof(struct logs_query, watch));
    if (has_lines(query) || session_has_ended(query->session)) answer_held_logs(query);
}

static void logs_timed_out(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    answer_held_logs(ctx);
}

static void logs_gone(void *ctx) {
    end_logs_wait(ctx);
}

static void hold_logs(const struct logs_query *asked, struct runner *runner, int64_t wait_ms) {
    struct logs_query *query = malloc(sizeof *query);
    struct event *timer = query ? event_new(runner->base, -1, 0, logs_timed_out, query) : NULL;
    if (!timer) {
        free(query);
        rpc_call_fail(asked->call, RPC_INTERNAL_ERROR, NULL, "out of memory");
        return;
    }
    *query = *asked;
    query->timer = timer;
    query->watch.changed = logs_changed;
    session_watch(query->session, &query->watch);
    rpc_call_on_gone(query->call, logs_gone, query);
    struct timeval after = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    event_add(timer, &after);
}

static long long clamp(long long value, long long most) {
    return value < most ? value : most;
}

static void session_logs(struct rpc_call *call, void *ctx) {
    struct session *session = find_session(call, ctx);
    if (!session) return;
    struct logs_query query = {
        .session = session,
        .call = call,
        .after_seq = (uint64_t)rpc_call_integer(call, "after_seq", 0),
        .after_ts_ms = rpc_call_integer(call, "after_ts_ms", -1),
        .limit = clamp(rpc_call_integer(call, "limit", LOGS_DEFAULT_LIMIT), LOGS_MAX_LIMIT),
    };
    const json_t *after_seq = rpc_call_param(call, "after_seq");
    if (after_seq && !json_is_null(after_seq)) query.after_ts_ms = -1;
    long long wait_ms = clamp(rpc_call_integer(call, "wait_ms", 0), LOGS_MAX_WAIT_MS);
    if (wait_ms == 0 || has_lines(&query) || session_has_ended(session))
        reply_logs(&query, call);
    else
        hold_logs(&query, ctx, wait_ms);
}

/* ---- The service ------------------------------------------------------------------------- */

static json_int_t own_memory_bytes(void) {
    /* The second number of statm, in pages. */
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = 0;
    if (file && fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    if (file) fclose(file);
    return (json_int_t)pages * sysconf(_SC_PAGESIZE);
}

static json_t *workers_object(const struct runner *runner) {
    const struct slots *slots = &runner->slots;
    return json_pack("{s:I, s:I, s:I, s:I}", "slots", (json_int_t)runner->config.workers, "running",
                     (json_int_t)slots->running, "parked", (json_int_t)slots->parked_count,
                     "unkillable", (json_int_t)slots->unkillable);
}

static json_t *queue_object(const struct runner *runner) {
    return json_pack("{s:I, s:I}", "pending", (json_int_t)runner->slots.queued, "max",
                     (json_int_t)runner->config.queue);
}

static json_t *zygote_object(const struct runner *runner) {
    return json_pack("{s:i, s:b, s:i}", "pid", (int)zygote_link_pid(runner->zygote), "ready",
                     zygote_link_is_ready(runner->zygote), "restarts",
                     (int)zygote_link_restarts(runner->zygote));
}

static json_t *self_test_object(const struct health *health) {
    if (!health->has_result) return json_null();
    return json_pack("{s:b, s:I, s:I, s:i}", "ok", health->is_good, "age_ms",
                     (json_int_t)(rpc_clock_monotonic_ms() - health->result_ms), "duration_us",
                     (json_int_t)health->duration_us, "failures", (int)health->failures);
}

json_t *runner_health(void *ctx) {
    const struct runner *runner = ctx;
    bool is_good = health_is_good(&runner->health) && zygote_link_is_ready(runner->zygote) &&
                   runner->slots.unkillable == 0 && !runner->slots.is_draining;
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:s}", "status",
                     is_good ? "ok" : "degraded", "service", SERVICE_NAME, "version", HERO_VERSION,
                     "uptime_ms", (json_int_t)(rpc_clock_monotonic_ms() - runner->started_ms),
                     "self_test", self_test_object(&runner->health), "zygote",
                     zygote_object(runner), "workers", workers_object(runner), "queue",
                     queue_object(runner), "forwarding",
                     session_forwarding_name(forward_state(runner->forward)));
}

static json_int_t microseconds(struct timeval time) {
    return (json_int_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void stats(struct rpc_call *call, void *ctx) {
    const struct runner *runner = ctx;
    const struct sessions *sessions = &runner->sessions;
    const struct control_usage *used = &runner->slots.usage;
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    rpc_call_reply(
        call, json_pack("{s:I, s:o, s:o, s:o, s:{s:I, s:I, s:I, s:I}, s:I, s:{s:I, s:I, s:I}, "
                        "s:{s:I, s:I, s:I, s:I}, s:I, s:I}",
                        "uptime_ms", (json_int_t)(rpc_clock_monotonic_ms() - runner->started_ms),
                        "workers", workers_object(runner), "queue", queue_object(runner), "zygote",
                        zygote_object(runner), "sessions", "kept", (json_int_t)sessions->count,
                        "succeeded", (json_int_t)sessions->totals[SESSION_SUCCEEDED], "failed",
                        (json_int_t)sessions->totals[SESSION_FAILED], "cancelled",
                        (json_int_t)sessions->totals[SESSION_CANCELLED], "lines",
                        (json_int_t)sessions->total_lines, "memory", "server_bytes",
                        own_memory_bytes(), "history_bytes", (json_int_t)sessions->ended_memory,
                        "session_peak_bytes", (json_int_t)used->max_rss_kib * 1024, "cpu",
                        "server_user_us", microseconds(own.ru_utime), "server_system_us",
                        microseconds(own.ru_stime), "sessions_user_us", (json_int_t)used->user_us,
                        "sessions_system_us", (json_int_t)used->system_us, "connections",
                        (json_int_t)rpc_server_connections(runner->server), "streams",
                        (json_int_t)rpc_server_streams(runner->server)));
}

/* rpc.discover, health and its aliases come with every service (hero_rpc/service.h). */
const struct rpc_service_method runner_methods[] = {
    {"session_start", session_start},
    {"session_run", session_run},
    {"session_stop", session_stop},
    {"session_list", session_list},
    {"session_get", session_get},
    {"session_logs", session_logs},
    {"session_result", session_result},
    {"stats", stats},
    {NULL, NULL},
};
