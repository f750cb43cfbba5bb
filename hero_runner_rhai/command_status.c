/* command_status.c - how the server is. */
#include "command.h"

#include <hero_cli/duration.h>
#include <hero_cli/table.h>

#include <string.h>
#include <time.h>

/* A number inside objects; 0 when the server does not tell it. */
static json_int_t number(const json_t *object, const char *group, const char *name) {
    return json_integer_value(json_object_get(json_object_get(object, group), name));
}

static const char *text(const json_t *object, const char *name) {
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : "";
}

static void add_name(struct table *table, const char *name) {
    table_add(table, COLOUR_GREY, "%s", name);
}

static void add_server(struct table *table, const json_t *health, const struct style *style) {
    char up[DURATION_TEXT_BYTES];
    const char *status = text(health, "status");
    bool is_ok = strcmp(status, "ok") == 0;
    const char *glyph = is_ok ? "● " : "◐ ";
    add_name(table, "server");
    table_add(table, is_ok ? COLOUR_GREEN : COLOUR_YELLOW, "%s%s", style->is_terminal ? glyph : "",
              status);
    add_name(table, "version");
    table_add(table, COLOUR_NONE, "%s", text(health, "version"));
    add_name(table, "uptime");
    table_add(table, COLOUR_NONE, "%s",
              duration_format(json_integer_value(json_object_get(health, "uptime_ms")), up));
}

static void add_self_test(struct table *table, const json_t *health) {
    const json_t *test = json_object_get(health, "self_test");
    char age[DURATION_TEXT_BYTES];
    add_name(table, "self-test");
    if (!json_is_object(test)) {
        table_add(table, COLOUR_NONE, "not yet");
        return;
    }
    bool is_ok = json_is_true(json_object_get(test, "ok"));
    table_add(table, is_ok ? COLOUR_NONE : COLOUR_RED, "%s, %s ago", is_ok ? "passed" : "failed",
              duration_format(json_integer_value(json_object_get(test, "age_ms")), age));
}

static void add_work(struct table *table, const json_t *health, const json_t *stats) {
    add_name(table, "workers");
    table_add(table, COLOUR_NONE, "%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " busy",
              number(stats, "workers", "running"), number(stats, "workers", "slots"));
    add_name(table, "processes");
    table_add(table, COLOUR_NONE, "limited by %s", text(health, "process_limit"));
    add_name(table, "queue");
    table_add(table, COLOUR_NONE, "%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " waiting",
              number(stats, "queue", "pending"), number(stats, "queue", "max"));
    add_name(table, "sessions");
    table_add(table, COLOUR_NONE,
              "%" JSON_INTEGER_FORMAT " succeeded, %" JSON_INTEGER_FORMAT
              " failed, %" JSON_INTEGER_FORMAT " cancelled",
              number(stats, "sessions", "succeeded"), number(stats, "sessions", "failed"),
              number(stats, "sessions", "cancelled"));
}

/* What an operator should know of, if it is so. */
static void add_troubles(struct table *table, const json_t *health) {
    json_int_t waiting = number(health, "callbacks", "waiting");
    json_int_t given_up = number(health, "callbacks", "given_up");
    const char *error = text(json_object_get(health, "store"), "error");
    if (waiting || given_up) {
        add_name(table, "callbacks");
        table_add(table, given_up ? COLOUR_YELLOW : COLOUR_NONE,
                  "%" JSON_INTEGER_FORMAT " waiting, %" JSON_INTEGER_FORMAT " given up", waiting,
                  given_up);
    }
    if (*error) {
        add_name(table, "history");
        table_add(table, COLOUR_RED, "cannot be written: %s", error);
    }
}

static void add_use(struct table *table, const json_t *stats) {
    char server[BYTES_TEXT_BYTES], history[BYTES_TEXT_BYTES];
    char own[DURATION_TEXT_BYTES], sessions[DURATION_TEXT_BYTES];
    add_name(table, "memory");
    table_add(table, COLOUR_NONE, "%s server, %s of it history",
              format_bytes(number(stats, "memory", "server_bytes"), server),
              format_bytes(number(stats, "memory", "history_bytes"), history));
    add_name(table, "cpu");
    table_add(table, COLOUR_NONE, "%s server, %s sessions",
              duration_format((number(stats, "cpu", "server_user_us") +
                               number(stats, "cpu", "server_system_us")) /
                                  1000,
                              own),
              duration_format((number(stats, "cpu", "sessions_user_us") +
                               number(stats, "cpu", "sessions_system_us")) /
                                  1000,
                              sessions));
}

static bool print_table(const struct runner *runner, const json_t *health, const json_t *stats) {
    static const struct table_column columns[] = {{NULL, false}, {NULL, false}};
    struct table table = TABLE_INIT(columns);
    struct style style = style_of(stdout);
    add_server(&table, health, &style);
    add_name(&table, "socket");
    table_add(&table, COLOUR_NONE, "%s", runner_socket_path(runner));
    add_self_test(&table, health);
    add_work(&table, health, stats);
    add_use(&table, stats);
    add_troubles(&table, health);
    return table_print(&table, stdout, &style);
}

/* ---- The hour behind ---------------------------------------------------------------------- */

#define MOST_HISTORY_MS (3600 * INT64_C(1000))
#define HISTORY_ROWS 20 /* about so many, when no step is asked for */

static void add_count(struct table *table, const json_t *sample, const char *name) {
    table_add(table, COLOUR_NONE, "%" JSON_INTEGER_FORMAT,
              json_integer_value(json_object_get(sample, name)));
}

static void add_sample(struct table *table, const json_t *sample) {
    static const char *const counts[] = {"running", "queued", "started", "failed", "lines"};
    char time_text[32] = "-", cpu[DURATION_TEXT_BYTES];
    time_t seconds = (time_t)(json_integer_value(json_object_get(sample, "t_ms")) / 1000);
    struct tm local;
    if (localtime_r(&seconds, &local)) strftime(time_text, sizeof time_text, "%H:%M:%S", &local);
    table_add(table, COLOUR_NONE, "%s", time_text);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        add_count(table, sample, counts[i]);
    table_add(table, COLOUR_NONE, "%s",
              duration_format(json_integer_value(json_object_get(sample, "cpu_ms")), cpu));
    add_count(table, sample, "start_p99_us");
}

static bool print_history(const json_t *stats) {
    static const struct table_column columns[] = {
        {"UNTIL", false}, {"RUNNING", true}, {"QUEUED", true}, {"STARTED", true},
        {"FAILED", true}, {"LINES", true},   {"CPU", true},    {"START P99 US", true}};
    struct table table = TABLE_INIT(columns);
    struct style style = style_of(stdout);
    const json_t *history = json_object_get(stats, "history"), *sample;
    size_t index;
    if (!history) return true;
    json_array_foreach(json_object_get(history, "samples"), index, sample) {
        add_sample(&table, sample);
    }
    putchar('\n');
    return table_print(&table, stdout, &style);
}

/* In whole seconds, both at least one. */
static json_t *ask_for_stats(struct runner *runner, const struct options *options,
                             struct rpc_error *err) {
    if (!options->history_ms) return runner_stats(runner, err);
    int64_t history_s = (options->history_ms + 999) / 1000,
            step_s = (options->step_ms + 999) / 1000;
    if (!step_s) step_s = (history_s + HISTORY_ROWS - 1) / HISTORY_ROWS;
    return runner_stats_history(runner, (unsigned)history_s, (unsigned)step_s, err);
}

static bool has_good_times(const struct options *options) {
    const char *wrong = NULL;
    if (options->step_ms && !options->history_ms)
        wrong = "--step goes with --history";
    else if (options->history_ms > MOST_HISTORY_MS || options->step_ms > MOST_HISTORY_MS)
        wrong = "--history and --step are at most 1h";
    if (wrong) tell("status: %s", wrong);
    return !wrong;
}

static int run(const struct options *options) {
    struct rpc_error err = {0};
    json_t *stats = NULL;
    if (!has_good_times(options)) return EXIT_USAGE;
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    json_t *health = runner_health(runner, &err);
    if (health) stats = ask_for_stats(runner, options, &err);
    int code = EXIT_FAILED;
    if (!stats)
        code = tell_error(&err);
    else if (!(options->as_json
                   ? print_json(json_pack("{s:O, s:O}", "health", health, "stats", stats))
                   : print_table(runner, health, stats) && print_history(stats)))
        tell("out of memory");
    else if (strcmp(text(health, "status"), "ok") == 0)
        code = EXIT_OK;
    json_decref(health);
    json_decref(stats);
    runner_close(runner);
    return code;
}

static const struct option_spec specs[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct options, as_json), NULL,
     "print one JSON document: {\"health\": ..., \"stats\": ...}"},
    {"history", 0, OPTION_DURATION, offsetof(struct options, history_ms), "TIME",
     "also what it did in the last 30s, 10m, ... (at most 1h)"},
    {"step", 0, OPTION_DURATION, offsetof(struct options, step_ms), "TIME",
     "a row for each 1s, 1m, ... of it"},
};

const struct command status_command = {
    .name = "status",
    .operands = "",
    .summary = "show how the server is",
    .description = "Shows whether the server is well, what it is doing and what it uses.\n"
                   "Exits 0 when it is well, 1 when it is degraded, 3 when it does not answer.",
    .rules = {COMMAND_RULES(specs)},
    .run = run,
};
