/* Scripts that run scripts. */
#include "os/tests/sandbox.h"

static void text_is_run_and_gives_its_value(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "exec(\"let a = 40; print(\\\"in\\\"); a + 2\")", "42");
    assert_string_equal(sink_text(&f->sink.all), "in\n");
    fixture_expect(f, "exec(\"fn twice(x) { x * 2 } twice(21)\") + exec(\"\").type_of()", "42()");
    fixture_expect(f, "let f = exec(\"let n = 2; |x| x * n\"); f.call(21)", "42");
}

static void a_file_is_run_when_there_is_one(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir dir; echo 'run_silent(\"echo from file\").stdout' > dir/a.rhai;"
                  "echo '1 +' > dir/bad.rhai; echo 'throw \"oops\"' > dir/throws.rhai");
    fixture_expect(f, "exec(\"dir/a.rhai\")", "from file\n");
    fixture_expect(f, CAUGHT("exec(\"dir/throws.rhai\")"),
                   "exec: dir/throws.rhai: Runtime error: oops (line 1, position 1)");
    char *shown = fixture_evaluate(f, CAUGHT("exec(\"dir/bad.rhai\")"));
    assert_memory_equal(shown, "exec: dir/bad.rhai: Syntax error: ", 34);
    free(shown);
    shown = fixture_evaluate(f, CAUGHT("exec(\"dir\")"));
    assert_memory_equal(shown, "exec: Variable not found: dir", 29);
    free(shown);
}

static void the_script_has_variables_of_its_own(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "let a = 1; exec(\"let a = 2; fn g() { 1 }\"); a + `${is_def_fn(\"g\", 0)}`",
                   "1false");
    fixture_expect(f,
                   "let a = 1; "
                   "let m; try { exec(\"a\") } catch (e) { m = e; } m",
                   "exec: Variable not found: a (line 1, position 1)");
    fixture_expect(f, "fn h() { 1 } let m; try { exec(\"h()\") } catch (e) { m = e; } m",
                   "exec: Function not found: h () (line 1, position 1)");
}

static void exit_ends_only_the_script_that_calls_it(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "let a = exec(\"exit(5); 6\"); a + 1", "6");
    fixture_expect(f, "fn deep() { exec(\"fn g() { exit(7) } g(); 8\") } deep() + 1", "8");
}

static void scripts_may_run_each_other_until_a_limit(void **state) {
    struct fixture *f = *state;
    fixture_expect(
        f, "fn run_it(n) { exec(`1 + ${n}`) } let a = 0; for i in 0..3 { a += run_it(i); } a", "6");
    sandbox_shell("echo 'exec(\"self.rhai\")' > self.rhai");
    char *shown = fixture_evaluate(f, CAUGHT("exec(\"self.rhai\")"));
    assert_memory_equal(shown, "exec: self.rhai: ", 17);
    assert_non_null(strstr(shown, "overflow"));
    free(shown);
    fixture_expect(f, "exec(\"1\")", "1");
}

static void call_backs_may_run_scripts(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "[1, 2].map(|x| exec(`[${x}].map(|y| y * 10)[0]`))", "[10, 20]");
}

static void a_stop_ends_all_of_them(void **state) {
    struct fixture *f = *state;
    f->session.stop_fd = sink_stop_after_ms(20);
    char *shown = fixture_evaluate(f, CAUGHT("exec(\"try { sleep(100) } catch { print(1) }\")"));
    assert_memory_equal(shown, "Script terminated", strlen("Script terminated"));
    assert_string_equal(sink_text(&f->sink.all), "");
    free(shown);
}

static void a_script_comes_from_a_url_by_curl(void **state) {
    struct fixture *f = *state;
    char *path = strdup(getenv("PATH")), with_stand_in[PATH_MAX];
    sandbox_shell("mkdir bin; cat > bin/curl <<'END'\n"
                  "#!/bin/sh\n"
                  "for url; do :; done\n"
                  "case $url in\n"
                  "*/ok.rhai) echo '40 + 2';;\n"
                  "*) echo 'curl: (22) The requested URL returned error: 404' >&2; exit 22;;\n"
                  "esac\n"
                  "END\n"
                  "chmod +x bin/curl");
    snprintf(with_stand_in, sizeof with_stand_in, "%s/bin:%s", sandbox, path);
    setenv("PATH", with_stand_in, 1);
    fixture_expect(f, "exec(\"https://example.org/ok.rhai\")", "42");
    fixture_expect(f, CAUGHT("exec(\"http://example.org/none.rhai\")"),
                   "os: cannot download http://example.org/none.rhai: curl exited with code 22: "
                   "curl: (22) The requested URL returned error: 404");
    setenv("PATH", path, 1);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SANDBOX_CASE(text_is_run_and_gives_its_value),
        SANDBOX_CASE(a_file_is_run_when_there_is_one),
        SANDBOX_CASE(the_script_has_variables_of_its_own),
        SANDBOX_CASE(exit_ends_only_the_script_that_calls_it),
        SANDBOX_CASE(scripts_may_run_each_other_until_a_limit),
        SANDBOX_CASE(call_backs_may_run_scripts),
        SANDBOX_CASE(a_stop_ends_all_of_them),
        SANDBOX_CASE(a_script_comes_from_a_url_by_curl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
