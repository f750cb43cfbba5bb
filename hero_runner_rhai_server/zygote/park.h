/* Forking a session process and handing it to the server. */
#ifndef RUNNER_ZYGOTE_PARK_H
#define RUNNER_ZYGOTE_PARK_H

#include "zygote/children.h"
#include "zygote/session_process.h"

/* Forks one, and sends the server `message` with it: CONTROL_EXITED, or CONTROL_PARKED when it has
 * no kind. When that fails, `message` goes without it and CONTROL_PARK_FAILED follows. 0, or -errno
 * when the server cannot be told. */
int park_session(const struct session_process *process, struct children *children,
                 struct control_message *message);

#endif
