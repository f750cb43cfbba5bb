/*
 * Control groups, where this process may make some: a session with a limit of processes gets one of
 * its own. The kernel then refuses the process that would be one too many, in a pids controller of
 * either version, and in the second version kills all of the session at once.
 *
 * Groups are made below the server's own, so whatever bounds the server bounds sessions too:
 *
 *     <own group>/hero_runner_rhai.<instance>/<pid of the session process>
 *
 * The session process makes its group and goes there before the script begins (zygote/cgroup.h);
 * the server looks at it, kills in it, and removes it. Where there are v1 and v2 hierarchies side
 * by side there is a group in each. Where there is neither, nothing here does anything, and the
 * limit is kept by counting alone (process.c).
 *
 * Control groups: kernel manual, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/pids.rst.
 */
#ifndef RUNNER_SERVER_CGROUPS_H
#define RUNNER_SERVER_CGROUPS_H

#include <stdbool.h>
#include <sys/types.h>

struct cgroups;

/* Kills and removes what dead servers have left in our own group: those whose groups nobody holds
 * locked. Before cgroups_new. */
void cgroups_sweep(void);

/* Finds out what may be made; `instance` NULL: nothing. NULL without memory. */
struct cgroups *cgroups_new(const char *instance);
/* Removes the groups of this server; no session may be there any more. */
void cgroups_free(struct cgroups *cgroups);

/* "cgroup-v2", "cgroup-v1" or "counting": how the limit of processes is kept. */
const char *cgroups_mechanism(const struct cgroups *cgroups);
/* The directories in which a session process makes its groups, for the pids controller and for
 * killing; "": none. */
const char *cgroups_pids_dir(const struct cgroups *cgroups);
const char *cgroups_kill_dir(const struct cgroups *cgroups);

/* Whether the kernel has refused the group of this session process another process. */
bool cgroups_has_refused(const struct cgroups *cgroups, pid_t pid);
/* SIGKILL for everything in its group. Does nothing when there is none. */
void cgroups_kill(const struct cgroups *cgroups, pid_t pid);
/* Nothing is in its group any more. */
void cgroups_remove(const struct cgroups *cgroups, pid_t pid);

#endif
