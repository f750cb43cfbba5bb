/*
 * The newest lines of a session, in memory.
 *
 * Lines are numbered from 1 in the order they came. The ring holds the last of them, within its
 * limits (bytes count the text and 13 more for each line); older ones are dropped and
 * counted. It starts small, because most sessions print a line or two.
 *
 * Readers are cursors: they ask for a line by its number and keep nothing here.
 */
#ifndef RUNNER_SESSION_RING_H
#define RUNNER_SESSION_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring_limits {
    size_t max_lines; /* at least 1 */
    size_t max_bytes; /* room for the longest line at least: RING_MIN_BYTES */
};

#define RING_DEFAULT_LINES 1024
#define RING_DEFAULT_BYTES (1024 * 1024)
#define RING_MIN_BYTES (128 * 1024)

struct ring_line {
    uint64_t seq;
    uint64_t timestamp_us;
    uint8_t stream;   /* the stream byte of the frame (frames.h) */
    const char *text; /* borrowed; valid until the next ring_push */
    size_t len;
};

/* Lines lie in `bytes`, a circle, each in one piece behind its record header; `offsets` is a circle
 * of their places, a power of two in size and indexed by seq. Both double until they have reached
 * the limits. The fields are the ring's own. */
struct ring {
    const struct ring_limits *limits;
    uint64_t first_seq; /* oldest line held; next_seq when empty */
    uint64_t next_seq;
    uint8_t *bytes;
    size_t cap, tail; /* tail: where the next line goes */
    uint32_t *offsets;
    size_t offsets_cap;
};

void ring_init(struct ring *ring, const struct ring_limits *limits);
void ring_done(struct ring *ring);

/* Appends a line and returns its number. Without memory for a larger ring the oldest lines go; if
 * there is none at all the line itself counts as dropped. */
uint64_t ring_push(struct ring *ring, uint64_t timestamp_us, uint8_t stream, const char *text,
                   size_t len);

static inline uint64_t ring_last_seq(const struct ring *ring) {
    return ring->next_seq - 1;
}
/* How many lines are no longer here. */
static inline uint64_t ring_dropped(const struct ring *ring) {
    return ring->first_seq - 1;
}

/* The line with that number; false when it is not here. */
bool ring_get(const struct ring *ring, uint64_t seq, struct ring_line *ret_line);
/* The number of the first line at or after a time, next_seq when there is none. */
uint64_t ring_find_time(const struct ring *ring, uint64_t timestamp_us);
/* Bytes of memory in use. */
size_t ring_memory(const struct ring *ring);

#endif
