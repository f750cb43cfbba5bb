/* connection.h - the session's connection to a PostgreSQL server, waiting in herolib_wait.
 *
 * libpq is loaded at first use. A connection that broke while idle is made again before the next
 * statement, unless a transaction was open. All functions throw.
 */
#ifndef HEROLIB_POSTGRES_CONNECTION_H
#define HEROLIB_POSTGRES_CONNECTION_H

#include "core/library.h"

#include <herolib/herolib.h>

#include <libpq-fe.h>

/* The protocol counts them in 16 bits. */
#define POSTGRES_PARAMS_MAX 65535

struct postgres_params {
    int count;
    const char **values; /* NULL: null */
    int *lengths;
    int *formats; /* 1: binary */
    Oid *types;   /* 0: the server finds out */
};

/* What we call of libpq. */
#define POSTGRES_FUNCTIONS(X)                                                                      \
    X(PQconnectStartParams)                                                                        \
    X(PQconnectPoll)                                                                               \
    X(PQconninfoParse)                                                                             \
    X(PQconninfoFree)                                                                              \
    X(PQfreemem)                                                                                   \
    X(PQsetnonblocking)                                                                            \
    X(PQsetNoticeProcessor)                                                                        \
    X(PQsocket)                                                                                    \
    X(PQstatus)                                                                                    \
    X(PQerrorMessage)                                                                              \
    X(PQfinish)                                                                                    \
    X(PQtransactionStatus)                                                                         \
    X(PQsendQuery)                                                                                 \
    X(PQsendQueryParams)                                                                           \
    X(PQflush)                                                                                     \
    X(PQconsumeInput)                                                                              \
    X(PQisBusy)                                                                                    \
    X(PQgetResult)                                                                                 \
    X(PQclear)                                                                                     \
    X(PQresultStatus)                                                                              \
    X(PQresultErrorMessage)                                                                        \
    X(PQcmdTuples)                                                                                 \
    X(PQntuples)                                                                                   \
    X(PQnfields)                                                                                   \
    X(PQfname)                                                                                     \
    X(PQftype)                                                                                     \
    X(PQgetvalue)                                                                                  \
    X(PQgetlength)                                                                                 \
    X(PQgetisnull)                                                                                 \
    X(PQunescapeBytea)

struct postgres_api {
    POSTGRES_FUNCTIONS(LIBRARY_MEMBER)
};
extern struct postgres_api postgres;

/* Connects anew: to `conninfo` (a URL or key=value pairs), or NULL as the environment says. */
rhai_status postgres_connect(rhai_call *call, const char *conninfo);
/* The same again, with what the last connect was given. */
rhai_status postgres_reconnect(rhai_call *call);

/* Runs SQL, connecting if need be: one statement with `params`, or (NULL) one or several without.
 * The last statement's result, which PQclear ends. */
rhai_status postgres_run(rhai_call *call, const char *sql, const struct postgres_params *params,
                         PGresult **ret_result);

#endif
