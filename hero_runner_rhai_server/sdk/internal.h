/* What the files of the SDK share. */
#ifndef SDK_INTERNAL_H
#define SDK_INTERNAL_H

#include "hero_runner_rhai_sdk/runner.h"

#include <hero_rpc/client.h>

#define SDK_NO_TIMEOUT (-1)
#define SDK_CALL_TIMEOUT_MS 60000

/* Calls with params, of which the reference is taken. */
json_t *sdk_call(struct runner *runner, const char *method, json_t *params, long timeout_ms,
                 struct rpc_error *err);
/* With the id of a session as the only param. */
json_t *sdk_call_for(struct runner *runner, const char *method, const char *id,
                     struct rpc_error *err);

/* For streams; it stays the runner's. */
struct rpc_client *sdk_client(struct runner *runner);
/* A connection that broke, and may be taken up again. */
#define SDK_RECONNECTS_MAX 5
bool sdk_is_worth_retrying(const struct rpc_error *err);

/* Both set *err and return -1. */
int sdk_out_of_memory(struct rpc_error *err);
int sdk_unexpected(struct rpc_error *err, const char *what);

/* Read an answer; each takes a reference of its own to `json`. */
int sdk_read_session(json_t *json, struct runner_session *ret, struct rpc_error *err);
int sdk_read_result(json_t *json, struct runner_result *ret, struct rpc_error *err);
/* Borrows from `json`. */
int sdk_read_line(const json_t *json, struct runner_line *ret, struct rpc_error *err);

/* The params of session_start, a new reference. */
json_t *sdk_start_params(const struct runner_start *start, struct rpc_error *err);

static inline const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static inline int64_t int_of(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

/* Members of params: nothing for NULL and 0. */
void sdk_put_text(json_t *params, const char *name, const char *text);
void sdk_put_number(json_t *params, const char *name, int64_t value);
int sdk_add_env_vars(json_t *params, const char *const *env_vars, struct rpc_error *err);

#endif
