/* command.h - a program, or a shell command, run to its end. Modules that work through a program
 * (git, ssh, rsync ...) run it with command_run and an argv: no shell, nothing to quote.
 *
 * What it writes is passed on to the session as it comes, unless it is to be silent, and kept for
 * the result. The command has ended when its process has exited and its output is closed; when
 * something it left in the background holds the output open, when that has been silent for
 * COMMAND_LINGER_MS, or after COMMAND_LINGER_MAX_MS in any case.
 */
#ifndef HEROLIB_PROCESS_COMMAND_H
#define HEROLIB_PROCESS_COMMAND_H

#include <herolib/herolib.h>

#define COMMAND_SHELL "/bin/bash"
/* Of each stream so much is kept; a line that says how much is missing takes the place of more. */
#define COMMAND_KEPT_MAX_BYTES (16 * 1024 * 1024)
#define COMMAND_LINGER_MS 100
#define COMMAND_LINGER_MAX_MS 1000
/* From SIGTERM to SIGKILL when the session is stopped while the command runs, or when it takes too
 * long. Both go to all processes that have come from the command. */
#define COMMAND_STOP_GRACE_MS 1000
/* The code of a command that took too long, as timeout(1) has it. */
#define COMMAND_TIMEOUT_CODE 124
#define COMMAND_TIMEOUT_MAX_MS (INT64_C(1000) * 60 * 60 * 24 * 365)

struct command_output {
    char *text; /* UTF-8, from malloc; NULL when there was none */
    size_t len;
};

struct command_result {
    struct command_output out, err;
    int code;   /* exit code; 128 + signal when one ended the shell, as shells count */
    int signal; /* 0: none */
    bool has_timed_out;
};

/* What to run. All is borrowed for the time of the call. */
struct command {
    const char *const *argv; /* ends with NULL; argv[0] is a path, or a name to be found in PATH */
    char *const *env;        /* the whole environment; NULL: that of the process */
    const char *dir;         /* NULL: the working directory of the process */
    const char *input;       /* what it reads from its standard input; NULL: nothing */
    size_t input_len;
    int64_t timeout_ms; /* at most COMMAND_TIMEOUT_MAX_MS; 0: none */
    bool is_silent;     /* what it writes is only in the result */
};

/* 0 when the command has run, whatever its code; -ECANCELED when the session must stop: the
 * command has ended then too; -ENOMEM, or the errno for which it could not be started: -ENOENT
 * when there is no such program or directory. */
int command_run(herolib_session *session, const struct command *command,
                struct command_result *ret_result);
/* The same for a line or a script of COMMAND_SHELL. */
int command_run_shell(herolib_session *session, const char *text, bool is_silent,
                      struct command_result *ret_result);
void command_result_done(struct command_result *result);

/* The end of what it wrote to its error output, without the newlines behind it: there commands say
 * what went wrong. Lives as long as the result. */
#define COMMAND_TAIL_MAX_BYTES 1000
void command_error_tail(const struct command_result *result, const char **ret_tail, int *ret_len);

#endif
