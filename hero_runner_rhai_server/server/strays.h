/*
 * Strays: what session processes write to their descriptors 1 and 2 directly, such as libc's words
 * about a damaged heap. (What scripts print and what their child processes write comes in frames.)
 *
 * All session processes of a zygote have the same two datagram sockets there, so they cost a
 * session nothing; the kernel says with each datagram which process wrote it (SO_PASSCRED,
 * unix(7)).
 */
#ifndef RUNNER_SERVER_STRAYS_H
#define RUNNER_SERVER_STRAYS_H

#include <hero_rpc/error.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct event;
struct event_base;

/* `stream` is FRAME_STREAM_STDOUT or FRAME_STREAM_STDERR. */
typedef void strays_sink(void *ctx, pid_t pid, uint8_t stream, const char *bytes, size_t len);

/* Of one write; a longer one fails with EMSGSIZE, so nothing is cut. */
#define STRAY_MAX_BYTES (256 * 1024)

struct strays_stream {
    struct strays *strays;
    int ours, theirs; /* theirs is for the zygote, above the descriptors that it gets by number */
    uint8_t stream;
    struct event *readable;
};

struct strays {
    struct strays_stream streams[2];
    strays_sink *sink;
    void *ctx;
};

/* 0, or -1 with *err; strays_close is right in either case, and for a zeroed struct. */
int strays_open(struct strays *strays, struct event_base *base, int lowest_fd, strays_sink *sink,
                void *ctx, struct rpc_error *err);
void strays_close(struct strays *strays);

/* Passes on what is there now: all that a process wrote which has exited. */
void strays_read(struct strays *strays);

#endif
