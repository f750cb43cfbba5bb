#include "session/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READER_FIRST_BYTES 4096
#define READER_GROW_MAX_BYTES (256 * 1024) /* beyond this only for a frame that needs it */

static void put_le(uint8_t *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(const uint8_t *in, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)in[i] << (8 * i);
    return value;
}

static size_t max_payload(unsigned kind) {
    switch (kind) {
    case FRAME_STARTED: return 0;
    case FRAME_LINE: return 1 + FRAME_LINE_MAX_BYTES;
    case FRAME_PROGRESS: return FRAME_LINE_MAX_BYTES;
    default: return FRAME_PAYLOAD_MAX_BYTES;
    }
}

static bool is_stream_byte(uint8_t byte) {
    byte &= (uint8_t)~FRAME_LINE_PARTIAL;
    return byte == FRAME_STREAM_STDOUT || byte == FRAME_STREAM_STDERR;
}

void frame_put_header(uint8_t out[FRAME_HEADER_BYTES], enum frame_kind kind, uint64_t timestamp_us,
                      size_t len) {
    put_le(out, len, 4);
    out[4] = (uint8_t)kind;
    put_le(out + 5, timestamp_us, 8);
}

ssize_t frame_get(const uint8_t *bytes, size_t len, struct frame *ret_frame, size_t *ret_missing) {
    if (len < FRAME_HEADER_BYTES) {
        if (ret_missing) *ret_missing = FRAME_HEADER_BYTES - len;
        return 0;
    }
    size_t payload = get_le(bytes, 4);
    unsigned kind = bytes[4];
    if (kind < FRAME_REQUEST || kind > FRAME_RESULT || payload > max_payload(kind)) return -EPROTO;
    if (kind == FRAME_LINE && payload == 0) return -EPROTO;
    if (len - FRAME_HEADER_BYTES < payload) {
        if (ret_missing) *ret_missing = payload - (len - FRAME_HEADER_BYTES);
        return 0;
    }
    if (kind == FRAME_LINE && !is_stream_byte(bytes[FRAME_HEADER_BYTES])) return -EPROTO;
    *ret_frame = (struct frame){
        .kind = (enum frame_kind)kind,
        .timestamp_us = get_le(bytes + 5, 8),
        .payload = bytes + FRAME_HEADER_BYTES,
        .len = payload,
    };
    return (ssize_t)(FRAME_HEADER_BYTES + payload);
}

void frame_reader_init(struct frame_reader *reader) {
    memset(reader, 0, sizeof *reader);
}

void frame_reader_done(struct frame_reader *reader) {
    free(reader->bytes);
    frame_reader_init(reader);
}

static int set_capacity(struct frame_reader *reader, size_t cap) {
    uint8_t *bytes = realloc(reader->bytes, cap);
    if (!bytes) return -ENOMEM;
    reader->bytes = bytes;
    reader->cap = cap;
    return 0;
}

/* Makes room behind `end`: for all of the frame at the front, and always for some bytes. */
static int make_room(struct frame_reader *reader) {
    size_t held = reader->end - reader->begin;
    if (reader->begin > 0) {
        memmove(reader->bytes, reader->bytes + reader->begin, held);
        reader->begin = 0;
        reader->end = held;
    }
    struct frame frame;
    size_t missing = 0;
    if (held > 0 && frame_get(reader->bytes, held, &frame, &missing) < 0) missing = 0;
    size_t needed = held + (missing > READER_FIRST_BYTES ? missing : READER_FIRST_BYTES);
    return needed > reader->cap ? set_capacity(reader, needed) : 0;
}

ssize_t frame_reader_fill(struct frame_reader *reader, int fd) {
    int failed = make_room(reader);
    if (failed) return failed;
    ssize_t got;
    do {
        got = read(fd, reader->bytes + reader->end, reader->cap - reader->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return -errno;
    reader->end += (size_t)got;
    /* A read that filled the buffer means that the writer is ahead of us. */
    if (reader->end == reader->cap && reader->cap < READER_GROW_MAX_BYTES)
        (void)set_capacity(reader, READER_GROW_MAX_BYTES); /* without memory: smaller reads */
    return got;
}

int frame_reader_next(struct frame_reader *reader, struct frame *ret_frame) {
    if (reader->begin == reader->end) return 0;
    ssize_t used =
        frame_get(reader->bytes + reader->begin, reader->end - reader->begin, ret_frame, NULL);
    if (used < 0) return (int)used;
    if (used == 0) return 0;
    reader->begin += (size_t)used;
    if (reader->begin == reader->end) reader->begin = reader->end = 0;
    return 1;
}
