/* The log of a session that has more lines than are kept: its head and its tail stay, and whoever
 * reads it, in whatever way, is told how many are missing in between. */
#include "support/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINES 40000 /* over a megabyte */
#define EVERY 10    /* of them to standard error */

static char id[RUNNER_ID_BYTES];

static int setup(void **state) {
    static const char *const options[] = {"--log-bytes", "262144", "--ring-lines", "100", NULL};
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    server_start(server, options);
    *state = server;
    char script[160];
    snprintf(script, sizeof script,
             "for i in 1..=%d { if i %% %d == 0 { debug(i) } else { print(`line number ${i}`) } }",
             LINES, EVERY);
    struct runner_session session;
    run_session(server, script, &session, NULL);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(session.lines, LINES);
    memcpy(id, session.id, sizeof id);
    runner_session_done(&session);
    return 0;
}

static void assert_is_line(const struct runner_line *line) {
    char expected[32];
    bool is_stderr = line->seq % EVERY == 0;
    snprintf(expected, sizeof expected, is_stderr ? "%llu" : "line number %llu",
             (unsigned long long)line->seq);
    assert_string_equal(line->text, expected);
    assert_int_equal(line->is_stderr, is_stderr);
}

/* What was read: how many lines, and where they are interrupted. */
struct reading {
    uint64_t lines, first, last;
    unsigned gaps;
    uint64_t gap_from, gap_until; /* the last line before it, the first behind */
};

static void take_gap(struct reading *reading, uint64_t from, uint64_t until) {
    reading->gaps++;
    reading->gap_from = from;
    reading->gap_until = until;
}

static struct reading read_forwards(struct test_server *server, struct runner_log_query query) {
    struct reading reading = {0};
    for (;;) {
        struct runner_log_page page;
        assert_int_equal(runner_session_logs(server->runner, id, &query, &page, NULL), 0);
        if (page.dropped) take_gap(&reading, query.after_seq, query.after_seq + page.dropped + 1);
        for (size_t i = 0; i < page.count; i++) {
            assert_is_line(&page.lines[i]);
            assert_true(page.lines[i].seq > reading.last);
            if (!reading.first) reading.first = page.lines[i].seq;
            reading.last = page.lines[i].seq;
        }
        reading.lines += page.count;
        bool is_end = page.next_seq == query.after_seq;
        query.after_seq = page.next_seq;
        runner_log_page_done(&page);
        if (is_end) return reading;
    }
}

static struct reading read_backwards(struct test_server *server, struct runner_log_query query) {
    struct reading reading = {.first = UINT64_MAX};
    while (query.before_seq > 1) {
        struct runner_log_page page;
        assert_int_equal(runner_session_logs(server->runner, id, &query, &page, NULL), 0);
        if (page.dropped) take_gap(&reading, query.before_seq - page.dropped - 1, query.before_seq);
        for (size_t i = page.count; i-- > 0;) {
            assert_is_line(&page.lines[i]);
            assert_true(page.lines[i].seq < reading.first);
            if (!reading.last) reading.last = page.lines[i].seq;
            reading.first = page.lines[i].seq;
        }
        reading.lines += page.count;
        assert_true(page.first_seq < query.before_seq);
        query.before_seq = page.first_seq;
        runner_log_page_done(&page);
    }
    return reading;
}

static void pages_forwards_have_head_one_gap_and_tail(void **state) {
    struct reading all = read_forwards(*state, (struct runner_log_query){.limit = 1000});
    assert_int_equal(all.first, 1);
    assert_int_equal(all.last, LINES);
    assert_int_equal(all.gaps, 1);
    assert_int_equal(all.lines + all.gap_until - all.gap_from - 1, LINES);
    assert_true(all.gap_from > 1000 && all.gap_until < LINES - 1000);
}

static void pages_backwards_have_the_same(void **state) {
    struct reading forwards = read_forwards(*state, (struct runner_log_query){.limit = 1000});
    struct reading all =
        read_backwards(*state, (struct runner_log_query){.before_seq = LINES + 1, .limit = 1000});
    assert_int_equal(all.first, 1);
    assert_int_equal(all.last, LINES);
    assert_int_equal(all.gaps, 1);
    assert_int_equal(all.lines, forwards.lines);
    assert_int_equal(all.gap_from, forwards.gap_from);
    assert_int_equal(all.gap_until, forwards.gap_until);
    /* From within the gap: what is missing up to there. */
    uint64_t middle = (all.gap_from + all.gap_until) / 2;
    struct reading head =
        read_backwards(*state, (struct runner_log_query){.before_seq = middle, .limit = 1000});
    assert_int_equal(head.lines, all.gap_from);
    assert_int_equal(head.gap_from, all.gap_from);
}

static void filters_leave_lines_out_and_not_the_gap(void **state) {
    const struct runner_log_query filters[] = {
        {.kind = "stderr", .limit = 100},
        {.contains = "number 3", .limit = 100},
    };
    struct reading all = read_forwards(*state, (struct runner_log_query){.limit = 1000});
    for (size_t i = 0; i < 2; i++) {
        struct runner_log_query query = filters[i];
        struct reading forwards = read_forwards(*state, query);
        query.before_seq = LINES + 1;
        struct reading backwards = read_backwards(*state, query);
        assert_true(forwards.lines > 500);
        assert_int_equal(forwards.lines, backwards.lines);
        assert_int_equal(forwards.first, backwards.first);
        assert_int_equal(forwards.last, backwards.last);
        assert_int_equal(forwards.gaps, 1);
        assert_int_equal(backwards.gaps, 1);
        assert_true(forwards.gap_until - forwards.gap_from >= all.gap_until - all.gap_from);
    }
}

static bool follow_line(void *ctx, const struct runner_line *line) {
    struct reading *reading = ctx;
    assert_is_line(line);
    assert_int_equal(line->seq, reading->last + 1);
    reading->last = line->seq;
    reading->lines++;
    return true;
}

static bool follow_gap(void *ctx, uint64_t dropped) {
    struct reading *reading = ctx;
    take_gap(reading, reading->last, reading->last + dropped + 1);
    reading->last += dropped;
    return true;
}

static void a_stream_that_comes_late_has_the_same(void **state) {
    struct test_server *server = *state;
    struct reading pages = read_forwards(server, (struct runner_log_query){.limit = 1000});
    struct reading stream = {0};
    struct runner_follow how = {.line = follow_line, .gap = follow_gap, .ctx = &stream};
    assert_int_equal(runner_session_follow(server->runner, id, &how, NULL, NULL), 0);
    assert_int_equal(stream.lines, pages.lines);
    assert_int_equal(stream.last, LINES);
    assert_int_equal(stream.gaps, 1);
    assert_int_equal(stream.gap_from, pages.gap_from);
    assert_int_equal(stream.gap_until, pages.gap_until);
    /* And one that was there up to the middle of what is missing. */
    uint64_t middle = (pages.gap_from + pages.gap_until) / 2;
    stream = (struct reading){.last = middle};
    how.after_seq = middle;
    assert_int_equal(runner_session_follow(server->runner, id, &how, NULL, NULL), 0);
    assert_int_equal(stream.gaps, 1);
    assert_int_equal(stream.last, LINES);
    assert_int_equal(stream.lines, LINES - pages.gap_until + 1);
}

static void a_live_stream_has_every_line_or_is_told(void **state) {
    struct test_server *server = *state;
    char live[RUNNER_ID_BYTES], script[200];
    snprintf(script, sizeof script,
             "sleep(0.3); for i in 1..=%d { if i %% %d == 0 { debug(i) } else "
             "{ print(`line number ${i}`) } if i %% 2000 == 0 { sleep(0.05) } }",
             LINES, EVERY);
    start_session(server, script, live);
    struct reading stream = {0};
    struct runner_follow how = {.line = follow_line, .gap = follow_gap, .ctx = &stream};
    assert_int_equal(runner_session_follow(server->runner, live, &how, NULL, NULL), 0);
    assert_int_equal(stream.last, LINES);
    assert_true(stream.lines > 2000);
}

static void it_is_the_same_after_a_restart(void **state) {
    struct test_server *server = *state;
    struct reading before = read_forwards(server, (struct runner_log_query){.limit = 1000});
    assert_int_equal(server_stop(server), 0);
    server_start(server, NULL);
    struct reading after = read_forwards(server, (struct runner_log_query){.limit = 1000});
    assert_int_equal(after.lines, before.lines);
    assert_int_equal(after.first, before.first);
    assert_int_equal(after.last, before.last);
    assert_int_equal(after.gaps, before.gaps);
    assert_int_equal(after.gap_from, before.gap_from);
    assert_int_equal(after.gap_until, before.gap_until);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_forwards_have_head_one_gap_and_tail),
        cmocka_unit_test(pages_backwards_have_the_same),
        cmocka_unit_test(filters_leave_lines_out_and_not_the_gap),
        cmocka_unit_test(a_stream_that_comes_late_has_the_same),
        cmocka_unit_test(a_live_stream_has_every_line_or_is_told),
        cmocka_unit_test(it_is_the_same_after_a_restart),
    };
    return cmocka_run_group_tests(tests, setup, teardown_server);
}
