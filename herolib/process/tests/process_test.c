/* The module process as scripts see it. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_result_has_output_success_and_code(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let r = run_silent(\"echo out; echo err >&2\");"
                   "`${r.stdout}${r.stderr}${r.success} ${r.code} ${type_of(r)}`",
                   "out\nerr\ntrue 0 CommandResult");
    fixture_expect(f, "run_silent(\"printf abc\")",
                   "CommandResult(code: 0, stdout: 3 bytes, stderr: 0 bytes)");
    fixture_expect(f, "run_silent(\"true\").stdout", "");
    assert_int_equal(f->sink.writes, 0);
}

static void output_comes_in_order_with_prints(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "print(\"a\"); run_command(\"echo b; echo c >&2\"); print(\"d\");"
                   "run_command(\"printf e\"); print(\"f\"); ()",
                   "");
    char *all = f->sink.all.bytes;
    /* b and c are on two streams, whose order nobody promises. */
    if (strncmp(all, "a\nc\nb\n", 6) == 0) memcpy(all, "a\nb\nc\n", 6);
    assert_string_equal(all, "a\nb\nc\nd\ne\nf\n");
}

static void a_command_that_fails_is_an_error_with_its_cause(void **state) {
    struct fixture *f = *state;
    fixture_expect(
        f, "let m; try { run_silent(\"echo no such luck >&2; exit 3\") } catch (e) { m = e; } m",
        "process: 'echo no such luck >&2; exit 3' exited with code 3: no such luck");
    fixture_expect(
        f, "let m; try { run_command(\"false\") } catch (e) { m = type_of(e) + `: ${e}`; } m",
        "string: process: 'false' exited with code 1");
    fixture_expect(f, "let m; try { run_silent(\"kill -9 $$\") } catch (e) { m = e; } m",
                   "process: 'kill -9 $$' was ended by signal 9 (Killed)");
    fixture_expect(f, "let m; try { run_silent(\"true\\nexit 4\\n\") } catch (e) { m = e; } m",
                   "process: 'true...' exited with code 4");
    fixture_expect(f, "let m; try { run_silent(\"echo a\\x00b\") } catch (e) { m = e; } m",
                   "process: the command holds a NUL character");
    fixture_expect(f, "run_silent(\"exit 2\")",
                   "Runtime error: process: 'exit 2' exited with code 2 (line 1, position 1)");
}

static void a_stop_ends_a_command_and_cannot_be_caught(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = sink_stop_after_ms(50);
    char *shown =
        fixture_evaluate(f, "try { run_command(\"sleep 100\") } catch { print(\"caught\") }");
    assert_memory_equal(shown, "Script terminated", strlen("Script terminated"));
    assert_string_equal(sink_text(&f->sink.all), "");
    free(shown);
}

static void which_gives_the_path_or_unit(void **state) {
    struct fixture *f = *state;
    char *old = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent:/usr/bin:/bin", 1);
    fixture_expect(f, "which(\"env\")", "/usr/bin/env");
    fixture_expect(f, "which(\"/usr/bin/env\")", "/usr/bin/env");
    fixture_expect(f, "type_of(which(\"no-such-program-anywhere\"))", "()");
    fixture_expect(f, "type_of(which(\"/no/such/program\"))", "()");
    fixture_expect(f, "type_of(which(\"\"))", "()");
    setenv("PATH", old, 1);
    free(old);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(a_result_has_output_success_and_code),
        FIXTURE_CASE(output_comes_in_order_with_prints),
        FIXTURE_CASE(a_command_that_fails_is_an_error_with_its_cause),
        FIXTURE_CASE(a_stop_ends_a_command_and_cannot_be_caught),
        FIXTURE_CASE(which_gives_the_path_or_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
