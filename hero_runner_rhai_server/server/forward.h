/*
 * Lines of sessions on their way to the log of hero_proc: source "hero_runner_rhai_server", tags
 * "session=<id>" and "kind=stdout" or "kind=stderr". A session that is forwarded is watched; its
 * lines are copied for a thread that sends them (hero_proc_sdk/shipper.h), so that nothing here
 * waits for hero_proc, and a hero_proc that is down, slow or without the method costs the session
 * nothing.
 */
#ifndef RUNNER_SERVER_FORWARD_H
#define RUNNER_SERVER_FORWARD_H

#include "server/session.h"

struct event_base;
struct forward;

/* Connects when the first session wants it, or now when all are to be forwarded. NULL without
 * memory. */
struct forward *forward_new(struct event_base *base, bool at_once);
/* Gives what waits a moment to get there. NULL is allowed. */
void forward_free(struct forward *forward);

/* Forwards all lines of a session that has been accepted, and keeps session->forwarding true until
 * its last line has been sent, or a few seconds after its end. */
void forward_session(struct forward *forward, struct session *session);

/* Whether lines reach hero_proc; FORWARDING_OFF when nobody has asked yet. */
enum session_forwarding forward_state(const struct forward *forward);

#endif
