/*
 * The control socket between server and zygote: SOCK_SEQPACKET, one message per event.
 *
 * Both programs are of one build (the first message carries its id), so a message is a plain
 * struct. It says what happened to which process; the request of a session and its output never
 * pass here but go over the session socket.
 */
#ifndef RUNNER_ZYGOTE_CONTROL_H
#define RUNNER_ZYGOTE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_FD 3 /* where the zygote finds it */

enum control_kind {
    /* zygote to server */
    CONTROL_HELLO = 1,   /* text: build id. First of all, before the engine is built */
    CONTROL_READY,       /* the engine is built and has passed its self-test */
    CONTROL_FAILED,      /* text: why there will be no session processes; the zygote ends */
    CONTROL_PARKED,      /* pid: a new session process waits; with CONTROL_FD_COUNT descriptors */
    CONTROL_PARK_FAILED, /* number: errno of the fork or what belongs to it */
    CONTROL_EXITED,      /* pid, status, usage: it has been reaped and nothing of it survives */
    /* server to zygote */
    CONTROL_PARK, /* number: make so many more session processes */
};

/* What goes with CONTROL_PARKED, in this order. */
enum control_fd {
    CONTROL_FD_SESSION, /* the server's end of the session socket */
    CONTROL_FD_PIDFD,
    CONTROL_FD_STDOUT, /* read ends of what the process has as 1 and 2 */
    CONTROL_FD_STDERR,
    CONTROL_FD_COUNT,
};

struct control_usage {
    int64_t user_us, system_us;
    int64_t max_rss_kib;
    int64_t voluntary_switches, involuntary_switches;
};

struct rusage;
struct control_usage control_usage_of(const struct rusage *usage);

struct control_message {
    uint32_t kind;
    int32_t pid;
    int32_t number;
    int32_t status;      /* as from waitpid(2) */
    int32_t is_survived; /* CONTROL_EXITED: a process it left behind does not die (D state) */
    struct control_usage usage;
    char text[200];
};

/* Sends one message, with `count` descriptors. 0 or -errno; never raises SIGPIPE. */
int control_send(int fd, const struct control_message *message, const int *fds, int count);

/* Receives one message and its descriptors (CONTROL_FD_COUNT places, -1 where there is none), all
 * close-on-exec. Returns 1, 0 at the end of the connection, or -errno: -EPROTO for a message of
 * the wrong size, -EMSGSIZE when descriptors were lost on the way (those that came are closed; the
 * message itself is there). */
int control_receive(int fd, struct control_message *ret_message, int ret_fds[CONTROL_FD_COUNT]);

#endif
