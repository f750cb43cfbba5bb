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
    bool forward_logs, keep_logs_here;
    bool with_hero_proc;
    const char *toml;      /* NULL: not given */
    const char *cwd;       /* NULL: not given */
    int64_t timeout_ms;    /* 0: not given */
    int64_t wait_ms;       /* run: for its end; 0: however long it takes */
    const char **env_vars; /* "NAME=VALUE", NULL-terminated; NULL: none */
    /* run */
    const char *script_name, *script_url, *script_path, *concurrency_key;
    const char **inputs, **limits; /* "NAME=VALUE" */
    const char **tags, **secrets;
    const char *priority, *idempotency_key;
    int64_t concurrency_limit;
    const char *callback; /* run: where to; list: its state */
    /* list */
    const char **statuses;
    const char *tag, *caller, *text, *sort;
    bool is_ascending;
    int64_t within_ms; /* queued in the last so many; 0: at any time */
    int64_t before_ms; /* and before the last so many; 0: up to now */
    int64_t limit, offset;
    /* logs */
    int64_t tail;     /* 0: all */
    int64_t after;    /* a line's number; 0: from the first */
    int64_t since_ms; /* lines of the last so many; 0: all */
    const char *grep, *kind;
    /* show */
    bool only_script;
    /* stop */
    bool all;
    /* drain */
    bool off;
    /* status */
    int64_t history_ms, step_ms; /* 0: not given */
    /* scripts */
    const char *description;
    int64_t version;
};

extern const struct command run_command;
extern const struct command list_command;
extern const struct command show_command;
extern const struct command logs_command;
extern const struct command stop_command;
extern const struct command status_command;
extern const struct command rerun_command;
extern const struct command delete_command;
extern const struct command scripts_save_command;
extern const struct command scripts_list_command;
extern const struct command scripts_show_command;
extern const struct command scripts_delete_command;
extern const struct command check_command;
extern const struct command functions_command;
extern const struct command repl_command;
extern const struct command reload_command;
extern const struct command drain_command;
extern const struct command config_command;
extern const struct command start_command;
extern const struct command stop_service_command;
extern const struct command info_command;

/* ---- The server and its sessions -------------------------------------------------------- */

/* Opens the client; Ctrl-C and SIGTERM end its calls from now on. NULL after a message. */
struct runner *open_runner(void);
/* Forgets a Ctrl-C that was noticed, so that calls work again until the next one. */
void forget_interrupt(void);
/* Its calls end after that time as well, as if interrupted. */
void interrupt_after(int64_t ms);
bool is_time_over(void); /* the time of interrupt_after */

/* The id that begins with `prefix`. Fails when there is none, or more than one. */
int find_session(struct runner *runner, const char *prefix, char ret_id[RUNNER_ID_BYTES],
                 struct rpc_error *err);

/* A script from a file, or from standard input for "-"; at most 16 MiB. -1 and *err. */
int read_script(const char *file, struct rpc_strbuf *ret_text, struct rpc_error *err);
/* An object of "NAME=VALUE" texts (NULL: none), each value JSON or else a text: a new reference. */
json_t *parse_inputs(const char *const *inputs);

/* Shows the lines of a session as they come, until it has ended; the exit code. */
int follow_session(struct runner *runner, const char *id);

/* Lines of a session, to the streams they belong to. What goes to standard output may stay in a
 * buffer, unless it is a terminal, until show_pause: to be called before anything is waited for,
 * and at the end. Both return false when nobody reads it. */
void prepare_lines(void); /* before anything is written */
bool show_line(const struct runner_line *line);
bool show_pause(void);
void show_gap(uint64_t dropped);

/* "512 B", "1.5 MiB". Returns `text`. */
#define BYTES_TEXT_BYTES 24
const char *format_bytes(int64_t bytes, char text[BYTES_TEXT_BYTES]);

#endif
