/* cmd_repl.c - `rhai repl`: scripts typed piece by piece. */
#include "commands.h"

#include <rhai_console/repl.h>

#include <stdio.h>
#include <string.h>

const char cmd_repl_help[] =
    "rhai repl\n"
    "    Runs what is typed, piece by piece, and shows the values. Variables and functions stay.\n"
    "    .help lists the commands. Ctrl-C ends a running piece, Ctrl-D the session.\n";

int cmd_repl(int argc, char **argv) {
    if (argc > 1) {
        if (!strcmp(argv[1], "--help")) return fputs(cmd_repl_help, stdout) < 0;
        fprintf(stderr, "rhai repl: no option '%s'; see rhai --help\n", argv[1]);
        return EXIT_USAGE;
    }
    repl_setup setup = {
        .name = "rhai", .greeting = "Rhai " HERO_VERSION "; .help for help", .stop_fd = -1};
    setup.engine = rhai_engine_new(NULL);
    setup.scope = setup.engine ? rhai_scope_new(setup.engine) : NULL;
    bool has_run = setup.scope && repl_run(&setup);
    if (!has_run) fprintf(stderr, "rhai: out of memory\n");
    rhai_scope_free(setup.engine, setup.scope);
    rhai_engine_free(setup.engine);
    return has_run ? 0 : EXIT_SCRIPT;
}
