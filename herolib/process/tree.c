#include "process/tree.h"

#include "core/file.h"
#include "process/table.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX_BYTES (16 * 1024 * 1024)
#define END_STEP_MS 10

/* ---- Who was there before ---------------------------------------------------------------- */

static bool reaps_orphans(void) {
    int is_subreaper = 0;
    return prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper) == 0 && is_subreaper;
}

static int note(struct tree *tree, pid_t pid) {
    pid_t *others = reallocarray(tree->others, tree->other_count + 1, sizeof *others);
    if (!others) return -ENOMEM;
    tree->others = others;
    tree->others[tree->other_count++] = pid;
    return 0;
}

/* The list is read as a whole before anything is reaped: while it shrinks it may skip some. A
 * kernel without it (CONFIG_PROC_CHILDREN) leaves only the time of the start to tell by. */
int tree_prepare(struct tree *tree) {
    *tree = (struct tree){.root = -1};
    char *list;
    size_t len;
    int failed = file_load("/proc/thread-self/children", CHILDREN_MAX_BYTES, &list, &len);
    if (failed) return failed == -ENOMEM ? failed : 0;
    bool is_reaping = len > 0 && reaps_orphans();
    for (char *at = list, *end; !failed; at = end) {
        pid_t pid = (pid_t)strtol(at, &end, 10);
        if (end == at) break;
        bool is_gone = is_reaping && waitpid(pid, NULL, WNOHANG) == pid;
        if (!is_gone) failed = note(tree, pid);
    }
    free(list);
    if (failed) tree_done(tree);
    return failed;
}

void tree_done(struct tree *tree) {
    free(tree->others);
    *tree = (struct tree){.root = -1};
}

/* ---- Who belongs to it ------------------------------------------------------------------- */

static bool was_there(const struct tree *tree, pid_t pid) {
    for (size_t i = 0; i < tree->other_count; i++)
        if (tree->others[i] == pid) return true;
    return false;
}

static const struct process *find(const struct process_table *table, pid_t pid) {
    for (size_t i = 0; i < table->count; i++)
        if (table->items[i].pid == pid) return &table->items[i];
    return NULL;
}

/* What was there before, or what came from that and is older than the command, is another's. */
static bool is_adopted(const struct tree *tree, const struct process *process,
                       const struct process *root) {
    return process->parent == getpid() && !was_there(tree, process->pid) &&
           (!root || process->start_ticks >= root->start_ticks);
}

/* Moves the members to the front of the table and returns their number. Each round adds the
 * children of those that are known. */
static size_t gather(const struct tree *tree, struct process_table *table) {
    const struct process *found = find(table, tree->root);
    struct process root = found ? *found : (struct process){0};
    size_t count = 0;
    for (bool is_growing = true; is_growing;) {
        is_growing = false;
        for (size_t i = count; i < table->count; i++) {
            struct process process = table->items[i];
            bool belongs =
                process.pid == tree->root || is_adopted(tree, &process, found ? &root : NULL);
            for (size_t k = 0; k < count && !belongs; k++)
                belongs = table->items[k].pid == process.parent;
            if (!belongs) continue;
            table->items[i] = table->items[count];
            table->items[count++] = process;
            is_growing = true;
        }
    }
    return count;
}

/* ---- Its end ----------------------------------------------------------------------------- */

void tree_signal(const struct tree *tree, int signal) {
    struct process_table table;
    if (process_table_read(&table, false) < 0) {
        kill(tree->root, signal);
        return;
    }
    size_t count = gather(tree, &table);
    for (size_t i = 0; i < count; i++)
        kill(table.items[i].pid, signal);
    process_table_done(&table);
}

/* Waits a moment for the end of one process, which may be a child of ours or not. */
static void wait_for(pid_t pid) {
    struct pollfd ended = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    if (ended.fd < 0) return;
    poll(&ended, 1, END_STEP_MS);
    close(ended.fd);
}

/* Kills what is there; how many of it are alive or were a moment ago. The root is a zombie when it
 * has ended, for its status has still to be taken. */
static size_t kill_once(const struct tree *tree) {
    struct process_table table;
    if (process_table_read(&table, false) < 0) {
        kill(tree->root, SIGKILL);
        return 0;
    }
    size_t count = gather(tree, &table), living = 0;
    for (size_t i = 0; i < count; i++)
        kill(table.items[i].pid, SIGKILL);
    for (size_t i = 0; i < count; i++) {
        const struct process *process = &table.items[i];
        wait_for(process->pid);
        if (process->pid == tree->root) continue;
        if (process->parent == getpid()) waitpid(process->pid, NULL, WNOHANG);
        living++;
    }
    process_table_done(&table);
    return living;
}

void tree_end(const struct tree *tree) {
    for (int ms = 0; ms < TREE_END_MAX_MS && kill_once(tree) > 0; ms += END_STEP_MS)
        ;
}
