#include "client.h"

#include "hero_proc_sdk/lenient.h"

#include <hero_rpc/clock.h>

#include <string.h>

#define POLL_FIRST_MS 10
#define POLL_MAX_MS 100

static int read_id(json_t *result, int64_t *ret_id, struct rpc_error *err) {
    if (!result) return -1;
    int64_t id = json_is_integer(result) ? json_integer_value(result)
                                         : lenient_number(result, "id|job_id|job", -1);
    json_decref(result);
    if (id < 0) {
        rpc_error_set(err, RPC_ERROR_PROTOCOL, 0, "the answer to a new job holds no id");
        return -1;
    }
    *ret_id = id;
    return 0;
}

int proc_job_create(struct proc_client *client, const char *action, int64_t *ret_id,
                    struct rpc_error *err) {
    json_t *params = json_pack("{s:s}", "action", action);
    return read_id(client_call(client, PROC_JOB_CREATE, params, err), ret_id, err);
}

int proc_job_create_spec(struct proc_client *client, const struct proc_action *action,
                         int64_t *ret_id, struct rpc_error *err) {
    json_t *params = json_pack("{s:o}", "spec", proc_action_json(action));
    return read_id(client_call(client, PROC_JOB_CREATE, params, err), ret_id, err);
}

int proc_job_create_json(struct proc_client *client, const json_t *params, int64_t *ret_id,
                         struct rpc_error *err) {
    return read_id(proc_call(client, PROC_JOB_CREATE, params, err), ret_id, err);
}

void proc_job_done(struct proc_job *job) {
    json_decref(job->json);
    *job = (struct proc_job){0};
}

void proc_job_read(const json_t *value, struct proc_job *ret_job) {
    const json_t *inner = lenient_get(value, "job");
    const json_t *record = json_is_object(inner) ? inner : value;
    const json_t *exit_code = lenient_get(record, "exit_code|exit_status");
    *ret_job = (struct proc_job){
        .id = lenient_number(record, "id|job_id", 0),
        .action = lenient_text(record, "action|action_name|name"),
        .phase = proc_phase_parse(lenient_text(record, "phase|state|status")),
        .has_exit_code = json_is_integer(exit_code),
        .exit_code = (int)json_integer_value(exit_code),
        .attempt = lenient_number(record, "attempt|attempts", 0),
        .error = lenient_text(record, "error|message"),
    };
}

int proc_job_get(struct proc_client *client, int64_t id, struct proc_job *ret_job,
                 struct rpc_error *err) {
    json_t *result =
        client_call(client, PROC_JOB_GET, json_pack("{s:I}", "id", (json_int_t)id), err);
    if (!result) return -1;
    proc_job_read(result, ret_job);
    ret_job->id = id;
    ret_job->json = result;
    return 0;
}

/* ---- Output ----------------------------------------------------------------------------- */

/* Whom to tell lines of a job, and what has been told. A server with a cursor sends what follows
 * it, another one all lines each time. */
struct output {
    void (*line)(void *ctx, const struct proc_log_line *line); /* NULL: nobody wants them */
    void *ctx;
    int64_t cursor; /* 0: none */
    size_t known;   /* lines since the cursor that have been told */
};

static void tell_text(const char *text, struct output *output) {
    struct rpc_strbuf line = RPC_STRBUF_INIT;
    size_t index = 0;
    for (size_t len; *text; text += len + (text[len] == '\n'), index++) {
        len = strcspn(text, "\n");
        if (index < output->known) continue;
        rpc_strbuf_clear(&line);
        rpc_strbuf_add(&line, text, len);
        output->line(output->ctx, &(struct proc_log_line){
                                      .source = "", .level = "", .text = rpc_strbuf_text(&line)});
    }
    rpc_strbuf_done(&line);
    output->known = index;
}

static void tell_list(const json_t *list, struct output *output) {
    size_t index;
    json_t *record;
    json_array_foreach((json_t *)(uintptr_t)list, index, record) {
        struct proc_log_line read;
        if (index < output->known) continue;
        proc_log_line_read(record, &read);
        output->line(output->ctx, &read);
    }
    output->known = json_array_size(list);
}

/* Whether the server can be asked for lines after one that it named. */
static bool takes_cursor(const struct proc_client *client) {
    const json_t *schema = client->contract.methods[PROC_JOB_LOGS].schema;
    return json_object_get(json_object_get(schema, "properties"), "after_id");
}

/* Tells the lines that are new: one question, so that a job that writes without end holds nobody.
 */
static int tell_new_lines(struct proc_client *client, int64_t id, struct output *output,
                          struct rpc_error *err) {
    json_t *params = json_pack("{s:I}", "id", (json_int_t)id);
    if (output->cursor) json_object_set_new(params, "after_id", json_integer(output->cursor));
    json_t *result = client_call(client, PROC_JOB_LOGS, params, err);
    if (!result) return -1;
    if (json_is_string(result))
        tell_text(json_string_value(result), output);
    else
        tell_list(lenient_list(result, "lines|logs|entries"), output);
    int64_t cursor = takes_cursor(client) ? lenient_number(result, "cursor", 0) : 0;
    if (cursor > 0) *output = (struct output){output->line, output->ctx, cursor, 0};
    json_decref(result);
    return 0;
}

/* The same where somebody wants them and the server tells them. */
static int tell_output(struct proc_client *client, int64_t id, struct output *output,
                       struct rpc_error *err) {
    struct rpc_error failure = {0};
    if (!output->line || tell_new_lines(client, id, output, &failure) == 0) return 0;
    bool is_missing = proc_is_missing(&failure);
    if (is_missing)
        output->line = NULL;
    else
        rpc_error_set(err, failure.kind, failure.code, "%s", failure.message);
    rpc_error_clear(&failure);
    return is_missing ? 0 : -1;
}

int proc_job_follow(struct proc_client *client, int64_t id, int64_t timeout_ms,
                    void (*line)(void *ctx, const struct proc_log_line *line), void *ctx,
                    struct proc_job *ret_job, struct rpc_error *err) {
    int64_t deadline_ms = rpc_clock_monotonic_ms() + timeout_ms, pause_ms = POLL_FIRST_MS;
    struct output output = {.line = line, .ctx = ctx};
    for (;;) {
        struct proc_job job;
        if (proc_job_get(client, id, &job, err) < 0) return -1;
        int told = tell_output(client, id, &output, err);
        if (told == 0 && proc_phase_is_final(job.phase)) {
            *ret_job = job;
            return 0;
        }
        int64_t left_ms = deadline_ms - rpc_clock_monotonic_ms();
        if (told == 0 && left_ms <= 0)
            rpc_error_set(err, RPC_ERROR_TIMEOUT, 0, "job %lld has not ended: it is %s",
                          (long long)id, proc_phase_name(job.phase));
        proc_job_done(&job);
        if (told < 0 || left_ms <= 0) return -1;
        if (client_pause(client, pause_ms < left_ms ? pause_ms : left_ms, err) < 0) return -1;
        pause_ms = pause_ms * 2 < POLL_MAX_MS ? pause_ms * 2 : POLL_MAX_MS;
    }
}

int proc_job_wait(struct proc_client *client, int64_t id, int64_t timeout_ms,
                  struct proc_job *ret_job, struct rpc_error *err) {
    return proc_job_follow(client, id, timeout_ms, NULL, NULL, ret_job, err);
}

static void add_line(void *ctx, const struct proc_log_line *line) {
    rpc_strbuf_addf(ctx, "%s\n", line->text);
}

int proc_job_logs(struct proc_client *client, int64_t id, struct rpc_strbuf *ret_text,
                  struct rpc_error *err) {
    struct output output = {.line = add_line, .ctx = ret_text};
    return tell_new_lines(client, id, &output, err);
}

int proc_job_cancel(struct proc_client *client, int64_t id, struct rpc_error *err) {
    return client_do(client, PROC_JOB_CANCEL, json_pack("{s:I}", "id", (json_int_t)id), err);
}
