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

/* Whether the value of a variable of that name is kept from history and logs in any case. */
bool submit_is_secret_name(const char *name);

/* An admitted session that a dead server had accepted, with its whole request: it runs in its turn,
 * or ends as lost when values of its variables are secret, and so not stored. */
void submit_again(struct runner *runner, struct session *session);

#endif
