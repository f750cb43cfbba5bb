#include "net/socket.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- Names ------------------------------------------------------------------------------- */

/* A look-up that runs on. It belongs to the caller and to the thread, and the last one frees it: the
 * thread of a look-up that was given up ends when getaddrinfo does. */
struct lookup {
    int owners; /* atomic */
    int done_fd;
    char *host;
    char port[8];
    int code;
    struct addrinfo *found;
};

static void lookup_release(struct lookup *lookup) {
    if (__atomic_sub_fetch(&lookup->owners, 1, __ATOMIC_ACQ_REL) > 0) return;
    if (lookup->found) freeaddrinfo(lookup->found);
    if (lookup->done_fd >= 0) close(lookup->done_fd);
    free(lookup->host);
    free(lookup);
}

static void *run_lookup(void *data) {
    struct lookup *lookup = data;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    lookup->code = getaddrinfo(lookup->host, lookup->port, &hints, &lookup->found);
    eventfd_write(lookup->done_fd, 1);
    lookup_release(lookup);
    return NULL;
}

static struct lookup *lookup_new(const char *host, const char *port) {
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup) return NULL;
    lookup->owners = 2;
    lookup->host = strdup(host);
    snprintf(lookup->port, sizeof lookup->port, "%s", port);
    lookup->done_fd = eventfd(0, EFD_CLOEXEC);
    if (lookup->host && lookup->done_fd >= 0) return lookup;
    lookup->owners = 1;
    lookup_release(lookup);
    return NULL;
}

static int look_up(herolib_session *session, const char *host, const char *port, int64_t deadline_ns,
                   struct addrinfo **ret) {
    struct lookup *lookup = lookup_new(host, port);
    if (!lookup) return -ENOMEM;
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int failed = -pthread_create(&thread, &attributes, run_lookup, lookup);
    pthread_attr_destroy(&attributes);
    if (failed) {
        lookup->owners = 1;
    } else {
        struct pollfd fd = {.fd = lookup->done_fd, .events = POLLIN};
        int ready = herolib_wait(session, &fd, 1, deadline_ns);
        failed = ready > 0 ? -lookup->code : ready < 0 ? ready : -ETIMEDOUT;
        if (ready > 0 && lookup->code == EAI_SYSTEM) failed = -EIO;
        if (!failed) {
            *ret = lookup->found;
            lookup->found = NULL;
        }
    }
    lookup_release(lookup);
    return failed;
}

int socket_resolve(herolib_session *session, const char *host, int port, int64_t deadline_ns,
                   struct addrinfo **ret) {
    char port_text[8];
    snprintf(port_text, sizeof port_text, "%u", (unsigned)port & 0xFFFF);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    if (getaddrinfo(host, port_text, &hints, ret) == 0) return 0;
    return look_up(session, host, port_text, deadline_ns, ret);
}

const char *socket_error_text(int failed) {
    return failed > 0 ? gai_strerror(-failed) : strerror(-failed);
}

/* ---- Connections ------------------------------------------------------------------------- */

/* One address. A connect that goes on is waited for. */
static int connect_to(herolib_session *session, const struct sockaddr *address, socklen_t len,
                      int64_t deadline_ns, int *ret_fd) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    int failed = connect(fd, address, len) < 0 ? -errno : 0;
    if (failed == -EINPROGRESS) {
        struct pollfd connected = {.fd = fd, .events = POLLOUT};
        int ready = herolib_wait(session, &connected, 1, deadline_ns), cause = 0;
        socklen_t size = sizeof cause;
        if (ready > 0) getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &size);
        failed = ready > 0 ? -cause : ready < 0 ? ready : -ETIMEDOUT;
    }
    if (failed)
        close(fd);
    else
        *ret_fd = fd;
    return failed;
}

int socket_connect(herolib_session *session, const char *host, int port, int64_t deadline_ns,
                   int *ret_fd) {
    struct addrinfo *found = NULL;
    int failed = socket_resolve(session, host, port, deadline_ns, &found);
    if (failed) return failed;
    failed = -EHOSTUNREACH;
    for (const struct addrinfo *one = found; one && failed && failed != -ECANCELED;
         one = one->ai_next)
        failed = connect_to(session, one->ai_addr, one->ai_addrlen, deadline_ns, ret_fd);
    freeaddrinfo(found);
    return failed;
}

int socket_connect_unix(herolib_session *session, const char *path, int64_t deadline_ns,
                        int *ret_fd) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    return connect_to(session, (struct sockaddr *)&address, sizeof address, deadline_ns, ret_fd);
}
