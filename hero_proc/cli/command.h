/* command.h - the commands of hero_proc and what they share beyond hero_cli/program.h. */
#ifndef PROC_CLI_COMMAND_H
#define PROC_CLI_COMMAND_H

#include <hero_cli/program.h>
#include <hero_cli/table.h>
#include <hero_proc_sdk/lenient.h>
#include <hero_proc_sdk/proc.h>

/* What all commands together may be given. */
struct options {
    struct option_line line;
    const char *socket; /* NULL: where proc_open looks */
    const char *context;
    bool as_json;
    bool force;
    bool no_wait;
    bool dry_run;
    bool follow;
    int64_t timeout_ms; /* 0: not given */
    int64_t limit;
    int64_t since_ms; /* before now */
    const char *source, *level, *text, *service;
    const char **tags;
};

extern const struct command *const service_commands[],
    *const action_commands[], *const job_commands[], *const run_commands[],
                                                         *const log_commands[],
                                                             *const secret_commands[],
                                                                 *const system_commands[];

/* ---- Calls ------------------------------------------------------------------------------ */

/* A command's calls, with the client and what went wrong. */
struct session {
    const struct options *options;
    struct proc_client *client;
    struct rpc_error err;
};

/* False after a message. session_end is due in either case. */
bool session_begin(struct session *session, const struct options *options);
/* Tells the error if there is one, ends the session and gives the exit code. */
int session_end(struct session *session, bool is_done);

/* An object with these members whose values are not NULL (an even number of texts up to NULL), and
 * the context when one is given. */
json_t *params_of(const struct options *options, ...) __attribute__((sentinel));
/* {"id": <the operand>}; NULL after a message when it is no number. */
json_t *params_with_id(const struct options *options);
/* Adds what is in FILE (- is standard input), one JSON object. NULL after a message. */
json_t *read_object(const char *file);

/* Calls and releases the parameters; the result is a new reference, NULL on error. */
json_t *session_call(struct session *session, enum proc_method method, json_t *params);
/* The whole of a command that shows a result as it is. */
int show_result(const struct options *options, enum proc_method method, json_t *params);
/* The whole of a command whose result tells nothing: "<done>" is printed, or the JSON result. */
int do_quietly(const struct options *options, enum proc_method method, json_t *params,
               const char *done, ...) __attribute__((format(printf, 4, 5)));
/* The whole of a command that sets the spec in the file that is its operand. */
int set_from_file(const struct options *options, enum proc_method method);

/* The whole of a command that shows a list of jobs. */
int list_jobs(const struct options *options, enum proc_method method, json_t *params);

/* ---- Tables ----------------------------------------------------------------------------- */

/* A state or a phase with its glyph and colour. */
void add_state(struct table *table, enum proc_state state, const char *text);
void add_phase(struct table *table, enum proc_phase phase);
/* "-" for 0. */
void add_number(struct table *table, int64_t number);
void add_time(struct table *table, int64_t ms);
void add_age(struct table *table, int64_t since_ms);
/* "-" for NULL; the first line of it. */
void add_text(struct table *table, const char *text);
/* Prints it; false after a message. */
bool show_table(struct table *table);

#define TIME_TEXT_BYTES 32
/* Local time with milliseconds. */
const char *format_time(int64_t ms, char text[TIME_TEXT_BYTES]);

#endif
