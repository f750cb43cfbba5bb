/*
 * A session's processes from outside: the session process and all below it, by the kernel's lists
 * of children. Nothing of it can leave the tree, as the session process is a child subreaper.
 */
#ifndef RUNNER_SERVER_TREE_H
#define RUNNER_SERVER_TREE_H

#include <stdint.h>
#include <sys/types.h>

#define TREE_MAX 4096 /* processes looked at, those that nobody has waited for included */

struct tree {
    unsigned processes;         /* that live */
    int64_t user_us, system_us; /* theirs, and of those that they have waited for */
    int64_t rss_bytes;          /* of all, what they share counted for each */
};

/* Looks at the tree below and with `root`; stops at `most` processes that live, or TREE_MAX in all.
 */
void tree_look(pid_t root, unsigned most, struct tree *ret_tree);

/* What the kernel says of one process in /proc/PID/status. Zero where it says nothing. */
struct process_status {
    int64_t peak_rss_kib, voluntary_switches, involuntary_switches;
};
void process_status_read(pid_t pid, struct process_status *ret_status);

#endif
