#include "zygote/control.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct control_usage control_usage_of(const struct rusage *usage) {
    return (struct control_usage){
        .user_us = usage->ru_utime.tv_sec * INT64_C(1000000) + usage->ru_utime.tv_usec,
        .system_us = usage->ru_stime.tv_sec * INT64_C(1000000) + usage->ru_stime.tv_usec,
        .max_rss_kib = usage->ru_maxrss,
        .voluntary_switches = usage->ru_nvcsw,
        .involuntary_switches = usage->ru_nivcsw,
    };
}

union rights {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int control_send(int fd, const struct control_message *message, int session_fd) {
    union rights control = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof *message};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (session_fd >= 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof session_fd);
        memcpy(CMSG_DATA(rights), &session_fd, sizeof session_fd);
    }
    while (sendmsg(fd, &header, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return -errno;
    return 0;
}

static int take_fd(struct msghdr *header) {
    int fd = -1;
    const struct cmsghdr *rights = CMSG_FIRSTHDR(header);
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS &&
        rights->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    return fd;
}

int control_receive(int fd, struct control_message *ret_message, int *ret_session_fd) {
    union rights control;
    struct iovec part = {.iov_base = ret_message, .iov_len = sizeof *ret_message};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    *ret_session_fd = -1;
    ssize_t got;
    do {
        got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return -errno;
    if (got == 0) return 0;

    int session_fd = take_fd(&header);
    bool is_whole = got == sizeof *ret_message && !(header.msg_flags & MSG_TRUNC);
    if (is_whole && (ret_message->parked_pid != 0) == (session_fd >= 0)) {
        *ret_session_fd = session_fd;
        return 1;
    }
    if (session_fd >= 0) close(session_fd);
    return is_whole ? -EMSGSIZE : -EPROTO;
}
