/* fixture.h - an engine with all modules and a session that keeps what comes out, for tests of
 * functions as scripts see them.
 *
 * A test file includes <cmocka.h> itself and lists its cases as FIXTURE_CASE(name); each gets a
 * fixture of its own as *state.
 */
#ifndef HEROLIB_TESTS_FIXTURE_H
#define HEROLIB_TESTS_FIXTURE_H

#include "tests/sink.h"

struct fixture {
    struct sink sink;
    herolib_session session;
    rhai_engine *engine;
};

int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* The script's value as `print` shows it, or its error's text. The caller frees it. */
char *fixture_evaluate(struct fixture *f, const char *script);
/* Fails the test unless the script's value, as `print` shows it, is `value`. */
void fixture_expect(struct fixture *f, const char *script, const char *value);
/* Fails the test unless the value, or the error's text, has `part` in it. */
void fixture_expect_part(struct fixture *f, const char *script, const char *part);

#define FIXTURE_CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

#endif
