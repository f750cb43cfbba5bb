/* tool.h - modules that work through a program: git, ssh, nerdctl ... */
#ifndef HEROLIB_PROCESS_TOOL_H
#define HEROLIB_PROCESS_TOOL_H

#include "process/command.h"

/* As command_run, with the errors thrown: a stop, and a program that cannot be started, which
 * names the Debian package that has it (NULL: none has). The exit code is the caller's to judge.
 * `module` begins the error: "git". */
rhai_status tool_run(rhai_call *call, const char *module, const char *package,
                     const struct command *command, struct command_result *ret_result);

/* Throws "module: what: ..." with the end of what the program wrote to its error output, or its exit
 * code when that is nothing. Ends the result. */
rhai_status tool_throw(rhai_call *call, const char *module, const char *what,
                       struct command_result *result);

/* What it wrote to its standard output, without line ends at the end. Ends the result. */
rhai_status tool_give_output(rhai_call *call, struct command_result *result, rhai_value *ret);

#endif
