/* A session as the store keeps it, and back. */
#ifndef RUNNER_SERVER_RECORD_H
#define RUNNER_SERVER_RECORD_H

#include "server/session.h"
#include "store/store.h"

/* What goes to the store. Texts are borrowed from the session and from this, which must stay where
 * it is until record_done. */
struct record {
    struct store_session session;
    struct store_request request;
    struct rpc_strbuf tags, limits, env_vars, args, inputs, callback;
};

/* With `is_new` the request too. */
void record_fill(struct record *record, const struct session *session, bool is_new);
void record_done(struct record *record);

/* A session that has ended, from its record; its lines are in the store, none in its ring. request
 * NULL: only what is shown of it. NULL without memory. */
struct session *record_to_session(const struct store_session *from,
                                  const struct store_request *request, struct store_bytes value,
                                  const struct ring_limits *limits);

#endif
