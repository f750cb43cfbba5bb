/* The program hero_proc against a hero_proc: what it prints and how it exits. */
#include "tests/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define OUTPUT_BYTES 16384

struct outcome {
    int code;
    char text[OUTPUT_BYTES]; /* standard output and error */
};

/* Runs "hero_proc <words>" in a shell; an optional input goes to its standard input. */
static void run(struct outcome *outcome, const char *input, const char *words) {
    char command[1024];
    snprintf(command, sizeof command, "printf '%%s' '%s' | '%s' %s 2>&1", input, CLI_PROGRAM,
             words);
    FILE *pipe = popen(command, "re");
    assert_non_null(pipe);
    size_t len = fread(outcome->text, 1, OUTPUT_BYTES - 1, pipe);
    outcome->text[len] = '\0';
    outcome->code = WEXITSTATUS(pclose(pipe));
}

static void expect(const char *words, int code, const char *text) {
    struct outcome outcome;
    run(&outcome, "", words);
    if (outcome.code != code || !strstr(outcome.text, text))
        fail_msg("hero_proc %s: exit code %d\n%s", words, outcome.code, outcome.text);
}

static void expect_with_input(const char *input, const char *words, int code, const char *text) {
    struct outcome outcome;
    run(&outcome, input, words);
    if (outcome.code != code || !strstr(outcome.text, text))
        fail_msg("hero_proc %s: exit code %d\n%s", words, outcome.code, outcome.text);
}

static void set_service(const char *name, const char *script) {
    char spec[512];
    snprintf(spec, sizeof spec,
             "{\"name\":\"%s\",\"interpreter\":\"bash\",\"script\":\"%s\",\"is_process\":true,"
             "\"env\":{\"PATH\":\"/usr/bin:/bin\"},\"retry_policy\":{\"max_attempts\":1}}",
             name, script);
    expect_with_input(spec, "action set -", 0, " is set");
    snprintf(spec, sizeof spec, "{\"name\":\"%s\",\"actions\":[\"%s\"]}", name, name);
    expect_with_input(spec, "service set -", 0, " is set");
}

static void a_running_service_has_its_glyph(void **state) {
    (void)state;
    set_service("web", "exec sleep 1000");
    expect("service start web", 0, "web is running");
    expect("service list", 0, "● running");
    expect("service.list", 0, "● running");
    expect("services list", 0, "● running");
    expect("service status web", 0, "● running");
    expect("service list --json", 0, "\"web\"");
    expect("--json service.list", 0, "\"web\"");
    expect("service stop web", 0, "web is stopped");
    expect("service list", 0, "○ ");
    expect("service delete web", 0, "web is deleted");
    expect("service stop web", 1, "there is no service web");
}

static void a_failed_service_shows_its_last_lines(void **state) {
    (void)state;
    set_service("broken", "echo it burns; exit 3");
    expect("service start broken", 1, "it burns");
    expect("service list", 0, "✗ failed");
    set_service("idle", "exec sleep 1000");
    expect("service start idle --no-wait", 0, "idle is being started");
    expect("service delete idle", 0, "idle is deleted");
    expect("service delete idle", 1, "not");
    expect("service delete broken", 0, "");
}

static void jobs_run_and_tell(void **state) {
    (void)state;
    expect_with_input("{\"name\":\"hello\",\"interpreter\":\"bash\",\"script\":\"echo hello you\","
                      "\"env\":{\"PATH\":\"/usr/bin:/bin\"}}",
                      "action set -", 0, "hello is set");
    expect("job create hello --follow", 0, "hello you\n");
    expect("job list", 0, "✓ succeeded");
    expect("job create nothing", 1, "not found");
    expect("job logs x", 2, "an ID is a number");
}

static void health_and_wrong_usage(void **state) {
    const struct target *target = *state;
    char words[256];
    expect("health", 0, "is ok");
    snprintf(words, sizeof words, "--socket %s health", target->socket);
    expect(words, 0, "is ok");
    expect("--socket /nowhere.sock health", 1, "no server reachable at /nowhere.sock");
    expect("frobnicate", 2, "there is no command 'frobnicate'");
    expect("service", 2, "what to do with service is missing");
    expect("service list extra", 2, "one operand too many");
    expect_with_input("{", "service set -", 2, "standard input:1:");
    expect("service set /nowhere.json", 2, "/nowhere.json");
}

static void what_is_missing_or_left_out_is_said(void **state) {
    (void)state;
    expect("log list", 1, "this hero_proc cannot do that");
    expect("secret get KEY", 1, "this hero_proc cannot do that");
    expect_with_input("{\"name\":\"x\",\"script\":\"true\",\"tty\":true}", "action set -", 0,
                      "was not sent: action.put: tty");
}

static void our_logs_and_secrets(void **state) {
    (void)state;
    set_service("talker", "echo one line; exec sleep 1000");
    expect("service start talker", 0, "talker is running");
    expect("log list talker", 0, "one line");
    expect("logs.list --source talker --text nothing", 0, "");
    expect("service why talker", 0, "talker is running: ");
    expect("service stop talker", 0, "");
    expect_with_input("s3cret", "secret set KEY", 0, "KEY is set");
    expect("secret get KEY", 0, "s3cret\n");
    expect("secret list", 0, "KEY\n");
    expect("secret.delete KEY", 0, "");
    expect("secret get KEY", 1, "KEY");
}

static struct target target;

static int set_up_other(void **state) {
    target_start(&target, OTHER_WITH_DOCUMENT);
    *state = &target;
    return 0;
}
static int set_up_ours(void **state) {
    target_start(&target, OURS);
    *state = &target;
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    target_stop(&target);
    return 0;
}

#define COMMON_TESTS                                                                               \
    cmocka_unit_test(a_running_service_has_its_glyph),                                             \
        cmocka_unit_test(a_failed_service_shows_its_last_lines),                                   \
        cmocka_unit_test(jobs_run_and_tell), cmocka_unit_test(health_and_wrong_usage)

int main(void) {
    const struct CMUnitTest other[] = {
        COMMON_TESTS,
        cmocka_unit_test(what_is_missing_or_left_out_is_said),
    };
    const struct CMUnitTest ours[] = {
        COMMON_TESTS,
        cmocka_unit_test(our_logs_and_secrets),
    };
    int failed = cmocka_run_group_tests_name("another hero_proc", other, set_up_other, tear_down);
    if (target_has_ours())
        failed += cmocka_run_group_tests_name("our hero_proc", ours, set_up_ours, tear_down);
    return failed;
}
