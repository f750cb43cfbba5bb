#include "client.h"

#include "hero_proc_sdk/lenient.h"

#include <hero_rpc/clock.h>

#include <time.h>

#define WAIT_POLL_MS 100

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

int proc_job_wait(struct proc_client *client, int64_t id, int64_t timeout_ms,
                  struct proc_job *ret_job, struct rpc_error *err) {
    int64_t deadline_ms = rpc_clock_monotonic_ms() + timeout_ms;
    for (;;) {
        struct proc_job job;
        if (proc_job_get(client, id, &job, err) < 0) return -1;
        if (proc_phase_is_final(job.phase)) {
            *ret_job = job;
            return 0;
        }
        bool is_over = rpc_clock_monotonic_ms() >= deadline_ms;
        if (is_over)
            rpc_error_set(err, RPC_ERROR_TIMEOUT, 0, "job %lld has not ended: it is %s",
                          (long long)id, proc_phase_name(job.phase));
        proc_job_done(&job);
        if (is_over) return -1;
        nanosleep(&(struct timespec){.tv_nsec = WAIT_POLL_MS * 1000000L}, NULL);
    }
}

int proc_job_logs(struct proc_client *client, int64_t id, struct rpc_strbuf *ret_text,
                  struct rpc_error *err) {
    json_t *result =
        client_call(client, PROC_JOB_LOGS, json_pack("{s:I}", "id", (json_int_t)id), err);
    if (!result) return -1;
    if (json_is_string(result)) rpc_strbuf_add_text(ret_text, json_string_value(result));
    size_t index;
    json_t *line;
    json_array_foreach(lenient_list(result, "lines|logs|entries"), index, line) {
        struct proc_log_line read;
        proc_log_line_read(line, &read);
        rpc_strbuf_addf(ret_text, "%s\n", read.text);
    }
    json_decref(result);
    return 0;
}

int proc_job_cancel(struct proc_client *client, int64_t id, struct rpc_error *err) {
    return client_do(client, PROC_JOB_CANCEL, json_pack("{s:I}", "id", (json_int_t)id), err);
}
