/*
 * What the runner needs: sessions, each with a script text of its own whose line and value are
 * checked.
 */
#ifndef BENCH_SESSIONS_H
#define BENCH_SESSIONS_H

#include "samples.h"

/* From the write of a call that does next to nothing to the read of its whole answer: HTTP and
 * JSON-RPC without a session. */
void sessions_measure_call(const char *socket_path, struct samples *samples, size_t count);

/* From the write of session_start to the read of its answer, the id; and on to the read of the
 * first line on a second connection, whose GET /sse/session/<id> is written as soon as the id is
 * known. That connection has been used before, so accepting it is not part of the time. */
void sessions_measure_start(const char *socket_path, struct samples *to_id, struct samples *to_line,
                            size_t count);

/* From the write of session_run to the read of its whole answer. The next one begins `pause_us`
 * after that. */
void sessions_measure_run(const char *socket_path, struct samples *samples, size_t count,
                          unsigned pause_us);

/* Sessions per second, run by `at_once` connections that each send the next session_run when the
 * one before is answered. */
double sessions_run_rate(const char *socket_path, unsigned at_once, double seconds);

#endif
