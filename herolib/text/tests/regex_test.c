/* Regular expressions and replacers. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

static void matches_are_found(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "regex_is_match(\"^a.c$\", \"abc\")", "true");
    fixture_expect(f, "regex_is_match(\"^\\\\p{L}+$\", \"żółw\")", "true");
    fixture_expect(f, "regex_find(\"\\\\d+\", \"a12b3\")", "12");
    fixture_expect(f, "type_of(regex_find(\"x\", \"a\"))", "()");
    fixture_expect(f, "regex_find_all(\"\\\\d+\", \"a12b3\")", "[\"12\", \"3\"]");
    fixture_expect(f, "regex_find_all(\"a*\", \"baac\")", "[\"\", \"aa\", \"\"]");
    fixture_expect(f, "regex_find_all(\"\", \"é\")", "[\"\", \"\"]");
}

static void groups_are_captured(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "regex_captures(\"(\\\\w+)@(\\\\w+)\", \"to a@b\")", "[\"a@b\", \"a\", \"b\"]");
    fixture_expect(f, "regex_captures(\"(a)|(b)\", \"b\")", "[\"b\", (), \"b\"]");
    fixture_expect(f, "type_of(regex_captures(\"(x)\", \"\"))", "()");
    fixture_expect(f, "regex_captures_all(\"(.)=(.)\", \"a=1,b=2\")",
                   "[[\"a=1\", \"a\", \"1\"], [\"b=2\", \"b\", \"2\"]]");
}

static void matches_are_replaced_and_split_at(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "regex_replace(\"(?P<y>\\\\d+)-(\\\\d+)\", \"10-20 3-4\", \"$2/${y}$$\")",
                   "20/10$ 4/3$");
    fixture_expect(f, "regex_replace(\"(a)\", \"a\", \"[$1x|${1}x|$9|$]\")", "[|ax||$]");
    fixture_expect(f, "regex_replace(\"x*\", \"abc\", \"-\")", "-a-b-c-");
    fixture_expect(f, "regex_split(\",\\\\s*\", \"a, b,c\")", "[\"a\", \"b\", \"c\"]");
    fixture_expect(f, "regex_split(\",\", \"\")", "[\"\"]");
}

static void a_bad_pattern_says_where(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "let m; try { regex_find(\"a(\", \"\") } catch (e) { m = e } m",
                   "regex: missing closing parenthesis at byte 2");
}

static void endless_work_is_an_error(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let t = \"a\"; t.pad(50, 'a'); t += \"b\"; let m; "
                   "try { regex_find(\"(a+)+$\", t) } catch (e) { m = e } m",
                   "regex: the match takes too many steps");
}

static void a_stop_ends_a_match(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = eventfd(1, EFD_CLOEXEC);
    char *text = fixture_evaluate(f, "let t = \"a\"; t.pad(50, 'a'); t += \"b\"; "
                                     "try { regex_find(\"(a+)+$\", t) } catch { } 1");
    assert_non_null(strstr(text, "terminated"));
    free(text);
    close(f->session.stop_fd);
    f->session.stop_fd = -1;
}

static void a_replacer_applies_its_pairs_in_order(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "text_replacer_new().pattern(\"foo\").replacement(\"bar\").and()"
                   ".pattern(\"b(.)r\").replacement(\"<$1>\").regex(true).build()"
                   ".replace(\"foo b.r\")",
                   "<a> <.>");
    fixture_expect(f,
                   "text_replacer_builder().pattern(\"X.Y\").case_insensitive(true)"
                   ".replacement(\"$1\").build().replace(\"x.y xzy\")",
                   "$1 xzy");
    fixture_expect(f, "text_replacer_new().pattern(\"a\").build().replace(\"banana\")", "bnn");
}

static void a_builder_is_a_value(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let b = text_replacer_new().pattern(\"a\"); b.pattern(\"b\"); "
                   "b.build().replace(\"ab\")",
                   "b");
}

static void an_unfinished_replacer_is_an_error(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "let m; try { text_replacer_new().build() } catch (e) { m = e } m",
                   "replacer: pair 1 has no pattern");
    fixture_expect(f, "let m; try { text_replacer_new().and() } catch (e) { m = e } m",
                   "replacer: `and` before a pattern was given");
    fixture_expect(f,
                   "let m; try { text_replacer_new().pattern(\"[\").regex(true).build() } "
                   "catch (e) { m = e } m.starts_with(\"regex: \")",
                   "true");
}

static void files_are_rewritten(void **state) {
    struct fixture *f = *state;
    char path[] = "/tmp/herolib_replacer.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "one two", 7) == 7);
    close(fd);
    setenv("P", path, 1);
    fixture_expect(f,
                   "let r = text_replacer_new().pattern(\"one\").replacement(\"1\").build(); "
                   "let seen = r.replace_file(env(\"P\")); r.replace_file_in_place(env(\"P\")); "
                   "r.replace_file_to(env(\"P\"), env(\"P\") + \".2\"); "
                   "seen + run_silent(\"cat $P $P.2; rm $P $P.2\").stdout",
                   "1 two1 two1 two");
    fixture_expect(f,
                   "let m; try { text_replacer_new().pattern(\"a\").build().replace_file(\"/nope\") } "
                   "catch (e) { m = e } m",
                   "replacer: cannot read /nope: No such file or directory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(matches_are_found),
        FIXTURE_CASE(groups_are_captured),
        FIXTURE_CASE(matches_are_replaced_and_split_at),
        FIXTURE_CASE(a_bad_pattern_says_where),
        FIXTURE_CASE(endless_work_is_an_error),
        FIXTURE_CASE(a_stop_ends_a_match),
        FIXTURE_CASE(a_replacer_applies_its_pairs_in_order),
        FIXTURE_CASE(a_builder_is_a_value),
        FIXTURE_CASE(an_unfinished_replacer_is_an_error),
        FIXTURE_CASE(files_are_rewritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
