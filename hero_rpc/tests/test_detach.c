/* Programs that outlive their starter. */
#include "harness.h"

#include "hero_rpc/detach.h"
#include "hero_rpc/fd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(const char *script, const char *log) {
    struct rpc_error err = {0};
    const char *argv[] = {"sh", "-c", script, NULL};
    pid_t pid = rpc_detach_start(
        &(struct rpc_detach_options){.program = "/bin/sh", .argv = argv, .log_path = log}, &err);
    if (pid < 0) fail_msg("%s", err.message);
    return pid;
}

static void assert_log(const char *log, const char *expected) {
    struct rpc_strbuf content = RPC_STRBUF_INIT;
    assert_int_equal(rpc_file_read(log, 4096, &content, NULL), 0);
    assert_string_equal(rpc_strbuf_text(&content), expected);
    rpc_strbuf_done(&content);
}

static void output_goes_to_the_log_and_nothing_is_inherited(void **state) {
    (void)state;
    struct home home;
    struct stat st;
    char log[128], expected[256];
    home_make(&home);
    snprintf(log, sizeof log, "%s/logs/service.log", home.path);
    int inherited = dup(0); /* without close-on-exec, as a careless caller has them */
    signal(SIGHUP, SIG_IGN);
    pid_t pid = start("echo out; echo err >&2; pwd; readlink /proc/self/fd/0;"
                      "ls /proc/$$/fd | tr '\\n' ' '; echo; cut -d' ' -f6 /proc/$$/stat;"
                      "kill -HUP $$; echo survived",
                      log);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
    snprintf(expected, sizeof expected, "out\nerr\n/\n/dev/null\n0 1 2 \n%d\n", (int)pid);
    assert_log(log, expected);
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    signal(SIGHUP, SIG_DFL);
    close(inherited);
    home_remove(&home);
}

static void the_log_is_appended_to(void **state) {
    (void)state;
    struct home home;
    char log[128];
    home_make(&home);
    snprintf(log, sizeof log, "%s/service.log", home.path);
    waitpid(start("echo first", log), NULL, 0);
    waitpid(start("echo second", log), NULL, 0);
    assert_log(log, "first\nsecond\n");
    home_remove(&home);
}

static void a_pipe_of_the_caller_is_not_held_open(void **state) {
    (void)state;
    int ends[2], started[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(started), 0);
    pid_t caller = fork();
    if (caller == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        const char *argv[] = {"sleep", "30", NULL};
        pid_t pid = rpc_detach_start(
            &(struct rpc_detach_options){.program = "/bin/sleep", .argv = argv}, NULL);
        if (write(started[1], &pid, sizeof pid) != sizeof pid) _exit(1);
        _exit(pid < 0);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* end of file while the program still runs */
    pid_t pid;
    assert_int_equal(read(started[0], &pid, sizeof pid), sizeof pid);
    assert_int_equal(kill(pid, 0), 0);
    kill(pid, SIGKILL);
    waitpid(caller, NULL, 0);
    close(ends[0]);
    close(started[0]);
    close(started[1]);
}

static void a_program_that_cannot_be_started_is_an_error(void **state) {
    (void)state;
    struct rpc_error err = {0};
    const char *argv[] = {"none", NULL};
    assert_int_equal(
        rpc_detach_start(&(struct rpc_detach_options){.program = "/nonexistent/none", .argv = argv},
                         &err),
        -1);
    assert_string_equal(err.message, "cannot start /nonexistent/none: No such file or directory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_goes_to_the_log_and_nothing_is_inherited),
        cmocka_unit_test(the_log_is_appended_to),
        cmocka_unit_test(a_pipe_of_the_caller_is_not_held_open),
        cmocka_unit_test(a_program_that_cannot_be_started_is_an_error),
    };
    return cmocka_run_group_tests_name("hero_rpc detaching", tests, NULL, NULL);
}
