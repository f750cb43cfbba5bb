/*
 * A job: the execution of an action, with as many attempts as its retry policy allows.
 *
 *                       ┌────────────────────────── backoff ◀──────────────┐
 *                       ▼                                                  │ an attempt has failed,
 *     pending ──▶ clearing ──▶ starting ──▶ running ◀──▶ degraded ──▶ stopping   and there are more
 *                  (others        (until its checks have passed)           │
 *                   are ended)                                             ▼
 *     unknown ──▶ as it is found after a start of the daemon   succeeded, failed, cancelled
 *
 * A job of an action that is_process has failed whenever it ends without having been stopped; one that
 * is not succeeds with exit code 0.
 */
#ifndef HERO_PROC_SERVER_JOB_H
#define HERO_PROC_SERVER_JOB_H

#include "server/health.h"
#include "server/kill_other.h"
#include "server/process.h"
#include "server/spec.h"

#include <sys/queue.h>

#define JOB_TAIL_LINES 20
#define JOB_TAIL_LINE_BYTES 400 /* of each line in the tail */

enum job_state {
    JOB_PENDING,
    JOB_CLEARING,
    JOB_STARTING,
    JOB_RUNNING,
    JOB_DEGRADED,
    JOB_STOPPING,
    JOB_BACKOFF,
    JOB_UNKNOWN,
    JOB_SUCCEEDED,
    JOB_FAILED,
    JOB_CANCELLED,
};

enum job_stop {
    JOB_STOP_NONE,
    JOB_STOP_CANCEL,    /* somebody wants it to end */
    JOB_STOP_UNHEALTHY, /* its checks have failed too often */
    JOB_STOP_START,     /* it was not healthy in time */
    JOB_STOP_TIMEOUT,   /* its time is over */
};

struct job;

/* What a job needs of its surroundings. */
struct job_owner {
    struct event_base *base;
    const char *state_dir;
    const char *programs_dir; /* where to look for runners of scripts before $PATH */
    /* Its state has changed. May not free it. */
    void (*changed)(void *ctx, struct job *job);
    void (*line)(void *ctx, const struct job *job, bool is_stderr, const char *text, size_t len);
    void *ctx;
};

struct job {
    const struct job_owner *owner;
    int64_t id;
    struct action_spec *spec;
    char *service; /* NULL: of none */
    int64_t run;   /* 0: of none */
    json_t *tags;  /* array; NULL: none */

    enum job_state state;
    enum job_stop stop; /* why it is being stopped */
    int64_t attempt;    /* from 1, once it has begun */
    int64_t failures;   /* attempts that count against the policy */
    int64_t restarts;
    bool is_adopted;
    bool has_exit_code;
    int exit_code, signal; /* of the last attempt; signal 0: none */
    char error[512];       /* of the last attempt; "": none */
    int64_t created_ms, started_ms, ended_ms, since_ms; /* wall clock; since: of this state */
    int64_t attempt_began_ms;                           /* monotonic */
    int64_t next_attempt_ms;                            /* wall clock, in backoff */

    struct process *process;
    struct health *health;
    struct kill_other *clearing;
    struct event *timer;
    char tail[JOB_TAIL_LINES][JOB_TAIL_LINE_BYTES + 1];
    unsigned tail_next, tail_count;

    TAILQ_ENTRY(job) link; /* the table's */
};

/* Takes a reference to the spec; service and tags are copied. NULL without memory. */
struct job *job_new(const struct job_owner *owner, int64_t id, struct action_spec *spec,
                    const char *service, int64_t run, const json_t *tags);
/* Descriptors go, a process that lives is left alone. */
void job_free(struct job *job);

void job_start(struct job *job);
/* As it was before the daemon ended; identity->pid 0: it had no process. */
void job_adopt(struct job *job, const struct process_identity *identity);
/* Ends it; nothing when it has ended. */
void job_cancel(struct job *job);

const char *job_state_name(enum job_state state); /* ours, in words */
const char *job_phase_name(enum job_state state); /* on the wire */
bool job_has_ended(const struct job *job);
/* It has a process, or may have one. */
bool job_is_alive(const struct job *job);
/* One sentence about its state. */
void job_explain(const struct job *job, char *out, size_t size);
/* The last lines it wrote, an array of texts. */
json_t *job_tail(const struct job *job);
/* delay * backoff^(failures-1), within its bound. */
int64_t job_backoff_ms(const struct retry_spec *retry, int64_t failures);

#endif
