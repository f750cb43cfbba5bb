/* main.c - the commands of hero_runner_rhai. */
#include "command.h"

static const struct command *const commands[] = {
    &command_run,          &command_rerun,        &command_list,         &command_logs,
    &command_stop,         &command_delete,       &command_check,        &command_functions,
    &command_scripts_save, &command_scripts_list, &command_scripts_show, &command_scripts_delete,
    &command_status,       &command_config,       &command_reload,       &command_drain,
    &command_start,        &command_stop_service, &command_info,
};

static const struct command_alias aliases[] = {{"--status", "status"}};

static const struct program program = {
    .name = "hero_runner_rhai",
    .about = "runs Rhai scripts as sessions of hero_runner_rhai_server",
    .notes = "An ID may be shortened to its first characters as long as it is clear.\n\n"
             "Exit codes: 0 success, 1 the session failed or the request was refused, 2 wrong\n"
             "usage, 3 no server is reachable, 130 interrupted.\n",
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
    .aliases = aliases,
    .alias_count = sizeof aliases / sizeof aliases[0],
    .options_bytes = sizeof(struct options),
    .unreachable_code = EXIT_NO_SERVER,
    .unreachable_hint = "is hero_runner_rhai_server running?",
};

int main(int argc, char **argv) {
    return program_main(&program, argc, argv);
}
