#include "server/job_machine.h"

#include <string.h>

#define TO(STATE, STEP)                                                                            \
    { true, JOB_##STATE, JOB_STEP_##STEP }

static const struct job_transition table[JOB_STATE_COUNT][JOB_EVENT_COUNT] =
    {
        [JOB_PENDING] =
            {
                [JOB_EVENT_HOLD] = TO(WAITING, NONE),
                [JOB_EVENT_GO] = TO(CLEARING, CLEAR),
                [JOB_EVENT_GIVE_UP] = TO(FAILED, FINISH),
                [JOB_EVENT_STOP] = TO(CANCELLED, FINISH),
            },
        [JOB_WAITING] =
            {
                [JOB_EVENT_GO] = TO(CLEARING, CLEAR),
                [JOB_EVENT_GIVE_UP] = TO(FAILED, FINISH),
                [JOB_EVENT_STOP] = TO(CANCELLED, FINISH),
            },
        [JOB_CLEARING] =
            {
                [JOB_EVENT_CLEARED] = TO(STARTING, SPAWN),
                [JOB_EVENT_BROKEN] = TO(RETRYING, RETRY),
                [JOB_EVENT_STOP] = TO(CANCELLED, FINISH),
            },
        [JOB_STARTING] =
            {
                [JOB_EVENT_READY] = TO(RUNNING, SETTLE),
                [JOB_EVENT_HOPELESS] = TO(FAILING, END),
                [JOB_EVENT_DONE] = TO(SUCCEEDED, FINISH),
                [JOB_EVENT_BROKEN] = TO(RETRYING, RETRY),
                [JOB_EVENT_STOP] = TO(STOPPING, END),
            },
        [JOB_RUNNING] =
            {
                [JOB_EVENT_SICK] = TO(DEGRADED, NONE),
                [JOB_EVENT_HOPELESS] = TO(FAILING, END),
                [JOB_EVENT_DONE] = TO(SUCCEEDED, FINISH),
                [JOB_EVENT_BROKEN] = TO(RETRYING, RETRY),
                [JOB_EVENT_STOP] = TO(STOPPING, END),
            },
        [JOB_DEGRADED] =
            {
                [JOB_EVENT_WELL] = TO(RUNNING, NONE),
                [JOB_EVENT_HOPELESS] = TO(FAILING, END),
                [JOB_EVENT_DONE] = TO(SUCCEEDED, FINISH),
                [JOB_EVENT_BROKEN] = TO(RETRYING, RETRY),
                [JOB_EVENT_STOP] = TO(STOPPING, END),
            },
        [JOB_FAILING] =
            {
                [JOB_EVENT_DONE] = TO(RETRYING, RETRY),
                [JOB_EVENT_BROKEN] = TO(RETRYING, RETRY),
                [JOB_EVENT_STOP] = TO(STOPPING, NONE),
            },
        [JOB_RETRYING] =
            {
                [JOB_EVENT_DELAY_OVER] = TO(CLEARING, CLEAR),
                [JOB_EVENT_STOP] = TO(CANCELLED, FINISH),
            },
        [JOB_STOPPING] =
            {
                [JOB_EVENT_DONE] = TO(CANCELLED, FINISH),
                [JOB_EVENT_BROKEN] = TO(CANCELLED, FINISH),
            },
        [JOB_UNKNOWN] =
            {
                [JOB_EVENT_FOUND] = TO(STARTING, WATCH),
                [JOB_EVENT_BROKEN] = TO(RETRYING, RETRY),
                [JOB_EVENT_GO] = TO(CLEARING, CLEAR),
                [JOB_EVENT_STOP] = TO(CANCELLED, FINISH),
            },
};

static const struct {
    const char *name, *phase;
} names[JOB_STATE_COUNT] = {
    [JOB_PENDING] = {"pending", "pending"},       [JOB_WAITING] = {"waiting", "waiting"},
    [JOB_CLEARING] = {"clearing", "running"},     [JOB_STARTING] = {"starting", "running"},
    [JOB_RUNNING] = {"running", "running"},       [JOB_DEGRADED] = {"degraded", "running"},
    [JOB_FAILING] = {"failing", "running"},       [JOB_RETRYING] = {"retrying", "retrying"},
    [JOB_STOPPING] = {"stopping", "running"},     [JOB_UNKNOWN] = {"unknown", "running"},
    [JOB_SUCCEEDED] = {"succeeded", "succeeded"}, [JOB_FAILED] = {"failed", "failed"},
    [JOB_CANCELLED] = {"cancelled", "cancelled"},
};

const struct job_transition *job_transition(enum job_state state, enum job_event event) {
    return &table[state][event];
}

const char *job_state_name(enum job_state state) {
    return names[state].name;
}

enum job_state job_state_parse(const char *name) {
    int state = 0;
    while (state < JOB_STATE_COUNT && strcmp(names[state].name, name) != 0)
        state++;
    return (enum job_state)state;
}

const char *job_phase_name(enum job_state state) {
    return names[state].phase;
}

bool job_state_is_final(enum job_state state) {
    return state == JOB_SUCCEEDED || state == JOB_FAILED || state == JOB_CANCELLED;
}

bool job_state_is_live(enum job_state state) {
    return state == JOB_STARTING || state == JOB_RUNNING || state == JOB_DEGRADED ||
           state == JOB_FAILING || state == JOB_STOPPING || state == JOB_UNKNOWN;
}
