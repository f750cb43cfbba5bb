/* command_show.c - everything that is known of one session. */
#include "command.h"

#include <hero_cli/duration.h>
#include <hero_cli/table.h>

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* One row; nothing for a value that is NULL or empty. */
static void add(struct table *table, const char *name, const char *value) {
    if (!value || !*value) return;
    table_add(table, COLOUR_GREY, "%s", name);
    table_add(table, COLOUR_NONE, "%.*s", (int)strcspn(value, "\n"), value);
}

static int64_t number(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static void add_count(struct table *table, const char *name, int64_t count) {
    char value[24];
    snprintf(value, sizeof value, "%" PRId64, count);
    add(table, name, value);
}

static void add_time(struct table *table, const char *name, int64_t ms) {
    char value[64], seconds[48];
    time_t whole = (time_t)(ms / 1000);
    struct tm local;
    if (ms <= 0 || !localtime_r(&whole, &local)) return;
    strftime(seconds, sizeof seconds, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(value, sizeof value, "%s.%03d", seconds, (int)(ms % 1000));
    add(table, name, value);
}

static void add_duration(struct table *table, const char *name, int64_t ms) {
    char value[DURATION_TEXT_BYTES];
    add(table, name, duration_format(ms, value));
}

static void add_bytes(struct table *table, const char *name, int64_t bytes) {
    char value[BYTES_TEXT_BYTES];
    add(table, name, format_bytes(bytes, value));
}

/* A JSON value as text, without the quotes of a text. */
static void add_json(struct table *table, const char *name, const json_t *value) {
    bool is_empty = json_is_array(value) && json_array_size(value) == 0;
    if (!value || is_empty || (json_is_object(value) && json_object_size(value) == 0)) return;
    char *dump = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    add(table, name, dump ? dump : json_string_value(value));
    free(dump);
}

static void add_state(struct table *table, const struct runner_session *session) {
    const json_t *error = json_object_get(session->json, "error");
    add(table, "session", session->id);
    add(table, "status", runner_status_name(session->status));
    add(table, "reason", session->reason);
    if (session->has_exit_code) add_count(table, "exit code", session->exit_code);
    if (session->signal) add_count(table, "signal", session->signal);
    add(table, "message", session->message);
    if (number(error, "line")) {
        char place[64];
        snprintf(place, sizeof place, "line %" PRId64 ", position %" PRId64, number(error, "line"),
                 number(error, "position"));
        add(table, "error at", place);
    }
    if (session->queue_position) add_count(table, "in queue", session->queue_position);
    if (session->has_progress) {
        char progress[64];
        snprintf(progress, sizeof progress, "%g of %g", session->progress_done,
                 session->progress_total);
        add(table, "progress", progress);
        add(table, "", session->progress_text);
    }
}

static void add_request(struct table *table, const struct runner_session *session) {
    const json_t *json = session->json, *callback = json_object_get(json, "callback");
    const json_t *source = json_object_get(json, "source");
    add(table, "source", session->source_name ? session->source_name : session->source_kind);
    if (number(source, "version")) add_count(table, "version", number(source, "version"));
    add(table, "caller", session->caller);
    add(table, "unverified user", text(json_object_get(json, "caller"), "hero_user"));
    add_json(table, "tags", session->tags);
    if (session->priority) add_count(table, "priority", session->priority);
    add(table, "key", text(json, "concurrency_key"));
    add(table, "rerun of", text(json, "rerun_of"));
    if (number(json, "timeout_ms")) add_duration(table, "time limit", number(json, "timeout_ms"));
    add_json(table, "limits", json_object_get(json, "limits"));
    if (strcmp(session->forwarding ? session->forwarding : "off", "off") != 0)
        add(table, "forwarding", session->forwarding);
    if (!callback) return;
    char tries[64];
    snprintf(tries, sizeof tries, "%s after %" PRId64 " tries", text(callback, "state"),
             number(callback, "attempts"));
    add(table, "callback", tries);
    add(table, "callback error", text(callback, "error"));
}

static void add_use(struct table *table, const struct runner_session *session) {
    const json_t *usage = json_object_get(session->json, "usage");
    add_time(table, "queued", session->queued_at_ms);
    add_time(table, "started", session->started_at_ms);
    add_time(table, "ended", session->ended_at_ms);
    if (session->started_at_ms && session->ended_at_ms)
        add_duration(table, "ran for", session->ended_at_ms - session->started_at_ms);
    if (session->child_pid) add_count(table, "process", session->child_pid);
    add_count(table, "lines", (int64_t)session->lines);
    if (session->dropped_lines) add_count(table, "lines not kept", (int64_t)session->dropped_lines);
    add_bytes(table, "output", (int64_t)session->bytes);
    if (!session->has_usage) return;
    add_duration(table, "user CPU", number(usage, "user_us") / 1000);
    add_duration(table, "system CPU", number(usage, "system_us") / 1000);
    if (session->rss_bytes) add_bytes(table, "memory", session->rss_bytes);
    add_bytes(table, "peak memory", session->peak_rss_bytes);
    if (session->processes) add_count(table, "processes", session->processes);
    char switches[80];
    snprintf(switches, sizeof switches, "%" PRId64 " waiting, %" PRId64 " forced",
             number(usage, "voluntary_switches"), number(usage, "involuntary_switches"));
    add(table, "switches", switches);
    if (!runner_status_is_final(session->status)) return;
    if (number(usage, "operations")) /* it could tell: nobody killed it */
        add_count(table, "operations", number(usage, "operations"));
    add_bytes(table, "engine's peak", number(usage, "engine_peak_bytes"));
}

static void add_asked(struct table *table, const json_t *request) {
    add(table, "directory", text(request, "working_dir"));
    add_json(table, "variables", json_object_get(request, "env_names"));
    add_json(table, "arguments", json_object_get(request, "args"));
    add_json(table, "inputs", json_object_get(request, "inputs"));
}

static bool print_session(const struct runner_session *session, const json_t *request,
                          const json_t *value) {
    static const struct table_column columns[] = {{NULL, false}, {NULL, false}};
    struct table table = TABLE_INIT(columns);
    struct style style = style_of(stdout);
    add_state(&table, session);
    add_json(&table, "value", value);
    add_request(&table, session);
    add_asked(&table, request);
    add_use(&table, session);
    return table_print(&table, stdout, &style);
}

/* Everything as one document: the state, and beside it what was asked and what came of it. */
static bool print_whole(const struct runner_session *session, json_t *request, json_t *result) {
    json_t *whole = json_copy(session->json);
    json_object_set(whole, "request", request);
    if (result) json_object_set(whole, "result", result);
    return print_json(whole);
}

static bool print_script(const json_t *request) {
    const json_t *script = json_object_get(request, "script");
    if (!script) {
        tell("its script is not known");
        return false;
    }
    fwrite(json_string_value(script), 1, json_string_length(script), stdout);
    return true;
}

static int run(const struct options *options) {
    struct rpc_error err = {0};
    char id[RUNNER_ID_BYTES];
    struct runner_session session = {0};
    struct runner_result result = {0};
    bool has_ended, is_shown;
    json_t *request = NULL;
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    int failed = find_session(runner, options->line.operands[0], id, &err) < 0 ||
                 runner_session_get(runner, id, &session, &err) < 0 ||
                 !(request = runner_session_request(runner, id, &err)) ||
                 runner_session_result(runner, id, &has_ended, &result, &err) < 0;
    runner_close(runner);
    if (failed)
        is_shown = false;
    else if (options->only_script)
        is_shown = print_script(request);
    else if (options->as_json)
        is_shown = print_whole(&session, request, result.json);
    else
        is_shown = print_session(&session, request, result.value);
    runner_session_done(&session);
    runner_result_done(&result);
    json_decref(request);
    if (failed) return tell_error(&err);
    return is_shown ? EXIT_OK : EXIT_FAILED;
}

static const struct option_spec specs[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct options, as_json), NULL,
     "print one JSON document, with request and result"},
    {"script", 0, OPTION_FLAG, offsetof(struct options, only_script), NULL,
     "print the text of its script, and nothing else"},
};

const struct command show_command = {
    .name = "show",
    .operands = "ID",
    .summary = "show what is known of a session",
    .description =
        "Shows how a session is or has ended, what was asked of it, its times, and what it\n"
        "uses or has used.",
    .rules = {COMMAND_RULES(specs), .operands_min = 1, .operands_max = 1,
              .operand_name = "the session's ID"},
    .run = run,
};
