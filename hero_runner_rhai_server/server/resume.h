/*
 * Sessions that waited in a server that died. What had not begun runs in this one: it has the
 * session's id, its place in the queue and everything that was asked, but for the values of secret
 * variables, without which it ends as lost.
 */
#ifndef RUNNER_SERVER_RESUME_H
#define RUNNER_SERVER_RESUME_H

#include "server/runner.h"

/* Takes what archive_new has found (NULL is fine) and frees it. Those that are pending are in the
 * table when this returns; their requests are read one after the other. */
void resume_sessions(struct runner *runner, struct store_sessions *interrupted);

#endif
