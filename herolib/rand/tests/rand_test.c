/* Random numbers as scripts see them: bounds, errors, and nothing shared after a fork. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CAUGHT(script) "let m = \"nothing\"; try { " script " } catch (e) { m = e; } m"

static void numbers_are_within_their_range_and_reach_its_ends(void **state) {
    struct fixture *f = *state;
    static const char script[] = "fn seen(draw) { let seen = #{}; for i in 0..500 {"
                                 "seen[draw.call().to_string()] = true; } seen.keys() }";
    char text[512];
    static const char *const draws[][2] = {
        {"|| rand(1..4)", "[\"1\", \"2\", \"3\"]"},
        {"|| rand(1..=3)", "[\"1\", \"2\", \"3\"]"},
        {"|| rand(1, 3)", "[\"1\", \"2\", \"3\"]"},
        {"|| rand(-1..=0)", "[\"-1\", \"0\"]"},
        {"|| rand(5, 5)", "[\"5\"]"},
        {"|| rand_bool()", "[\"false\", \"true\"]"},
        {"|| rand_bool(1.0)", "[\"true\"]"},
        {"|| rand_bool(0.0)", "[\"false\"]"},
        {"|| rand() < 0", "[\"false\", \"true\"]"},
        {"|| { let x = rand_float(); x >= 0.0 && x < 1.0 }", "[\"true\"]"},
        {"|| rand_float() < 0.5", "[\"false\", \"true\"]"},
        {"|| { let x = rand_float(-2.5, -2.0); x >= -2.5 && x < -2.0 }", "[\"true\"]"},
        {"|| { let x = rand_float(-1.7e308, 1.7e308); x >= -1.7e308 && x < 1.7e308 }",
         "[\"true\"]"},
    };
    for (size_t i = 0; i < sizeof draws / sizeof draws[0]; i++) {
        snprintf(text, sizeof text, "%s seen(%s)", script, draws[i][0]);
        fixture_expect(f, text, draws[i][1]);
    }
    fixture_expect(f, "rand(-9223372036854775808, 9223372036854775807) != rand()", "true");
}

static void a_range_without_numbers_is_an_error(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, CAUGHT("rand(3..3)"), "rand: the range 3..3 is empty");
    fixture_expect(f, CAUGHT("rand(3..=2)"), "rand: the range 3..=2 is empty");
    fixture_expect(f, CAUGHT("rand(3, 2)"), "rand: the range 3..=2 is empty");
    fixture_expect(f, CAUGHT("rand_float(1.0, 1.0)"), "rand: there are no numbers between 1 and 1");
    fixture_expect(f, CAUGHT("rand_bool(1.5)"),
                   "rand: the probability 1.5 is not between 0.0 and 1.0");
}

static void shuffling_changes_the_order_and_nothing_else(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let a = []; for i in 0..1000 { a.push(i); } let before = a; a.shuffle();"
                   "let is_same = a == before; a.sort(); `${is_same} ${a == before}`",
                   "false true");
    fixture_expect(f, "let a = []; a.shuffle(); let b = [1]; shuffle(b); [a, b]", "[[], [1]]");
    /* Each order of three elements comes up. */
    fixture_expect(f,
                   "let seen = #{}; for i in 0..500 { let a = [1, 2, 3]; a.shuffle();"
                   "seen[`${a}`] = true; } seen.len()",
                   "6");
}

static void samples_are_different_elements(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "type_of([].sample())", "()");
    fixture_expect(f, "[7].sample()", "7");
    fixture_expect(f,
                   "let seen = #{}; for i in 0..500 { seen[[1, 2, 3].sample().to_string()] = 1; }"
                   "seen.keys()",
                   "[\"1\", \"2\", \"3\"]");
    fixture_expect(f,
                   "let a = [1, 2, 3, 4]; let s = a.sample(2); `${s.len()} ${s[0] != s[1]} ${a}`",
                   "2 true [1, 2, 3, 4]");
    fixture_expect(f, "let s = [1, 2, 3].sample(9); s.sort(); [s, [1].sample(0), [1].sample(-1)]",
                   "[[1, 2, 3], [], []]");
}

/* What a process that is forked from the engine draws. */
static void draw_in_fork(struct fixture *f, char *drawn, size_t size) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *shown = fixture_evaluate(f, "let a = []; for i in 0..100 { a.push(i); } a.shuffle();"
                                          "`${rand()} ${rand_float()} ${uuid()} ${a}`");
        _exit(write(ends[1], shown, strlen(shown)) < 0);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], drawn, size - 1);
    assert_true(got > 100);
    drawn[got] = '\0';
    close(ends[0]);
    waitpid(pid, NULL, 0);
}

static void two_forks_of_a_warm_engine_draw_different_numbers(void **state) {
    struct fixture *f = *state;
    char one[4096], two[4096];
    free(fixture_evaluate(f, "rand() + rand(1, 6)"));
    draw_in_fork(f, one, sizeof one);
    draw_in_fork(f, two, sizeof two);
    for (char *a = one, *b = two, *a_end, *b_end; *a && *b; a = a_end + 1, b = b_end + 1) {
        a_end = strchrnul(a, ' ');
        b_end = strchrnul(b, ' ');
        if (*a == '[') break;
        assert_true(a_end - a != b_end - b || memcmp(a, b, (size_t)(a_end - a)) != 0);
    }
    assert_string_not_equal(strchr(one, '['), strchr(two, '['));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(numbers_are_within_their_range_and_reach_its_ends),
        FIXTURE_CASE(a_range_without_numbers_is_an_error),
        FIXTURE_CASE(shuffling_changes_the_order_and_nothing_else),
        FIXTURE_CASE(samples_are_different_elements),
        FIXTURE_CASE(two_forks_of_a_warm_engine_draw_different_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
