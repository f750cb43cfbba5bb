#include "framing.h"

#include <stdlib.h>
#include <string.h>

#define FCGI_STDOUT 6

int framing_from_name(const char *name) {
    static const char *const names[] = {"http", "fcgi", "ws", "raw", "sse"};
    for (int i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0) return i;
    return -1;
}

static void end_line(struct unframer *unframer) {
    char *line = unframer->line_bytes;
    size_t len = unframer->line_len;
    unframer->line_len = 0;
    if (len && line[len - 1] == '\r') len--;
    line[len] = '\0';
    if (unframer->framing == FRAMING_SSE) {
        if (strncmp(line, "data:", 5) != 0) return;
        char *member = strstr(line, "\"line\":\"");
        if (!member) return;
        line = member + 8;
    }
    unframer->line(unframer->ctx, line);
}

static void add_text(struct unframer *unframer, const char *bytes, size_t len) {
    while (len > 0) {
        const char *newline = memchr(bytes, '\n', len);
        size_t piece = newline ? (size_t)(newline - bytes) : len;
        size_t room = sizeof unframer->line_bytes - 1 - unframer->line_len;
        size_t kept = piece < room ? piece : room;
        memcpy(unframer->line_bytes + unframer->line_len, bytes, kept);
        unframer->line_len += kept;
        if (!newline) return;
        end_line(unframer);
        bytes += piece + 1;
        len -= piece + 1;
    }
}

/* Takes the header up to the empty line; how much of the bytes that was. */
static size_t take_head(struct unframer *unframer, const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (unframer->head_len < sizeof unframer->head - 1)
            unframer->head[unframer->head_len++] = bytes[i];
        unframer->head[unframer->head_len] = '\0';
        if (unframer->head_len < 4 ||
            memcmp(unframer->head + unframer->head_len - 4, "\r\n\r\n", 4) != 0)
            continue;
        unframer->is_chunked = strcasestr(unframer->head, "transfer-encoding: chunked") != NULL;
        unframer->is_in_body = true;
        return i + 1;
    }
    return len;
}

static void take_payload(struct unframer *unframer, const char *bytes, size_t len) {
    if (unframer->framing == FRAMING_FCGI) {
        if (unframer->frame[1] != FCGI_STDOUT) return;
        if (!unframer->is_in_body) {
            size_t used = take_head(unframer, bytes, len);
            bytes += used;
            len -= used;
        }
    }
    add_text(unframer, bytes, len);
}

/* One byte of what stands before a payload. */
static void take_frame_byte(struct unframer *unframer, unsigned char byte) {
    unsigned char *frame = unframer->frame;
    frame[unframer->frame_len++] = byte;
    size_t len = unframer->frame_len;
    if (unframer->framing == FRAMING_FCGI) {
        if (len < 8) return;
        unframer->payload_left = (size_t)frame[4] << 8 | frame[5];
        unframer->padding_left = frame[6];
        unframer->frame_len = 0;
    } else if (unframer->framing == FRAMING_WS) {
        size_t payload = len > 1 ? frame[1] & 127u : 0;
        size_t size = payload == 127 ? 10 : payload == 126 ? 4 : 2;
        if (len < 2 || len < size) return;
        if (size > 2) payload = 0;
        for (size_t i = 2; i < size; i++)
            payload = payload << 8 | frame[i];
        unframer->payload_left = payload;
        unframer->frame_len = 0;
    } else if (byte == '\n' || len == sizeof unframer->frame - 1) { /* the size of a chunk */
        frame[len] = '\0';
        unframer->payload_left = strtoul((const char *)frame, NULL, 16);
        if (unframer->payload_left || len > 2) unframer->padding_left = 2; /* CR LF behind it */
        unframer->frame_len = 0;
    }
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

void unframe(struct unframer *unframer, const char *bytes, size_t len) {
    bool is_http = unframer->framing == FRAMING_HTTP || unframer->framing == FRAMING_SSE;
    bool is_ws = unframer->framing == FRAMING_WS;
    if ((is_http || is_ws) && !unframer->is_in_body) {
        size_t used = take_head(unframer, bytes, len);
        bytes += used;
        len -= used;
    }
    if (unframer->framing == FRAMING_RAW || (is_http && !unframer->is_chunked)) {
        add_text(unframer, bytes, len);
        return;
    }
    while (len > 0) {
        size_t used = 1;
        if (unframer->payload_left) {
            used = least(len, unframer->payload_left);
            take_payload(unframer, bytes, used);
            unframer->payload_left -= used;
            if (is_ws && !unframer->payload_left) add_text(unframer, "\n", 1);
        } else if (unframer->padding_left) {
            used = least(len, unframer->padding_left);
            unframer->padding_left -= used;
        } else {
            take_frame_byte(unframer, (unsigned char)*bytes);
        }
        bytes += used;
        len -= used;
    }
}
