#include "support/http.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int http_connect(const char *socket_path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

void http_send(int fd, const char *bytes, size_t len) {
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0) return; /* the server has answered and closed: its answer will tell */
        bytes += sent;
        len -= (size_t)sent;
    }
}

void http_send_rpc(int fd, const char *body, size_t len) {
    char head[128];
    int head_len =
        snprintf(head, sizeof head,
                 "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", len);
    http_send(fd, head, (size_t)head_len);
    http_send(fd, body, len);
}

static void send_text(int fd, const char *text) {
    http_send(fd, text, strlen(text));
}

void http_send_get(int fd, const char *path, const char *header) {
    send_text(fd, "GET ");
    send_text(fd, path);
    send_text(fd, " HTTP/1.1\r\nHost: localhost\r\n");
    send_text(fd, header);
    send_text(fd, "\r\n");
}

/* An answer is read to the end of the body that its Content-Length tells. */
int http_read_answer(int fd, char **ret_body) {
    size_t cap = 64 * 1024, len = 0;
    char *text = malloc(cap + 1);
    int status = -1;
    *ret_body = NULL;
    for (;;) {
        if (len == cap) text = realloc(text, (cap *= 2) + 1);
        ssize_t got = recv(fd, text + len, cap - len, 0);
        if (got > 0) len += (size_t)got;
        text[len] = '\0';
        char *body = strstr(text, "\r\n\r\n");
        if (body) {
            body += 4;
            const char *length = strcasestr(text, "content-length:");
            size_t want = length && length < body ? strtoul(length + 15, NULL, 10) : 0;
            if (len - (size_t)(body - text) >= want) {
                sscanf(text, "HTTP/1.1 %d", &status);
                *ret_body = strndup(body, want);
                break;
            }
        }
        if (got <= 0) break;
    }
    free(text);
    return status;
}

int http_rpc(const char *socket_path, const char *body, json_t **ret_json) {
    int fd = http_connect(socket_path);
    if (fd < 0) return -1;
    char *answer;
    http_send_rpc(fd, body, strlen(body));
    int status = http_read_answer(fd, &answer);
    close(fd);
    *ret_json = answer ? json_loads(answer, JSON_DECODE_ANY, NULL) : NULL;
    free(answer);
    return status;
}

/* Reads a request to the end of its body. */
static void read_request(int fd, char *out, size_t size) {
    size_t len = 0;
    ssize_t got;
    while (len + 1 < size && (got = recv(fd, out + len, size - 1 - len, 0)) > 0) {
        len += (size_t)got;
        out[len] = '\0';
        const char *body = strstr(out, "\r\n\r\n"), *length = strcasestr(out, "content-length:");
        size_t want = length ? strtoul(length + 15, NULL, 10) : 0;
        if (body && strlen(body + 4) >= want) return;
    }
}

struct listening {
    struct http_peer *peer;
    int fd;
};

static void *serve(void *ctx) {
    struct listening listening = *(struct listening *)ctx;
    free(ctx);
    for (;;) {
        int fd = accept(listening.fd, NULL, NULL);
        if (fd < 0) continue;
        read_request(fd, listening.peer->last, sizeof listening.peer->last);
        http_send(fd, listening.peer->answer, strlen(listening.peer->answer));
        close(fd);
        __atomic_add_fetch(&listening.peer->requests, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void begin(struct http_peer *peer, int fd, const char *answer) {
    struct listening *listening = malloc(sizeof *listening);
    *listening = (struct listening){peer, fd};
    listen(fd, 16);
    peer->answer = answer;
    peer->requests = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, serve, listening);
    pthread_detach(thread);
}

void http_peer_start(struct http_peer *peer, const char *answer) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bind(fd, (struct sockaddr *)&address, sizeof address);
    getsockname(fd, (struct sockaddr *)&address, &len);
    peer->port = ntohs(address.sin_port);
    begin(peer, fd, answer);
}

void http_peer_start_unix(struct http_peer *peer, const char *path, const char *answer) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bind(fd, (struct sockaddr *)&address, sizeof address);
    begin(peer, fd, answer);
}

unsigned http_peer_requests(const struct http_peer *peer) {
    return __atomic_load_n(&peer->requests, __ATOMIC_SEQ_CST);
}
