/* main.c - the commands of hero_runner_rhai. */
#include "command.h"

static const struct command *const commands[] = {
    &run_command,
    &rerun_command,
    &list_command,
    &show_command,
    &logs_command,
    &stop_command,
    &delete_command,
    &check_command,
    &functions_command,
    &repl_command,
    &scripts_save_command,
    &scripts_list_command,
    &scripts_show_command,
    &scripts_delete_command,
    &status_command,
    &config_command,
    &reload_command,
    &drain_command,
    &start_command,
    &stop_service_command,
    &info_command,
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
