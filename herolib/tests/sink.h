/* sink.h - a session for tests: it keeps what comes out. */
#ifndef HEROLIB_TESTS_SINK_H
#define HEROLIB_TESTS_SINK_H

#include <herolib/herolib.h>

struct sink_text {
    char *bytes; /* NUL-terminated; NULL while empty */
    size_t len;
};

struct sink {
    struct sink_text out, err, all; /* all: both streams, in the order they came */
    unsigned writes, flushes, partial_flushes;
    /* Called after each write and each flush of partial lines; may be NULL. */
    void (*on_event)(struct sink *sink);
    void *on_event_data;
};

/* `sink` may be all zeros. */
herolib_session sink_session(struct sink *sink);
void sink_add(struct sink_text *text, const char *bytes, size_t len);
const char *sink_text(const struct sink_text *text); /* "" while empty */
void sink_done(struct sink *sink);

/* A descriptor that becomes readable after so many milliseconds, and stays so. */
int sink_stop_after_ms(int ms);

#endif
