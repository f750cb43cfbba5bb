/* Commands found by name, their help, and options in front of them. */
#include "hero_cli/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct options {
    struct option_line line;
    const char *socket;
    bool force;
};

/* What the last command saw. */
static char seen[256];

static int note(const char *name, const struct options *options) {
    snprintf(seen, sizeof seen, "%s socket=%s force=%d operand=%s rest=%s", name,
             options->socket ? options->socket : "", options->force,
             options->line.operand_count ? options->line.operands[0] : "",
             options->line.rest[0] ? options->line.rest[0] : "");
    return EXIT_OK;
}

static int run_health(const struct options *options) {
    return note("health", options);
}
static int run_list(const struct options *options) {
    return note("list", options);
}
static int run_stop(const struct options *options) {
    return note("stop", options);
}

static const struct option_spec stop_specs[] = {
    {"force", 0, OPTION_FLAG, offsetof(struct options, force), NULL, "at once"},
};
static const struct command health = {.name = "health",
                                      .operands = "",
                                      .summary = "is it well",
                                      .description = "Tells.",
                                      .run = run_health};
static const struct command list = {.name = "service list",
                                    .operands = "",
                                    .summary = "show them",
                                    .description = "Shows.",
                                    .run = run_list};
static const struct command stop = {.name = "service stop",
                                    .operands = "NAME",
                                    .summary = "stop one",
                                    .description = "Stops.",
                                    .rules = {COMMAND_RULES(stop_specs), .operands_min = 1,
                                              .operands_max = 1, .operand_name = "NAME",
                                              .rest_name = "the rest"},
                                    .run = run_stop};
static const struct command *const commands[] = {&health, &list, &stop};
static const struct command_alias aliases[] = {{"svc", "service"}, {"--health", "health"}};
static const struct option_spec common[] = {
    {"socket", 0, OPTION_TEXT, offsetof(struct options, socket), "PATH", "where"},
};
static const struct program program = {
    .name = "example",
    .about = "an example",
    .notes = "",
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
    .aliases = aliases,
    .alias_count = sizeof aliases / sizeof aliases[0],
    .common = common,
    .common_count = sizeof common / sizeof common[0],
    .options_bytes = sizeof(struct options),
};

/* Runs it and keeps what it wrote to one stream. */
static int run(int stream, char *text, size_t size, const char *const *argv) {
    int argc = 0;
    while (argv[argc])
        argc++;
    FILE *file = tmpfile();
    fflush(NULL);
    int saved = dup(stream);
    dup2(fileno(file), stream);
    seen[0] = '\0';
    int code = program_main(&program, argc, (char **)(uintptr_t)argv);
    fflush(NULL);
    dup2(saved, stream);
    close(saved);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    return code;
}

#define RUN(stream, text, ...)                                                                     \
    run((stream), (text), sizeof(text), (const char *const[]){"example", __VA_ARGS__, NULL})

static void expect_seen(const char *expected) {
    assert_string_equal(seen, expected);
}

static void words_dots_and_aliases_name_the_same_command(void **state) {
    (void)state;
    char text[1024];
    assert_int_equal(RUN(STDERR_FILENO, text, "service", "list"), EXIT_OK);
    expect_seen("list socket= force=0 operand= rest=");
    assert_int_equal(RUN(STDERR_FILENO, text, "service.list"), EXIT_OK);
    expect_seen("list socket= force=0 operand= rest=");
    assert_int_equal(RUN(STDERR_FILENO, text, "svc", "stop", "web"), EXIT_OK);
    expect_seen("stop socket= force=0 operand=web rest=");
    assert_int_equal(RUN(STDERR_FILENO, text, "svc.stop", "web", "--force"), EXIT_OK);
    expect_seen("stop socket= force=1 operand=web rest=");
    assert_int_equal(RUN(STDERR_FILENO, text, "--health"), EXIT_OK);
    expect_seen("health socket= force=0 operand= rest=");
}

static void common_options_stand_in_front_or_behind(void **state) {
    (void)state;
    char text[1024];
    assert_int_equal(RUN(STDERR_FILENO, text, "--socket", "/s", "health"), EXIT_OK);
    expect_seen("health socket=/s force=0 operand= rest=");
    assert_int_equal(RUN(STDERR_FILENO, text, "health", "--socket=/s"), EXIT_OK);
    expect_seen("health socket=/s force=0 operand= rest=");
    assert_int_equal(
        RUN(STDERR_FILENO, text, "--socket=/s", "service", "stop", "web", "--", "--socket"),
        EXIT_OK);
    expect_seen("stop socket=/s force=0 operand=web rest=--socket");
}

static void what_does_not_exist_is_wrong_usage(void **state) {
    (void)state;
    char text[1024];
    assert_int_equal(RUN(STDERR_FILENO, text, "frobnicate"), EXIT_USAGE);
    assert_string_equal(text, "example: there is no command 'frobnicate'; see example --help\n");
    assert_int_equal(RUN(STDERR_FILENO, text, "service", "frobnicate"), EXIT_USAGE);
    assert_string_equal(
        text, "example: there is no command 'service frobnicate'; see example service --help\n");
    assert_int_equal(RUN(STDERR_FILENO, text, "service"), EXIT_USAGE);
    assert_string_equal(
        text, "example: what to do with service is missing; see example service --help\n");
    assert_int_equal(RUN(STDERR_FILENO, text, "--socket", "/s"), EXIT_USAGE);
    assert_string_equal(text, "example: no command is given; see example --help\n");
    assert_int_equal(RUN(STDERR_FILENO, text, "service", "stop"), EXIT_USAGE);
    assert_string_equal(
        text, "example: service stop: NAME is missing; see example service stop --help\n");
}

static void help_is_for_all_a_noun_or_one(void **state) {
    (void)state;
    char text[1024];
    assert_int_equal(RUN(STDOUT_FILENO, text, "--help"), EXIT_OK);
    assert_non_null(strstr(text, "  health        is it well\n  service list  show them\n"));
    assert_int_equal(RUN(STDOUT_FILENO, text, "service", "--help"), EXIT_OK);
    assert_non_null(strstr(text, "  service list  show them\n  service stop  stop one\n"));
    assert_null(strstr(text, "health"));
    assert_int_equal(RUN(STDOUT_FILENO, text, "service", "stop", "--help"), EXIT_OK);
    assert_string_equal(text, "Usage: example service stop [OPTION]... NAME\n\nStops.\n\nOptions:\n"
                              "      --force           at once\n"
                              "      --socket PATH     where\n"
                              "  -h, --help            show this\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_dots_and_aliases_name_the_same_command),
        cmocka_unit_test(common_options_stand_in_front_or_behind),
        cmocka_unit_test(what_does_not_exist_is_wrong_usage),
        cmocka_unit_test(help_is_for_all_a_noun_or_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
