/* What holds for all modules. */
#include "core/module.h"
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_documentation(void *data, const rhai_native *native) {
    unsigned *ours = data;
    static const herolib_module *const modules[] = {&herolib_core_module, &herolib_process_module};
    for (size_t i = 0; i < HEROLIB_COUNT(modules); i++) {
        const rhai_native *functions = modules[i]->functions;
        if (native < functions || native >= functions + modules[i]->function_count) continue;
        assert_non_null(native->signature);
        assert_non_null(native->doc);
        (*ours)++;
    }
}

static void every_function_is_listed_with_signature_and_doc(void **state) {
    struct fixture *f = *state;
    unsigned ours = 0;
    rhai_each_function(f->engine, check_documentation, &ours);
    assert_int_equal(ours,
                     herolib_core_module.function_count + herolib_process_module.function_count);
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
