#include "zygote/output.h"

#include "zygote/json.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define WRITE_INTERVAL_US 1000
#define PROGRESS_INTERVAL_US 100000
#define MAX_PARTS 4

static int64_t clock_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void write_parts(int fd, struct iovec *parts, int count) {
    while (count > 0) {
        ssize_t written = writev(fd, parts, count);
        if (written < 0) {
            if (errno == EINTR) continue;
            _exit(1);
        }
        for (size_t rest = (size_t)written; count > 0;) {
            if (rest < parts->iov_len) {
                parts->iov_base = (char *)parts->iov_base + rest;
                parts->iov_len -= rest;
                break;
            }
            rest -= parts->iov_len;
            parts++;
            count--;
        }
    }
}

/* Writes the buffer and `count` further pieces; the first place of `parts` is for the buffer. */
static void write_out(struct output *output, struct iovec *parts, int count) {
    parts[0] = (struct iovec){.iov_base = output->buffer, .iov_len = output->len};
    write_parts(output->fd, parts, count + 1);
    output->len = 0;
    output->last_write_us = clock_us(CLOCK_MONOTONIC);
    output->wall_offset_us = clock_us(CLOCK_REALTIME) - output->last_write_us;
}

/* Unless it goes off earlier anyway. */
static void arm_timer(struct output *output, int64_t now, int64_t us) {
    if (output->timer_at_us && output->timer_at_us <= now + us) return;
    struct itimerval in_a_moment = {.it_value.tv_usec = us};
    setitimer(ITIMER_REAL, &in_a_moment, NULL);
    output->timer_at_us = now + us;
}

static void append(struct output *output, const void *bytes, size_t len) {
    memcpy(output->buffer + output->len, bytes, len);
    output->len += len;
}

void output_init(struct output *output, int fd, rhai_engine *engine) {
    output->fd = fd;
    output->engine = engine;
}

void output_begin(struct output *output) {
    int64_t now = clock_us(CLOCK_MONOTONIC);
    output->wall_offset_us = clock_us(CLOCK_REALTIME) - now;
    output->last_write_us = now - WRITE_INTERVAL_US - 1;
}

static void put_frame(struct output *output, enum frame_kind kind, const struct iovec *parts,
                      int count, bool may_wait) {
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += parts[i].iov_len;
    int64_t now = clock_us(CLOCK_MONOTONIC);
    uint8_t header[FRAME_HEADER_BYTES];
    frame_put_header(header, kind, (uint64_t)(now + output->wall_offset_us), len);

    if (sizeof header + len > sizeof output->buffer - output->len) {
        struct iovec all[MAX_PARTS + 2];
        all[1] = (struct iovec){.iov_base = header, .iov_len = sizeof header};
        memcpy(all + 2, parts, sizeof *parts * (size_t)count);
        write_out(output, all, count + 1);
        return;
    }
    append(output, header, sizeof header);
    for (int i = 0; i < count; i++)
        append(output, parts[i].iov_base, parts[i].iov_len);
    if (now - output->last_write_us > WRITE_INTERVAL_US && !may_wait)
        output_flush(output);
    else if (kind != FRAME_RESULT) /* after that the process flushes at once */
        arm_timer(output, now, WRITE_INTERVAL_US);
}

void output_frame(struct output *output, enum frame_kind kind, const struct iovec *parts,
                  int count) {
    /* `started` and `result` go out with the lines beside them: the one within a millisecond, the
     * other when the process flushes for the last time. */
    put_frame(output, kind, parts, count, kind == FRAME_STARTED || kind == FRAME_RESULT);
}

struct line_target {
    struct output *output;
    herolib_stream stream;
};

static void put_line(void *ctx, const char *text, size_t len, bool is_partial) {
    struct line_target *target = ctx;
    uint8_t stream = target->stream == HEROLIB_STDERR ? FRAME_STREAM_STDERR : FRAME_STREAM_STDOUT;
    if (is_partial) stream |= FRAME_LINE_PARTIAL;
    struct iovec parts[] = {{.iov_base = &stream, .iov_len = 1},
                            {.iov_base = (void *)(uintptr_t)text, .iov_len = len}};
    put_frame(target->output, FRAME_LINE, parts, 2, false);
}

static struct lines *child_lines(struct output *output, herolib_stream stream) {
    return &output->children[stream == HEROLIB_STDERR];
}

static void end_child_line(struct output *output, herolib_stream stream, bool is_partial) {
    struct line_target target = {output, stream};
    lines_flush(child_lines(output, stream), is_partial, put_line, &target);
}

void output_print(struct output *output, herolib_stream stream, const char *text, size_t len) {
    end_child_line(output, stream, false);
    struct line_target target = {output, stream};
    lines_split(text, len, put_line, &target);
}

void output_flush(struct output *output) {
    output->timer_at_us = 0;
    if (output->len == 0) return;
    struct iovec parts[1];
    write_out(output, parts, 0);
}

static void send_progress(struct output *output, int64_t now) {
    struct iovec part = {.iov_base = output->progress.json, .iov_len = output->progress.len};
    put_frame(output, FRAME_PROGRESS, &part, 1, false);
    free(output->progress.json);
    output->progress.json = NULL;
    output->progress.is_waiting = false;
    output->progress.last_us = now;
}

void output_tick(struct output *output) {
    if (output->progress.is_waiting) {
        int64_t now = clock_us(CLOCK_MONOTONIC);
        int64_t due_us = output->progress.last_us + PROGRESS_INTERVAL_US;
        if (now >= due_us) send_progress(output, now);
        output_flush(output);
        if (now < due_us) arm_timer(output, now, due_us - now);
    } else {
        output_flush(output);
    }
}

void output_finish(struct output *output) {
    end_child_line(output, HEROLIB_STDOUT, false);
    end_child_line(output, HEROLIB_STDERR, false);
    if (output->progress.is_waiting) send_progress(output, 0);
}

static void herolib_write(void *data, herolib_stream stream, const char *bytes, size_t len) {
    struct output *output = data;
    struct line_target target = {output, stream};
    lines_add(child_lines(output, stream), bytes, len, put_line, &target);
}

static void herolib_flush(void *data, bool partial_lines) {
    struct output *output = data;
    if (partial_lines) {
        end_child_line(output, HEROLIB_STDOUT, true);
        end_child_line(output, HEROLIB_STDERR, true);
    }
    output_tick(output);
}

static void herolib_progress(void *data, double done, double total, const char *text, size_t len) {
    struct output *output = data;
    struct json_text json = json_progress(output->engine, done, total, text, len);
    if (!json.bytes) return; /* no memory: the next one will do */
    free(output->progress.json);
    output->progress.json = json.bytes;
    output->progress.len = json.len;
    output->progress.is_waiting = true;
    int64_t now = clock_us(CLOCK_MONOTONIC);
    int64_t due_us = output->progress.last_us + PROGRESS_INTERVAL_US;
    if (now >= due_us)
        send_progress(output, now);
    else
        arm_timer(output, now, due_us - now);
}

herolib_output output_for_herolib(struct output *output) {
    return (herolib_output){.data = output,
                            .write = herolib_write,
                            .flush = herolib_flush,
                            .progress = herolib_progress};
}
