/*
 * What the daemon looks after: actions, services, jobs and runs, all in memory, each change written
 * to the state database.
 *
 * A service is wanted or not (`asked`); what it is follows from its jobs and is never stored. After
 * each change one pass over all services (reconcile.c) brings the two together: it starts what is
 * asked for once everything it requires is ready, and stops what may not stay, those that require
 * it first.
 */
#ifndef HERO_PROC_SERVER_SUPERVISOR_H
#define HERO_PROC_SERVER_SUPERVISOR_H

#include "server/job.h"
#include "server/state_db.h"

#define SUPERVISOR_OWN_NAME "hero_proc" /* a service that always is there and ready */

struct supervisor;

/* ---- Actions (actions.c) ------------------------------------------------------------------ */

struct action {
    TAILQ_ENTRY(action) link;
    struct supervisor *supervisor;
    struct action_spec *spec;
    struct event *timer; /* of its schedule; NULL: none */
    int64_t next_ms;     /* cron: wall clock; interval: monotonic */
};

struct action *action_find(struct supervisor *supervisor, const char *context, const char *name);
/* Takes the place of the one of that name; the reference is taken. NULL without memory. */
struct action *action_put(struct supervisor *supervisor, struct action_spec *spec);
void action_remove(struct action *action);
/* When its schedule starts it next, wall clock; 0: never. */
int64_t action_next_ms(const struct action *action);
/* (schedule.c) Begins or ends its schedule, as the spec says. -1 without memory. */
int schedule_begin(struct action *action);

/* ---- Services (services.c) ---------------------------------------------------------------- */

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
const char *service_state_name(enum service_state state);

struct service {
    TAILQ_ENTRY(service) link;
    struct supervisor *supervisor;
    struct service_spec *spec;
    bool asked;      /* it shall run */
    bool begun;      /* its jobs were made since it was asked for */
    bool bounce;     /* to be stopped, and then started */
    bool is_cut;     /* is being stopped because something it requires stops */
    bool is_deleted; /* to be forgotten once it is down */
    int64_t run_id;
    struct job **jobs; /* of the present run, or the last one */
    size_t job_count;
    char why_not[256]; /* why it cannot begin; "" */
    unsigned pass;     /* of reconciling in which may_stay was found */
    bool may_stay;
    int64_t since_ms;
    enum service_state told_state; /* at since_ms */
};

struct service *service_find(struct supervisor *supervisor, const char *context, const char *name);
/* Takes the place of the spec of that name; the reference is taken. NULL without memory. */
struct service *service_put(struct supervisor *supervisor, struct service_spec *spec);
void service_free(struct service *service); /* and takes it out of the list */
void service_store(const struct service *service, state_db_done *done, void *ctx);

enum service_state service_state(const struct service *service);
bool service_is_ready(const struct service *service);
bool service_is_active(const struct service *service); /* some job of it has not ended */
/* One sentence. */
void service_why(const struct service *service, char *out, size_t size);
const char *service_wanted(const struct service *service);
/* ServiceStatus; with_actions: also its actions and, when it has failed, its last lines. */
json_t *service_status_json(const struct service *service, bool with_actions);
json_t *service_own_status_json(const struct supervisor *supervisor); /* of hero_proc itself */

/* (reconcile.c) Each begins at once. */
void service_start(struct service *service);
void service_stop(struct service *service);
void service_restart(struct service *service);
void service_delete(struct service *service); /* stops it first; it may be gone on return */

/* ---- Jobs and runs (jobs.c) --------------------------------------------------------------- */

struct run {
    TAILQ_ENTRY(run) link;
    int64_t id, created_ms;
    char *context, *service; /* service NULL: none */
};

struct job_request {
    struct action_spec *spec;
    struct service_spec *service; /* NULL: none */
    int64_t run_id;               /* 0: none */
    json_t *inputs, *tags;        /* or NULL */
    bool is_held;                 /* see job.h */
};
/* Not begun yet: the next reconciling does. NULL without memory. */
struct job *job_create(struct supervisor *supervisor, const struct job_request *request);
struct job *job_find(const struct supervisor *supervisor, int64_t id);
void job_store(const struct job *job, state_db_done *done, void *ctx);
/* Takes it out of everything; must have ended, or never have begun. */
void job_remove(struct job *job);
/* The first job of an action that has not ended; NULL: none. */
struct job *job_find_unfinished(const struct supervisor *supervisor,
                                const struct action_spec *spec);

struct run *run_create(struct supervisor *supervisor, const char *context, const char *service);
struct run *run_find(const struct supervisor *supervisor, int64_t id);
void run_store(struct supervisor *supervisor, const struct run *run);
void run_remove(struct supervisor *supervisor, struct run *run); /* its jobs stay */
json_t *run_json(const struct supervisor *supervisor, const struct run *run);
/* Forgets the oldest jobs that have ended, and runs without jobs. */
void jobs_prune(struct supervisor *supervisor);

/* ---- All together (supervisor.c) ---------------------------------------------------------- */

struct supervisor_options {
    struct event_base *base;
    struct state_db *db;
    struct logs *logs;
    const char *run_dir, *program_dir, *instance;
    int64_t history_jobs, history_ms;
    void (*all_down)(void *ctx); /* after supervisor_end */
    void *ctx;
};

struct supervisor {
    struct supervisor_options options;
    struct job_world world;
    char boot_id[40];
    TAILQ_HEAD(, action) actions;
    TAILQ_HEAD(service_list, service) services;
    TAILQ_HEAD(job_list, job) jobs; /* by id */
    TAILQ_HEAD(run_list, run) runs; /* by id */
    int64_t last_job_id, last_run_id, started_ms;
    size_t ended_jobs;
    struct event *reconcile;
    unsigned pass;
    bool is_ending;
};

/* Reads the state. Jobs of a former daemon are examined, and services started, from the loop. */
int supervisor_init(struct supervisor *supervisor, const struct supervisor_options *options,
                    struct rpc_error *err);
void supervisor_done(struct supervisor *supervisor);
/* Stops everything, those that require others first. */
void supervisor_end(struct supervisor *supervisor);
void supervisor_reconcile(struct supervisor *supervisor);       /* now */
void supervisor_reconcile_later(struct supervisor *supervisor); /* once, from the loop */

#endif
