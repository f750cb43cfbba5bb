#include "server/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

static int add_actions(posix_spawn_file_actions_t *actions, const struct spawn_command *command) {
    const char *paths[3] = {"/dev/null", command->stdout_path, command->stderr_path};
    int failed = 0;
    for (int fd = 0; fd < 3 && !failed; fd++)
        failed = posix_spawn_file_actions_addopen(actions, fd, paths[fd] ? paths[fd] : "/dev/null",
                                                  O_RDWR, 0);
    if (!failed && command->cwd)
        failed = posix_spawn_file_actions_addchdir_np(actions, command->cwd);
    return failed;
}

/* posix_spawn(3) of glibc gives the error of exec and of everything before it. */
int spawn(const struct spawn_command *command, pid_t *ret_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&actions) != 0) return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    int failed = add_actions(&actions, command);
    if (!failed)
        failed = posix_spawn(ret_pid, command->path, &actions, &attributes, command->argv,
                             command->envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}
