/* commands.h - the sub-commands of `rhai`.
 *
 * Each gets its own name in argv[0] and returns the program's exit code.
 */
#ifndef RHAI_TOOL_COMMANDS_H
#define RHAI_TOOL_COMMANDS_H

enum {
    EXIT_SCRIPT = 1, /* the script failed, or is not a script */
    EXIT_USAGE = 2,  /* wrong options, or a file that cannot be read */
};

/* Shown by `rhai --help`, one line per option. */
extern const char cmd_run_help[];
int cmd_run(int argc, char **argv);
extern const char cmd_check_help[];
int cmd_check(int argc, char **argv);
extern const char cmd_repl_help[];
int cmd_repl(int argc, char **argv);
extern const char cmd_functions_help[];
int cmd_functions(int argc, char **argv);

#endif
