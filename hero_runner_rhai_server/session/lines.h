/*
 * Cutting a stream of bytes into lines.
 *
 * A line ends at a newline, which is not part of it. A piece of FRAME_LINE_MAX_BYTES without a
 * newline is passed on by itself, marked as partial, and so is what lines_flush finds: the rest of
 * such a line comes as the next one. No character of UTF-8 is cut in two: a partial piece ends up
 * to three bytes earlier for that, and all bytes pass as they are.
 */
#ifndef RUNNER_SESSION_LINES_H
#define RUNNER_SESSION_LINES_H

#include <stdbool.h>
#include <stddef.h>

typedef void lines_sink(void *ctx, const char *text, size_t len, bool is_partial);

struct lines {
    char *rest; /* the beginning of a line, allocated when there first is one */
    size_t len, cap;
};

/* A zeroed struct is an empty one. */
void lines_done(struct lines *lines);
/* Cuts the next bytes, calling `sink` for each line. */
void lines_add(struct lines *lines, const char *bytes, size_t len, lines_sink *sink, void *ctx);
/* Passes on the beginning of a line: as partial when its end may still come, else as a line. */
void lines_flush(struct lines *lines, bool is_partial, lines_sink *sink, void *ctx);

/* For text to which an end of line belongs in thought, as to what is printed: n newlines make n + 1
 * lines. */
void lines_split(const char *text, size_t len, lines_sink *sink, void *ctx);

#endif
