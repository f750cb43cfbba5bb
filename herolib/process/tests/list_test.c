/* Looking for processes and ending them. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A process that goes by a name of its own in its command line. */
static pid_t start_sleeper(const char *mark) {
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sleep", mark, "100", (char *)NULL);
        _exit(127);
    }
    /* Until it has become the program. */
    char path[64], command[256];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    for (;;) {
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        size_t got = fread(command, 1, sizeof command - 1, file);
        fclose(file);
        command[got] = '\0';
        if (strcmp(command, mark) == 0) return pid;
    }
}

static void end_sleeper(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void the_process_of_the_test_itself_is_found(void **state) {
    struct fixture *f = *state;
    char script[256], expected[256];
    snprintf(script, sizeof script,
             "let me = process_list(\"\").filter(|p| p.pid == %d);"
             "`${me.len()} ${me[0].name} ${me[0].ppid} ${me[0].memory > 100000} ${me[0].cpu >= 0.0}"
             " ${type_of(me[0])}`",
             (int)getpid());
    snprintf(expected, sizeof expected, "1 herolib_list_te %d true true ProcessInfo",
             (int)getppid());
    fixture_expect(f, script, expected);
}

static void a_pattern_is_part_of_the_command_line(void **state) {
    struct fixture *f = *state;
    char expected[64];
    pid_t pid = start_sleeper("herolib-mark-one");
    snprintf(expected, sizeof expected, "%d sleep herolib-mark-one 100", (int)pid);
    fixture_expect(f, "let p = process_get(\"herolib-mark-one\"); `${p.pid} ${p.name} ${p.cmd}`",
                   expected);
    fixture_expect(f, "process_list(\"herolib-mark-one\").len()", "1");
    end_sleeper(pid);
}

static void process_get_wants_exactly_one(void **state) {
    struct fixture *f = *state;
    pid_t one = start_sleeper("herolib-mark-two");
    pid_t two = start_sleeper("herolib-mark-two");
    char expected[128];
    snprintf(expected, sizeof expected,
             "process_get: 2 processes match 'herolib-mark-two': "
             "%d (sleep), %d (sleep)",
             (int)one, (int)two);
    fixture_expect(f, "let m; try { process_get(\"herolib-mark-two\") } catch (e) { m = e; } m",
                   expected);
    fixture_expect(f, "let m; try { process_get(\"no-such-mark\") } catch (e) { m = e; } m",
                   "process_get: no process matches 'no-such-mark'");
    end_sleeper(one);
    end_sleeper(two);
}

static void kill_ends_what_matches(void **state) {
    struct fixture *f = *state;
    int status;
    pid_t pid = start_sleeper("herolib-mark-three");
    fixture_expect(f, "kill(\"herolib-mark-three\")",
                   "Successfully sent SIGTERM to 1 process matching 'herolib-mark-three'");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    fixture_expect(f, "kill(\"herolib-mark-three\")", "No process matches 'herolib-mark-three'");
    fixture_expect(f, "let m; try { kill(\"\") } catch (e) { m = e; } m",
                   "kill: an empty pattern would match every process");
}

static void kill_spares_the_script_and_what_runs_it(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "kill(\"herolib_list_te\")", "No process matches 'herolib_list_te'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(the_process_of_the_test_itself_is_found),
        FIXTURE_CASE(a_pattern_is_part_of_the_command_line),
        FIXTURE_CASE(process_get_wants_exactly_one),
        FIXTURE_CASE(kill_ends_what_matches),
        FIXTURE_CASE(kill_spares_the_script_and_what_runs_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
