/* max_memory, as a user of the tool sees it: scripts that want all memory there is end with an
 * error that names a place, and the process never holds more than twice the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT_MB = 64 };

typedef struct ending {
    int status;
    long peak_kb;
    char err[1024];
} ending;

static void run_tool(const char *script, int in, int err) {
    dup2(in, STDIN_FILENO);
    dup2(err, STDERR_FILENO);
    execl(RHAI, RHAI, "run", "--limit", "max_memory=64MB", "-", (char *)NULL);
    fprintf(stderr, "cannot run %s for %s\n", RHAI, script);
    _exit(127);
}

static ending run_script(const char *script) {
    int in[2], err[2];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(err), 0);
    assert_int_equal(write(in[1], script, strlen(script)), (ssize_t)strlen(script));
    close(in[1]);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) run_tool(script, in[0], err[1]);
    close(in[0]);
    close(err[1]);
    ending e = {0};
    size_t len = 0;
    ssize_t got;
    while ((got = read(err[0], e.err + len, sizeof e.err - 1 - len)) > 0)
        len += (size_t)got;
    close(err[0]);
    struct rusage used;
    assert_int_equal(wait4(pid, &e.status, 0, &used), pid);
    e.peak_kb = used.ru_maxrss;
    return e;
}

/* The error's first line is the wanted one, whatever else a call trace says. */
static void assert_stopped(const char *script, const char *wanted) {
    ending e = run_script(script);
    if (!WIFEXITED(e.status) || WEXITSTATUS(e.status) != 1)
        fail_msg("%s\nended with status %#x: %s", script, e.status, e.err);
    if (strncmp(e.err, wanted, strlen(wanted)) != 0)
        fail_msg("%s\nfails with %s\nwanted     %s", script, e.err, wanted);
    if (e.peak_kb > 2 * LIMIT_MB * 1024)
        fail_msg("%s\nheld %ld KiB, the limit is %d MiB", script, e.peak_kb, LIMIT_MB);
}

static void a_string_that_doubles(void **state) {
    (void)state;
    assert_stopped("let s = \"0123456789\";\nloop { s += s; }\n",
                   "Memory in use too large (line 2, position 10)");
    assert_stopped("let s = \"0123456789\";\nloop { s = s + s; }\n",
                   "Memory in use too large (line 2, position 14)");
}

static void arrays_of_arrays(void **state) {
    (void)state;
    assert_stopped("let a = [1];\nloop { a = [a, [a], 2]; a.push(a); }\n",
                   "Memory in use too large (line 2, ");
    assert_stopped("let a = [];\nloop { a.push([1, 2, 3]); }\n",
                   "Memory in use too large (line 2, ");
}

static void a_map_that_grows_by_index(void **state) {
    (void)state;
    assert_stopped("let m = #{};\nlet i = 0;\nloop { m[`key ${i}`] = i; i += 1; }\n",
                   "Memory in use too large (line 3, ");
}

static void closures_that_pile_up(void **state) {
    (void)state;
    assert_stopped("let f = || 0;\nlet all = [];\n"
                   "loop { let n = all.len(); all.push(|x| x + n); }\n",
                   "Memory in use too large (line 3, ");
    assert_stopped("let f = |x| x;\nloop { let g = f; f = |x| g.call(x) + 1; }\n",
                   "Memory in use too large (line 2, ");
}

static void a_try_block_cannot_swallow_it(void **state) {
    (void)state;
    assert_stopped("let a = [];\nloop {\n  try { a.push([1]); } catch { a.push([2]); }\n}\n",
                   "Memory in use too large (line 3, ");
}

static void below_the_limit_nothing_happens(void **state) {
    (void)state;
    ending e = run_script("let a = []; a.pad(1000000, 1); a = (); let b = blob(50000000); b.len()");
    assert_string_equal(e.err, "");
    assert_int_equal(e.status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_that_doubles),
        cmocka_unit_test(arrays_of_arrays),
        cmocka_unit_test(a_map_that_grows_by_index),
        cmocka_unit_test(closures_that_pile_up),
        cmocka_unit_test(a_try_block_cannot_swallow_it),
        cmocka_unit_test(below_the_limit_nothing_happens),
    };
    return cmocka_run_group_tests_name("max_memory", tests, NULL, NULL);
}
