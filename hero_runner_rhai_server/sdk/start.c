/* Beginning sessions. */
#include "hero_runner_rhai_sdk/runner.h"
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sdk_add_env_vars(json_t *params, const char *const *env_vars, struct rpc_error *err) {
    if (!env_vars) return 0;
    json_t *object = json_object();
    if (json_object_set_new(params, "env_vars", object) < 0) return sdk_out_of_memory(err);
    for (; *env_vars; env_vars++) {
        const char *equals = strchr(*env_vars, '=');
        char *name = equals ? strndup(*env_vars, (size_t)(equals - *env_vars)) : NULL;
        if (!equals || equals == *env_vars) {
            free(name);
            rpc_error_set(err, RPC_ERROR_INVALID, 0, "env_vars: \"%s\" is not NAME=value",
                          *env_vars);
            return -1;
        }
        int failed = !name || json_object_set_new(object, name, json_string(equals + 1)) < 0;
        free(name);
        if (failed) {
            rpc_error_set(err, RPC_ERROR_INVALID, 0, "env_vars: \"%s\" is not UTF-8", *env_vars);
            return -1;
        }
    }
    return 0;
}

static int add_texts(json_t *params, const char *name, const char *const *args,
                     struct rpc_error *err) {
    if (!args) return 0;
    json_t *array = json_array();
    if (json_object_set_new(params, name, array) < 0) return sdk_out_of_memory(err);
    for (; *args; args++) {
        if (json_array_append_new(array, json_string(*args)) == 0) continue;
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: \"%s\" is not UTF-8", name, *args);
        return -1;
    }
    return 0;
}

static int add_script(json_t *params, const struct runner_start *start, struct rpc_error *err) {
    if (!start->script) return 0;
    size_t len = start->script_len ? start->script_len : strlen(start->script);
    json_t *script = json_stringn(start->script, len);
    if (json_object_set_new(params, "script", script) == 0) return 0;
    rpc_error_set(err, RPC_ERROR_INVALID, 0, "script: is not UTF-8");
    return -1;
}

/* What is -1 here is 0 there. */
static void put_limit(json_t *params, const char *name, int64_t value) {
    if (value) json_object_set_new(params, name, json_integer(value < 0 ? 0 : value));
}

static void add_limits(json_t *params, const struct runner_limits *limits) {
    json_t *object = json_object();
    put_limit(object, "cpu_ms", limits->cpu_ms);
    put_limit(object, "memory_bytes", limits->memory_bytes);
    put_limit(object, "operations", limits->operations);
    put_limit(object, "output_bytes", limits->output_bytes);
    put_limit(object, "processes", limits->processes);
    put_limit(object, "open_files", limits->open_files);
    if (json_object_size(object) > 0)
        json_object_set_new(params, "limits", object);
    else
        json_decref(object);
}

static void add_options(json_t *params, const struct runner_start *start) {
    sdk_put_text(params, "script_path", start->script_path);
    sdk_put_text(params, "script_url", start->script_url);
    sdk_put_text(params, "script_name", start->script_name);
    sdk_put_number(params, "script_version", start->script_version);
    sdk_put_text(params, "working_dir", start->working_dir);
    put_limit(params, "timeout_ms", start->timeout_ms);
    if (start->forward_logs || start->keep_logs_here)
        json_object_set_new(params, "forward_logs", json_boolean(!start->keep_logs_here));
    if (start->inputs) json_object_set(params, "inputs", start->inputs);
    add_limits(params, &start->limits);
    sdk_put_number(params, "priority", start->priority);
    sdk_put_text(params, "idempotency_key", start->idempotency_key);
    sdk_put_text(params, "concurrency_key", start->concurrency_key);
    sdk_put_number(params, "concurrency_limit", start->concurrency_limit);
    if (start->callback_url || start->callback_socket)
        json_object_set_new(params, "callback",
                            json_pack("{s:s*, s:s*, s:s*}", "url", start->callback_url, "socket",
                                      start->callback_socket, "path", start->callback_path));
}

json_t *sdk_start_params(const struct runner_start *start, struct rpc_error *err) {
    json_t *params = json_object();
    add_options(params, start);
    if (add_script(params, start, err) == 0 &&
        sdk_add_env_vars(params, start->env_vars, err) == 0 &&
        add_texts(params, "args", start->args, err) == 0 &&
        add_texts(params, "tags", start->tags, err) == 0 &&
        add_texts(params, "secret_vars", start->secret_vars, err) == 0)
        return params;
    json_decref(params);
    return NULL;
}

static int take_id(json_t *result, char ret_id[RUNNER_ID_BYTES], struct rpc_error *err) {
    if (!result) return -1;
    const char *id = json_string_value(json_object_get(result, "session_id"));
    int outcome = id && strlen(id) < RUNNER_ID_BYTES ? 0 : sdk_unexpected(err, "session_id");
    if (outcome == 0) snprintf(ret_id, RUNNER_ID_BYTES, "%s", id);
    json_decref(result);
    return outcome;
}

int runner_session_start(struct runner *runner, const struct runner_start *start,
                         char ret_id[RUNNER_ID_BYTES], struct rpc_error *err) {
    json_t *params = sdk_start_params(start, err);
    if (!params) return -1;
    return take_id(sdk_call(runner, "session_start", params, SDK_CALL_TIMEOUT_MS, err), ret_id,
                   err);
}

int runner_session_rerun(struct runner *runner, const char *id, const char *const *env_vars,
                         json_t *inputs, char ret_id[RUNNER_ID_BYTES], struct rpc_error *err) {
    json_t *params = json_pack("{s:s}", "session_id", id);
    if (!params || sdk_add_env_vars(params, env_vars, err) < 0) {
        json_decref(params);
        return -1;
    }
    if (inputs) json_object_set(params, "inputs", inputs);
    return take_id(sdk_call(runner, "session_rerun", params, SDK_CALL_TIMEOUT_MS, err), ret_id,
                   err);
}

int runner_session_run(struct runner *runner, const struct runner_start *start,
                       struct runner_session *ret_session, struct runner_result *ret_result,
                       struct rpc_error *err) {
    json_t *params = sdk_start_params(start, err);
    if (!params) return -1;
    sdk_put_number(params, "wait_ms", start->wait_ms);
    json_t *json = sdk_call(runner, "session_run", params, SDK_NO_TIMEOUT, err);
    if (!json) return -1;
    struct runner_session session = {0};
    struct runner_result result = {0};
    int outcome = sdk_read_session(json, &session, err);
    if (outcome == 0 && runner_status_is_final(session.status))
        outcome = sdk_read_result(json, &result, err);
    json_decref(json);
    if (outcome == 0 && ret_session)
        *ret_session = session;
    else
        runner_session_done(&session);
    if (outcome == 0 && ret_result)
        *ret_result = result;
    else
        runner_result_done(&result);
    return outcome;
}
