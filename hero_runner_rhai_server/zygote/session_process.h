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

/* How one ends that has no children: nothing is left of its session. */
#define SESSION_EXIT_ALONE 0
#define SESSION_EXIT_NOT_ALONE 1

struct session_process {
    rhai_engine *engine;
    herolib_session *session; /* the one registered with herolib */
    pid_t zygote;
};

/* What every session process has of the zygote. */
void session_process_prepare(const struct session_process *process);

/* Called in the child with its end of the session socket, at any number above those of control.h;
 * every descriptor but this and its standard ones is closed. Does not return. */
_Noreturn void session_process_run(const struct session_process *process, int socket_fd);

/* Runs a trivial script on an engine, so that the memory every script touches has been touched.
 * Also the zygote's self-test: false when the result is not what it must be. */
bool session_process_warm(rhai_engine *engine);

#endif
