/* herolib.h - the functions that Hero scripts call, and what they need of the program around
 * them.
 *
 * A program that runs scripts registers herolib into its engine once, together with a session:
 * where output goes, how a stop is noticed, what the arguments are. The session may be empty at
 * that time; it is read when a script calls, so a process forked from a warm engine fills it in
 * for its own script.
 *
 *     static herolib_session session = HEROLIB_SESSION_INIT;
 *     rhai_engine *engine = rhai_engine_new(NULL);
 *     if (herolib_register(engine, &session) < 0) ...
 *     session.output = my_output;          // before the first script runs
 *     session.stop_fd = my_eventfd;
 *     rhai_eval(engine, text, len, NULL, &value, &error);
 *
 * The environment of scripts is the process's own (environ(7)): the program sets it up before
 * the script starts, and the programs that scripts start inherit it.
 *
 * Threads: as the engine's; nothing here is global.
 */
#ifndef HEROLIB_HEROLIB_H
#define HEROLIB_HEROLIB_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rhai/rhai.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum herolib_stream { HEROLIB_STDOUT = 1, HEROLIB_STDERR = 2 } herolib_stream;

/* Where a script's side effects on the outside go. Functions are never NULL once a script runs;
 * none of them fails: a program whose reader has gone ends. `print` and `debug` do not come this
 * way but through the engine's callbacks; the program keeps both in the order they were made. */
typedef struct herolib_output {
    void *data;
    /* Output of a child process, as it is read: any bytes, no line structure promised. Complete
     * lines are passed on in order with prints; the start of a line waits for its end. */
    void (*write)(void *data, herolib_stream stream, const char *bytes, size_t len);
    /* Hands everything buffered to its reader. With `partial_lines` also the start of a line
     * whose end has not come: when a child has closed its output, or has been silent for
     * HEROLIB_PARTIAL_LINE_MS. herolib_wait flushes (complete lines) by itself. */
    void (*flush)(void *data, bool partial_lines);
    /* How far the script has come; `total` 0 means unknown. May be called as often as wanted: the
     * receiver keeps at most one per 100 ms, and the last one always. */
    void (*progress)(void *data, double done, double total, const char *text, size_t len);
} herolib_output;

#define HEROLIB_PARTIAL_LINE_MS 100

typedef struct herolib_session {
    herolib_output output;
    int stop_fd; /* becomes readable, and stays so, when the script must stop; -1: never */
    const char *const *args; /* what args() gives; borrowed, UTF-8 */
    size_t args_count;
} herolib_session;

#define HEROLIB_SESSION_INIT                                                                       \
    { .stop_fd = -1 }

/* Registers all modules. `session` is borrowed and must outlive the engine. 0, or -ENOMEM. */
int herolib_register(rhai_engine *engine, herolib_session *session);

/* The one place where a script waits. Flushes output, then waits until one of `fds` is ready
 * (poll(2): events and revents are filled as there; count may be 0), the deadline has passed, or
 * the session must stop. The deadline is CLOCK_MONOTONIC in nanoseconds, HEROLIB_NO_DEADLINE for
 * none.
 *
 * Returns how many of `fds` are ready, 0 at the deadline, -ECANCELED when the session must stop
 * (the calling function then cleans up and returns rhai_throw_terminated, which no `try` can
 * catch), or another negative errno. Signals do not end a wait. A stop wins over readiness. */
int herolib_wait(herolib_session *session, struct pollfd *fds, size_t count, int64_t deadline_ns);

#define HEROLIB_NO_DEADLINE INT64_MAX

/* CLOCK_MONOTONIC in nanoseconds: the clock of all deadlines, and of monotonic_ns(). */
int64_t herolib_now_ns(void);

/* The session of a native function that herolib registered. */
static inline herolib_session *herolib_call_session(const rhai_call *call) {
    return (herolib_session *)rhai_call_data(call);
}

#ifdef __cplusplus
}
#endif
#endif
