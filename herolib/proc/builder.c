/* builder.c - new_service(name) and what can be said about a service before it is started.
 *
 * A service of a script has one action, which is called like it.
 */
#include "core/module.h"
#include "core/native.h"
#include "core/text.h"
#include "proc/link.h"
#include "proc/remove.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    json_t *action, *service; /* specs as hero_proc/openrpc.json has them */
    bool is_unlogged;
    bool is_reset; /* one of this name goes before */
};

static void builder_free(void *object) {
    struct builder *builder = object;
    json_decref(builder->action);
    json_decref(builder->service);
    free(builder);
}

static void *builder_clone(const void *object) {
    const struct builder *builder = object;
    struct builder *copy = malloc(sizeof *copy);
    if (!copy) return NULL;
    *copy = *builder;
    copy->action = json_deep_copy(builder->action);
    copy->service = json_deep_copy(builder->service);
    if (copy->action && copy->service) return copy;
    builder_free(copy);
    return NULL;
}

static const char *text_in(const json_t *object, const char *member) {
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static size_t builder_text(const void *object, char *buffer, size_t size) {
    const struct builder *builder = object;
    int len = snprintf(buffer, size, "ServiceBuilder(%s)", text_in(builder->service, "name"));
    return (size_t)len < size ? (size_t)len : size - 1;
}

static const rhai_custom_type builder_type = {
    .name = "ServiceBuilder",
    .free = builder_free,
    .clone = builder_clone,
    .text = builder_text,
};

/* ---- Building ---------------------------------------------------------------------------- */

/* A changed copy of the builder args[0], which *ret holds. NULL: thrown. */
static struct builder *changed(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct builder *copy = builder_clone(rhai_as_custom(&args[0]));
    return value_custom(call, &builder_type, copy, ret) == RHAI_OK ? copy : NULL;
}

/* What a setter's change came to. */
static rhai_status done(rhai_call *call, bool is_set, rhai_value *ret) {
    if (is_set) return RHAI_OK;
    rhai_value_done(rhai_call_engine(call), ret);
    return rhai_throw_out_of_memory(call);
}

/* args[index] as text, as for text_argument; NULL: thrown. */
static const char *text_of(rhai_call *call, rhai_value *args, size_t index) {
    return text_argument(call, &args[index], "proc: a text of the service");
}

static rhai_status set(rhai_call *call, bool is_of_action, const char *member, json_t *value,
                       rhai_value *args, rhai_value *ret) {
    struct builder *builder = changed(call, args, ret);
    if (builder)
        return done(call,
                    json_object_set_new(is_of_action ? builder->action : builder->service, member,
                                        value) == 0,
                    ret);
    json_decref(value);
    return RHAI_ERROR;
}

static rhai_status set_text(rhai_call *call, bool is_of_action, const char *member,
                            rhai_value *args, rhai_value *ret) {
    const char *text = text_of(call, args, 1);
    return text ? set(call, is_of_action, member, json_string(text), args, ret) : RHAI_ERROR;
}

static rhai_status set_seconds(rhai_call *call, const char *member, rhai_value *args,
                               rhai_value *ret) {
    int64_t ms;
    if (link_seconds(call, &args[1], &ms) != RHAI_OK) return RHAI_ERROR;
    return set(call, true, member, json_integer(ms), args, ret);
}

/* The array `member` of an object, made when it is not there. */
static json_t *list_in(json_t *object, const char *member) {
    json_t *list = json_object_get(object, member);
    if (!list && json_object_set_new(object, member, json_array()) == 0)
        list = json_object_get(object, member);
    return list;
}

static rhai_status add_name(rhai_call *call, const char *member, rhai_value *args,
                            rhai_value *ret) {
    const char *name = text_of(call, args, 1);
    struct builder *builder = name ? changed(call, args, ret) : NULL;
    if (!builder) return RHAI_ERROR;
    json_t *list = list_in(builder->service, member);
    return done(call, json_array_append_new(list, json_string(name)) == 0, ret);
}

static rhai_status set_name(rhai_call *call, struct builder *builder, const char *name,
                            rhai_value *ret) {
    return done(call,
                json_object_set_new(builder->service, "name", json_string(name)) == 0 &&
                    json_object_set_new(builder->action, "name", json_string(name)) == 0 &&
                    json_object_set_new(builder->service, "actions", json_pack("[s]", name)) == 0,
                ret);
}

static rhai_status new_service(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = rhai_call_nargs(call) > 0 ? text_of(call, args, 0) : "";
    struct builder *builder = name ? malloc(sizeof *builder) : NULL;
    if (!name) return RHAI_ERROR;
    if (builder)
        *builder = (struct builder){.action = json_pack("{s:b}", "is_process", true),
                                    .service = json_object()};
    if (value_custom(call, &builder_type, builder, ret) != RHAI_OK) return RHAI_ERROR;
    return *name ? set_name(call, builder, name, ret) : RHAI_OK;
}

static rhai_status builder_name(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = text_of(call, args, 1);
    struct builder *builder = name ? changed(call, args, ret) : NULL;
    return builder ? set_name(call, builder, name, ret) : RHAI_ERROR;
}

/* ---- What it runs ------------------------------------------------------------------------ */

static rhai_status set_script(rhai_call *call, const char *interpreter, rhai_value *args,
                              rhai_value *ret) {
    const char *script = text_of(call, args, 1);
    struct builder *builder = script ? changed(call, args, ret) : NULL;
    if (!builder) return RHAI_ERROR;
    return done(call,
                json_object_set_new(builder->action, "script", json_string(script)) == 0 &&
                    json_object_set_new(builder->action, "interpreter", json_string(interpreter)) ==
                        0,
                ret);
}

static rhai_status builder_exec(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return set_script(call, "exec", args, ret);
}

static rhai_status builder_script(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return set_script(call, "bash", args, ret);
}

static rhai_status builder_dir(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return set_text(call, true, "cwd", args, ret);
}

static rhai_status builder_env(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = text_of(call, args, 1);
    const char *value = name ? text_of(call, args, 2) : NULL;
    if (!value) return RHAI_ERROR;
    if (!*name || strchr(name, '='))
        return rhai_throw(call, "proc: '%s' cannot be the name of a variable", name);
    struct builder *builder = changed(call, args, ret);
    if (!builder) return RHAI_ERROR;
    json_t *env = json_object_get(builder->action, "env");
    if (!env && json_object_set_new(builder->action, "env", env = json_object()) < 0) env = NULL;
    return done(call, json_object_set_new(env, name, json_string(value)) == 0, ret);
}

static rhai_status builder_log(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *where = text_of(call, args, 1);
    if (!where) return RHAI_ERROR;
    bool is_unlogged = strcmp(where, "null") == 0;
    if (!is_unlogged && strcmp(where, "ring") != 0 && strcmp(where, "stdout") != 0)
        return rhai_throw(call, "proc: log '%s': there are ring, stdout and null", where);
    struct builder *builder = changed(call, args, ret);
    if (builder) builder->is_unlogged = is_unlogged;
    return builder ? RHAI_OK : RHAI_ERROR;
}

static rhai_status builder_oneshot(rhai_call *call, rhai_value *args, rhai_value *ret) {
    bool is_oneshot = rhai_call_nargs(call) < 2 || rhai_as_bool(&args[1]);
    return set(call, true, "is_process", json_boolean(!is_oneshot), args, ret);
}

/* ---- When, and how often ----------------------------------------------------------------- */

static rhai_status builder_after(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return add_name(call, "after", args, ret);
}

static rhai_status builder_requires(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return add_name(call, "requires", args, ret);
}

static rhai_status builder_retry(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int64_t delay_ms = 0;
    bool has_delay = rhai_call_nargs(call) > 2;
    if (rhai_as_int(&args[1]) < 0) return rhai_throw(call, "proc: retry: attempts are 0 or more");
    if (has_delay && link_seconds(call, &args[2], &delay_ms) != RHAI_OK) return RHAI_ERROR;
    json_t *policy = json_pack("{s:I}", "max_attempts", (json_int_t)rhai_as_int(&args[1]));
    if (has_delay) json_object_set_new(policy, "delay_ms", json_integer(delay_ms));
    return set(call, true, "retry_policy", policy, args, ret);
}

static rhai_status builder_period(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return set_seconds(call, "stability_period_ms", args, ret);
}

static rhai_status builder_shutdown_timeout(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return set_seconds(call, "stop_timeout_ms", args, ret);
}

static rhai_status builder_check(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *kind = text_of(call, args, 1), *target = kind ? text_of(call, args, 2) : NULL;
    bool is_known = false;
    if (!target) return RHAI_ERROR;
    for (int i = PROC_CHECK_OPENRPC_SOCKET; i <= PROC_CHECK_EXEC; i++)
        is_known |= strcmp(kind, proc_check_kind_name((enum proc_check_kind)i)) == 0;
    if (!is_known)
        return rhai_throw(
            call, "proc: check '%s': there are openrpc_socket, tcp_port, http_url and exec", kind);
    struct builder *builder = changed(call, args, ret);
    if (!builder) return RHAI_ERROR;
    json_t *list = list_in(builder->action, "health_checks");
    return done(
        call,
        json_array_append_new(list, json_pack("{s:s, s:s}", "kind", kind, "target", target)) == 0,
        ret);
}

/* ---- Registering and starting ------------------------------------------------------------ */

static rhai_status builder_reset(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct builder *builder = changed(call, args, ret);
    if (builder) builder->is_reset = rhai_call_nargs(call) < 2 || rhai_as_bool(&args[1]);
    return builder ? RHAI_OK : RHAI_ERROR;
}

/* Its action, with its output where it shall go. NULL: out of memory. */
static json_t *action_of(const struct builder *builder) {
    json_t *action = json_copy(builder->action);
    const char *script = text_in(action, "script");
    bool is_exec = strcmp(text_in(action, "interpreter"), "exec") == 0;
    if (action && builder->is_unlogged)
        json_object_set_new(action, "script",
                            json_sprintf(is_exec ? "sh -c 'exec \"$@\" >/dev/null 2>&1' sh %s"
                                                 : "exec >/dev/null 2>&1\n%s",
                                         script));
    return action;
}

/* The client, once all has been said that must be; NULL: thrown. */
static struct proc_client *begin(rhai_call *call, const struct builder *builder) {
    const char *name = text_in(builder->service, "name");
    if (!*name) {
        rhai_throw(call, "proc: %s: the service has no name", rhai_call_name(call));
        return NULL;
    }
    if (!*text_in(builder->action, "script")) {
        rhai_throw(call, "proc: %s: %s has nothing to run: say exec or script",
                   rhai_call_name(call), name);
        return NULL;
    }
    return link_client(call);
}

/* Registers it, and starts it when there is time to wait for that. -1 with *err set. */
static int put(struct proc_client *client, const struct builder *builder, int64_t timeout_ms,
               struct rpc_strbuf *log, struct rpc_error *err) {
    bool waits = timeout_ms > 0, was_there;
    if (builder->is_reset &&
        remove_service(client, text_in(builder->service, "name"), &was_there, err) < 0)
        return -1;
    json_t *actions = json_pack("[o]", action_of(builder));
    if (!actions) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    int failed =
        waits ? proc_restart_service_json(client, actions, builder->service, timeout_ms, log, err)
              : proc_service_set_json(client, actions, builder->service, err);
    json_decref(actions);
    return failed;
}

static int put_and_start(struct proc_client *client, const struct builder *builder,
                         int64_t timeout_ms, struct rpc_strbuf *log, struct rpc_error *err) {
    if (put(client, builder, timeout_ms, log, err) < 0) return -1;
    if (timeout_ms > 0) return 0;
    json_t *params = json_pack("{s:O}", "name", json_object_get(builder->service, "name"));
    json_t *answer = proc_call(client, PROC_SERVICE_RESTART, params, err);
    json_decref(params);
    json_decref(answer);
    return answer ? 0 : -1;
}

static rhai_status builder_register(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct builder *builder = rhai_as_custom(&args[0]);
    struct proc_client *client = begin(call, builder);
    struct rpc_error err = {0};
    if (!client) return RHAI_ERROR;
    if (put(client, builder, 0, NULL, &err) < 0) return link_throw(call, &err);
    rhai_value_copy(&args[0], ret);
    return RHAI_OK;
}

static rhai_status builder_start(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct builder *builder = rhai_as_custom(&args[0]);
    struct rpc_strbuf log = RPC_STRBUF_INIT;
    struct rpc_error err = {0};
    int64_t timeout_ms;
    if (link_seconds(call, &args[1], &timeout_ms) != RHAI_OK) return RHAI_ERROR;
    struct proc_client *client = begin(call, builder);
    if (!client) return RHAI_ERROR;
    if (put_and_start(client, builder, timeout_ms, &log, &err) < 0)
        return link_throw_log(call, &err, &log);
    return link_give_service(call, client, text_in(builder->service, "name"), ret);
}

#define BUILDER "{ServiceBuilder}"
#define SETTER(name, params, function, arguments, doc)                                             \
    {                                                                                              \
        name, BUILDER params, function, 0,                                                         \
            "ServiceBuilder." name "(" arguments ") -> ServiceBuilder", doc                        \
    }

static const rhai_native functions[] = {
    {"new_service", "", new_service, 0, "new_service() -> ServiceBuilder",
     "Describes a service for hero_proc. Nothing is told to it before register() or start()."},
    {"new_service", "s", new_service, 0, "new_service(name: string) -> ServiceBuilder",
     "Describes a service of this name for hero_proc. Nothing is told to it before register() or "
     "start()."},
    SETTER("name", "s", builder_name, "name: string", "What it is called."),
    SETTER("exec", "s", builder_exec, "command: string",
           "What it runs: a command line, without a shell. It has words and quotes, but no "
           "variables."),
    SETTER("script", "s", builder_script, "text: string",
           "What it runs: a script for bash, instead of exec."),
    SETTER("dir", "s", builder_dir, "path: string",
           "The directory that it runs in; the home directory otherwise."),
    SETTER("env", "ss", builder_env, "name: string, value: string",
           "A variable of its environment, beside those that hero_proc gives to all."),
    SETTER("log", "s", builder_log, "where: string",
           "Where its output goes: \"ring\" or \"stdout\", which both are the log of hero_proc, or "
           "\"null\": nowhere."),
    SETTER("after", "s", builder_after, "service: string",
           "That one comes first, if it is starting at all."),
    SETTER("requires", "s", builder_requires, "service: string",
           "That one is started with it, and must be ready before."),
    SETTER("oneshot", "", builder_oneshot, "",
           "It runs to its end once, and is not started again when it has ended well."),
    SETTER("oneshot", "b", builder_oneshot, "yes: bool", "Whether it runs to its end once."),
    SETTER("retry", "i", builder_retry, "attempts: int",
           "It is started at most so often in a row when it ends; 0: without end."),
    SETTER(
        "retry", "i?", builder_retry, "attempts: int, delay: number",
        "The same, with so many seconds before the second attempt; each further delay is longer."),
    SETTER("period", "?", builder_period, "seconds: number",
           "When it has run so long, its attempts are counted anew."),
    SETTER("shutdown_timeout", "?", builder_shutdown_timeout, "seconds: number",
           "How long it may take to stop before it is killed."),
    SETTER(
        "check", "ss", builder_check, "kind: string, target: string",
        "It is running only while this passes: openrpc_socket (a path whose /health answers), "
        "tcp_port (\"8080\" or \"host:8080\"), http_url (answers 2xx) or exec (a command line that "
        "ends with 0). Several may be said."),
    SETTER("reset", "", builder_reset, "",
           "A service of this name is stopped and forgotten before this one is registered."),
    SETTER("reset", "b", builder_reset, "yes: bool",
           "Whether a service of this name is forgotten before."),
    {"register", BUILDER, builder_register, RHAI_FN_VOLATILE,
     "ServiceBuilder.register() -> ServiceBuilder",
     "Tells hero_proc about the service. What runs of it goes on as it was."},
    {"start", BUILDER "?", builder_start, RHAI_FN_VOLATILE,
     "ServiceBuilder.start(seconds: number) -> map",
     "Registers the service, stops what runs of it, starts it, and waits until it is running and "
     "its checks pass (or, with oneshot, has ended well), for at most so many seconds in all; not "
     "at all with 0. Gives its status. That it fails is an error with the reason and the last "
     "lines of its log."},
};

static const rhai_custom_type *const types[] = {&builder_type};

const herolib_module herolib_proc_builder_module = {
    .name = "proc",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
