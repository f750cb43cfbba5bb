/* Looking for processes and ending them. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
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

/* Other tests may run at the same time: names hold our own number. `@` in the script is the mark.
 */
static void expect(struct fixture *f, const char *script, const char *mark, const char *value) {
    char text[512], *at = text;
    for (; *script; script++) {
        if (*script == '@')
            at += snprintf(at, (size_t)(text + sizeof text - at), "%s", mark);
        else
            *at++ = *script;
    }
    *at = '\0';
    fixture_expect(f, text, value);
}

static void a_pattern_is_part_of_the_command_line(void **state) {
    struct fixture *f = *state;
    char mark[64], expected[128];
    snprintf(mark, sizeof mark, "herolib-mark-%d-one", (int)getpid());
    pid_t pid = start_sleeper(mark);
    snprintf(expected, sizeof expected, "%d sleep %s 100", (int)pid, mark);
    expect(f, "let p = process_get(\"@\"); `${p.pid} ${p.name} ${p.cmd}`", mark, expected);
    expect(f, "process_list(\"@\").len()", mark, "1");
    end_sleeper(pid);
}

static void process_get_wants_exactly_one(void **state) {
    struct fixture *f = *state;
    char mark[64], expected[256];
    snprintf(mark, sizeof mark, "herolib-mark-%d-two", (int)getpid());
    pid_t one = start_sleeper(mark), two = start_sleeper(mark);
    snprintf(expected, sizeof expected,
             "process_get: 2 processes match '%s': %d (sleep), %d (sleep)", mark, (int)one,
             (int)two);
    expect(f, "let m; try { process_get(\"@\") } catch (e) { m = e; } m", mark, expected);
    end_sleeper(one);
    end_sleeper(two);
    snprintf(expected, sizeof expected, "process_get: no process matches '%s'", mark);
    expect(f, "let m; try { process_get(\"@\") } catch (e) { m = e; } m", mark, expected);
}

static void kill_ends_what_matches(void **state) {
    struct fixture *f = *state;
    char mark[64], expected[256];
    int status;
    snprintf(mark, sizeof mark, "herolib-mark-%d-three", (int)getpid());
    pid_t pid = start_sleeper(mark);
    snprintf(expected, sizeof expected, "Successfully sent SIGTERM to 1 process matching '%s'",
             mark);
    expect(f, "kill(\"@\")", mark, expected);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    snprintf(expected, sizeof expected, "No process matches '%s'", mark);
    expect(f, "kill(\"@\")", mark, expected);
    fixture_expect(f, "let m; try { kill(\"\") } catch (e) { m = e; } m",
                   "kill: an empty pattern would match every process");
}

static void kill_spares_the_script_and_what_is_above_it(void **state) {
    struct fixture *f = *state;
    char name[16], before[16], expected[64];
    int status;
    snprintf(name, sizeof name, "hl-%d-x", (int)getpid());
    snprintf(expected, sizeof expected, "No process matches '%s'", name);
    prctl(PR_GET_NAME, before);
    prctl(PR_SET_NAME, name);
    expect(f, "kill(\"@\")", name, expected);
    pid_t pid = fork();
    if (pid == 0) {
        char script[64];
        prctl(PR_SET_NAME, "hl-below");
        snprintf(script, sizeof script, "kill(\"%s\")", name);
        char *shown = fixture_evaluate(f, script);
        _exit(strcmp(shown, expected) != 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    prctl(PR_SET_NAME, before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(the_process_of_the_test_itself_is_found),
        FIXTURE_CASE(a_pattern_is_part_of_the_command_line),
        FIXTURE_CASE(process_get_wants_exactly_one),
        FIXTURE_CASE(kill_ends_what_matches),
        FIXTURE_CASE(kill_spares_the_script_and_what_is_above_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
