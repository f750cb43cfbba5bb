/*
 * Telling the end of a session to whom its request named: a POST of the session and its result as
 * JSON, tried again with longer and longer pauses until it is answered with a status of 2xx.
 *
 * How far it has come is in the store. A callback that was not delivered when a server ended is
 * taken up by the next one, so each is delivered at least once: twice, when the server died between
 * the answer and the note of it.
 */
#ifndef RUNNER_SERVER_CALLBACKS_H
#define RUNNER_SERVER_CALLBACKS_H

#include "server/archive.h"
#include "server/config.h"
#include "server/http.h"

struct callbacks;

struct callbacks *callbacks_new(struct event_base *base, struct http *http,
                                struct archive *archive, const struct config *config);
/* Those that are still to be delivered stay so in the store. */
void callbacks_free(struct callbacks *callbacks);

/* Takes up what an earlier server has left. */
void callbacks_resume(struct callbacks *callbacks);
/* Begins to tell the end of a session that asked for it. */
void callbacks_begin(struct callbacks *callbacks, const struct session *session);

size_t callbacks_waiting(const struct callbacks *callbacks);    /* not delivered yet */
uint64_t callbacks_given_up(const struct callbacks *callbacks); /* since the start */

#endif
