/* What must hold after every fault. */
#ifndef FAULTS_HEALTH_H
#define FAULTS_HEALTH_H

#include "support/server.h"

#include <stdbool.h>

/* What the server holds while nothing runs. */
struct holdings {
    unsigned server_fds, zygote_fds, processes;
};

/* Once it has come to rest. */
struct holdings holdings_of(struct test_server *server);

/* It runs a script and its health is "ok", within a while. */
void assert_healthy(struct test_server *server);
/* Nothing of a home runs but the server, its zygote and what that has parked; and the server holds
 * no more than `before`. */
void assert_nothing_left(struct test_server *server, const struct holdings *before);

/* The session has succeeded, and its log is the numbers from 0 to count - 1, a line each. */
void assert_counted(struct test_server *server, const char *id, unsigned count);

/* The pid of a session process (running or parked) of the zygote, chosen by `choice`; 0: none. */
pid_t some_session_process(pid_t zygote, unsigned choice);
/* The zygote, without asking the server; 0: none. */
pid_t zygote_of(pid_t server);

#endif
