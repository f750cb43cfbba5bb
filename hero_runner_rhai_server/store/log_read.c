#include "store/log_read.h"

#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <hero_rpc/strbuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_BYTES (64 * 1024)
#define PAGE_DEFAULT_BYTES (16 * 1024 * 1024)
#define REOPEN_TRIES 8

/* ---- The index of a file ----------------------------------------------------------------- */

static ssize_t read_at(int fd, char *bytes, size_t len, int64_t place) {
    size_t have = 0;
    while (have < len) {
        ssize_t got = pread(fd, bytes + have, len - have, place + (int64_t)have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        if (got == 0) break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

/* Puts a block into the last span, or begins a new one when that is long enough. */
static int add_to_span(struct log_index *index, const struct block *block) {
    struct span *span = index->count ? &index->spans[index->count - 1] : NULL;
    if (!span || span->len >= SPAN_BYTES) {
        if (index->count == index->cap) {
            size_t cap = index->cap ? index->cap * 2 : 8;
            struct span *spans = realloc(index->spans, cap * sizeof *spans);
            if (!spans) return -ENOMEM;
            index->spans = spans;
            index->cap = cap;
        }
        span = &index->spans[index->count++];
        *span = (struct span){.offset = index->scanned, .first_seq = block->first_seq};
    }
    span->len += block->size;
    if (block->newest_us > span->newest_us) span->newest_us = block->newest_us;
    index->scanned += (int64_t)block->size;
    index->last_seq = block->first_seq + block->count - 1;
    index->line_count += block->count;
    return 0;
}

int log_index_extend(struct log_index *index, int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -errno;
    char *window = malloc(WINDOW_BYTES);
    if (!window) return -ENOMEM;
    int64_t window_at = 0, window_len = 0;
    int error = 0;
    while (!error && status.st_size - index->scanned >= BLOCK_HEADER_BYTES) {
        int64_t at = index->scanned - window_at;
        if (at < 0 || window_len - at < BLOCK_HEADER_BYTES) {
            ssize_t got = read_at(fd, window, WINDOW_BYTES, index->scanned);
            if (got < BLOCK_HEADER_BYTES) {
                error = got < 0 ? (int)got : 0;
                break;
            }
            window_at = index->scanned;
            window_len = got;
            at = 0;
        }
        struct block block;
        if (!block_get_header(window + at, &block) || block.first_seq <= index->last_seq ||
            (int64_t)block.size > status.st_size - index->scanned)
            break;
        error = add_to_span(index, &block);
    }
    free(window);
    return error;
}

void log_index_free(struct log_index *index) {
    if (!index) return;
    free(index->spans);
    free(index);
}

void log_reader_init(struct log_reader *reader, const char *dir) {
    *reader = (struct log_reader){.dir = dir};
    TAILQ_INIT(&reader->indexes);
}

static void drop_oldest(struct log_reader *reader) {
    struct log_index *oldest = TAILQ_FIRST(&reader->indexes);
    TAILQ_REMOVE(&reader->indexes, oldest, link);
    reader->index_count--;
    log_index_free(oldest);
}

void log_reader_done(struct log_reader *reader) {
    while (reader->index_count)
        drop_oldest(reader);
}

/* The index of a file, as far as the file goes now; it stays the reader's. */
static int get_index(struct log_reader *reader, int fd, int64_t row, uint32_t segment,
                     struct log_index **ret_index) {
    struct log_index *index;
    TAILQ_FOREACH(index, &reader->indexes, link) {
        if (index->row == row && index->segment == segment) break;
    }
    if (index) {
        TAILQ_REMOVE(&reader->indexes, index, link);
    } else {
        index = calloc(1, sizeof *index);
        if (!index) return -ENOMEM;
        *index = (struct log_index){.row = row, .segment = segment, .scanned = FILE_HEADER_BYTES};
        /* A log has up to three files, all in use at once. */
        if (++reader->index_count > LOG_INDEX_MAX) drop_oldest(reader);
    }
    TAILQ_INSERT_TAIL(&reader->indexes, index, link);
    *ret_index = index;
    return log_index_extend(index, fd);
}

/* ---- The spans of a log ------------------------------------------------------------------ */

struct piece {
    int fd;           /* or, when -1, */
    const char *data; /* in memory */
    struct span span;
};

struct source {
    int fds[LOG_PARTS];
    struct rpc_strbuf blocks; /* from the database */
    struct piece *pieces;
    size_t count, cap;
    uint64_t last_seq;
};

static void source_done(struct source *source) {
    for (size_t i = 0; i < LOG_PARTS; i++)
        rpc_fd_close(&source->fds[i]);
    rpc_strbuf_done(&source->blocks);
    free(source->pieces);
}

static int add_piece(struct source *source, struct piece piece) {
    if (source->count == source->cap) {
        size_t cap = source->cap ? source->cap * 2 : 16;
        struct piece *pieces = realloc(source->pieces, cap * sizeof *pieces);
        if (!pieces) return -ENOMEM;
        source->pieces = pieces;
        source->cap = cap;
    }
    source->pieces[source->count++] = piece;
    return 0;
}

/* Opens one file and reads its header. -ENOENT: there is none. */
static int open_part(struct log_reader *reader, const char *id, enum log_part part, int *ret_fd,
                     int64_t *ret_row, uint32_t *ret_segment) {
    char path[LOG_PATH_BYTES], header[FILE_HEADER_BYTES];
    log_path(path, reader->dir, id, part);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -errno;
    if (read_at(fd, header, sizeof header, 0) == sizeof header &&
        file_get_header(header, ret_row, ret_segment)) {
        *ret_fd = fd;
        return 0;
    }
    rpc_fd_close(&fd);
    return -ENOENT;
}

/* The tail may rotate while it is being opened: then the two files do not follow each other. */
static int open_tail(struct log_reader *reader, const char *id, struct source *source,
                     uint32_t segments[LOG_PARTS]) {
    int64_t row;
    for (int tries = 0; tries < REOPEN_TRIES; tries++) {
        int old = open_part(reader, id, LOG_OLD, &source->fds[LOG_OLD], &row, &segments[LOG_OLD]);
        int tail =
            open_part(reader, id, LOG_TAIL, &source->fds[LOG_TAIL], &row, &segments[LOG_TAIL]);
        if (old < 0 && old != -ENOENT) return old;
        if (tail < 0 && tail != -ENOENT) return tail;
        uint32_t before = old < 0 ? 0 : segments[LOG_OLD];
        if (tail < 0 || segments[LOG_TAIL] == before + 1) return 0;
        rpc_fd_close(&source->fds[LOG_OLD]);
        rpc_fd_close(&source->fds[LOG_TAIL]);
    }
    return -EAGAIN;
}

static int add_file(struct log_reader *reader, struct source *source, int fd, int64_t row,
                    uint32_t segment) {
    struct log_index *index;
    int error = get_index(reader, fd, row, segment, &index);
    for (size_t i = 0; !error && i < index->count; i++)
        error = add_piece(source, (struct piece){.fd = fd, .span = index->spans[i]});
    if (!error && index->last_seq > source->last_seq) source->last_seq = index->last_seq;
    return error;
}

static int add_files(struct log_reader *reader, const char *id, int64_t row,
                     struct source *source) {
    uint32_t segments[LOG_PARTS];
    int error = open_tail(reader, id, source, segments);
    for (enum log_part part = LOG_HEAD; !error && part < LOG_PARTS; part++)
        if (source->fds[part] >= 0)
            error = add_file(reader, source, source->fds[part], row,
                             part == LOG_HEAD ? 0 : segments[part]);
    return error;
}

static int add_block(struct source *source, const char *data, size_t len) {
    struct block block;
    if (len < BLOCK_HEADER_BYTES || !block_get_header(data, &block) || block.size != len) return 0;
    source->last_seq = block.first_seq + block.count - 1;
    return add_piece(source, (struct piece){.fd = -1,
                                            .data = data,
                                            .span = {.len = len,
                                                     .first_seq = block.first_seq,
                                                     .newest_us = block.newest_us}});
}

/* Blocks of the database first, then the files: these win, because a log moves into its file before
 * it leaves the database. */
static int find_pieces(struct log_reader *reader, sqlite3_stmt *blocks, int64_t row, const char *id,
                       struct source *source) {
    size_t ends[STORE_INLINE_MAX_BYTES / BLOCK_HEADER_BYTES + 1], count = 0;
    sqlite3_bind_int64(blocks, 1, row);
    int code;
    while ((code = sqlite3_step(blocks)) == SQLITE_ROW && count < sizeof ends / sizeof ends[0]) {
        rpc_strbuf_add(&source->blocks, sqlite3_column_blob(blocks, 0),
                       (size_t)sqlite3_column_bytes(blocks, 0));
        ends[count++] = source->blocks.len;
    }
    sqlite3_reset(blocks);
    if (source->blocks.failed) return -ENOMEM;
    uint32_t segment;
    int64_t file_row;
    int error = open_part(reader, id, LOG_HEAD, &source->fds[LOG_HEAD], &file_row, &segment);
    if (error != -ENOENT) return error ? error : add_files(reader, id, row, source);
    size_t begin = 0;
    for (size_t i = 0; i < count; begin = ends[i++]) {
        error = add_block(source, source->blocks.data + begin, ends[i] - begin);
        if (error) return error;
    }
    return 0;
}

/* ---- A page ------------------------------------------------------------------------------ */

struct page_maker {
    const struct store_log_query *query;
    size_t max_bytes;
    uint32_t limit;
    struct store_log_line *lines;
    size_t count, cap;
    struct rpc_strbuf texts; /* lines[i].text is an offset + 1 until the end */
    uint64_t dropped;
};

static bool is_wanted(const struct store_log_query *query, const struct store_log_line *line) {
    if (query->stream && (line->stream & STORE_STREAM_MASK) != query->stream) return false;
    return !query->contains.len ||
           memmem(line->text, line->len, query->contains.data, query->contains.len);
}

static bool has_room(const struct page_maker *maker, size_t len) {
    return maker->count == 0 ||
           (maker->count < maker->limit && maker->texts.len + len <= maker->max_bytes);
}

static int keep_line(struct page_maker *maker, const struct store_log_line *line) {
    if (maker->count == maker->cap) {
        size_t cap = maker->cap ? maker->cap * 2 : 64;
        struct store_log_line *lines = realloc(maker->lines, cap * sizeof *lines);
        if (!lines) return -ENOMEM;
        maker->lines = lines;
        maker->cap = cap;
    }
    struct store_log_line *kept = &maker->lines[maker->count++];
    *kept = *line;
    kept->text = (const char *)(uintptr_t)(maker->texts.len + 1);
    rpc_strbuf_add(&maker->texts, line->text, line->len);
    return maker->texts.failed ? -ENOMEM : 0;
}

/* The bytes of a piece; *buffer is used for those of files. */
static const char *load(const struct piece *piece, struct rpc_strbuf *buffer, size_t *ret_len) {
    *ret_len = piece->span.len;
    if (piece->fd < 0) return piece->data;
    rpc_strbuf_clear(buffer);
    char *bytes = rpc_strbuf_reserve(buffer, piece->span.len);
    if (!bytes) return NULL;
    ssize_t got = read_at(piece->fd, bytes, piece->span.len, piece->span.offset);
    *ret_len = got < 0 ? 0 : (size_t)got;
    return bytes;
}

/* The next sound block of a piece at or behind *at; what is damaged is passed over. */
static bool next_block(const char *bytes, size_t len, size_t *at, struct block *ret_block,
                       const char **ret_bytes) {
    struct block block;
    while (len - *at >= BLOCK_HEADER_BYTES && block_get_header(bytes + *at, &block) &&
           block.size <= len - *at) {
        const char *begin = bytes + *at;
        *at += block.size;
        if (!block_is_sound(begin, &block)) continue;
        *ret_block = block;
        *ret_bytes = begin;
        return true;
    }
    return false;
}

/* Where a forward page stands. */
struct forward {
    struct page_maker *maker;
    uint64_t covered;        /* the last number looked at */
    bool is_full, has_begun; /* has_begun: the time asked for has been reached */
};

/* 0, or a negative errno; sets is_full when the page ends before this line. */
static int offer(struct forward *forward, const struct store_log_line *line) {
    struct page_maker *maker = forward->maker;
    if (line->seq <= forward->covered) return 0;
    uint64_t missing = line->seq - forward->covered - 1;
    if (missing && maker->count) {
        forward->is_full = true;
        return 0;
    }
    if (!forward->has_begun && line->timestamp_us >= maker->query->since_us)
        forward->has_begun = true;
    if (forward->has_begun && is_wanted(maker->query, line)) {
        if (!has_room(maker, line->len)) {
            forward->is_full = true;
            return 0;
        }
        int error = keep_line(maker, line);
        if (error) return error;
    }
    maker->dropped += missing;
    forward->covered = line->seq;
    return 0;
}

static int read_piece_forward(struct forward *forward, const char *bytes, size_t len) {
    size_t at = 0;
    struct block block;
    const char *begin;
    while (!forward->is_full && next_block(bytes, len, &at, &block, &begin)) {
        size_t offset = BLOCK_HEADER_BYTES;
        struct store_log_line line;
        for (uint64_t seq = block.first_seq;
             !forward->is_full && block_next_line(begin, &block, &offset, seq, &line); seq++) {
            int error = offer(forward, &line);
            if (error) return error;
        }
    }
    return 0;
}

/* The first piece that may have lines behind a number: the last one that begins at or before it. */
static size_t find_piece(const struct source *source, uint64_t seq) {
    size_t low = 0, high = source->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (source->pieces[middle].span.first_seq <= seq)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static int read_forward(const struct source *source, struct page_maker *maker,
                        struct store_log_page *page) {
    const struct store_log_query *query = maker->query;
    struct forward forward = {
        .maker = maker, .covered = query->after_seq, .has_begun = query->since_us == 0};
    struct rpc_strbuf buffer = RPC_STRBUF_INIT;
    int error = 0;
    size_t i = source->count ? find_piece(source, query->after_seq + 1) : 0;
    for (; !error && !forward.is_full && i < source->count; i++) {
        const struct span *span = &source->pieces[i].span;
        bool is_before_time = !forward.has_begun && span->newest_us < query->since_us;
        if (is_before_time && i + 1 < source->count) {
            /* Its lines count as looked at. What is missing among them is not counted: nobody is
             * told about a gap before the time he asks for. */
            if (source->pieces[i + 1].span.first_seq > forward.covered)
                forward.covered = source->pieces[i + 1].span.first_seq - 1;
            continue;
        }
        size_t len;
        const char *bytes = load(&source->pieces[i], &buffer, &len);
        error = bytes ? read_piece_forward(&forward, bytes, len) : -ENOMEM;
    }
    rpc_strbuf_done(&buffer);
    page->first_covered = query->after_seq + 1;
    page->last_covered = forward.covered;
    return error;
}

/* The lines of one piece before the number asked for, in memory that the buffer holds. */
static int collect(const struct store_log_query *query, const char *bytes, size_t len,
                   struct rpc_strbuf *ret_lines) {
    size_t at = 0;
    struct block block;
    const char *begin;
    while (next_block(bytes, len, &at, &block, &begin)) {
        size_t offset = BLOCK_HEADER_BYTES;
        struct store_log_line line;
        for (uint64_t seq = block.first_seq; block_next_line(begin, &block, &offset, seq, &line);
             seq++) {
            if (seq >= query->before_seq) break;
            rpc_strbuf_add(ret_lines, &line, sizeof line);
        }
    }
    return ret_lines->failed ? -ENOMEM : 0;
}

/* Where a backward page stands. */
struct backward {
    struct page_maker *maker;
    uint64_t covered; /* the last number looked at */
    bool is_full;
};

/* As offer, the other way round: is_full when the page ends behind this line. */
static int offer_before(struct backward *backward, const struct store_log_line *line) {
    struct page_maker *maker = backward->maker;
    if (line->seq >= backward->covered) return 0;
    uint64_t missing = backward->covered - line->seq - 1;
    bool is_line_wanted = is_wanted(maker->query, line);
    if ((missing && maker->count) || (is_line_wanted && !has_room(maker, line->len))) {
        backward->is_full = true;
        return 0;
    }
    int error = is_line_wanted ? keep_line(maker, line) : 0;
    maker->dropped += missing;
    backward->covered = line->seq;
    return error;
}

static void reverse(struct store_log_line *lines, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        struct store_log_line line = lines[i];
        lines[i] = lines[count - 1 - i];
        lines[count - 1 - i] = line;
    }
}

static int read_backward(const struct source *source, struct page_maker *maker,
                         struct store_log_page *page) {
    uint64_t before = maker->query->before_seq;
    if (before > source->last_seq + 1) before = source->last_seq + 1;
    struct backward backward = {.maker = maker, .covered = before};
    struct rpc_strbuf buffer = RPC_STRBUF_INIT, found = RPC_STRBUF_INIT;
    int error = 0;
    size_t i = source->count && before > 1 ? find_piece(source, before - 1) + 1 : 0;
    while (!error && !backward.is_full && i-- > 0) {
        size_t len;
        const char *bytes = load(&source->pieces[i], &buffer, &len);
        rpc_strbuf_clear(&found);
        error = bytes ? collect(maker->query, bytes, len, &found) : -ENOMEM;
        size_t left = found.len / sizeof(struct store_log_line);
        while (!error && !backward.is_full && left-- > 0) {
            struct store_log_line line;
            memcpy(&line, found.data + left * sizeof line, sizeof line);
            error = offer_before(&backward, &line);
        }
    }
    rpc_strbuf_done(&found);
    rpc_strbuf_done(&buffer);
    reverse(maker->lines, maker->count);
    /* Nothing is before the last line looked at; what is missing there is for a page of its own. */
    if (!backward.is_full && maker->count == 0 && backward.covered > 1) {
        maker->dropped += backward.covered - 1;
        backward.covered = 1;
    }
    page->first_covered = backward.covered;
    page->last_covered = before ? before - 1 : 0;
    return error;
}

static struct store_log_page *finish(struct page_maker *maker, struct store_log_page *page) {
    page->memory = rpc_strbuf_take(&maker->texts, NULL);
    for (size_t i = 0; i < maker->count; i++)
        maker->lines[i].text =
            page->memory ? (char *)page->memory + ((uintptr_t)maker->lines[i].text - 1) : "";
    page->lines = maker->lines;
    page->count = maker->count;
    page->dropped = maker->dropped;
    return page;
}

void store_log_page_free(struct store_log_page *page) {
    if (!page) return;
    free(page->lines);
    free(page->memory);
    free(page);
}

int log_read(struct log_reader *reader, sqlite3_stmt *blocks, int64_t row,
             const struct store_log_query *query, struct store_log_page **ret_page) {
    struct store_log_page *page = calloc(1, sizeof *page);
    if (!page) return -ENOMEM;
    struct source source = {.fds = {-1, -1, -1}, .blocks = RPC_STRBUF_INIT};
    struct page_maker maker = {
        .query = query,
        .limit = query->limit ? query->limit : UINT32_MAX,
        .max_bytes = query->max_bytes ? query->max_bytes : PAGE_DEFAULT_BYTES,
        .texts = RPC_STRBUF_INIT,
    };
    int error = find_pieces(reader, blocks, row, query->id, &source);
    if (!error)
        error = query->before_seq ? read_backward(&source, &maker, page)
                                  : read_forward(&source, &maker, page);
    page->last_seq = source.last_seq;
    source_done(&source);
    *ret_page = finish(&maker, page);
    if (error) {
        store_log_page_free(page);
        *ret_page = NULL;
    }
    return error;
}

/* ---- After a crash ----------------------------------------------------------------------- */

/* Cuts off what is not sound: it can only be the last block, but the sums of the last span cost
 * little. */
static int trim(int fd, struct log_index *index) {
    int64_t sound = FILE_HEADER_BYTES;
    uint64_t last_seq = 0;
    if (index->count) {
        const struct span *span = &index->spans[index->count - 1];
        char *bytes = malloc(span->len);
        if (!bytes) return -ENOMEM;
        ssize_t got = read_at(fd, bytes, span->len, span->offset);
        size_t at = 0;
        struct block block;
        last_seq = span->first_seq - 1;
        while (got >= 0 && (size_t)got - at >= BLOCK_HEADER_BYTES &&
               block_get_header(bytes + at, &block) && block.size <= (size_t)got - at &&
               block_is_sound(bytes + at, &block)) {
            at += block.size;
            last_seq = block.first_seq + block.count - 1;
        }
        free(bytes);
        if (got < 0) return (int)got;
        sound = span->offset + (int64_t)at;
    }
    index->last_seq = last_seq;
    index->scanned = sound;
    return ftruncate(fd, sound) < 0 ? -errno : 0;
}

static int repair_part(const char *dir, const char *id, enum log_part part,
                       struct log_extent *extent) {
    char path[LOG_PATH_BYTES];
    log_path(path, dir, id, part);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno == ENOENT ? 0 : -errno;
    extent->has_file = true;
    struct log_index index = {.scanned = FILE_HEADER_BYTES};
    char header[FILE_HEADER_BYTES];
    int64_t row;
    uint32_t segment = 0;
    if (read_at(fd, header, sizeof header, 0) == sizeof header)
        file_get_header(header, &row, &segment);
    int error = log_index_extend(&index, fd);
    if (!error) error = trim(fd, &index);
    if (index.last_seq > extent->last_seq) extent->last_seq = index.last_seq;
    extent->bytes += index.scanned;
    extent->sizes[part] = index.scanned;
    extent->last_part = part;
    extent->segment = segment;
    free(index.spans);
    rpc_fd_close(&fd);
    return error;
}

int log_repair(const char *dir, const char *id, struct log_extent *ret_extent) {
    *ret_extent = (struct log_extent){0};
    int error = 0;
    for (enum log_part part = LOG_HEAD; !error && part < LOG_PARTS; part++)
        error = repair_part(dir, id, part, ret_extent);
    return error;
}
