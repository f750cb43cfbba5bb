/* main.c - finds the sub-command. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"run", cmd_run, cmd_run_help},
    {"check", cmd_check, cmd_check_help},
    {"repl", cmd_repl, cmd_repl_help},
    {"functions", cmd_functions, cmd_functions_help},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static int print_help(void) {
    printf("rhai - the Rhai scripting language\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("%s\n", commands[i].help);
    printf("rhai --help      show this\n"
           "rhai --version   show the version\n");
    return 0;
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) return print_help();
    if (!strcmp(name, "--version")) return printf("rhai %s\n", HERO_VERSION) < 0;

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(name, commands[i].name)) return commands[i].run(argc - 1, argv + 1);

    if (*name)
        fprintf(stderr, "rhai: no command '%s'; see rhai --help\n", name);
    else
        fprintf(stderr, "usage: rhai run [options] FILE; see rhai --help\n");
    return EXIT_USAGE;
}
