/* The product as a service: --start, --stop, recovery, and lines that go to hero_proc. Each test
 * has an installation and a home of its own. */
#include "support/process.h"

#include <hero_proc_sdk/proc.h>
#include <hero_runner_rhai_sdk/runner.h>

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COMMAND_MS 60000
#define RECOVER_MS 30000
#define OUTPUT_BYTES 16384
#define PATH_BYTES 256
#define SERVICE "hero_runner_rhai"

/* The programs of this build. */
static const char *const programs[] = {INSTALLED_PROGRAMS};

struct place {
    char home[64];
    char runner_socket[PATH_BYTES], ui_socket[PATH_BYTES], proc_socket[PATH_BYTES];
    bool has_ui;
};

static struct place place;

/* ---- An installation -------------------------------------------------------------------- */

static void path_in_home(const char *name, char path[PATH_BYTES]) {
    snprintf(path, PATH_BYTES, "%s/%s", place.home, name);
}

static bool is_installed(const char *name) {
    char path[PATH_BYTES], file[PATH_BYTES / 2];
    snprintf(file, sizeof file, "bin/%s", name);
    path_in_home(file, path);
    return access(path, X_OK) == 0;
}

/* Copies, as the installation does: a link would lead to where the program was built. */
static void install(const char *program) {
    char file[PATH_BYTES / 2], to[PATH_BYTES];
    struct stat info;
    snprintf(file, sizeof file, "bin/%s", strrchr(program, '/') + 1);
    path_in_home(file, to);
    int in = open(program, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_true(in >= 0 && out >= 0 && fstat(in, &info) == 0);
    for (off_t at = 0; at < info.st_size;)
        assert_true(sendfile(out, in, &at, (size_t)(info.st_size - at)) > 0);
    close(in);
    close(out);
}

static int set_up(void **state) {
    (void)state;
    static const char *const variables[] = {"PATH_SOCKET", "HERO_SOCKET_DIR", "PATH_VAR",
                                            "PATH_ROOT"};
    char bin[PATH_BYTES];
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    place = (struct place){0};
    strcpy(place.home, "/tmp/selfstart_XXXXXX");
    assert_non_null(mkdtemp(place.home));
    setenv("HOME", place.home, 1);
    path_in_home("bin", bin);
    assert_int_equal(mkdir(bin, 0755), 0);
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        install(programs[i]);
    path_in_home("hero/var/sockets/hero_runner_rhai/rpc.sock", place.runner_socket);
    path_in_home("hero/var/sockets/hero_runner_rhai/ui.sock", place.ui_socket);
    path_in_home("hero/var/sockets/hero_proc/rpc.sock", place.proc_socket);
    place.has_ui = is_installed("hero_runner_rhai_ui");
    return 0;
}

/* The processes of this installation have the home in their command line. */
static pid_t find_process(const char *text) {
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;
    while (!found && proc && (entry = readdir(proc))) {
        char path[PATH_BYTES], command[4096] = "";
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
        snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
        int fd = pid ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        ssize_t len = fd >= 0 ? read(fd, command, sizeof command - 1) : -1;
        if (fd >= 0) close(fd);
        if (len > 0 && pid != getpid() && process_is_alive(pid) && strstr(command, text))
            found = pid;
    }
    if (proc) closedir(proc);
    return found;
}

static pid_t find_program(const char *name) {
    char path[PATH_BYTES], file[PATH_BYTES / 2];
    snprintf(file, sizeof file, "bin/%s", name);
    path_in_home(file, path);
    return find_process(path);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int tear_down(void **state) {
    (void)state;
    /* The supervisor first, so that it starts nothing again. */
    static const char *const names[] = {"hero_proc_server", "other_hero_proc",
                                        "hero_runner_rhai_ui", "hero_runner_rhai_server"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (pid_t pid; (pid = find_program(names[i]));) {
            kill(pid, SIGKILL);
            process_dies_within(pid, COMMAND_MS);
        }
    for (pid_t pid; (pid = find_process(place.home));) {
        kill(pid, SIGKILL);
        process_dies_within(pid, COMMAND_MS);
    }
    nftw(place.home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static bool is_nothing_left(void *ctx) {
    (void)ctx;
    return find_process(place.home) == 0;
}

/* ---- Commands --------------------------------------------------------------------------- */

struct outcome {
    int code;
    char text[OUTPUT_BYTES]; /* standard output and error, both one pipe */
};

/* Runs a program of the installation. The pipe is read to its end: a program that it has started in
 * the background and that held the pipe would make this fail. */
static void run(struct outcome *outcome, const char *program, const char *const *arguments) {
    char file[PATH_BYTES / 2], path[PATH_BYTES];
    int ends[2], status;
    snprintf(file, sizeof file, "bin/%s", program);
    path_in_home(file, path);
    const char *argv[8] = {path};
    for (int i = 0; arguments[i] && i < 6; i++)
        argv[i + 1] = arguments[i];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        execv(path, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(ends[1]);
    size_t len = 0;
    struct pollfd readable = {.fd = ends[0], .events = POLLIN};
    for (int64_t since = now_ms();;) {
        if (poll(&readable, 1, COMMAND_MS) != 1 || now_ms() - since > COMMAND_MS)
            fail_msg("%s %s does not end, or something holds its output:\n%.*s", program,
                     arguments[0], (int)len, outcome->text);
        ssize_t got = read(ends[0], outcome->text + len, OUTPUT_BYTES - 1 - len);
        if (got <= 0) break;
        len += (size_t)got;
    }
    outcome->text[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    outcome->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define EXPECT(code, text, program, ...)                                                           \
    expect((code), (text), (program), (const char *const[]){__VA_ARGS__, NULL})

static void expect(int code, const char *text, const char *program, const char *const *arguments) {
    struct outcome outcome;
    run(&outcome, program, arguments);
    if (outcome.code != code || !strstr(outcome.text, text))
        fail_msg("%s %s: exit code %d, without \"%s\":\n%s", program, arguments[0], outcome.code,
                 text, outcome.text);
}

static json_t *health_of_runner(void) {
    struct runner *runner = runner_open(place.runner_socket, NULL);
    json_t *health = runner_health(runner, NULL);
    runner_close(runner);
    return health;
}

static bool is_healthy(void *ctx) {
    (void)ctx;
    json_t *health = health_of_runner();
    const char *status = json_string_value(json_object_get(health, "status"));
    bool is_good = status && strcmp(status, "ok") == 0;
    json_decref(health);
    return is_good;
}

/* What hero_proc says about the service. */
static enum proc_state service_state(pid_t *ret_pid) {
    struct proc_client *client = proc_open(place.proc_socket, NULL);
    struct proc_service_status status;
    enum proc_state state = PROC_UNKNOWN;
    if (client && proc_service_status(client, SERVICE, &status, NULL) == 0) {
        state = status.state;
        if (ret_pid) *ret_pid = status.pid;
        proc_service_status_done(&status);
    }
    proc_close(client);
    return state;
}

static bool is_running(void *ctx) {
    (void)ctx;
    return service_state(NULL) == PROC_RUNNING;
}

/* The server runs in another process than before, and answers. */
static bool is_replaced(void *ctx) {
    pid_t now = find_program("hero_runner_rhai_server");
    return now && now != *(pid_t *)ctx && is_healthy(NULL) && is_running(NULL);
}

static void start(void) {
    EXPECT(0, "hero_runner_rhai is running", "hero_runner_rhai", "--start");
}

/* ---- Start and stop --------------------------------------------------------------------- */

static void a_cold_start_brings_everything_up(void **state) {
    (void)state;
    EXPECT(0, "started hero_proc_server (process ", "hero_runner_rhai", "--start");
    EXPECT(0, "● running", "hero_proc", "service", "list");
    EXPECT(0, SERVICE, "hero_proc", "service.list");
    assert_true(is_healthy(NULL));
    assert_int_equal(access(place.runner_socket, F_OK), 0);
    if (place.has_ui) assert_int_equal(access(place.ui_socket, F_OK), 0);
    EXPECT(0, "ok", "hero_runner_rhai", "--status");
}

static void what_was_started_is_on_its_own(void **state) {
    (void)state;
    start();
    pid_t daemon = find_program("hero_proc_server");
    assert_true(daemon > 0);
    assert_int_equal(getsid(daemon), daemon);
    pid_t server = find_program("hero_runner_rhai_server");
    assert_int_equal(getpgid(server), server);
}

static void a_warm_start_starts_anew(void **state) {
    (void)state;
    start();
    pid_t server = find_program("hero_runner_rhai_server"),
          daemon = find_program("hero_proc_server");
    start();
    assert_int_equal(find_program("hero_proc_server"), daemon);
    assert_int_not_equal(find_program("hero_runner_rhai_server"), server);
    assert_true(is_healthy(NULL));
    struct outcome outcome;
    run(&outcome, "hero_runner_rhai", (const char *const[]){"--start", NULL});
    assert_null(strstr(outcome.text, "started hero_proc_server"));
}

static void a_stop_stops_and_may_be_repeated(void **state) {
    (void)state;
    start();
    pid_t server = find_program("hero_runner_rhai_server");
    EXPECT(0, "hero_runner_rhai is stopped", "hero_runner_rhai", "--stop");
    assert_false(process_is_alive(server));
    assert_int_not_equal(access(place.runner_socket, F_OK), 0);
    EXPECT(0, "hero_runner_rhai", "hero_runner_rhai", "--stop");
    EXPECT(0, "○ ", "hero_proc", "service", "list");
    start();
    EXPECT(0, "hero_proc is shut down", "hero_runner_rhai", "--stop", "--with-hero-proc");
    assert_true(is_nothing_left(NULL));
    EXPECT(0, "is not running, nor is hero_proc", "hero_runner_rhai", "--stop");
}

static void a_hero_proc_with_other_work_goes_on(void **state) {
    (void)state;
    static const struct proc_action action = {
        .name = "other", .script = "/bin/sleep 1000", .interpreter = "exec", .is_process = true};
    static const struct proc_service service = {
        .name = "other", .actions = &action, .action_count = 1, .wanted = "start"};
    struct rpc_error err = {0};
    start();
    struct proc_client *client = proc_open(place.proc_socket, NULL);
    if (proc_restart_service(client, &service, COMMAND_MS, NULL, &err) < 0)
        fail_msg("%s", err.message);
    EXPECT(0, "hero_proc goes on: it has 1 other service\n", "hero_runner_rhai", "--stop",
           "--with-hero-proc");
    assert_true(find_program("hero_proc_server") > 0);
    if (proc_shutdown(client, true, &err) < 0) fail_msg("%s", err.message);
    proc_close(client);
}

static void the_environment_goes_along(void **state) {
    (void)state;
    setenv("HERO_RUNNER_RHAI_WORKERS", "2", 1);
    setenv("HERO_RUNNER_RHAI_INSTANCE", "a-session-s-mark", 1);
    start();
    unsetenv("HERO_RUNNER_RHAI_WORKERS");
    unsetenv("HERO_RUNNER_RHAI_INSTANCE");
    EXPECT(0, "0 of 2 busy", "hero_runner_rhai", "status");
    char path[PATH_BYTES], environment[8192] = "";
    snprintf(path, sizeof path, "/proc/%d/environ", (int)find_program("hero_runner_rhai_server"));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, environment, sizeof environment - 1);
    close(fd);
    assert_non_null(memmem(environment, (size_t)len, "PATH_ROOT=", 10));
    assert_non_null(memmem(environment, (size_t)len, "HERO_SOCKET_DIR=", 16));
    assert_null(memmem(environment, (size_t)len, "a-session-s-mark", 16));
}

static void what_does_not_come_up_shows_its_last_lines(void **state) {
    (void)state;
    char zygote[PATH_BYTES];
    path_in_home("bin/hero_runner_rhai_zygote", zygote);
    assert_int_equal(unlink(zygote), 0);
    struct outcome outcome;
    run(&outcome, "hero_runner_rhai", (const char *const[]){"--start", "--timeout", "5s", NULL});
    assert_int_equal(outcome.code, 1);
    if (!strstr(outcome.text, "hero_runner_rhai is ") ||
        !strstr(outcome.text, "hero_runner_rhai_zygote: No such file"))
        fail_msg("%s", outcome.text);
}

/* ---- Recovery --------------------------------------------------------------------------- */

static void a_killed_server_comes_back(void **state) {
    (void)state;
    start();
    pid_t server = find_program("hero_runner_rhai_server");
    kill(server, SIGKILL);
    assert_true(wait_until(is_replaced, &server, RECOVER_MS));
    EXPECT(0, "● running", "hero_proc", "service", "list");
}

static bool is_ui_replaced(void *ctx) {
    pid_t now = find_program("hero_runner_rhai_ui");
    return now && now != *(pid_t *)ctx && is_running(NULL);
}

static void a_killed_dashboard_comes_back(void **state) {
    (void)state;
    if (!place.has_ui) skip();
    start();
    pid_t ui = find_program("hero_runner_rhai_ui");
    assert_true(ui > 0);
    kill(ui, SIGKILL);
    assert_true(wait_until(is_ui_replaced, &ui, RECOVER_MS));
}

/* The children go on, and the next daemon takes them over. */
static void a_killed_hero_proc_finds_its_services_again(void **state) {
    (void)state;
    start();
    pid_t daemon = find_program("hero_proc_server");
    pid_t server = find_program("hero_runner_rhai_server"), pid = 0;
    kill(daemon, SIGKILL);
    assert_true(process_dies_within(daemon, COMMAND_MS));
    assert_true(is_healthy(NULL));
    EXPECT(1, "still answers", "hero_runner_rhai", "--stop");
    char program[PATH_BYTES];
    path_in_home("bin/hero_proc_server", program);
    daemon = fork();
    if (daemon == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execl(program, program, NULL);
        _exit(127);
    }
    assert_true(wait_until(is_running, NULL, RECOVER_MS));
    assert_int_equal(find_program("hero_runner_rhai_server"), server);
    service_state(&pid);
    if (!place.has_ui) assert_int_equal(pid, server);
    EXPECT(0, "hero_runner_rhai is stopped", "hero_runner_rhai", "--stop");
    assert_false(process_is_alive(server));
    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
}

/* ---- Lines in hero_proc's log ----------------------------------------------------------- */

/* Runs a script to its end; its final state. */
static void run_script(const char *text, bool is_forwarded, struct runner_session *ret_session) {
    struct rpc_error err = {0};
    struct runner *runner = runner_open(place.runner_socket, NULL);
    struct runner_start script = {.script = text, .forward_logs = is_forwarded};
    struct runner_result result;
    if (runner_session_run(runner, &script, ret_session, &result, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(result.success);
    runner_result_done(&result);
    runner_close(runner);
}

/* A session, and what its forwarding is to become. */
struct expected {
    const char *id, *forwarding;
};

static bool is_forwarding(void *ctx) {
    const struct expected *expected = ctx;
    struct runner *runner = runner_open(place.runner_socket, NULL);
    struct runner_session session = {0};
    runner_session_get(runner, expected->id, &session, NULL);
    bool is_so = session.forwarding && strcmp(session.forwarding, expected->forwarding) == 0;
    runner_session_done(&session);
    runner_close(runner);
    return is_so;
}

static void expect_health(const char *forwarding) {
    json_t *health = health_of_runner();
    assert_string_equal(json_string_value(json_object_get(health, "forwarding")), forwarding);
    json_decref(health);
}

/* The lines of a session that hero_proc has. */
static void list_lines(const char *id, struct proc_log_page *page) {
    char tag[64];
    struct rpc_error err = {0};
    snprintf(tag, sizeof tag, "session=%s", id);
    const char *const tags[] = {tag, NULL};
    struct proc_log_query query = {.source = "hero_runner_rhai_server", .tags = tags};
    struct proc_client *client = proc_open(place.proc_socket, NULL);
    if (proc_logs_list(client, &query, page, &err) < 0) fail_msg("%s", err.message);
    proc_close(client);
}

static bool has_three_lines(void *id) {
    struct proc_log_page page;
    list_lines(id, &page);
    size_t count = page.count;
    proc_log_page_done(&page);
    return count == 3;
}

static bool has_tag(const struct proc_log_line *line, const char *wanted) {
    size_t index;
    json_t *tag;
    json_array_foreach((json_t *)(uintptr_t)line->tags, index, tag)
        if (strcmp(json_string_value(tag), wanted) == 0) return true;
    return false;
}

static void forwarded_lines_are_listed(void **state) {
    (void)state;
    struct runner_session session, silent;
    struct proc_log_page page;
    start();
    run_script("print(\"one\"); debug(\"two\"); print(\"three\")", true, &session);
    run_script("print(\"not for others\")", false, &silent);
    assert_true(wait_until(has_three_lines, (void *)(uintptr_t)session.id, (int)allowed_ms(2000)));
    list_lines(session.id, &page);
    assert_string_equal(page.lines[0].text, "one");
    assert_string_equal(page.lines[2].text, "three");
    assert_true(has_tag(&page.lines[0], "kind=stdout"));
    assert_true(has_tag(&page.lines[1], "kind=stderr"));
    assert_string_equal(page.lines[0].source, "hero_runner_rhai_server");
    proc_log_page_done(&page);
    list_lines(silent.id, &page);
    assert_int_equal(page.count, 0);
    proc_log_page_done(&page);
    struct expected active = {session.id, "active"}, off = {silent.id, "off"};
    assert_true(wait_until(is_forwarding, &active, COMMAND_MS));
    assert_true(is_forwarding(&off));
    expect_health("active");
    EXPECT(0, "kind=stderr", "hero_proc", "log", "list");
    runner_session_done(&session);
    runner_session_done(&silent);
}

static void without_hero_proc_forwarding_costs_the_session_nothing(void **state) {
    (void)state;
    struct runner_session session;
    start();
    pid_t daemon = find_program("hero_proc_server");
    kill(daemon, SIGKILL);
    assert_true(process_dies_within(daemon, COMMAND_MS));
    run_script("for i in 0..5000 { print(i) }", true, &session);
    struct expected unavailable = {session.id, "unavailable"};
    assert_true(wait_until(is_forwarding, &unavailable, COMMAND_MS));
    expect_health("unavailable");
    runner_session_done(&session);
}

/* ---- Another hero_proc ------------------------------------------------------------------ */

static bool is_proc_there(void *ctx) {
    (void)ctx;
    struct proc_client *client = proc_open(place.proc_socket, NULL);
    json_t *health = proc_health(client, NULL);
    json_decref(health);
    proc_close(client);
    return health;
}

static void another_hero_proc_serves_as_well(void **state) {
    (void)state;
    install(OTHER_PROGRAM);
    char program[PATH_BYTES];
    path_in_home("bin/other_hero_proc", program);
    pid_t other = fork();
    if (other == 0) {
        execl(program, program, place.proc_socket, place.home, "http", NULL);
        _exit(127);
    }
    assert_true(wait_until(is_proc_there, NULL, COMMAND_MS));
    start();
    assert_int_equal(find_program("hero_proc_server"), 0);
    EXPECT(0, "● running", "hero_proc", "service", "list");
    EXPECT(0, "hero_runner_rhai is running", "hero_runner_rhai", "--start");
    if (place.has_ui) assert_int_equal(access(place.ui_socket, F_OK), 0);

    /* It takes no lines from others. */
    struct runner_session session;
    run_script("print(1)", true, &session);
    struct expected unavailable = {session.id, "unavailable"};
    assert_true(is_forwarding(&unavailable));
    expect_health("unavailable");
    runner_session_done(&session);
    EXPECT(0, "hero_runner_rhai is stopped", "hero_runner_rhai", "--stop");
    kill(other, SIGTERM);
    waitpid(other, NULL, 0);
}

static void a_description_tells_programs_and_sockets(void **state) {
    (void)state;
    EXPECT(0, "hero_runner_rhai/rpc.sock", "hero_runner_rhai", "--info");
    EXPECT(0, "[[binaries]]\nname = \"hero_runner_rhai_server\"\nkind = \"server\"\n",
           "hero_runner_rhai", "--info", "--toml", "hero_runner_rhai_server");
    EXPECT(2, "is no program of this service", "hero_runner_rhai", "--info", "--toml", "nothing");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static bool has_our_hero_proc(void) {
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(strrchr(programs[i], '/'), "/hero_proc_server") == 0) return true;
    return false;
}

int main(void) {
    const struct CMUnitTest other[] = {
        CASE(a_description_tells_programs_and_sockets),
        CASE(another_hero_proc_serves_as_well),
    };
    const struct CMUnitTest ours[] = {
        CASE(a_cold_start_brings_everything_up),
        CASE(what_was_started_is_on_its_own),
        CASE(a_warm_start_starts_anew),
        CASE(a_stop_stops_and_may_be_repeated),
        CASE(a_hero_proc_with_other_work_goes_on),
        CASE(the_environment_goes_along),
        CASE(what_does_not_come_up_shows_its_last_lines),
        CASE(a_killed_server_comes_back),
        CASE(a_killed_dashboard_comes_back),
        CASE(a_killed_hero_proc_finds_its_services_again),
        CASE(forwarded_lines_are_listed),
        CASE(without_hero_proc_forwarding_costs_the_session_nothing),
    };
    int failed = cmocka_run_group_tests_name("with another hero_proc", other, NULL, NULL);
    if (has_our_hero_proc())
        failed += cmocka_run_group_tests_name("with our hero_proc", ours, NULL, NULL);
    return failed;
}
