/* command.h - the commands of hero_runner_rhai and what they share beyond hero_cli/program.h. */
#ifndef RUNNER_CLI_COMMAND_H
#define RUNNER_CLI_COMMAND_H

#include <hero_cli/program.h>
#include <hero_runner_rhai_sdk/runner.h>

/* What all commands together may be given. */
struct options {
    struct option_line line;
    bool as_json;
    bool follow;
    bool detach;
    bool forward_logs;
    bool with_hero_proc;
    const char *toml;      /* NULL: not given */
    const char *cwd;       /* NULL: not given */
    int64_t timeout_ms;    /* 0: not given */
    const char **env_vars; /* "NAME=VALUE", NULL-terminated; NULL: none */
};

extern const struct command command_run;
extern const struct command command_list;
extern const struct command command_logs;
extern const struct command command_stop;
extern const struct command command_status;
extern const struct command command_start;
extern const struct command command_stop_service;
extern const struct command command_info;

/* ---- The server and its sessions -------------------------------------------------------- */

/* Opens the client; Ctrl-C and SIGTERM end its calls from now on. NULL after a message. */
struct runner *open_runner(void);
/* Forgets a Ctrl-C that was noticed, so that calls work again until the next one. */
void forget_interrupt(void);

/* The id that begins with `prefix`. Fails when there is none, or more than one. */
int find_session(struct runner *runner, const char *prefix, char ret_id[RUNNER_ID_BYTES],
                 struct rpc_error *err);

/* One line of a session to the stream it belongs to, at once. False when nobody reads it. */
bool show_line(const struct runner_line *line);
void show_gap(uint64_t dropped);

#endif
