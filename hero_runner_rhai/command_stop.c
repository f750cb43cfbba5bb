/* command_stop.c - stops a session and waits for its end. */
#include "command.h"

static int stop(struct runner *runner, const char *prefix, struct rpc_error *err) {
    char id[RUNNER_ID_BYTES];
    bool is_stopping;
    struct runner_session session = {0};
    if (find_session(runner, prefix, id, err) < 0 ||
        runner_session_stop(runner, id, &is_stopping, err) < 0 ||
        runner_session_get(runner, id, &session, err) < 0)
        return -1;
    const struct runner_follow nothing = {.after_seq = session.lines};
    runner_session_done(&session);
    if (runner_session_follow(runner, id, &nothing, &session, err) < 0) return -1;
    printf("%s %s%s\n", id,
           is_stopping ? "" : "had already ended: ", runner_status_name(session.status));
    runner_session_done(&session);
    return 0;
}

static int stop_all(struct runner *runner, struct rpc_error *err) {
    unsigned stopped, cancelled;
    if (runner_session_stop_all(runner, &stopped, &cancelled, err) < 0) return -1;
    printf("%u stopped, %u cancelled\n", stopped, cancelled);
    return 0;
}

static int run(const struct options *options) {
    struct rpc_error err = {0};
    if ((options->line.operand_count == 1) == options->all) {
        tell("stop: needs either the session's ID or --all; see hero_runner_rhai stop --help");
        return EXIT_USAGE;
    }
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    int failed =
        options->all ? stop_all(runner, &err) : stop(runner, options->line.operands[0], &err);
    runner_close(runner);
    return failed ? tell_error(&err) : EXIT_OK;
}

static const struct option_spec specs[] = {
    {"all", 0, OPTION_FLAG, offsetof(struct options, all), NULL,
     "all sessions, running or waiting; does not wait for\ntheir end"},
};

const struct command stop_command = {
    .name = "stop",
    .operands = "ID|--all",
    .summary = "stop a session",
    .description = "Stops a session, running or waiting for its turn, and shows how it has ended:\n"
                   "its ID and status. Nothing of it runs any more then.",
    .rules = {COMMAND_RULES(specs), .operands_max = 1, .operand_name = "the session's ID"},
    .run = run,
};
