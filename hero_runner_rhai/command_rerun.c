/* command_rerun.c - runs a session again; deletes one. */
#include "command.h"

static int rerun(const struct options *options) {
    struct rpc_error err = {0};
    char old[RUNNER_ID_BYTES], id[RUNNER_ID_BYTES];
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    json_t *inputs = options->inputs ? parse_inputs(options->inputs) : NULL;
    int code;
    if (find_session(runner, options->line.operands[0], old, &err) < 0 ||
        runner_session_rerun(runner, old, options->env_vars, inputs, id, &err) < 0) {
        code = tell_error(&err);
    } else if (options->detach) {
        printf("%s\n", id);
        code = EXIT_OK;
    } else {
        code = follow_session(runner, id);
    }
    json_decref(inputs);
    runner_close(runner);
    return code;
}

static const struct option_spec rerun_specs[] = {
    {"env", 0, OPTION_VARIABLE, offsetof(struct options, env_vars), "NAME=VALUE",
     "a variable to replace or add; secret ones were not\nstored and must be given again"},
    {"input", 'i', OPTION_VARIABLE, offsetof(struct options, inputs), "NAME=VALUE",
     "an input to replace"},
    {"detach", 'd', OPTION_FLAG, offsetof(struct options, detach), NULL,
     "print the session's ID and leave it running"},
};

const struct command rerun_command = {
    .name = "rerun",
    .operands = "ID",
    .summary = "run a session again",
    .description = "Begins a new session with everything that was asked of an old one, and shows\n"
                   "what it prints, as run does.",
    .rules = {COMMAND_RULES(rerun_specs), .operands_min = 1, .operands_max = 1,
              .operand_name = "the session's ID"},
    .run = rerun,
};

static int delete (const struct options *options) {
    struct rpc_error err = {0};
    char id[RUNNER_ID_BYTES];
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    int failed = find_session(runner, options->line.operands[0], id, &err) < 0 ||
                 runner_session_delete(runner, id, &err) < 0;
    runner_close(runner);
    return failed ? tell_error(&err) : EXIT_OK;
}

const struct command delete_command = {
    .name = "delete",
    .operands = "ID",
    .summary = "forget a session that has ended",
    .description = "Removes a session that has ended, with its lines, from the history.",
    .rules = {.operands_min = 1, .operands_max = 1, .operand_name = "the session's ID"},
    .run = delete,
};
