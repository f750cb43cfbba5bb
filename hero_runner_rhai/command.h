/* command.h - the commands of hero_runner_rhai and what they share beyond hero_cli/program.h. */
#ifndef RUNNER_CLI_COMMAND_H
#define RUNNER_CLI_COMMAND_H

#include <hero_cli/program.h>
#include <hero_rpc/strbuf.h>
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
    /* run */
    const char *script_name, *script_url, *script_path, *concurrency_key;
    const char **inputs, **limits; /* "NAME=VALUE" */
    const char **tags, **secrets;
    const char *priority;
    /* list */
    const char **statuses;
    const char *tag, *caller, *text, *sort;
    bool is_ascending;
    int64_t within_ms; /* queued in the last so many; 0: at any time */
    int64_t limit, offset;
    /* logs */
    int64_t tail; /* 0: all */
    const char *grep, *kind;
    /* stop */
    bool all;
    /* scripts */
    const char *description;
    int64_t version;
};

extern const struct command command_run;
extern const struct command command_list;
extern const struct command command_logs;
extern const struct command command_stop;
extern const struct command command_status;
extern const struct command command_rerun;
extern const struct command command_delete;
extern const struct command command_scripts_save;
extern const struct command command_scripts_list;
extern const struct command command_scripts_show;
extern const struct command command_scripts_delete;
extern const struct command command_check;
extern const struct command command_functions;
extern const struct command command_reload;
extern const struct command command_drain;
extern const struct command command_config;
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

/* A script from a file, or from standard input for "-"; at most 16 MiB. -1 and *err. */
int read_script(const char *file, struct rpc_strbuf *ret_text, struct rpc_error *err);
/* An object of "NAME=VALUE" texts (NULL: none), each value JSON or else a text: a new reference. */
json_t *parse_inputs(const char *const *inputs);

/* Shows the lines of a session as they come, until it has ended; the exit code. */
int follow_session(struct runner *runner, const char *id);

/* One line of a session to the stream it belongs to, at once. False when nobody reads it. */
bool show_line(const struct runner_line *line);
void show_gap(uint64_t dropped);

#endif
