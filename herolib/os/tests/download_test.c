/* Downloads, with the real curl, from URLs of files. */
#include "os/tests/sandbox.h"

/* Replaces $ in the script by the URL of the sandbox. */
static void expect(struct fixture *f, const char *script, const char *value) {
    char text[1024] = "", *end = text;
    for (; *script; script++)
        end += *script == '$' ? sprintf(end, "file://%s", sandbox) : sprintf(end, "%c", *script);
    fixture_expect(f, text, value);
}

static void a_file_is_downloaded_under_its_name(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir src; seq 1000 > src/numbers.txt");
    expect(f, "download(\"$/src/numbers.txt?x=/y\", \"new/dir\", 0)", "new/dir/numbers.txt");
    expect(f, "download_file(\"$/src/numbers.txt\", \"other/n\", 3)", "other/n");
    sandbox_shell("cmp src/numbers.txt new/dir/numbers.txt && cmp src/numbers.txt other/n");
}

static void archives_are_unpacked(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir src; cd src; echo one > one.txt; tar czf a.tar.gz one.txt;"
                  "zip -q a.zip one.txt; gzip -k one.txt");
    expect(f, "download(\"$/src/a.tar.gz\", \"tar\", 0)", "tar");
    expect(f, "download(\"$/src/a.zip\", \"zip\", 0)", "zip");
    expect(f, "download(\"$/src/one.txt.gz\", \"gz\", 0)", "gz/one.txt");
    sandbox_shell(
        "test \"$(ls tar zip gz | tr '\\n' ' ')\" = 'gz: one.txt  tar: one.txt  zip: one.txt '");
    sandbox_shell("test \"$(cat tar/one.txt zip/one.txt gz/one.txt | tr -d '\\n')\" = oneoneone");
}

static void what_cannot_be_had_is_an_error_and_leaves_nothing(void **state) {
    struct fixture *f = *state;
    char *shown = fixture_evaluate(f, CAUGHT("download_file(\"file:///no/such\", \"x\", 0)"));
    assert_non_null(
        strstr(shown, "os: cannot download file:///no/such: curl exited with code 37: "));
    free(shown);
    sandbox_shell("seq 1000 > small");
    char expected[256];
    snprintf(expected, sizeof expected,
             "os: cannot download file://%s/small: it has only 3 KiB, less than 4", sandbox);
    expect(f, CAUGHT("download_file(\"$/small\", \"x\", 4)"), expected);
    sandbox_shell("test \"$(ls)\" = small");
}

static void a_package_is_installed_and_what_else_comes_is_kept(void **state) {
    struct fixture *f = *state;
    char *path = strdup(getenv("PATH")), with_stand_in[PATH_MAX];
    sandbox_shell("mkdir bin tmp; echo x > tool; echo y > a.deb;"
                  "printf '#!/bin/sh\\necho \"$@\" $(cat $4) > ran\\n' > bin/apt-get;"
                  "chmod +x bin/apt-get");
    snprintf(with_stand_in, sizeof with_stand_in, "%s/bin:%s", sandbox, path);
    setenv("PATH", with_stand_in, 1);
    setenv("TMPDIR", "tmp", 1);
    expect(
        f,
        "let p = download_install(\"$/a.deb\", 0); p.len() == \"tmp/download.XXXXXX/a.deb\".len()"
        " && !exist(p)",
        "true");
    sandbox_shell("grep -Eq '^--yes install -- tmp/download\\.[^/]*/a.deb y$' ran && rmdir tmp");
    expect(f, "mkdir(\"tmp\"); file_read(download_install(\"$/tool\", 0))", "x\n");
    unsetenv("TMPDIR");
    setenv("PATH", path, 1);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SANDBOX_CASE(a_file_is_downloaded_under_its_name),
        SANDBOX_CASE(archives_are_unpacked),
        SANDBOX_CASE(what_cannot_be_had_is_an_error_and_leaves_nothing),
        SANDBOX_CASE(a_package_is_installed_and_what_else_comes_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
