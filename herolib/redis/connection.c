#include "redis/connection.h"

#include "core/library.h"
#include "net/socket.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_NS INT64_C(5000000000)
#define DEFAULT_PORT 6379
#define READ_BYTES 65536
#define BATCH_MAX_BYTES (512 * 1024 * 1024)

#define FUNCTIONS(X)                                                                               \
    X(redisFormatCommandArgv)                                                                      \
    X(redisFreeCommand)                                                                            \
    X(redisReaderCreate)                                                                           \
    X(redisReaderFeed)                                                                             \
    X(redisReaderGetReply)                                                                         \
    X(redisReaderFree)                                                                             \
    X(freeReplyObject)

static struct {
    FUNCTIONS(LIBRARY_MEMBER)
} api;

static const char *const names[] = {FUNCTIONS(LIBRARY_NAME) NULL};
static const struct library hiredis = {"libhiredis.so.0.14", "libhiredis0.14", names};

rhai_status redis_load(rhai_call *call) {
    return library_load(call, "redis", &hiredis, &api);
}

/* ---- Where it is ------------------------------------------------------------------------- */

void redis_address_done(struct redis_address *address) {
    free(address->socket);
    free(address->host);
    free(address->user);
    free(address->password);
    *address = (struct redis_address){0};
}

static bool parse_number(const char *text, int max, int *ret) {
    char *end;
    long number = strtol(text, &end, 10);
    *ret = (int)number;
    return isdigit((unsigned char)*text) && *end == '\0' && number <= max;
}

static int hex_digit(char c) {
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* A part of a URL with %XX undone (RFC 3986, 2.1), from malloc; NULL for one that nothing can be:
 * empty, or with a NUL character. */
static char *decoded(const char *from, const char *end) {
    char *text = from < end ? malloc((size_t)(end - from) + 1) : NULL, *out = text;
    if (!text) return NULL;
    while (from < end) {
        bool is_escape = *from == '%' && end - from > 2 && hex_digit(from[1]) >= 0 &&
                         hex_digit(from[2]) >= 0;
        *out = is_escape ? (char)(hex_digit(from[1]) << 4 | hex_digit(from[2])) : *from;
        from += is_escape ? 3 : 1;
        if (!*out++) {
            free(text);
            return NULL;
        }
    }
    *out = '\0';
    return text;
}

static bool parse_unix(const char *rest, struct redis_address *address) {
    const char *query = strstr(rest, "?db=");
    address->socket = decoded(rest, query ? query : rest + strlen(rest));
    return *rest == '/' && address->socket &&
           (!query || parse_number(query + 4, INT16_MAX, &address->db));
}

/* "user:password", each of which may be empty. */
static bool parse_login(const char *from, const char *end, struct redis_address *address) {
    const char *colon = memchr(from, ':', (size_t)(end - from));
    const char *user_end = colon ? colon : end;
    if (user_end > from && !(address->user = decoded(from, user_end))) return false;
    return !colon || colon + 1 == end || (address->password = decoded(colon + 1, end));
}

static bool parse_tcp(const char *rest, struct redis_address *address) {
    const char *slash = strchr(rest, '/'), *end = slash ? slash : rest + strlen(rest);
    const char *at = memrchr(rest, '@', (size_t)(end - rest));
    if (at && !parse_login(rest, at, address)) return false;
    if (at) rest = at + 1;

    /* An IPv6 address is in brackets, and has colons of its own. */
    bool is_bracketed = *rest == '[';
    const char *host = rest + is_bracketed;
    const char *host_end = memchr(host, is_bracketed ? ']' : ':', (size_t)(end - host));
    if (!host_end && is_bracketed) return false;
    if (!host_end) host_end = end;
    const char *port = host_end + is_bracketed;
    if (!(address->host = decoded(host, host_end)) || (port < end && *port != ':')) return false;

    char digits[8] = "";
    if (port < end) {
        if (end - port > (ptrdiff_t)sizeof digits) return false;
        memcpy(digits, port + 1, (size_t)(end - port - 1));
        if (!parse_number(digits, UINT16_MAX, &address->port)) return false;
    }
    return !slash || !slash[1] || parse_number(slash + 1, INT16_MAX, &address->db);
}

bool redis_address_parse(const char *url, struct redis_address *ret) {
    *ret = (struct redis_address){.port = DEFAULT_PORT};
    if (strncmp(url, "unix://", 7) == 0 && parse_unix(url + 7, ret)) return true;
    if (strncmp(url, "redis://", 8) == 0 && parse_tcp(url + 8, ret)) return true;
    redis_address_done(ret);
    return false;
}

rhai_status redis_address_from_url(rhai_call *call, const char *url, struct redis_address *ret) {
    if (redis_address_parse(url, ret)) return RHAI_OK;
    /* Not the URL: it may hold a password. */
    return rhai_throw(call, "redis: the URL must be redis://[user:password@]host[:port][/db] or "
                            "unix:///path[?db=n]");
}

static char *copy_env(const char *name) {
    const char *value = getenv(name);
    return value && *value ? strdup(value) : NULL;
}

/* The socket of a Redis that runs for this user; NULL when there is none. */
static char *find_socket(void) {
    char *path;
    const char *home = getenv("HOME");
    if (!home || asprintf(&path, "%s/hero/var/myredis.sock", home) < 0) return NULL;
    if (access(path, F_OK) == 0) return path;
    free(path);
    return NULL;
}

rhai_status redis_address_from_env(rhai_call *call, struct redis_address *ret) {
    const char *url = getenv("REDIS_URL"), *port = getenv("REDIS_PORT"), *db = getenv("REDIS_DB");
    if (url && *url) return redis_address_from_url(call, url, ret);
    *ret = (struct redis_address){.port = DEFAULT_PORT};
    ret->socket = copy_env("REDIS_SOCKET");
    if (!ret->socket) ret->host = copy_env("REDIS_HOST");
    if (!ret->socket && !ret->host && !port) ret->socket = find_socket();
    if (!ret->socket && !ret->host && !(ret->host = strdup("127.0.0.1")))
        return rhai_throw_out_of_memory(call);
    ret->user = copy_env("REDIS_USERNAME");
    ret->password = copy_env("REDIS_PASSWORD");
    bool is_good = (!port || !*port || parse_number(port, UINT16_MAX, &ret->port)) &&
                   (!db || !*db || parse_number(db, INT16_MAX, &ret->db));
    if (is_good) return RHAI_OK;
    redis_address_done(ret);
    return rhai_throw(call, "redis: REDIS_PORT and REDIS_DB must be numbers");
}

/* ---- Commands ---------------------------------------------------------------------------- */

rhai_status redis_batch_add(rhai_call *call, struct redis_batch *batch, size_t argc,
                            const char **argv, const size_t *lens) {
    char *command, *longer;
    int len = api.redisFormatCommandArgv(&command, (int)argc, argv, lens);
    if (len < 0) return rhai_throw_out_of_memory(call);
    rhai_status status = RHAI_OK;
    if (batch->len + (size_t)len > BATCH_MAX_BYTES)
        status = rhai_throw(call, "redis: the commands are too large (512 MiB)");
    else if (!(longer = realloc(batch->bytes, batch->len + (size_t)len)))
        status = rhai_throw_out_of_memory(call);
    else {
        memcpy(longer + batch->len, command, (size_t)len);
        batch->bytes = longer;
        batch->len += (size_t)len;
        batch->count++;
    }
    api.redisFreeCommand(command);
    return status;
}

void redis_replies_free(redisReply **replies, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (replies[i]) api.freeReplyObject(replies[i]);
    free(replies);
}

/* ---- The wire ---------------------------------------------------------------------------- */

void redis_disconnect(struct redis_connection *connection) {
    if (connection->fd >= 0) close(connection->fd);
    if (connection->reader) api.redisReaderFree(connection->reader);
    connection->fd = -1;
    connection->reader = NULL;
}

static rhai_status throw_broken(rhai_call *call, struct redis_connection *connection,
                                const char *cause) {
    const struct redis_address *address = &connection->address;
    redis_disconnect(connection);
    if (address->socket) return rhai_throw(call, "redis: %s: %s", address->socket, cause);
    return rhai_throw(call, "redis: %s:%d: %s", address->host, address->port, cause);
}

/* One read; 0 when there was something, or nothing yet. */
static rhai_status receive(rhai_call *call, struct redis_connection *connection) {
    char bytes[READ_BYTES];
    ssize_t got = read(connection->fd, bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return RHAI_OK;
    if (got < 0) return throw_broken(call, connection, strerror(errno));
    if (got == 0) return throw_broken(call, connection, "the server closed the connection");
    if (api.redisReaderFeed(connection->reader, bytes, (size_t)got) == REDIS_OK) return RHAI_OK;
    return throw_broken(call, connection, connection->reader->errstr);
}

/* Sends and receives by turns, so that neither side waits for the other with full buffers. */
static rhai_status transfer(rhai_call *call, struct redis_connection *connection,
                            const struct redis_batch *batch, redisReply **replies) {
    for (size_t sent = 0, have = 0; have < batch->count;) {
        void *reply = NULL;
        if (api.redisReaderGetReply(connection->reader, &reply) != REDIS_OK)
            return throw_broken(call, connection, connection->reader->errstr);
        if (reply) {
            replies[have++] = reply;
            continue;
        }
        struct pollfd fd = {.fd = connection->fd,
                            .events = (short)(sent < batch->len ? POLLIN | POLLOUT : POLLIN)};
        int ready = herolib_wait(herolib_call_session(call), &fd, 1, HEROLIB_NO_DEADLINE);
        if (ready < 0) {
            redis_disconnect(connection);
            return ready == -ECANCELED ? rhai_throw_terminated(call)
                                       : rhai_throw(call, "redis: %s", strerror(-ready));
        }
        if (fd.revents & POLLOUT) {
            ssize_t written = write(connection->fd, batch->bytes + sent, batch->len - sent);
            if (written > 0) sent += (size_t)written;
        }
        if (fd.revents & ~POLLOUT && receive(call, connection) != RHAI_OK) return RHAI_ERROR;
    }
    return RHAI_OK;
}

static rhai_status exchange(rhai_call *call, struct redis_connection *connection,
                            const struct redis_batch *batch, redisReply ***ret) {
    redisReply **replies = calloc(batch->count + 1, sizeof *replies);
    if (!replies) return rhai_throw_out_of_memory(call);
    if (transfer(call, connection, batch, replies) == RHAI_OK) {
        *ret = replies;
        return RHAI_OK;
    }
    redis_replies_free(replies, batch->count);
    return RHAI_ERROR;
}

/* ---- Connecting -------------------------------------------------------------------------- */

static rhai_status add_words(rhai_call *call, struct redis_batch *batch, size_t count,
                             const char **words) {
    size_t lens[4];
    for (size_t i = 0; i < count; i++)
        lens[i] = strlen(words[i]);
    return redis_batch_add(call, batch, count, words, lens);
}

/* Says who we are and chooses the database. */
static rhai_status greet(rhai_call *call, struct redis_connection *connection) {
    const struct redis_address *address = &connection->address;
    struct redis_batch batch = {0};
    redisReply **replies = NULL;
    char db[16];
    snprintf(db, sizeof db, "%d", address->db);
    rhai_status status = RHAI_OK;
    if (address->password && address->user)
        status = add_words(call, &batch, 3,
                           (const char *[]){"AUTH", address->user, address->password});
    else if (address->password)
        status = add_words(call, &batch, 2, (const char *[]){"AUTH", address->password});
    if (status == RHAI_OK && address->db > 0)
        status = add_words(call, &batch, 2, (const char *[]){"SELECT", db});
    if (status == RHAI_OK && batch.count > 0) status = exchange(call, connection, &batch, &replies);
    for (size_t i = 0; replies && i < batch.count && status == RHAI_OK; i++)
        if (replies[i]->type == REDIS_REPLY_ERROR)
            status = throw_broken(call, connection, replies[i]->str);
    if (replies) redis_replies_free(replies, batch.count);
    free(batch.bytes);
    return status;
}

static rhai_status open_connection(rhai_call *call, struct redis_connection *connection) {
    const struct redis_address *address = &connection->address;
    herolib_session *session = herolib_call_session(call);
    int64_t deadline_ns = herolib_now_ns() + CONNECT_TIMEOUT_NS;
    int failed = address->socket ? socket_connect_unix(session, address->socket, deadline_ns,
                                                       &connection->fd)
                                 : socket_connect(session, address->host, address->port,
                                                  deadline_ns, &connection->fd);
    if (failed == -ECANCELED) return rhai_throw_terminated(call);
    if (failed) return throw_broken(call, connection, socket_error_text(failed));
    connection->pid = getpid();
    connection->reader = api.redisReaderCreate();
    if (connection->reader) return greet(call, connection);
    redis_disconnect(connection);
    return rhai_throw_out_of_memory(call);
}

/* Nothing is to be read from an idle connection but its end. */
static bool is_alive(const struct redis_connection *connection) {
    struct pollfd fd = {.fd = connection->fd, .events = POLLIN};
    return connection->fd >= 0 && connection->pid == getpid() && poll(&fd, 1, 0) == 0;
}

rhai_status redis_exchange(rhai_call *call, struct redis_connection *connection,
                           const struct redis_batch *batch, redisReply ***ret_replies) {
    if (!is_alive(connection)) {
        redis_disconnect(connection);
        if (open_connection(call, connection) != RHAI_OK) return RHAI_ERROR;
    }
    return exchange(call, connection, batch, ret_replies);
}
