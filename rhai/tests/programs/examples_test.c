/* Every script in examples/ does what examples/expected/ says it prints. */
#include "program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void every_example_prints_what_is_expected(void **state) {
    (void)state;
    glob_t scripts;
    assert_int_equal(glob(EXAMPLES "/*.rhai", 0, NULL, &scripts), 0);
    sandbox s;
    sandbox_init(&s);
    for (size_t i = 0; i < scripts.gl_pathc; i++) {
        const char *script = scripts.gl_pathv[i], *name = strrchr(script, '/') + 1;
        char expected[512];
        snprintf(expected, sizeof expected, EXAMPLES "/expected/%.*s.txt", (int)strcspn(name, "."),
                 name);
        print_message("%s\n", name);
        const ran *r = RUN(&s, "/bin/sh", "-c",
                           RHAI " run \"$0\" > out; code=$?;"
                                "diff \"$1\" out && exit $code",
                           script, expected);
        assert_string_equal(r->err, "");
        assert_string_equal(r->out, "");
        assert_int_equal(r->code, 0);
    }
    sandbox_done(&s);
    globfree(&scripts);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_example_prints_what_is_expected)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
