#include "server/spec.h"

#include <errno.h>
#include <hero_rpc/jsonrpc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct check_spec check_defaults = {
    .interval_ms = 10000, .timeout_ms = 5000, .failures = 3};

/* A process is started again after it ended; a job that failed is not, unless its spec says so. */
static const struct retry_spec process_retry = {
    .max_attempts = 10, .delay_ms = 1000, .max_delay_ms = 60000, .backoff = 2};
static const struct retry_spec job_retry = {
    .max_attempts = 1, .delay_ms = 1000, .max_delay_ms = 60000, .backoff = 2};

#define START_TIMEOUT_MS 30000
#define STOP_TIMEOUT_MS 10000
#define STABILITY_MS 10000

/* ---- Members ----------------------------------------------------------------------------- */

static int fail(struct rpc_error *err, const char *field, const char *what) {
    rpc_error_set(err, RPC_ERROR_INVALID, 0, "\"%s\" %s", field, what);
    return -1;
}

static const char *get_text(const json_t *json, const char *name, const char *otherwise) {
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : otherwise;
}

/* A number of milliseconds or the like, not below `least`. */
static int get_number(const json_t *json, const char *name, int64_t least, int64_t *number,
                      struct rpc_error *err) {
    const json_t *value = json_object_get(json, name);
    if (!value || json_is_null(value)) return 0;
    int64_t given = rpc_json_integer(value, 0);
    if (!json_is_number(value) || given < least) return fail(err, name, "is out of range");
    *number = given;
    return 0;
}

static int get_names(const json_t *json, const char *name, const json_t **ret_names,
                     struct rpc_error *err) {
    const json_t *names = json_object_get(json, name);
    *ret_names = NULL;
    if (!names || json_is_null(names)) return 0;
    if (!json_is_array(names)) return fail(err, name, "must be an array of texts");
    if (json_array_size(names) > SPEC_LIST_MAX) return fail(err, name, "has too many entries");
    size_t index;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)names, index, entry)
        if (!json_is_string(entry)) return fail(err, name, "must be an array of texts");
    *ret_names = names;
    return 0;
}

/* Names are parts of file names and of "service.action". */
static int check_name(const char *name, struct rpc_error *err) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@:+";
    if (!name || !*name) return fail(err, "name", "is missing");
    if (strlen(name) > SPEC_NAME_MAX_BYTES) return fail(err, "name", "is too long");
    if (name[0] == '.' || name[strspn(name, allowed)])
        return fail(err, "name", "may have letters, digits and _-.@:+ only, and no dot in front");
    return 0;
}

const char *spec_context(const json_t *json) {
    const char *context = get_text(json, "context", get_text(json, "context_name", ""));
    return *context ? context : SPEC_DEFAULT_CONTEXT;
}

/* ---- Health checks ----------------------------------------------------------------------- */

static const char *const check_kinds[] = {
    [CHECK_OPENRPC_SOCKET] = "openrpc_socket",
    [CHECK_TCP_PORT] = "tcp_port",
    [CHECK_HTTP_URL] = "http_url",
    [CHECK_EXEC] = "exec",
};

static int parse_check(const json_t *json, struct check_spec *check, struct rpc_error *err) {
    const char *kind = get_text(json, "kind", get_text(json, "type", ""));
    size_t i = 0, count = sizeof check_kinds / sizeof check_kinds[0];
    while (i < count && strcasecmp(kind, check_kinds[i]) != 0)
        i++;
    if (i == count)
        return fail(err, "health_checks.kind",
                    "must be openrpc_socket, tcp_port, http_url or exec");
    *check = check_defaults;
    check->kind = (enum check_kind)i;
    check->target = get_text(json, "target", NULL);
    if (!check->target || !*check->target) return fail(err, "health_checks.target", "is missing");
    if (get_number(json, "interval_ms", 10, &check->interval_ms, err) < 0 ||
        get_number(json, "timeout_ms", 1, &check->timeout_ms, err) < 0)
        return -1;
    return get_number(json, "failures", 1, &check->failures, err);
}

static int parse_checks(struct action_spec *spec, struct rpc_error *err) {
    const json_t *checks = json_object_get(spec->json, "health_checks");
    size_t count = json_array_size(checks), index;
    if (count > SPEC_LIST_MAX) return fail(err, "health_checks", "has too many entries");
    if (count == 0) return 0;
    spec->checks = calloc(count, sizeof *spec->checks);
    if (!spec->checks) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    json_t *check;
    json_array_foreach((json_t *)(uintptr_t)checks, index, check)
        if (parse_check(check, &spec->checks[spec->check_count++], err) < 0) return -1;
    return 0;
}

/* ---- Actions ----------------------------------------------------------------------------- */

static int parse_interpreter(struct action_spec *spec, struct rpc_error *err) {
    static const struct {
        const char *name;
        enum interpreter interpreter;
    } names[] = {{"exec", INTERPRETER_EXEC},
                 {"bash", INTERPRETER_BASH},
                 {"sh", INTERPRETER_BASH},
                 {"rhai", INTERPRETER_RHAI}};
    const char *given = get_text(spec->json, "interpreter", "exec");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(given, names[i].name) != 0) continue;
        spec->interpreter = names[i].interpreter;
        return 0;
    }
    return fail(err, "interpreter", "must be exec, bash or rhai");
}

/* "SIGTERM", "TERM" or a number as text. */
static int parse_signal(struct action_spec *spec, struct rpc_error *err) {
    const char *name = get_text(spec->json, "stop_signal", "SIGTERM");
    if (strncasecmp(name, "SIG", 3) == 0) name += 3;
    for (int signal = 1; signal < NSIG; signal++) {
        const char *known = sigabbrev_np(signal);
        char number[16];
        snprintf(number, sizeof number, "%d", signal);
        if ((known && strcasecmp(name, known) == 0) || strcmp(name, number) == 0) {
            spec->stop_signal = signal;
            return 0;
        }
    }
    return fail(err, "stop_signal", "is not the name of a signal");
}

static int parse_retry(struct action_spec *spec, struct rpc_error *err) {
    const json_t *json = json_object_get(spec->json, "retry_policy");
    struct retry_spec *retry = &spec->retry;
    *retry = spec->is_process ? process_retry : job_retry;
    if (get_number(json, "max_attempts", 0, &retry->max_attempts, err) < 0 ||
        get_number(json, "delay_ms", 0, &retry->delay_ms, err) < 0 ||
        get_number(json, "max_delay_ms", 0, &retry->max_delay_ms, err) < 0)
        return -1;
    const json_t *backoff = json_object_get(json, "backoff");
    if (json_is_number(backoff)) retry->backoff = json_number_value(backoff);
    if (!(retry->backoff >= 1 && retry->backoff <= 100))
        return fail(err, "retry_policy.backoff", "must be from 1 to 100");
    if (retry->max_delay_ms < retry->delay_ms) retry->max_delay_ms = retry->delay_ms;
    return 0;
}

static int parse_schedule(struct action_spec *spec, struct rpc_error *err) {
    const json_t *json = json_object_get(spec->json, "schedule");
    const char *cron =
        json_is_string(json) ? json_string_value(json) : get_text(json, "cron", NULL);
    if (get_number(json, "interval_ms", 1000, &spec->interval_ms, err) < 0) return -1;
    if (!cron || !*cron) return 0;
    if (spec->interval_ms > 0) return fail(err, "schedule", "must have either cron or interval_ms");
    spec->has_cron = true;
    return cron_parse(cron, &spec->cron, err);
}

static int parse_env(struct action_spec *spec, struct rpc_error *err) {
    const char *name;
    json_t *value;
    spec->env = json_object_get(spec->json, "env");
    json_object_foreach((json_t *)(uintptr_t)spec->env, name, value) {
        if (!*name || strchr(name, '=')) return fail(err, "env", "has a name that is none");
        if (!json_is_string(value)) return fail(err, "env", "must have texts as values");
        if (strlen(json_string_value(value)) != json_string_length(value))
            return fail(err, "env", "has a NUL character in a value");
    }
    return 0;
}

unsigned spec_port(const json_t *entry) {
    char *end = NULL;
    const char *text = json_string_value(entry);
    long long port = text ? strtoll(text, &end, 10) : json_integer_value(entry);
    if (text && (end == text || *end)) return 0;
    return port >= 1 && port <= 65535 ? (unsigned)port : 0;
}

/* Numbers, also as texts: other hero_procs differ in that. */
static int get_ports(const json_t *json, struct action_spec *spec, struct rpc_error *err) {
    const json_t *ports = json_object_get(json, "port");
    if (!ports || json_is_null(ports)) return 0;
    if (!json_is_array(ports)) return fail(err, "port", "must be an array of ports");
    if (json_array_size(ports) > SPEC_LIST_MAX) return fail(err, "port", "has too many entries");
    size_t index;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)ports, index, entry)
        if (spec_port(entry) == 0) return fail(err, "port", "must be from 1 to 65535");
    spec->kill_ports = ports;
    return 0;
}

static int parse_kill_other(struct action_spec *spec, struct rpc_error *err) {
    const json_t *json = json_object_get(spec->json, "kill_other");
    if (get_names(json, "socket", &spec->kill_sockets, err) < 0) return -1;
    if (get_ports(json, spec, err) < 0) return -1;
    return get_names(json, "process_filters", &spec->kill_filters, err);
}

static int parse_times(struct action_spec *spec, struct rpc_error *err) {
    const json_t *json = spec->json;
    spec->start_timeout_ms = START_TIMEOUT_MS;
    spec->stop_timeout_ms = STOP_TIMEOUT_MS;
    spec->stability_ms = STABILITY_MS;
    if (get_number(json, "timeout_ms", 0, &spec->timeout_ms, err) < 0 ||
        get_number(json, "start_timeout_ms", 1, &spec->start_timeout_ms, err) < 0 ||
        get_number(json, "stop_timeout_ms", 0, &spec->stop_timeout_ms, err) < 0)
        return -1;
    return get_number(json, "stability_period_ms", 0, &spec->stability_ms, err);
}

static int parse_action(struct action_spec *spec, struct rpc_error *err) {
    const json_t *json = spec->json;
    spec->name = get_text(json, "name", NULL);
    spec->context = spec_context(json);
    spec->script = get_text(json, "script", NULL);
    spec->cwd = get_text(json, "cwd", NULL);
    spec->is_process = json_is_true(json_object_get(json, "is_process"));
    spec->is_singleton = json_is_true(json_object_get(json, "singleton"));
    if (check_name(spec->name, err) < 0) return -1;
    if (!spec->script || !*spec->script) return fail(err, "script", "is missing");
    if (strlen(spec->script) != json_string_length(json_object_get(json, "script")))
        return fail(err, "script", "has a NUL character");
    if (spec->cwd && spec->cwd[0] != '/') return fail(err, "cwd", "must be an absolute path");
    if (json_is_true(json_object_get(json, "tty")))
        return fail(err, "tty", "is not supported: this daemon has no terminals");
    if (parse_interpreter(spec, err) < 0 || parse_signal(spec, err) < 0 || parse_env(spec, err) < 0)
        return -1;
    if (parse_times(spec, err) < 0 || parse_retry(spec, err) < 0 || parse_checks(spec, err) < 0)
        return -1;
    if (parse_kill_other(spec, err) < 0 || parse_schedule(spec, err) < 0) return -1;
    return get_names(json, "tags", &spec->tags, err);
}

struct action_spec *action_spec_parse(const json_t *json, struct rpc_error *err) {
    struct action_spec *spec = calloc(1, sizeof *spec);
    if (spec) spec->json = json_deep_copy(json);
    if (!spec || !spec->json) {
        free(spec);
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    spec->refs = 1;
    if (parse_action(spec, err) == 0) return spec;
    action_spec_unref(spec);
    return NULL;
}

struct action_spec *action_spec_ref(struct action_spec *spec) {
    spec->refs++;
    return spec;
}

void action_spec_unref(struct action_spec *spec) {
    if (!spec || --spec->refs > 0) return;
    json_decref(spec->json);
    free(spec->checks);
    free(spec);
}

/* ---- Services ---------------------------------------------------------------------------- */

static const char *const wanted_names[] = {
    [WANTED_STOP] = "stop", [WANTED_START] = "start", [WANTED_IGNORE] = "ignore"};

const char *wanted_name(enum wanted wanted) {
    return wanted_names[wanted];
}

static int parse_wanted(struct service_spec *spec, struct rpc_error *err) {
    const char *text = get_text(spec->json, "status", NULL);
    spec->wanted = WANTED_STOP;
    spec->says_wanted = text;
    if (!text) return 0;
    for (size_t i = 0; i < sizeof wanted_names / sizeof wanted_names[0]; i++) {
        if (strcasecmp(text, wanted_names[i]) != 0) continue;
        spec->wanted = (enum wanted)i;
        return 0;
    }
    if (strcasecmp(text, "spec") != 0)
        return fail(err, "status", "must be start, stop, ignore or spec");
    spec->wanted = WANTED_START;
    return 0;
}

/* The lists of names may stand in an object `dependencies`, as in older specs. */
static int parse_lists(struct service_spec *spec, struct rpc_error *err) {
    const json_t *nested = json_object_get(spec->json, "dependencies");
    const struct {
        const char *name;
        const json_t **place;
    } lists[] = {{"requires", &spec->requires},
                 {"after", &spec->after},
                 {"wants", &spec->wants},
                 {"conflicts", &spec->conflicts}};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const json_t *from = json_object_get(spec->json, lists[i].name) ? spec->json : nested;
        if (get_names(from, lists[i].name, lists[i].place, err) < 0) return -1;
    }
    return get_names(spec->json, "actions", &spec->actions, err);
}

static int parse_service(struct service_spec *spec, struct rpc_error *err) {
    spec->name = get_text(spec->json, "name", NULL);
    spec->context = spec_context(spec->json);
    spec->is_system = strcasecmp(get_text(spec->json, "class", "user"), "system") == 0;
    if (check_name(spec->name, err) < 0 || parse_wanted(spec, err) < 0 ||
        parse_lists(spec, err) < 0)
        return -1;
    const json_t *probe = json_object_get(spec->json, "probe");
    return json_is_object(probe) ? parse_check(probe, &spec->probe, err) : 0;
}

struct service_spec *service_spec_parse(const json_t *json, struct rpc_error *err) {
    struct service_spec *spec = calloc(1, sizeof *spec);
    if (spec) spec->json = json_deep_copy(json);
    if (!spec || !spec->json) {
        free(spec);
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    spec->refs = 1;
    if (parse_service(spec, err) == 0) return spec;
    service_spec_unref(spec);
    return NULL;
}

struct service_spec *service_spec_ref(struct service_spec *spec) {
    spec->refs++;
    return spec;
}

void service_spec_unref(struct service_spec *spec) {
    if (!spec || --spec->refs > 0) return;
    json_decref(spec->json);
    free(spec);
}
