/* command_scripts.c - the library of named scripts. */
#include "command.h"

#include <hero_cli/table.h>

#include <inttypes.h>
#include <string.h>
#include <time.h>

static json_int_t number(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name) {
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : "";
}

static void add_time(struct table *table, json_int_t ms) {
    char out[32] = "-";
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    if (localtime_r(&seconds, &local)) strftime(out, sizeof out, "%Y-%m-%d %H:%M:%S", &local);
    table_add(table, COLOUR_NONE, "%s", out);
}

/* ---- save --------------------------------------------------------------------------------- */

static int save(const struct options *options) {
    struct rpc_strbuf script = RPC_STRBUF_INIT;
    struct rpc_error err = {0};
    struct runner *runner = NULL;
    int64_t version;
    int code = EXIT_FAILED;
    const char *name = options->line.operands[0];
    if (read_script(options->line.operands[1], &script, &err) < 0) {
        tell_error(&err);
        code = EXIT_USAGE;
    } else if ((runner = open_runner())) {
        if (runner_script_save(runner, name, rpc_strbuf_text(&script), script.len,
                               options->description, &version, &err) < 0) {
            code = tell_error(&err);
        } else {
            printf("%s version %" PRId64 "\n", name, version);
            code = EXIT_OK;
        }
    }
    runner_close(runner);
    rpc_strbuf_done(&script);
    return code;
}

static const struct option_spec save_specs[] = {
    {"description", 0, OPTION_TEXT, offsetof(struct options, description), "TEXT",
     "what the script is for"},
};

const struct command scripts_save_command = {
    .name = "scripts save",
    .operands = "NAME FILE|-",
    .summary = "save a script in the library",
    .description =
        "Saves a script under a name, as a new version if its text is new. It can be run\n"
        "with run --name NAME. Names may have parts: backup/daily.",
    .rules = {COMMAND_RULES(save_specs), .operands_min = 2, .operands_max = 2,
              .operand_name = "NAME or the script"},
    .run = save,
};

/* ---- list --------------------------------------------------------------------------------- */

static bool print_list(const json_t *scripts) {
    static const struct table_column columns[] = {{"NAME", false},
                                                  {"VERSION", true},
                                                  {"BYTES", true},
                                                  {"SAVED", false},
                                                  {"DESCRIPTION", false}};
    struct table table = TABLE_INIT(columns);
    struct style style = style_of(stdout);
    size_t index;
    const json_t *script;
    json_array_foreach(scripts, index, script) {
        table_add(&table, COLOUR_NONE, "%s", text(script, "name"));
        table_add(&table, COLOUR_NONE, "%" JSON_INTEGER_FORMAT, number(script, "version"));
        table_add(&table, COLOUR_NONE, "%" JSON_INTEGER_FORMAT, number(script, "bytes"));
        add_time(&table, number(script, "updated_at_ms"));
        table_add(&table, COLOUR_NONE, "%s", text(script, "description"));
    }
    return table_print(&table, stdout, &style);
}

static int list(const struct options *options) {
    struct rpc_error err = {0};
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    json_t *scripts = runner_script_list(runner, &err);
    runner_close(runner);
    if (!scripts) return tell_error(&err);
    if (options->as_json) return print_json(scripts) ? EXIT_OK : EXIT_FAILED;
    bool is_shown = print_list(json_object_get(scripts, "scripts"));
    json_decref(scripts);
    return is_shown ? EXIT_OK : EXIT_FAILED;
}

static const struct option_spec list_specs[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct options, as_json), NULL,
     "print one JSON document: {\"scripts\": [...]}"},
};

const struct command scripts_list_command = {
    .name = "scripts list",
    .operands = "",
    .summary = "show the library",
    .description = "Shows the scripts of the library by name, each with its newest version.",
    .rules = {COMMAND_RULES(list_specs)},
    .run = list,
};

/* ---- show and delete ---------------------------------------------------------------------- */

static int show(const struct options *options) {
    struct rpc_error err = {0};
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    json_t *script = runner_script_get(runner, options->line.operands[0], options->version, &err);
    runner_close(runner);
    if (!script) return tell_error(&err);
    if (options->as_json) return print_json(script) ? EXIT_OK : EXIT_FAILED;
    fputs(text(script, "script"), stdout);
    json_decref(script);
    return EXIT_OK;
}

static const struct option_spec show_specs[] = {
    {"version", 0, OPTION_NUMBER, offsetof(struct options, version), "N",
     "that version (default: the newest)"},
    {"json", 0, OPTION_FLAG, offsetof(struct options, as_json), NULL,
     "print all that is known of it, its versions too"},
};

const struct command scripts_show_command = {
    .name = "scripts show",
    .operands = "NAME",
    .summary = "print a script of the library",
    .description = "Prints the text of a script of the library.",
    .rules = {COMMAND_RULES(show_specs), .operands_min = 1, .operands_max = 1,
              .operand_name = "the script's NAME"},
    .run = show,
};

static int delete (const struct options *options) {
    struct rpc_error err = {0};
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    int failed = runner_script_delete(runner, options->line.operands[0], options->version, &err);
    runner_close(runner);
    return failed ? tell_error(&err) : EXIT_OK;
}

static const struct option_spec delete_specs[] = {
    {"version", 0, OPTION_NUMBER, offsetof(struct options, version), "N",
     "only that version (default: all)"},
};

const struct command scripts_delete_command = {
    .name = "scripts delete",
    .operands = "NAME",
    .summary = "delete a script of the library",
    .description = "Deletes a script of the library with all its versions, or one of them.",
    .rules = {COMMAND_RULES(delete_specs), .operands_min = 1, .operands_max = 1,
              .operand_name = "the script's NAME"},
    .run = delete,
};
