/* A disk that takes nothing more: sessions go on, what could not be stored is counted, and written
 * when there is room again. The full disk is RLIMIT_FSIZE, which fails the writes of this process
 * only. */
#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

static void fill_disk(rlim_t bytes) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int setup(void **state) {
    signal(SIGXFSZ, SIG_IGN);
    return fixture_setup(state);
}

static int teardown(void **state) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    return fixture_teardown(state);
}

static bool is_well(const struct store_stats *stats) {
    return stats->deferred == 0 && stats->last_error == 0;
}

static void records_wait_and_are_written_when_there_is_room(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(insert(fixture, 1, NULL), 0);
    fill_disk(1);
    int64_t rows[3];
    for (unsigned n = 2; n <= 4; n++) {
        assert_int_equal(insert(fixture, n, &rows[n - 2]), STORE_DEFERRED);
        assert_true(rows[n - 2] > 0);
    }
    /* Also what happens to them meanwhile. */
    assert_int_equal(end_with(fixture, rows[0],
                              &(struct store_session){.status = "succeeded", .ended_us = 7}, "42",
                              make_lines(rows[0], 2, 1, 10)),
                     STORE_DEFERRED);
    assert_int_equal(append(fixture, make_lines(rows[1], 3, 1, 20)), STORE_DEFERRED);
    struct store_stats stats;
    store_get_stats(fixture->store, &stats);
    assert_int_equal(stats.deferred, 5);
    assert_true(stats.write_errors > 0);
    assert_int_not_equal(stats.last_error, 0);
    assert_int_equal(stats.lost_records, 0);

    fill_disk(RLIM_INFINITY);
    wait_for_stats(fixture, is_well);
    struct store_record *record = get(fixture, id_of(2));
    assert_string_equal(record->session.status, "succeeded");
    assert_string_equal(record->value.data, "42");
    store_record_free(record);
    static const size_t lines[] = {0, 10, 20, 0};
    for (unsigned n = 1; n <= 4; n++) {
        struct store_log_page *page = read_log(fixture, &(struct store_log_query){.id = id_of(n)});
        assert_non_null(page);
        assert_int_equal(page->count, lines[n - 1]);
        store_log_page_free(page);
    }
    assert_int_equal(insert(fixture, 5, NULL), 0);
}

static void lines_of_a_file_are_lost_and_counted_and_show_as_a_gap(void **state) {
    struct fixture *fixture = *state;
    int64_t row;
    insert(fixture, 1, &row);
    assert_int_equal(append(fixture, make_lines(row, 1, 1, 2000)), 0);
    /* Room for a part of the next block: what is written of it must not be in the way. */
    fill_disk(230 * 1024);
    assert_true(append(fixture, make_lines(row, 1, 2001, 2500)) < 0);
    assert_true(append(fixture, make_lines(row, 1, 2501, 3000)) < 0);
    fill_disk(RLIM_INFINITY);
    assert_int_equal(append(fixture, make_lines(row, 1, 3001, 3100)), 0);
    assert_int_equal(end_with(fixture, row,
                              &(struct store_session){.status = "succeeded", .ended_us = 7}, NULL,
                              make_lines(row, 1, 3101, 3200)),
                     0);
    struct store_log_page *page =
        read_log(fixture, &(struct store_log_query){.id = id_of(1), .after_seq = 2000});
    assert_int_equal(page->dropped, 1000);
    assert_int_equal(page->count, 200);
    assert_is_line(&page->lines[0], 3001);
    store_log_page_free(page);
    struct store_record *record = get(fixture, id_of(1));
    assert_int_equal(record->session.lost_lines, 1000);
    store_record_free(record);
    struct store_stats stats;
    store_get_stats(fixture->store, &stats);
    assert_int_equal(stats.lost_lines, 1000);
    assert_int_equal(stats.last_error, 0);
    assert_true(stats.lost_bytes > 1000 * STORE_LINE_HEADER_BYTES);
}

static void a_session_can_be_deleted_before_the_disk_knows_of_it_or_of_its_end(void **state) {
    struct fixture *fixture = *state;
    int64_t rows[3];
    insert(fixture, 0, &rows[0]);
    insert(fixture, 2, &rows[2]);
    assert_int_equal(append(fixture, make_lines(rows[0], 0, 1, 3000)), 0);
    fill_disk(1);
    insert(fixture, 1, &rows[1]);
    for (unsigned n = 0; n < 2; n++)
        assert_int_equal(end(fixture, rows[n], "succeeded"), STORE_DEFERRED);
    assert_int_equal(delete (fixture, id_of(2)), -EBUSY);
    assert_int_equal(delete (fixture, id_of(1)), 0); /* it is in memory only */
    assert_true(delete (fixture, id_of(0)) < 0);     /* no room for this either */
    fill_disk(RLIM_INFINITY);
    assert_int_equal(delete (fixture, id_of(0)), 0);
    assert_null(get(fixture, id_of(0)));
    assert_null(get(fixture, id_of(1)));
    wait_for_stats(fixture, is_well);
    struct store_stats stats;
    store_get_stats(fixture->store, &stats);
    assert_int_equal(stats.lost_records, 0);
    assert_int_equal(stats.sessions, 1);
}

static void what_can_be_kept_in_memory_is_bounded(void **state) {
    struct fixture *fixture = *state;
    static char script[1024 * 1024];
    memset(script, 'x', sizeof script);
    struct store_request request = {.script = {script, sizeof script}};
    fill_disk(1);
    for (unsigned n = 0; n < 40; n++)
        insert_as(fixture, pending_session(n), &request, NULL);
    struct store_stats stats;
    store_get_stats(fixture->store, &stats);
    assert_int_equal(stats.deferred + stats.lost_records, 40);
    assert_true(stats.deferred_bytes <= STORE_DEFERRED_MAX_BYTES);
    assert_true(stats.lost_records > 5);
    fill_disk(RLIM_INFINITY);
    wait_for_stats(fixture, is_well);
    store_get_stats(fixture->store, &stats);
    struct store_sessions *sessions = list(fixture, &(struct store_query){.limit = 100});
    assert_int_equal(sessions->count + stats.lost_records, 40);
    store_sessions_free(sessions);
}

#define CASE(TEST) cmocka_unit_test_setup_teardown(TEST, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(records_wait_and_are_written_when_there_is_room),
        CASE(lines_of_a_file_are_lost_and_counted_and_show_as_a_gap),
        CASE(a_session_can_be_deleted_before_the_disk_knows_of_it_or_of_its_end),
        CASE(what_can_be_kept_in_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
