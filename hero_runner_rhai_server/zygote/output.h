/*
 * What a session process says to the server: frames (session/frames.h), written so that a slow
 * script is seen at once and a fast one does not pay a system call for each line.
 *
 * A frame is written at once when the last write is over a millisecond ago. Otherwise it waits in a
 * buffer, and a timer raises the engine's poll flag a millisecond later; output_tick, called from
 * the engine's poll function, then writes. All frames keep the order in which they were made.
 *
 * Progress is told at most each 100 ms, the newest; the same timer sees to what was held back.
 *
 * Nothing here fails: without a server there is nobody to work for, and the process exits.
 */
#ifndef RUNNER_ZYGOTE_OUTPUT_H
#define RUNNER_ZYGOTE_OUTPUT_H

#include "session/frames.h"
#include "session/lines.h"

#include <herolib/herolib.h>
#include <sys/uio.h>

#define OUTPUT_BUFFER_BYTES (64 * 1024)

struct output {
    int fd;
    rhai_engine *engine;
    int64_t timer_at_us;      /* when SIGALRM comes; 0: nobody waits for it */
    int64_t last_write_us;    /* monotonic */
    int64_t wall_offset_us;   /* wall clock minus monotonic, renewed at each write */
    struct lines children[2]; /* beginnings of lines of child processes, by stream */
    struct {
        bool is_waiting; /* `json` has not been sent yet */
        int64_t last_us;
        char *json;
        size_t len;
    } progress;
    size_t len;
    uint8_t buffer[OUTPUT_BUFFER_BYTES];
};

/* Uses ITIMER_REAL, whose SIGALRM must lead to output_tick. */
void output_init(struct output *output, int fd, rhai_engine *engine);
/* Takes the clocks: to be called when the request has come. */
void output_begin(struct output *output);

/* A frame of any kind; `parts` pieces make its payload. */
void output_frame(struct output *output, enum frame_kind kind, const struct iovec *parts,
                  int count);
/* What print and debug give: lines, in order with those of child processes. */
void output_print(struct output *output, herolib_stream stream, const char *text, size_t len);
/* The timer has gone off, or the script is about to wait: writes what is buffered, and progress
 * that is due. */
void output_tick(struct output *output);
/* Writes what is buffered. */
void output_flush(struct output *output);
/* Ends all that is still open (beginnings of lines, the last progress). Before the result. */
void output_finish(struct output *output);

/* The interface that herolib sees. */
herolib_output output_for_herolib(struct output *output);

#endif
