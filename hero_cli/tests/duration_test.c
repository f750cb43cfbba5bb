/* Durations as people write and read them. */
#include "hero_cli/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void each_unit_is_understood(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"500ms", 500},    {"30s", 30000},         {"2m", 120000},     {"1h", 3600000},
        {"1.5s", 1500},    {"0.25h", 900000},      {"1h30m", 5400000}, {"1m30.5s", 90500},
        {"2s500ms", 2500}, {"0.001s", 1},          {"90m", 5400000},   {"10000h", DURATION_MAX_MS},
        {"0h1s", 1000},    {"1h2m3s4ms", 3723004},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = -1;
        if (!duration_parse(cases[i].text, &ms)) fail_msg("%s is refused", cases[i].text);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void anything_else_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "30",
        "s",
        "30 s",
        "-1s",
        "+1s",
        "1d",
        "1S",
        "1.s",
        ".5s",
        "1e3s",
        "5s1m",
        "1s1s",
        "0s",
        "0ms",
        "1.2345s",
        "1.5ms",
        "s30",
        "30s ",
        "1sm",
        "1mss",
        "10001h",
        "99999999999999999999h",
        "10000h1ms",
        "0x10s",
        "inf",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = -1;
        if (duration_parse(cases[i], &ms)) fail_msg("'%s' is accepted", cases[i]);
        assert_int_equal(ms, -1);
    }
}

static void tables_show_them_short(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0ms"},          {999, "999ms"},      {1000, "1.0s"},     {59999, "59.9s"},
        {60000, "1m00s"},    {3599999, "59m59s"}, {3600000, "1h00m"}, {86399999, "23h59m"},
        {86400000, "1d00h"}, {-5, "0ms"},
    };
    char text[DURATION_TEXT_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(duration_format(cases[i].ms, text), cases[i].text);
    assert_true(strlen(duration_format(INT64_MAX, text)) < DURATION_TEXT_BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_unit_is_understood),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(tables_show_them_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
