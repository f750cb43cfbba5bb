#include "client.h"

#include "hero_proc_sdk/lenient.h"

#include <hero_rpc/clock.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define POLL_FIRST_MS 20
#define POLL_MAX_MS 250
/* How long a state must last to count. A server may still show the failure before the start, and
 * many call a process running as soon as there is one. */
#define FAILED_FOR_MS 500
#define RUNNING_FOR_MS 200
#define SUCCESS_FOR_MS 500
#define TAIL_LINES 20

/* ---- Status ----------------------------------------------------------------------------- */

/* "running", {"state": "running"} or {"Running": {...}}. */
static const char *read_state(const json_t *value) {
    if (json_is_string(value)) return json_string_value(value);
    const char *inner = lenient_text(value, "state|status|name|kind|type");
    if (inner) return inner;
    return json_object_iter_key(json_object_iter((json_t *)(uintptr_t)value));
}

static const char state_names[] = "state|current_state|runtime_state|actual_state|actual|phase|"
                                  "status";
static const char name_names[] = "name|service|service_name|id";

/* The record itself, when a server wraps it. */
static const json_t *unwrap(const json_t *value) {
    const json_t *inner = lenient_get(value, "service|status|result");
    return json_is_object(inner) && lenient_get(inner, state_names) ? inner : value;
}

/* `name`: of the service, for a record without one. */
static void read_status(const json_t *value, const char *name,
                        struct proc_service_status *ret_status) {
    const json_t *record = unwrap(value);
    const char *own_name = lenient_text(record, name_names);
    const json_t *state = json_is_object(record) ? lenient_get(record, state_names) : record;
    *ret_status = (struct proc_service_status){
        .name = own_name ? own_name : name,
        .state_text = read_state(state),
        .pid = (pid_t)lenient_number(record, "pid|main_pid", 0),
        .why = lenient_text(record, "why|reason|message|error"),
        .since_ms = lenient_time_ms(lenient_get(record, "since_ms|since|started_at|started_at_ms")),
        .restarts = lenient_number(record, "restarts|restart_count|attempt", 0),
        .actions = lenient_array(record, "actions|processes|jobs"),
    };
    ret_status->state = proc_state_parse(ret_status->state_text);
    if (!ret_status->state_text) ret_status->state_text = proc_state_name(PROC_UNKNOWN);
}

void proc_service_status_read(const json_t *record, struct proc_service_status *ret_status) {
    read_status(record, "", ret_status);
}

void proc_service_status_done(struct proc_service_status *status) {
    json_decref(status->json);
    *status = (struct proc_service_status){0};
}

int proc_service_status(struct proc_client *client, const char *name,
                        struct proc_service_status *ret_status, struct rpc_error *err) {
    json_t *result =
        client_call(client, PROC_SERVICE_STATUS, json_pack("{s:s}", "name", name), err);
    if (!result) return -1;
    /* The name goes with the record, so that it lives as long. */
    json_t *json = json_pack("{s:o, s:s}", "status", result, "name", name);
    if (!json) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    read_status(result, json_string_value(json_object_get(json, "name")), ret_status);
    ret_status->json = json;
    return 0;
}

/* ---- List ------------------------------------------------------------------------------- */

/* A record, a name, or a pair of name and state. */
static void read_entry(const json_t *entry, struct proc_service_status *ret_status) {
    if (!json_is_string(entry)) {
        read_status(entry, "", ret_status);
        return;
    }
    read_status(NULL, json_string_value(entry), ret_status);
}

static size_t count_entries(const json_t *list) {
    return json_is_array(list) ? json_array_size(list) : json_object_size(list);
}

int proc_service_list(struct proc_client *client, struct proc_service_list *ret_list,
                      struct rpc_error *err) {
    json_t *result = proc_call(client, PROC_SERVICE_LIST, NULL, err);
    if (!result) return -1;
    /* Some have records in an array, zinit had {name: state}. */
    const json_t *list = lenient_list(result, "services|items|list");
    if (!list) {
        json_t *inner = lenient_get(result, "services");
        list = json_is_object(inner) ? inner : result;
    }
    size_t count = count_entries(list), filled = 0;
    struct proc_service_status *services = calloc(count + 1, sizeof *services);
    if (!services) {
        json_decref(result);
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return -1;
    }
    size_t index;
    const char *key;
    json_t *entry;
    if (json_is_array(list))
        json_array_foreach((json_t *)(uintptr_t)list, index, entry)
            read_entry(entry, &services[filled++]);
    else
        json_object_foreach((json_t *)(uintptr_t)list, key, entry)
            read_status(entry, key, &services[filled++]);
    *ret_list = (struct proc_service_list){services, filled, result};
    return 0;
}

void proc_service_list_done(struct proc_service_list *list) {
    free(list->services);
    json_decref(list->json);
    *list = (struct proc_service_list){0};
}

/* ---- Single calls ----------------------------------------------------------------------- */

int proc_action_set(struct proc_client *client, const struct proc_action *action,
                    struct rpc_error *err) {
    return client_do(client, PROC_ACTION_SET, proc_action_json(action), err);
}

int proc_service_set_json(struct proc_client *client, const json_t *actions, const json_t *service,
                          struct rpc_error *err) {
    size_t index;
    json_t *action, *result;
    json_array_foreach((json_t *)(uintptr_t)actions, index, action) {
        if (!(result = proc_call(client, PROC_ACTION_SET, action, err))) return -1;
        json_decref(result);
    }
    if (!(result = proc_call(client, PROC_SERVICE_SET, service, err))) return -1;
    json_decref(result);
    return 0;
}

/* Both as JSON; false without memory. */
static bool specs_json(const struct proc_service *service, json_t **ret_actions,
                       json_t **ret_service, struct rpc_error *err) {
    bool is_made = (*ret_actions = json_array());
    for (size_t i = 0; i < service->action_count && is_made; i++)
        is_made = json_array_append_new(*ret_actions, proc_action_json(&service->actions[i])) == 0;
    *ret_service = proc_service_json(service);
    if (is_made && *ret_service) return true;
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
    return false;
}

int proc_service_set(struct proc_client *client, const struct proc_service *service,
                     struct rpc_error *err) {
    json_t *actions, *json;
    int result = -1;
    if (specs_json(service, &actions, &json, err))
        result = proc_service_set_json(client, actions, json, err);
    json_decref(actions);
    json_decref(json);
    return result;
}

static int call_by_name(struct proc_client *client, enum proc_method method, const char *name,
                        struct rpc_error *err) {
    return client_do(client, method, json_pack("{s:s}", "name", name), err);
}

int proc_service_start(struct proc_client *client, const char *name, struct rpc_error *err) {
    return call_by_name(client, PROC_SERVICE_START, name, err);
}

int proc_service_stop(struct proc_client *client, const char *name, struct rpc_error *err) {
    return call_by_name(client, PROC_SERVICE_STOP, name, err);
}

int proc_service_delete(struct proc_client *client, const char *name, struct rpc_error *err) {
    return call_by_name(client, PROC_SERVICE_DELETE, name, err);
}

/* ---- Waiting ---------------------------------------------------------------------------- */

struct wait {
    int64_t deadline_ms, pause_ms;
};

static struct wait wait_begin(int64_t timeout_ms) {
    return (struct wait){rpc_clock_monotonic_ms() + timeout_ms, POLL_FIRST_MS};
}

/* 1; 0 when the time is over; -1 when the wait is to end at once. */
static int wait_more(struct proc_client *client, struct wait *wait, struct rpc_error *err) {
    int64_t left_ms = wait->deadline_ms - rpc_clock_monotonic_ms();
    if (left_ms <= 0) return 0;
    if (client_pause(client, wait->pause_ms < left_ms ? wait->pause_ms : left_ms, err) < 0)
        return -1;
    wait->pause_ms = wait->pause_ms * 2 < POLL_MAX_MS ? wait->pause_ms * 2 : POLL_MAX_MS;
    return 1;
}

static bool is_said(const struct rpc_error *err, const char *const *texts) {
    for (; *texts; texts++)
        if (err->kind == RPC_ERROR_RPC && strcasestr(err->message, *texts)) return true;
    return false;
}

static bool is_nothing_to_stop(const struct rpc_error *err) {
    static const char *const texts[] = {"already stopped", "not running", "is down",
                                        "already down",    "not started", NULL};
    return proc_is_not_found(err) || is_said(err, texts);
}

/* Stops and waits. A service that is not there, or was down already, is a success. */
static int stop_and_wait(struct proc_client *client, const char *name, struct wait *wait,
                         bool *ret_was_there, struct rpc_error *err) {
    struct rpc_error refusal = {0};
    *ret_was_there = true;
    if (proc_service_stop(client, name, &refusal) < 0) {
        bool is_nothing = is_nothing_to_stop(&refusal);
        *ret_was_there = !proc_is_not_found(&refusal);
        if (!is_nothing) rpc_error_set(err, refusal.kind, refusal.code, "%s", refusal.message);
        rpc_error_clear(&refusal);
        return is_nothing ? 0 : -1;
    }
    char state[64];
    int more;
    do {
        struct proc_service_status status;
        if (proc_service_status(client, name, &status, err) < 0) return -1;
        bool is_down = proc_state_is_down(status.state);
        snprintf(state, sizeof state, "%s", status.state_text);
        proc_service_status_done(&status);
        if (is_down) return 0;
    } while ((more = wait_more(client, wait, err)) > 0);
    if (more < 0) return -1;
    rpc_error_set(err, RPC_ERROR_TIMEOUT, 0, "%s does not stop: it is %s", name, state);
    return -1;
}

int proc_stop_service(struct proc_client *client, const char *name, int64_t timeout_ms,
                      bool *ret_was_there, struct rpc_error *err) {
    struct wait wait = wait_begin(timeout_ms);
    bool was_there;
    if (stop_and_wait(client, name, &wait, &was_there, err) < 0) return -1;
    if (ret_was_there) *ret_was_there = was_there;
    return 0;
}

static void set_not_running(const struct proc_service_status *status, const char *name,
                            int64_t timeout_ms, bool has_failed, struct rpc_error *err) {
    const char *why = status->why ? status->why : "";
    const char *colon = *why ? ": " : "";
    if (has_failed)
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s is %s%s%s", name, status->state_text, colon,
                      why);
    else
        rpc_error_set(err, RPC_ERROR_TIMEOUT, 0, "%s is not running after %lld ms; it is %s%s%s",
                      name, (long long)timeout_ms, status->state_text, colon, why);
}

/* How long a state must last to end the waiting; -1: it does not end it. */
static int64_t settles_after_ms(enum proc_state state) {
    switch (state) {
    case PROC_RUNNING: return RUNNING_FOR_MS;
    case PROC_SUCCESS: return SUCCESS_FOR_MS;
    case PROC_FAILED: return FAILED_FOR_MS;
    default: return -1;
    }
}

/* Until it runs: 0. */
static int wait_until_running(struct proc_client *client, const char *name, int64_t timeout_ms,
                              struct wait *wait, struct rpc_error *err) {
    enum proc_state state = PROC_UNKNOWN;
    int64_t since_ms = 0; /* of this state */
    for (;;) {
        struct proc_service_status status;
        int64_t now_ms = rpc_clock_monotonic_ms();
        if (proc_service_status(client, name, &status, err) < 0) return -1;
        if (status.state != state || !since_ms) since_ms = now_ms;
        state = status.state;
        int64_t settles_ms = settles_after_ms(state);
        bool is_settled = settles_ms >= 0 && now_ms - since_ms >= settles_ms;
        bool is_good = is_settled && state != PROC_FAILED;
        int more = is_settled ? 0 : wait_more(client, wait, err);
        if (more == 0 && !is_good) set_not_running(&status, name, timeout_ms, is_settled, err);
        proc_service_status_done(&status);
        if (more <= 0) return is_good ? 0 : -1;
    }
}

int proc_service_wait(struct proc_client *client, const char *name, int64_t timeout_ms,
                      struct rpc_strbuf *ret_log, struct rpc_error *err) {
    struct wait wait = wait_begin(timeout_ms);
    struct rpc_error failure = {0};
    if (wait_until_running(client, name, timeout_ms, &wait, &failure) == 0) return 0;
    if (ret_log && (failure.kind == RPC_ERROR_INVALID || failure.kind == RPC_ERROR_TIMEOUT))
        proc_service_log_tail(client, name, TAIL_LINES, ret_log);
    rpc_error_set(err, failure.kind, failure.code, "%s", failure.message);
    rpc_error_clear(&failure);
    return -1;
}

/* Whether anything may run of it: -1, 0 or 1. */
static int is_up(struct proc_client *client, const char *name, struct rpc_error *err) {
    struct rpc_error refusal = {0};
    struct proc_service_status status;
    if (proc_service_status(client, name, &status, &refusal) == 0) {
        bool is_down = proc_state_is_down(status.state);
        proc_service_status_done(&status);
        return !is_down;
    }
    bool is_there = !proc_is_not_found(&refusal);
    if (is_there) rpc_error_set(err, refusal.kind, refusal.code, "%s", refusal.message);
    rpc_error_clear(&refusal);
    return is_there ? -1 : 0;
}

/* One that was set as wanted may have been started by that. */
static int start_if_not_started(struct proc_client *client, const char *name,
                                struct rpc_error *err) {
    static const char *const texts[] = {"already", "is up", "is running", NULL};
    struct rpc_error refusal = {0};
    if (proc_service_start(client, name, &refusal) == 0) return 0;
    bool is_started = is_said(&refusal, texts);
    if (!is_started) rpc_error_set(err, refusal.kind, refusal.code, "%s", refusal.message);
    rpc_error_clear(&refusal);
    return is_started ? 0 : -1;
}

/* What runs is stopped only when the specs have been accepted. */
int proc_restart_service_json(struct proc_client *client, const json_t *actions,
                              const json_t *service, int64_t timeout_ms, struct rpc_strbuf *ret_log,
                              struct rpc_error *err) {
    const char *name = json_string_value(json_object_get(service, "name"));
    struct wait wait = wait_begin(timeout_ms);
    bool was_there;
    int was_up = is_up(client, name, err);
    if (was_up < 0 || proc_service_set_json(client, actions, service, err) < 0 ||
        (was_up && stop_and_wait(client, name, &wait, &was_there, err) < 0) ||
        start_if_not_started(client, name, err) < 0)
        return -1;
    return proc_service_wait(client, name, wait.deadline_ms - rpc_clock_monotonic_ms(), ret_log,
                             err);
}

int proc_restart_service(struct proc_client *client, const struct proc_service *service,
                         int64_t timeout_ms, struct rpc_strbuf *ret_log, struct rpc_error *err) {
    json_t *actions, *json;
    int result = -1;
    if (specs_json(service, &actions, &json, err))
        result = proc_restart_service_json(client, actions, json, timeout_ms, ret_log, err);
    json_decref(actions);
    json_decref(json);
    return result;
}

/* ---- Its log ---------------------------------------------------------------------------- */

static bool tail_from_logs(struct proc_client *client, const char *name, unsigned lines,
                           struct rpc_strbuf *text) {
    struct proc_log_query query = {.source = name, .limit = lines};
    struct proc_log_page page;
    if (proc_logs_list(client, &query, &page, NULL) < 0) return false;
    size_t first = page.count > lines ? page.count - lines : 0;
    for (size_t i = first; i < page.count; i++)
        rpc_strbuf_addf(text, "%s\n", page.lines[i].text);
    bool has_lines = page.count > 0;
    proc_log_page_done(&page);
    return has_lines;
}

static bool tail_from_status(struct proc_client *client, const char *name, unsigned lines,
                             struct rpc_strbuf *text) {
    struct proc_service_status status;
    if (proc_service_status(client, name, &status, NULL) < 0) return false;
    const json_t *last =
        lenient_array(unwrap(json_object_get(status.json, "status")), "last_lines|log|output");
    size_t count = json_array_size(last), index;
    json_t *line;
    json_array_foreach((json_t *)(uintptr_t)last, index, line) {
        struct proc_log_line read;
        proc_log_line_read(line, &read);
        if (index + lines >= count) rpc_strbuf_addf(text, "%s\n", read.text);
    }
    proc_service_status_done(&status);
    return count > 0;
}

/* Jobs of a service are called "<service>.<action>", or as one of its actions. */
static bool is_job_of(const json_t *job, const char *name) {
    const char *action = lenient_text(job, "action|action_name|name");
    const char *service = lenient_text(job, "service|service_name");
    if (service && strcmp(service, name) == 0) return true;
    return action && strncmp(action, name, strlen(name)) == 0;
}

static bool tail_from_jobs(struct proc_client *client, const char *name, struct rpc_strbuf *text) {
    json_t *result = proc_call(client, PROC_JOB_LIST, NULL, NULL), *job;
    int64_t newest = -1;
    size_t index;
    json_array_foreach(lenient_list(result, "jobs|items"), index, job) {
        int64_t id = lenient_number(job, "id|job_id", -1);
        if (id > newest && is_job_of(job, name)) newest = id;
    }
    json_decref(result);
    return newest >= 0 && proc_job_logs(client, newest, text, NULL) == 0;
}

void proc_service_log_tail(struct proc_client *client, const char *name, unsigned lines,
                           struct rpc_strbuf *ret_text) {
    if (!tail_from_logs(client, name, lines, ret_text) &&
        !tail_from_status(client, name, lines, ret_text))
        tail_from_jobs(client, name, ret_text);
}
