/* remove.h - a service and the action that belongs to it alone. */
#ifndef HEROLIB_PROC_REMOVE_H
#define HEROLIB_PROC_REMOVE_H

#include <hero_proc_sdk/proc.h>

/* Stops the service, waiting for its end, and forgets it; its action goes too when it is the only
 * one and called like the service. No such service is a success. */
int remove_service(struct proc_client *client, const char *name, bool *ret_was_there,
                   struct rpc_error *err);

#endif
