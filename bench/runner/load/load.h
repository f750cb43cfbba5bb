/*
 * The client of the comparison: sends requests that the peers' drivers have prepared as files, and
 * measures what comes back. One connection per run, the answer read to its end.
 *
 * "########" in a request becomes a counter, so that each text is new. A peer that starts a session
 * and gives its id has a second request with "@ID@", the subscription to it.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>

struct bytes {
    char *data; /* NULL: none */
    size_t len;
};

struct options {
    const char *address; /* unix:PATH or tcp:PORT (127.0.0.1) */
    struct bytes request;
    struct bytes subscription; /* with @ID@ of the answer to `request` */
    struct bytes watch;        /* latency: opened once; what is looked for comes there */
    struct bytes start;        /* lines: sent once all subscribers are there */
    const char *needle;        /* what a good answer holds */
    const char *framing;       /* http, fcgi, ws, raw or sse */
    long count;                /* runs, or the number of the last line */
    long clients;              /* connections at the same time */
    long sleepers;             /* of subscribers that never read, besides */
    long gap_us;               /* between two runs */
    double limit_s;
    double per_second; /* open loop; 0: closed */
};
extern struct options options;

/* What main's usage says. */
void measure_latency(void);
void measure_rate(void);
void measure_lines(void);
void measure_floors(void);
void hold_sleepers(long count);
void print_stamps(long count, long ms_even, long ms_odd);

/* connection.c */
long now_ns(void); /* CLOCK_MONOTONIC */
void sleep_ns(long ns);
void die(const char *what); /* with errno */
int dial(void);             /* -1: refused */
bool send_request(int fd, struct bytes request);
/* Reads to the end, or up to the needle with `is_stopping`. When the needle was read, 0: never.
 * *ret_len (may be NULL): how much of the answer is in the buffer. */
long read_answer(int fd, const char *needle, bool is_stopping, char *buffer, size_t size,
                 size_t *ret_len);
/* Starts a session on that connection and returns the subscription to it (free data); none when it
 * could not be started. */
struct bytes start_session(int fd);

#endif
