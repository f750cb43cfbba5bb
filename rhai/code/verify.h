/* verify.h - checks compiled code: registers, jumps, and every number that names a table entry. */
#ifndef RHAI_CODE_VERIFY_H
#define RHAI_CODE_VERIFY_H

#include "code/program.h"

/* NULL when all is well, or what is wrong at instruction *ret_pc (p->len: in a table). Builds
 * with assertions ask for each function they compile. */
const char *verify_code(heap *h, const proto *p, uint32_t *ret_pc);

#endif
