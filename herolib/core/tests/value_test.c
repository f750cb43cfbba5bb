/* join, println, progress, assertions; time, name, identifiers. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CAUGHT(script) "let m = \"nothing\"; try { " script " } catch (e) { m = e; } m"

static void join_puts_a_separator_between_elements(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "[\"a\", 1, 2.5, true, 'x', (), [1, \"b\"]].join(\", \")",
                   "a, 1, 2.5, true, x, , [1, \"b\"]");
    fixture_expect(f, "[].join(\", \")", "");
    fixture_expect(f, "[\"\"].join(\", \").len()", "0");
    fixture_expect(f, "join([\"a\", \"b\"], \"\")", "ab");
    fixture_expect(f, "let a = []; for i in 0..20000 { a.push(i); } a.join(\"--\").len()",
                   "128888");
}

static void println_prints_in_order_with_print(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "print(\"a\"); println(\"b\"); println(); println([1]); print(\"c\"); ()",
                   "");
    assert_string_equal(sink_text(&f->sink.all), "a\nb\n\n[1]\nc\n");
}

struct progress {
    double done, total;
    char text[64];
    unsigned count;
};

static void on_progress(void *data, double done, double total, const char *text, size_t len) {
    struct progress *progress = data;
    progress->done = done;
    progress->total = total;
    snprintf(progress->text, sizeof progress->text, "%.*s", (int)len, text);
    progress->count++;
}

static void progress_reaches_the_session(void **state) {
    struct fixture *f = *state;
    struct progress progress = {0};
    f->session.output.data = &progress;
    f->session.output.progress = on_progress;
    fixture_expect(f, "progress(3, 7.5, \"copying\")", "");
    assert_true(progress.done == 3 && progress.total == 7.5);
    assert_string_equal(progress.text, "copying");
    fixture_expect(f, "progress(4, 8)", "");
    assert_true(progress.done == 4 && progress.total == 8);
    assert_string_equal(progress.text, "");
    static const char cause[] = "progress: done and total must be numbers from 0 on";
    fixture_expect(f, CAUGHT("progress(\"a\", 8)"), cause);
    fixture_expect(f, CAUGHT("progress(1, -1)"), cause);
    fixture_expect(f, CAUGHT("progress(0.0 / 0.0, 1)"), cause);
    assert_int_equal(progress.count, 2);
}

static void an_assertion_that_fails_says_why(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "assert(true); assert_true(1 < 2, \"order\"); assert(true, \"x\")", "");
    fixture_expect(f, CAUGHT("assert(1 > 2)"), "assertion failed");
    fixture_expect(f, CAUGHT("assert_true(false)"), "assertion failed");
    fixture_expect(f, CAUGHT("assert_true(1 > 2, \"order\")"), "assertion failed: order");
    fixture_expect(f, CAUGHT("assert(false, \"order\")"), "assertion failed: order");
}

static void equality_is_the_language_s(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "assert_eq(1, 1.0); assert_eq([1, #{a: 2}], [1, #{a: 2}]); assert_ne(1, 2);"
                   "assert_ne(\"1\", 1); assert_eq((), ())",
                   "");
    fixture_expect(f, CAUGHT("assert_eq(\"a\", [1])"),
                   "assertion failed: \"a\" is not equal to [1]");
    fixture_expect(f, CAUGHT("assert_eq(1, 2, \"sum\")"),
                   "assertion failed: sum: 1 is not equal to 2");
    fixture_expect(f, CAUGHT("assert_ne(1, 1)"), "assertion failed: 1 is equal to 1");
    fixture_expect(f, CAUGHT("assert_ne(1, 1, \"sum\")"), "assertion failed: sum: 1 is equal to 1");
}

static void now_is_the_time_of_day(void **state) {
    struct fixture *f = *state;
    char *shown = fixture_evaluate(f, "now()");
    assert_in_range(atoll(shown), time(NULL) - 10, time(NULL));
    free(shown);
    fixture_expect(f, "set_env(\"TZ\", \"UTC\"); let a = parse_int(now(\"%s\")); now() - a < 5",
                   "true");
    fixture_expect(f, "now(\"%Y-%m-%d\").len()", "10");
    fixture_expect(f, "now(\"\")", "");
    fixture_expect(f, "now(\"%Z \\u00fc\")", "UTC \xC3\xBC");
    fixture_expect(f, "set_env(\"TZ\", \"XYZ-5\"); now(\"%Z %z\")", "XYZ +0500");
    fixture_expect(f, CAUGHT("let f = \"%c\"; f.pad(5000, 'x'); now(f)"),
                   "now: the text is longer than 4096 bytes");
    unsetenv("TZ");
}

static void hostname_is_that_of_the_machine(void **state) {
    struct fixture *f = *state;
    char name[256];
    gethostname(name, sizeof name);
    fixture_expect(f, "hostname()", name);
}

static void a_uuid_is_random_and_of_version_4(void **state) {
    struct fixture *f = *state;
    char *shown = fixture_evaluate(f, "uuid()");
    assert_int_equal(strlen(shown), 36);
    assert_int_equal(strspn(shown, "0123456789abcdef-"), 36);
    assert_int_equal(shown[14], '4');
    assert_non_null(strchr("89ab", shown[19]));
    free(shown);
    fixture_expect(f, "uuid() != uuid()", "true");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(join_puts_a_separator_between_elements),
        FIXTURE_CASE(println_prints_in_order_with_print),
        FIXTURE_CASE(progress_reaches_the_session),
        FIXTURE_CASE(an_assertion_that_fails_says_why),
        FIXTURE_CASE(equality_is_the_language_s),
        FIXTURE_CASE(now_is_the_time_of_day),
        FIXTURE_CASE(hostname_is_that_of_the_machine),
        FIXTURE_CASE(a_uuid_is_random_and_of_version_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
