/*
 * Telling the end of a session to whom its request named: a POST of the session and its result as
 * JSON, tried again with longer and longer pauses until it is answered with a status of 2xx.
 */
#ifndef RUNNER_SERVER_CALLBACKS_H
#define RUNNER_SERVER_CALLBACKS_H

#include "server/config.h"
#include "server/http.h"
#include "server/session.h"

struct callbacks;

/* `tried` is told after each try, and for the last time when it is over. */
typedef void callbacks_tried(void *ctx, const struct session *session);
struct callbacks *callbacks_new(struct event_base *base, struct http *http,
                                const struct config *config, callbacks_tried *tried, void *ctx);
/* Those that are still to be delivered are given up. */
void callbacks_free(struct callbacks *callbacks);

/* Begins to tell the end of a session that asked for it. */
void callbacks_begin(struct callbacks *callbacks, struct session *session);

#endif
