/*
 * The life of a job as a table: in each state, what each event makes of it and what has to be done.
 * It knows no process and no clock; job.c brings the events and does the steps.
 */
#ifndef HERO_PROC_SERVER_JOB_MACHINE_H
#define HERO_PROC_SERVER_JOB_MACHINE_H

#include <stdbool.h>

enum job_state {
    JOB_PENDING,  /* created */
    JOB_WAITING,  /* for other jobs of its run */
    JOB_CLEARING, /* kill_other makes room */
    JOB_STARTING, /* it runs, and is not ready yet */
    JOB_RUNNING,
    JOB_DEGRADED, /* ready before, and now a check fails */
    JOB_FAILING,  /* it is being ended because it is not well or took too long */
    JOB_RETRYING, /* the delay before the next attempt */
    JOB_STOPPING, /* it is being ended because somebody wants that */
    JOB_UNKNOWN,  /* of a former daemon, not examined yet */
    JOB_SUCCEEDED,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_STATE_COUNT
};

enum job_event {
    JOB_EVENT_HOLD, /* others come first */
    JOB_EVENT_GO,
    JOB_EVENT_CLEARED, /* there is room */
    JOB_EVENT_READY,   /* its checks have passed */
    JOB_EVENT_SICK,    /* a check fails */
    JOB_EVENT_WELL,
    JOB_EVENT_HOPELESS, /* a check has failed too often, or its time is over */
    JOB_EVENT_DONE,     /* it has ended as it should */
    JOB_EVENT_BROKEN,   /* it has ended otherwise, or could not be started */
    JOB_EVENT_GIVE_UP,  /* a job before it has failed */
    JOB_EVENT_DELAY_OVER,
    JOB_EVENT_STOP,
    JOB_EVENT_FOUND, /* it lives: taken over */
    JOB_EVENT_COUNT
};

enum job_step {
    JOB_STEP_NONE,
    JOB_STEP_CLEAR, /* make room, then spawn */
    JOB_STEP_SPAWN,
    JOB_STEP_WATCH,  /* the process is there: begin its checks */
    JOB_STEP_SETTLE, /* ready: the time of a job, or of stability, begins */
    JOB_STEP_END,    /* stop signal now, SIGKILL later */
    JOB_STEP_RETRY,  /* after a delay, or JOB_FAILED when there is no attempt left */
    JOB_STEP_FINISH, /* release everything */
};

struct job_transition {
    bool is_there; /* else the event means nothing in this state */
    enum job_state next;
    enum job_step step;
};
const struct job_transition *job_transition(enum job_state state, enum job_event event);

const char *job_state_name(enum job_state state); /* "starting" */
/* JOB_STATE_COUNT for no such name. */
enum job_state job_state_parse(const char *name);
/* What others are told: pending, waiting, running, retrying, succeeded, failed, cancelled. */
const char *job_phase_name(enum job_state state);
bool job_state_is_final(enum job_state state);
/* There is, or may be, a process. */
bool job_state_is_live(enum job_state state);

#endif
