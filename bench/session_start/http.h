/*
 * As much HTTP/1.1 over a Unix socket as the benchmark needs: one request at a time, written with
 * one write(), on a connection that stays open. Written by hand so that the client costs little.
 *
 * Whatever goes wrong ends the program with a message: without a working connection there is
 * nothing to measure.
 */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_ANSWER_MAX_BYTES 65536

struct http {
    int fd;
    size_t len;                         /* of what has been read of the present answer */
    char answer[HTTP_ANSWER_MAX_BYTES]; /* with a NUL behind */
};

void http_open(struct http *http, const char *socket_path);
void http_close(struct http *http);

/* POST /rpc with this body, or GET of this path, as text in `to`; returns its length. */
size_t http_format_post(char *to, size_t size, const char *body);
size_t http_format_get(char *to, size_t size, const char *path);

/* Writes a request and forgets the answer before it. */
void http_send(struct http *http, const char *request, size_t len);

/* One read(). False at the end of the connection. */
bool http_read(struct http *http);

/* Whether the answer with its Content-Length is all there. */
bool http_is_complete(const struct http *http);

/* Reads to the end of the answer, whose status must be 200. */
void http_finish(struct http *http);

#endif
