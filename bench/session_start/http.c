#include "http.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void http_open(struct http *http, const char *socket_path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof address.sun_path) errx(2, "%s: path too long", socket_path);
    strcpy(address.sun_path, socket_path);
    http->len = 0;
    http->answer[0] = '\0';
    http->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (http->fd < 0 || connect(http->fd, (struct sockaddr *)&address, sizeof address) < 0)
        err(2, "%s", socket_path);
}

void http_close(struct http *http) {
    close(http->fd);
}

size_t http_format_post(char *to, size_t size, const char *body) {
    return (size_t)snprintf(to, size,
                            "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                            "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                            strlen(body), body);
}

size_t http_format_get(char *to, size_t size, const char *path) {
    return (size_t)snprintf(to, size, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
}

void http_send(struct http *http, const char *request, size_t len) {
    http->len = 0;
    http->answer[0] = '\0';
    ssize_t written = write(http->fd, request, len);
    if (written < 0) err(2, "write to the server");
    if ((size_t)written != len) errx(2, "the server took only a part of a request");
}

bool http_read(struct http *http) {
    size_t room = sizeof http->answer - 1 - http->len;
    if (room == 0) errx(2, "the answer is too large: %.80s", http->answer);
    ssize_t got;
    do {
        got = read(http->fd, http->answer + http->len, room);
    } while (got < 0 && errno == EINTR);
    if (got < 0) err(2, "read from the server");
    http->len += (size_t)got;
    http->answer[http->len] = '\0';
    return got > 0;
}

bool http_is_complete(const struct http *http) {
    static const char name[] = "Content-Length: ";
    const char *body = strstr(http->answer, "\r\n\r\n");
    const char *length = strstr(http->answer, name);
    if (!body || !length || length > body) return false;
    size_t expected = strtoul(length + sizeof name - 1, NULL, 10);
    return http->len >= (size_t)(body + 4 - http->answer) + expected;
}

void http_finish(struct http *http) {
    while (!http_is_complete(http))
        if (!http_read(http)) errx(2, "the server has closed the connection: %s", http->answer);
    if (strncmp(http->answer, "HTTP/1.1 200 ", 13) != 0)
        errx(2, "unexpected answer: %s", http->answer);
}
