/*
 * Starting a program that outlives its starter and holds nothing of it: a session of its own (no
 * terminal), stdin from /dev/null, stdout and stderr appended to a log file, every other descriptor
 * closed, default signals and an empty signal mask. With posix_spawn, so also safe from a process
 * with threads.
 */
#ifndef HERO_RPC_DETACH_H
#define HERO_RPC_DETACH_H

#include "hero_rpc/error.h"

#include <sys/types.h>

struct rpc_detach_options {
    const char *program;     /* a path; no search in PATH */
    const char *const *argv; /* argv[0] included, NULL-terminated */
    const char *const *envp; /* NULL: the caller's environment */
    const char *log_path;    /* created 0600 with its directory; NULL: /dev/null */
    const char *working_dir; /* NULL: "/" */
};

/* The pid of the new process, which is a child of the caller until the caller exits; -1 when it
 * could not be started (the error of exec included). */
pid_t rpc_detach_start(const struct rpc_detach_options *options, struct rpc_error *err);

#endif
