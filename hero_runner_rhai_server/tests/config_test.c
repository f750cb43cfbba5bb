/* Settings: defaults, the environment, flags, and what is said about wrong ones. */
#include "server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum config_outcome read_with(struct config *config, struct rpc_error *err, char *flag,
                                     char *value) {
    char program[] = "server";
    char *argv[] = {program, flag, value, NULL};
    int argc = flag ? value ? 3 : 2 : 1;
    return config_read(argc, argv, config, err);
}

static int clear_environment(void **state) {
    (void)state;
    return clearenv();
}

static void defaults_are_those_of_the_documentation(void **state) {
    (void)state;
    struct config config;
    struct rpc_error err = {0};
    assert_int_equal(read_with(&config, &err, NULL, NULL), CONFIG_RUN);
    assert_int_equal(config.workers, 4);
    assert_int_equal(config.parked, 4);
    assert_int_equal(config.queue, 1000);
    assert_int_equal(config.ring_lines, 1024);
    assert_int_equal(config.ring_bytes, 1024 * 1024);
    assert_int_equal(config.stop_grace_ms, 5000);
}

static void as_many_are_parked_as_there_are_workers_unless_said_otherwise(void **state) {
    (void)state;
    struct config config;
    struct rpc_error err = {0};
    setenv("HERO_RUNNER_RHAI_WORKERS", "7", 1);
    assert_int_equal(read_with(&config, &err, NULL, NULL), CONFIG_RUN);
    assert_int_equal(config.workers, 7);
    assert_int_equal(config.parked, 7);
    setenv("HERO_RUNNER_RHAI_PARKED", "2", 1);
    assert_int_equal(read_with(&config, &err, NULL, NULL), CONFIG_RUN);
    assert_int_equal(config.parked, 2);
}

static void a_flag_wins_over_the_environment(void **state) {
    (void)state;
    struct config config;
    struct rpc_error err = {0};
    setenv("HERO_RUNNER_RHAI_RING_LINES", "10", 1);
    char flag[] = "--ring-lines", value[] = "20", both[] = "--ring-lines=30";
    assert_int_equal(read_with(&config, &err, flag, value), CONFIG_RUN);
    assert_int_equal(config.ring_lines, 20);
    assert_int_equal(read_with(&config, &err, both, NULL), CONFIG_RUN);
    assert_int_equal(config.ring_lines, 30);
}

static void a_bad_value_is_refused_with_its_name(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", "four", "4x", "0", "99999", "-1", "99999999999999999999999"};
    struct config config;
    for (size_t i = 1; i < sizeof bad / sizeof bad[0]; i++) {
        struct rpc_error err = {0};
        setenv("HERO_RUNNER_RHAI_WORKERS", bad[i], 1);
        assert_int_equal(read_with(&config, &err, NULL, NULL), CONFIG_BAD);
        assert_non_null(strstr(err.message, "HERO_RUNNER_RHAI_WORKERS"));
        assert_non_null(strstr(err.message, bad[i]));
    }
    /* An empty variable is as good as none. */
    struct rpc_error err = {0};
    setenv("HERO_RUNNER_RHAI_WORKERS", bad[0], 1);
    assert_int_equal(read_with(&config, &err, NULL, NULL), CONFIG_RUN);
}

static void a_list_with_something_else_than_names_is_refused(void **state) {
    (void)state;
    struct config config;
    struct rpc_error err = {0};
    setenv("HERO_RUNNER_RHAI_PASS_ENV", "AWS_REGION, LC_1,,b", 1);
    assert_int_equal(read_with(&config, &err, NULL, NULL), CONFIG_RUN);
    setenv("HERO_RUNNER_RHAI_PASS_ENV", "A,B=2", 1);
    assert_int_equal(read_with(&config, &err, NULL, NULL), CONFIG_BAD);
    assert_string_equal(err.message, "HERO_RUNNER_RHAI_PASS_ENV: \"B=2\" is not a name");
}

/* Of every setting, by either way; and --help has them all. */
static void each_number_is_checked_and_each_setting_is_in_the_help(void **state) {
    (void)state;
    struct config config;
    struct rpc_error err = {0};
    size_t index, len = 0;
    const json_t *setting;
    char *help = NULL;
    FILE *out = open_memstream(&help, &len);
    config_print_help(out);
    fclose(out);
    assert_int_equal(read_with(&config, &err, NULL, NULL), CONFIG_RUN);
    json_t *settings = config_settings(&config);
    json_array_foreach(settings, index, setting) {
        const char *variable = json_string_value(json_object_get(setting, "variable"));
        const char *flag = json_string_value(json_object_get(setting, "flag"));
        assert_non_null(strstr(help, variable));
        assert_non_null(strstr(help, flag));
        assert_null(strchr(json_string_value(json_object_get(setting, "meaning")), '\n'));
        if (!json_is_integer(json_object_get(setting, "value"))) continue;
        char bad[] = "1.5", given[64];
        snprintf(given, sizeof given, "%s", flag);
        assert_int_equal(read_with(&config, &err, given, bad), CONFIG_BAD);
        assert_memory_equal(err.message, flag, strlen(flag));
        setenv(variable, "-2", 1);
        assert_int_equal(read_with(&config, &err, NULL, NULL), CONFIG_BAD);
        assert_memory_equal(err.message, variable, strlen(variable));
        unsetenv(variable);
    }
    json_decref(settings);
    free(help);
}

static void an_unknown_option_is_refused_with_its_name(void **state) {
    (void)state;
    struct config config;
    struct rpc_error err = {0};
    char flag[] = "--worker", word[] = "workers", alone[] = "--workers";
    assert_int_equal(read_with(&config, &err, flag, NULL), CONFIG_BAD);
    assert_string_equal(err.message, "--worker: no such option, see --help");
    assert_int_equal(read_with(&config, &err, word, NULL), CONFIG_BAD);
    assert_int_equal(read_with(&config, &err, alone, NULL), CONFIG_BAD);
    assert_string_equal(err.message, "--workers: needs a value");
}

static void a_default_is_never_above_its_ceiling(void **state) {
    (void)state;
    struct config config;
    struct rpc_error err = {0};
    setenv("HERO_RUNNER_RHAI_MAX_MEMORY_BYTES", "1000", 1);
    setenv("HERO_RUNNER_RHAI_MAX_TIMEOUT_MS", "60000", 1);
    assert_int_equal(read_with(&config, &err, NULL, NULL), CONFIG_RUN);
    assert_int_equal(config.limits.value[LIMIT_MEMORY_BYTES], 1000);
    assert_int_equal(config.timeout_ms, 60000);
}

static void each_setting_tells_its_value_and_where_it_comes_from(void **state) {
    (void)state;
    struct config config;
    struct rpc_error err = {0};
    char flag[] = "--queue=5";
    setenv("HERO_RUNNER_RHAI_WORKERS", "7", 1);
    assert_int_equal(read_with(&config, &err, flag, NULL), CONFIG_RUN);
    json_t *settings = config_settings(&config);
    size_t index;
    const json_t *setting;
    json_array_foreach(settings, index, setting) {
        const char *name = json_string_value(json_object_get(setting, "name"));
        const char *source = json_string_value(json_object_get(setting, "source"));
        if (strcmp(name, "workers") == 0) assert_string_equal(source, "environment");
        if (strcmp(name, "queue") == 0) assert_string_equal(source, "flag");
        if (strcmp(name, "cpu-ms") == 0) assert_string_equal(source, "default");
    }
    json_decref(settings);
}

static void an_unknown_level_of_the_log_is_refused_with_its_name(void **state) {
    (void)state;
    struct config config;
    struct rpc_error err = {0};
    setenv("HERO_RUNNER_RHAI_LOG_LEVEL", "loud", 1);
    assert_int_equal(read_with(&config, &err, NULL, NULL), CONFIG_BAD);
    assert_string_equal(err.message,
                        "HERO_RUNNER_RHAI_LOG_LEVEL: \"loud\" is not error, warn, info "
                        "or debug");
}

struct unknown {
    int count;
    char text[400];
};

static void note_unknown(void *ctx, const char *variable, const char *nearest) {
    struct unknown *unknown = ctx;
    size_t len = strlen(unknown->text);
    unknown->count++;
    snprintf(unknown->text + len, sizeof unknown->text - len, "%s?%s ", variable + 17,
             nearest ? nearest + 17 : "");
}

static void unknown_variables_are_found_with_what_may_be_meant(void **state) {
    (void)state;
    static const char *const environment[] = {
        "HOME=/root",
        "HERO_RUNNER_RHAI_WORKERS=2",
        "HERO_RUNNER_RHAI_WORKER=2",
        "HERO_RUNNER_RHAI_TIME_OUT_MS=5",
        "HERO_RUNNER_RHAI_MAX_MEMORY=5",
        "HERO_RUNNER_RHAI_queue=5",
        "HERO_RUNNER_RHAI_COLOUR=blue",
        "HERO_RUNNER_RHAI_PARKEDD=", /* empty: as if it were not there */
        "HERO_RUNNER_RHAI_UI_LISTEN=9977",
        "HERO_RUNNER_RHAI_INSTANCE=x",
        "HERO_RUNNER_RHAI_SESSION=x",
        "HERO_RUNNER_RHAI_=x",
        NULL,
    };
    struct unknown unknown = {0};
    config_find_unknown((char **)(uintptr_t)environment, note_unknown, &unknown);
    assert_string_equal(unknown.text, "WORKER?WORKERS TIME_OUT_MS?TIMEOUT_MS "
                                      "MAX_MEMORY?MAX_MEMORY_BYTES queue?QUEUE COLOUR? ? ");
    assert_int_equal(unknown.count, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_are_those_of_the_documentation, clear_environment),
        cmocka_unit_test_setup(as_many_are_parked_as_there_are_workers_unless_said_otherwise,
                               clear_environment),
        cmocka_unit_test_setup(a_flag_wins_over_the_environment, clear_environment),
        cmocka_unit_test_setup(a_list_with_something_else_than_names_is_refused, clear_environment),
        cmocka_unit_test_setup(each_number_is_checked_and_each_setting_is_in_the_help,
                               clear_environment),
        cmocka_unit_test_setup(a_bad_value_is_refused_with_its_name, clear_environment),
        cmocka_unit_test_setup(an_unknown_option_is_refused_with_its_name, clear_environment),
        cmocka_unit_test_setup(unknown_variables_are_found_with_what_may_be_meant,
                               clear_environment),
        cmocka_unit_test_setup(a_default_is_never_above_its_ceiling, clear_environment),
        cmocka_unit_test_setup(each_setting_tells_its_value_and_where_it_comes_from,
                               clear_environment),
        cmocka_unit_test_setup(an_unknown_level_of_the_log_is_refused_with_its_name,
                               clear_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
