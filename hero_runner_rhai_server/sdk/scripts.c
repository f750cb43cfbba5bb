/* The library, checks, and running the server. */
#include "hero_runner_rhai_sdk/runner.h"
#include "internal.h"

#define RELOAD_TIMEOUT_MS 60000

/* A call of which only its success counts. */
static int done(json_t *result) {
    json_decref(result);
    return result ? 0 : -1;
}

static int take_number(json_t *result, const char *name, unsigned *ret_number) {
    if (result && ret_number)
        *ret_number = (unsigned)json_integer_value(json_object_get(result, name));
    return done(result);
}

/* ---- Sessions ----------------------------------------------------------------------------- */

int runner_session_stop_all(struct runner *runner, unsigned *ret_stopped, unsigned *ret_cancelled,
                            struct rpc_error *err) {
    json_t *result = sdk_call(runner, "session_stop_all", NULL, SDK_CALL_TIMEOUT_MS, err);
    if (result && ret_stopped)
        *ret_stopped = (unsigned)json_integer_value(json_object_get(result, "stopped"));
    return take_number(result, "cancelled", ret_cancelled);
}

int runner_session_delete(struct runner *runner, const char *id, struct rpc_error *err) {
    return done(sdk_call_for(runner, "session_delete", id, err));
}

json_t *runner_session_request(struct runner *runner, const char *id, struct rpc_error *err) {
    return sdk_call_for(runner, "session_request", id, err);
}

/* ---- Scripts ------------------------------------------------------------------------------ */

static json_t *script_params(const char *script, size_t len, struct rpc_error *err) {
    json_t *params = json_object();
    if (json_object_set_new(params, "script", json_stringn(script, len)) == 0) return params;
    json_decref(params);
    rpc_error_set(err, RPC_ERROR_INVALID, 0, "script: is not UTF-8");
    return NULL;
}

int runner_script_save(struct runner *runner, const char *name, const char *script, size_t len,
                       const char *description, int64_t *ret_version, struct rpc_error *err) {
    json_t *params = script_params(script, len, err);
    if (!params) return -1;
    sdk_put_text(params, "name", name);
    sdk_put_text(params, "description", description);
    json_t *result = sdk_call(runner, "script_save", params, SDK_CALL_TIMEOUT_MS, err);
    if (result && ret_version)
        *ret_version = json_integer_value(json_object_get(result, "version"));
    return done(result);
}

static json_t *named(const char *name, int64_t version) {
    json_t *params = json_object();
    sdk_put_text(params, "name", name);
    sdk_put_number(params, "version", version);
    return params;
}

int runner_script_delete(struct runner *runner, const char *name, int64_t version,
                         struct rpc_error *err) {
    return done(sdk_call(runner, "script_delete", named(name, version), SDK_CALL_TIMEOUT_MS, err));
}

json_t *runner_script_get(struct runner *runner, const char *name, int64_t version,
                          struct rpc_error *err) {
    return sdk_call(runner, "script_get", named(name, version), SDK_CALL_TIMEOUT_MS, err);
}

json_t *runner_script_list(struct runner *runner, struct rpc_error *err) {
    return sdk_call(runner, "script_list", NULL, SDK_CALL_TIMEOUT_MS, err);
}

json_t *runner_script_check(struct runner *runner, const char *script, size_t len,
                            struct rpc_error *err) {
    json_t *params = script_params(script, len, err);
    return params ? sdk_call(runner, "script_check", params, SDK_CALL_TIMEOUT_MS, err) : NULL;
}

json_t *runner_functions(struct runner *runner, const char *pattern, struct rpc_error *err) {
    json_t *params = json_object();
    sdk_put_text(params, "pattern", pattern);
    return sdk_call(runner, "functions", params, SDK_CALL_TIMEOUT_MS, err);
}

/* ---- The service -------------------------------------------------------------------------- */

int runner_reload(struct runner *runner, unsigned *ret_generation, struct rpc_error *err) {
    return take_number(sdk_call(runner, "reload", NULL, RELOAD_TIMEOUT_MS, err), "generation",
                       ret_generation);
}

int runner_drain(struct runner *runner, bool on, unsigned *ret_running, struct rpc_error *err) {
    return take_number(
        sdk_call(runner, "drain", json_pack("{s:b}", "on", on), SDK_CALL_TIMEOUT_MS, err),
        "running", ret_running);
}

json_t *runner_stats_history(struct runner *runner, unsigned history_s, unsigned step_s,
                             struct rpc_error *err) {
    json_t *params = json_object();
    sdk_put_number(params, "history_s", history_s);
    sdk_put_number(params, "step_s", step_s);
    return sdk_call(runner, "stats", params, SDK_CALL_TIMEOUT_MS, err);
}

json_t *runner_config(struct runner *runner, struct rpc_error *err) {
    return sdk_call(runner, "config_get", NULL, SDK_CALL_TIMEOUT_MS, err);
}
