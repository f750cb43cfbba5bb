#include "postgres/connection.h"

#include "net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_NS INT64_C(10000000000)
#define KEYWORDS_MAX 64
#define DEFAULT_PORT 5432

struct postgres_api postgres;

static const char *const names[] = {POSTGRES_FUNCTIONS(LIBRARY_NAME) NULL};
static const struct library libpq = {"libpq.so.5", "libpq5", names};

/* The session's connection. A process forked from one that has it makes its own. */
static _Thread_local struct {
    PGconn *conn;
    pid_t pid;
    char *conninfo; /* what the last connect was given; NULL: the environment */
} shared;

/* libpq ends its messages with a newline. */
static rhai_status throw_message(rhai_call *call, const char *what, const char *message) {
    size_t len = strlen(message);
    while (len > 0 && message[len - 1] == '\n')
        len--;
    return rhai_throw(call, "postgres: %s%.*s", what, (int)len, message);
}

/* The socket that a forked process has from its parent is closed without a word to the server. */
static void disconnect(void) {
    if (shared.conn && shared.pid == getpid())
        postgres.PQfinish(shared.conn);
    else if (shared.conn)
        close(postgres.PQsocket(shared.conn));
    shared.conn = NULL;
}

/* ---- Connecting -------------------------------------------------------------------------- */

struct keywords {
    const char *names[KEYWORDS_MAX + 1];
    const char *values[KEYWORDS_MAX + 1];
    int count;
    char address[INET6_ADDRSTRLEN + 32];
};

static void add_keyword(struct keywords *keywords, const char *name, const char *value) {
    if (!value || !*value || keywords->count >= KEYWORDS_MAX) return;
    keywords->names[keywords->count] = name;
    keywords->values[keywords->count++] = value;
}

static const char *find_keyword(const struct keywords *keywords, const char *name) {
    for (int i = 0; i < keywords->count; i++)
        if (strcmp(keywords->names[i], name) == 0) return keywords->values[i];
    return NULL;
}

static void add_environment(struct keywords *keywords) {
    static const char *const pairs[][2] = {
        {"host", "POSTGRES_HOST"},         {"port", "POSTGRES_PORT"},  {"user", "POSTGRES_USER"},
        {"password", "POSTGRES_PASSWORD"}, {"dbname", "POSTGRES_DB"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        add_keyword(keywords, pairs[i][0], getenv(pairs[i][1]));
}

/* libpq would look names up itself, and nothing could stop it meanwhile. */
static rhai_status resolve_host(rhai_call *call, struct keywords *keywords, int64_t deadline_ns) {
    const char *host = find_keyword(keywords, "host");
    struct addrinfo *found;
    if (!host) host = getenv("PGHOST");
    if (!host || !*host || *host == '/' || strchr(host, ',') || find_keyword(keywords, "hostaddr"))
        return RHAI_OK;
    int failed = socket_resolve(herolib_call_session(call), host, DEFAULT_PORT, deadline_ns, &found);
    if (failed == -ECANCELED) return rhai_throw_terminated(call);
    if (failed) return rhai_throw(call, "postgres: %s: %s", host, socket_error_text(failed));
    if (!getnameinfo(found->ai_addr, found->ai_addrlen, keywords->address, sizeof keywords->address,
                     NULL, 0, NI_NUMERICHOST))
        add_keyword(keywords, "hostaddr", keywords->address);
    freeaddrinfo(found);
    return RHAI_OK;
}

/* A notice is for the program that asked, and a script did not. */
static void ignore_notice(void *data, const char *message) {
    (void)data, (void)message;
}

static rhai_status wait_connected(rhai_call *call, int64_t deadline_ns) {
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        if (state == PGRES_POLLING_FAILED)
            return throw_message(call, "", postgres.PQerrorMessage(shared.conn));
        struct pollfd fd = {.fd = postgres.PQsocket(shared.conn),
                            .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int ready = herolib_wait(herolib_call_session(call), &fd, 1, deadline_ns);
        if (ready == -ECANCELED) return rhai_throw_terminated(call);
        if (ready <= 0)
            return rhai_throw(call, "postgres: cannot connect: %s",
                              strerror(ready ? -ready : ETIMEDOUT));
        state = postgres.PQconnectPoll(shared.conn);
    }
    return RHAI_OK;
}

static rhai_status open_connection(rhai_call *call, struct keywords *keywords) {
    int64_t deadline_ns = herolib_now_ns() + CONNECT_TIMEOUT_NS;
    if (resolve_host(call, keywords, deadline_ns) != RHAI_OK) return RHAI_ERROR;
    shared.conn = postgres.PQconnectStartParams(keywords->names, keywords->values, 0);
    if (!shared.conn) return rhai_throw_out_of_memory(call);
    shared.pid = getpid();
    rhai_status status = postgres.PQstatus(shared.conn) == CONNECTION_BAD
                             ? throw_message(call, "", postgres.PQerrorMessage(shared.conn))
                             : wait_connected(call, deadline_ns);
    if (status != RHAI_OK) {
        disconnect();
        return status;
    }
    postgres.PQsetnonblocking(shared.conn, 1);
    postgres.PQsetNoticeProcessor(shared.conn, ignore_notice, NULL);
    return RHAI_OK;
}

rhai_status postgres_reconnect(rhai_call *call) {
    struct keywords keywords = {.count = 0};
    if (library_load(call, "postgres", &libpq, &postgres) != RHAI_OK) return RHAI_ERROR;
    disconnect();
    if (!shared.conninfo) {
        add_environment(&keywords);
        return open_connection(call, &keywords);
    }
    char *message = NULL;
    PQconninfoOption *options = postgres.PQconninfoParse(shared.conninfo, &message);
    if (!options) {
        rhai_status status = throw_message(call, "", message ? message : strerror(ENOMEM));
        if (message) postgres.PQfreemem(message);
        return status;
    }
    for (const PQconninfoOption *option = options; option->keyword; option++)
        add_keyword(&keywords, option->keyword, option->val);
    rhai_status status = open_connection(call, &keywords);
    postgres.PQconninfoFree(options);
    return status;
}

rhai_status postgres_connect(rhai_call *call, const char *conninfo) {
    char *copy = conninfo ? strdup(conninfo) : NULL;
    if (conninfo && !copy) return rhai_throw_out_of_memory(call);
    free(shared.conninfo);
    shared.conninfo = copy;
    return postgres_reconnect(call);
}

/* ---- Statements -------------------------------------------------------------------------- */

/* Reads what has come while nobody waited: notices, the end of the connection. */
static bool is_alive(void) {
    struct pollfd fd = {.events = POLLIN};
    if (!shared.conn || shared.pid != getpid()) return false;
    fd.fd = postgres.PQsocket(shared.conn);
    while (postgres.PQstatus(shared.conn) == CONNECTION_OK && poll(&fd, 1, 0) > 0)
        if (!postgres.PQconsumeInput(shared.conn)) return false;
    return postgres.PQstatus(shared.conn) == CONNECTION_OK;
}

static rhai_status ensure_connected(rhai_call *call) {
    bool was_in_transaction = shared.conn && shared.pid == getpid() &&
                              postgres.PQtransactionStatus(shared.conn) >= PQTRANS_ACTIVE &&
                              postgres.PQtransactionStatus(shared.conn) <= PQTRANS_INERROR;
    if (is_alive()) return RHAI_OK;
    if (postgres_reconnect(call) != RHAI_OK) return RHAI_ERROR;
    if (!was_in_transaction) return RHAI_OK;
    return rhai_throw(call, "postgres: the connection broke in a transaction, which was rolled back");
}

/* Waits until the socket can be read, and written to as long as something is left to send. */
static rhai_status wait_ready(rhai_call *call) {
    int left = postgres.PQflush(shared.conn);
    if (left < 0) return throw_message(call, "", postgres.PQerrorMessage(shared.conn));
    struct pollfd fd = {.fd = postgres.PQsocket(shared.conn),
                        .events = (short)(left > 0 ? POLLIN | POLLOUT : POLLIN)};
    int ready = herolib_wait(herolib_call_session(call), &fd, 1, HEROLIB_NO_DEADLINE);
    if (ready == -ECANCELED) return rhai_throw_terminated(call);
    if (ready < 0) return rhai_throw(call, "postgres: %s", strerror(-ready));
    if (fd.revents & ~POLLOUT && !postgres.PQconsumeInput(shared.conn))
        return throw_message(call, "", postgres.PQerrorMessage(shared.conn));
    return RHAI_OK;
}

/* The next result, NULL after the last one. */
static rhai_status next_result(rhai_call *call, PGresult **ret) {
    do {
        if (wait_ready(call) != RHAI_OK) return RHAI_ERROR;
    } while (postgres.PQisBusy(shared.conn));
    *ret = postgres.PQgetResult(shared.conn);
    return RHAI_OK;
}

static bool is_copy(const PGresult *result) {
    ExecStatusType status = postgres.PQresultStatus(result);
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/* The last result, or the first that is an error. A connection that was left in the middle of
 * something is closed. */
static rhai_status collect(rhai_call *call, PGresult **ret) {
    PGresult *kept = NULL, *next;
    for (;;) {
        rhai_status status = RHAI_OK;
        if (postgres.PQisBusy(shared.conn))
            status = next_result(call, &next);
        else
            next = postgres.PQgetResult(shared.conn);
        if (status == RHAI_OK && next && is_copy(next)) {
            postgres.PQclear(next);
            status = rhai_throw(call, "postgres: COPY from or to the client is not supported");
        }
        if (status != RHAI_OK) {
            postgres.PQclear(kept);
            disconnect();
            return status;
        }
        if (!next) break;
        bool is_failed = kept && postgres.PQresultStatus(kept) == PGRES_FATAL_ERROR;
        postgres.PQclear(is_failed ? next : kept);
        if (!is_failed) kept = next;
    }
    *ret = kept;
    return RHAI_OK;
}

rhai_status postgres_run(rhai_call *call, const char *sql, const struct postgres_params *params,
                         PGresult **ret_result) {
    if (library_load(call, "postgres", &libpq, &postgres) != RHAI_OK ||
        ensure_connected(call) != RHAI_OK)
        return RHAI_ERROR;
    int is_sent = params ? postgres.PQsendQueryParams(shared.conn, sql, params->count, params->types,
                                                      params->values, params->lengths,
                                                      params->formats, 0)
                         : postgres.PQsendQuery(shared.conn, sql);
    if (!is_sent) return throw_message(call, "", postgres.PQerrorMessage(shared.conn));
    PGresult *result = NULL;
    if (collect(call, &result) != RHAI_OK) return RHAI_ERROR;
    if (!result) return rhai_throw(call, "postgres: no result");
    if (postgres.PQresultStatus(result) == PGRES_FATAL_ERROR) {
        rhai_status status = throw_message(call, "", postgres.PQresultErrorMessage(result));
        postgres.PQclear(result);
        return status;
    }
    *ret_result = result;
    return RHAI_OK;
}
