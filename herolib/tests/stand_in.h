/* stand_in.h - a program that takes the place of another one and records how it is called, for
 * modules that work through a program.
 *
 *     stand_in_set_up("nerdctl");            // in a directory that alone is in PATH
 *     stand_in_answer("echo web");           // what it does, in the shell's own commands
 *     ... the test ...
 *     stand_in_expect("nerdctl stop web\n"); // what has been called since the last look
 *
 * A line for each call: the arguments, in quotes if they have spaces; then, behind "< ", each line
 * that it could read from its standard input.
 */
#ifndef HEROLIB_TESTS_STAND_IN_H
#define HEROLIB_TESTS_STAND_IN_H

/* In group set-up and tear-down; 0, or -1 when that was impossible. */
int stand_in_set_up(const char *program);
int stand_in_tear_down(void);

/* In the shell text $1 is the command, and $dir the directory of the stand-in, whose files last to
 * the end. Nothing is recorded yet afterwards. */
void stand_in_answer(const char *shell_text);
/* Until the next stand_in_answer there is no such program. */
void stand_in_remove(void);

/* Fails the test unless just these calls were made. */
void stand_in_expect(const char *calls);

#endif
