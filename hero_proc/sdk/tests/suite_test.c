/* The client against a hero_proc, step by step: the same for another one, with other names and
 * shapes, and for ours. */
#include "tests/target.h"

#include <hero_rpc/clock.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TIMEOUT_MS 20000

/* Of the last call that failed. */
static struct rpc_error err;

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) < 0) fail_msg("%s", err.message);                                               \
    } while (0)

static const char *const env[] = {"PATH=/usr/bin:/bin", "GREETING=good morning", NULL};

static struct proc_action sleeper(void) {
    return (struct proc_action){
        .name = "sleeper",
        .script = "sleep 1000",
        .interpreter = "exec",
        .is_process = true,
        .env = env,
        .stop_signal = "SIGTERM",
        .stop_timeout_ms = 5000,
        .retry_policy = {.max_attempts = 3, .delay_ms = 10},
    };
}

/* With one action of the same name. */
static struct proc_service service_of(const struct proc_action *action) {
    static const char *const requires[] = {"hero_proc", NULL};
    return (struct proc_service){
        .name = action->name,
        .description = "for a test",
        .actions = action,
        .action_count = 1,
        .wanted = "start",
        .requires = requires,
    };
}

static struct proc_client *client_of(void **state) {
    return ((struct target *)*state)->client;
}

/* ---- Services --------------------------------------------------------------------------- */

static void a_service_runs_until_it_is_stopped(void **state) {
    struct proc_client *client = client_of(state);
    struct proc_action action = sleeper();
    struct proc_service service = service_of(&action);
    struct proc_service_status status;
    CHECK(proc_restart_service(client, &service, TIMEOUT_MS, NULL, &err));
    CHECK(proc_service_status(client, "sleeper", &status, &err));
    assert_string_equal(status.name, "sleeper");
    assert_int_equal(status.state, PROC_RUNNING);
    assert_true(status.pid > 0);
    proc_service_status_done(&status);

    bool was_there;
    CHECK(proc_stop_service(client, "sleeper", TIMEOUT_MS, &was_there, &err));
    assert_true(was_there);
    CHECK(proc_service_status(client, "sleeper", &status, &err));
    assert_true(proc_state_is_down(status.state));
    proc_service_status_done(&status);
}

static void a_second_restart_replaces_the_process(void **state) {
    struct proc_client *client = client_of(state);
    struct proc_action action = sleeper();
    struct proc_service service = service_of(&action);
    struct proc_service_status status;
    pid_t pids[2];
    for (int i = 0; i < 2; i++) {
        CHECK(proc_restart_service(client, &service, TIMEOUT_MS, NULL, &err));
        CHECK(proc_service_status(client, "sleeper", &status, &err));
        pids[i] = status.pid;
        proc_service_status_done(&status);
    }
    assert_int_not_equal(pids[0], pids[1]);
}

static void services_are_listed(void **state) {
    struct proc_client *client = client_of(state);
    struct proc_action action = sleeper();
    struct proc_service service = service_of(&action);
    struct proc_service_list list;
    CHECK(proc_service_set(client, &service, &err));
    CHECK(proc_service_list(client, &list, &err));
    size_t found = 0;
    for (size_t i = 0; i < list.count; i++)
        if (strcmp(list.services[i].name, "sleeper") == 0) found++;
    assert_int_equal(found, 1);
    proc_service_list_done(&list);
    CHECK(proc_stop_service(client, "sleeper", TIMEOUT_MS, NULL, &err));
    CHECK(proc_service_delete(client, "sleeper", &err));
}

static void a_failure_tells_state_and_last_lines(void **state) {
    struct proc_client *client = client_of(state);
    struct proc_action action = {
        .name = "broken",
        .script = "echo first; echo the disk is on fire; exit 3",
        .interpreter = "bash",
        .is_process = true,
        .env = env,
        .retry_policy = {.max_attempts = 1, .delay_ms = 1},
    };
    struct proc_service service = service_of(&action);
    struct rpc_strbuf log = RPC_STRBUF_INIT;
    assert_int_equal(proc_restart_service(client, &service, TIMEOUT_MS, &log, &err), -1);
    assert_non_null(strstr(err.message, "broken is "));
    assert_int_equal(err.kind, RPC_ERROR_INVALID);
    rpc_error_clear(&err);
    assert_non_null(strstr(rpc_strbuf_text(&log), "the disk is on fire\n"));
    rpc_strbuf_done(&log);
}

/* Lines that are just this; a daemon may add what it has to say itself. */
static int count_lines(const struct rpc_strbuf *text, const char *line) {
    size_t len = strlen(line);
    int count = 0;
    for (const char *at = rpc_strbuf_text(text); *at; at += strcspn(at, "\n") + 1)
        count += strncmp(at, line, len) == 0 && at[len] == '\n';
    return count;
}

static void attempts_are_spaced_and_then_used_up(void **state) {
    struct proc_client *client = client_of(state);
    struct proc_action action = {
        .name = "crasher",
        .script = "echo attempt; exit 1",
        .interpreter = "bash",
        .is_process = true,
        .env = env,
        .retry_policy = {.max_attempts = 3, .delay_ms = 100, .backoff = 3},
    };
    struct proc_service service = service_of(&action);
    struct proc_service_status status;
    struct rpc_strbuf log = RPC_STRBUF_INIT;
    int64_t since_ms = rpc_clock_monotonic_ms();
    assert_int_equal(proc_restart_service(client, &service, TIMEOUT_MS, &log, &err), -1);
    rpc_error_clear(&err);
    assert_in_range(rpc_clock_monotonic_ms() - since_ms, 100 + 300, TIMEOUT_MS);
    assert_int_equal(count_lines(&log, "attempt"), 3);
    rpc_strbuf_done(&log);
    CHECK(proc_service_status(client, "crasher", &status, &err));
    assert_int_equal(status.state, PROC_FAILED);
    assert_int_equal(status.restarts, 2);
    proc_service_status_done(&status);
}

/* A service that is well as long as a file is there. */
struct patient {
    struct proc_client *client;
    pid_t pid; /* the first one */
};

static bool is_replaced_and_running(void *ctx) {
    const struct patient *patient = ctx;
    struct proc_service_status status;
    if (proc_service_status(patient->client, "patient", &status, NULL) < 0) return false;
    bool is_so = status.state == PROC_RUNNING && status.pid != patient->pid;
    proc_service_status_done(&status);
    return is_so;
}

static void a_check_that_fails_restarts_the_service(void **state) {
    const struct target *target = *state;
    char script[256], check_script[256];
    snprintf(script, sizeof script, "touch %s/well; exec sleep 1000", target->home);
    snprintf(check_script, sizeof check_script, "test -e %s/well", target->home);
    const struct proc_health_check check = {.kind = PROC_CHECK_EXEC,
                                            .target = check_script,
                                            .interval_ms = 50,
                                            .timeout_ms = 5000,
                                            .failures = 2};
    struct proc_action action = sleeper();
    action.name = "patient";
    action.script = script;
    action.interpreter = "bash";
    action.health_checks = &check;
    action.health_check_count = 1;
    struct proc_service service = service_of(&action);
    struct proc_service_status status;
    CHECK(proc_restart_service(target->client, &service, TIMEOUT_MS, NULL, &err));
    CHECK(proc_service_status(target->client, "patient", &status, &err));
    struct patient patient = {target->client, status.pid};
    proc_service_status_done(&status);
    assert_int_equal(unlink(strchr(check_script, '/')), 0);
    assert_true(target_wait_until(is_replaced_and_running, &patient, TIMEOUT_MS));
    CHECK(proc_stop_service(target->client, "patient", TIMEOUT_MS, NULL, &err));
}

static void stopping_what_is_not_there_is_fine(void **state) {
    bool was_there = true;
    CHECK(proc_stop_service(client_of(state), "nobody", TIMEOUT_MS, &was_there, &err));
    assert_false(was_there);
}

static void an_unknown_service_is_not_found(void **state) {
    struct proc_service_status status;
    assert_int_equal(proc_service_status(client_of(state), "nobody", &status, &err), -1);
    assert_true(proc_is_not_found(&err));
    assert_false(proc_is_missing(&err));
    rpc_error_clear(&err);
}

/* ---- Jobs ------------------------------------------------------------------------------- */

static void expect_output(struct proc_client *client, int64_t id, const char *output) {
    struct proc_job job;
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    CHECK(proc_job_wait(client, id, TIMEOUT_MS, &job, &err));
    assert_int_equal(job.phase, PROC_SUCCEEDED);
    assert_true(job.has_exit_code);
    assert_int_equal(job.exit_code, 0);
    proc_job_done(&job);
    CHECK(proc_job_logs(client, id, &text, &err));
    assert_string_equal(rpc_strbuf_text(&text), output);
    rpc_strbuf_done(&text);
}

static void an_action_runs_as_a_job(void **state) {
    struct proc_client *client = client_of(state);
    struct proc_action action = {.name = "greet",
                                 .script = "echo \"$GREETING\"; echo again",
                                 .interpreter = "bash",
                                 .env = env};
    int64_t id;
    CHECK(proc_action_set(client, &action, &err));
    CHECK(proc_job_create(client, "greet", &id, &err));
    expect_output(client, id, "good morning\nagain\n");
}

static void a_job_brings_its_own_action(void **state) {
    struct proc_client *client = client_of(state);
    struct proc_action action = {
        .name = "once", .script = "echo just once", .interpreter = "bash", .env = env};
    int64_t id;
    CHECK(proc_job_create_spec(client, &action, &id, &err));
    expect_output(client, id, "just once\n");
}

struct followed {
    char output[64];
    const char *go; /* a file that lets the job end */
};

static void note_line(void *ctx, const struct proc_log_line *line) {
    struct followed *followed = ctx;
    strcat(strcat(followed->output, line->text), ";");
    if (strcmp(line->text, "first") == 0) assert_int_equal(mkdir(followed->go, 0700), 0);
}

static void output_is_told_while_the_job_runs(void **state) {
    const struct target *target = *state;
    char script[256], go[128];
    snprintf(go, sizeof go, "%s/go", target->home);
    snprintf(script, sizeof script,
             "echo first; until rmdir %s 2>/dev/null; do :; done; echo second", go);
    struct proc_action action = {
        .name = "chatty", .script = script, .interpreter = "bash", .env = env};
    struct followed followed = {.go = go};
    struct proc_job job;
    int64_t id;
    CHECK(proc_job_create_spec(target->client, &action, &id, &err));
    CHECK(proc_job_follow(target->client, id, TIMEOUT_MS, note_line, &followed, &job, &err));
    assert_int_equal(job.phase, PROC_SUCCEEDED);
    assert_string_equal(followed.output, "first;second;");
    proc_job_done(&job);
}

static void a_stop_ends_a_wait_at_once(void **state) {
    struct proc_client *client = client_of(state);
    struct proc_action action = {
        .name = "slow", .script = "sleep 1000", .interpreter = "exec", .env = env};
    int stop_fd = eventfd(1, EFD_CLOEXEC);
    struct proc_job job;
    int64_t id;
    CHECK(proc_job_create_spec(client, &action, &id, &err));
    proc_set_stop_fd(client, stop_fd);
    assert_int_equal(proc_job_wait(client, id, TIMEOUT_MS, &job, &err), -1);
    assert_int_equal(err.kind, RPC_ERROR_INTERRUPTED);
    rpc_error_clear(&err);
    proc_set_stop_fd(client, -1);
    close(stop_fd);
    CHECK(proc_job_cancel(client, id, &err));
}

/* ---- What one of them cannot do --------------------------------------------------------- */

static void expect_missing(int result, const char *method) {
    assert_int_equal(result, -1);
    assert_true(proc_is_missing(&err));
    assert_false(proc_is_not_found(&err));
    if (!strstr(err.message, method)) fail_msg("%s", err.message);
    rpc_error_clear(&err);
}

static void what_the_other_lacks_is_said(void **state) {
    struct proc_client *client = client_of(state);
    struct proc_log_query query = {0};
    struct proc_log_page page;
    expect_missing(proc_logs_list(client, &query, &page, &err), "logs.list");
    expect_missing(proc_secret_set(client, "KEY", "value", &err), "secret.set");
    assert_null(proc_secret_get(client, "KEY", &err));
    expect_missing(-1, "secret.get");
    assert_int_equal(proc_has(client, PROC_LOGS_INSERT, NULL), 0);
    assert_int_equal(proc_has(client, PROC_SERVICE_SET, NULL), 1);
}

static void ours_has_logs_and_secrets(void **state) {
    struct proc_client *client = client_of(state);
    static const char *const tags[] = {"session=7", NULL};
    json_t *params = json_pack("{s:[{s:s, s:s, s:[s], s:s}]}", "entries", "source", "a.b", "level",
                               "info", "tags", "session=7", "line", "a line");
    json_t *result = proc_call(client, PROC_LOGS_INSERT, params, &err);
    if (!result) fail_msg("%s", err.message);
    json_decref(result);
    json_decref(params);
    struct proc_log_query query = {.source = "a", .tags = tags};
    struct proc_log_page page;
    CHECK(proc_logs_list(client, &query, &page, &err));
    assert_int_equal(page.count, 1);
    assert_string_equal(page.lines[0].text, "a line");
    assert_string_equal(page.lines[0].source, "a.b");
    assert_true(page.lines[0].timestamp_ms > 0);
    proc_log_page_done(&page);

    CHECK(proc_secret_set(client, "KEY", "the value", &err));
    char *value = proc_secret_get(client, "KEY", &err);
    assert_string_equal(value, "the value");
    free(value);
    CHECK(proc_secret_delete(client, "KEY", &err));
    assert_null(proc_secret_get(client, "KEY", &err));
    assert_true(proc_is_not_found(&err));
    rpc_error_clear(&err);
}

/* ---- What the other one is sent --------------------------------------------------------- */

/* The parameters of the last call of a method; a new reference. */
static json_t *last_call(const struct target *target, const char *method) {
    char *calls = target_calls(target), *rest = calls, *line;
    json_t *params = NULL;
    while ((line = strsep(&rest, "\n"))) {
        json_t *call = json_loads(line, 0, NULL);
        const char *name = json_string_value(json_object_get(call, "method"));
        if (name && strcmp(name, method) == 0) {
            json_decref(params);
            params = json_incref(json_object_get(call, "params"));
        }
        json_decref(call);
    }
    free(calls);
    assert_non_null(params);
    return params;
}

static void expect_json(json_t *value, const char *expected) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void names_nesting_and_fields_are_the_server_s(void **state) {
    struct target *target = *state;
    static const char *const socket[] = {"/run/a.sock", NULL}, *const port[] = {"8080", NULL};
    static const struct proc_health_check check = {
        .kind = PROC_CHECK_OPENRPC_SOCKET, .target = "/run/a.sock", .interval_ms = 1500};
    struct proc_action action = sleeper();
    action.singleton = true;
    action.kill_other = (struct proc_kill_other){.socket = socket, .port = port};
    action.health_checks = &check;
    action.health_check_count = 1;
    struct proc_service service = service_of(&action);
    service.require_ready = true;
    CHECK(proc_service_set(target->client, &service, &err));
    expect_json(last_call(target, "action.put"),
                "{\"action\":{\"command\":\"sleep 1000\",\"environment\":[\"PATH=/usr/bin:/bin\","
                "\"GREETING=good morning\"],\"health_check\":{\"address\":\"/run/a.sock\","
                "\"interval_secs\":2,\"type\":\"OpenrpcSocket\"},\"interpreter\":\"Exec\","
                "\"is_process\":true,\"kill_other\":{\"ports\":[8080],\"sockets\":[\"/run/a."
                "sock\"]},\"name\":\"sleeper\",\"retry\":{\"initial_delay_ms\":10,\"max_attempts\":"
                "3},\"stop_signal\":\"SIGTERM\",\"stop_timeout_secs\":5}}");
    expect_json(last_call(target, "service.put"),
                "{\"config\":{\"actions\":[\"sleeper\"],\"dependencies\":{\"requires\":[\"hero_"
                "proc\"]},\"description\":\"for a test\",\"name\":\"sleeper\",\"wanted_status\":"
                "\"Start\"}}");
    assert_string_equal(proc_omitted(target->client),
                        "action.put: singleton; service.put: require_ready");
}

static void without_a_document_names_are_tried(void **state) {
    struct proc_client *client = client_of(state);
    struct proc_service_list list;
    CHECK(proc_service_list(client, &list, &err));
    proc_service_list_done(&list);
    assert_int_equal(proc_has(client, PROC_LOGS_INSERT, &err), 1);
    assert_null(proc_secret_get(client, "KEY", &err));
    expect_missing(-1, "secret.get");
    /* service.set, service.put: there it is, and says what it does not like. */
    struct proc_action action = sleeper();
    assert_int_equal(proc_action_set(client, &action, &err), -1);
    assert_int_equal(err.code, -32602);
    rpc_error_clear(&err);
}

/* ---- Groups ----------------------------------------------------------------------------- */

static struct target target;

static int set_up_other(void **state) {
    target_start(&target, OTHER_WITH_DOCUMENT);
    *state = &target;
    return 0;
}
static int set_up_discover(void **state) {
    target_start(&target, OTHER_WITH_DISCOVER);
    *state = &target;
    return 0;
}
static int set_up_without(void **state) {
    target_start(&target, OTHER_WITHOUT);
    *state = &target;
    return 0;
}
static int set_up_ours(void **state) {
    target_start(&target, OURS);
    *state = &target;
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    target_stop(&target);
    return 0;
}

#define COMMON_TESTS                                                                               \
    cmocka_unit_test(a_service_runs_until_it_is_stopped),                                          \
        cmocka_unit_test(a_second_restart_replaces_the_process),                                   \
        cmocka_unit_test(services_are_listed),                                                     \
        cmocka_unit_test(a_failure_tells_state_and_last_lines),                                    \
        cmocka_unit_test(stopping_what_is_not_there_is_fine),                                      \
        cmocka_unit_test(an_unknown_service_is_not_found),                                         \
        cmocka_unit_test(an_action_runs_as_a_job), cmocka_unit_test(a_job_brings_its_own_action),  \
        cmocka_unit_test(output_is_told_while_the_job_runs)

int main(void) {
    const struct CMUnitTest other[] = {
        COMMON_TESTS,
        cmocka_unit_test(names_nesting_and_fields_are_the_server_s),
        cmocka_unit_test(what_the_other_lacks_is_said),
    };
    const struct CMUnitTest discover[] = {
        cmocka_unit_test(names_nesting_and_fields_are_the_server_s),
    };
    const struct CMUnitTest without[] = {
        cmocka_unit_test(without_a_document_names_are_tried),
    };
    const struct CMUnitTest ours[] = {
        COMMON_TESTS,
        cmocka_unit_test(attempts_are_spaced_and_then_used_up),
        cmocka_unit_test(a_check_that_fails_restarts_the_service),
        cmocka_unit_test(ours_has_logs_and_secrets),
        cmocka_unit_test(a_stop_ends_a_wait_at_once),
    };
    int failed =
        cmocka_run_group_tests_name("another hero_proc", other, set_up_other, tear_down) +
        cmocka_run_group_tests_name("its document by rpc.discover", discover, set_up_discover,
                                    tear_down) +
        cmocka_run_group_tests_name("no document at all", without, set_up_without, tear_down);
    if (target_has_ours())
        failed += cmocka_run_group_tests_name("our hero_proc", ours, set_up_ours, tear_down);
    return failed;
}
