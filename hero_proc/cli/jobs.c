/* jobs.c - actions that were run once. */
#include "command.h"

#include <string.h>

#define WAIT_TIMEOUT_MS (INT64_C(24) * 3600 * 1000)

/* ---- list ------------------------------------------------------------------------------- */

static void add_job(struct table *table, const json_t *record) {
    struct proc_job job;
    proc_job_read(record, &job);
    table_add(table, COLOUR_NONE, "%lld", (long long)job.id);
    add_text(table, job.action);
    add_phase(table, job.phase);
    if (job.has_exit_code)
        table_add(table, COLOUR_NONE, "%d", job.exit_code);
    else
        add_text(table, NULL);
    add_time(table, lenient_time_ms(lenient_get(
                        record, "started_at_ms|started_ms|started_at|created_at_ms|created_at")));
    table_add(table, COLOUR_NONE, "%s", job.error ? job.error : "");
}

static bool show_jobs(const json_t *list) {
    static const struct table_column columns[] = {{"ID", true},       {"ACTION", false},
                                                  {"PHASE", false},   {"EXIT", true},
                                                  {"STARTED", false}, {"ERROR", false}};
    struct table table = TABLE_INIT(columns);
    size_t index;
    json_t *job;
    json_array_foreach((json_t *)(uintptr_t)list, index, job)
        add_job(&table, job);
    return show_table(&table);
}

int list_jobs(const struct options *options, enum proc_method method, json_t *params) {
    struct session session;
    json_t *result = NULL;
    bool is_done = false;
    if (session_begin(&session, options))
        result = session_call(&session, method, params);
    else
        json_decref(params);
    if (result)
        is_done = options->as_json ? print_json(json_incref(result))
                                   : show_jobs(lenient_list(result, "jobs|items"));
    json_decref(result);
    return session_end(&session, is_done);
}

static int run_list(const struct options *options) {
    json_t *params = params_of(options, "service", options->service, NULL);
    if (options->limit) json_object_set_new(params, "limit", json_integer(options->limit));
    return list_jobs(options, PROC_JOB_LIST, params);
}

static const struct option_spec list_specs[] = {
    {"service", 0, OPTION_TEXT, offsetof(struct options, service), "NAME", "only of this service"},
    {"limit", 'n', OPTION_NUMBER, offsetof(struct options, limit), "COUNT", "at most so many"},
};

#define ID_RULES .operands_min = 1, .operands_max = 1, .operand_name = "the job's ID"

static const struct command job_list = {
    .name = "job list",
    .operands = "",
    .summary = "show jobs, newest first",
    .description = "Shows the jobs that are kept, those of services among them.",
    .rules = {COMMAND_RULES(list_specs)},
    .run = run_list,
};

/* ---- create ----------------------------------------------------------------------------- */

static void show_line(void *ctx, const struct proc_log_line *line) {
    (void)ctx;
    printf("%s\n", line->text);
    fflush(stdout);
}

/* Shows the output until the end. */
static bool follow_job(struct session *session, int64_t id) {
    struct proc_job job;
    if (proc_job_follow(session->client, id, WAIT_TIMEOUT_MS, show_line, NULL, &job,
                        &session->err) < 0)
        return false;
    bool is_good = job.phase == PROC_SUCCEEDED;
    if (!is_good)
        tell("job %lld is %s%s%s", (long long)id, proc_phase_name(job.phase), job.error ? ": " : "",
             job.error ? job.error : "");
    proc_job_done(&job);
    return is_good;
}

static int run_create(const struct options *options) {
    if (options->as_json)
        return show_result(options, PROC_JOB_CREATE,
                           params_of(options, "action", options->line.operands[0], NULL));
    struct session session;
    int64_t id;
    bool is_done = false;
    if (session_begin(&session, options) &&
        proc_job_create(session.client, options->line.operands[0], &id, &session.err) == 0) {
        if (options->follow)
            is_done = follow_job(&session, id);
        else
            is_done = printf("%lld\n", (long long)id) > 0;
    }
    return session_end(&session, is_done);
}

static const struct option_spec create_specs[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(struct options, follow), NULL,
     "show its output until its end"},
};

static const struct command job_create = {
    .name = "job create",
    .operands = "ACTION",
    .summary = "run an action",
    .description = "Runs an action that is set, and prints the ID of the job. With --follow its\n"
                   "output is shown instead, and the exit code is 1 when it fails.",
    .rules = {COMMAND_RULES(create_specs), .operands_min = 1, .operands_max = 1,
              .operand_name = "ACTION"},
    .run = run_create,
};

/* ---- One job ---------------------------------------------------------------------------- */

static int run_status(const struct options *options) {
    return show_result(options, PROC_JOB_GET, params_with_id(options));
}

static int run_logs(const struct options *options) {
    if (options->as_json) return show_result(options, PROC_JOB_LOGS, params_with_id(options));
    struct session session;
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    json_t *params = params_with_id(options);
    bool is_done = false;
    if (!params) return EXIT_USAGE;
    int64_t id = json_integer_value(json_object_get(params, "id"));
    json_decref(params);
    if (session_begin(&session, options) &&
        proc_job_logs(session.client, id, &text, &session.err) == 0)
        is_done = fputs(rpc_strbuf_text(&text), stdout) >= 0;
    rpc_strbuf_done(&text);
    return session_end(&session, is_done);
}

static int run_cancel(const struct options *options) {
    return do_quietly(options, PROC_JOB_CANCEL, params_with_id(options), "job %s is cancelled",
                      options->line.operands[0]);
}

static int run_retry(const struct options *options) {
    return do_quietly(options, PROC_JOB_RETRY, params_with_id(options), "job %s runs again",
                      options->line.operands[0]);
}

static int run_delete(const struct options *options) {
    json_t *params = params_with_id(options);
    if (params && options->force) json_object_set_new(params, "force", json_true());
    return do_quietly(options, PROC_JOB_DELETE, params, "job %s is deleted",
                      options->line.operands[0]);
}

static const struct command job_status = {
    .name = "job status",
    .operands = "ID",
    .summary = "print everything about a job",
    .description = "Prints the record of a job, as JSON.",
    .rules = {ID_RULES},
    .run = run_status,
};

static const struct command job_logs = {
    .name = "job logs",
    .operands = "ID",
    .summary = "show the output of a job",
    .description = "Shows what a job has written so far.",
    .rules = {ID_RULES},
    .run = run_logs,
};

static const struct command job_cancel = {
    .name = "job cancel",
    .operands = "ID",
    .summary = "end a job",
    .description = "Ends a job that waits or runs.",
    .rules = {ID_RULES},
    .run = run_cancel,
};

static const struct command job_retry = {
    .name = "job retry",
    .operands = "ID",
    .summary = "run a job again",
    .description = "Runs the action of a job once more.",
    .rules = {ID_RULES},
    .run = run_retry,
};

static const struct option_spec delete_specs[] = {
    {"force", 0, OPTION_FLAG, offsetof(struct options, force), NULL, "also when it runs"},
};

static const struct command job_delete = {
    .name = "job delete",
    .operands = "ID",
    .summary = "forget a job",
    .description = "Forgets a job and its output.",
    .rules = {COMMAND_RULES(delete_specs), ID_RULES},
    .run = run_delete,
};

const struct command *const job_commands[] = {
    &job_list, &job_status, &job_create, &job_logs, &job_cancel, &job_retry, &job_delete, NULL,
};
