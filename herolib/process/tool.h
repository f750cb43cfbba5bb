/* tool.h - modules that work through a program: git, ssh, nerdctl ...
 *
 * What goes wrong is thrown, and worded the same for all of them:
 *
 *     git: cannot run git: it is not installed (Debian package git)
 *     nerdctl: stop web: exit code 1: no such container: web (see nerdctl ps -a)
 *     nerdctl: images: cannot read its output (another version of nerdctl?): ...
 */
#ifndef HEROLIB_PROCESS_TOOL_H
#define HEROLIB_PROCESS_TOOL_H

#include "process/argv.h"
#include "process/command.h"

struct tool {
    const char *module; /* begins the errors */
    const char *program;
    const char *package; /* the Debian package that has it; NULL: none has */
    const char *advice;  /* ends the error of a run that failed; NULL: nothing to say */
};

/* As command_run, with the errors thrown: a stop, and a program that cannot be started. The exit
 * code is the caller's to judge. */
rhai_status tool_run(rhai_call *call, const struct tool *tool, const struct command *command,
                     struct command_result *ret_result);

/* For an error: the command (argv[1]) and the first argument behind it that is no option: "stop
 * web". */
#define TOOL_WHAT_BYTES 300
void tool_describe(const struct argv *argv, char ret_what[TOOL_WHAT_BYTES]);

/* Throws "module: what: exit code 1: ..." with the end of what the program wrote to its error
 * output. The result stays the caller's. */
rhai_status tool_throw(rhai_call *call, const struct tool *tool, const char *what,
                       const struct command_result *result);

/* Runs `argv`, which is ended, the program's name in it; a failure is thrown as tool_describe calls
 * it. `how` has the rest: input, environment, whether it is silent. */
rhai_status tool_do(rhai_call *call, const struct tool *tool, struct argv *argv,
                    const struct command *how, struct command_result *ret_result);

/* ---- Functions that are one command of the program --------------------------------------- */

/* Throws unless a text can name something: it is not empty, and does not begin with a dash, which
 * would make it an option. */
rhai_status tool_check_name(rhai_call *call, const struct tool *tool, const char *name);

/* Adds words to `argv`, in which arguments of the call have places: `$1` is the first, as a name,
 * `%1` the same as any text; both may have something before them: `--x=%1`. With an `object` that
 * is what `$0` stands for, and `args[0]` is not counted. Throws what an argument cannot be. */
rhai_status tool_add_words(rhai_call *call, const struct tool *tool, const char *const *words,
                           const char *object, const rhai_value *args, struct argv *argv);

/* A string, number or bool as text, which lives as long as the value and `ret_owned`, which is to
 * be ended in any case. NULL after an error has been thrown: another type, a NUL character. */
const char *tool_text(rhai_call *call, const struct tool *tool, const rhai_value *value,
                      rhai_value *ret_owned);

/* Makes a value of the result, and ends it. */
typedef rhai_status tool_giver(rhai_call *call, struct command_result *result, rhai_value *ret);

/* The command of such words, run; its result given. */
rhai_status tool_command(rhai_call *call, const struct tool *tool, const char *const *words,
                         const char *object, bool is_silent, tool_giver *give, rhai_value *args,
                         rhai_value *ret);

/* ---- Results ------------------------------------------------------------------------------ */

/* What it wrote to its standard output, without line ends at the end. */
tool_giver tool_give_output;
/* The same as it is. */
tool_giver tool_give_content;
/* All of it, as a CommandResult. */
tool_giver tool_give_result;

/* An array of maps: the output is a JSON array of objects, or a JSON object on each line. Ends the
 * result; throws "module: what: ..." when it is something else. */
rhai_status tool_give_list(rhai_call *call, const struct tool *tool, const char *what,
                           struct command_result *result, rhai_value *ret);

#endif
