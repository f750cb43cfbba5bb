/* case_run.h - runs one case in an engine of its own. */
#ifndef CONFORMANCE_CASE_RUN_H
#define CONFORMANCE_CASE_RUN_H

#include "case_file.h"

typedef struct case_result {
    /* What the script did, in the form of a case's expectation, names of closures normalised;
     * malloc'd. Memory that the engine did not give back is told at the end. */
    char *text;
    size_t len;
    bool leaked;
} case_result;

/* False: out of memory. */
bool case_run(const test_case *c, case_result *ret);

#endif
