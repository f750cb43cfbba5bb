/* run(command) with what can be said about it, and run(command, options). */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static void nothing_runs_before_execute(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "let b = run(\"echo hello\"); `${type_of(b)} ${b}`",
                   "CommandBuilder CommandBuilder(echo hello)");
    assert_string_equal(sink_text(&f->sink.all), "");
    fixture_expect(f, "run(\"echo hello\").execute().stdout", "hello\n");
    assert_string_equal(sink_text(&f->sink.all), "hello\n");
}

static void a_setter_leaves_the_builder_as_it_was(void **state) {
    struct fixture *f = *state;
    fixture_expect(
        f,
        "let a = run(\"echo $X\").silent().env(\"X\", \"1\"); let b = a.env(\"X\", \"2\");"
        "a.execute().stdout + b.execute().stdout",
        "1\n2\n");
    assert_string_equal(sink_text(&f->sink.all), "");
}

static void a_command_that_fails_is_an_error_unless_ignored(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "let m; try { run(\"exit 3\").execute() } catch (e) { m = e; } m",
                   "process: 'exit 3' exited with code 3");
    fixture_expect(f, "let r = run(\"exit 3\").ignore_error().execute(); `${r.code} ${r.success}`",
                   "3 false");
}

static void log_shows_the_command_first(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "run(\"echo a\\necho b\").log().execute().code", "0");
    assert_string_equal(sink_text(&f->sink.all), "+ echo a\n+ echo b\na\nb\n");
    assert_string_equal(sink_text(&f->sink.err), "+ echo a\n+ echo b\n");
}

static void directory_environment_and_input_are_given(void **state) {
    struct fixture *f = *state;
    setenv("HEROLIB_KEPT", "kept", 1);
    fixture_expect(f,
                   "run(\"pwd; echo $A $PATH_EXTRA $HEROLIB_KEPT; cat\").silent().dir(\"/usr\")"
                   ".env(\"A\", \"one\").env(\"PATH_EXTRA\", \"\").env(\"A\", \"two\")"
                   ".stdin(\"line\\n\").execute().stdout",
                   "/usr\ntwo kept\nline\n");
    unsetenv("HEROLIB_KEPT");
    fixture_expect(f,
                   "let m; try { run(\"ls\").dir(\"/no/such\").execute() } catch (e) { m = e; } m",
                   "process: cannot enter /no/such: No such file or directory");
    fixture_expect(f, "let m; try { run(\"ls\").env(\"A=B\", \"\") } catch (e) { m = e; } m",
                   "process: 'A=B' cannot be the name of a variable");
}

static void a_timeout_is_an_error_or_the_code_124(void **state) {
    struct fixture *f = *state;
    int64_t before = herolib_now_ns();
    fixture_expect(
        f,
        "let m; try { run(\"echo so far >&2; sleep 100\").timeout(0.1).execute() }"
        "catch (e) { m = e; } m",
        "process: 'echo so far >&2; sleep 100' took longer than 0.1 s and was ended: so far");
    fixture_expect(f,
                   "let r = run(\"echo out; sleep 100\").silent().ignore_error().timeout(0.1)"
                   ".execute(); `${r.code} ${r.stdout}`",
                   "124 out\n");
    assert_in_range(herolib_now_ns() - before, 200 * MS, 2000 * MS);
    fixture_expect(f, "run(\"echo done\").silent().timeout(100).execute().stdout", "done\n");
    fixture_expect(f, "let m; try { run(\"ls\").timeout(0) } catch (e) { m = e; } m",
                   "process: a timeout must be more than 0 seconds");
}

static void options_are_a_map(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "run(\"echo a\", #{silent: true}).stdout", "a\n");
    assert_string_equal(sink_text(&f->sink.all), "");
    fixture_expect(f, "run(\"exit 7\", #{die: false, log: true}).code", "7");
    assert_string_equal(sink_text(&f->sink.all), "+ exit 7\n");
    fixture_expect(f, "let m; try { run(\"exit 7\", #{die: true}) } catch (e) { m = e; } m",
                   "process: 'exit 7' exited with code 7");
    fixture_expect(f, "let m; try { run(\"ls\", #{quiet: true}) } catch (e) { m = e; } m",
                   "process: no option 'quiet': there are silent, die, async and log");
    fixture_expect(f, "let m; try { run(\"ls\", #{silent: 1}) } catch (e) { m = e; } m",
                   "process: option 'silent' must be true or false");
}

static void an_async_command_is_not_waited_for(void **state) {
    struct fixture *f = *state;
    char dir[] = "/tmp/herolib-async-XXXXXX", script[512];
    assert_non_null(mkdtemp(dir));
    /* The command goes on only after run has returned. */
    snprintf(script, sizeof script,
             "chdir(\"%s\");"
             "let r = run(\"echo lost; until test -e go; do sleep 0.01; done; touch went\","
             "            #{\"async\": true});"
             "file_write(\"go\", \"\"); while !exist(\"went\") { sleep_ms(5); }"
             "chdir(\"/\"); delete(\"%s\"); r.code",
             dir, dir);
    fixture_expect(f, script, "0");
    assert_string_equal(sink_text(&f->sink.all), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(nothing_runs_before_execute),
        FIXTURE_CASE(a_setter_leaves_the_builder_as_it_was),
        FIXTURE_CASE(a_command_that_fails_is_an_error_unless_ignored),
        FIXTURE_CASE(log_shows_the_command_first),
        FIXTURE_CASE(directory_environment_and_input_are_given),
        FIXTURE_CASE(a_timeout_is_an_error_or_the_code_124),
        FIXTURE_CASE(options_are_a_map),
        FIXTURE_CASE(an_async_command_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
