#include "tcp_guard.h"
#include "server.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct tcp_guard {
    unsigned references;
    char *token; /* NULL: nobody passes by token */
    bool wants_token;
    char address[INET6_ADDRSTRLEN];
    char **names; /* NULL-terminated; may be NULL */
};

static void free_guard(struct tcp_guard *guard) {
    for (char **name = guard->names; name && *name; name++)
        free(*name);
    free(guard->names);
    free(guard->token);
    free(guard);
}

static bool copy_names(struct tcp_guard *guard, const char *const *names) {
    size_t count = 0;
    while (names[count])
        count++;
    guard->names = calloc(count + 1, sizeof *guard->names);
    if (!guard->names) return false;
    for (size_t i = 0; i < count; i++)
        if (!(guard->names[i] = strdup(names[i]))) return false;
    return true;
}

static const void *ip_of(const struct sockaddr_storage *address) {
    return address->ss_family == AF_INET6
               ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
               : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
}

static uint16_t port_of(const struct sockaddr_storage *address) {
    return ntohs(address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                                : ((const struct sockaddr_in *)address)->sin_port);
}

struct tcp_guard *tcp_guard_new(const struct rpc_tcp_options *options,
                                const struct sockaddr_storage *local) {
    struct tcp_guard *guard = calloc(1, sizeof *guard);
    if (!guard) return NULL;
    guard->references = 1;
    guard->wants_token = options->wants_token;
    inet_ntop(local->ss_family, ip_of(local), guard->address, sizeof guard->address);
    if ((options->token && *options->token && !(guard->token = strdup(options->token))) ||
        (options->host_names && !copy_names(guard, options->host_names))) {
        free_guard(guard);
        return NULL;
    }
    return guard;
}

struct tcp_guard *tcp_guard_ref(struct tcp_guard *guard) {
    if (guard) guard->references++;
    return guard;
}

void tcp_guard_unref(struct tcp_guard *guard) {
    if (guard && --guard->references == 0) free_guard(guard);
}

/* --- The peer's uid --- */

static bool is_loopback(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
}

/* An end point as /proc/net/tcp prints it (proc(5)): the address as 32-bit words of this machine's
 * byte order, a colon, the port, all in capital hexadecimal digits. */
static void print_end_point(const struct sockaddr_storage *address, char *to, size_t size) {
    uint32_t words[4];
    size_t count = address->ss_family == AF_INET6 ? 4 : 1;
    memcpy(words, ip_of(address), count * sizeof *words);
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(to + len, size - len, "%08" PRIX32, words[i]);
    snprintf(to + len, size - len, ":%04X", port_of(address));
}

void tcp_guard_find_peer(int fd, struct rpc_peer *ret_peer) {
    struct sockaddr_storage theirs = {0}, ours = {0};
    socklen_t theirs_len = sizeof theirs, ours_len = sizeof ours;
    *ret_peer = (struct rpc_peer){0};
    if (getpeername(fd, (struct sockaddr *)&theirs, &theirs_len) != 0 ||
        getsockname(fd, (struct sockaddr *)&ours, &ours_len) != 0 || !is_loopback(&theirs))
        return;
    char local[48], remote[48], line[512];
    print_end_point(&theirs, local, sizeof local);
    print_end_point(&ours, remote, sizeof remote);
    FILE *table = fopen(theirs.ss_family == AF_INET6 ? "/proc/net/tcp6" : "/proc/net/tcp", "re");
    if (!table) return;
    while (!ret_peer->has_uid && fgets(line, sizeof line, table)) {
        char from[48], to[48];
        unsigned uid;
        if (sscanf(line, " %*s %47s %47s %*s %*s %*s %*s %u", from, to, &uid) == 3 &&
            strcmp(from, local) == 0 && strcmp(to, remote) == 0) {
            ret_peer->uid = (uid_t)uid;
            ret_peer->has_uid = true;
        }
    }
    fclose(table);
}

/* --- Host and Origin --- */

/* The host without port and brackets. */
static bool split_host(const char *text, char *host, size_t size) {
    const char *end;
    if (*text == '[') {
        end = strchr(++text, ']');
        if (!end || (end[1] && end[1] != ':')) return false;
    } else {
        end = text + strcspn(text, ":");
    }
    size_t len = (size_t)(end - text);
    if (len == 0 || len >= size) return false;
    memcpy(host, text, len);
    host[len] = '\0';
    return true;
}

bool tcp_guard_knows_host(const struct tcp_guard *guard, const char *text) {
    char host[256];
    struct in_addr v4;
    if (!split_host(text, host, sizeof host)) return false;
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
        strcmp(host, guard->address) == 0 ||
        (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127))
        return true;
    for (char **name = guard->names; name && *name; name++)
        if (strcasecmp(host, *name) == 0) return true;
    return false;
}

static bool origin_is_known(const struct tcp_guard *guard, const char *origin) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if (strncmp(origin, schemes[i], len) == 0) return tcp_guard_knows_host(guard, origin + len);
    }
    return false; /* "null" among others */
}

/* --- Token --- */

/* In a time that does not tell how much of it is right. */
static bool token_is_right(const struct tcp_guard *guard, const char *given) {
    if (!guard->token || !given) return false;
    size_t want_len = strlen(guard->token), len = strlen(given);
    unsigned char difference = want_len != len;
    for (size_t i = 0; i < len; i++)
        difference |= (unsigned char)(given[i] ^ guard->token[want_len ? i % want_len : 0]);
    return difference == 0;
}

/* Puts the token where scripts of pages cannot read it and takes it out of the address bar. */
static void set_cookie_and_redirect(const struct tcp_guard *guard, struct rpc_request *request) {
    struct rpc_strbuf cookie = RPC_STRBUF_INIT, target = RPC_STRBUF_INIT;
    rpc_strbuf_addf(&cookie, "hero_token=%s; Path=/; HttpOnly; SameSite=Strict", guard->token);
    rpc_request_add_target(request, "token", &target);
    /* One leading slash only: two would be the name of another host. */
    const char *location = rpc_strbuf_text(&target);
    while (location[0] == '/' && location[1] == '/')
        location++;
    rpc_request_add_header(request, "Set-Cookie", rpc_strbuf_text(&cookie));
    rpc_request_add_header(request, "Location", location);
    rpc_request_add_header(request, "Cache-Control", "no-store");
    rpc_request_reply(request, 303, NULL, NULL, 0);
    rpc_strbuf_done(&cookie);
    rpc_strbuf_done(&target);
}

static bool caller_is_known(const struct tcp_guard *guard, struct rpc_request *request) {
    const struct rpc_peer *peer = rpc_request_peer(request);
    if (!guard->wants_token && peer->has_uid && (peer->uid == 0 || peer->uid == geteuid()))
        return true;
    const char *authorization = rpc_request_header(request, "Authorization");
    if (authorization && strncasecmp(authorization, "Bearer ", 7) == 0 &&
        token_is_right(guard, authorization + 7))
        return true;
    return token_is_right(guard, MHD_lookup_connection_value(request_connection(request)->mhd,
                                                             MHD_COOKIE_KIND, "hero_token"));
}

bool tcp_guard_admit(struct tcp_guard *guard, struct rpc_request *request) {
    const char *host = rpc_request_header(request, "Host");
    const char *origin = rpc_request_header(request, "Origin");
    if (!host || !tcp_guard_knows_host(guard, host)) {
        rpc_request_reply_error(request, 421, "this server is not \"%s\"", host ? host : "");
        return false;
    }
    if (origin && !origin_is_known(guard, origin)) {
        rpc_request_reply_error(request, 403, "requests of pages from \"%s\" are refused", origin);
        return false;
    }
    if (strcmp(request->method, "GET") == 0 &&
        token_is_right(guard, rpc_request_query(request, "token"))) {
        set_cookie_and_redirect(guard, request);
        return false;
    }
    if (caller_is_known(guard, request)) return true;
    rpc_request_add_header(request, "WWW-Authenticate", "Bearer");
    rpc_request_reply_error(request, 401, "this server wants a token");
    return false;
}
