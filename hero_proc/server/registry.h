/* registry.h - the supervisor's tables, shared by supervisor.c, services.c, runs.c and schedule.c. */
#ifndef HERO_PROC_SERVER_REGISTRY_H
#define HERO_PROC_SERVER_REGISTRY_H

#include "server/supervisor.h"

struct action {
    LIST_ENTRY(action) link;
    struct action_spec *spec;
    int64_t next_ms; /* wall clock of its schedule; 0: none */
};

enum service_state {
    SERVICE_INACTIVE,
    SERVICE_BLOCKED,
    SERVICE_STARTING,
    SERVICE_RUNNING,
    SERVICE_DEGRADED,
    SERVICE_STOPPING,
    SERVICE_EXITED,
    SERVICE_SUCCESS,
    SERVICE_FAILED,
    SERVICE_UNKNOWN,
};

#define SERVICE_JOBS_MAX 32

struct service {
    LIST_ENTRY(service) link;
    struct supervisor *supervisor;
    struct service_spec *spec;
    enum wanted wanted;
    bool is_started;    /* has a run that was not stopped; it may have ended by itself */
    bool is_restarting; /* is being stopped, to be started again */
    bool is_deleting;   /* goes when nothing of it runs */
    bool has_run;       /* since it was set or the daemon began */
    int64_t run;
    struct job *jobs[SERVICE_JOBS_MAX]; /* of the run, ended ones too */
    size_t job_count;
    enum service_state state; /* as last worked out */
    int64_t since_ms;
    /* Of the service as a whole, while all its jobs run. */
    struct health *probe;
    bool is_probe_ready, is_probe_failing;
    char probe_why[256];
    int64_t probe_restarts;
    char refusal[512]; /* why its last start did not come about; "": it did */
};

TAILQ_HEAD(job_list, job);

struct supervisor {
    struct supervisor_options options;
    struct job_owner owner;
    LIST_HEAD(, action) actions;
    LIST_HEAD(, service) services;
    struct job_list jobs; /* all that have not been let go: live ones, and those of a service's run */
    int64_t last_job, last_run;
    struct event *evaluate, *schedule, *prune;
    int64_t last_looked_ms; /* wall clock, of the schedule */
    bool is_stopping;       /* everything is to end */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

struct action *registry_find_action(const struct supervisor *supervisor, const char *context,
                                    const char *name);
struct service *registry_find_service(const struct supervisor *supervisor, const char *context,
                                      const char *name);
struct job *registry_find_job(const struct supervisor *supervisor, int64_t id);
int registry_not_found(struct rpc_error *err, const char *what, const char *name);

/* Everything is looked at again, soon. */
void supervisor_evaluate_later(struct supervisor *supervisor);

/* A job that is to begin when what it depends on is there. NULL with an error. */
struct job *supervisor_add_job(struct supervisor *supervisor, struct action_spec *spec,
                               const char *service, int64_t run, const json_t *tags,
                               struct rpc_error *err);
/* Out of the table and freed. */
void supervisor_let_go(struct supervisor *supervisor, struct job *job);
void supervisor_write_job(struct supervisor *supervisor, const struct job *job);
bool supervisor_is_action_live(const struct supervisor *supervisor, const struct action_spec *spec);
/* Whether every job that it depends on is ready; *ret_failed names one that has failed. */
bool supervisor_may_begin(const struct supervisor *supervisor, const struct job *job,
                          const char **ret_failed);

/* services.c */
const char *service_state_name(enum service_state state);
enum service_state service_work_out_state(const struct service *service);
void service_explain(const struct service *service, char *out, size_t size);
bool service_has_live_jobs(const struct service *service);
bool service_is_ready(const struct service *service);
/* Brings it nearer to what is wanted; true when something has changed. */
bool service_evaluate(struct service *service);
void service_forget_jobs(struct service *service);
void service_free(struct service *service);

/* schedule.c */
int schedule_init(struct supervisor *supervisor);
void schedule_action(struct supervisor *supervisor, struct action *action);

#endif
