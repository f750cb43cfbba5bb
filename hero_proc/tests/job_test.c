/* Jobs, runs, schedules, logs and secrets, over a real daemon. */
#include "fixture.h"

#include <hero_rpc/fd.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

static const char *phase_of(const json_t *job) {
    return text_in(job, "phase");
}

/* ---- Jobs --------------------------------------------------------------------------------- */

static void a_job_has_its_exit_code_and_its_output(void **state) {
    struct fixture *fixture = *state;
    int64_t id = run_job(fixture, "{'spec':{'interpreter':'bash','script':'echo out; echo err >&2; "
                                  "exit 7'}}");
    json_t *job = await_job(fixture, id);
    assert_string_equal(phase_of(job), "failed");
    assert_int_equal(number_in(job, "exit_code"), 7);
    assert_string_equal(text_in(job, "error"), "it has ended with exit code 7");
    json_decref(job);
    json_t *page = call(fixture, "job.logs", "{'id':%lld}", (long long)id);
    assert_int_equal(json_array_size(json_object_get(page, "lines")), 2);
    json_decref(page);
}

static void inputs_take_their_places_in_the_script(void **state) {
    struct fixture *fixture = *state;
    int64_t id = run_job(fixture, "{'spec':{'name':'greet','script':'echo {{who}} {{times}} "
                                  "{{other}}'},'inputs':{'who':'you','times':3}}");
    json_decref(await_job(fixture, id));
    await_line(fixture, "greet", "you 3 {{other}}\n");
}

static void a_job_that_takes_too_long_is_killed(void **state) {
    struct fixture *fixture = *state;
    int64_t id = run_job(fixture, "{'spec':{'script':'sleep 1000','timeout_ms':100}}");
    json_t *job = await_job(fixture, id);
    assert_string_equal(phase_of(job), "failed");
    assert_string_equal(text_in(job, "error"), "it took longer than 100 ms");
    json_decref(job);
}

static void a_job_is_tried_again_as_often_as_its_spec_says(void **state) {
    struct fixture *fixture = *state;
    int64_t id = run_job(
        fixture,
        "{'spec':{'name':'third','interpreter':'bash','script':'echo x >> $HOME/tries; test "
        "$(wc -l < $HOME/tries) = 3','retry_policy':{'max_attempts':5,'delay_ms':10}}}");
    json_t *job = await_job(fixture, id);
    assert_string_equal(phase_of(job), "succeeded");
    assert_int_equal(number_in(job, "attempt"), 3);
    json_decref(job);
}

static void a_job_can_be_cancelled_retried_and_deleted(void **state) {
    struct fixture *fixture = *state;
    int64_t id = run_job(fixture, "{'spec':{'script':'sleep 1000'}}");
    assert_int_equal(refused(fixture, NULL, "job.delete", "{'id':%lld}", (long long)id), -32003);
    tell(fixture, "job.cancel", "{'id':%lld}", (long long)id);
    json_t *job = await_job(fixture, id);
    assert_string_equal(phase_of(job), "cancelled");
    json_decref(job);
    json_t *again = call(fixture, "job.retry", "{'id':%lld}", (long long)id);
    assert_true(number_in(again, "id") > id);
    tell(fixture, "job.delete", "{'id':%lld,'force':true}", (long long)number_in(again, "id"));
    json_decref(again);
    tell(fixture, "job.delete", "{'id':%lld}", (long long)id);
    assert_int_equal(refused(fixture, NULL, "job.get", "{'id':%lld}", (long long)id), -32000);
}

static void jobs_of_a_run_wait_for_each_other(void **state) {
    struct fixture *fixture = *state;
    json_t *run = call(fixture, "run.submit",
                       "{'jobs':[{'spec':{'name':'test','script':'true','depends_on':['build']}},"
                       "{'spec':{'name':'build','script':'sleep 0.2'}},"
                       "{'spec':{'name':'never','script':'true','depends_on':['bad']}},"
                       "{'spec':{'name':'bad','script':'false'}}]}");
    json_t *ids = json_object_get(run, "jobs");
    json_t *jobs[4];
    for (size_t i = 0; i < 4; i++)
        jobs[i] = await_job(fixture, json_integer_value(json_array_get(ids, i)));
    assert_true(number_in(jobs[0], "started_ms") >= number_in(jobs[1], "ended_ms"));
    assert_string_equal(phase_of(jobs[0]), "succeeded");
    assert_string_equal(phase_of(jobs[2]), "failed");
    assert_string_equal(text_in(jobs[2], "error"), "it depends on bad, which is failed");
    json_t *record = call(fixture, "run.get", "{'id':%lld}", (long long)number_in(run, "id"));
    assert_string_equal(text_in(record, "state"), "failed");
    json_decref(record);
    for (size_t i = 0; i < 4; i++)
        json_decref(jobs[i]);
    json_decref(run);
}

static void the_environment_is_small_and_what_the_action_says(void **state) {
    struct fixture *fixture = *state;
    fixture_shut_down(fixture, true);
    static const char *const variables[] = {"SECRET_OF_THE_SHELL=1", "PATH_BUILD=/b", NULL};
    fixture_start(fixture, variables);
    int64_t id = run_job(fixture, "{'spec':{'name':'env','script':'env','env':{'COLOUR':'blue'}}}");
    json_decref(await_job(fixture, id));
    char *lines = lines_of(fixture, "env");
    assert_non_null(strstr(lines, "COLOUR=blue\n"));
    assert_non_null(strstr(lines, "PATH_BUILD=/b\n"));
    assert_null(strstr(lines, "SECRET_OF_THE_SHELL"));
    free(lines);
}

/* ---- Schedules ---------------------------------------------------------------------------- */

static void an_interval_runs_an_action_again_and_again(void **state) {
    struct fixture *fixture = *state;
    tell(fixture, "action.set",
         "{'name':'tick','script':'echo tick','schedule':{'interval_ms':1000}}");
    struct patience waiting = patience();
    size_t count = 0;
    while (count < 2) {
        json_t *jobs = call(fixture, "job.list", "{'action':'tick','phase':'succeeded'}");
        count = json_array_size(json_object_get(jobs, "jobs"));
        json_decref(jobs);
        wait_more(&waiting, "the schedule starts nothing");
    }
}

static void a_schedule_is_checked_when_it_is_set(void **state) {
    struct fixture *fixture = *state;
    const char *message;
    assert_int_equal(refused(fixture, &message, "action.set",
                             "{'name':'x','script':'true','schedule':{'cron':'61 * * * *'}}"),
                     -32602);
    assert_non_null(strstr(message, "minute"));
    assert_int_equal(refused(fixture, &message, "action.set",
                             "{'name':'x','script':'true','schedule':{'cron':'0 0 31 2 *'}}"),
                     -32602);
    tell(fixture, "action.set", "{'name':'x','script':'true','schedule':{'cron':'@daily'}}");
    json_t *list = call(fixture, "action.list", "{}");
    assert_true(number_in(json_array_get(json_object_get(list, "actions"), 0), "next_run_ms") > 0);
    json_decref(list);
}

/* ---- Logs --------------------------------------------------------------------------------- */

static void what_is_over_the_rate_is_dropped_counted_and_said(void **state) {
    struct fixture *fixture = *state;
    fixture_shut_down(fixture, true);
    static const char *const variables[] = {"HERO_PROC_LOG_LINES_PER_S=100", NULL};
    fixture_start(fixture, variables);
    int64_t id = run_job(fixture, "{'spec':{'name':'chatty','interpreter':'bash','script':'seq "
                                  "20000; sleep 0.2; echo the end'}}");
    json_decref(await_job(fixture, id));
    await_line(fixture, "chatty", "lines were dropped here");
    await_line(fixture, "chatty", "the end");
    json_t *sources = call(fixture, "logs.sources", "{}");
    json_t *source = json_array_get(json_object_get(sources, "sources"), 0);
    assert_string_equal(text_in(source, "source"), "chatty");
    assert_true(number_in(source, "dropped") > 10000);
    assert_true(number_in(source, "lines") + number_in(source, "dropped") >= 20001);
    json_decref(sources);
}

static void lines_are_found_by_source_tag_level_text_and_page(void **state) {
    struct fixture *fixture = *state;
    tell(fixture, "logs.insert",
         "{'entries':[{'source':'a.b','line':'one','tags':['session=1']},"
         "{'source':'a.b','line':'two','level':'error'},{'source':'ab','line':'three'},"
         "{'source':'a','line':'four \\\\ back\\nslash'}]}");
    static const struct {
        const char *query, *first;
        size_t count;
    } cases[] = {
        {"{}", "one", 4},
        {"{'source':'a'}", "one", 3},
        {"{'source':'a.b'}", "one", 2},
        {"{'tags':['session=1']}", "one", 1},
        {"{'tags':['session=']}", "", 0},
        {"{'level':'error'}", "two", 1},
        {"{'text':'re'}", "three", 1},
        {"{'text':'back\\nslash'}", "four \\ back\nslash", 1},
        {"{'limit':1}", "four \\ back\nslash", 1},
        {"{'since_ms':99999999999999}", "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *page = call(fixture, "logs.list", "%s", cases[i].query);
        json_t *lines = json_object_get(page, "lines");
        if (json_array_size(lines) != cases[i].count)
            fail_msg("%s: %zu lines", cases[i].query, json_array_size(lines));
        assert_string_equal(text_in(json_array_get(lines, 0), "line"), cases[i].first);
        json_decref(page);
    }
    json_t *page = call(fixture, "logs.list", "{'limit':1,'cursor':1}");
    assert_string_equal(text_in(json_array_get(json_object_get(page, "lines"), 0), "line"), "one");
    json_t *next =
        call(fixture, "logs.list", "{'cursor':%lld}", (long long)number_in(page, "cursor"));
    assert_int_equal(json_array_size(json_object_get(next, "lines")), 3);
    json_decref(page);
    json_decref(next);
}

struct followed {
    struct fixture *fixture;
    int count;
};

static bool on_event(void *ctx, const struct rpc_sse_event *event) {
    struct followed *followed = ctx;
    json_t *line = json_loadb(event->data, event->data_len, 0, NULL);
    assert_string_equal(text_in(line, "source"), "web");
    json_decref(line);
    return ++followed->count < 2;
}

static void new_lines_are_followed(void **state) {
    struct fixture *fixture = *state;
    struct followed followed = {fixture, 0};
    struct rpc_error err = {0};
    tell(fixture, "action.set",
         "{'name':'web','script':'while sleep 0.05; do echo line; "
         "done','interpreter':'bash','is_process':true}");
    tell(fixture, "service.set", "{'name':'other','actions':['web'],'status':'start'}");
    int64_t id = run_job(fixture, "{'action':'web'}");
    struct rpc_client *follower = rpc_client_new_unix(fixture->socket, &err);
    assert_int_equal(rpc_client_follow(follower, "/sse/logs?source=web&level=info", NULL, on_event,
                                       &followed, &err),
                     RPC_FOLLOW_STOPPED);
    rpc_client_free(follower);
    tell(fixture, "job.cancel", "{'id':%lld}", (long long)id);
}

/* ---- Secrets and state -------------------------------------------------------------------- */

static bool file_holds(const struct fixture *fixture, const char *name, const char *text) {
    char path[256];
    struct rpc_strbuf content = RPC_STRBUF_INIT;
    snprintf(path, sizeof path, "%s/%s", fixture->state_dir, name);
    rpc_file_read(path, 64 << 20, &content, NULL);
    bool found = content.len && memmem(content.data, content.len, text, strlen(text));
    rpc_strbuf_done(&content);
    return found;
}

static void secrets_are_kept_encrypted_and_by_context(void **state) {
    struct fixture *fixture = *state;
    tell(fixture, "secret.set", "{'key':'TOKEN','value':'the plain text'}");
    tell(fixture, "secret.set", "{'key':'TOKEN','value':'another','context':'lab'}");
    fixture_shut_down(fixture, true);
    assert_false(file_holds(fixture, "hero_proc.db", "the plain text"));
    assert_false(file_holds(fixture, "hero_proc.db-wal", "the plain text"));
    char path[256];
    struct stat info;
    snprintf(path, sizeof path, "%s/secrets.key", fixture->state_dir);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    fixture_start(fixture, NULL);
    json_t *secret = call(fixture, "secret.get", "{'key':'TOKEN'}");
    assert_string_equal(text_in(secret, "value"), "the plain text");
    json_decref(secret);
    tell(fixture, "secret.delete", "{'key':'TOKEN'}");
    assert_int_equal(refused(fixture, NULL, "secret.get", "{'key':'TOKEN'}"), -32000);
    secret = call(fixture, "secret.get", "{'key':'TOKEN','context':'lab'}");
    assert_string_equal(text_in(secret, "value"), "another");
    json_decref(secret);
}

static void old_jobs_are_forgotten(void **state) {
    struct fixture *fixture = *state;
    fixture_shut_down(fixture, true);
    static const char *const variables[] = {"HERO_PROC_HISTORY_JOBS=3", NULL};
    fixture_start(fixture, variables);
    int64_t id = 0;
    for (int i = 0; i < 6; i++) {
        id = run_job(fixture, "{'spec':{'script':'true'}}");
        json_decref(await_job(fixture, id));
    }
    struct patience waiting = patience();
    size_t count;
    do {
        json_t *jobs = call(fixture, "job.list", "{}");
        count = json_array_size(json_object_get(jobs, "jobs"));
        json_decref(jobs);
        wait_more(&waiting, "jobs are not forgotten");
    } while (count > 3);
    json_decref(call(fixture, "job.get", "{'id':%lld}", (long long)id));
}

/* Leaves no byte free on the file system of the state. */
static void fill(const struct fixture *fixture, bool is_full) {
    char path[256], block[4096] = "";
    snprintf(path, sizeof path, "%s/ballast", fixture->state_dir);
    unlink(path);
    FILE *file = is_full ? fopen(path, "we") : NULL;
    if (!file) return;
    setbuf(file, NULL);
    while (fwrite(block, 1, sizeof block, file) == sizeof block)
        ;
    while (fwrite(block, 1, 1, file) == 1)
        ;
    fclose(file);
}

static void a_full_disk_makes_it_read_only_and_no_worse(void **state) {
    struct fixture *fixture = *state;
    fixture_shut_down(fixture, true);
    if (mount("tmpfs", fixture->state_dir, "tmpfs", 0, "size=4m") < 0) {
        fixture_start(fixture, NULL);
        skip();
    }
    static const char *const variables[] = {"HERO_PROC_LOG_FREE_BYTES=0", NULL};
    fixture_start(fixture, variables);
    set_service(fixture, "web", "exec sleep 1000", "", ",'status':'start'");
    await_state(fixture, "web", "running");
    fill(fixture, true);
    const char *message = "";
    struct rpc_strbuf value = RPC_STRBUF_INIT;
    for (int i = 0; i < 30000; i++)
        rpc_strbuf_add_char(&value, 'x');
    assert_int_equal(refused(fixture, &message, "secret.set", "{'key':'K','value':'%s'}",
                             rpc_strbuf_text(&value)),
                     -32010);
    rpc_strbuf_done(&value);
    assert_string_equal(state_of(fixture, "web"), "running");
    tell(fixture, "service.restart", "{'name':'web'}");
    await_state(fixture, "web", "running");
    json_t *health = call(fixture, "health", "{}");
    assert_string_equal(text_in(health, "status"), "degraded");
    json_decref(health);
    fill(fixture, false);
    struct patience waiting = patience();
    bool is_well;
    do {
        wait_more(&waiting, "it does not recover");
        health = call(fixture, "health", "{}");
        is_well = strcmp(text_in(health, "status"), "ok") == 0;
        json_decref(health);
    } while (!is_well);
    pid_t pid = pid_of(fixture, "web");
    fixture_kill(fixture);
    fixture_start(fixture, NULL);
    await_state(fixture, "web", "running");
    assert_int_equal(pid_of(fixture, "web"), pid);
    fixture_shut_down(fixture, true);
    umount2(fixture->state_dir, MNT_DETACH);
}

#define WITH_DAEMON(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DAEMON(a_job_has_its_exit_code_and_its_output),
        WITH_DAEMON(inputs_take_their_places_in_the_script),
        WITH_DAEMON(a_job_that_takes_too_long_is_killed),
        WITH_DAEMON(a_job_is_tried_again_as_often_as_its_spec_says),
        WITH_DAEMON(a_job_can_be_cancelled_retried_and_deleted),
        WITH_DAEMON(jobs_of_a_run_wait_for_each_other),
        WITH_DAEMON(the_environment_is_small_and_what_the_action_says),
        WITH_DAEMON(an_interval_runs_an_action_again_and_again),
        WITH_DAEMON(a_schedule_is_checked_when_it_is_set),
        WITH_DAEMON(what_is_over_the_rate_is_dropped_counted_and_said),
        WITH_DAEMON(lines_are_found_by_source_tag_level_text_and_page),
        WITH_DAEMON(new_lines_are_followed),
        WITH_DAEMON(secrets_are_kept_encrypted_and_by_context),
        WITH_DAEMON(old_jobs_are_forgotten),
        WITH_DAEMON(a_full_disk_makes_it_read_only_and_no_worse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
