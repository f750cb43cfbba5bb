/* actions.c - what can be run. */
#include "command.h"

static const char *name_of(const struct options *options) {
    return options->line.operands[0];
}

static bool show_actions(const json_t *result) {
    static const struct table_column columns[] = {
        {"NAME", false}, {"INTERPRETER", false}, {"KIND", false}, {"SCRIPT", false}};
    struct table table = TABLE_INIT(columns);
    size_t index;
    json_t *action;
    json_array_foreach(lenient_list(result, "actions|items"), index, action) {
        bool is_process = json_is_true(lenient_get(action, "is_process"));
        add_text(&table,
                 json_is_string(action) ? json_string_value(action) : lenient_text(action, "name"));
        add_text(&table, lenient_text(action, "interpreter"));
        table_add(&table, COLOUR_NONE, "%s",
                  is_process                        ? "process"
                  : lenient_get(action, "schedule") ? "scheduled"
                                                    : "job");
        add_text(&table, lenient_text(action, "script|command"));
    }
    return show_table(&table);
}

static int run_list(const struct options *options) {
    struct session session;
    json_t *result = NULL;
    bool is_done = false;
    if (session_begin(&session, options))
        result = session_call(&session, PROC_ACTION_LIST, params_of(options, NULL));
    if (result) is_done = options->as_json ? print_json(json_incref(result)) : show_actions(result);
    json_decref(result);
    return session_end(&session, is_done);
}

static int run_get(const struct options *options) {
    return show_result(options, PROC_ACTION_GET,
                       params_of(options, "name", name_of(options), NULL));
}

static int run_set(const struct options *options) {
    return set_from_file(options, PROC_ACTION_SET);
}

static int run_delete(const struct options *options) {
    return do_quietly(options, PROC_ACTION_DELETE,
                      params_of(options, "name", name_of(options), NULL), "%s is deleted",
                      name_of(options));
}

static int run_clean(const struct options *options) {
    json_t *params = params_of(options, "tag", name_of(options), NULL);
    if (options->dry_run) json_object_set_new(params, "dry_run", json_true());
    return show_result(options, PROC_ACTION_CLEAN_BY_TAG, params);
}

#define NAME_RULES .operands_min = 1, .operands_max = 1, .operand_name = "the action's NAME"

static const struct command action_list = {
    .name = "action list",
    .operands = "",
    .summary = "show all actions",
    .description = "Shows what is set, as services or jobs can run it.",
    .run = run_list,
};

static const struct command action_get = {
    .name = "action get",
    .operands = "NAME",
    .summary = "print the spec of an action",
    .description = "Prints what was set for an action, as JSON.",
    .rules = {NAME_RULES},
    .run = run_get,
};

static const struct command action_set = {
    .name = "action set",
    .operands = "FILE|-",
    .summary = "set an action from its spec",
    .description = "Sets the action that FILE, or standard input, describes as JSON, for example\n"
                   "  {\"name\": \"hello\", \"interpreter\": \"bash\", \"script\": \"echo hello\"}",
    .rules = {.operands_min = 1, .operands_max = 1, .operand_name = "FILE (or -)"},
    .run = run_set,
};

static const struct command action_delete = {
    .name = "action delete",
    .operands = "NAME",
    .summary = "forget an action",
    .description = "Forgets an action. Services that name it cannot be started any more.",
    .rules = {NAME_RULES},
    .run = run_delete,
};

static const struct option_spec clean_specs[] = {
    {"dry-run", 0, OPTION_FLAG, offsetof(struct options, dry_run), NULL,
     "only tell which they are"},
};

static const struct command action_clean = {
    .name = "action clean_by_tag",
    .operands = "TAG",
    .summary = "forget all actions with a tag",
    .description = "Forgets all actions that have the tag, and prints the server's answer.",
    .rules = {COMMAND_RULES(clean_specs), .operands_min = 1, .operands_max = 1,
              .operand_name = "TAG"},
    .run = run_clean,
};

const struct command *const action_commands[] = {
    &action_list, &action_get, &action_set, &action_delete, &action_clean, NULL,
};
