/* The ring of newest lines, checked against a plain list of all lines. */
#include "session/ring.h"

#include "session/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct ring_limits standard = {RING_DEFAULT_LINES, RING_DEFAULT_BYTES};

/* What line number `seq` looks like in these tests: its length and every byte follow from it. */
static size_t text_of(uint64_t seq, size_t max_len, char *out) {
    size_t len = (size_t)(seq * 2654435761u) % (max_len + 1);
    memset(out, 'a' + (int)(seq % 26), len);
    return len;
}

/* All lines held are the newest ones, in order, and are what they were. */
static void assert_sane_ring(const struct ring *ring, size_t max_len) {
    static char expected[FRAME_LINE_MAX_BYTES];
    struct ring_line line;
    assert_false(ring_get(ring, ring->first_seq - 1, &line));
    assert_false(ring_get(ring, ring->next_seq, &line));
    for (uint64_t seq = ring->first_seq; seq < ring->next_seq; seq++) {
        assert_true(ring_get(ring, seq, &line));
        size_t len = text_of(seq, max_len, expected);
        assert_int_equal(line.seq, seq);
        assert_int_equal(line.timestamp_us, seq * 10);
        assert_int_equal(line.len, len);
        assert_memory_equal(line.text, expected, len);
    }
    assert_true(ring->next_seq - ring->first_seq <= ring->limits->max_lines);
    assert_true(ring->cap <= ring->limits->max_bytes);
}

static void push_lines(struct ring *ring, unsigned count, size_t max_len) {
    static char text[FRAME_LINE_MAX_BYTES];
    for (unsigned i = 0; i < count; i++) {
        uint64_t seq = ring->next_seq;
        size_t len = text_of(seq, max_len, text);
        assert_int_equal(ring_push(ring, seq * 10, FRAME_STREAM_STDOUT, text, len), seq);
    }
}

static void an_empty_ring_has_no_lines_and_no_memory(void **state) {
    (void)state;
    struct ring ring;
    ring_init(&ring, &standard);
    assert_int_equal(ring_last_seq(&ring), 0);
    assert_int_equal(ring_dropped(&ring), 0);
    assert_int_equal(ring_memory(&ring), 0);
    ring_done(&ring);
}

static void short_lines_are_bounded_by_their_number(void **state) {
    (void)state;
    struct ring ring;
    ring_init(&ring, &standard);
    push_lines(&ring, 1024, 40);
    assert_int_equal(ring_dropped(&ring), 0);
    push_lines(&ring, 1, 40);
    assert_int_equal(ring_dropped(&ring), 1);
    push_lines(&ring, 5000, 40);
    assert_int_equal(ring_dropped(&ring), 5001);
    assert_sane_ring(&ring, 40);
    ring_done(&ring);
}

static void long_lines_are_bounded_by_their_bytes(void **state) {
    (void)state;
    struct ring ring;
    ring_init(&ring, &standard);
    push_lines(&ring, 500, FRAME_LINE_MAX_BYTES);
    assert_true(ring_dropped(&ring) > 0);
    assert_true(ring_memory(&ring) <= RING_DEFAULT_BYTES + 64 * 1024);
    assert_sane_ring(&ring, FRAME_LINE_MAX_BYTES);
    ring_done(&ring);
}

static void the_ring_stays_sane_after_each_of_many_pushes(void **state) {
    (void)state;
    static const struct ring_limits small = {50, 3000};
    const size_t max_lens[] = {0, 1, 20, 60, 500, 2900};
    for (size_t i = 0; i < sizeof max_lens / sizeof max_lens[0]; i++) {
        struct ring ring;
        ring_init(&ring, &small);
        for (int n = 0; n < 400; n++) {
            push_lines(&ring, 1, max_lens[i]);
            assert_sane_ring(&ring, max_lens[i]);
        }
        ring_done(&ring);
    }
}

static void a_limit_of_one_line_keeps_the_newest(void **state) {
    (void)state;
    static const struct ring_limits one = {1, RING_MIN_BYTES};
    struct ring ring;
    ring_init(&ring, &one);
    push_lines(&ring, 10, 100);
    assert_int_equal(ring_dropped(&ring), 9);
    assert_sane_ring(&ring, 100);
    ring_done(&ring);
}

static void lines_are_found_by_time(void **state) {
    (void)state;
    struct ring ring;
    ring_init(&ring, &standard);
    push_lines(&ring, 2000, 10); /* line n was printed at 10 n */
    assert_int_equal(ring_find_time(&ring, 0), ring.first_seq);
    assert_int_equal(ring_find_time(&ring, 15000), 1500);
    assert_int_equal(ring_find_time(&ring, 15001), 1501);
    assert_int_equal(ring_find_time(&ring, 20001), ring.next_seq);
    ring_done(&ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_ring_has_no_lines_and_no_memory),
        cmocka_unit_test(short_lines_are_bounded_by_their_number),
        cmocka_unit_test(long_lines_are_bounded_by_their_bytes),
        cmocka_unit_test(the_ring_stays_sane_after_each_of_many_pushes),
        cmocka_unit_test(a_limit_of_one_line_keeps_the_newest),
        cmocka_unit_test(lines_are_found_by_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
