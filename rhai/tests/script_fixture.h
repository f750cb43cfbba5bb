/* script_fixture.h - runs small scripts and compares what they give. */
#ifndef RHAI_TESTS_SCRIPT_FIXTURE_H
#define RHAI_TESTS_SCRIPT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rhai/rhai.h"

/* The value's debug form, as Rhai shows it. Every script has an engine of its own, which must
 * be left without memory in use. */
static inline void assert_script(const char *script, const char *wanted) {
    rhai_engine *engine = rhai_engine_new(NULL);
    assert_non_null(engine);
    rhai_value v, shown;
    rhai_error *error = NULL;
    if (rhai_eval(engine, script, strlen(script), NULL, &v, &error) != RHAI_OK)
        fail_msg("%s\n%s", script, rhai_error_text(error));
    assert_int_equal(rhai_to_debug(engine, &v, &shown), RHAI_OK);
    if (strcmp(rhai_as_text(&shown, NULL), wanted) != 0)
        fail_msg("%s\ngives  %s\nwanted %s", script, rhai_as_text(&shown, NULL), wanted);
    rhai_value_done(engine, &shown);
    rhai_value_done(engine, &v);
    rhai_engine_free(engine);
}

static inline void assert_script_fails(const char *script, const char *wanted) {
    rhai_engine *engine = rhai_engine_new(NULL);
    assert_non_null(engine);
    rhai_value v;
    rhai_error *error = NULL;
    if (rhai_eval(engine, script, strlen(script), NULL, &v, &error) != RHAI_ERROR)
        fail_msg("%s\nmust fail", script);
    if (strcmp(rhai_error_text(error), wanted) != 0)
        fail_msg("%s\nfails with %s\nwanted     %s", script, rhai_error_text(error), wanted);
    rhai_error_free(error);
    rhai_engine_free(engine);
}

#endif
