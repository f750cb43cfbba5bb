#include "session/ring.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 256
#define FIRST_LINES 8

/* In front of each text, unaligned. */
struct record {
    uint64_t timestamp_us;
    uint32_t len;
    uint8_t stream;
} __attribute__((packed));

void ring_init(struct ring *ring, const struct ring_limits *limits) {
    memset(ring, 0, sizeof *ring);
    ring->limits = limits;
    ring->first_seq = ring->next_seq = 1;
}

void ring_done(struct ring *ring) {
    free(ring->bytes);
    free(ring->offsets);
    ring_init(ring, ring->limits);
}

static uint32_t *offset_slot(const struct ring *ring, uint64_t seq) {
    return &ring->offsets[seq & (ring->offsets_cap - 1)];
}

static struct record record_of(const struct ring *ring, uint64_t seq) {
    struct record record;
    memcpy(&record, ring->bytes + *offset_slot(ring, seq), sizeof record);
    return record;
}

static size_t held_lines(const struct ring *ring) {
    return (size_t)(ring->next_seq - ring->first_seq);
}

static bool grow_offsets(struct ring *ring) {
    size_t cap = ring->offsets_cap ? ring->offsets_cap * 2 : FIRST_LINES;
    uint32_t *offsets = calloc(cap, sizeof *offsets);
    if (!offsets) return false;
    for (uint64_t seq = ring->first_seq; seq < ring->next_seq; seq++)
        offsets[seq & (cap - 1)] = *offset_slot(ring, seq);
    free(ring->offsets);
    ring->offsets = offsets;
    ring->offsets_cap = cap;
    return true;
}

/* Moves all lines to the front of a larger circle. */
static bool grow_bytes(struct ring *ring, size_t need) {
    size_t cap = ring->cap ? ring->cap * 2 : FIRST_BYTES;
    while (cap < need)
        cap *= 2;
    if (cap > ring->limits->max_bytes) cap = ring->limits->max_bytes;
    if (cap <= ring->cap || cap < need) return false;
    uint8_t *bytes = malloc(cap);
    if (!bytes) return false;
    size_t tail = 0;
    for (uint64_t seq = ring->first_seq; seq < ring->next_seq; seq++) {
        uint32_t *offset = offset_slot(ring, seq);
        size_t size = sizeof(struct record) + record_of(ring, seq).len;
        memcpy(bytes + tail, ring->bytes + *offset, size);
        *offset = (uint32_t)tail;
        tail += size;
    }
    free(ring->bytes);
    ring->bytes = bytes;
    ring->cap = cap;
    ring->tail = tail;
    return true;
}

/* Finds `need` bytes in one piece at or behind the tail. Lines lie in [head, tail), or, when the
 * tail has come round (tail <= head), in [head, cap) and [0, tail). */
static bool find_place(struct ring *ring, size_t need) {
    if (held_lines(ring) == 0) ring->tail = 0;
    size_t head = held_lines(ring) ? *offset_slot(ring, ring->first_seq) : 0;
    if (held_lines(ring) && ring->tail <= head) return head - ring->tail >= need;
    if (ring->cap - ring->tail >= need) return true;
    if (head < need) return false;
    ring->tail = 0;
    return true;
}

uint64_t ring_push(struct ring *ring, uint64_t timestamp_us, uint8_t stream, const char *text,
                   size_t len) {
    size_t need = sizeof(struct record) + len;
    uint64_t seq = ring->next_seq;
    if (held_lines(ring) >= ring->limits->max_lines) ring->first_seq++;
    if (held_lines(ring) == ring->offsets_cap && !grow_offsets(ring)) {
        if (held_lines(ring) == 0) goto dropped;
        ring->first_seq++;
    }
    while (!find_place(ring, need)) {
        if (grow_bytes(ring, need)) continue;
        if (held_lines(ring) == 0) goto dropped;
        ring->first_seq++;
    }
    struct record record = {.timestamp_us = timestamp_us, .len = (uint32_t)len, .stream = stream};
    memcpy(ring->bytes + ring->tail, &record, sizeof record);
    memcpy(ring->bytes + ring->tail + sizeof record, text, len);
    *offset_slot(ring, seq) = (uint32_t)ring->tail;
    ring->tail += need;
    ring->next_seq++;
    return seq;
dropped:
    ring->next_seq++;
    ring->first_seq = ring->next_seq;
    return seq;
}

bool ring_get(const struct ring *ring, uint64_t seq, struct ring_line *ret_line) {
    if (seq < ring->first_seq || seq >= ring->next_seq) return false;
    struct record record = record_of(ring, seq);
    *ret_line = (struct ring_line){
        .seq = seq,
        .timestamp_us = record.timestamp_us,
        .stream = record.stream,
        .text = (const char *)ring->bytes + *offset_slot(ring, seq) + sizeof record,
        .len = record.len,
    };
    return true;
}

uint64_t ring_find_time(const struct ring *ring, uint64_t timestamp_us) {
    /* Lines of several pipes may be a little out of order, so this is a search, not a bisection. */
    for (uint64_t seq = ring->first_seq; seq < ring->next_seq; seq++)
        if (record_of(ring, seq).timestamp_us >= timestamp_us) return seq;
    return ring->next_seq;
}

size_t ring_memory(const struct ring *ring) {
    return ring->cap + ring->offsets_cap * sizeof *ring->offsets;
}
