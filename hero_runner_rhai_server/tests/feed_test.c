/* Lines as events, shared by all who follow a session. Sessions here are not in a store, so what
 * has left the ring is kept nowhere. */
#include "server/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define END UINT64_MAX

static const struct ring_limits limits = {.max_lines = 8192, .max_bytes = 1 << 20};
static struct feeds feeds;

static void print(struct session *session, unsigned count, size_t len) {
    char *text = calloc(1, len + 1);
    memset(text, 'x', len);
    for (unsigned i = 0; i < count; i++)
        session_add_line(session, 1700000000000000u, FRAME_STREAM_STDOUT, text, len);
    free(text);
}

static int setup(void **state) {
    feeds_init(&feeds, NULL);
    *state = session_new(&limits);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    session_unref(*state);
    assert_int_equal(feeds.bytes, 0);
    return 0;
}

static void an_event_has_the_number_of_its_line_as_id(void **state) {
    struct session *session = *state;
    struct feed *feed = feed_open(&feeds, session);
    struct feed_piece piece;
    char expected[512];
    assert_int_equal(feed_next(feed, 0, END, &piece), FEED_WAIT);
    session_add_line(session, 1700000000123456u, FRAME_STREAM_STDERR, "a \"b\"\x1b", 6);
    int len = snprintf(expected, sizeof expected,
                       "id: 1\nevent: stderr\ndata: {\"session_id\":\"%s\",\"seq\":1,"
                       "\"timestamp_ms\":1700000000123,\"kind\":\"stderr\","
                       "\"line\":\"a \\\"b\\\"\\u001b\"}\n\n",
                       session->id);
    assert_int_equal(feed_next(feed, 0, END, &piece), FEED_LINES);
    assert_int_equal(piece.last_seq, 1);
    assert_int_equal(piece.len, len);
    assert_memory_equal(piece.block->bytes + piece.offset, expected, piece.len);
    assert_int_equal(feed_next(feed, 1, END, &piece), FEED_WAIT);
    feed_close(feed);
}

static void followers_are_given_the_same_memory_wherever_they_begin(void **state) {
    struct session *session = *state;
    struct feed *feed = feed_open(&feeds, session), *other = feed_open(&feeds, session);
    struct feed_piece whole, rest, part;
    print(session, 10, 20);
    assert_int_equal(feed_next(feed, 0, END, &whole), FEED_LINES);
    assert_int_equal(whole.last_seq, 10);
    assert_int_equal(feed_next(other, 4, END, &rest), FEED_LINES);
    assert_int_equal(feed_next(other, 4, 6, &part), FEED_LINES);
    assert_ptr_equal(whole.block, rest.block);
    assert_int_equal(rest.last_seq, 10);
    assert_int_equal(rest.offset + rest.len, whole.offset + whole.len);
    assert_memory_equal(rest.block->bytes + rest.offset, "id: 5\n", 6);
    assert_int_equal(part.last_seq, 6);
    assert_memory_equal(part.block->bytes + part.offset + part.len, "id: 7\n", 6);
    /* What comes later goes behind it, and what was given does not move. */
    print(session, 1, 20);
    assert_int_equal(feed_next(feed, 10, END, &part), FEED_LINES);
    assert_ptr_equal(part.block, whole.block);
    assert_int_equal(part.offset, whole.offset + whole.len);
    feed_close(feed);
    feed_close(other);
}

static void all_lines_come_once_and_in_order(void **state) {
    struct session *session = *state;
    struct feed *feed = feed_open(&feeds, session);
    struct feed_piece piece;
    print(session, 3000, 100);
    print(session, 1, 60000); /* larger than a block */
    print(session, 10, 0);
    uint64_t seen = 0;
    while (feed_next(feed, seen, END, &piece) == FEED_LINES) {
        char id[32];
        int len = snprintf(id, sizeof id, "id: %llu\n", (unsigned long long)seen + 1);
        assert_memory_equal(piece.block->bytes + piece.offset, id, (size_t)len);
        assert_true(piece.last_seq > seen);
        seen = piece.last_seq;
    }
    assert_int_equal(seen, 3011);
    feed_close(feed);
}

static void lines_that_are_kept_nowhere_are_a_gap(void **state) {
    struct session *session = *state;
    struct feed *feed = feed_open(&feeds, session);
    struct feed_piece piece;
    print(session, 10000, 10);
    assert_int_equal(feed_next(feed, 0, END, &piece), FEED_GAP);
    assert_int_equal(piece.last_seq, 10000 - limits.max_lines);
    assert_int_equal(feed_next(feed, piece.last_seq, END, &piece), FEED_LINES);
    feed_close(feed);
}

static void a_block_in_use_outlives_its_feed(void **state) {
    struct session *session = *state;
    struct feed *feed = feed_open(&feeds, session);
    struct feed_piece piece;
    print(session, 1, 20);
    assert_int_equal(feed_next(feed, 0, END, &piece), FEED_LINES);
    struct rpc_block *block = rpc_block_ref(piece.block);
    feed_close(feed);
    assert_int_equal(block->refs, 1);
    assert_memory_equal(block->bytes, "id: 1\n", 6);
    rpc_block_unref(block);
}

static void the_feeds_of_all_sessions_are_bounded_together(void **state) {
    (void)state;
    enum { SESSIONS = 20 };
    struct session *sessions[SESSIONS];
    struct feed *opened[SESSIONS];
    struct feed_piece piece;
    for (int i = 0; i < SESSIONS; i++) {
        sessions[i] = session_new(&limits);
        opened[i] = feed_open(&feeds, sessions[i]);
        print(sessions[i], 8000, 100);
        for (uint64_t seen = 0; seen < 8000; seen = piece.last_seq)
            assert_int_equal(feed_next(opened[i], seen, END, &piece), FEED_LINES);
        assert_true(feeds.bytes <= FEEDS_MAX_BYTES);
    }
    assert_true(feeds.bytes > FEEDS_MAX_BYTES / 2);
    /* What had to go is there again when somebody asks. */
    assert_int_equal(feed_next(opened[0], 0, END, &piece), FEED_LINES);
    assert_memory_equal(piece.block->bytes + piece.offset, "id: 1\n", 6);
    for (int i = 0; i < SESSIONS; i++) {
        feed_close(opened[i]);
        session_unref(sessions[i]);
    }
}

#define ON_SESSION(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SESSION(an_event_has_the_number_of_its_line_as_id),
        ON_SESSION(followers_are_given_the_same_memory_wherever_they_begin),
        ON_SESSION(all_lines_come_once_and_in_order),
        ON_SESSION(lines_that_are_kept_nowhere_are_a_gap),
        ON_SESSION(a_block_in_use_outlives_its_feed),
        ON_SESSION(the_feeds_of_all_sessions_are_bounded_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
