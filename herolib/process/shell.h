/* shell.h - a command of the shell, run for a script: what run_command, run and its builder share.
 */
#ifndef HEROLIB_PROCESS_SHELL_H
#define HEROLIB_PROCESS_SHELL_H

#include <rhai/rhai.h>

#include <stdint.h>

/* All is borrowed for the time of the call. Zero is the default of each. */
struct shell_run {
    const char *command;
    bool is_silent;      /* what it writes is only in the result */
    bool ignores_errors; /* a command that fails has a result like any other */
    bool is_logged;      /* the command itself is shown first */
    bool is_background;  /* not waited for; its output is lost */
    const char *dir;
    char *const *env;
    const char *input;
    size_t input_len;
    int64_t timeout_ms;
};

/* Gives a CommandResult. */
rhai_status shell_run(rhai_call *call, const struct shell_run *run, rhai_value *ret);

#endif
