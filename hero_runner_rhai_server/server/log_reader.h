/*
 * Lines of a session that have left its ring, read ahead from the store. For readers that go
 * through a log in order, each with a reader of its own.
 */
#ifndef RUNNER_SERVER_LOG_READER_H
#define RUNNER_SERVER_LOG_READER_H

#include "server/archive.h"

struct log_reader;

enum log_next {
    LOG_LINE, /* *ret_line is it */
    LOG_GAP,  /* ret_line->seq is the last of lines that are kept nowhere */
    LOG_WAIT, /* it has to be read, or stored: `ready` or the session's watchers will be called */
};

/* The session must outlive it. NULL without memory. */
struct log_reader *log_reader_new(struct archive *archive, struct session *session,
                                  void (*ready)(void *ctx), void *ctx);
void log_reader_free(struct log_reader *reader);

/* The line behind `after`, from the ring or the store. Only to be called when there is one. The
 * text is valid until the next call, and until the loop goes on. */
enum log_next log_reader_next(struct log_reader *reader, uint64_t after,
                              struct ring_line *ret_line);

#endif
