/* Command lines and the help that comes from the same table. */
#include "hero_cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct options {
    struct option_line line;
    bool follow, as_json;
    const char *cwd;
    int64_t timeout_ms, limit;
    const char **env_vars, **tags;
};

static const struct option_spec common[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct options, as_json), NULL, "for programs"},
};

static const struct option_spec specs[] = {
    {"env", 0, OPTION_VARIABLE, offsetof(struct options, env_vars), "NAME=VALUE", "set it"},
    {"cwd", 0, OPTION_TEXT, offsetof(struct options, cwd), "DIR", "first line\nsecond line"},
    {"timeout", 0, OPTION_DURATION, offsetof(struct options, timeout_ms), "TIME", "end it"},
    {"follow", 'f', OPTION_FLAG, offsetof(struct options, follow), NULL, "go on"},
    {"tag", 0, OPTION_LIST, offsetof(struct options, tags), "TAG", "with it"},
    {"limit", 'n', OPTION_NUMBER, offsetof(struct options, limit), "COUNT", "so many"},
};

static struct option_rules rules_for(bool has_rest) {
    return (struct option_rules){
        .specs = specs,
        .spec_count = sizeof specs / sizeof specs[0],
        .common = common,
        .common_count = sizeof common / sizeof common[0],
        .operands_min = 1,
        .operands_max = 1,
        .operand_name = "FILE",
        .rest_name = has_rest ? "arguments for the script" : NULL,
    };
}

#define MAX_WORDS 16

/* A command line as words separated by spaces. */
struct line {
    char text[256], message[OPTIONS_MESSAGE_BYTES];
    char *words[MAX_WORDS + 1];
    struct options options;
};

static bool parse(struct line *line, bool has_rest, const char *text) {
    int count = 0;
    struct option_rules rules = rules_for(has_rest);
    *line = (struct line){0};
    strncpy(line->text, text, sizeof line->text - 1);
    for (char *word = strtok(line->text, " "); word; word = strtok(NULL, " "))
        line->words[count++] = word;
    return options_parse(&rules, count, line->words, &line->options.line, line->message);
}

static void done(struct line *line) {
    struct option_rules rules = rules_for(true);
    options_done(&rules, &line->options.line);
}

static void expect_refusal(const char *text, const char *message) {
    struct line line;
    assert_false(parse(&line, true, text));
    assert_string_equal(line.message, message);
    done(&line);
}

static void options_stand_before_and_behind_the_operand(void **state) {
    (void)state;
    struct line line;
    assert_true(parse(&line, true, "--env A=1 file -f --env=B=x=y --timeout 2m --cwd dir"));
    assert_string_equal(line.options.line.operands[0], "file");
    assert_int_equal(line.options.line.operand_count, 1);
    assert_string_equal(line.options.env_vars[0], "A=1");
    assert_string_equal(line.options.env_vars[1], "B=x=y");
    assert_null(line.options.env_vars[2]);
    assert_true(line.options.follow);
    assert_int_equal(line.options.timeout_ms, 120000);
    assert_string_equal(line.options.cwd, "dir");
    assert_null(line.options.line.rest[0]);
    done(&line);
}

static void lists_and_numbers_and_common_options(void **state) {
    (void)state;
    struct line line;
    assert_true(parse(&line, true, "--tag a file --json --tag=b -n 7"));
    assert_string_equal(line.options.tags[0], "a");
    assert_string_equal(line.options.tags[1], "b");
    assert_null(line.options.tags[2]);
    assert_null(line.options.env_vars);
    assert_true(line.options.as_json);
    assert_int_equal(line.options.limit, 7);
    done(&line);
    expect_refusal("file --limit -3", "--limit needs a number, not '-3'");
    expect_refusal("file --limit 3x", "--limit needs a number, not '3x'");
}

static void a_lone_dash_is_an_operand(void **state) {
    (void)state;
    struct line line;
    assert_true(parse(&line, true, "-"));
    assert_string_equal(line.options.line.operands[0], "-");
    done(&line);
}

static void what_follows_two_dashes_is_the_script_s(void **state) {
    (void)state;
    struct line line;
    assert_true(parse(&line, true, "file -- --env -x -- y"));
    static const char *const expected[] = {"--env", "-x", "--", "y"};
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(line.options.line.rest[i], expected[i]);
    assert_null(line.options.line.rest[4]);
    done(&line);
}

static void elsewhere_two_dashes_end_the_options(void **state) {
    (void)state;
    struct line line;
    assert_true(parse(&line, false, "-f -- --cwd"));
    assert_string_equal(line.options.line.operands[0], "--cwd");
    assert_true(line.options.follow);
    done(&line);
}

static void help_needs_nothing_else(void **state) {
    (void)state;
    struct line line;
    assert_true(parse(&line, true, "--help"));
    assert_true(line.options.line.wants_help);
    done(&line);
    assert_true(parse(&line, true, "a b c -h"));
    assert_true(line.options.line.wants_help);
    done(&line);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    expect_refusal("", "FILE is missing");
    expect_refusal("a b", "'b' is one operand too many; arguments for the script go behind --");
    expect_refusal("file --nothing", "there is no option '--nothing'");
    expect_refusal("file --en A=1", "there is no option '--en'");
    expect_refusal("file -x", "there is no option '-x'");
    expect_refusal("file -ff", "there is no option '-ff'");
    expect_refusal("file --follow=yes", "--follow takes no value");
    expect_refusal("file --cwd", "--cwd needs a value (DIR)");
    expect_refusal("file --env A", "--env needs NAME=VALUE, not 'A'");
    expect_refusal("file --env =1", "--env needs NAME=VALUE, not '=1'");
    expect_refusal("file --timeout 30",
                   "--timeout needs a duration such as 500ms, 30s, 2m or 1h, not '30'");
}

static void help_comes_from_the_same_table(void **state) {
    (void)state;
    struct option_rules rules = rules_for(true);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    options_print_help(&rules, out);
    fclose(out);
    assert_string_equal(text, "      --env NAME=VALUE  set it\n"
                              "      --cwd DIR         first line\n"
                              "                        second line\n"
                              "      --timeout TIME    end it\n"
                              "  -f, --follow          go on\n"
                              "      --tag TAG         with it\n"
                              "  -n, --limit COUNT     so many\n"
                              "      --json            for programs\n"
                              "  -h, --help            show this\n");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_before_and_behind_the_operand),
        cmocka_unit_test(lists_and_numbers_and_common_options),
        cmocka_unit_test(a_lone_dash_is_an_operand),
        cmocka_unit_test(what_follows_two_dashes_is_the_script_s),
        cmocka_unit_test(elsewhere_two_dashes_end_the_options),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(help_comes_from_the_same_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
