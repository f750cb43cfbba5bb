#include "server/feed.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES (128 * 1024) /* of text, */
#define PAGE_LINES 2048         /* and lines, read at once: so that the events fit many times */
#define FIRST_BLOCK_BYTES (4 * 1024)
#define LEAST_EVENT_BYTES 128 /* of one line, and less than any has */

/* Lines first..last. A gap has no bytes; else offsets[i] is where line first + i begins. */
struct feed_block {
    TAILQ_ENTRY(feed_block) use_link; /* in feeds */
    TAILQ_ENTRY(feed_block) link;     /* in its feed, by number */
    struct feed *feed;
    uint64_t first, last;
    struct rpc_block *bytes;
    uint32_t offsets[];
};

TAILQ_HEAD(block_list, feed_block);

/* A page on its way from the store. */
struct reading {
    LIST_ENTRY(reading) link;
    struct feed *feed; /* NULL: nobody wants it any more */
    uint64_t after;
};

struct feed {
    struct feeds *feeds;
    struct session *session;
    unsigned followers;
    struct block_list blocks;
    struct feed_block *found; /* found last: the next question is often about the same one */
    size_t block_bytes;       /* of the next block: they double while lines come */
    LIST_HEAD(, reading) readings;
};

/* ---- Blocks ------------------------------------------------------------------------------- */

static size_t memory_of(const struct feed_block *block) {
    size_t cap = block->bytes ? block->bytes->cap : 0;
    return sizeof *block + cap + cap / LEAST_EVENT_BYTES * sizeof block->offsets[0];
}

static void drop_block(struct feed_block *block) {
    struct feed *feed = block->feed;
    if (feed->found == block) feed->found = NULL;
    TAILQ_REMOVE(&feed->blocks, block, link);
    TAILQ_REMOVE(&feed->feeds->blocks, block, use_link);
    feed->feeds->bytes -= memory_of(block);
    rpc_block_unref(block->bytes);
    free(block);
}

static void note_use(struct feed_block *block) {
    struct feeds *feeds = block->feed->feeds;
    TAILQ_REMOVE(&feeds->blocks, block, use_link);
    TAILQ_INSERT_TAIL(&feeds->blocks, block, use_link);
}

/* The last one that does not begin behind `seq`; NULL: none. */
static struct feed_block *block_before(struct feed *feed, uint64_t seq) {
    struct feed_block *block = feed->found;
    if (!block) block = TAILQ_LAST(&feed->blocks, block_list);
    while (block && block->first > seq)
        block = TAILQ_PREV(block, block_list, link);
    struct feed_block *next = block ? TAILQ_NEXT(block, link) : NULL;
    for (; next && next->first <= seq; next = TAILQ_NEXT(next, link))
        block = next;
    feed->found = block;
    return block;
}

static bool holds(const struct feed_block *block, uint64_t seq) {
    return block && block->first <= seq && seq <= block->last;
}

/* One for lines from `first` on, behind `before`, with room for `cap` bytes; 0: for a gap. */
static struct feed_block *add_block(struct feed *feed, struct feed_block *before, uint64_t first,
                                    size_t cap) {
    struct feeds *feeds = feed->feeds;
    struct feed_block *block =
        malloc(sizeof *block + cap / LEAST_EVENT_BYTES * sizeof block->offsets[0]);
    if (!block) return NULL;
    *block = (struct feed_block){.feed = feed, .first = first, .last = first - 1};
    if (cap > 0 && !(block->bytes = rpc_block_new(cap))) {
        free(block);
        return NULL;
    }
    if (before)
        TAILQ_INSERT_AFTER(&feed->blocks, before, block, link);
    else
        TAILQ_INSERT_HEAD(&feed->blocks, block, link);
    TAILQ_INSERT_TAIL(&feeds->blocks, block, use_link);
    feeds->bytes += memory_of(block);
    while (feeds->bytes > FEEDS_MAX_BYTES && TAILQ_FIRST(&feeds->blocks) != block)
        drop_block(TAILQ_FIRST(&feeds->blocks));
    return block;
}

/* ---- Filling ------------------------------------------------------------------------------ */

static void encode(const struct session *session, const struct ring_line *line,
                   struct rpc_strbuf *out) {
    bool is_stderr = (line->stream & ~FRAME_LINE_PARTIAL) == FRAME_STREAM_STDERR;
    rpc_strbuf_clear(out);
    rpc_strbuf_add(out, "id: ", 4);
    rpc_strbuf_add_int(out, (long long)line->seq);
    rpc_strbuf_add_text(out, is_stderr ? "\nevent: stderr\ndata: " : "\nevent: stdout\ndata: ");
    session_write_line(session, line, out);
    rpc_strbuf_add(out, "\n\n", 2);
}

static bool has_room(const struct feed_block *block, size_t len) {
    return block->bytes && block->bytes->cap - block->bytes->len >= len &&
           block->last - block->first + 1 < block->bytes->cap / LEAST_EVENT_BYTES;
}

/* Adds a line, if it is not there yet, to the block before it or to a new one. Returns the block
 * that holds it, NULL without memory. */
static struct feed_block *add_line(struct feed *feed, const struct ring_line *line) {
    static struct rpc_strbuf event; /* kept for its memory */
    struct feed_block *block = block_before(feed, line->seq);
    if (block) note_use(block);
    if (holds(block, line->seq)) return block;
    encode(feed->session, line, &event);
    if (event.failed) return NULL;
    if (!block || block->last + 1 != line->seq || !has_room(block, event.len)) {
        size_t cap = event.len > feed->block_bytes ? event.len : feed->block_bytes;
        block = add_block(feed, block, line->seq, cap);
        if (!block) return NULL;
        if (feed->block_bytes < FEED_BLOCK_BYTES) feed->block_bytes *= 2;
    }
    block->offsets[line->seq - block->first] = (uint32_t)block->bytes->len;
    memcpy(block->bytes->bytes + block->bytes->len, event.data, event.len);
    block->bytes->len += event.len;
    block->last = line->seq;
    return block;
}

/* From `seq` on, what the ring holds, a block full of it. NULL: it is not there, or no memory. */
static struct feed_block *take_from_ring(struct feed *feed, uint64_t seq) {
    struct ring_line line;
    struct feed_block *first = NULL;
    for (; ring_get(&feed->session->ring, seq, &line); seq++) {
        struct feed_block *block = add_line(feed, &line);
        if (!first) first = block;
        if (!block || block != first) break;
    }
    return first;
}

static void add_gap(struct feed *feed, uint64_t first, uint64_t last) {
    struct feed_block *before = block_before(feed, first);
    if (last < first || holds(before, first)) return;
    struct feed_block *gap = add_block(feed, before, first, 0);
    if (gap) gap->last = last;
}

/* ---- Reading ------------------------------------------------------------------------------ */

static void take_page(struct feed *feed, uint64_t after, const struct store_log_page *page) {
    size_t count = page ? page->count : 0;
    uint64_t last = after;
    for (size_t i = 0; i < count; i++) {
        const struct store_log_line *stored = &page->lines[i];
        const struct ring_line line = {.seq = stored->seq,
                                       .timestamp_us = stored->timestamp_us,
                                       .stream = stored->stream,
                                       .text = stored->text,
                                       .len = stored->len};
        add_gap(feed, last + 1, line.seq - 1);
        if (!add_line(feed, &line)) return;
        last = line.seq;
    }
    if (page && page->last_covered > last)
        add_gap(feed, last + 1, page->last_covered);
    else if (count == 0) /* what cannot be read is a gap */
        add_gap(feed, after + 1, ring_dropped(&feed->session->ring));
}

static void on_page(void *ctx, int status, struct store_log_page *page) {
    struct reading *reading = ctx;
    struct feed *feed = reading->feed;
    if (feed) {
        LIST_REMOVE(reading, link);
        take_page(feed, reading->after, status == 0 ? page : NULL);
        session_tell(feed->session);
    }
    store_log_page_free(page);
    free(reading);
}

static enum feed_next read_on(struct feed *feed, uint64_t after) {
    struct reading *reading;
    LIST_FOREACH(reading, &feed->readings, link) {
        if (reading->after == after) return FEED_WAIT;
    }
    const struct store_log_query query = {
        .id = feed->session->id, .after_seq = after, .limit = PAGE_LINES, .max_bytes = PAGE_BYTES};
    reading = malloc(sizeof *reading);
    if (!reading) return FEED_FAILED;
    *reading = (struct reading){.feed = feed, .after = after};
    if (store_read_log(archive_store(feed->feeds->archive), &query, on_page, reading) < 0) {
        free(reading);
        return FEED_FAILED;
    }
    LIST_INSERT_HEAD(&feed->readings, reading, link);
    return FEED_WAIT;
}

/* ---- For followers ------------------------------------------------------------------------ */

void feeds_init(struct feeds *feeds, struct archive *archive) {
    feeds->archive = archive;
    feeds->bytes = 0;
    TAILQ_INIT(&feeds->blocks);
}

struct feed *feed_open(struct feeds *feeds, struct session *session) {
    struct feed *feed = session->feed ? session->feed : calloc(1, sizeof *feed);
    if (!feed) return NULL;
    feed->followers++;
    if (session->feed) return feed;
    feed->feeds = feeds;
    feed->session = session;
    feed->block_bytes = FIRST_BLOCK_BYTES;
    TAILQ_INIT(&feed->blocks);
    LIST_INIT(&feed->readings);
    session->feed = feed;
    archive_begin_reading(feeds->archive, session);
    return feed;
}

void feed_close(struct feed *feed) {
    if (!feed || --feed->followers > 0) return;
    struct reading *reading;
    while ((reading = LIST_FIRST(&feed->readings))) {
        LIST_REMOVE(reading, link);
        reading->feed = NULL;
    }
    while (!TAILQ_EMPTY(&feed->blocks))
        drop_block(TAILQ_FIRST(&feed->blocks));
    archive_end_reading(feed->session);
    feed->session->feed = NULL;
    free(feed);
}

static void cut_piece(const struct feed_block *block, uint64_t first, uint64_t last,
                      struct feed_piece *ret_piece) {
    size_t begin = block->offsets[first - block->first];
    size_t end = last == block->last ? block->bytes->len : block->offsets[last + 1 - block->first];
    ret_piece->block = block->bytes;
    ret_piece->offset = begin;
    ret_piece->len = end - begin;
}

enum feed_next feed_next(struct feed *feed, uint64_t after, uint64_t until,
                         struct feed_piece *ret_piece) {
    struct session *session = feed->session;
    uint64_t visible_seq = session_visible_seq(session);
    if (until > visible_seq) until = visible_seq;
    if (after >= until) return FEED_WAIT;
    struct feed_block *block = block_before(feed, after + 1);
    if (!holds(block, after + 1)) block = take_from_ring(feed, after + 1);
    if (block) {
        note_use(block);
        ret_piece->last_seq = block->last < until ? block->last : until;
        if (!block->bytes) return FEED_GAP;
        cut_piece(block, after + 1, ret_piece->last_seq, ret_piece);
        return FEED_LINES;
    }
    if (after + 1 >= session->ring.first_seq) return FEED_FAILED; /* no memory */
    if (session->row) return read_on(feed, after);
    ret_piece->last_seq = ring_dropped(&session->ring);
    return FEED_GAP;
}
