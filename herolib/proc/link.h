/* link.h - a script's way to hero_proc: the client of hero_proc/sdk, whose requests are made by
 * net/http.h and which waits in herolib_wait, so that a stop of the session ends any call at once.
 *
 * Which hero_proc it is, and what its document says, is found out at the first call of a session
 * and kept; a connection never is.
 */
#ifndef HEROLIB_PROC_LINK_H
#define HEROLIB_PROC_LINK_H

#include <herolib/herolib.h>

#include <hero_proc_sdk/proc.h>

/* The client, for the time of this call. NULL: thrown. */
struct proc_client *link_client(rhai_call *call);

/* Throws what a call of the client has failed with ("proc: service_stop: ..."), unless the session
 * must stop: that is thrown already. Clears the error. */
rhai_status link_throw(rhai_call *call, struct rpc_error *err);
/* The same with the end of what the service wrote, which is released. */
rhai_status link_throw_log(rhai_call *call, struct rpc_error *err, struct rpc_strbuf *log);

/* RHAI_ERROR when the session must stop: after calls whose errors do not count. */
rhai_status link_goes_on(void);

/* ---- Values ------------------------------------------------------------------------------ */

/* json NULL: out of memory, thrown. */
rhai_status link_value(rhai_call *call, const json_t *json, rhai_value *ret);
/* The same for a reference that is taken over. */
rhai_status link_take(rhai_call *call, json_t *json, rhai_value *ret);
/* A new reference; NULL: thrown. */
json_t *link_json(rhai_call *call, const rhai_value *value);
/* Lines, each ended by a newline, as an array; the text is released. */
rhai_status link_lines(rhai_call *call, struct rpc_strbuf *text, rhai_value *ret);

/* Seconds, an integer or a float of 0 or more, in milliseconds. */
rhai_status link_seconds(rhai_call *call, const rhai_value *seconds, int64_t *ret_ms);

/* The name of a service, an action or a secret; NULL: thrown. */
const char *link_name(rhai_call *call, const rhai_value *name);

/* A service as scripts see it, in whatever words its hero_proc tells it: name, state, pid, why,
 * restarts and since_ms, beside what is in `record` (an object; NULL: nothing). A new reference;
 * NULL: out of memory. */
json_t *link_service(const struct proc_service_status *status, const json_t *record);
/* That of the service which is so called. */
rhai_status link_give_service(rhai_call *call, struct proc_client *client, const char *name,
                              rhai_value *ret);

#endif
