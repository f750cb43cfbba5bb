/* diff.h - how two texts differ, for people. */
#ifndef CONFORMANCE_DIFF_H
#define CONFORMANCE_DIFF_H

#include "case_file.h"

#include <stdio.h>

/* Lines both have at the start and at the end are shown as they are, the ones between as
 * expected (-) and got (+). */
void diff_print(FILE *out, span expected, span got);

#endif
