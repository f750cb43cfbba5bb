/*
 * Making room before a start: whoever listens on a socket or port that the action wants, or has a
 * command line that its filters name, is asked to end, and after a while killed. A socket file is
 * removed only when nobody listens on it any more, and only if it still is the same file; a live
 * listener's path is never touched.
 */
#ifndef HERO_PROC_SERVER_KILL_OTHER_H
#define HERO_PROC_SERVER_KILL_OTHER_H

#include "server/spec.h"

struct event_base;
struct kill_other;

#define KILL_OTHER_PATIENCE_MS 5000 /* from SIGTERM to SIGKILL */

/* Whether the spec asks for anything of the kind. */
bool kill_other_is_wanted(const struct action_spec *spec);

/* `why` is NULL when there is room, else why not; the operation is gone. Comes later, never from
 * within kill_other_start. */
typedef void kill_other_done(void *ctx, const char *why);

/* The spec must live until it is done. NULL without memory. */
struct kill_other *kill_other_start(struct event_base *base, const struct action_spec *spec,
                                    kill_other_done *done, void *ctx);
void kill_other_cancel(struct kill_other *operation); /* NULL is allowed */

#endif
