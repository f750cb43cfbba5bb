/*
 * Where sockets and state live. All programs use this one resolver.
 *
 *   sockets   the first of these that is set and not empty:
 *             $PATH_SOCKET, $HERO_SOCKET_DIR, $PATH_VAR/sockets, $PATH_ROOT/var/sockets,
 *             ~/hero/var/sockets
 *   state     $PATH_VAR, $PATH_ROOT/var, ~/hero/var
 *
 * "~" is $HOME, or the home directory of the password database when HOME is not set. A relative
 * path in one of the variables is an error that names the variable. No trailing slash is kept.
 *
 * Returned strings are the caller's, freed with free(); NULL means an error.
 */
#ifndef HERO_RPC_PATHS_H
#define HERO_RPC_PATHS_H

#include "hero_rpc/error.h"

#include <sys/types.h>

/* The longest path a Unix socket can have: sun_path (unix(7)) without the final NUL. */
#define RPC_SOCKET_PATH_MAX_BYTES 107

/* The directory of all sockets. */
char *rpc_path_socket_root(struct rpc_error *err);
/* <socket root>/<service>/<file>, for example ".../hero_runner_rhai/rpc.sock". Over
 * RPC_SOCKET_PATH_MAX_BYTES is RPC_ERROR_INVALID with the path and its length. */
char *rpc_path_socket(const char *service, const char *file, struct rpc_error *err);
/* <state root>/<service>; the directory is not created. */
char *rpc_path_state_dir(const char *service, struct rpc_error *err);

/* Creates a directory and its missing parents. New parents get 0755, the last one gets `mode`
 * whatever the umask; a directory that exists keeps its mode. */
int rpc_path_make_dirs(const char *path, mode_t mode, struct rpc_error *err);
/* The same for the directory that holds `path`. */
int rpc_path_make_parent(const char *path, mode_t mode, struct rpc_error *err);

/* RPC_ERROR_INVALID when the path does not fit a Unix socket address. */
int rpc_path_check_socket(const char *path, struct rpc_error *err);

#endif
