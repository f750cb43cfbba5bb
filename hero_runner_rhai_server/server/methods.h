/* What the files of methods share. */
#ifndef RUNNER_SERVER_METHODS_H
#define RUNNER_SERVER_METHODS_H

#include "server/runner.h"

/* Refuses a call in the words of the checks that went before: `parameter "x" must ...`. */
void refuse(struct rpc_call *call, const char *param, const char *what);
/* A param, NULL when it is absent or null. */
json_t *given_param(const struct rpc_call *call, const char *name);
/* The session named by the call; NULL when the call has been refused. */
struct session *find_session(struct rpc_call *call, struct runner *runner);
/* Answers with the text of a JSON value and ends the buffer. */
void reply_buffer(struct rpc_call *call, struct rpc_strbuf *buf);
long long clamp(long long value, long long most);

rpc_method session_start, session_run, session_rerun;                            /* _start.c */
rpc_method session_stop, session_stop_all, session_list, session_get, session_request,
    session_result, session_delete;                                              /* _session.c */
rpc_method session_logs;                                                         /* _logs.c */
rpc_method script_check, functions;                                              /* _script.c */
rpc_method stats, config_get, reload, drain;                                     /* _admin.c */

#endif
