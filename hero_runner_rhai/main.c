/* main.c - finds the command and shows help, both from one table. */
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_run, &command_list, &command_logs, &command_stop, &command_status,
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static int print_help(void) {
    printf("hero_runner_rhai - runs Rhai scripts as sessions of hero_runner_rhai_server\n\n"
           "Usage: hero_runner_rhai COMMAND [OPTION]...\n\n"
           "Commands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-8s%s\n", commands[i]->name, commands[i]->summary);
    printf("\n"
           "hero_runner_rhai COMMAND --help tells more; --version shows the version.\n"
           "An ID may be shortened to its first characters as long as it is clear.\n\n"
           "Exit codes: 0 success, 1 the session failed or the request was refused, 2 wrong\n"
           "usage, 3 no server is reachable, 130 interrupted.\n");
    return EXIT_OK;
}

static int print_command_help(const struct command *command) {
    printf("Usage: hero_runner_rhai %s [OPTION]...%s%s\n\n%s\n\nOptions:\n", command->name,
           *command->operands ? " " : "", command->operands, command->description);
    options_print_help(&command->rules, stdout);
    return EXIT_OK;
}

static int refuse_usage(const struct command *command, const char *message) {
    tell("%s: %s; see hero_runner_rhai %s --help", command->name, message, command->name);
    return EXIT_USAGE;
}

static int run_command(const struct command *command, int argc, char **argv) {
    struct options options;
    char message[OPTIONS_MESSAGE_BYTES];
    int code;
    if (!options_parse(&command->rules, argc, argv, &options, message))
        code = refuse_usage(command, message);
    else if (options.wants_help)
        code = print_command_help(command);
    else
        code = command->run(&options);
    options_done(&options);
    return code;
}

static int dispatch(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) return print_help();
    if (!strcmp(name, "--version")) {
        printf("hero_runner_rhai %s\n", HERO_VERSION);
        return EXIT_OK;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(name, commands[i]->name)) return run_command(commands[i], argc - 2, argv + 2);
    if (*name)
        tell("there is no command '%s'; see hero_runner_rhai --help", name);
    else
        tell("no command is given; see hero_runner_rhai --help");
    return EXIT_USAGE;
}

int main(int argc, char **argv) {
    /* A reader that goes away is an error of the write, so that a session can be stopped. */
    signal(SIGPIPE, SIG_IGN);
    int code = dispatch(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    if (errno != EPIPE) tell("cannot write to standard output: %s", strerror(errno));
    return code == EXIT_OK ? EXIT_FAILED : code;
}
