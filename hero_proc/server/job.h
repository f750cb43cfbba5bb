/*
 * A job: one execution of an action, with all its attempts, for a service or by itself. It drives
 * the process, the health checks and the clearing, and tells its owner of every change.
 */
#ifndef HERO_PROC_SERVER_JOB_H
#define HERO_PROC_SERVER_JOB_H

#include "server/job_machine.h"
#include "server/process.h"
#include "server/spec.h"

#include <sys/queue.h>

struct health;
struct job;
struct kill_other;
struct log_source;
struct logs;

#define JOB_TAIL_LINES 20
#define JOB_TAIL_LINE_MAX_BYTES 1024

/* What all jobs share. */
struct job_world {
    struct event_base *base;
    struct logs *logs;
    const char *run_dir;     /* FIFOs and script files */
    const char *program_dir; /* of the daemon: where other programs of ours may be */
    const char *instance;    /* which daemon's state a process belongs to, in its mark */
    /* Its state, or something else worth storing, has changed. Must not free the job. */
    void (*changed)(void *ctx, struct job *job);
    void *ctx;
};

struct job {
    TAILQ_ENTRY(job) link;
    const struct job_world *world;
    int64_t id, run_id; /* run 0: none */
    struct action_spec *spec;
    struct service_spec *service; /* it was started by; NULL: none */
    json_t *inputs, *tags;        /* object, array; or NULL */
    enum job_state state;
    bool is_held;      /* not stored yet: it must not begin */
    bool is_deleted;   /* to be forgotten once it has ended */
    unsigned nesting;  /* steps bring events themselves; others are told once */
    bool was_stopping; /* a former daemon was about to end it */
    int64_t attempt, restarts;
    int64_t created_ms, started_ms, ended_ms, since_ms; /* wall clock; 0: not yet */
    bool has_exit_code;
    int exit_code; /* a signal is 128 and its number, as in a shell */
    char why[256]; /* one sentence on the last change; "" */
    pid_t pid;
    uint64_t start_ticks;

    struct process *process;
    struct health *health;
    struct check_spec *checks; /* of the action, and of the service as a whole */
    size_t check_count;
    struct kill_other *clearing;
    struct event *timer;
    struct log_source *source;
    char *
        tail[JOB_TAIL_LINES]; /* newest output, a ring that begins at tail_count % JOB_TAIL_LINES */
    size_t tail_count;
};

/* Specs are referenced, inputs and tags too. NULL without memory. */
struct job *job_new(const struct job_world *world, int64_t id, struct action_spec *spec,
                    struct service_spec *service);
/* From job_json, as stored by a former daemon: JOB_UNKNOWN unless it had ended. NULL when it cannot
 * be read. */
struct job *job_from_json(const struct job_world *world, const json_t *json);
void job_free(struct job *job); /* what runs goes on */

/* "service.action", or the action's name: also the source of its lines. */
const char *job_name(const struct job *job, char *out, size_t size);
/* Public fields; with all: its spec and what the next daemon needs. NULL without memory. */
json_t *job_json(const struct job *job, bool with_all);
json_t *job_tail_json(const struct job *job);

void job_go(struct job *job);
void job_hold(struct job *job, const char *why);
void job_give_up(struct job *job, const char *why);
/* Ends it. False when it has ended already. */
bool job_stop(struct job *job, const char *why);
/* For JOB_UNKNOWN: looks for its process. */
void job_examine(struct job *job);

#endif
