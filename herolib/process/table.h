/* table.h - the processes of the machine, as /proc lists them (proc(5)). */
#ifndef HEROLIB_PROCESS_TABLE_H
#define HEROLIB_PROCESS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid, parent;
    char name[64];        /* of the program, which the kernel cuts after 15 bytes */
    char *command;        /* its arguments with spaces between them, from malloc; NULL: not read */
    uint64_t start_ticks; /* since boot; the three are in units of sysconf(_SC_CLK_TCK) */
    uint64_t cpu_ticks;
    uint64_t memory_bytes; /* resident */
};

struct process_table {
    struct process *items; /* in the order of their numbers */
    size_t count, cap;
};

/* All that are there, with their command lines if wanted; a process that ends meanwhile is left
 * out. 0 or -errno: then there is nothing to free. */
int process_table_read(struct process_table *ret_table, bool with_commands);
void process_table_done(struct process_table *table);

/* How much of one processor it has used since its start, in percent. */
double process_cpu_percent(const struct process *process);

#endif
