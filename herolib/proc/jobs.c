/* jobs.c - actions that are run once. */
#include "core/module.h"
#include "core/native.h"
#include "core/text.h"
#include "proc/link.h"

#include <hero_proc_sdk/lenient.h>

#include <stdio.h>
#include <string.h>

/* As much as process/command.h keeps of a command's output. */
#define OUTPUT_MAX_BYTES (16 * 1024 * 1024)
#define NO_TIMEOUT_MS (INT64_MAX / 4)

/* ---- Options ----------------------------------------------------------------------------- */

struct job_options {
    const rhai_value *inputs, *tags; /* NULL: none */
    int64_t timeout_ms;
    bool is_silent, ignores_errors;
};

static bool flag_in(const rhai_value *map, const char *name, bool otherwise) {
    const rhai_value *value = rhai_map_get(map, name, strlen(name));
    return value ? rhai_as_bool(value) : otherwise;
}

/* Which of the options a function has. */
static const struct value_option known[] = {{"silent", RHAI_BOOL},
                                            {"die", RHAI_BOOL},
                                            {"timeout", RHAI_UNIT},
                                            {"inputs", RHAI_MAP},
                                            {"tags", RHAI_ARRAY}};
enum option_set { OF_WAITING = 1, OF_CREATING = 2, OF_BOTH = 3 };
#define WAITING_COUNT 3

/* Of the second argument, which need not be there. */
static rhai_status take_options(rhai_call *call, rhai_value *args, enum option_set set,
                                struct job_options *ret) {
    *ret = (struct job_options){.timeout_ms = NO_TIMEOUT_MS};
    if (rhai_call_nargs(call) < 2) return RHAI_OK;
    const rhai_value *map = &args[1], *timeout = rhai_map_get(map, "timeout", 7);
    size_t first = set & OF_WAITING ? 0 : WAITING_COUNT;
    size_t end = set & OF_CREATING ? HEROLIB_COUNT(known) : WAITING_COUNT;
    char what[64];
    snprintf(what, sizeof what, "proc: %s", rhai_call_name(call));
    if (value_check_options(call, map, what, known + first, end - first) != RHAI_OK ||
        (timeout && link_seconds(call, timeout, &ret->timeout_ms) != RHAI_OK))
        return RHAI_ERROR;
    ret->inputs = rhai_map_get(map, "inputs", 6);
    ret->tags = rhai_map_get(map, "tags", 4);
    ret->is_silent = flag_in(map, "silent", false);
    ret->ignores_errors = !flag_in(map, "die", true);
    return RHAI_OK;
}

/* ---- Records ----------------------------------------------------------------------------- */

/* A job as scripts see it, beside what else its hero_proc tells. */
static json_t *job_map(const struct proc_job *job, const json_t *record) {
    json_t *map = json_is_object(record) ? json_copy((json_t *)(uintptr_t)record) : json_object();
    json_t *own = json_pack("{s:I, s:s, s:s, s:b, s:o, s:s}", "id", (json_int_t)job->id, "action",
                            job->action ? job->action : "", "phase", proc_phase_name(job->phase),
                            "success", job->phase == PROC_SUCCEEDED, "exit_code",
                            job->has_exit_code ? json_integer(job->exit_code) : json_null(),
                            "error", job->error ? job->error : "");
    if (!map || !own || json_object_update(map, own) < 0) {
        json_decref(map);
        map = NULL;
    }
    json_decref(own);
    return map;
}

static rhai_status job_status(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct proc_client *client = link_client(call);
    struct proc_job job;
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    if (proc_job_get(client, rhai_as_int(&args[0]), &job, &err) < 0) return link_throw(call, &err);
    json_t *map = job_map(&job, job.json);
    proc_job_done(&job);
    return link_take(call, map, ret);
}

static rhai_status job_list(rhai_call *call, rhai_value *args, rhai_value *ret) {
    static const struct value_option known[] = {{"action", RHAI_STRING},
                                                {"service", RHAI_STRING},
                                                {"phase", RHAI_STRING},
                                                {"limit", RHAI_INT}};
    json_t *params = NULL, *record;
    struct rpc_error err = {0};
    size_t index;
    if (rhai_call_nargs(call) > 0 && (value_check_options(call, &args[0], "proc: job_list", known,
                                                          HEROLIB_COUNT(known)) != RHAI_OK ||
                                      !(params = link_json(call, &args[0]))))
        return RHAI_ERROR;
    struct proc_client *client = link_client(call);
    json_t *answer = client ? proc_call(client, PROC_JOB_LIST, params, &err) : NULL;
    json_decref(params);
    if (!answer) return client ? link_throw(call, &err) : RHAI_ERROR;
    json_t *maps = json_array();
    json_array_foreach(lenient_list(answer, "jobs|items"), index, record) {
        struct proc_job job;
        proc_job_read(record, &job);
        json_array_append_new(maps, job_map(&job, NULL));
    }
    json_decref(answer);
    return link_take(call, maps, ret);
}

static rhai_status job_logs(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct proc_client *client = link_client(call);
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    if (proc_job_logs(client, rhai_as_int(&args[0]), &text, &err) == 0)
        return link_lines(call, &text, ret);
    rpc_strbuf_done(&text);
    return link_throw(call, &err);
}

static rhai_status job_cancel(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct proc_client *client = link_client(call);
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    json_t *params = json_pack("{s:I}", "id", (json_int_t)rhai_as_int(&args[0]));
    json_t *answer = proc_call(client, PROC_JOB_CANCEL, params, &err);
    json_decref(params);
    if (!answer) return link_throw(call, &err);
    *ret = rhai_from_bool(!json_is_false(lenient_get(answer, "ok")));
    json_decref(answer);
    return RHAI_OK;
}

/* ---- Waiting ----------------------------------------------------------------------------- */

struct watch {
    herolib_session *session;
    bool is_silent;
    struct rpc_strbuf kept;
    size_t missing; /* bytes that were not kept */
};

/* hero_proc has what a job writes to its error output as warnings. */
static void on_line(void *ctx, const struct proc_log_line *line) {
    struct watch *watch = ctx;
    const herolib_output *output = &watch->session->output;
    size_t len = strlen(line->text);
    if (!watch->is_silent) {
        herolib_stream stream = strcmp(line->level, "warn") == 0 ? HEROLIB_STDERR : HEROLIB_STDOUT;
        output->write(output->data, stream, line->text, len);
        output->write(output->data, stream, "\n", 1);
    }
    if (watch->kept.len + len < OUTPUT_MAX_BYTES)
        rpc_strbuf_addf(&watch->kept, "%s\n", line->text);
    else
        watch->missing += len + 1;
}

static rhai_status throw_failed(rhai_call *call, const struct proc_job *job) {
    const char *action = job->action ? job->action : "";
    if (job->error)
        return rhai_throw(call, "proc: %s: job %lld (%s) %s: %s", rhai_call_name(call),
                          (long long)job->id, action, proc_phase_name(job->phase), job->error);
    return rhai_throw(call, "proc: %s: job %lld (%s) %s", rhai_call_name(call), (long long)job->id,
                      action, proc_phase_name(job->phase));
}

static rhai_status give_result(rhai_call *call, const struct proc_job *job, struct watch *watch,
                               rhai_value *ret) {
    json_t *map = job_map(job, NULL);
    if (watch->missing > 0)
        rpc_strbuf_addf(&watch->kept, "[%zu more bytes were not kept]\n", watch->missing);
    if (map && json_object_set_new(map, "output", json_string(rpc_strbuf_text(&watch->kept))) < 0) {
        json_decref(map);
        map = NULL;
    }
    return link_take(call, map, ret);
}

static rhai_status watch_job(rhai_call *call, struct proc_client *client, int64_t id,
                             const struct job_options *options, rhai_value *ret) {
    struct watch watch = {.session = herolib_call_session(call), .is_silent = options->is_silent};
    struct proc_job job;
    struct rpc_error err = {0};
    rhai_status status;
    if (proc_job_follow(client, id, options->timeout_ms, on_line, &watch, &job, &err) < 0) {
        status = link_throw(call, &err);
    } else {
        bool is_good = job.phase == PROC_SUCCEEDED || options->ignores_errors;
        status = is_good ? give_result(call, &job, &watch, ret) : throw_failed(call, &job);
        proc_job_done(&job);
    }
    rpc_strbuf_done(&watch.kept);
    return status;
}

static rhai_status job_wait(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct job_options options;
    if (take_options(call, args, OF_WAITING, &options) != RHAI_OK) return RHAI_ERROR;
    struct proc_client *client = link_client(call);
    return client ? watch_job(call, client, rhai_as_int(&args[0]), &options, ret) : RHAI_ERROR;
}

/* ---- Beginning --------------------------------------------------------------------------- */

static rhai_status add_param(rhai_call *call, json_t *params, const char *name,
                             const rhai_value *value) {
    json_t *json = value ? link_json(call, value) : NULL;
    if (!value) return RHAI_OK;
    if (!json) return RHAI_ERROR;
    json_object_set_new(params, name, json);
    return RHAI_OK;
}

/* Parameters of job.create: an action's name, or a map that describes one. NULL: thrown. */
static json_t *params_of(rhai_call *call, const rhai_value *what,
                         const struct job_options *options) {
    json_t *params = json_object();
    const char *by = rhai_type_of(what) == RHAI_MAP ? "spec" : "action";
    if (add_param(call, params, by, what) == RHAI_OK &&
        add_param(call, params, "inputs", options->inputs) == RHAI_OK &&
        add_param(call, params, "tags", options->tags) == RHAI_OK)
        return params;
    json_decref(params);
    return NULL;
}

/* The client; NULL: thrown. */
static struct proc_client *create_job(rhai_call *call, rhai_value *args, enum option_set set,
                                      struct job_options *options, int64_t *ret_id) {
    struct rpc_error err = {0};
    if (take_options(call, args, set, options) != RHAI_OK) return NULL;
    json_t *params = params_of(call, &args[0], options);
    struct proc_client *client = params ? link_client(call) : NULL;
    if (client && proc_job_create_json(client, params, ret_id, &err) < 0) {
        link_throw(call, &err);
        client = NULL;
    }
    json_decref(params);
    return client;
}

static rhai_status job_run(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct job_options options;
    int64_t id;
    struct proc_client *client = create_job(call, args, OF_BOTH, &options, &id);
    return client ? watch_job(call, client, id, &options, ret) : RHAI_ERROR;
}

static rhai_status job_start(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct job_options options;
    int64_t id;
    if (!create_job(call, args, OF_CREATING, &options, &id)) return RHAI_ERROR;
    *ret = rhai_from_int(id);
    return RHAI_OK;
}

#define RUN_DOC                                                                                    \
    "Runs an action of hero_proc as a job, shows its output as it comes, waits for its end and "   \
    "gives "                                                                                       \
    "a map: id, action, phase, success, exit_code, error and output. A job that fails is an "      \
    "error. "
#define SPEC_DOC                                                                                   \
    "The action is described by a map with script and, if need be, interpreter (exec, the "        \
    "default, "                                                                                    \
    "bash or rhai), env, cwd, timeout_ms and what else hero_proc takes. "
#define OPTIONS_DOC                                                                                \
    "Options: silent (shows nothing), die (false: a job that fails gives its result, too), "       \
    "timeout "                                                                                     \
    "(seconds to wait: after them it goes on, and that is an error), inputs (a map of values for " \
    "{{name}} in the script), tags (an array)."

static const rhai_native functions[] = {
    {"job_run", "s", job_run, RHAI_FN_VOLATILE, "job_run(action: string) -> map", RUN_DOC},
    {"job_run", "sm", job_run, RHAI_FN_VOLATILE, "job_run(action: string, options: map) -> map",
     RUN_DOC OPTIONS_DOC},
    {"job_run", "m", job_run, RHAI_FN_VOLATILE, "job_run(action: map) -> map", RUN_DOC SPEC_DOC},
    {"job_run", "mm", job_run, RHAI_FN_VOLATILE, "job_run(action: map, options: map) -> map",
     RUN_DOC SPEC_DOC OPTIONS_DOC},
    {"job_start", "s", job_start, RHAI_FN_VOLATILE, "job_start(action: string) -> int",
     "Runs an action of hero_proc as a job and gives its id at once."},
    {"job_start", "sm", job_start, RHAI_FN_VOLATILE,
     "job_start(action: string, options: map) -> int",
     "The same with the options inputs and tags of job_run."},
    {"job_start", "m", job_start, RHAI_FN_VOLATILE, "job_start(action: map) -> int",
     "Runs an action that a map describes, as job_run does, and gives the job's id at once."},
    {"job_start", "mm", job_start, RHAI_FN_VOLATILE, "job_start(action: map, options: map) -> int",
     "The same with the options inputs and tags of job_run."},
    {"job_wait", "i", job_wait, RHAI_FN_VOLATILE, "job_wait(id: int) -> map",
     "Shows the output of a job, waits for its end, and gives what job_run gives."},
    {"job_wait", "im", job_wait, RHAI_FN_VOLATILE, "job_wait(id: int, options: map) -> map",
     "The same with the options silent, die and timeout of job_run."},
    {"job_status", "i", job_status, RHAI_FN_VOLATILE, "job_status(id: int) -> map",
     "A job: id, action, phase (pending, waiting, running, retrying, succeeded, failed, "
     "cancelled), "
     "success, exit_code (() when there is none yet), error, and what else its hero_proc tells."},
    {"job_list", "", job_list, RHAI_FN_VOLATILE, "job_list() -> array",
     "The newest jobs, those of services among them, newest first: maps as of job_status, without "
     "the "
     "rest."},
    {"job_list", "m", job_list, RHAI_FN_VOLATILE, "job_list(filter: map) -> array",
     "Those that the filter chooses: action, service, phase (strings), and limit."},
    {"job_logs", "i", job_logs, RHAI_FN_VOLATILE, "job_logs(id: int) -> array",
     "The lines that a job has written so far; of long ones the newest 10000."},
    {"job_cancel", "i", job_cancel, RHAI_FN_VOLATILE, "job_cancel(id: int) -> bool",
     "Ends a job; false when it had ended already."},
};

const herolib_module herolib_proc_jobs_module = {
    .name = "proc",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
