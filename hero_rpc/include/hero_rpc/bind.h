/*
 * Owning a Unix socket path.
 *
 * A path belongs to whoever holds two lock files for life: "<path>.lock" beside the socket, and
 * "<state_dir>/<file name of the path>.lock" (the second one catches two servers that share state
 * but not a socket directory). Locks are flock(2), so they vanish with the process; each holds its
 * owner's pid as text, which is what the error message of the loser shows.
 *
 * With both locks held the path is probed with connect(2): a live listener (one that takes no part
 * in the locking) is never touched and is an error; a dead socket is replaced. The socket is bound
 * under a temporary name in the same directory, already with mode 0660, and renamed into place, so
 * clients see no moment without a listener and none with a wider mode.
 *
 * The server of http_server.h does all of this for its listeners; these calls are for sockets that
 * speak something else.
 */
#ifndef HERO_RPC_BIND_H
#define HERO_RPC_BIND_H

#include "hero_rpc/error.h"

#include <sys/types.h>

struct rpc_binding;

/* Binds and listens; the directory of the path is created (0755), likewise state_dir (0700).
 * state_dir NULL: only the lock beside the socket. RPC_ERROR_IN_USE names the owner. */
struct rpc_binding *rpc_binding_open(const char *path, const char *state_dir,
                                     struct rpc_error *err);
/* Unlinks the path if it is still ours, releases the locks. NULL is allowed. */
void rpc_binding_close(struct rpc_binding *binding);

/* The process that owns a path now; 0: none does, or it takes no part in the locking. */
pid_t rpc_binding_owner(const char *path);

/* The listening descriptor (non-blocking, close-on-exec); owned by the binding. */
int rpc_binding_fd(const struct rpc_binding *binding);
const char *rpc_binding_path(const struct rpc_binding *binding);
/* The group whose members may use the socket: that of the file at the last check. */
gid_t rpc_binding_gid(const struct rpc_binding *binding);

enum rpc_binding_state {
    RPC_BINDING_OURS,    /* the path leads to our socket */
    RPC_BINDING_REBOUND, /* it was gone or dead: bound again, rpc_binding_fd has changed */
    RPC_BINDING_LOST,    /* somebody else listens there, or binding again failed: see *err */
};
/* Looks whether the path is still ours and binds again when it is not and nobody lives there.
 * After RPC_BINDING_REBOUND the old descriptor is closed; connections not accepted yet are lost
 * unless the caller has accepted them before. Cheap (one stat): meant for a timer. */
enum rpc_binding_state rpc_binding_check(struct rpc_binding *binding, struct rpc_error *err);

#endif
