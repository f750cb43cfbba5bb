/* Services as their users see them: over a real daemon and real processes. */
#include "fixture.h"

#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define SLEEP "exec sleep 1000"
#define WANTED ",'status':'start'"
#define FAST ",'retry_policy':{'max_attempts':3,'delay_ms':20}"

static void a_service_runs_and_an_operators_stop_lasts(void **state) {
    struct fixture *fixture = *state;
    set_service(fixture, "web", SLEEP, "", WANTED);
    await_state(fixture, "web", "running");
    pid_t pid = pid_of(fixture, "web");
    assert_true(is_alive(pid));
    tell(fixture, "service.stop", "{'name':'web'}");
    await_state(fixture, "web", "exited");
    assert_false(is_alive(pid));
    json_t *status = status_of(fixture, "web");
    assert_string_equal(text_in(status, "wanted"), "stop");
    assert_int_equal(number_in(status, "pid"), 0);
    json_decref(status);
}

static void a_crash_loop_backs_off_and_fails_with_its_last_lines(void **state) {
    struct fixture *fixture = *state;
    set_service(fixture, "broken", "echo the disk is on fire; exit 3", FAST, WANTED);
    await_state(fixture, "broken", "failed");
    json_t *status = status_of(fixture, "broken");
    json_t *lines = json_object_get(status, "last_lines");
    assert_int_equal(json_array_size(lines), 3);
    assert_string_equal(json_string_value(json_array_get(lines, 2)), "the disk is on fire");
    assert_string_equal(text_in(status, "why"), "it has ended with exit code 3 (attempt 3 of 3)");
    assert_int_equal(number_in(status, "restarts"), 2);
    json_decref(status);
    char *log = lines_of(fixture, "broken");
    assert_non_null(strstr(log, "attempt 2 comes in 20 ms"));
    assert_non_null(strstr(log, "attempt 3 comes in 40 ms"));
    free(log);
}

static void a_program_that_is_not_there_fails_and_says_so(void **state) {
    struct fixture *fixture = *state;
    tell(fixture, "action.set",
         "{'name':'ghost','script':'/no/such/program','is_process':true"
         ",'retry_policy':{'max_attempts':1}}");
    tell(fixture, "service.set", "{'name':'ghost','actions':['ghost']" WANTED "}");
    await_state(fixture, "ghost", "failed");
    assert_non_null(strstr(why_of(fixture, "ghost"), "/no/such/program"));
}

static void a_stop_ends_a_crash_loop(void **state) {
    struct fixture *fixture = *state;
    set_service(fixture, "loop", "exit 1", ",'retry_policy':{'max_attempts':0,'delay_ms':20}",
                WANTED);
    await_line(fixture, "loop", "attempt 3 comes");
    tell(fixture, "service.stop", "{'name':'loop'}");
    await_state(fixture, "loop", "exited");
    json_t *before = status_of(fixture, "loop");
    pause_ms(200);
    json_t *after = status_of(fixture, "loop");
    assert_int_equal(number_in(before, "restarts"), number_in(after, "restarts"));
    json_decref(before);
    json_decref(after);
}

static void what_ignores_the_stop_signal_is_killed_with_its_group(void **state) {
    struct fixture *fixture = *state;
    set_service(fixture, "deaf", "trap : TERM; sleep 1000 & echo child $!; while :; do wait; done",
                ",'stop_timeout_ms':100", WANTED);
    await_line(fixture, "deaf", "child ");
    char *log = lines_of(fixture, "deaf");
    pid_t child = atoi(strstr(log, "child ") + 6);
    free(log);
    assert_true(is_alive(child));
    tell(fixture, "service.stop", "{'name':'deaf'}");
    await_state(fixture, "deaf", "exited");
    await_gone(child);
}

/* ---- Health ------------------------------------------------------------------------------- */

/* An action's health check: a file that is there. */
static void add_check(const struct fixture *fixture, const char *name, char out[512]) {
    snprintf(out, 512,
             ",'retry_policy':{'delay_ms':10},'health_checks':[{'kind':'exec','target':'test -e "
             "%s/%s','interval_ms':20,'failures':2}]",
             fixture->home, name);
}

static void set_file(const struct fixture *fixture, const char *name, bool is_there) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", fixture->home, name);
    FILE *file = is_there ? fopen(path, "we") : NULL;
    if (file)
        fclose(file);
    else
        unlink(path);
}

static void a_service_is_running_when_its_check_passes(void **state) {
    struct fixture *fixture = *state;
    char check[512];
    add_check(fixture, "well", check);
    set_service(fixture, "probed", SLEEP, check, WANTED);
    await_state(fixture, "probed", "starting");
    pause_ms(100);
    assert_string_equal(state_of(fixture, "probed"), "starting");
    set_file(fixture, "well", true);
    await_state(fixture, "probed", "running");
}

static void a_check_that_fails_restarts_it(void **state) {
    struct fixture *fixture = *state;
    char check[512];
    add_check(fixture, "well", check);
    set_file(fixture, "well", true);
    set_service(fixture, "probed", SLEEP, check, WANTED);
    await_state(fixture, "probed", "running");
    pid_t pid = pid_of(fixture, "probed");
    set_file(fixture, "well", false);
    await_gone(pid);
    set_file(fixture, "well", true);
    await_state(fixture, "probed", "running");
    assert_int_not_equal(pid_of(fixture, "probed"), pid);
    char *log = lines_of(fixture, "probed");
    assert_non_null(strstr(log, "a health check has failed 2 times"));
    free(log);
}

static void what_is_never_ready_fails_in_time(void **state) {
    struct fixture *fixture = *state;
    set_service(fixture, "slow", SLEEP,
                ",'start_timeout_ms':200,'retry_policy':{'max_attempts':1}"
                ",'health_checks':[{'kind':'tcp_port','target':'1'}]",
                WANTED);
    await_state(fixture, "slow", "failed");
    assert_non_null(strstr(why_of(fixture, "slow"), "it was not ready after 200 ms"));
}

/* ---- Dependencies ------------------------------------------------------------------------- */

static int64_t started_ms(struct fixture *fixture, const char *service) {
    json_t *jobs = call(fixture, "job.list", "{'service':'%s'}", service);
    int64_t ms = number_in(json_array_get(json_object_get(jobs, "jobs"), 0), "started_ms");
    json_decref(jobs);
    return ms;
}

static int64_t ended_ms(struct fixture *fixture, const char *service) {
    json_t *jobs = call(fixture, "job.list", "{'service':'%s','phase':'cancelled'}", service);
    int64_t ms = number_in(json_array_get(json_object_get(jobs, "jobs"), 0), "ended_ms");
    json_decref(jobs);
    return ms;
}

/* c requires b requires a requires hero_proc; a is ready when the file is there. */
static void set_chain(struct fixture *fixture) {
    char check[512];
    add_check(fixture, "a_is_well", check);
    set_service(fixture, "c", SLEEP, "", ",'requires':['b']");
    set_service(fixture, "b", SLEEP, "", ",'requires':['a']");
    set_service(fixture, "a", SLEEP, check, ",'requires':['hero_proc']");
}

static void starting_starts_what_is_required_and_waits_until_it_is_ready(void **state) {
    struct fixture *fixture = *state;
    set_chain(fixture);
    tell(fixture, "service.start", "{'name':'c'}");
    await_state(fixture, "a", "starting");
    assert_string_equal(state_of(fixture, "b"), "blocked");
    assert_string_equal(why_of(fixture, "b"), "it requires a, which is starting");
    assert_string_equal(why_of(fixture, "c"), "it requires b, which is blocked");
    set_file(fixture, "a_is_well", true);
    await_state(fixture, "c", "running");
    assert_true(started_ms(fixture, "a") <= started_ms(fixture, "b"));
    assert_true(started_ms(fixture, "b") <= started_ms(fixture, "c"));
}

static void stopping_stops_those_that_require_it_before(void **state) {
    struct fixture *fixture = *state;
    set_chain(fixture);
    set_file(fixture, "a_is_well", true);
    tell(fixture, "service.start", "{'name':'c'}");
    await_state(fixture, "c", "running");
    tell(fixture, "service.stop", "{'name':'a'}");
    await_state(fixture, "a", "exited");
    assert_string_equal(state_of(fixture, "c"), "blocked");
    assert_true(ended_ms(fixture, "c") <= ended_ms(fixture, "b"));
    assert_true(ended_ms(fixture, "b") <= ended_ms(fixture, "a"));
    tell(fixture, "service.start", "{'name':'a'}");
    await_state(fixture, "c", "running");
}

static void a_circle_is_refused_and_named(void **state) {
    struct fixture *fixture = *state;
    const char *message;
    set_chain(fixture);
    assert_int_equal(
        refused(fixture, &message, "service.set", "{'name':'a','actions':['a'],'after':['c']}"),
        -32602);
    assert_non_null(strstr(message, "a -> c -> b -> a"));
    json_t *spec = call(fixture, "service.get", "{'name':'a'}");
    assert_null(json_object_get(spec, "after"));
    json_decref(spec);
}

static void services_in_conflict_do_not_run_together(void **state) {
    struct fixture *fixture = *state;
    set_service(fixture, "one", SLEEP, "", WANTED);
    await_state(fixture, "one", "running");
    set_service(fixture, "two", SLEEP, "", WANTED ",'conflicts':['one']");
    await_state(fixture, "two", "blocked");
    assert_string_equal(why_of(fixture, "two"), "it conflicts with one, which is running");
    tell(fixture, "service.stop", "{'name':'one'}");
    await_state(fixture, "two", "running");
}

static void the_worst_of_two_processes_is_the_state(void **state) {
    struct fixture *fixture = *state;
    set_service(fixture, "good", SLEEP, "", "");
    tell(fixture, "action.set",
         "{'name':'bad','script':'exit 1','interpreter':'bash','is_process':true"
         ",'retry_policy':{'max_attempts':1}}");
    tell(fixture, "service.set", "{'name':'both','actions':['good','bad']" WANTED "}");
    await_state(fixture, "both", "failed");
    assert_string_equal(why_of(fixture, "both"), "bad: it has ended with exit code 1");
    assert_true(pid_of(fixture, "both") > 0);
}

/* ---- The daemon's own end ----------------------------------------------------------------- */

static void children_survive_kill_9_and_are_taken_over(void **state) {
    struct fixture *fixture = *state;
    set_service(fixture, "ticker", "n=0; while sleep 0.05; do n=$((n+1)); echo tick $n; done", "",
                WANTED);
    await_line(fixture, "ticker", "tick 2");
    pid_t pid = pid_of(fixture, "ticker");
    fixture_kill(fixture);
    pause_ms(300);
    assert_true(is_alive(pid));
    fixture_start(fixture, NULL);
    await_state(fixture, "ticker", "running");
    assert_int_equal(pid_of(fixture, "ticker"), pid);
    await_line(fixture, "ticker", "taken over");
    /* What it wrote meanwhile was kept in the FIFO. */
    char *log = lines_of(fixture, "ticker");
    assert_non_null(strstr(log, "tick 3\n"));
    free(log);
    await_line(fixture, "ticker", "tick 20\n");
    tell(fixture, "service.stop", "{'name':'ticker'}");
    await_state(fixture, "ticker", "exited");
    assert_false(is_alive(pid));
}

static void what_ended_meanwhile_counts_as_a_failure_and_is_started_again(void **state) {
    struct fixture *fixture = *state;
    set_service(fixture, "web", SLEEP, FAST, WANTED);
    await_state(fixture, "web", "running");
    pid_t pid = pid_of(fixture, "web");
    /* Answered when it is written, and so is everything before it. */
    tell(fixture, "secret.set", "{'key':'a','value':'b'}");
    fixture_kill(fixture);
    kill(pid, SIGKILL);
    await_gone(pid);
    fixture_start(fixture, NULL);
    await_state(fixture, "web", "running");
    assert_int_not_equal(pid_of(fixture, "web"), pid);
    await_line(fixture, "web", "its last lines may be lost");
}

static void an_operators_stop_outlives_the_daemon(void **state) {
    struct fixture *fixture = *state;
    set_service(fixture, "web", SLEEP, "", WANTED);
    await_state(fixture, "web", "running");
    tell(fixture, "service.stop", "{'name':'web'}");
    await_state(fixture, "web", "exited");
    fixture_kill(fixture);
    fixture_start(fixture, NULL);
    pause_ms(200);
    assert_string_equal(state_of(fixture, "web"), "exited");
}

static void shutdown_leaves_children_and_with_force_takes_them_along(void **state) {
    struct fixture *fixture = *state;
    set_service(fixture, "a", SLEEP, "", "");
    set_service(fixture, "b", SLEEP, "", WANTED ",'requires':['a']");
    tell(fixture, "service.start", "{'name':'b'}");
    await_state(fixture, "b", "running");
    pid_t pids[] = {pid_of(fixture, "a"), pid_of(fixture, "b")};
    fixture_shut_down(fixture, false);
    assert_true(is_alive(pids[0]) && is_alive(pids[1]));
    fixture_start(fixture, NULL);
    await_state(fixture, "b", "running");
    assert_int_equal(pid_of(fixture, "b"), pids[1]);
    fixture_shut_down(fixture, true);
    await_gone(pids[0]);
    await_gone(pids[1]);
    fixture_start(fixture, NULL);
    await_state(fixture, "b", "running");
}

/* ---- kill_other --------------------------------------------------------------------------- */

static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

/* The peer of a connection is who has called listen(2), so that is done over there. */
static pid_t start_listener(const char *path) {
    pid_t pid = fork();
    if (pid == 0) {
        listen_at(path);
        for (;;)
            pause();
    }
    struct patience waiting = patience();
    while (access(path, F_OK) != 0)
        wait_more(&waiting, "nobody listens");
    return pid;
}

static void kill_other_ends_the_listener_and_removes_a_dead_socket(void **state) {
    struct fixture *fixture = *state;
    char path[100], action[256];
    snprintf(path, sizeof path, "%s/taken.sock", fixture->home);
    snprintf(action, sizeof action, ",'kill_other':{'socket':['%s']}", path);
    pid_t listener = start_listener(path);
    set_service(fixture, "web", SLEEP, action, WANTED);
    await_state(fixture, "web", "running");
    int status;
    assert_int_equal(waitpid(listener, &status, WNOHANG), listener);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_live_listeners_socket_is_never_unlinked(void **state) {
    struct fixture *fixture = *state;
    char path[100], action[256];
    struct stat before, after;
    snprintf(path, sizeof path, "%s/mine.sock", fixture->home);
    snprintf(action, sizeof action, ",'kill_other':{'socket':['%s']}" FAST, path);
    int fd = listen_at(path);
    assert_int_equal(stat(path, &before), 0);
    signal(SIGTERM, SIG_IGN); /* the listener is this process */
    set_service(fixture, "web", SLEEP, action, WANTED);
    await_state(fixture, "web", "starting");
    pause_ms(300);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    tell(fixture, "service.stop", "{'name':'web'}");
    await_state(fixture, "web", "exited");
    signal(SIGTERM, SIG_DFL);
    close(fd);
}

static pid_t start_port_listener(int *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(listen(fd, 5), 0);
    *ret_port = ntohs(address.sin_port);
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    close(fd);
    return pid;
}

/* posix_spawn returns when the program has been executed, so its command line is there. */
static pid_t start_sleep(char *seconds) {
    char name[] = "sleep";
    char *argv[] = {name, seconds, NULL};
    pid_t pid;
    assert_int_equal(posix_spawnp(&pid, name, NULL, NULL, argv, environ), 0);
    return pid;
}

static void kill_other_ends_who_holds_a_port_or_matches_a_filter(void **state) {
    struct fixture *fixture = *state;
    char action[256], seconds[32];
    int port, status;
    pid_t listener = start_port_listener(&port);
    snprintf(seconds, sizeof seconds, "98765.%d", (int)getpid());
    pid_t sleeper = start_sleep(seconds);
    snprintf(action, sizeof action, ",'kill_other':{'port':[%d],'process_filters':['sleep %s']}",
             port, seconds);
    set_service(fixture, "web", SLEEP, action, WANTED);
    await_state(fixture, "web", "running");
    assert_int_equal(waitpid(listener, &status, WNOHANG), listener);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(waitpid(sleeper, &status, WNOHANG), sleeper);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void what_is_no_port_or_filter_is_refused(void **state) {
    struct fixture *fixture = *state;
    static const char *const wrong[] = {"{'port':['a']}", "{'port':[0]}", "{'port':['80x']}",
                                        "{'port':[65536]}", "{'process_filters':[7]}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused(fixture, NULL, "action.set", "{'name':'x','script':'true','kill_other':%s}",
                wrong[i]);
    tell(fixture, "action.set", "{'name':'x','script':'true','kill_other':{'port':['80', 81]}}");
}

#define WITH_DAEMON(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DAEMON(a_service_runs_and_an_operators_stop_lasts),
        WITH_DAEMON(a_crash_loop_backs_off_and_fails_with_its_last_lines),
        WITH_DAEMON(a_program_that_is_not_there_fails_and_says_so),
        WITH_DAEMON(a_stop_ends_a_crash_loop),
        WITH_DAEMON(what_ignores_the_stop_signal_is_killed_with_its_group),
        WITH_DAEMON(a_service_is_running_when_its_check_passes),
        WITH_DAEMON(a_check_that_fails_restarts_it),
        WITH_DAEMON(what_is_never_ready_fails_in_time),
        WITH_DAEMON(starting_starts_what_is_required_and_waits_until_it_is_ready),
        WITH_DAEMON(stopping_stops_those_that_require_it_before),
        WITH_DAEMON(a_circle_is_refused_and_named),
        WITH_DAEMON(services_in_conflict_do_not_run_together),
        WITH_DAEMON(the_worst_of_two_processes_is_the_state),
        WITH_DAEMON(children_survive_kill_9_and_are_taken_over),
        WITH_DAEMON(what_ended_meanwhile_counts_as_a_failure_and_is_started_again),
        WITH_DAEMON(an_operators_stop_outlives_the_daemon),
        WITH_DAEMON(shutdown_leaves_children_and_with_force_takes_them_along),
        WITH_DAEMON(kill_other_ends_the_listener_and_removes_a_dead_socket),
        WITH_DAEMON(a_live_listeners_socket_is_never_unlinked),
        WITH_DAEMON(kill_other_ends_who_holds_a_port_or_matches_a_filter),
        WITH_DAEMON(what_is_no_port_or_filter_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
