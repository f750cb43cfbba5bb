#include "server/log_reader.h"

#include <stdlib.h>

#define PAGE_BYTES (256 * 1024)

struct log_reader {
    struct archive *archive;
    struct session *session;
    void (*ready)(void *ctx);
    void *ctx;
    struct store_log_page *page; /* NULL: none */
    size_t next;                 /* line of the page */
    bool is_reading;
    bool is_given_up; /* freed when the store has answered */
};

struct log_reader *log_reader_new(struct archive *archive, struct session *session,
                                  void (*ready)(void *ctx), void *ctx) {
    struct log_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    *reader =
        (struct log_reader){.archive = archive, .session = session, .ready = ready, .ctx = ctx};
    archive_begin_reading(archive, session);
    return reader;
}

void log_reader_free(struct log_reader *reader) {
    if (!reader) return;
    archive_end_reading(reader->session);
    store_log_page_free(reader->page);
    reader->page = NULL;
    reader->is_given_up = true;
    if (!reader->is_reading) free(reader);
}

static void on_page(void *ctx, int status, struct store_log_page *page) {
    struct log_reader *reader = ctx;
    reader->is_reading = false;
    if (reader->is_given_up) {
        store_log_page_free(page);
        free(reader);
        return;
    }
    /* What cannot be read is a gap. */
    reader->page = status == 0 ? page : calloc(1, sizeof *page);
    reader->next = 0;
    reader->ready(reader->ctx);
}

static enum log_next read_on(struct log_reader *reader, uint64_t after) {
    const struct store_log_query query = {
        .id = reader->session->id, .after_seq = after, .max_bytes = PAGE_BYTES};
    if (reader->is_reading) return LOG_WAIT;
    if (store_read_log(archive_store(reader->archive), &query, on_page, reader) == 0)
        reader->is_reading = true;
    return LOG_WAIT;
}

static enum log_next gap_until(struct ring_line *ret_line, uint64_t last) {
    ret_line->seq = last;
    return LOG_GAP;
}

enum log_next log_reader_next(struct log_reader *reader, uint64_t after,
                              struct ring_line *ret_line) {
    const struct ring *ring = &reader->session->ring;
    if (after >= session_visible_seq(reader->session)) return LOG_WAIT;
    if (ring_get(ring, after + 1, ret_line)) return LOG_LINE;
    if (!reader->session->row) return gap_until(ret_line, ring_dropped(ring));
    struct store_log_page *page = reader->page;
    if (!page) return read_on(reader, after);
    while (reader->next < page->count && page->lines[reader->next].seq <= after)
        reader->next++;
    if (reader->next < page->count) {
        const struct store_log_line *line = &page->lines[reader->next];
        if (line->seq > after + 1) return gap_until(ret_line, line->seq - 1);
        *ret_line = (struct ring_line){.seq = line->seq,
                                       .timestamp_us = line->timestamp_us,
                                       .stream = line->stream,
                                       .text = line->text,
                                       .len = line->len};
        return LOG_LINE;
    }
    uint64_t covered = page->last_covered;
    bool is_empty = page->count == 0;
    store_log_page_free(page);
    reader->page = NULL;
    if (covered > after) return gap_until(ret_line, covered);
    if (is_empty) return gap_until(ret_line, ring_dropped(ring));
    return read_on(reader, after);
}
