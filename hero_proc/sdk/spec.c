#include "hero_proc_sdk/spec.h"

#include <hero_rpc/strbuf.h>

#include <string.h>

static const char *const check_kinds[] = {
    [PROC_CHECK_OPENRPC_SOCKET] = "openrpc_socket",
    [PROC_CHECK_TCP_PORT] = "tcp_port",
    [PROC_CHECK_HTTP_URL] = "http_url",
    [PROC_CHECK_EXEC] = "exec",
};

const char *proc_check_kind_name(enum proc_check_kind kind) {
    return check_kinds[kind];
}

/* ---- Members that are left out when nothing is said -------------------------------------- */

static void add_text(json_t *object, const char *name, const char *value) {
    if (value) json_object_set_new(object, name, json_string(value));
}

static void add_number(json_t *object, const char *name, int64_t value) {
    if (value) json_object_set_new(object, name, json_integer(value));
}

static void add_flag(json_t *object, const char *name, bool value) {
    if (value) json_object_set_new(object, name, json_true());
}

static void add_texts(json_t *object, const char *name, const char *const *values) {
    if (!values) return;
    json_t *list = json_array();
    for (; *values; values++)
        json_array_append_new(list, json_string(*values));
    json_object_set_new(object, name, list);
}

static void add_object(json_t *object, const char *name, json_t *value) {
    if (json_object_size(value) > 0)
        json_object_set_new(object, name, value);
    else
        json_decref(value);
}

/* ---- Actions ---------------------------------------------------------------------------- */

static json_t *env_json(const char *const *env) {
    json_t *record = json_object();
    for (; env && *env; env++) {
        const char *equals = strchr(*env, '=');
        json_t *name = equals ? json_stringn(*env, (size_t)(equals - *env)) : NULL;
        if (name) json_object_set_new(record, json_string_value(name), json_string(equals + 1));
        json_decref(name);
    }
    return record;
}

static json_t *retry_json(const struct proc_retry_policy *policy) {
    json_t *object = json_object();
    add_number(object, "max_attempts", policy->max_attempts);
    add_number(object, "delay_ms", policy->delay_ms);
    add_number(object, "max_delay_ms", policy->max_delay_ms);
    if (policy->backoff > 0) json_object_set_new(object, "backoff", json_real(policy->backoff));
    return object;
}

static json_t *kill_other_json(const struct proc_kill_other *kill_other) {
    json_t *object = json_object();
    add_texts(object, "socket", kill_other->socket);
    add_texts(object, "port", kill_other->port);
    add_texts(object, "process_filters", kill_other->process_filters);
    return object;
}

static json_t *check_json(const struct proc_health_check *check) {
    json_t *object = json_object();
    add_text(object, "kind", proc_check_kind_name(check->kind));
    add_text(object, "target", check->target);
    add_number(object, "interval_ms", check->interval_ms);
    add_number(object, "timeout_ms", check->timeout_ms);
    add_number(object, "failures", check->failures);
    return object;
}

static void add_checks(json_t *object, const struct proc_action *action) {
    if (action->health_check_count == 0) return;
    json_t *list = json_array();
    for (size_t i = 0; i < action->health_check_count; i++)
        json_array_append_new(list, check_json(&action->health_checks[i]));
    json_object_set_new(object, "health_checks", list);
}

static json_t *schedule_json(const struct proc_action *action) {
    json_t *object = json_object();
    add_text(object, "cron", action->cron);
    add_number(object, "interval_ms", action->schedule_interval_ms);
    return object;
}

json_t *proc_action_json(const struct proc_action *action) {
    json_t *object = json_object();
    add_text(object, "name", action->name);
    add_text(object, "script", action->script);
    add_text(object, "interpreter", action->interpreter);
    add_flag(object, "is_process", action->is_process);
    add_flag(object, "tty", action->tty);
    add_flag(object, "singleton", action->singleton);
    add_object(object, "env", env_json(action->env));
    add_text(object, "cwd", action->cwd);
    add_number(object, "timeout_ms", action->timeout_ms);
    add_number(object, "start_timeout_ms", action->start_timeout_ms);
    add_number(object, "stop_timeout_ms", action->stop_timeout_ms);
    add_text(object, "stop_signal", action->stop_signal);
    add_object(object, "retry_policy", retry_json(&action->retry_policy));
    add_number(object, "stability_period_ms", action->stability_period_ms);
    add_object(object, "kill_other", kill_other_json(&action->kill_other));
    add_checks(object, action);
    add_texts(object, "sockets", action->sockets);
    add_texts(object, "depends_on", action->depends_on);
    add_object(object, "schedule", schedule_json(action));
    add_texts(object, "tags", action->tags);
    return object;
}

/* ---- Services --------------------------------------------------------------------------- */

json_t *proc_service_json(const struct proc_service *service) {
    json_t *object = json_object(), *actions = json_array();
    add_text(object, "name", service->name);
    add_text(object, "description", service->description);
    for (size_t i = 0; i < service->action_count; i++)
        json_array_append_new(actions, json_string(service->actions[i].name));
    json_object_set_new(object, "actions", actions);
    add_text(object, "status", service->wanted);
    if (service->is_system) add_text(object, "class", "system");
    add_texts(object, "requires", service->requires);
    add_texts(object, "after", service->after);
    add_texts(object, "wants", service->wants);
    add_texts(object, "conflicts", service->conflicts);
    add_flag(object, "require_ready", service->require_ready);
    add_texts(object, "sockets", service->sockets);
    add_texts(object, "tags", service->tags);
    return object;
}

/* ---- Command lines ---------------------------------------------------------------------- */

void proc_quote_word(struct rpc_strbuf *line, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:=,@%+";
    if (line->len > 0) rpc_strbuf_add_char(line, ' ');
    if (*word && !word[strspn(word, plain)]) {
        rpc_strbuf_add_text(line, word);
        return;
    }
    rpc_strbuf_add_char(line, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            rpc_strbuf_add_text(line, "'\\''");
        else
            rpc_strbuf_add_char(line, *word);
    }
    rpc_strbuf_add_char(line, '\'');
}
