/*
 * The control socket from zygote to server: SOCK_SEQPACKET, one message per event.
 *
 * Both programs are of one build (the first message carries its id), so a message is a plain
 * struct. It says what happened to which process; the request of a session and its output never
 * pass here but go over the session socket. The server says nothing here but by its end.
 */
#ifndef RUNNER_ZYGOTE_CONTROL_H
#define RUNNER_ZYGOTE_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the zygote finds what it is started with. */
enum {
    CONTROL_FD = 3,
    CONTROL_STDOUT_FD, /* what session processes have as 1 and 2: server/strays.h */
    CONTROL_STDERR_FD,
    CONTROL_WANTED_FD, /* a struct control_wanted in shared memory */
    CONTROL_WAKE_FD,   /* an eventfd */
};

/* How many more session processes there should be: the server adds, the zygote takes. It looks each
 * time it has woken up, which the end of a session makes it do; CONTROL_WAKE_FD is for when that
 * takes too long. So the usual replacement of a used process costs no message and no wake-up. */
struct control_wanted {
    atomic_int count;
};

enum control_kind {
    CONTROL_HELLO = 1,   /* text: build id. First of all, before the engine is built */
    CONTROL_READY,       /* the engine is built and has passed its self-test */
    CONTROL_FAILED,      /* text: why there will be no session processes; the zygote ends */
    CONTROL_PARKED,      /* parked_pid: a new session process waits */
    CONTROL_PARK_FAILED, /* number: errno of the fork or what belongs to it */
    CONTROL_EXITED, /* pid, status, usage: it has been reaped and nothing of it survives; perhaps
                       with the parked_pid of another that takes its place */
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
    int32_t parked_pid; /* not 0: with the server's end of its session socket */
    int32_t number;
    int32_t status;      /* as from waitpid(2) */
    int32_t is_survived; /* CONTROL_EXITED: a process it left behind does not die (D state) */
    struct control_usage usage;
    char text[200];
};

/* Sends one message, with a descriptor if session_fd is not -1. 0 or -errno; never raises SIGPIPE.
 */
int control_send(int fd, const struct control_message *message, int session_fd);

/* Receives one message and its descriptor (close-on-exec; -1 where there is none). Returns 1, 0 at
 * the end of the connection, or -errno: -EPROTO for a message of the wrong size, -EMSGSIZE when the
 * descriptor was lost on the way (the message itself is there). */
int control_receive(int fd, struct control_message *ret_message, int *ret_session_fd);

#endif
