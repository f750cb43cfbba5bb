/* Names of user ids. */
#ifndef RUNNER_SERVER_USERS_H
#define RUNNER_SERVER_USERS_H

#include <sys/types.h>

/* From /etc/passwd alone (a name service may be on the network, and the loop must not wait for it),
 * looked up once for each uid. NULL: not there. Valid for the life of the process. */
const char *users_name(uid_t uid);

#endif
