/*
 * The supervisor: which actions and services there are, what of them should run, and what does.
 *
 * Wanted and actual state are apart. What users call sets what is wanted; after every change, and
 * whenever a process does something, all services are looked at again (supervisor.c, evaluate) and
 * what differs is set right, in the order of their dependencies. So a stop needs no list of what to do
 * next: the service is not wanted any more, those that require it are therefore not wanted either, and
 * each ends as soon as nothing that requires it runs.
 */
#ifndef HERO_PROC_SERVER_SUPERVISOR_H
#define HERO_PROC_SERVER_SUPERVISOR_H

#include "server/job.h"
#include "server/logs.h"
#include "server/state_db.h"

#include <hero_rpc/error.h>

struct supervisor;

#define SUPERVISOR_OWN_NAME "hero_proc" /* a service of this name always counts as ready */

struct supervisor_options {
    struct event_base *base;
    const char *state_dir, *programs_dir;
    struct state_db *db;
    struct logs *logs;
    int64_t keep_jobs, keep_days;
};

/* Takes over what a daemon before it has left running, then starts what is wanted. */
struct supervisor *supervisor_new(const struct supervisor_options *options, struct rpc_error *err);
/* What runs goes on. NULL is allowed. */
void supervisor_free(struct supervisor *supervisor);
/* Stops everything, dependents first, and says when nothing runs. What is wanted stays written. */
void supervisor_stop_all(struct supervisor *supervisor, void (*stopped)(void *ctx), void *ctx);

/* Failures: RPC_ERROR_INVALID, with one of these codes. */
enum {
    SUPERVISOR_BAD_SPEC = 0,
    SUPERVISOR_NOT_FOUND = -32000,
    SUPERVISOR_WRONG_STATE = -32001,
    SUPERVISOR_STOPPING = -32006,
};

/* ---- Actions ---- */
int supervisor_set_action(struct supervisor *supervisor, const json_t *spec, struct rpc_error *err);
/* New references; NULL with an error. */
json_t *supervisor_get_action(struct supervisor *supervisor, const char *context, const char *name,
                              struct rpc_error *err);
json_t *supervisor_list_actions(struct supervisor *supervisor, const char *context);
int supervisor_delete_action(struct supervisor *supervisor, const char *context, const char *name,
                             struct rpc_error *err);
/* The names of those with the tag, which are deleted unless it is a dry run or a service uses them. */
json_t *supervisor_clean_actions(struct supervisor *supervisor, const char *context, const char *tag,
                                 bool is_dry_run);

/* ---- Services ---- */
int supervisor_set_service(struct supervisor *supervisor, const json_t *spec, struct rpc_error *err);
json_t *supervisor_get_service(struct supervisor *supervisor, const char *context, const char *name,
                               struct rpc_error *err);
json_t *supervisor_service_status(struct supervisor *supervisor, const char *context,
                                  const char *name, struct rpc_error *err);
json_t *supervisor_list_services(struct supervisor *supervisor, const char *context);
/* *ret_run: the run that it has, 0 when it waits for others. */
int supervisor_start_service(struct supervisor *supervisor, const char *context, const char *name,
                             int64_t *ret_run, struct rpc_error *err);
int supervisor_stop_service(struct supervisor *supervisor, const char *context, const char *name,
                            struct rpc_error *err);
int supervisor_restart_service(struct supervisor *supervisor, const char *context, const char *name,
                               struct rpc_error *err);
/* One that runs is stopped, and goes when it has ended. */
int supervisor_delete_service(struct supervisor *supervisor, const char *context, const char *name,
                              struct rpc_error *err);
/* Those of class user: how many. */
size_t supervisor_start_services(struct supervisor *supervisor, bool start);

/* ---- Jobs and runs ---- */
/* Of an action that is set, or of a spec; one of them. 0 with an error. */
int64_t supervisor_create_job(struct supervisor *supervisor, const char *context, const char *action,
                              const json_t *spec, const json_t *tags, struct rpc_error *err);
json_t *supervisor_get_job(struct supervisor *supervisor, int64_t id, struct rpc_error *err);
json_t *supervisor_list_jobs(struct supervisor *supervisor, const struct job_query *query);
int supervisor_cancel_job(struct supervisor *supervisor, int64_t id, struct rpc_error *err);
int64_t supervisor_retry_job(struct supervisor *supervisor, int64_t id, struct rpc_error *err);
int supervisor_delete_job(struct supervisor *supervisor, int64_t id, bool force,
                          struct rpc_error *err);
/* jobs: an array of {action} or {spec}, each with tags perhaps. 0 with an error: then none runs. */
int64_t supervisor_submit_run(struct supervisor *supervisor, const char *context, const json_t *jobs,
                              const json_t *tags, struct rpc_error *err);
json_t *supervisor_get_run(struct supervisor *supervisor, int64_t id, struct rpc_error *err);
json_t *supervisor_list_runs(struct supervisor *supervisor, const char *service, int64_t limit);
int supervisor_cancel_run(struct supervisor *supervisor, int64_t id, struct rpc_error *err);
int supervisor_delete_run(struct supervisor *supervisor, int64_t id, struct rpc_error *err);

struct supervisor_stats {
    size_t services, actions, live_jobs, processes;
};
void supervisor_stats(const struct supervisor *supervisor, struct supervisor_stats *ret_stats);

#endif
