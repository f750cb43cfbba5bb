#include "unit.h"

#include "server/cron.h"

static time_t at(const char *text) {
    struct tm time = {.tm_isdst = -1};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &time));
    return mktime(&time);
}

static void the_next_time_is_the_first_that_fits(void **state) {
    (void)state;
    static const struct {
        const char *cron, *after, *next;
    } cases[] = {
        {"* * * * *", "2026-01-31 23:59", "2026-02-01 00:00"},
        {"*/15 * * * *", "2026-01-01 10:15", "2026-01-01 10:30"},
        {"30 4 * * *", "2026-01-01 04:30", "2026-01-02 04:30"},
        {"0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"},
        {"0 12 * * mon-fri", "2026-01-02 12:00", "2026-01-05 12:00"},
        {"0 12 * * 7", "2026-01-01 00:00", "2026-01-04 12:00"},
        {"0 0 13 * fri", "2026-01-03 00:00", "2026-01-09 00:00"},
        {"5/20 * * * *", "2026-01-01 00:06", "2026-01-01 00:25"},
        {"5-5/20 * * * *", "2026-01-01 00:06", "2026-01-01 01:05"},
        {"0 0 3 apr */23", "2023-11-14 00:00", "2033-04-03 00:00"},
        {"0 0 29 2 */7", "2088-03-01 00:00", "2128-02-29 00:00"},
        {"0 9-17/4 * jan,jul *", "2026-01-31 17:00", "2026-07-01 09:00"},
        {"@weekly", "2026-01-01 00:00", "2026-01-04 00:00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rpc_error err = {0};
        struct cron cron;
        if (cron_parse(cases[i].cron, &cron, &err) < 0) fail_msg("%s", err.message);
        if (cron_next(&cron, at(cases[i].after)) != at(cases[i].next))
            fail_msg("%s after %s is not %s", cases[i].cron, cases[i].after, cases[i].next);
    }
}

static void what_cannot_be_is_refused_and_named(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "five fields"},
        {"* * * *", "not 4"},
        {"* * * * * *", "not 6"},
        {"60 * * * *", "minute"},
        {"* 24 * * *", "hour"},
        {"* * 0 * *", "day of month"},
        {"* * * 13 *", "month"},
        {"* * * * 8", "weekday"},
        {"5-1 * * * *", "range"},
        {"*/0 * * * *", "step"},
        {"1,,2 * * * *", "value"},
        {"x * * * *", "value"},
        {"0 0 30 feb *", "no such date"},
        {"1x * * * *", "cannot be read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rpc_error err = {0};
        struct cron cron;
        assert_int_equal(cron_parse(cases[i][0], &cron, &err), -1);
        bool is_named = strstr(err.message, cases[i][1]) ||
                        (!strcmp(cases[i][1], "weekday") && strstr(err.message, "day of week"));
        if (!is_named) fail_msg("%s: %s", cases[i][0], err.message);
    }
}

static void
a_time_that_comes_twice_counts_once_and_one_that_is_skipped_does_not_come(void **state) {
    (void)state;
    struct cron cron;
    setenv("TZ", "Europe/Brussels", 1);
    tzset();
    assert_int_equal(cron_parse("30 2 * * *", &cron, NULL), 0);
    /* 2026-10-25 03:00 summer time is 02:00 again. */
    time_t first = cron_next(&cron, at("2026-10-25 01:00"));
    assert_true(cron_next(&cron, first) > first + 20 * 3600);
    /* 2026-03-29 02:00 is 03:00. */
    time_t next = cron_next(&cron, at("2026-03-29 01:00"));
    struct tm time;
    localtime_r(&next, &time);
    assert_int_equal(time.tm_hour, 2);
    assert_int_equal(time.tm_mday, 30);
    unsetenv("TZ");
    tzset();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_time_is_the_first_that_fits),
        cmocka_unit_test(what_cannot_be_is_refused_and_named),
        cmocka_unit_test(a_time_that_comes_twice_counts_once_and_one_that_is_skipped_does_not_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
