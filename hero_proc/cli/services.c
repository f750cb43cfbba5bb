/* services.c - what is kept running. */
#include "command.h"

#include <string.h>

#define STOP_TIMEOUT_MS 30000
#define START_TIMEOUT_MS 30000

static const char *name_of(const struct options *options) {
    return options->line.operands[0];
}

/* ---- list ------------------------------------------------------------------------------- */

static void add_service(struct table *table, const struct proc_service_status *service) {
    bool is_up = service->state == PROC_RUNNING || service->state == PROC_DEGRADED;
    add_text(table, service->name);
    add_state(table, service->state, service->state_text);
    add_number(table, service->pid);
    add_age(table, is_up ? service->since_ms : 0);
    table_add(table, COLOUR_NONE, "%lld", (long long)service->restarts);
    table_add(table, COLOUR_NONE, "%s", service->why ? service->why : "");
}

static bool show_services(const struct proc_service_list *list) {
    static const struct table_column columns[] = {{"NAME", false},    {"STATE", false},
                                                  {"PID", true},      {"UP", true},
                                                  {"RESTARTS", true}, {"WHY", false}};
    struct table table = TABLE_INIT(columns);
    for (size_t i = 0; i < list->count; i++)
        add_service(&table, &list->services[i]);
    return show_table(&table);
}

static int run_list(const struct options *options) {
    struct session session;
    struct proc_service_list list = {0};
    bool is_done = false;
    if (session_begin(&session, options) &&
        proc_service_list(session.client, &list, &session.err) == 0)
        is_done = options->as_json ? print_json(json_incref(list.json)) : show_services(&list);
    proc_service_list_done(&list);
    return session_end(&session, is_done);
}

static const struct command service_list = {
    .name = "service list",
    .operands = "",
    .summary = "show all services",
    .description = "Shows each service with its actual state, and why it is in it.\n"
                   "  ● running     its processes run and its health checks pass\n"
                   "  ◐ degraded    it runs, and a health check fails\n"
                   "  ✗ failed      it ended with an error and its attempts are used up\n"
                   "  ◌ blocked     it waits for services that it requires\n"
                   "  ◔ starting  ◑ stopping  ✓ success  ○ exited or inactive\n"
                   "  ? unknown     not examined yet",
    .run = run_list,
};

/* ---- status ----------------------------------------------------------------------------- */

static void add_field(struct table *table, const char *name) {
    table_add(table, COLOUR_GREY, "%s", name);
}

static bool show_fields(const json_t *record, const struct proc_service_status *service) {
    static const struct table_column columns[] = {{NULL, false}, {NULL, false}};
    struct table table = TABLE_INIT(columns);
    add_field(&table, "service");
    add_text(&table, service->name);
    add_field(&table, "state");
    add_state(&table, service->state, service->state_text);
    add_field(&table, "wanted");
    add_text(&table, lenient_text(record, "wanted|wanted_status"));
    add_field(&table, "why");
    add_text(&table, service->why);
    add_field(&table, "pid");
    add_number(&table, service->pid);
    add_field(&table, "since");
    add_time(&table, service->since_ms);
    add_field(&table, "restarts");
    add_number(&table, service->restarts);
    return show_table(&table);
}

static void add_action(struct table *table, const json_t *action) {
    const char *state = lenient_text(action, "state|phase|status");
    const json_t *exit_code = lenient_get(action, "exit_code");
    add_text(table, lenient_text(action, "name|action"));
    add_state(table, proc_state_parse(state), state);
    add_number(table, lenient_number(action, "pid", 0));
    if (json_is_integer(exit_code))
        table_add(table, COLOUR_NONE, "%lld", (long long)json_integer_value(exit_code));
    else
        add_text(table, NULL);
    add_text(table, lenient_text(action, "error|health|message"));
}

static bool show_actions(const json_t *actions) {
    static const struct table_column columns[] = {
        {"ACTION", false}, {"STATE", false}, {"PID", true}, {"EXIT", true}, {"DETAIL", false}};
    struct table table = TABLE_INIT(columns);
    size_t index;
    json_t *action;
    if (json_array_size(actions) == 0) return true;
    json_array_foreach((json_t *)(uintptr_t)actions, index, action)
        if (json_is_object(action)) add_action(&table, action);
    putchar('\n');
    return show_table(&table);
}

static void show_last_lines(const json_t *lines) {
    size_t index;
    json_t *line;
    if (json_array_size(lines) == 0) return;
    printf("\nLast lines:\n");
    json_array_foreach((json_t *)(uintptr_t)lines, index, line) {
        struct proc_log_line read;
        proc_log_line_read(line, &read);
        printf("  %s\n", read.text);
    }
}

static bool show_status(const json_t *record, const char *name) {
    struct proc_service_status service;
    proc_service_status_read(record, &service);
    if (!*service.name) service.name = name;
    if (!show_fields(record, &service) || !show_actions(service.actions)) return false;
    show_last_lines(lenient_array(record, "last_lines"));
    return true;
}

static int run_status(const struct options *options) {
    struct session session;
    json_t *result = NULL;
    bool is_done = false;
    if (session_begin(&session, options))
        result = session_call(&session, PROC_SERVICE_STATUS,
                              params_of(options, "name", name_of(options), NULL));
    if (result)
        is_done = options->as_json ? print_json(json_incref(result))
                                   : show_status(result, name_of(options));
    json_decref(result);
    return session_end(&session, is_done);
}

#define NAME_RULES .operands_min = 1, .operands_max = 1, .operand_name = "the service's NAME"

static const struct command service_status = {
    .name = "service status",
    .operands = "NAME",
    .summary = "show one service",
    .description = "Shows a service with its processes, and its last lines when it has failed.",
    .rules = {NAME_RULES},
    .run = run_status,
};

/* ---- start, stop, restart --------------------------------------------------------------- */

static void tell_log(const struct rpc_strbuf *log) {
    if (log->len == 0) return;
    fflush(stdout);
    fprintf(stderr, "last lines:\n%s", rpc_strbuf_text(log));
}

/* After the call: waits as asked, and says what came of it. */
static bool wait_for_start(struct session *session) {
    const struct options *options = session->options;
    struct rpc_strbuf log = RPC_STRBUF_INIT;
    int64_t timeout_ms = options->timeout_ms ? options->timeout_ms : START_TIMEOUT_MS;
    struct proc_service_status status;
    bool is_good =
        proc_service_wait(session->client, name_of(options), timeout_ms, &log, &session->err) == 0;
    if (is_good &&
        proc_service_status(session->client, name_of(options), &status, &session->err) == 0) {
        printf("%s is %s\n", name_of(options), proc_state_name(status.state));
        proc_service_status_done(&status);
    }
    if (!is_good) {
        tell_error(&session->err);
        tell_log(&log);
    }
    rpc_strbuf_done(&log);
    return is_good;
}

static int start_with(const struct options *options, enum proc_method method) {
    struct session session;
    json_t *result = NULL;
    if (session_begin(&session, options))
        result = session_call(&session, method, params_of(options, "name", name_of(options), NULL));
    bool is_done = result;
    if (result && options->as_json)
        is_done = print_json(json_incref(result));
    else if (result && options->no_wait)
        printf("%s is being started\n", name_of(options));
    if (result && !options->no_wait && !options->as_json) is_done = wait_for_start(&session);
    json_decref(result);
    return session_end(&session, is_done);
}

static int run_start(const struct options *options) {
    return start_with(options, PROC_SERVICE_START);
}

static int run_restart(const struct options *options) {
    return start_with(options, PROC_SERVICE_RESTART);
}

static int run_stop(const struct options *options) {
    if (options->no_wait || options->as_json)
        return do_quietly(options, PROC_SERVICE_STOP,
                          params_of(options, "name", name_of(options), NULL), "%s is being stopped",
                          name_of(options));
    struct session session;
    bool is_done = false, was_there = true;
    int64_t timeout_ms = options->timeout_ms ? options->timeout_ms : STOP_TIMEOUT_MS;
    if (session_begin(&session, options) &&
        proc_stop_service(session.client, name_of(options), timeout_ms, &was_there, &session.err) ==
            0) {
        is_done = was_there;
        if (was_there)
            printf("%s is stopped\n", name_of(options));
        else
            tell("there is no service %s", name_of(options));
    }
    return session_end(&session, is_done);
}

static const struct option_spec wait_specs[] = {
    {"no-wait", 0, OPTION_FLAG, offsetof(struct options, no_wait), NULL,
     "do not wait for what comes of it"},
    {"timeout", 0, OPTION_DURATION, offsetof(struct options, timeout_ms), "TIME",
     "how long to wait (default: 30s)"},
};

static const struct command service_start = {
    .name = "service start",
    .operands = "NAME",
    .summary = "start a service and what it requires",
    .description = "Starts a service and waits until it is running. When it fails, its last lines\n"
                   "are shown. With --json the server's answer is shown and nothing is waited for.",
    .rules = {COMMAND_RULES(wait_specs), NAME_RULES},
    .run = run_start,
};

static const struct command service_stop = {
    .name = "service stop",
    .operands = "NAME",
    .summary = "stop a service and what requires it",
    .description = "Stops a service and waits until nothing of it runs. It stays registered, and\n"
                   "stays stopped until somebody starts it.",
    .rules = {COMMAND_RULES(wait_specs), NAME_RULES},
    .run = run_stop,
};

static const struct command service_restart = {
    .name = "service restart",
    .operands = "NAME",
    .summary = "stop and start a service",
    .description = "Restarts a service and waits until it is running.",
    .rules = {COMMAND_RULES(wait_specs), NAME_RULES},
    .run = run_restart,
};

/* ---- The others ------------------------------------------------------------------------- */

static int run_delete(const struct options *options) {
    struct session session;
    json_t *result = NULL;
    if (session_begin(&session, options) &&
        proc_stop_service(session.client, name_of(options), STOP_TIMEOUT_MS, NULL, &session.err) ==
            0)
        result = session_call(&session, PROC_SERVICE_DELETE,
                              params_of(options, "name", name_of(options), NULL));
    bool is_done = result;
    if (result && options->as_json)
        is_done = print_json(json_incref(result));
    else if (result)
        printf("%s is deleted\n", name_of(options));
    json_decref(result);
    return session_end(&session, is_done);
}

static int run_why(const struct options *options) {
    struct session session;
    json_t *result = NULL;
    bool is_done = false;
    if (session_begin(&session, options))
        result = session_call(&session, PROC_SERVICE_WHY,
                              params_of(options, "name", name_of(options), NULL));
    if (result && options->as_json)
        is_done = print_json(json_incref(result));
    else if (result) {
        const char *why =
            json_is_string(result) ? json_string_value(result) : lenient_text(result, "why|reason");
        const char *state = lenient_text(result, "state");
        is_done = printf("%s is %s: %s\n", name_of(options), state ? state : "unknown",
                         why ? why : "no reason is told") > 0;
    }
    json_decref(result);
    return session_end(&session, is_done);
}

static int run_get(const struct options *options) {
    return show_result(options, PROC_SERVICE_GET,
                       params_of(options, "name", name_of(options), NULL));
}

static int run_set(const struct options *options) {
    return set_from_file(options, PROC_SERVICE_SET);
}

static const struct command service_delete = {
    .name = "service delete",
    .operands = "NAME",
    .summary = "forget a service",
    .description = "Stops a service if it runs, and forgets it.",
    .rules = {NAME_RULES},
    .run = run_delete,
};

static const struct command service_why = {
    .name = "service why",
    .operands = "NAME",
    .summary = "explain the state of a service",
    .description = "Says in one sentence why a service is in the state it is in.",
    .rules = {NAME_RULES},
    .run = run_why,
};

static const struct command service_get = {
    .name = "service get",
    .operands = "NAME",
    .summary = "print the spec of a service",
    .description = "Prints what was set for a service, as JSON.",
    .rules = {NAME_RULES},
    .run = run_get,
};

static const struct command service_set = {
    .name = "service set",
    .operands = "FILE|-",
    .summary = "register a service from its spec",
    .description = "Registers the service that FILE, or standard input, describes as JSON. Its\n"
                   "actions are set before. What runs is not touched.",
    .rules = {.operands_min = 1, .operands_max = 1, .operand_name = "FILE (or -)"},
    .run = run_set,
};

const struct command *const service_commands[] = {
    &service_list,   &service_status, &service_start, &service_stop, &service_restart,
    &service_delete, &service_why,    &service_get,   &service_set,  NULL,
};
