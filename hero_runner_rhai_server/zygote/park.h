/* Forking a session process and handing it to the server. */
#ifndef RUNNER_ZYGOTE_PARK_H
#define RUNNER_ZYGOTE_PARK_H

#include "zygote/children.h"
#include "zygote/session_process.h"

/* Forks one, and sends the server CONTROL_PARKED with its descriptors, or CONTROL_PARK_FAILED.
 * 0, or -errno when the server cannot be told. */
int park_session(int control_fd, const struct session_process *process, struct children *children);

#endif
