/* runs.c - jobs that were submitted together. */
#include "command.h"

static void add_run(struct table *table, const json_t *run) {
    const char *state = lenient_text(run, "state|phase|status");
    const json_t *jobs = lenient_get(run, "jobs|job_ids");
    table_add(table, COLOUR_NONE, "%lld", (long long)lenient_number(run, "id|run_id", 0));
    add_text(table, lenient_text(run, "service|name"));
    add_phase(table, proc_phase_parse(state));
    add_number(table, json_is_array(jobs) ? (int64_t)json_array_size(jobs)
                                          : lenient_number(run, "jobs|job_count", 0));
    add_time(table,
             lenient_time_ms(lenient_get(run, "created_at_ms|created_ms|created_at|started_at")));
}

static bool show_runs(const json_t *list) {
    static const struct table_column columns[] = {
        {"ID", true}, {"SERVICE", false}, {"STATE", false}, {"JOBS", true}, {"CREATED", false}};
    struct table table = TABLE_INIT(columns);
    size_t index;
    json_t *run;
    json_array_foreach((json_t *)(uintptr_t)list, index, run)
        add_run(&table, run);
    return show_table(&table);
}

static int run_list(const struct options *options) {
    struct session session;
    json_t *result = NULL;
    bool is_done = false;
    json_t *params = params_of(options, NULL);
    if (options->limit) json_object_set_new(params, "limit", json_integer(options->limit));
    if (session_begin(&session, options))
        result = session_call(&session, PROC_RUN_LIST, params);
    else
        json_decref(params);
    if (result)
        is_done = options->as_json ? print_json(json_incref(result))
                                   : show_runs(lenient_list(result, "runs|items"));
    json_decref(result);
    return session_end(&session, is_done);
}

static int run_get(const struct options *options) {
    return show_result(options, PROC_RUN_GET, params_with_id(options));
}

static int run_submit(const struct options *options) {
    json_t *run = read_object(options->line.operands[0]);
    return show_result(options, PROC_RUN_SUBMIT, run);
}

static int run_cancel(const struct options *options) {
    return do_quietly(options, PROC_RUN_CANCEL, params_with_id(options), "run %s is cancelled",
                      options->line.operands[0]);
}

static int run_delete(const struct options *options) {
    return do_quietly(options, PROC_RUN_DELETE, params_with_id(options), "run %s is deleted",
                      options->line.operands[0]);
}

static int run_jobs(const struct options *options) {
    json_t *params = params_with_id(options);
    return params ? list_jobs(options, PROC_RUN_JOBS, params) : EXIT_USAGE;
}

#define RUN_RULES .operands_min = 1, .operands_max = 1, .operand_name = "the run's ID"

static const struct option_spec run_list_specs[] = {
    {"limit", 'n', OPTION_NUMBER, offsetof(struct options, limit), "COUNT", "at most so many"},
};

static const struct command command_list = {
    .name = "run list",
    .operands = "",
    .summary = "show runs, newest first",
    .description = "Shows the runs that are kept: jobs that were submitted together.",
    .rules = {COMMAND_RULES(run_list_specs)},
    .run = run_list,
};

static const struct command command_status = {
    .name = "run status",
    .operands = "ID",
    .summary = "print everything about a run",
    .description = "Prints the record of a run, as JSON.",
    .rules = {RUN_RULES},
    .run = run_get,
};

static const struct command command_jobs = {
    .name = "run jobs",
    .operands = "ID",
    .summary = "show the jobs of a run",
    .description = "Shows the jobs of a run.",
    .rules = {RUN_RULES},
    .run = run_jobs,
};

static const struct command command_submit = {
    .name = "run submit",
    .operands = "FILE|-",
    .summary = "submit jobs together",
    .description = "Submits the jobs that FILE, or standard input, describes as JSON:\n"
                   "  {\"jobs\": [{\"action\": \"build\"}, {\"action\": \"test\"}]}",
    .rules = {.operands_min = 1, .operands_max = 1, .operand_name = "FILE (or -)"},
    .run = run_submit,
};

static const struct command command_cancel = {
    .name = "run cancel",
    .operands = "ID",
    .summary = "end the jobs of a run",
    .description = "Ends all jobs of a run that wait or run.",
    .rules = {RUN_RULES},
    .run = run_cancel,
};

static const struct command command_delete = {
    .name = "run delete",
    .operands = "ID",
    .summary = "forget a run",
    .description = "Forgets a run and its jobs.",
    .rules = {RUN_RULES},
    .run = run_delete,
};

const struct command *const run_commands[] = {
    &command_list,   &command_status, &command_jobs, &command_submit,
    &command_cancel, &command_delete, NULL,
};
