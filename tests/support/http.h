/* Raw HTTP over a Unix socket, for what a well-behaved client library cannot do. */
#ifndef TESTS_SUPPORT_HTTP_H
#define TESTS_SUPPORT_HTTP_H

#include <jansson.h>
#include <stddef.h>

int http_connect(const char *socket_path);
/* Sends bytes as they are. */
void http_send(int fd, const char *bytes, size_t len);
/* Sends POST /rpc with these bytes and does not wait. */
void http_send_rpc(int fd, const char *body, size_t len);
/* Reads one answer; returns its status and the body (free with free()), which may be "". */
int http_read_answer(int fd, char **ret_body);
/* Both, on a connection of its own, with the body as JSON (NULL when it is none). */
int http_rpc(const char *socket_path, const char *body, json_t **ret_json);
/* A small HTTP server on a thread of its own: answers each request with `answer` (a whole HTTP
 * response), keeps the newest request and counts them. Stopped with its process. */
struct http_peer {
    unsigned short port;
    const char *answer; /* may be changed */
    unsigned requests;
    char last[65536];
};
void http_peer_start(struct http_peer *peer, const char *answer);
/* The same on a Unix socket. */
void http_peer_start_unix(struct http_peer *peer, const char *path, const char *answer);
unsigned http_peer_requests(const struct http_peer *peer);

/* Begins GET of a path, with a further header line ("" for none). */
void http_send_get(int fd, const char *path, const char *header);

#endif
