/* The control groups of a session (server/cgroups.h), made by its own process. */
#ifndef RUNNER_ZYGOTE_CGROUP_H
#define RUNNER_ZYGOTE_CGROUP_H

/* In the zygote: where groups are made for the pids controller and for killing; "": nowhere.
 * Borrowed. */
void cgroup_init(const char *pids_dir, const char *kill_dir);

/* Moves this process into a group of its own, in which there may be so many processes. What fails
 * is left to the server, which counts. */
void cgroup_enter(long long processes);

#endif
