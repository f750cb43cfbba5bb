/*
 * The process in which one script runs: it is forked from the zygote with the engine warm, makes
 * itself ready (parked), waits for one request on the session socket, runs it, writes frames and
 * exits. It never runs a second script.
 */
#ifndef RUNNER_ZYGOTE_SESSION_PROCESS_H
#define RUNNER_ZYGOTE_SESSION_PROCESS_H

#include <herolib/herolib.h>
#include <sys/types.h>

/* Where a session process has its descriptors. */
#define SESSION_SOCKET_FD 3
#define SESSION_STOP_FD 4

struct session_process {
    rhai_engine *engine;
    herolib_session *session; /* the one registered with herolib */
    pid_t zygote;
};

/* Called in the child with the session socket and the write ends of the two output pipes, at any
 * numbers; every other descriptor is closed. Does not return. */
_Noreturn void session_process_run(const struct session_process *process, int socket_fd,
                                   int stdout_fd, int stderr_fd);

/* Runs a trivial script on an engine, so that the memory every script touches has been touched.
 * Also the zygote's self-test: false when the result is not what it must be. */
bool session_process_warm(rhai_engine *engine);

#endif
