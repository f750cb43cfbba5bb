/*
 * Frames: what server and session process say to each other on the session socket (a stream).
 *
 *     0        4      5              13
 *     | length | kind | timestamp_us | payload ... |
 *
 * length is that of the payload, 4 bytes; the timestamp is the wall clock in microseconds, 8 bytes;
 * both little-endian. Payloads: a line is one byte (FRAME_STREAM_* and perhaps FRAME_LINE_PARTIAL)
 * and the raw text, without a newline; `started` has none; the others are JSON:
 *
 *   request   {script, working_dir?, env_vars?: {name: text}, args?: [text], inputs?: {name:
 * value}, dir?: text, limits?: {cpu_ms?, memory_bytes?, operations?, open_files?}} or {task:
 * "check", script}, {task: "functions"} (zygote/tasks.h) progress  {done, total, text} result
 * {outcome: "ok"|"exit"|"error"|"terminated", value_type?, value?, value_truncated?, error?:
 * {message, line?, position?}, limit?: true, operations, peak_memory, usage?: [user_us, system_us,
 * max_rss_kib, voluntary_switches, involuntary_switches]} `value` is always the last member, so its
 * text can be cut out and passed on. `usage` says that nothing of the session is left but the
 * process itself, which exits now.
 *
 * Both programs use this one encoder and decoder. The decoder never reads beyond what it is given
 * and refuses unknown kinds and lengths over the bound of the kind.
 */
#ifndef RUNNER_SESSION_FRAMES_H
#define RUNNER_SESSION_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FRAME_HEADER_BYTES 13
#define FRAME_LINE_MAX_BYTES (64 * 1024)         /* text of one line; longer ones are split */
#define FRAME_VALUE_MAX_BYTES (16 * 1024 * 1024) /* a result's value as JSON */
/* A body of 16 MiB as a request, or a value of 16 MiB with what is around it. */
#define FRAME_PAYLOAD_MAX_BYTES (17 * 1024 * 1024)

enum frame_kind {
    FRAME_REQUEST = 1,
    FRAME_STARTED,
    FRAME_LINE,
    FRAME_PROGRESS,
    FRAME_RESULT,
};

enum { FRAME_STREAM_STDOUT = 1, FRAME_STREAM_STDERR = 2, FRAME_LINE_PARTIAL = 0x80 };

struct frame {
    enum frame_kind kind;
    uint64_t timestamp_us;
    const uint8_t *payload; /* borrowed from the bytes it was read from */
    size_t len;
};

/* Writes the header in front of a payload of `len` bytes, len <= FRAME_PAYLOAD_MAX_BYTES. */
void frame_put_header(uint8_t out[FRAME_HEADER_BYTES], enum frame_kind kind, uint64_t timestamp_us,
                      size_t len);

/* Reads the frame at the beginning of `bytes`. Returns its length with the header, 0 when it is not
 * complete, -EPROTO when this is no frame. *ret_missing (may be NULL) gets how many bytes at least
 * are missing when it is not complete. */
ssize_t frame_get(const uint8_t *bytes, size_t len, struct frame *ret_frame, size_t *ret_missing);

/* Collects the bytes of a descriptor and cuts them into frames. */
struct frame_reader {
    uint8_t *bytes;
    size_t begin, end, cap;
};

void frame_reader_init(struct frame_reader *reader);
void frame_reader_done(struct frame_reader *reader);
/* One read(2), of a size that adapts to what comes. Returns what read returned, or -errno. */
ssize_t frame_reader_fill(struct frame_reader *reader, int fd);
/* 1 and the next frame (valid until the next fill), 0 when more bytes are needed, -EPROTO. */
int frame_reader_next(struct frame_reader *reader, struct frame *ret_frame);

#endif
