/* command_status.c - how the server is. */
#include "command.h"

#include <hero_cli/duration.h>
#include <hero_cli/table.h>

#include <string.h>

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

static int run(const struct options *options) {
    struct rpc_error err = {0};
    json_t *stats = NULL;
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    json_t *health = runner_health(runner, &err);
    if (health) stats = runner_stats(runner, &err);
    int code = EXIT_FAILED;
    if (!stats)
        code = tell_error(&err);
    else if (!(options->as_json
                   ? print_json(json_pack("{s:O, s:O}", "health", health, "stats", stats))
                   : print_table(runner, health, stats)))
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
