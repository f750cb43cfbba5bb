/* The scripts of examples/automation do what they say, on data of their own. */
#include "hero_proc/sdk/tests/target.h"
#include "os/tests/sandbox.h"

#include "core/file.h"

/* What the script prints; or, after that, its error. */
static const char *run_example(struct fixture *f, const char *name, const char *const *args) {
    char path[PATH_MAX], *script;
    size_t len, count = 0;
    snprintf(path, sizeof path, "%s/%s.rhai", EXAMPLES, name);
    assert_int_equal(file_load(path, FILE_LOAD_MAX_BYTES, &script, &len), 0);
    while (args[count])
        count++;
    f->session.args = args;
    f->session.args_count = count;
    sink_done(&f->sink);
    rhai_value value = rhai_unit();
    rhai_error *error = NULL;
    if (rhai_eval(f->engine, script, len, NULL, &value, &error) == RHAI_ERROR) {
        sink_add(&f->sink.all, rhai_error_text(error), strlen(rhai_error_text(error)));
        rhai_error_free(error);
    }
    rhai_value_done(f->engine, &value);
    free(script);
    return sink_text(&f->sink.all);
}

#define RUN(name, ...) run_example(f, name, (const char *const[]){__VA_ARGS__, NULL})

static void clean_old_files(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir -p d/sub; echo new > d/new; echo 12345 > 'd/sub/old $(x)'; echo 1 > d/old;"
                  "touch -d '10 days ago' d/old d/sub/old*");
    assert_non_null(strstr(RUN("clean_old_files", "d", "7"), "2 files deleted, 8 bytes\n"));
    sandbox_shell("test \"$(find d -type f)\" = d/new");
    assert_string_equal(RUN("clean_old_files", "d", "7"), "0 files deleted, 0 bytes\n");
}

static void backup_rotate(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir 'my data'; echo precious > 'my data/file'");
    for (int i = 0; i < 2; i++)
        RUN("backup_rotate", "my data", "backups", "2");
    sandbox_shell("mv $(ls -d backups/*.gz | head -1) backups/backup-20000101-000000-a.tar.gz");
    assert_string_equal(RUN("backup_rotate", "my data", "backups", "2"),
                        "packed my data: true\ndeleted the oldest archive\n2 archives kept\n");
    sandbox_shell("test $(ls backups | wc -l) = 2 && ! ls backups | grep 20000101;"
                  "for a in backups/*; do test $(tar -xzOf $a ./file) = precious || exit 1; done");
}

/* What happens elsewhere while the script waits: a line of the shell for each time it does. */
static const char *const *meanwhile;

static void on_flush(void *data, bool partial_lines) {
    (void)data, (void)partial_lines;
    if (*meanwhile) sandbox_shell(*meanwhile++);
}

static void watch_log(void **state) {
    struct fixture *f = *state;
    static const char *const lines[] = {"echo 'an error' >> log; echo fine >> log", "true",
                                        "echo 'it failed' >> log", NULL};
    meanwhile = lines;
    f->session.output.flush = on_flush;
    sandbox_shell("echo 'error before' > log");
    assert_string_equal(RUN("watch_log", "log", "error|fail", "1.5"),
                        "an error\nit failed\n2 lines matched\n");
}

static void check_disk(void **state) {
    struct fixture *f = *state;
    assert_string_equal(RUN("check_disk", "100"), "no file system is more than 100 % full\n");
    assert_non_null(strstr(RUN("check_disk", "-1"), " % full"));
    assert_memory_equal(sink_text(&f->sink.all), "Runtime error: /", 16);
}

static void retry_command(void **state) {
    struct fixture *f = *state;
    assert_string_equal(
        RUN("retry_command", "echo x >> tried; test $(wc -l < tried) -ge 3", "5", "1"),
        "try 1 failed with code 1\ntry 2 failed with code 1\nsucceeded at try 3\n");
    assert_non_null(strstr(RUN("retry_command", "exit 4", "2", "1"),
                           "try 2 failed with code 4\nRuntime error: gave up after 2 tries"));
}

static void wait_for_file(void **state) {
    struct fixture *f = *state;
    static const char *const lines[] = {"true", "printf 123 > there", "printf 45 >> there", NULL};
    meanwhile = lines;
    f->session.output.flush = on_flush;
    assert_string_equal(RUN("wait_for_file", "there", "10"), "there is there, 5 bytes\n");
    assert_memory_equal(RUN("wait_for_file", "never", "0.2"),
                        "Runtime error: never did not come within 0.2 s", 46);
}

static void batch_rename(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir d; touch \"d/User's File [Draft].txt\" d/plain.txt");
    static const char said[] = "d/User's File [Draft].txt -> d/user_s_file_draft_.txt\n";
    assert_string_equal(RUN("batch_rename", "d"), said);
    sandbox_shell("test -e \"d/User's File [Draft].txt\"");
    assert_string_equal(RUN("batch_rename", "d", "yes"), said);
    sandbox_shell("test \"$(ls d | tr '\\n' ' ')\" = 'plain.txt user_s_file_draft_.txt '");
}

static void render_report(void **state) {
    struct fixture *f = *state;
    assert_string_equal(RUN("render_report", "out/report.md"),
                        "Successfully wrote to file 'out/report.md'\n");
    fixture_expect(f, "file_read(\"out/report.md\")",
                   "# LOAD\n\n- alpha: **busy** (7)\n- beta: fine\n2 hosts, no remarks\n");
}

static void csv_to_yaml(void **state) {
    struct fixture *f = *state;
    sandbox_shell("printf 'name,age,note\\nAda,36,\"a, b\"\\nBob,-1,007x\\n' > in.csv");
    assert_string_equal(RUN("csv_to_yaml", "in.csv", "out.yaml"), "2 rows\n");
    fixture_expect(f, "yaml_parse(file_read(\"out.yaml\"))",
                   "[#{\"age\": 36, \"name\": \"Ada\", \"note\": \"a, b\"}, "
                   "#{\"age\": -1, \"name\": \"Bob\", \"note\": \"007x\"}]");
}

static void encrypt_file(void **state) {
    struct fixture *f = *state;
    sandbox_shell("echo private > file");
    unsetenv("FILE_PASSWORD");
    assert_non_null(strstr(RUN("encrypt_file", "file"), "FILE_PASSWORD is not set"));
    setenv("FILE_PASSWORD", "pw", 1);
    assert_string_equal(RUN("encrypt_file", "file"), "encrypted file.enc\n");
    sandbox_shell("test \"$(ls)\" = file.enc && ! grep -q private file.enc");
    fixture_expect(f, "decrypt_file(\"file.enc\", \"file\", \"pw\"); file_read(\"file\")", "private\n");
}

static void mirror_git_tree(void **state) {
    struct fixture *f = *state;
    char url[PATH_MAX];
    sandbox_shell("git init -q -b main work; cd work; git config user.name T; git config user.email t@x.y;"
                  "echo one > file; git add file; git commit -qm one");
    assert_non_null(getcwd(url, sizeof url - 16));
    memmove(url + 7, url, strlen(url) + 1);
    memcpy(url, "file://", 7);
    strcat(url, "/work");
    assert_non_null(strstr(RUN("mirror_git_tree", "tree", url), "up to date: file://"));
    sandbox_shell("cd work; echo two > file; git commit -qam two");
    assert_non_null(strstr(RUN("mirror_git_tree", "tree", url), "up to date: file://"));
    sandbox_shell("test \"$(cat $(find tree -name file))\" = two");
    assert_non_null(strstr(RUN("mirror_git_tree", "tree", "file:///no/where"), "1 of 1 repositories failed"));
}

static void deploy_service(void **state) {
    struct fixture *f = *state;
    struct target hero_proc;
    char *home = strdup(getenv("HOME"));
    target_start(&hero_proc, OURS);
    const char *said = RUN("deploy_service", "greeter");
    assert_memory_equal(said, "greeter is running, its process is ", 35);
    assert_non_null(strstr(said, "\nlog: hello from "));
    assert_non_null(strstr(said, "\ngreeter is removed\n"));
    fixture_expect(f, "service_list().map(|s| s.name)", "[]");
    assert_non_null(strstr(RUN("deploy_service", "no name"), "Runtime error: proc: start: "));
    target_stop(&hero_proc);
    setenv("HOME", home, 1);
    free(home);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SANDBOX_CASE(clean_old_files), SANDBOX_CASE(backup_rotate), SANDBOX_CASE(watch_log),
        SANDBOX_CASE(check_disk),      SANDBOX_CASE(retry_command), SANDBOX_CASE(wait_for_file),
        SANDBOX_CASE(batch_rename),    SANDBOX_CASE(render_report), SANDBOX_CASE(csv_to_yaml),
        SANDBOX_CASE(encrypt_file),    SANDBOX_CASE(mirror_git_tree), SANDBOX_CASE(deploy_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
