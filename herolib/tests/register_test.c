/* What holds for all modules. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct listing {
    unsigned all, undocumented;
};

static void check_documentation(void *data, const rhai_native *native) {
    struct listing *listing = data;
    listing->all++;
    bool is_good = native->signature && native->doc && *native->doc;
    if (!is_good) print_error("%s(%s) has no signature or no text\n", native->name, native->params);
    listing->undocumented += !is_good;
}

static void every_function_is_listed_with_signature_and_doc(void **state) {
    struct fixture *f = *state;
    struct listing with = {0}, without = {0};
    rhai_engine *bare = rhai_engine_new(NULL);
    rhai_each_function(bare, check_documentation, &without);
    rhai_engine_free(bare);
    rhai_each_function(f->engine, check_documentation, &with);
    assert_true(with.all > without.all + 50);
    assert_int_equal(with.undocumented, without.undocumented);
}

static void two_engines_have_sessions_of_their_own(void **state) {
    struct fixture *f = *state;
    static const char *const args[] = {"other"};
    struct sink sink = {0};
    herolib_session session = sink_session(&sink);
    session.args = args;
    session.args_count = 1;
    rhai_engine *engine = rhai_engine_new(NULL);
    assert_int_equal(herolib_register(engine, &session), 0);
    struct fixture other = {.engine = engine};
    fixture_expect(&other, "args()", "[\"other\"]");
    fixture_expect(f, "args()", "[]");
    rhai_engine_free(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(every_function_is_listed_with_signature_and_doc),
        FIXTURE_CASE(two_engines_have_sessions_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
