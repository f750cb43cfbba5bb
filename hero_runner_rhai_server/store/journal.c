#include "store/journal.h"

#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC 0x4a524e4cu /* "LNRJ" */
#define HEADER_BYTES 4096
#define MAP_BYTES (HEADER_BYTES + JOURNAL_BYTES)
#define ALIGNMENT 16 /* a record's own bytes, so that one fits wherever another ends */

enum record_state { RECORD_OPEN = 1, RECORD_RELEASED = 2 };

struct header {
    uint32_t magic, format;
    uint64_t first;
};

struct record {
    uint64_t position; /* written last: until then there is no record here */
    uint32_t bytes;    /* of the payload */
    _Atomic uint32_t state;
    char payload[];
};

static struct header *header_of(const struct journal *journal) {
    return (struct header *)(void *)journal->map;
}

static struct record *record_at(const struct journal *journal, uint64_t position) {
    return (struct record *)(void *)(journal->map + HEADER_BYTES + position % JOURNAL_BYTES);
}

static size_t record_size(size_t bytes) {
    return (sizeof(struct record) + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Bytes from there to the end of the ring; at least a record's own. */
static size_t room_before_end(uint64_t position) {
    return JOURNAL_BYTES - position % JOURNAL_BYTES;
}

static void set_first(struct journal *journal, uint64_t first) {
    journal->first = first;
    header_of(journal)->first = first;
}

/* ---- Opening ----------------------------------------------------------------------------- */

void journal_open(struct journal *journal, const char *path, uint32_t format) {
    memset(journal, 0, sizeof *journal);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return;
    /* All blocks are there before they are mapped: a full disk would be a SIGBUS later. */
    if (posix_fallocate(fd, 0, MAP_BYTES) == 0) {
        void *map = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
        if (map != MAP_FAILED) journal->map = map;
    }
    rpc_fd_close(&fd);
    if (!journal->map) return;
    struct header *header = header_of(journal);
    if (header->magic != MAGIC || header->format != format) {
        memset(journal->map, 0, MAP_BYTES);
        *header = (struct header){.magic = MAGIC, .format = format, .first = JOURNAL_BYTES};
    }
    journal->first = journal->next = header->first;
}

void journal_close(struct journal *journal) {
    if (journal->map) munmap(journal->map, MAP_BYTES);
    journal->map = NULL;
}

/* ---- Records ----------------------------------------------------------------------------- */

static struct record *begin_record(struct journal *journal, size_t bytes) {
    struct record *record = record_at(journal, journal->next);
    record->position = 0;
    record->bytes = (uint32_t)bytes;
    return record;
}

static uint64_t seal_record(struct journal *journal, struct record *record, uint32_t state) {
    uint64_t position = journal->next;
    atomic_store_explicit(&record->state, state, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    record->position = position;
    journal->next += record_size(record->bytes);
    return position;
}

static void drop_released(struct journal *journal) {
    uint64_t first = journal->first;
    while (first < journal->next) {
        const struct record *record = record_at(journal, first);
        if (atomic_load_explicit(&record->state, memory_order_acquire) != RECORD_RELEASED) break;
        first += record_size(record->bytes);
    }
    if (first != journal->first) set_first(journal, first);
}

/* An empty ring is begun at its beginning again, so that few pages are in use as a rule: writing to
 * one that has been written back may wait for the file system. */
static void rewind_if_empty(struct journal *journal) {
    uint64_t past_end = journal->next % JOURNAL_BYTES;
    if (journal->first != journal->next || !past_end) return;
    journal->next += JOURNAL_BYTES - past_end;
    set_first(journal, journal->next);
}

char *journal_begin(struct journal *journal, size_t bytes, bool is_urgent) {
    if (!journal->map || bytes > JOURNAL_RECORD_MAX_BYTES) return NULL;
    drop_released(journal);
    rewind_if_empty(journal);
    size_t size = record_size(bytes), left = room_before_end(journal->next);
    /* A record does not go round the end: one that says nothing fills what is left. */
    bool is_filled_up = size > left;
    uint64_t end = journal->first + JOURNAL_BYTES - (is_urgent ? 0 : JOURNAL_RESERVE_BYTES);
    if (journal->next + size + (is_filled_up ? left : 0) > end) return NULL;
    if (is_filled_up)
        seal_record(journal, begin_record(journal, left - sizeof(struct record)), RECORD_RELEASED);
    return begin_record(journal, bytes)->payload;
}

uint64_t journal_seal(struct journal *journal) {
    return seal_record(journal, record_at(journal, journal->next), RECORD_OPEN);
}

void journal_release(struct journal *journal, uint64_t position) {
    atomic_store_explicit(&record_at(journal, position)->state, RECORD_RELEASED,
                          memory_order_release);
}

bool journal_is_filling(const struct journal *journal) {
    return journal->next - journal->first > JOURNAL_BYTES / 4;
}

/* ---- After a crash ----------------------------------------------------------------------- */

/* Its size in the ring; 0 when there is none. */
static size_t check_record(const struct journal *journal, uint64_t position) {
    size_t left = room_before_end(position);
    const struct record *record = record_at(journal, position);
    if (left < sizeof *record || record->position != position) return 0;
    size_t size = record_size(record->bytes);
    return size <= left ? size : 0;
}

int journal_recover(const struct journal *journal,
                    int (*found)(void *ctx, const char *payload, size_t bytes), void *ctx) {
    if (!journal->map) return 0;
    uint64_t position = journal->first, end = journal->first + JOURNAL_BYTES;
    size_t size;
    if (position % ALIGNMENT) end = position; /* not ours */
    for (; position < end && (size = check_record(journal, position)) > 0; position += size) {
        const struct record *record = record_at(journal, position);
        if (record->state != RECORD_OPEN || record->bytes > JOURNAL_RECORD_MAX_BYTES) continue;
        int error = found(ctx, record->payload, record->bytes);
        if (error) return error;
    }
    return 0;
}

/* Beyond every position that has been used, so that no old record is taken for a new one. */
void journal_clear(struct journal *journal) {
    if (!journal->map) return;
    set_first(journal, (journal->first / JOURNAL_BYTES + 3) * JOURNAL_BYTES);
    journal->next = journal->first;
}
