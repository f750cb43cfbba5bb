#include "tests/sink.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

void sink_add(struct sink_text *text, const char *bytes, size_t len) {
    text->bytes = realloc(text->bytes, text->len + len + 1);
    if (!text->bytes) abort();
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    text->bytes[text->len] = '\0';
}

const char *sink_text(const struct sink_text *text) {
    return text->bytes ? text->bytes : "";
}

static void on_write(void *data, herolib_stream stream, const char *bytes, size_t len) {
    struct sink *sink = data;
    sink->writes++;
    sink_add(stream == HEROLIB_STDERR ? &sink->err : &sink->out, bytes, len);
    sink_add(&sink->all, bytes, len);
    if (sink->on_event) sink->on_event(sink);
}

static void on_flush(void *data, bool partial_lines) {
    struct sink *sink = data;
    sink->flushes++;
    sink->partial_flushes += partial_lines;
    if (partial_lines && sink->on_event) sink->on_event(sink);
}

static void on_progress(void *data, double done, double total, const char *text, size_t len) {
    (void)data, (void)done, (void)total, (void)text, (void)len;
}

herolib_session sink_session(struct sink *sink) {
    return (herolib_session){
        .output = {.data = sink, .write = on_write, .flush = on_flush, .progress = on_progress},
        .stop_fd = -1,
    };
}

void sink_done(struct sink *sink) {
    free(sink->out.bytes);
    free(sink->err.bytes);
    free(sink->all.bytes);
    *sink = (struct sink){0};
}

int sink_stop_after_ms(int ms) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec once = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}};
    if (fd < 0 || timerfd_settime(fd, 0, &once, NULL) < 0) abort();
    return fd;
}
