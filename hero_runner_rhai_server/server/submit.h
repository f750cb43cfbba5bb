/*
 * From a request to a session: checks what a schema cannot say, gets the script's text, and puts
 * the session into the queue.
 *
 * A script that is given as text, path or name is checked and read before there is a session, so a
 * wrong request gets an error and leaves nothing behind. One of an address has its session at once,
 * which waits while it is fetched, and fails when it cannot be.
 */
#ifndef RUNNER_SERVER_SUBMIT_H
#define RUNNER_SERVER_SUBMIT_H

#include "server/runner.h"

/* Answers the call; the session is borrowed. */
typedef void submit_done(struct rpc_call *call, struct runner *runner, struct session *session);

/* Brings about exactly one of: `done`, at once or later; the call is refused; the client has gone.
 * `params` are those of session_start, borrowed; rerun_of: the id of the old session, or NULL. */
void submit(struct rpc_call *call, struct runner *runner, json_t *params, const char *rerun_of,
            submit_done *done);

/* The names of the secret variables and inputs of a request that was kept, as secret_vars: those
 * that were marked in it, and those whose values are not there. A new reference. */
json_t *submit_secret_names(const json_t *asked);

/* An admitted session that a dead server had accepted, with its whole request: it runs in its turn,
 * or ends as lost when values of its variables or inputs are secret, and so not stored. */
void submit_again(struct runner *runner, struct session *session);

#endif
