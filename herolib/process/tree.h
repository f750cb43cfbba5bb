/* tree.h - a command with all the processes that come from it.
 *
 * A process whose parent has ended becomes a child of the nearest subreaper above it (prctl(2),
 * PR_SET_CHILD_SUBREAPER), which the process of a session is. So what comes from a command is its
 * process, what is below that, and those of our own children that were not there before it. In a
 * process that is no subreaper, daemons that a command has started escape.
 */
#ifndef HEROLIB_PROCESS_TREE_H
#define HEROLIB_PROCESS_TREE_H

#include <stddef.h>
#include <sys/types.h>

/* How long tree_end waits for processes that do not end on SIGKILL at once. */
#define TREE_END_MAX_MS 2000

struct tree {
    pid_t root;    /* set by the caller once the command has started; not reaped yet */
    pid_t *others; /* our children before it, which are left alone */
    size_t other_count;
};

/* To be called before the command starts. In a subreaper it also reaps what earlier commands left
 * behind and what has ended by now. 0 or -ENOMEM. */
int tree_prepare(struct tree *tree);

/* Sends a signal to all of it. */
void tree_signal(const struct tree *tree, int signal);

/* Kills all of it, again and again until nothing is left, and reaps all but the root. */
void tree_end(const struct tree *tree);

void tree_done(struct tree *tree);

#endif
