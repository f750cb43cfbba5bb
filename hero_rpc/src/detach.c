#include "hero_rpc/detach.h"
#include "hero_rpc/paths.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* All steps return an error number, as the posix_spawn family does. */
static int prepare_files(posix_spawn_file_actions_t *files, const struct rpc_detach_options *o) {
    const char *log = o->log_path ? o->log_path : "/dev/null";
    int e = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    if (!e)
        e = posix_spawn_file_actions_addopen(files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (!e) e = posix_spawn_file_actions_adddup2(files, 1, 2);
    if (!e) e = posix_spawn_file_actions_addclosefrom_np(files, 3);
    if (!e) e = posix_spawn_file_actions_addchdir_np(files, o->working_dir ? o->working_dir : "/");
    return e;
}

static int prepare_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int e = posix_spawnattr_setsigmask(attributes, &none);
    if (!e) e = posix_spawnattr_setsigdefault(attributes, &all);
    if (!e)
        e = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                     POSIX_SPAWN_SETSIGDEF);
    return e;
}

pid_t rpc_detach_start(const struct rpc_detach_options *o, struct rpc_error *err) {
    if (o->log_path && rpc_path_make_parent(o->log_path, 0755, err) != 0) return -1;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);

    pid_t pid = -1;
    int e = prepare_files(&files, o);
    if (!e) e = prepare_attributes(&attributes);
    if (!e)
        e = posix_spawn(&pid, o->program, &files, &attributes, (char *const *)(uintptr_t)o->argv,
                        o->envp ? (char *const *)(uintptr_t)o->envp : environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (!e) return pid;
    rpc_error_set(err, RPC_ERROR_SYSTEM, e, "cannot start %s: %s", o->program, strerror(e));
    return -1;
}
