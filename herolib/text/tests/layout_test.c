/* dedent, prefix, name_fix, path_fix. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void dedent_takes_the_common_indentation(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "dedent(\"    a\\n    b\\n        c\\n\")", "a\nb\n    c\n");
    fixture_expect(f, "dedent(\"  a\\n\\n   \\n   b\")", "a\n\n\n b");
    fixture_expect(f, "dedent(\"a\\n  b\")", "a\n  b");
    fixture_expect(f, "dedent(\"\\ta\\n\\t\\tb\")", "a\n\tb");
    fixture_expect(f, "dedent(\"\")", "");
}

static void prefix_goes_before_every_line(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "prefix(\"a\\n\\nb\\n\", \"> \")", "> a\n> \n> b\n");
    fixture_expect(f, "prefix(\"\", \"> \")", "");
    fixture_expect(f, "prefix(\"a\", \"\")", "a");
}

static void names_become_good_for_files(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "name_fix(\"User's File [Draft].txt\")", "user_s_file_draft_.txt");
    fixture_expect(f, "name_fix(\"Größe & Gewicht.PDF\")", "gre_gewicht.pdf");
    fixture_expect(f, "path_fix(\"/path/to/User's File.txt\")", "/path/to/user_s_file.txt");
    fixture_expect(f, "path_fix(\"/My Dir/A B\")", "/My Dir/a_b");
    fixture_expect(f, "path_fix(\"A B\")", "a_b");
    fixture_expect(f, "path_fix(\"/a/\")", "/a/");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(dedent_takes_the_common_indentation),
        FIXTURE_CASE(prefix_goes_before_every_line),
        FIXTURE_CASE(names_become_good_for_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
