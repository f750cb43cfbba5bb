/* The frame codec and its reader: what goes in comes out, and nothing else is accepted. */
#include "session/frames.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static size_t put(uint8_t *out, enum frame_kind kind, const void *payload, size_t len) {
    frame_put_header(out, kind, 1234567890123456, len);
    memcpy(out + FRAME_HEADER_BYTES, payload, len);
    return FRAME_HEADER_BYTES + len;
}

static void a_frame_survives_encoding_and_decoding(void **state) {
    (void)state;
    uint8_t bytes[64];
    size_t len = put(bytes, FRAME_LINE, "\x02hello", 6);
    struct frame frame;
    assert_int_equal(frame_get(bytes, len, &frame, NULL), len);
    assert_int_equal(frame.kind, FRAME_LINE);
    assert_true(frame.timestamp_us == 1234567890123456);
    assert_int_equal(frame.len, 6);
    assert_memory_equal(frame.payload, "\x02hello", 6);
}

static void the_header_is_little_endian_in_the_documented_order(void **state) {
    (void)state;
    uint8_t bytes[FRAME_HEADER_BYTES];
    frame_put_header(bytes, FRAME_RESULT, 0x0102030405060708, 0x00a1b2c3);
    const uint8_t expected[] = {0xc3, 0xb2, 0xa1, 0, 5, 8, 7, 6, 5, 4, 3, 2, 1};
    assert_memory_equal(bytes, expected, sizeof expected);
}

static void every_prefix_of_a_frame_is_incomplete(void **state) {
    (void)state;
    uint8_t bytes[64];
    size_t len = put(bytes, FRAME_REQUEST, "{\"script\":\"\"}", 13);
    struct frame frame;
    for (size_t cut = 0; cut < len; cut++) {
        size_t missing = 0;
        assert_int_equal(frame_get(bytes, cut, &frame, &missing), 0);
        assert_true(missing > 0 && missing <= len - cut);
    }
}

static void wrong_kinds_and_lengths_are_refused(void **state) {
    (void)state;
    uint8_t bytes[64];
    struct frame frame;
    put(bytes, FRAME_LINE, "\x01x", 2);
    bytes[4] = 0;
    assert_int_equal(frame_get(bytes, 15, &frame, NULL), -EPROTO);
    bytes[4] = FRAME_RESULT + 1;
    assert_int_equal(frame_get(bytes, 15, &frame, NULL), -EPROTO);

    frame_put_header(bytes, FRAME_LINE, 0, FRAME_LINE_MAX_BYTES + 2);
    assert_int_equal(frame_get(bytes, FRAME_HEADER_BYTES, &frame, NULL), -EPROTO);
    frame_put_header(bytes, FRAME_LINE, 0, 0);
    assert_int_equal(frame_get(bytes, FRAME_HEADER_BYTES, &frame, NULL), -EPROTO);
    frame_put_header(bytes, FRAME_STARTED, 0, 1);
    assert_int_equal(frame_get(bytes, FRAME_HEADER_BYTES, &frame, NULL), -EPROTO);
    frame_put_header(bytes, FRAME_RESULT, 0, FRAME_PAYLOAD_MAX_BYTES + 1);
    assert_int_equal(frame_get(bytes, FRAME_HEADER_BYTES, &frame, NULL), -EPROTO);
}

static void a_line_of_no_known_stream_is_refused(void **state) {
    (void)state;
    uint8_t bytes[64];
    struct frame frame;
    put(bytes, FRAME_LINE, "\x03x", 2);
    assert_int_equal(frame_get(bytes, 15, &frame, NULL), -EPROTO);
    put(bytes, FRAME_LINE, "\x82x", 2);
    assert_int_equal(frame_get(bytes, 15, &frame, NULL), 15);
}

/* Feeds `bytes` to a reader through a pipe, `step` bytes at a time. */
static void read_in_steps(const uint8_t *bytes, size_t len, size_t step, size_t expected_frames) {
    int pipe_fds[2];
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    struct frame_reader reader;
    frame_reader_init(&reader);
    size_t frames = 0;
    for (size_t at = 0; at < len; at += step) {
        size_t piece = len - at < step ? len - at : step;
        assert_int_equal(write(pipe_fds[1], bytes + at, piece), piece);
        for (size_t got = 0; got < piece;) {
            ssize_t n = frame_reader_fill(&reader, pipe_fds[0]);
            assert_true(n > 0);
            got += (size_t)n;
            struct frame frame;
            while (frame_reader_next(&reader, &frame) == 1) {
                assert_int_equal(frame.kind, FRAME_LINE);
                assert_int_equal(frame.payload[1], 'a' + frames % 26);
                frames++;
            }
        }
    }
    assert_int_equal(frames, expected_frames);
    close(pipe_fds[1]);
    assert_int_equal(frame_reader_fill(&reader, pipe_fds[0]), 0);
    close(pipe_fds[0]);
    frame_reader_done(&reader);
}

static void the_reader_finds_all_frames_however_the_bytes_arrive(void **state) {
    (void)state;
    static uint8_t bytes[200 * 400];
    static char payload[300];
    size_t len = 0, frames = 200;
    for (size_t i = 0; i < frames; i++) {
        memset(payload, 'a' + (int)(i % 26), sizeof payload);
        payload[0] = FRAME_STREAM_STDOUT;
        len += put(bytes + len, FRAME_LINE, payload, 2 + i);
    }
    const size_t steps[] = {1, 7, 100, 4096, 16384};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        read_in_steps(bytes, len, steps[i], frames);
}

static void the_reader_takes_a_frame_larger_than_its_buffer(void **state) {
    (void)state;
    size_t len = 3 * 1024 * 1024;
    uint8_t *bytes = malloc(FRAME_HEADER_BYTES + len);
    frame_put_header(bytes, FRAME_RESULT, 0, len);
    memset(bytes + FRAME_HEADER_BYTES, 'r', len);
    char path[] = "/tmp/frames_test_XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    assert_int_equal(write(fd, bytes, FRAME_HEADER_BYTES + len), FRAME_HEADER_BYTES + len);
    lseek(fd, 0, SEEK_SET);
    struct frame_reader reader;
    struct frame frame;
    frame_reader_init(&reader);
    int have = 0;
    while (have == 0) {
        assert_true(frame_reader_fill(&reader, fd) > 0);
        have = frame_reader_next(&reader, &frame);
    }
    assert_int_equal(have, 1);
    assert_int_equal(frame.len, len);
    assert_int_equal(frame.payload[len - 1], 'r');
    frame_reader_done(&reader);
    close(fd);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_survives_encoding_and_decoding),
        cmocka_unit_test(the_header_is_little_endian_in_the_documented_order),
        cmocka_unit_test(every_prefix_of_a_frame_is_incomplete),
        cmocka_unit_test(wrong_kinds_and_lengths_are_refused),
        cmocka_unit_test(a_line_of_no_known_stream_is_refused),
        cmocka_unit_test(the_reader_finds_all_frames_however_the_bytes_arrive),
        cmocka_unit_test(the_reader_takes_a_frame_larger_than_its_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
