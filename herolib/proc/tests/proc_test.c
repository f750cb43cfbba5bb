/* Against a real hero_proc_server in a home of its own, and in part against another hero_proc. */
#include "hero_proc/sdk/tests/target.h"
#include "tests/fixture.h"

#include <hero_rpc/clock.h>
#include <hero_rpc/paths.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Long enough for a busy machine; what is to end at once ends long before. */
#define LONG_MS 20000

static struct target target;

static void expect_part(struct fixture *f, const char *script, const char *part) {
    char *shown = fixture_evaluate(f, script);
    if (!strstr(shown, part)) fail_msg("'%s' does not hold '%s'", shown, part);
    free(shown);
}

/* ---- The builder ------------------------------------------------------------------------- */

static void a_service_runs_until_it_is_deleted(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let s = new_service(\"web\").exec(\"sleep 1000\").start(20);"
                   "[s.name, s.state, s.pid > 0, s.wanted, service_status(\"web\").pid == s.pid]",
                   "[\"web\", \"running\", true, \"start\", true]");
    assert_true(f->sink.flushes > 0);
    fixture_expect(f, "service_list().filter(|s| s.name == \"web\").map(|s| s.state)",
                   "[\"running\"]");
    fixture_expect(f, "service_why(\"web\")", "it runs");
    fixture_expect(f, "[service_stop(\"web\"), service_status(\"web\").state]",
                   "[true, \"exited\"]");
    fixture_expect(f, "[service_delete(\"web\"), service_delete(\"web\")]", "[true, false]");
    expect_part(f, "service_status(\"web\")", "proc: service_status: service \"web\" not found");
    expect_part(f, "job_run(\"web\")", "proc: job_run: action \"web\" not found");
}

static void a_builder_is_a_value(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "new_service(\"web\")", "ServiceBuilder(web)");
    expect_part(f, "let b = new_service(\"web\"); b.exec(\"true\"); b.start(20)",
                "proc: start: web has nothing to run: say exec or script");
    expect_part(f, "new_service().exec(\"true\").register()",
                "proc: register: the service has no name");
    fixture_expect(f, "new_service().name(\"late\")", "ServiceBuilder(late)");
    expect_part(f, "new_service(\"x\").log(\"file\")",
                "proc: log 'file': there are ring, stdout and null");
    expect_part(f, "new_service(\"x\").check(\"ping\", \"y\")", "proc: check 'ping': there are");
    expect_part(f, "new_service(\"x\").env(\"a=b\", \"c\")", "proc: 'a=b' cannot be the name");
    expect_part(f, "new_service(\"x\").period(-1)",
                "proc: period: seconds are a number, 0 or more");
    expect_part(f, "new_service(\"x\").exec(\"a\\x00b\")", "holds a NUL character");
}

static void a_failure_tells_its_reason_and_the_last_lines(void **state) {
    struct fixture *f = *state;
    expect_part(f,
                "new_service(\"broken\").script(\"echo first; echo the disk is on fire; exit 3\")"
                ".retry(1).start(20)",
                "proc: start: broken is failed: it has ended with exit code 3; last lines of its "
                "log:\nfirst\nthe disk is on fire");
    fixture_expect(f,
                   "let s = \"\"; try { service_start(\"broken\") } catch (e) { s = e; }"
                   "s.contains(\"proc: service_start: broken is failed\")",
                   "true");
    fixture_expect(f, "service_delete(\"broken\")", "true");
}

static void attempts_come_after_the_delay_that_was_said(void **state) {
    struct fixture *f = *state;
    expect_part(
        f, "new_service(\"crasher\").script(\"echo attempt; exit 1\").retry(3, 0.05).start(20)",
        "attempt\nit has ended with exit code 1; attempt 2 comes in 50 ms\n"
        "attempt\nit has ended with exit code 1; attempt 3 comes in 100 ms\nattempt\n");
    fixture_expect(
        f, "let n = service_status(\"crasher\").restarts; service_delete(\"crasher\"); n", "2");
}

static void it_is_running_once_its_check_passes(void **state) {
    struct fixture *f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/well", target.home);
    setenv("WELL", path, 1);
    expect_part(f,
                "new_service(\"patient\").exec(\"sleep 1000\").check(\"exec\", \"test -e \" + "
                "env(\"WELL\"))"
                ".start(0.3)",
                "proc: start: patient is not running after");
    assert_int_equal(mkdir(path, 0700), 0);
    fixture_expect(f, "service_start(\"patient\", 20).state", "running");
    fixture_expect(f, "service_delete(\"patient\")", "true");
    rmdir(path);
}

static void a_oneshot_has_succeeded(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let s = new_service(\"once\").exec(\"echo 'just once'\").oneshot().start(20);"
                   "[s.state, service_logs(\"once\"), service_delete(\"once\")]",
                   "[\"success\", [\"just once\"], true]");
}

static void what_it_runs_gets_directory_and_variables(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "new_service(\"where\").script(\"pwd; echo $A $B\").oneshot().dir(\"/usr\")"
                   ".env(\"A\", \"1\").env(\"B\", \"two words\").start(20);"
                   "service_logs(\"where\")",
                   "[\"/usr\", \"1 two words\"]");
    fixture_expect(
        f,
        "new_service(\"quiet\").exec(\"echo 'a  b' \\\"c\\\"\").oneshot().log(\"null\").start(20);"
        "[service_logs(\"quiet\"), service_logs(\"where\", 1)]",
        "[[], [\"1 two words\"]]");
    fixture_expect(f, "[service_delete(\"where\"), service_delete(\"quiet\")]", "[true, true]");
    expect_part(f, "service_logs(\"nobody\")", "proc: service_logs: service \"nobody\" not found");
}

static void what_it_requires_is_started_with_it(void **state) {
    struct fixture *f = *state;
    fixture_expect(
        f,
        "new_service(\"db\").exec(\"sleep 1000\").register();"
        "let before = service_status(\"db\").state;"
        "new_service(\"app\").exec(\"sleep 1000\").requires(\"db\").after(\"db\").start(20);"
        "[before, service_status(\"db\").state]",
        "[\"inactive\", \"running\"]");
    fixture_expect(f, "[service_delete(\"app\"), service_delete(\"db\")]", "[true, true]");
}

static void start_replaces_and_register_leaves(void **state) {
    struct fixture *f = *state;
    fixture_expect(
        f,
        "let b = new_service(\"web\").exec(\"sleep 1000\").shutdown_timeout(5).period(1);"
        "let first = b.start(20).pid;"
        "b.exec(\"sleep 2000\").register();"
        "let left = service_status(\"web\").pid;"
        "let second = b.start(20).pid;"
        "let third = b.reset().start(20).pid;"
        "[first == left, first == second, second == third]",
        "[true, false, false]");
    fixture_expect(f, "service_delete(\"web\")", "true");
}

/* ---- Services that are there ------------------------------------------------------------- */

static void services_are_started_and_stopped(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "new_service(\"web\").exec(\"sleep 1000\").register();"
                   "let first = service_start(\"web\");"
                   "let second = service_restart(\"web\", 20);"
                   "[first.state, second.state, first.pid == second.pid]",
                   "[\"running\", \"running\", false]");
    fixture_expect(
        f, "[service_stop(\"web\", 0), service_stop(\"web\", 20), service_status(\"web\").pid]",
        "[true, true, 0]");
    fixture_expect(f,
                   "let s = new_service(\"web\").exec(\"sleep 1000\").start(0).state;"
                   "[s in [\"starting\", \"running\"], service_start(\"web\").state]",
                   "[true, \"running\"]");
    fixture_expect(
        f, "[service_stop(\"nobody\"), service_stop(\"nobody\", 0), service_delete(\"web\")]",
        "[false, false, true]");
    expect_part(f, "service_start(\"nobody\")",
                "proc: service_start: service \"nobody\" not found");
    expect_part(f, "service_restart(\"nobody\")",
                "proc: service_restart: service \"nobody\" not found");
    expect_part(f, "service_why(\"nobody\")", "proc: service_why: service \"nobody\" not found");
}

/* ---- Jobs -------------------------------------------------------------------------------- */

static void a_job_gives_its_output_and_exit_code(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let r = job_run(#{script: \"echo out; echo more\", interpreter: \"bash\","
                   " name: \"chat\"});"
                   "[r.action, r.phase, r.success, r.exit_code, r.error, r.output]",
                   "[\"chat\", \"succeeded\", true, 0, \"\", \"out\\nmore\\n\"]");
    assert_string_equal(sink_text(&f->sink.out), "out\nmore\n");
    fixture_expect(f, "job_run(#{script: \"sh -c 'echo bad >&2'\"}).output", "bad\n");
    assert_string_equal(sink_text(&f->sink.err), "bad\n");
    fixture_expect(f, "job_run(#{script: \"echo hidden\"}, #{silent: true}).output", "hidden\n");
    assert_null(strstr(sink_text(&f->sink.all), "hidden"));
}

static void a_job_that_fails_is_an_error_unless_it_may(void **state) {
    struct fixture *f = *state;
    expect_part(f, "job_run(#{script: \"sh -c 'exit 7'\", name: \"backup\"})",
                " (backup) failed: it has ended with exit code 7");
    fixture_expect(f,
                   "let r = job_run(#{script: \"sh -c 'exit 7'\"}, #{die: false});"
                   "[r.phase, r.success, r.exit_code, r.error]",
                   "[\"failed\", false, 7, \"it has ended with exit code 7\"]");
    expect_part(f, "job_run(\"nothing\")", "proc: job_run: action \"nothing\" not found");
    expect_part(f, "job_run(#{interpreter: \"bash\"})", "proc: job_run: ");
    expect_part(f, "job_run(\"x\", #{quiet: true})", "proc: job_run: there is no option 'quiet'");
    expect_part(f, "job_wait(1, #{inputs: #{}})", "proc: job_wait: there is no option 'inputs'");
    expect_part(f, "job_start(\"x\", #{silent: true})",
                "proc: job_start: there is no option 'silent'");
    expect_part(f, "job_status(999999)", "proc: job_status: job \"999999\" not found");
}

static void inputs_and_tags_go_with_a_job(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let id = job_start(#{script: \"echo {{what}}\"}, #{inputs: #{what: \"hello\"},"
                   " tags: [\"nightly\"]});"
                   "let r = job_wait(id, #{silent: true});"
                   "[r.id == id, r.output, job_status(id).tags, job_logs(id)]",
                   "[true, \"hello\\n\", [\"nightly\"], [\"hello\"]]");
}

static void jobs_are_listed_and_cancelled(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let id = job_start(#{script: \"sleep 1000\", name: \"sleeper\"});"
                   "let newest = job_list(#{action: \"sleeper\", limit: 1});"
                   "let found = newest[0].id == id && job_list().some(|j| j.id == id);"
                   "let cancelled = job_cancel(id);"
                   "let r = job_wait(id, #{die: false});"
                   "[newest.len(), found, cancelled, r.phase, job_cancel(id)]",
                   "[1, true, true, \"cancelled\", false]");
    expect_part(f, "job_list(#{state: \"running\"})", "proc: job_list: there is no option 'state'");
}

static void waiting_has_an_end_and_the_job_goes_on(void **state) {
    struct fixture *f = *state;
    expect_part(f, "job_run(#{script: \"yes\", name: \"endless\"}, #{timeout: 0.3, silent: true})",
                "has not ended: it is running");
    fixture_expect(f, "job_cancel(job_list(#{action: \"endless\", phase: \"running\"})[0].id)",
                   "true");
}

/* The job goes on when its first line has been shown. */
static void let_go(struct sink *sink) {
    if (strstr(sink_text(&sink->out), "first\n")) mkdir(sink->on_event_data, 0700);
}

static void output_is_shown_while_the_job_runs(void **state) {
    struct fixture *f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/go", target.home);
    setenv("GO", path, 1);
    f->sink.on_event = let_go;
    f->sink.on_event_data = path;
    fixture_expect(
        f,
        "job_run(#{script: \"echo first; until rmdir \" + env(\"GO\") + \" 2>/dev/null; do :; done;"
        " echo last\", interpreter: \"bash\"}, #{timeout: 20}).output",
        "first\nlast\n");
    f->sink.on_event = NULL;
}

/* ---- Logs and secrets -------------------------------------------------------------------- */

static void lines_are_found(void **state) {
    struct fixture *f = *state;
    fixture_expect(
        f,
        "job_run(#{script: \"echo apple; echo pear >&2; echo apple pie\", interpreter: \"bash\","
        " name: \"fruit\"}, #{silent: true});"
        "logs_list(#{source: \"fruit\", text: \"apple\"}).map(|l| l.line)",
        "[\"apple\", \"apple pie\"]");
    fixture_expect(f,
                   "let l = logs_list(#{source: \"fruit\", level: \"warn\"})[0];"
                   "[l.line, l.source, l.level, \"kind=stderr\" in l.tags, l.timestamp_ms > 0]",
                   "[\"pear\", \"fruit\", \"warn\", true, true]");
    fixture_expect(
        f, "logs_list(#{source: \"fruit\", tags: [\"kind=stdout\"], limit: 1}).map(|l| l.line)",
        "[\"apple pie\"]");
    fixture_expect(
        f, "[logs_list(\"fruit\").len() >= 3, logs_list().len() >= 3, logs_list(\"nobody\")]",
        "[true, true, []]");
    expect_part(f, "logs_list(#{since: 1})", "proc: logs_list: there is no option 'since'");
    expect_part(f, "logs_list(#{limit: 0})", "proc: logs_list: the limit must be 1 or more");
    expect_part(f, "logs_list(#{tags: [1]})", "proc: logs_list: tags are strings");
}

static void secrets_come_back_and_are_in_no_listing(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "secret_set(\"token\", \"s3cr3t \\\"grün\\\"\"); secret_set(\"token2\", \"\");"
                   "[secret_get(\"token\"), secret_get(\"token2\"), secret_list()]",
                   "[\"s3cr3t \\\"grün\\\"\", \"\", [\"token\", \"token2\"]]");
    fixture_expect(f,
                   "let all = `${secret_list()} ${service_list()} ${job_list()} ${logs_list()}`;"
                   "all.contains(\"s3cr3t\")",
                   "false");
    fixture_expect(
        f, "[secret_delete(\"token\"), secret_delete(\"token\"), secret_delete(\"token2\")]",
        "[true, false, true]");
    expect_part(f, "secret_get(\"token\")", "proc: secret_get: secret \"token\" not found");
    expect_part(f, "secret_set(\"k\", \"a\\x00b\")", "proc: the value holds a NUL character");
}

/* ---- The session, and where hero_proc is ------------------------------------------------- */

static void expect_stopped(struct fixture *f, const char *script) {
    int64_t since_ms = rpc_clock_monotonic_ms();
    f->session.stop_fd = sink_stop_after_ms(100);
    expect_part(f, script, "Script terminated");
    assert_true(rpc_clock_monotonic_ms() - since_ms < LONG_MS);
    close(f->session.stop_fd);
    f->session.stop_fd = -1;
}

static void a_stop_ends_what_waits(void **state) {
    struct fixture *f = *state;
    expect_stopped(
        f,
        "try { new_service(\"never\").exec(\"sleep 1000\").check(\"exec\", \"false\").start(60); }"
        "catch { print(\"caught\"); }");
    expect_stopped(f, "try { job_run(#{script: \"sleep 1000\", name: \"long\"}); } catch {}");
    assert_string_equal(sink_text(&f->sink.all), "");
    /* What hero_proc looks after goes on. */
    fixture_expect(f, "service_status(\"never\").state", "starting");
    fixture_expect(f, "job_cancel(job_list(#{action: \"long\", phase: \"running\"})[0].id)",
                   "true");
    fixture_expect(f, "service_delete(\"never\")", "true");
}

static void without_hero_proc_it_is_said_where_it_was_looked_for(void **state) {
    struct fixture *f = *state;
    char nowhere[128], message[256];
    snprintf(nowhere, sizeof nowhere, "%s/nowhere", target.home);
    snprintf(message, sizeof message,
             "proc: service_list: no hero_proc answers at %s/hero_proc/rpc.sock: No such file or "
             "directory",
             nowhere);
    pid_t child = fork(); /* where nobody has looked for it yet */
    if (child == 0) {
        setenv("PATH_SOCKET", nowhere, 1);
        setenv("HOME", nowhere, 1);
        expect_part(f, "service_list()", message);
        expect_part(f, "new_service(\"x\").exec(\"true\").start(1)",
                    "proc: start: no hero_proc answers");
        unsetenv("PATH_SOCKET"); /* it comes */
        setenv("HOME", target.home, 1);
        fixture_expect(f, "secret_list()", "[]");
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Somebody who listens and says nothing. */
static void a_stop_ends_a_call_that_is_not_answered(void **state) {
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/silent/hero_proc/rpc.sock",
             target.home);
    assert_int_equal(rpc_path_make_parent(address.sun_path, 0700, NULL), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    pid_t child = fork();
    if (child == 0) {
        char sockets[128];
        snprintf(sockets, sizeof sockets, "%s/silent", target.home);
        setenv("PATH_SOCKET", sockets, 1);
        expect_stopped(f, "try { secret_get(\"key\") } catch {}");
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(fd);
}

static void a_proxy_of_the_environment_is_not_asked(void **state) {
    struct fixture *f = *state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    fixture_expect(f, "secret_list()", "[]");
    unsetenv("http_proxy");
}

static void nothing_stays_open_between_calls(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "secret_list()", "[]");
    int lowest = dup(0);
    close(lowest);
    fixture_expect(f, "secret_list()", "[]");
    int again = dup(0);
    close(again);
    assert_int_equal(again, lowest);
}

/* ---- Another hero_proc ------------------------------------------------------------------- */

static void another_hero_proc_does_what_it_can(void **state) {
    struct fixture *f = *state;
    fixture_expect(
        f,
        "let s = new_service(\"web\").exec(\"sleep 1000\").env(\"PATH\", \"/bin\").start(20);"
        "[s.name, s.state, s.pid > 0, service_list().map(|s| s.name)]",
        "[\"web\", \"running\", true, [\"web\"]]");
    fixture_expect(f, "[service_stop(\"web\"), service_delete(\"web\")]", "[true, true]");
    fixture_expect(
        f,
        "let r = job_run(#{name: \"greet\", script: \"echo hi; echo you\", interpreter: \"bash\","
        " env: #{PATH: \"/bin\"}}); [r.success, r.exit_code, r.output]",
        "[true, 0, \"hi\\nyou\\n\"]");
    expect_part(f, "secret_list()", "proc: secret_list: this hero_proc cannot do that");
    expect_part(f, "logs_list()", "proc: logs_list: this hero_proc cannot do that");
}

/* ---- Groups ------------------------------------------------------------------------------ */

static int set_up(enum target_kind kind) {
    static const char *const others[] = {"PATH_ROOT", "PATH_VAR", "PATH_SOCKET", "HERO_SOCKET_DIR"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        unsetenv(others[i]);
    target_start(&target, kind);
    return 0;
}

static int set_up_ours(void **state) {
    (void)state;
    return set_up(OURS);
}

static int set_up_other(void **state) {
    (void)state;
    return set_up(OTHER_WITH_DOCUMENT);
}

static int tear_down(void **state) {
    (void)state;
    target_stop(&target);
    return 0;
}

/* Each group is a process: the session of a process has one hero_proc. */
static int run_other(void) {
    const struct CMUnitTest tests[] = {FIXTURE_CASE(another_hero_proc_does_what_it_can)};
    pid_t child = fork();
    if (child == 0)
        exit(cmocka_run_group_tests_name("another hero_proc", tests, set_up_other, tear_down));
    int status;
    waitpid(child, &status, 0);
    return status != 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(without_hero_proc_it_is_said_where_it_was_looked_for),
        FIXTURE_CASE(a_stop_ends_a_call_that_is_not_answered),
        FIXTURE_CASE(a_service_runs_until_it_is_deleted),
        FIXTURE_CASE(a_builder_is_a_value),
        FIXTURE_CASE(a_failure_tells_its_reason_and_the_last_lines),
        FIXTURE_CASE(attempts_come_after_the_delay_that_was_said),
        FIXTURE_CASE(it_is_running_once_its_check_passes),
        FIXTURE_CASE(a_oneshot_has_succeeded),
        FIXTURE_CASE(what_it_runs_gets_directory_and_variables),
        FIXTURE_CASE(what_it_requires_is_started_with_it),
        FIXTURE_CASE(start_replaces_and_register_leaves),
        FIXTURE_CASE(services_are_started_and_stopped),
        FIXTURE_CASE(a_job_gives_its_output_and_exit_code),
        FIXTURE_CASE(a_job_that_fails_is_an_error_unless_it_may),
        FIXTURE_CASE(inputs_and_tags_go_with_a_job),
        FIXTURE_CASE(jobs_are_listed_and_cancelled),
        FIXTURE_CASE(waiting_has_an_end_and_the_job_goes_on),
        FIXTURE_CASE(output_is_shown_while_the_job_runs),
        FIXTURE_CASE(lines_are_found),
        FIXTURE_CASE(secrets_come_back_and_are_in_no_listing),
        FIXTURE_CASE(a_stop_ends_what_waits),
        FIXTURE_CASE(a_proxy_of_the_environment_is_not_asked),
        FIXTURE_CASE(nothing_stays_open_between_calls),
    };
    int failed = run_other();
    return cmocka_run_group_tests_name("our hero_proc", tests, set_up_ours, tear_down) + failed;
}
