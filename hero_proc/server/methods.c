/*
 * The JSON-RPC methods, documented in openrpc.json. Params have been checked against that document
 * when a method is called; what is checked here is what a schema cannot say.
 */
#include "server/daemon.h"

#include <hero_rpc/clock.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT 1000
#define LIST_MAX 10000

/* ---- Helpers ----------------------------------------------------------------------------- */

static const char *text_param(const struct rpc_call *call, const char *name) {
    return rpc_call_text(call, name, "");
}

static const char *context_of(const struct rpc_call *call) {
    const char *context = text_param(call, "context");
    return *context ? context : SPEC_DEFAULT_CONTEXT;
}

static int64_t limit_of(const struct rpc_call *call) {
    int64_t limit = rpc_call_integer(call, "limit", LIST_DEFAULT);
    return limit < LIST_MAX ? limit : LIST_MAX;
}

/* What went wrong, as the error of a call. */
static void fail(struct rpc_call *call, struct rpc_error *err) {
    int code = err->kind != RPC_ERROR_INVALID ? RPC_INTERNAL_ERROR
               : err->code                    ? err->code
                                              : RPC_INVALID_PARAMS;
    rpc_call_fail(call, code, NULL, "%s", err->message);
    rpc_error_clear(err);
}

static void reply_ok(struct rpc_call *call, int outcome, struct rpc_error *err) {
    if (outcome < 0)
        fail(call, err);
    else
        rpc_call_reply(call, json_pack("{s:b}", "ok", 1));
}

static void reply_or_fail(struct rpc_call *call, json_t *result, struct rpc_error *err) {
    if (result)
        rpc_call_reply(call, result);
    else
        fail(call, err);
}

/* The spec that came nested in one of two params, or flat. A new reference. */
static json_t *spec_of(const struct rpc_call *call, const char *nest) {
    json_t *nested = rpc_call_param(call, nest);
    return json_is_object(nested) ? json_incref(nested) : json_deep_copy(rpc_call_params(call));
}

/* Writes that were not written down are told, but do not fail: the daemon acts on what it knows. */
static json_t *with_warning(const struct daemon *daemon, json_t *result) {
    const char *problem = state_db_problem(daemon->db);
    if (problem)
        json_object_set_new(result, "warning",
                            json_sprintf("Database error: %s; it is lost at the next start", problem));
    return result;
}

/* ---- Services ---------------------------------------------------------------------------- */

static void service_set(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    json_t *spec = spec_of(call, "config");
    int outcome = supervisor_set_service(daemon->supervisor, spec, &err);
    if (outcome < 0)
        fail(call, &err);
    else
        rpc_call_reply(call, with_warning(daemon, json_pack("{s:O}", "name",
                                                            json_object_get(spec, "name"))));
    json_decref(spec);
}

static void service_get(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_or_fail(call, supervisor_get_service(daemon->supervisor, context_of(call),
                                               text_param(call, "name"), &err), &err);
}

static void service_status(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_or_fail(call, supervisor_service_status(daemon->supervisor, context_of(call),
                                                  text_param(call, "name"), &err), &err);
}

static void service_list(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    rpc_call_reply(call, json_pack("{s:o}", "services", supervisor_list_services(
                                                            daemon->supervisor, context_of(call))));
}

static void service_why(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    json_t *status = supervisor_service_status(daemon->supervisor, context_of(call),
                                               text_param(call, "name"), &err);
    if (!status) {
        fail(call, &err);
        return;
    }
    rpc_call_reply(call, json_pack("{s:O, s:O}", "state", json_object_get(status, "state"), "why",
                                   json_object_get(status, "why")));
    json_decref(status);
}

static void service_is_running(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    json_t *status = supervisor_service_status(daemon->supervisor, context_of(call),
                                               text_param(call, "name"), &err);
    if (!status) {
        fail(call, &err);
        return;
    }
    const char *state = json_string_value(json_object_get(status, "state"));
    rpc_call_reply(call, json_pack("{s:b}", "running", strcmp(state, "running") == 0));
    json_decref(status);
}

static void service_start(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    int64_t run = 0;
    if (supervisor_start_service(daemon->supervisor, context_of(call), text_param(call, "name"),
                                 &run, &err) < 0) {
        fail(call, &err);
        return;
    }
    json_t *result = json_pack("{s:b}", "ok", 1);
    if (run) json_object_set_new(result, "run_id", json_integer(run));
    rpc_call_reply(call, with_warning(daemon, result));
}

static void service_stop(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_ok(call, supervisor_stop_service(daemon->supervisor, context_of(call),
                                           text_param(call, "name"), &err), &err);
}

static void service_restart(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_ok(call, supervisor_restart_service(daemon->supervisor, context_of(call),
                                              text_param(call, "name"), &err), &err);
}

static void service_delete(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_ok(call, supervisor_delete_service(daemon->supervisor, context_of(call),
                                             text_param(call, "name"), &err), &err);
}

static void service_start_all(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    size_t count = supervisor_start_services(daemon->supervisor, true);
    rpc_call_reply(call, json_pack("{s:I}", "count", (json_int_t)count));
}

static void service_stop_all(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    size_t count = supervisor_start_services(daemon->supervisor, false);
    rpc_call_reply(call, json_pack("{s:I}", "count", (json_int_t)count));
}

/* ---- Actions ----------------------------------------------------------------------------- */

static void action_set(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    json_t *spec = spec_of(call, "spec");
    if (supervisor_set_action(daemon->supervisor, spec, &err) < 0)
        fail(call, &err);
    else
        rpc_call_reply(call, with_warning(daemon, json_pack("{s:O}", "name",
                                                            json_object_get(spec, "name"))));
    json_decref(spec);
}

static void action_get(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_or_fail(call, supervisor_get_action(daemon->supervisor, context_of(call),
                                              text_param(call, "name"), &err), &err);
}

static void action_list(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    rpc_call_reply(call, json_pack("{s:o}", "actions", supervisor_list_actions(daemon->supervisor,
                                                                               context_of(call))));
}

static void action_delete(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_ok(call, supervisor_delete_action(daemon->supervisor, context_of(call),
                                            text_param(call, "name"), &err), &err);
}

static void action_clean_by_tag(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    bool is_dry_run = rpc_call_boolean(call, "dry_run", false);
    json_t *names = supervisor_clean_actions(daemon->supervisor, context_of(call),
                                             text_param(call, "tag"), is_dry_run);
    rpc_call_reply(call, json_pack("{s:o, s:b}", "names", names, "deleted", !is_dry_run));
}

/* ---- Jobs -------------------------------------------------------------------------------- */

static int64_t id_of(const struct rpc_call *call) {
    return rpc_call_integer(call, "id", 0);
}

static void reply_id(struct rpc_call *call, int64_t id, struct rpc_error *err) {
    if (id)
        rpc_call_reply(call, json_pack("{s:I}", "id", (json_int_t)id));
    else
        fail(call, err);
}

static void job_create(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    const json_t *spec = rpc_call_param(call, "spec");
    int64_t id = supervisor_create_job(daemon->supervisor, context_of(call),
                                       rpc_call_text(call, "action", NULL),
                                       json_is_object(spec) ? spec : NULL,
                                       rpc_call_param(call, "tags"), &err);
    reply_id(call, id, &err);
}

static void job_get(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_or_fail(call, supervisor_get_job(daemon->supervisor, id_of(call), &err), &err);
}

static void job_list(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct job_query query = {
        .action = rpc_call_text(call, "action", NULL),
        .service = rpc_call_text(call, "service", NULL),
        .phase = rpc_call_text(call, "phase", NULL),
        .limit = limit_of(call),
    };
    rpc_call_reply(call,
                   json_pack("{s:o}", "jobs", supervisor_list_jobs(daemon->supervisor, &query)));
}

static void cancel_job(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_ok(call, supervisor_cancel_job(daemon->supervisor, id_of(call), &err), &err);
}

static void job_retry(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_id(call, supervisor_retry_job(daemon->supervisor, id_of(call), &err), &err);
}

static void job_delete(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_ok(call, supervisor_delete_job(daemon->supervisor, id_of(call),
                                         rpc_call_boolean(call, "force", false), &err), &err);
}

/* ---- Runs -------------------------------------------------------------------------------- */

static void run_submit(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    int64_t id = supervisor_submit_run(daemon->supervisor, context_of(call),
                                       rpc_call_param(call, "jobs"), rpc_call_param(call, "tags"),
                                       &err);
    reply_id(call, id, &err);
}

static void run_get(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_or_fail(call, supervisor_get_run(daemon->supervisor, id_of(call), &err), &err);
}

static void run_list(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    json_t *runs = supervisor_list_runs(daemon->supervisor, rpc_call_text(call, "service", NULL),
                                        limit_of(call));
    rpc_call_reply(call, json_pack("{s:o}", "runs", runs));
}

static void run_jobs(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    json_t *run = supervisor_get_run(daemon->supervisor, id_of(call), &err);
    if (!run) {
        fail(call, &err);
        return;
    }
    json_decref(run);
    struct job_query query = {.run = id_of(call), .limit = LIST_MAX};
    rpc_call_reply(call,
                   json_pack("{s:o}", "jobs", supervisor_list_jobs(daemon->supervisor, &query)));
}

static void run_cancel(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_ok(call, supervisor_cancel_run(daemon->supervisor, id_of(call), &err), &err);
}

static void run_delete(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_ok(call, supervisor_delete_run(daemon->supervisor, id_of(call), &err), &err);
}

/* ---- Logs -------------------------------------------------------------------------------- */

/* Tags as the list that logs.h wants; from an array of texts or one text. */
static void join_tags(const json_t *tags, struct rpc_strbuf *out) {
    size_t index;
    json_t *tag;
    if (json_is_string(tags)) rpc_strbuf_add_text(out, json_string_value(tags));
    json_array_foreach((json_t *)(uintptr_t)tags, index, tag) {
        const char *text = json_string_value(tag);
        if (!text) continue;
        if (out->len > 0) rpc_strbuf_add_char(out, ',');
        /* A comma would make two of one. */
        for (; *text; text++)
            rpc_strbuf_add_char(out, *text == ',' ? ';' : *text);
    }
}

/* A source is the name of a file. */
static bool is_source(const char *source) {
    size_t len = strlen(source);
    return len > 0 && len < LOGS_SOURCE_MAX_BYTES && source[0] != '.' && !strpbrk(source, "/\n\t\\");
}

static bool insert_entry(struct daemon *daemon, const json_t *entry) {
    const char *source = json_string_value(json_object_get(entry, "source"));
    const json_t *line = json_object_get(entry, "line"), *time = json_object_get(entry, "timestamp_ms");
    struct rpc_strbuf tags = RPC_STRBUF_INIT;
    if (!source || !is_source(source)) return false;
    join_tags(json_object_get(entry, "tags"), &tags);
    bool is_added = logs_add(
        daemon->logs, source, log_level_parse(json_string_value(json_object_get(entry, "level"))),
        rpc_strbuf_text(&tags), json_is_integer(time) ? json_integer_value(time) : rpc_clock_wall_ms(),
        json_string_value(line), json_string_length(line));
    rpc_strbuf_done(&tags);
    return is_added;
}

static void logs_insert(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    json_int_t accepted = 0, dropped = 0;
    size_t index;
    json_t *entry;
    json_array_foreach(rpc_call_param(call, "entries"), index, entry) {
        const char *source = json_string_value(json_object_get(entry, "source"));
        if (source && is_source(source)) continue;
        rpc_call_fail(call, RPC_INVALID_PARAMS,
                      json_sprintf("entries[%zu].source", index),
                      "parameter \"entries[%zu].source\" is not the name of a source", index);
        return;
    }
    json_array_foreach(rpc_call_param(call, "entries"), index, entry) {
        bool is_added = insert_entry(daemon, entry);
        accepted += is_added;
        dropped += !is_added;
    }
    rpc_call_reply(call, json_pack("{s:I, s:I}", "accepted", accepted, "dropped", dropped));
}

/* A question that the log's thread is answering. */
struct log_question {
    struct daemon *daemon;
    struct rpc_call *call;
    bool is_of_job; /* texts only */
};

static void answer_texts(struct rpc_call *call, const char *lines, size_t len) {
    struct rpc_strbuf array = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&array, "[%.*s]", (int)len, lines);
    json_t *parsed = json_loads(rpc_strbuf_text(&array), 0, NULL), *texts = json_array(), *line;
    size_t index;
    json_array_foreach(parsed, index, line)
        json_array_append(texts, json_object_get(line, "line"));
    json_decref(parsed);
    rpc_strbuf_done(&array);
    rpc_call_reply(call, json_pack("{s:o}", "lines", texts));
}

static void on_log_answer(void *ctx, const char *lines, size_t len, uint64_t last_id) {
    struct log_question *question = ctx;
    if (question->is_of_job) {
        answer_texts(question->call, lines, len);
    } else {
        struct rpc_strbuf out = RPC_STRBUF_INIT;
        rpc_strbuf_add_text(&out, "{\"lines\":[");
        rpc_strbuf_add(&out, lines, len);
        rpc_strbuf_addf(&out, "],\"cursor\":%llu}", (unsigned long long)last_id);
        rpc_call_reply_text(question->call, rpc_strbuf_text(&out), out.len);
        rpc_strbuf_done(&out);
    }
    free(question);
}

static void on_log_gone(void *ctx) {
    struct log_question *question = ctx;
    if (question->daemon->logs) logs_forget(question->daemon->logs, question);
    free(question);
}

static void ask_log(struct rpc_call *call, struct daemon *daemon, const struct logs_filter *filter,
                    uint64_t after_id, int64_t limit, bool is_of_job) {
    struct log_question *question = calloc(1, sizeof *question);
    if (question) *question = (struct log_question){daemon, call, is_of_job};
    if (!question ||
        !logs_ask(daemon->logs, filter, after_id, (size_t)limit, on_log_answer, question)) {
        free(question);
        rpc_call_fail(call, RPC_INTERNAL_ERROR, NULL, "the log is busy with other questions");
        return;
    }
    rpc_call_on_gone(call, on_log_gone, question);
}

static void logs_list(struct rpc_call *call, void *ctx) {
    struct rpc_strbuf tags = RPC_STRBUF_INIT;
    join_tags(rpc_call_param(call, "tags"), &tags);
    const char *level = rpc_call_text(call, "level", NULL);
    int64_t after = rpc_call_integer(call, "after_id", 0);
    struct logs_filter filter = {
        .source = text_param(call, "source"),
        .tags = rpc_strbuf_text(&tags),
        .text = text_param(call, "text"),
        .level = level ? log_level_parse(level) : LOG_DEBUG_LEVEL,
        .since_ms = rpc_call_integer(call, "since_ms", 0),
        .until_ms = rpc_call_integer(call, "until_ms", 0),
    };
    if (!after) after = rpc_call_integer(call, "cursor", 0);
    ask_log(call, ctx, &filter, (uint64_t)after, limit_of(call), false);
    rpc_strbuf_done(&tags);
}

static void job_logs(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    json_t *job = supervisor_get_job(daemon->supervisor, id_of(call), &err);
    if (!job) {
        fail(call, &err);
        return;
    }
    char source[LOGS_SOURCE_MAX_BYTES], tag[64];
    const char *service = json_string_value(json_object_get(job, "service"));
    snprintf(source, sizeof source, "%s.%s", service ? service : "job",
             json_string_value(json_object_get(job, "action")));
    snprintf(tag, sizeof tag, "job=%lld", (long long)id_of(call));
    struct logs_filter filter = {.source = source, .tags = tag, .text = ""};
    ask_log(call, daemon, &filter, 0, limit_of(call), true);
    json_decref(job);
}

static void append_source(void *ctx, const struct logs_source_stats *source) {
    json_array_append_new(ctx, json_pack("{s:s, s:I, s:I, s:I}", "name", source->name, "lines",
                                         (json_int_t)source->lines, "dropped",
                                         (json_int_t)source->dropped, "last_ms",
                                         (json_int_t)source->last_ms));
}

static void logs_sources(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    json_t *sources = json_array();
    logs_each_source(daemon->logs, append_source, sources);
    rpc_call_reply(call, json_pack("{s:o}", "sources", sources));
}

/* ---- Secrets ----------------------------------------------------------------------------- */

static void secret_set(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_ok(call, secrets_set(daemon->secrets, context_of(call), text_param(call, "key"),
                               text_param(call, "value"), &err), &err);
}

static void secret_get(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    char *value = secrets_get(daemon->secrets, context_of(call), text_param(call, "key"), &err);
    if (!value) {
        fail(call, &err);
        return;
    }
    rpc_call_reply(call, json_pack("{s:s, s:s}", "key", text_param(call, "key"), "value", value));
    sodium_memzero(value, strlen(value));
    free(value);
}

static void secret_list(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    rpc_call_reply(call,
                   json_pack("{s:o}", "secrets", secrets_list(daemon->secrets, context_of(call))));
}

static void secret_delete(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct rpc_error err = {0};
    reply_ok(call, secrets_delete(daemon->secrets, context_of(call), text_param(call, "key"), &err),
             &err);
}

/* ---- System ------------------------------------------------------------------------------ */

static void system_ping(struct rpc_call *call, void *ctx) {
    (void)ctx;
    rpc_call_reply(call, json_pack("{s:s}", "version", HERO_VERSION));
}

static void system_shutdown(struct rpc_call *call, void *ctx) {
    bool force = rpc_call_boolean(call, "force", false);
    rpc_call_reply(call, json_pack("{s:b}", "ok", 1));
    daemon_end(ctx, force);
}

static json_t *log_stats(struct daemon *daemon) {
    struct logs_stats stats;
    logs_stats(daemon->logs, &stats);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "lines", (json_int_t)stats.lines,
                     "dropped_by_rate", (json_int_t)stats.dropped_rate, "dropped_by_queue",
                     (json_int_t)stats.dropped_queue, "dropped_by_disk",
                     (json_int_t)stats.dropped_disk, "written_bytes",
                     (json_int_t)stats.written_bytes, "disk_full", stats.is_disk_full);
}

static void system_stats(struct rpc_call *call, void *ctx) {
    struct daemon *daemon = ctx;
    struct supervisor_stats stats;
    supervisor_stats(daemon->supervisor, &stats);
    rpc_call_reply(call, json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I}", "uptime_ms",
                                   (json_int_t)(rpc_clock_monotonic_ms() - daemon->started_ms),
                                   "services", (json_int_t)stats.services, "actions",
                                   (json_int_t)stats.actions, "jobs", (json_int_t)stats.live_jobs,
                                   "processes", (json_int_t)stats.processes, "logs",
                                   log_stats(daemon), "connections",
                                   (json_int_t)rpc_server_connections(daemon->server), "streams",
                                   (json_int_t)rpc_server_streams(daemon->server)));
}

json_t *daemon_health(void *ctx) {
    struct daemon *daemon = ctx;
    const char *problem = state_db_problem(daemon->db);
    json_t *logs = log_stats(daemon);
    bool is_degraded = problem || json_is_true(json_object_get(logs, "disk_full"));
    json_t *health = json_pack("{s:s, s:o}", "status", is_degraded ? "degraded" : "ok", "logs", logs);
    if (problem) json_object_set_new(health, "database_error", json_string(problem));
    return health;
}

const struct rpc_service_method daemon_methods[] = {
    {"service.set", service_set},
    {"service.put", service_set},
    {"service.get", service_get},
    {"service.list", service_list},
    {"service.status", service_status},
    {"service.why", service_why},
    {"service.is_running", service_is_running},
    {"service.start", service_start},
    {"service.stop", service_stop},
    {"service.restart", service_restart},
    {"service.delete", service_delete},
    {"service.start_all", service_start_all},
    {"service.stop_all", service_stop_all},
    {"action.set", action_set},
    {"action.put", action_set},
    {"action.get", action_get},
    {"action.list", action_list},
    {"action.delete", action_delete},
    {"action.clean_by_tag", action_clean_by_tag},
    {"job.create", job_create},
    {"job.get", job_get},
    {"job.status", job_get},
    {"job.list", job_list},
    {"job.logs", job_logs},
    {"job.cancel", cancel_job},
    {"job.stop", cancel_job},
    {"job.retry", job_retry},
    {"job.delete", job_delete},
    {"run.submit", run_submit},
    {"run.get", run_get},
    {"run.list", run_list},
    {"run.jobs", run_jobs},
    {"run.cancel", run_cancel},
    {"run.delete", run_delete},
    {"logs.insert", logs_insert},
    {"log.insert", logs_insert},
    {"logs.list", logs_list},
    {"log.list", logs_list},
    {"logs.filter", logs_list},
    {"logs.sources", logs_sources},
    {"secret.set", secret_set},
    {"secret.get", secret_get},
    {"secret.list", secret_list},
    {"secret.delete", secret_delete},
    {"secrets.set", secret_set},
    {"secrets.get", secret_get},
    {"secrets.list", secret_list},
    {"secrets.delete", secret_delete},
    {"system.ping", system_ping},
    {"system.stats", system_stats},
    {"system.shutdown", system_shutdown},
    {NULL, NULL},
};
