/* connection.h - a connection to a Redis server, waiting in herolib_wait.
 *
 * hiredis, loaded at first use, forms the commands and reads the replies; the socket is ours. A
 * connection that broke while idle is made again before the next command. One that breaks while a
 * reply is awaited is an error, as the server may have done what it was told; the next call connects
 * anew.
 */
#ifndef HEROLIB_REDIS_CONNECTION_H
#define HEROLIB_REDIS_CONNECTION_H

#include <herolib/herolib.h>

#include <hiredis/hiredis.h>
#include <sys/types.h>

struct redis_address {
    char *socket; /* a path; NULL: host and port */
    char *host;
    int port;
    int db;
    char *user, *password; /* NULL: none */
};

struct redis_connection {
    struct redis_address address; /* owned */
    int fd;                       /* -1: not connected */
    pid_t pid;                    /* whose it is: a forked child connects for itself */
    struct redisReader *reader;
};

/* From the environment: REDIS_URL, or REDIS_SOCKET or REDIS_HOST with REDIS_PORT, and REDIS_DB,
 * REDIS_USERNAME, REDIS_PASSWORD. Without these ~/hero/var/myredis.sock when it is there, else
 * 127.0.0.1:6379. Throws. */
rhai_status redis_address_from_env(rhai_call *call, struct redis_address *ret);
/* redis://[[user]:password@]host[:port][/db], unix:///path[?db=n]; host, user, password and path with
 * %XX for what else would end them. False, and nothing to free: it is none of these. */
bool redis_address_parse(const char *url, struct redis_address *ret);
/* The same, and throws. */
rhai_status redis_address_from_url(rhai_call *call, const char *url, struct redis_address *ret);
void redis_address_done(struct redis_address *address);

/* Commands as Redis' protocol has them, one after the other, sent at once. */
struct redis_batch {
    char *bytes; /* from malloc */
    size_t len;
    size_t count; /* of commands */
};

rhai_status redis_load(rhai_call *call);
rhai_status redis_batch_add(rhai_call *call, struct redis_batch *batch, size_t argc,
                            const char **argv, const size_t *lens);

/* Sends a batch, connecting if need be, and gives a reply for each command, in an array from malloc
 * of `count`. Errors that are replies are among them; others are thrown. */
rhai_status redis_exchange(rhai_call *call, struct redis_connection *connection,
                           const struct redis_batch *batch, redisReply ***ret_replies);
void redis_replies_free(redisReply **replies, size_t count);

void redis_disconnect(struct redis_connection *connection);

#endif
