/* What the files of methods share. */
#ifndef RUNNER_SERVER_METHODS_H
#define RUNNER_SERVER_METHODS_H

#include "server/runner.h"

/* Refuses a call in the words of the checks that went before: `parameter "x" must ...`. */
void refuse(struct rpc_call *call, const char *param, const char *what);
/* A param, NULL when it is absent or null. */
json_t *given_param(const struct rpc_call *call, const char *name);
/* Goes on with the session named by the call, from memory or from the store; or refuses the call.
 * with_lines: its ring holds the newest lines. The session is borrowed. */
typedef void session_method(struct rpc_call *call, struct runner *runner, struct session *session);
void with_session(struct rpc_call *call, struct runner *runner, bool with_lines,
                  session_method *method);
/* Goes on when the session is stored, so that it may be told to its caller; at once if it is. */
void when_recorded(struct rpc_call *call, struct runner *runner, struct session *session,
                   session_method *method);
void refuse_unknown(struct rpc_call *call, const char *id);
void fail_store(struct rpc_call *call, int error); /* negative errno */
/* Answers with the text of a JSON value and ends the buffer. */
void reply_buffer(struct rpc_call *call, struct rpc_strbuf *buf);
long long clamp(long long value, long long most);

rpc_method session_start, session_run, session_rerun; /* _start.c */
rpc_method session_stop, session_stop_all, session_list, session_get, session_request,
    session_result, session_delete;                             /* _session.c */
rpc_method session_logs;                                        /* _logs.c */
rpc_method script_check, functions;                             /* _script.c */
rpc_method script_save, script_list, script_get, script_delete; /* _library.c */
rpc_method stats, config_get, reload, drain;                    /* _admin.c */

#endif
