/* What a session process can do beside running a script: things the server wants to know. */
#ifndef RUNNER_ZYGOTE_TASKS_H
#define RUNNER_ZYGOTE_TASKS_H

#include <rhai/rhai.h>

/* Each makes a value; false: no memory. */

/* {ok, errors: [{message, line, position}], inputs: <JSON Schema>, description?} */
bool task_check(rhai_engine *engine, const char *script, size_t len, rhai_value *ret);
/* [{name, signature, doc}], by name: what has documentation. */
bool task_functions(rhai_engine *engine, rhai_value *ret);

#endif
