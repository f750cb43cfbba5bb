#include "load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define COUNTER "########"

long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

void sleep_ns(long ns) {
    if (ns <= 0) return;
    struct timespec pause = {ns / 1000000000L, ns % 1000000000L};
    nanosleep(&pause, NULL);
}

void die(const char *what) {
    perror(what);
    exit(1);
}

static int connect_to(int family, const void *address, socklen_t len) {
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, address, len) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

int dial(void) {
    int fd;
    if (strncmp(options.address, "unix:", 5) == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strncpy(address.sun_path, options.address + 5, sizeof address.sun_path - 1);
        fd = connect_to(AF_UNIX, &address, sizeof address);
    } else {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((in_port_t)atoi(options.address + 4)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        fd = connect_to(AF_INET, &address, sizeof address);
        if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    struct timeval timeout = {.tv_sec = (time_t)options.limit_s};
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return fd;
}

static bool send_all(int fd, const char *data, size_t len) {
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        data += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool send_request(int fd, struct bytes request) {
    static unsigned counter;
    char *mark = memmem(request.data, request.len, COUNTER, strlen(COUNTER)), digits[16];
    if (!mark) return send_all(fd, request.data, request.len);
    unsigned number =
        __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED) + (unsigned)getpid() % 1000 * 100000;
    snprintf(digits, sizeof digits, "%08u", number % 100000000);
    char *copy = malloc(request.len);
    if (!copy) die("malloc");
    memcpy(copy, request.data, request.len);
    memcpy(copy + (mark - request.data), digits, strlen(COUNTER));
    bool is_sent = send_all(fd, copy, request.len);
    free(copy);
    return is_sent;
}

long read_answer(int fd, const char *needle, bool is_stopping, char *buffer, size_t size,
                 size_t *ret_len) {
    size_t len = 0, needle_len = strlen(needle);
    long seen = 0;
    for (;;) {
        if (len == size) len = 0; /* answers here are small */
        ssize_t got = read(fd, buffer + len, size - len);
        if (got <= 0) break;
        size_t from = len > needle_len ? len - needle_len : 0;
        len += (size_t)got;
        if (seen || !memmem(buffer + from, len - from, needle, needle_len)) continue;
        seen = now_ns();
        if (is_stopping) break;
    }
    if (ret_len) *ret_len = len;
    return seen;
}

struct bytes start_session(int fd) {
    struct bytes none = {0}, made;
    char buffer[16384], id[128];
    size_t len = 0;
    if (fd < 0 || !send_request(fd, options.request)) return none;
    read_answer(fd, "\"session_id\":\"", true, buffer, sizeof buffer - 1, &len);
    buffer[len] = '\0';
    const char *member = strstr(buffer, "\"session_id\"");
    if (!member || sscanf(member + 12, " : \"%120[^\"]", id) != 1) return none;
    const struct bytes *pattern = &options.subscription;
    const char *mark = memmem(pattern->data, pattern->len, "@ID@", 4);
    if (!mark) return none;
    size_t before = (size_t)(mark - pattern->data), after = pattern->len - before - 4;
    made.len = pattern->len - 4 + strlen(id);
    made.data = malloc(made.len);
    if (!made.data) die("malloc");
    memcpy(made.data, pattern->data, before);
    memcpy(made.data + before, id, strlen(id));
    memcpy(made.data + before + strlen(id), mark + 4, after);
    return made;
}
