/* The limits that a session process keeps by itself (server/limits.h has them all). */
#ifndef RUNNER_ZYGOTE_OWN_LIMITS_H
#define RUNNER_ZYGOTE_OWN_LIMITS_H

#include <rhai/rhai.h>

/* In the zygote, with the engine built: what a process holds before a script runs does not count.
 */
void own_limits_init(void);

/* Takes the limits of a request (a map value; NULL: none). The timer of processor time raises
 * SIGXCPU. */
void own_limits_set(rhai_engine *engine, const rhai_value *limits);

/* Processor time as asked for, in ms; 0: no limit. */
int64_t own_limits_cpu_ms(void);

#endif
