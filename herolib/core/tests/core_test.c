/* The module core as scripts see it. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static void env_gives_a_variable_or_unit(void **state) {
    struct fixture *f = *state;
    setenv("HEROLIB_TEST", "a value", 1);
    fixture_expect(f, "env(\"HEROLIB_TEST\")", "a value");
    fixture_expect(f, "type_of(env(\"HEROLIB_TEST_NOT_SET\"))", "()");
    setenv("HEROLIB_TEST", "bad \xFF byte", 1);
    fixture_expect(f, "env(\"HEROLIB_TEST\")", "bad \xEF\xBF\xBD byte");
    unsetenv("HEROLIB_TEST");
    fixture_expect(f, "let m; try { env(\"A\\x00B\") } catch (e) { m = e; } m",
                   "env: the name holds a NUL character");
}

static void set_env_is_seen_by_env_and_by_programs(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "set_env(\"HEROLIB_SET\", \"blue\"); env(\"HEROLIB_SET\")", "blue");
    fixture_expect(f, "run_silent(\"printf $HEROLIB_SET\").stdout", "blue");
    fixture_expect(f, "let m; try { set_env(\"A=B\", \"\") } catch (e) { m = e; } m",
                   "set_env: 'A=B' cannot be the name of a variable");
    unsetenv("HEROLIB_SET");
}

static void sleep_ms_waits(void **state) {
    struct fixture *f = *state;
    int64_t before = herolib_now_ns();
    fixture_expect(f, "sleep_ms(30); sleep_ms(0); sleep_ms(-5)", "");
    assert_in_range(herolib_now_ns() - before, 30 * MS, 1000 * MS);
}

static void args_are_those_of_the_session(void **state) {
    struct fixture *f = *state;
    static const char *const args[] = {"one", "two words", ""};
    fixture_expect(f, "args()", "[]");
    f->session.args = args;
    f->session.args_count = 3;
    fixture_expect(f, "args()", "[\"one\", \"two words\", \"\"]");
    fixture_expect(f, "fn second() { args()[1] } second()", "two words");
}

static void monotonic_ns_goes_forward(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "let a = monotonic_ns(); let b = monotonic_ns(); type_of(a) + (b >= a)",
                   "i64true");
}

static void sleep_waits(void **state) {
    struct fixture *f = *state;
    int64_t before = herolib_now_ns();
    fixture_expect(f, "sleep(0.03)", "");
    assert_in_range(herolib_now_ns() - before, 30 * MS, 1000 * MS);
    assert_true(f->sink.flushes > 0);
    before = herolib_now_ns();
    fixture_expect(f, "sleep(0); sleep(-5); sleep(-1.5); sleep(0.0 / 0.0); sleep(1.0 / 0.0)", "");
    assert_true(herolib_now_ns() - before < 1000 * MS);
}

static void a_stop_ends_sleep_and_cannot_be_caught(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = sink_stop_after_ms(20);
    int64_t before = herolib_now_ns();
    char *shown = fixture_evaluate(
        f, "try { sleep(100) } catch { sleep(100); print(\"caught\") } \"went on\"");
    assert_in_range(herolib_now_ns() - before, 20 * MS, 200 * MS);
    assert_memory_equal(shown, "Script terminated", strlen("Script terminated"));
    assert_string_equal(sink_text(&f->sink.all), "");
    free(shown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(env_gives_a_variable_or_unit),
        FIXTURE_CASE(set_env_is_seen_by_env_and_by_programs),
        FIXTURE_CASE(sleep_ms_waits),
        FIXTURE_CASE(args_are_those_of_the_session),
        FIXTURE_CASE(monotonic_ns_goes_forward),
        FIXTURE_CASE(sleep_waits),
        FIXTURE_CASE(a_stop_ends_sleep_and_cannot_be_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
