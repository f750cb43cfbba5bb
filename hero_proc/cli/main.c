/* main.c - the daemon itself, and the table of all commands. */
#include "command.h"

#include <string.h>

static int run_health(const struct options *options) {
    struct session session;
    bool is_done = false;
    json_t *health =
        session_begin(&session, options) ? proc_health(session.client, &session.err) : NULL;
    const char *status = lenient_text(health, "status");
    const char *version = lenient_text(health, "version");
    if (health && options->as_json)
        is_done = print_json(json_incref(health));
    else if (health)
        is_done = printf("hero_proc %s is %s\n", version ? version : "",
                         status ? status : "not telling how it is") > 0;
    is_done = is_done && status && strcmp(status, "ok") == 0;
    json_decref(health);
    return session_end(&session, is_done);
}

static int run_shutdown(const struct options *options) {
    struct session session;
    bool is_done = session_begin(&session, options) &&
                   proc_shutdown(session.client, options->force, &session.err) == 0;
    if (is_done && !options->as_json) printf("hero_proc is shutting down\n");
    if (is_done && options->as_json) is_done = print_json(json_pack("{s:b}", "ok", true));
    return session_end(&session, is_done);
}

static const struct command health = {
    .name = "health",
    .operands = "",
    .summary = "whether the daemon is well",
    .description = "Exits 0 when the daemon answers that it is well, else 1.",
    .run = run_health,
};

static const struct option_spec shutdown_specs[] = {
    {"force", 0, OPTION_FLAG, offsetof(struct options, force), NULL,
     "stop all services too, those that require others first"},
};

static const struct command shutdown_command = {
    .name = "shutdown",
    .operands = "",
    .summary = "end the daemon",
    .description =
        "Ends the daemon. What it has started goes on, and the next daemon takes it over;\n"
        "with --force it is stopped.",
    .rules = {COMMAND_RULES(shutdown_specs)},
    .run = run_shutdown,
};

const struct command *const system_commands[] = {&health, &shutdown_command, NULL};

static const struct command *const *const groups[] = {
    service_commands, action_commands, job_commands,    run_commands,
    log_commands,     secret_commands, system_commands,
};
enum { GROUP_COUNT = sizeof groups / sizeof groups[0], COMMANDS_MAX = 64 };

static const struct command_alias aliases[] = {{"log", "logs"}, {"services", "service"}};

static const struct option_spec common[] = {
    {"socket", 0, OPTION_TEXT, offsetof(struct options, socket), "PATH",
     "the daemon's socket (default: hero_proc/rpc.sock where\nthe Hero sockets are)"},
    {"context", 0, OPTION_TEXT, offsetof(struct options, context), "NAME",
     "the context of actions, jobs and secrets (default: core)"},
    {"json", 0, OPTION_FLAG, offsetof(struct options, as_json), NULL,
     "print the server's answer as JSON"},
};

int main(int argc, char **argv) {
    const struct command *commands[COMMANDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < GROUP_COUNT; i++)
        for (const struct command *const *command = groups[i]; *command; command++)
            commands[count++] = *command;
    const struct program program = {
        .name = "hero_proc",
        .about = "services, actions, jobs, logs and secrets of hero_proc_server",
        .notes =
            "Each command also has a dotted form: hero_proc service.list. --socket, --context\n"
            "and --json may stand in front of the command.\n\n"
            "Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted.\n"
            "This hero_proc is part of hero_runner_rhai.\n",
        .commands = commands,
        .command_count = count,
        .aliases = aliases,
        .alias_count = sizeof aliases / sizeof aliases[0],
        .common = common,
        .common_count = sizeof common / sizeof common[0],
        .options_bytes = sizeof(struct options),
        .unreachable_code = EXIT_FAILED,
        .unreachable_hint = "is hero_proc_server running?",
    };
    return program_main(&program, argc, argv);
}
