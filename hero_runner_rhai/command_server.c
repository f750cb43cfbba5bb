/* command_server.c - what scripts can do, whether one is right, and running the server. */
#include "command.h"

#include <hero_cli/table.h>

#include <ctype.h>
#include <string.h>

static const char *text(const json_t *object, const char *name) {
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : "";
}

/* ---- check -------------------------------------------------------------------------------- */

static int print_check(const char *file, const json_t *check) {
    size_t index;
    const json_t *error;
    json_array_foreach(json_object_get(check, "errors"), index, error) {
        printf("%s:%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT ": %s\n", file,
               json_integer_value(json_object_get(error, "line")),
               json_integer_value(json_object_get(error, "position")), text(error, "message"));
    }
    return json_is_true(json_object_get(check, "ok")) ? EXIT_OK : EXIT_FAILED;
}

static int check(const struct options *options) {
    struct rpc_strbuf script = RPC_STRBUF_INIT;
    struct rpc_error err = {0};
    struct runner *runner = NULL;
    json_t *result = NULL;
    int code = EXIT_FAILED;
    const char *file = options->line.operands[0];
    if (read_script(file, &script, &err) < 0) {
        tell_error(&err);
        code = EXIT_USAGE;
    } else if ((runner = open_runner())) {
        result = runner_script_check(runner, rpc_strbuf_text(&script), script.len, &err);
        if (!result) {
            code = tell_error(&err);
        } else if (options->as_json) {
            code = json_is_true(json_object_get(result, "ok")) ? EXIT_OK : EXIT_FAILED;
            if (!print_json(json_incref(result))) code = EXIT_FAILED;
        } else {
            code = print_check(file, result);
        }
    }
    json_decref(result);
    runner_close(runner);
    rpc_strbuf_done(&script);
    return code;
}

static const struct option_spec check_specs[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct options, as_json), NULL,
     "print one JSON document, with the declared inputs"},
};

const struct command check_command = {
    .name = "check",
    .operands = "FILE|-",
    .summary = "find the errors of a script without running it",
    .description =
        "Shows every syntax error as FILE:LINE:COLUMN: MESSAGE. Exits 1 when there is one.",
    .rules = {COMMAND_RULES(check_specs), .operands_min = 1, .operands_max = 1,
              .operand_name = "the script (FILE, or - for standard input)"},
    .run = check,
};

/* ---- functions ---------------------------------------------------------------------------- */

#define DOC_INDENT 4

/* At a terminal lines break between words. */
static void print_doc(const char *doc, const struct style *style) {
    size_t room = style->width > 2 * DOC_INDENT ? style->width - DOC_INDENT : SIZE_MAX;
    while (*doc) {
        size_t len = strlen(doc);
        if (len > room) {
            const char *space = memrchr(doc, ' ', room + 1);
            len = space ? (size_t)(space - doc) : strcspn(doc, " ");
        }
        printf("%*s%.*s\n", DOC_INDENT, "", (int)len, doc);
        doc += len + (doc[len] == ' ');
    }
}

static bool is_operator(const char *name) {
    return !isalpha((unsigned char)*name) && *name != '_';
}

/* Operators come last: few look for them. */
static void print_functions(const json_t *list, bool operators) {
    struct style style = style_of(stdout);
    size_t index;
    const json_t *function;
    json_array_foreach(list, index, function) {
        if (is_operator(text(function, "name")) != operators) continue;
        puts(text(function, "signature"));
        print_doc(text(function, "doc"), &style);
    }
}

static int functions(const struct options *options) {
    struct rpc_error err = {0};
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    const char *pattern = options->line.operand_count > 0 ? options->line.operands[0] : NULL;
    json_t *result = runner_functions(runner, pattern, &err);
    runner_close(runner);
    if (!result) return tell_error(&err);
    const json_t *list = json_object_get(result, "functions");
    int code = json_array_size(list) > 0 ? EXIT_OK : EXIT_FAILED;
    if (options->as_json) return print_json(result) ? code : EXIT_FAILED;
    print_functions(list, false);
    print_functions(list, true);
    if (code != EXIT_OK) tell("no function's name is like '%s'", pattern);
    json_decref(result);
    return code;
}

static const struct option_spec functions_specs[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct options, as_json), NULL,
     "print one JSON document: {\"functions\": [...]}"},
};

const struct command functions_command = {
    .name = "functions",
    .operands = "[PATTERN]",
    .summary = "show the functions that scripts can call",
    .description =
        "Shows signature and meaning of every function, or of those whose name holds\n"
        "PATTERN; with * and ? in it, of those whose name is like it. Exits 1 when there\n"
        "is none.",
    .rules = {COMMAND_RULES(functions_specs), .operands_max = 1, .operand_name = "PATTERN"},
    .run = functions,
};

/* ---- reload, drain, config ---------------------------------------------------------------- */

static int reload(const struct options *options) {
    (void)options;
    struct rpc_error err = {0};
    unsigned generation;
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    int failed = runner_reload(runner, &generation, &err);
    runner_close(runner);
    if (failed) return tell_error(&err);
    printf("generation %u\n", generation);
    return EXIT_OK;
}

const struct command reload_command = {
    .name = "reload",
    .operands = "",
    .summary = "renew the engine without stopping anything",
    .description =
        "Starts a new engine with the present script roots and waits until it has passed\n"
        "its self-test. Sessions that run go on; when it fails the old one stays.",
    .run = reload,
};

static int drain(const struct options *options) {
    struct rpc_error err = {0};
    unsigned running;
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    int failed = runner_drain(runner, !options->off, &running, &err);
    runner_close(runner);
    if (failed) return tell_error(&err);
    printf("%s, %u running\n", options->off ? "taking sessions" : "draining", running);
    return EXIT_OK;
}

static const struct option_spec drain_specs[] = {
    {"off", 0, OPTION_FLAG, offsetof(struct options, off), NULL, "take new sessions again"},
};

const struct command drain_command = {
    .name = "drain",
    .operands = "",
    .summary = "take no new sessions",
    .description = "From now on the server refuses new sessions; those that run or wait go on. It\n"
                   "takes new ones again after drain --off, or when it has been started anew.",
    .rules = {COMMAND_RULES(drain_specs)},
    .run = drain,
};

static void print_config(const json_t *settings) {
    static const struct table_column columns[] = {{"SETTING", false},
                                                  {"VALUE", true},
                                                  {"DEFAULT", true},
                                                  {"FROM", false},
                                                  {"MEANING", false}};
    struct table table = TABLE_INIT(columns);
    struct style style = style_of(stdout);
    size_t index;
    const json_t *setting;
    json_array_foreach(settings, index, setting) {
        const char *source = text(setting, "source");
        bool is_default = strcmp(source, "default") == 0;
        char *value = json_dumps(json_object_get(setting, "value"), JSON_ENCODE_ANY);
        char *standard = json_dumps(json_object_get(setting, "default"), JSON_ENCODE_ANY);
        table_add(&table, COLOUR_NONE, "%s", text(setting, "variable"));
        table_add(&table, is_default ? COLOUR_NONE : COLOUR_YELLOW, "%s", value ? value : "");
        table_add(&table, COLOUR_GREY, "%s", standard ? standard : "");
        table_add(&table, COLOUR_NONE, "%s", source);
        table_add(&table, COLOUR_GREY, "%s", text(setting, "meaning"));
        free(value);
        free(standard);
    }
    table_print(&table, stdout, &style);
}

static int config(const struct options *options) {
    struct rpc_error err = {0};
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    json_t *result = runner_config(runner, &err);
    runner_close(runner);
    if (!result) return tell_error(&err);
    if (options->as_json) return print_json(result) ? EXIT_OK : EXIT_FAILED;
    print_config(json_object_get(result, "settings"));
    json_decref(result);
    return EXIT_OK;
}

static const struct option_spec config_specs[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct options, as_json), NULL,
     "print one JSON document: {\"settings\": [...]}"},
};

const struct command config_command = {
    .name = "config",
    .operands = "",
    .summary = "show the settings of the server",
    .description =
        "Shows every setting with its value, its default and where the value comes from.",
    .rules = {COMMAND_RULES(config_specs)},
    .run = config,
};
