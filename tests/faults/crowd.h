/*
 * A crowd of callers and subscribers, and a ledger of everything they were told: whatever breaks
 * meanwhile, the server must stand by it afterwards.
 *
 * Callers start sessions one after the other, with session_start and session_run in turn; a call
 * that finds no server is made again, with a new script. Subscribers follow sessions that have been
 * acknowledged and check that lines come in order and are what the script printed.
 */
#ifndef FAULTS_CROWD_H
#define FAULTS_CROWD_H

#include "support/server.h"

#include <pthread.h>
#include <stdatomic.h>

#define CROWD_CALLERS 4
#define CROWD_MAX_SUBSCRIBERS 32

/* A session that was acknowledged. */
struct promise {
    char id[RUNNER_ID_BYTES];
    unsigned number;       /* its lines are "<number>:<line>" */
    _Atomic uint64_t seen; /* highest line that anybody was given */
    int status;            /* that session_run answered, -1: it was session_start */
    atomic_bool is_there;  /* the above is filled in */
};

struct crowd {
    struct test_server *server;
    unsigned subscribers;
    unsigned wanted; /* sessions */

    struct promise *promises;
    atomic_uint promised, begun; /* acknowledged; tried */
    atomic_bool is_over;
    atomic_uint wrong_lines;
    char first_wrong[160];
    uint64_t seed;
    struct crowd_thread {
        struct crowd *crowd;
        pthread_t thread;
        uint64_t random;
    } callers[CROWD_CALLERS], readers[CROWD_MAX_SUBSCRIBERS];
};

/* FAULT_SEED of the environment, or a new one; it is printed. */
uint64_t fault_seed(void);
/* xorshift; below `bound`. */
unsigned random_below(uint64_t *state, unsigned bound);

void crowd_begin(struct crowd *crowd, struct test_server *server, unsigned wanted,
                 unsigned subscribers, uint64_t seed);
/* Waits until so many have been acknowledged; false when they have not within a minute. */
bool crowd_await(struct crowd *crowd, unsigned promised);
/* Waits for all callers and ends the subscribers. */
void crowd_end(struct crowd *crowd);
/* Every session that was acknowledged is there and has ended as was answered, and every line that
 * anybody was given is there and is what was printed. Frees the crowd's memory. */
void crowd_assert_kept(struct crowd *crowd);

#endif
