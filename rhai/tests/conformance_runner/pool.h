/* pool.h - runs cases in child processes, so that a crash costs one case.
 *
 * A child takes a batch of cases and reports each through a pipe. When one dies or takes too
 * long, the case it was at is to blame and another child takes the rest of the batch.
 */
#ifndef CONFORMANCE_POOL_H
#define CONFORMANCE_POOL_H

#include "case_file.h"

typedef enum verdict {
    VERDICT_NONE, /* not run */
    VERDICT_PASSED,
    VERDICT_FAILED,    /* `got` differs from what is expected */
    VERDICT_CRASHED,   /* the process died; wait_status says how */
    VERDICT_TIMED_OUT, /* the process was killed */
    VERDICT_BAD_EXIT,  /* the case passed, but the process then failed to end well: a sanitizer's
                          report about this case or one of the batch before it */
} verdict;

typedef struct outcome {
    verdict verdict;
    int wait_status;
    char *got;
    size_t got_len;
} outcome;

typedef struct pool_options {
    size_t jobs;        /* children at one time */
    unsigned timeout_s; /* per case */
} pool_options;

/* Fills outcomes[0..count). False after a message when processes cannot be made. */
bool pool_run(const pool_options *options, const test_case *const *cases, size_t count,
              outcome *outcomes);

#endif
