/* Work that a session process does for the server itself: no record, no slot, no place in any
 * list. */
#ifndef RUNNER_SERVER_HIDDEN_H
#define RUNNER_SERVER_HIDDEN_H

#include "server/runner.h"

/* `value` is the JSON text of what came out; NULL: nothing, and `error` says why. */
typedef void hidden_done(void *ctx, const char *value, const char *error);

struct hidden;

/* Runs a request frame's payload. `done` is called once, later. NULL without memory, or when the
 * server is ending. */
struct hidden *hidden_run(struct runner *runner, const char *request, int64_t timeout_ms,
                          hidden_done *done, void *ctx);
/* `done` will not be called. */
void hidden_give_up(struct hidden *hidden);

#endif
