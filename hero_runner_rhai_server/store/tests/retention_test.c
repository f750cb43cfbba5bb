/* What is kept of ended sessions: by age, number and bytes, the oldest going first. */
#include "fixture.h"

#include <hero_rpc/clock.h>

static void insert_and_end(struct fixture *fixture, unsigned n, int64_t ended_us, uint64_t lines) {
    int64_t row;
    assert_int_equal(insert(fixture, n, &row), 0);
    struct store_session over = {.status = "succeeded", .ended_us = ended_us};
    assert_int_equal(
        end_with(fixture, row, &over, NULL, lines ? make_lines(row, n, 1, lines) : NULL), 0);
}

static bool is_there(struct fixture *fixture, unsigned n) {
    struct store_record *record = get(fixture, id_of(n));
    store_record_free(record);
    return record != NULL;
}

static bool has_removed_190(const struct store_stats *stats) {
    return stats->removed == 190;
}

static void the_oldest_go_when_there_are_too_many(void **state) {
    struct fixture *fixture = *state;
    fixture->config.max_sessions = 10;
    fixture_reopen(fixture);
    for (unsigned n = 0; n < 200; n++)
        insert_and_end(fixture, n, 1000 + n, 2);
    wait_for_stats(fixture, has_removed_190);
    struct store_sessions *sessions = list(fixture, &(struct store_query){.limit = 100});
    assert_int_equal(sessions->count, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_string_equal(sessions->items[i].id, id_of(199 - i));
    store_sessions_free(sessions);
}

static bool has_removed_some(const struct store_stats *stats) {
    return stats->removed > 0 && stats->log_bytes <= 1024 * 1024;
}

static void the_oldest_go_when_logs_are_too_large(void **state) {
    struct fixture *fixture = *state;
    fixture->config.max_bytes = 1024 * 1024;
    fixture_reopen(fixture);
    for (unsigned n = 0; n < 10; n++)
        insert_and_end(fixture, n, 1000 + n, 2000); /* some 230 KiB each */
    wait_for_stats(fixture, has_removed_some);
    assert_false(is_there(fixture, 0));
    assert_true(is_there(fixture, 9));
    struct store_stats stats;
    store_get_stats(fixture->store, &stats);
    assert_int_equal(stats.sessions + stats.removed, 10);
    assert_true(stats.sessions >= 3);
}

static bool has_removed_two(const struct store_stats *stats) {
    return stats->removed == 2;
}

static void what_is_too_old_goes_but_nothing_that_has_not_ended(void **state) {
    struct fixture *fixture = *state;
    fixture->config.max_age_s = 3600;
    fixture_reopen(fixture);
    int64_t now = rpc_clock_wall_us();
    insert(fixture, 0, NULL);
    insert_and_end(fixture, 1, now - INT64_C(3700) * 1000000, 0);
    insert_and_end(fixture, 2, now - INT64_C(3700) * 1000000, 3000);
    insert_and_end(fixture, 3, now - INT64_C(3500) * 1000000, 0);
    wait_for_stats(fixture, has_removed_two);
    assert_true(is_there(fixture, 0));
    assert_false(is_there(fixture, 1));
    assert_false(is_there(fixture, 2));
    assert_true(is_there(fixture, 3));
}

static bool has_removed_all(const struct store_stats *stats) {
    return stats->removed == 400;
}
static bool has_shrunk(const struct store_stats *stats) {
    return stats->database_bytes < 4 * 1024 * 1024;
}

static void the_database_becomes_smaller_again(void **state) {
    struct fixture *fixture = *state;
    static char script[32 * 1024];
    memset(script, 'x', sizeof script);
    for (unsigned n = 0; n < 400; n++) {
        int64_t row;
        struct store_request request = {.script = {script, sizeof script}};
        insert_as(fixture, pending_session(n), &request, &row);
        end(fixture, row, "succeeded");
    }
    fixture_reopen(fixture);
    struct store_stats stats;
    store_get_stats(fixture->store, &stats);
    assert_true(stats.database_bytes > 12 * 1024 * 1024);
    fixture->config.max_age_s = 1;
    fixture_reopen(fixture);
    wait_for_stats(fixture, has_removed_all);
    fixture_reopen(fixture);
    wait_for_stats(fixture, has_shrunk);
}

#define CASE(TEST) cmocka_unit_test_setup_teardown(TEST, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(the_oldest_go_when_there_are_too_many),
        CASE(the_oldest_go_when_logs_are_too_large),
        CASE(what_is_too_old_goes_but_nothing_that_has_not_ended),
        CASE(the_database_becomes_smaller_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
