#include "server/strays.h"

#include "session/frames.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than the kernel queues for one socket (net.unix.max_dgram_qlen), and an end for a loop that
 * others could make endless. */
#define READS_AT_ONCE 1024

/* False: there is nothing. */
static bool read_one(struct strays_stream *stream) {
    static char bytes[STRAY_MAX_BYTES];
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(stream->ours, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) return errno == EINTR;
    const struct cmsghdr *sender = CMSG_FIRSTHDR(&header);
    struct ucred who;
    if (!sender || sender->cmsg_type != SCM_CREDENTIALS) return true;
    memcpy(&who, CMSG_DATA(sender), sizeof who);
    stream->strays->sink(stream->strays->ctx, who.pid, stream->stream, bytes, (size_t)got);
    return true;
}

static void read_all(struct strays_stream *stream) {
    for (int i = 0; i < READS_AT_ONCE && read_one(stream); i++)
        continue;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    read_all(ctx);
}

static int open_stream(struct strays_stream *stream, struct event_base *base, int lowest_fd) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0) return -1;
    stream->ours = pair[0];
    stream->theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, lowest_fd);
    close(pair[1]);
    stream->readable = event_new(base, stream->ours, EV_READ | EV_PERSIST, on_readable, stream);
    if (stream->theirs < 0 || !stream->readable) return -1;
    if (setsockopt(stream->ours, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)) < 0) return -1;
    /* The kernel doubles it, and takes no datagram that is larger (socket(7)). */
    int send_bytes = STRAY_MAX_BYTES / 2;
    if (setsockopt(stream->theirs, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes) < 0)
        return -1;
    return event_add(stream->readable, NULL);
}

int strays_open(struct strays *strays, struct event_base *base, int lowest_fd, strays_sink *sink,
                void *ctx, struct rpc_error *err) {
    *strays = (struct strays){.sink = sink, .ctx = ctx};
    for (int i = 0; i < 2; i++)
        strays->streams[i] =
            (struct strays_stream){.strays = strays,
                                   .ours = -1,
                                   .theirs = -1,
                                   .stream = i ? FRAME_STREAM_STDERR : FRAME_STREAM_STDOUT};
    for (int i = 0; i < 2; i++) {
        if (open_stream(&strays->streams[i], base, lowest_fd) == 0) continue;
        rpc_error_set_errno(err, "cannot make the sockets for the output of sessions");
        return -1;
    }
    return 0;
}

void strays_close(struct strays *strays) {
    for (int i = 0; strays->sink && i < 2; i++) {
        struct strays_stream *stream = &strays->streams[i];
        if (stream->readable) event_free(stream->readable);
        rpc_fd_close(&stream->ours);
        rpc_fd_close(&stream->theirs);
    }
    strays->sink = NULL;
}

void strays_read(struct strays *strays) {
    struct pollfd ends[2];
    for (int i = 0; i < 2; i++)
        ends[i] = (struct pollfd){.fd = strays->streams[i].ours, .events = POLLIN};
    if (poll(ends, 2, 0) <= 0) return; /* as nearly always */
    for (int i = 0; i < 2; i++)
        if (ends[i].revents) read_all(&strays->streams[i]);
}
