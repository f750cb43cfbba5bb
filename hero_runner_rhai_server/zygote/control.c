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

int control_send(int fd, const struct control_message *message, const int *fds, int count) {
    union {
        char bytes[CMSG_SPACE(sizeof(int) * CONTROL_FD_COUNT)];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof *message};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        memset(control.bytes, 0, sizeof control.bytes);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * (size_t)count);
    }
    while (sendmsg(fd, &header, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return -errno;
    return 0;
}

static int take_fds(struct msghdr *header, int ret_fds[CONTROL_FD_COUNT]) {
    int taken = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (taken < CONTROL_FD_COUNT)
                ret_fds[taken++] = fd;
            else
                close(fd);
        }
    }
    return taken;
}

int control_receive(int fd, struct control_message *ret_message, int ret_fds[CONTROL_FD_COUNT]) {
    union {
        char bytes[CMSG_SPACE(sizeof(int) * CONTROL_FD_COUNT)];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = ret_message, .iov_len = sizeof *ret_message};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    for (int i = 0; i < CONTROL_FD_COUNT; i++)
        ret_fds[i] = -1;
    ssize_t got;
    do {
        got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return -errno;
    if (got == 0) return 0;

    int taken = take_fds(&header, ret_fds);
    bool is_whole = got == sizeof *ret_message && !(header.msg_flags & MSG_TRUNC);
    int expected = is_whole && ret_message->kind == CONTROL_PARKED ? CONTROL_FD_COUNT : 0;
    if (is_whole && taken == expected && !(header.msg_flags & MSG_CTRUNC)) return 1;
    for (int i = 0; i < CONTROL_FD_COUNT; i++) {
        if (ret_fds[i] >= 0) close(ret_fds[i]);
        ret_fds[i] = -1;
    }
    return is_whole ? -EMSGSIZE : -EPROTO;
}
