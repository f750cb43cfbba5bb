#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void on_print(void *data, const char *text, size_t len) {
    struct sink *sink = data;
    sink_add(&sink->all, text, len);
    sink_add(&sink->all, "\n", 1);
}

int fixture_set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    f->session = sink_session(&f->sink);
    f->engine = rhai_engine_new(NULL);
    rhai_engine_on_print(f->engine, on_print, &f->sink);
    *state = f;
    return herolib_register(f->engine, &f->session);
}

int fixture_tear_down(void **state) {
    struct fixture *f = *state;
    rhai_engine_free(f->engine);
    sink_done(&f->sink);
    if (f->session.stop_fd >= 0) close(f->session.stop_fd);
    free(f);
    return 0;
}

char *fixture_evaluate(struct fixture *f, const char *script) {
    rhai_value value, text;
    rhai_error *error = NULL;
    size_t len;
    char *shown;
    if (rhai_eval(f->engine, script, strlen(script), NULL, &value, &error) == RHAI_ERROR) {
        shown = strdup(rhai_error_text(error));
        rhai_error_free(error);
        return shown;
    }
    assert_int_equal(rhai_to_text(f->engine, &value, &text), RHAI_OK);
    shown = strdup(rhai_as_text(&text, &len));
    rhai_value_done(f->engine, &text);
    rhai_value_done(f->engine, &value);
    return shown;
}

void fixture_expect(struct fixture *f, const char *script, const char *value) {
    char *shown = fixture_evaluate(f, script);
    assert_string_equal(shown, value);
    free(shown);
}

void fixture_expect_part(struct fixture *f, const char *script, const char *part) {
    char *shown = fixture_evaluate(f, script);
    if (!strstr(shown, part)) fail_msg("'%s' does not hold '%s'", shown, part);
    free(shown);
}
