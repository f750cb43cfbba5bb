/*
 * A session's processes from outside: the session process and all below it, by the kernel's lists
 * of children. Nothing of it can leave the tree, as the session process is a child subreaper.
 */
#ifndef RUNNER_SERVER_TREE_H
#define RUNNER_SERVER_TREE_H

#include <stdint.h>
#include <sys/types.h>

struct tree {
    unsigned processes; /* that live */
    int64_t cpu_ms;     /* theirs, and of those that they have waited for */
};

/* Looks at the tree below and with `root`; stops counting at `most` processes. */
void tree_look(pid_t root, unsigned most, struct tree *ret_tree);

#endif
