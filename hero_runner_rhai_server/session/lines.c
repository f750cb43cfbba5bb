#include "session/lines.h"

#include "session/frames.h"

#include <stdlib.h>
#include <string.h>

/* How many bytes at the end are a character of UTF-8 (RFC 3629) whose rest is still to come: a cut
 * goes before them, because readers see each piece as a text of its own. */
static size_t unfinished(const char *text, size_t len) {
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char byte = (unsigned char)text[len - back];
        if ((byte & 0xc0) == 0x80) continue;
        size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
        return byte <= 0xf4 && whole > back ? back : 0;
    }
    return 0;
}

/* Passes on one line that lies in one piece, in pieces if it is too long. */
static void pass_on(const char *text, size_t len, bool is_partial, lines_sink *sink, void *ctx) {
    while (len > FRAME_LINE_MAX_BYTES) {
        size_t piece = FRAME_LINE_MAX_BYTES - unfinished(text, FRAME_LINE_MAX_BYTES);
        sink(ctx, text, piece, true);
        text += piece;
        len -= piece;
    }
    sink(ctx, text, len, is_partial);
}

/* Keeps the beginning of a line, len <= FRAME_LINE_MAX_BYTES with what is kept already. */
static bool keep(struct lines *lines, const char *bytes, size_t len) {
    if (lines->len + len > lines->cap) {
        size_t cap = lines->cap ? lines->cap * 2 : 256;
        while (cap < lines->len + len)
            cap *= 2;
        char *rest = realloc(lines->rest, cap);
        if (!rest) return false;
        lines->rest = rest;
        lines->cap = cap;
    }
    memcpy(lines->rest + lines->len, bytes, len);
    lines->len += len;
    return true;
}

void lines_done(struct lines *lines) {
    free(lines->rest);
    *lines = (struct lines){0};
}

/* All but the last `kept` bytes. */
static void pass_rest(struct lines *lines, size_t kept, bool is_partial, lines_sink *sink,
                      void *ctx) {
    size_t len = lines->len - kept;
    if (len == 0) return;
    lines->len = kept;
    sink(ctx, lines->rest, len, is_partial);
    if (kept) memmove(lines->rest, lines->rest + len, kept);
}

void lines_flush(struct lines *lines, bool is_partial, lines_sink *sink, void *ctx) {
    size_t kept = is_partial ? unfinished(lines->rest, lines->len) : 0;
    pass_rest(lines, kept, is_partial, sink, ctx);
}

void lines_add(struct lines *lines, const char *bytes, size_t len, lines_sink *sink, void *ctx) {
    const char *end = bytes + len;
    while (bytes < end) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t piece = (size_t)((newline ? newline : end) - bytes);
        if (lines->len == FRAME_LINE_MAX_BYTES && piece > 0) lines_flush(lines, true, sink, ctx);
        if (lines->len == 0 && newline) {
            pass_on(bytes, piece, false, sink, ctx);
            bytes = newline + 1;
            continue;
        }
        size_t room = FRAME_LINE_MAX_BYTES - lines->len;
        size_t taken = piece < room ? piece : room;
        if (!keep(lines, bytes, taken)) { /* no memory: what there is goes out in pieces */
            pass_rest(lines, 0, true, sink, ctx);
            sink(ctx, bytes, taken, true);
        }
        bytes += taken;
        if (newline && taken == piece) {
            lines_flush(lines, false, sink, ctx);
            bytes++;
        }
    }
}

void lines_split(const char *text, size_t len, lines_sink *sink, void *ctx) {
    for (;;) {
        const char *newline = memchr(text, '\n', len);
        size_t piece = newline ? (size_t)(newline - text) : len;
        pass_on(text, piece, false, sink, ctx);
        if (!newline) return;
        text += piece + 1;
        len -= piece + 1;
    }
}
