#include "session/lines.h"

#include "session/frames.h"

#include <stdlib.h>
#include <string.h>

/* Passes on one line that lies in one piece, in pieces if it is too long. */
static void pass_on(const char *text, size_t len, bool is_partial, lines_sink *sink, void *ctx) {
    while (len > FRAME_LINE_MAX_BYTES) {
        sink(ctx, text, FRAME_LINE_MAX_BYTES, true);
        text += FRAME_LINE_MAX_BYTES;
        len -= FRAME_LINE_MAX_BYTES;
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

void lines_flush(struct lines *lines, bool is_partial, lines_sink *sink, void *ctx) {
    if (lines->len == 0) return;
    size_t len = lines->len;
    lines->len = 0;
    sink(ctx, lines->rest, len, is_partial);
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
            lines_flush(lines, true, sink, ctx);
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
