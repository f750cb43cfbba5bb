/*
 * Undoing what each server wraps its output in, down to lines.
 *
 *   http   a header, then the body, chunked or not      fcgi   FastCGI records with a header in
 * them ws     WebSocket frames, each a line                raw    nothing sse    http with events
 * whose data is a LogLine; the line is its member "line"
 */
#ifndef BENCH_FRAMING_H
#define BENCH_FRAMING_H

#include <stdbool.h>
#include <stddef.h>

enum framing { FRAMING_HTTP, FRAMING_FCGI, FRAMING_WS, FRAMING_RAW, FRAMING_SSE };

/* -1: unknown. */
int framing_from_name(const char *name);

struct unframer {
    enum framing framing;
    /* Without newline, ended by NUL; lines over the room are cut. */
    void (*line)(void *ctx, char *line);
    void *ctx;

    bool is_in_body, is_chunked;
    char line_bytes[1024], head[8192];
    size_t line_len, head_len;
    size_t payload_left, padding_left;
    unsigned char frame[16];
    size_t frame_len;
};

void unframe(struct unframer *unframer, const char *bytes, size_t len);

#endif
