/*
 * One look at whether something is well: a call to a socket, a connection to a port, a request to a
 * URL, a command. It runs beside everything else and ends with an answer, at the latest after its
 * time.
 */
#ifndef HERO_PROC_SERVER_PROBE_H
#define HERO_PROC_SERVER_PROBE_H

#include "server/spec.h"

struct event_base;
struct probe;

/* Once, before the first probe, and after the last one. -1 without memory. */
int probes_init(struct event_base *base);
void probes_done(void);

/* `why` is NULL when it is well, else one sentence; the probe is gone. Comes later, never from
 * within probe_start. */
typedef void probe_answer(void *ctx, const char *why);

/* `check` must live until the answer. NULL without memory. */
struct probe *probe_start(const struct check_spec *check, probe_answer *answer, void *ctx);
/* Nobody wants to know any more. NULL is allowed. */
void probe_cancel(struct probe *probe);

#endif
