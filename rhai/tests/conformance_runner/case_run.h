/* case_run.h - runs one case in an engine of its own. */
#ifndef CONFORMANCE_CASE_RUN_H
#define CONFORMANCE_CASE_RUN_H

#include "case_file.h"

/* What the script did, in the form of a case's expectation (malloc'd), names of closures
 * normalised. Memory that the engine did not give back is told at the end of the text, and so
 * is a failure to make an engine. NULL: out of memory. */
char *case_run(const test_case *c, size_t *ret_len);

#endif
