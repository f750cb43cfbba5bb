/*
 * Sends lines to the log of a hero_proc from a thread of its own: in batches, with bounded memory,
 * and without ever making the caller wait. When hero_proc is down or slow, lines are kept up to the
 * bound, the oldest go first, and what goes is counted and told in a line of its own in their place;
 * the shipper comes back by itself. When it has no
 * method for this, lines are dropped at once and it is asked again from time to time.
 */
#ifndef HERO_PROC_SDK_SHIPPER_H
#define HERO_PROC_SDK_SHIPPER_H

#include <hero_rpc/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proc_shipper;

/* Zero in a member: its default. Texts are copied. */
struct proc_shipper_options {
    const char *socket_path; /* NULL: as proc_open, looked for at each connection */
    const char *source;      /* required: "hero_runner_rhai_server" */
    size_t max_bytes;        /* memory for lines that wait: 4 MiB */
    unsigned batch_lines;    /* lines in a call: 500 */
    unsigned flush_ms;       /* a line waits for others at most so long: 200 */
    unsigned retry_ms;       /* between attempts to reach it: 2,000 */
};

/* Starts the thread; the first connection is made at once. */
struct proc_shipper *proc_shipper_start(const struct proc_shipper_options *options,
                                        struct rpc_error *err);
/* Sends what waits, for at most so long, and ends the thread. NULL is allowed. */
void proc_shipper_stop(struct proc_shipper *shipper, unsigned flush_ms);

struct proc_shipper_line {
    const char *text; /* bytes that are not UTF-8 are replaced */
    size_t len;
    const char *level;       /* "info" */
    int64_t timestamp_ms;    /* wall clock */
    const char *const *tags; /* NULL-terminated; NULL: none */
};
/* Copies the line and returns at once. False when it was dropped (this or an older one is counted).
 * From any thread. */
bool proc_shipper_add(struct proc_shipper *shipper, const struct proc_shipper_line *line);

enum proc_shipper_state {
    PROC_SHIPPER_CONNECTING,  /* it has not been tried yet */
    PROC_SHIPPER_ACTIVE,      /* lines reach hero_proc */
    PROC_SHIPPER_UNAVAILABLE, /* they do not; see message */
};

struct proc_shipper_status {
    enum proc_shipper_state state;
    uint64_t sent;
    uint64_t dropped; /* by the bound, for want of the method, or by hero_proc */
    size_t waiting_lines, waiting_bytes;
    char message[512]; /* why it is unavailable; "" otherwise */
};
/* From any thread; does not wait for hero_proc. */
void proc_shipper_status(struct proc_shipper *shipper, struct proc_shipper_status *ret_status);

#endif
