/* The modules as scripts see them. */
#include "core/module.h"
#include "tests/sink.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

struct fixture {
    struct sink sink;
    herolib_session session;
    rhai_engine *engine;
};

static void on_print(void *data, const char *text, size_t len) {
    struct sink *sink = data;
    sink_add(&sink->all, text, len);
    sink_add(&sink->all, "\n", 1);
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    f->session = sink_session(&f->sink);
    f->engine = rhai_engine_new(NULL);
    rhai_engine_on_print(f->engine, on_print, &f->sink);
    *state = f;
    return herolib_register(f->engine, &f->session);
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    rhai_engine_free(f->engine);
    sink_done(&f->sink);
    if (f->session.stop_fd >= 0) close(f->session.stop_fd);
    free(f);
    return 0;
}

/* The script's value as `print` shows it, or its error's text. The caller frees it. */
static char *evaluate(struct fixture *f, const char *script) {
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

static void expect(struct fixture *f, const char *script, const char *value) {
    char *shown = evaluate(f, script);
    assert_string_equal(shown, value);
    free(shown);
}

/* ---- core ------------------------------------------------------------------------------- */

static void env_gives_a_variable_or_unit(void **state) {
    struct fixture *f = *state;
    setenv("HEROLIB_TEST", "a value", 1);
    expect(f, "env(\"HEROLIB_TEST\")", "a value");
    expect(f, "type_of(env(\"HEROLIB_TEST_NOT_SET\"))", "()");
    setenv("HEROLIB_TEST", "bad \xFF byte", 1);
    expect(f, "env(\"HEROLIB_TEST\")", "bad \xEF\xBF\xBD byte");
    unsetenv("HEROLIB_TEST");
    expect(f, "let m; try { env(\"A\\x00B\") } catch (e) { m = e; } m",
           "env: the name holds a NUL character");
}

static void args_are_those_of_the_session(void **state) {
    struct fixture *f = *state;
    static const char *const args[] = {"one", "two words", ""};
    expect(f, "args()", "[]");
    f->session.args = args;
    f->session.args_count = 3;
    expect(f, "args()", "[\"one\", \"two words\", \"\"]");
    expect(f, "fn second() { args()[1] } second()", "two words");
}

static void monotonic_ns_goes_forward(void **state) {
    struct fixture *f = *state;
    expect(f, "let a = monotonic_ns(); let b = monotonic_ns(); type_of(a) + (b >= a)", "i64true");
}

static void sleep_waits(void **state) {
    struct fixture *f = *state;
    int64_t before = herolib_now_ns();
    expect(f, "sleep(0.03)", "");
    assert_in_range(herolib_now_ns() - before, 30 * MS, 1000 * MS);
    assert_true(f->sink.flushes > 0);
    before = herolib_now_ns();
    expect(f, "sleep(0); sleep(-5); sleep(-1.5); sleep(0.0 / 0.0); sleep(1.0 / 0.0)", "");
    assert_true(herolib_now_ns() - before < 1000 * MS);
}

static void a_stop_ends_sleep_and_cannot_be_caught(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = sink_stop_after_ms(20);
    int64_t before = herolib_now_ns();
    char *shown =
        evaluate(f, "try { sleep(100) } catch { sleep(100); print(\"caught\") } \"went on\"");
    assert_in_range(herolib_now_ns() - before, 20 * MS, 200 * MS);
    assert_memory_equal(shown, "Script terminated", strlen("Script terminated"));
    assert_string_equal(sink_text(&f->sink.all), "");
    free(shown);
}

/* ---- process ---------------------------------------------------------------------------- */

static void a_result_has_output_success_and_code(void **state) {
    struct fixture *f = *state;
    expect(f,
           "let r = run_silent(\"echo out; echo err >&2\");"
           "`${r.stdout}${r.stderr}${r.success} ${r.code} ${type_of(r)}`",
           "out\nerr\ntrue 0 CommandResult");
    expect(f, "run_silent(\"printf abc\")",
           "CommandResult(code: 0, stdout: 3 bytes, stderr: 0 bytes)");
    expect(f, "run_silent(\"true\").stdout", "");
    assert_int_equal(f->sink.writes, 0);
}

static void output_comes_in_order_with_prints(void **state) {
    struct fixture *f = *state;
    expect(f,
           "print(\"a\"); run_command(\"echo b; echo c >&2\"); print(\"d\");"
           "run_command(\"printf e\"); print(\"f\"); ()",
           "");
    char *all = f->sink.all.bytes;
    /* b and c are on two streams, whose order nobody promises. */
    if (strncmp(all, "a\nc\nb\n", 6) == 0) memcpy(all, "a\nb\nc\n", 6);
    assert_string_equal(all, "a\nb\nc\nd\ne\nf\n");
}

static void a_command_that_fails_is_an_error_with_its_cause(void **state) {
    struct fixture *f = *state;
    expect(f, "let m; try { run_silent(\"echo no such luck >&2; exit 3\") } catch (e) { m = e; } m",
           "process: 'echo no such luck >&2; exit 3' exited with code 3: no such luck");
    expect(f, "let m; try { run_command(\"false\") } catch (e) { m = type_of(e) + `: ${e}`; } m",
           "string: process: 'false' exited with code 1");
    expect(f, "let m; try { run_silent(\"kill -9 $$\") } catch (e) { m = e; } m",
           "process: 'kill -9 $$' was ended by signal 9 (Killed)");
    expect(f, "let m; try { run_silent(\"true\\nexit 4\\n\") } catch (e) { m = e; } m",
           "process: 'true...' exited with code 4");
    expect(f, "let m; try { run_silent(\"echo a\\x00b\") } catch (e) { m = e; } m",
           "process: the command holds a NUL character");
    expect(f, "run_silent(\"exit 2\")",
           "Runtime error: process: 'exit 2' exited with code 2 (line 1, position 1)");
}

static void a_stop_ends_a_command_and_cannot_be_caught(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = sink_stop_after_ms(50);
    char *shown = evaluate(f, "try { run_command(\"sleep 100\") } catch { print(\"caught\") }");
    assert_memory_equal(shown, "Script terminated", strlen("Script terminated"));
    assert_string_equal(sink_text(&f->sink.all), "");
    free(shown);
}

/* ---- Registration ----------------------------------------------------------------------- */

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
    expect(&other, "args()", "[\"other\"]");
    expect(f, "args()", "[]");
    rhai_engine_free(engine);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(env_gives_a_variable_or_unit),
        CASE(args_are_those_of_the_session),
        CASE(monotonic_ns_goes_forward),
        CASE(sleep_waits),
        CASE(a_stop_ends_sleep_and_cannot_be_caught),
        CASE(a_result_has_output_success_and_code),
        CASE(output_comes_in_order_with_prints),
        CASE(a_command_that_fails_is_an_error_with_its_cause),
        CASE(a_stop_ends_a_command_and_cannot_be_caught),
        CASE(every_function_is_listed_with_signature_and_doc),
        CASE(two_engines_have_sessions_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
