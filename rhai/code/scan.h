/* scan.h - what a function's tree tells before it is compiled. Private to code/. */
#ifndef RHAI_CODE_SCAN_H
#define RHAI_CODE_SCAN_H

#include "syntax/ast.h"

typedef struct scan_result {
    void (*capture)(void *data, rhai_str *name); /* called per captured variable */
    void *data;
    bool has_eval; /* eval or f!() outside nested functions */
    bool has_import;
} scan_result;

void scan_function(scan_result *r, const block *body);
/* Whether evaluating e can change a variable. */
bool expr_may_write(const expr *e);

#endif
