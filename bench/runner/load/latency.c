/* Runs, one after the other: how long until the first output. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES 65536

struct times {
    long connected, written, seen; /* seen 0: never */
};

/* The answer to the request has it, or the subscription that was open before. */
static void run_once(int watch, char *buffer, struct times *times) {
    times->connected = now_ns();
    int fd = dial();
    times->written = now_ns();
    if (fd < 0 || !send_request(fd, options.request)) return;
    if (watch < 0) {
        times->seen = read_answer(fd, options.needle, false, buffer, BUFFER_BYTES, NULL);
    } else {
        times->seen = read_answer(watch, options.needle, true, buffer, BUFFER_BYTES, NULL);
        read_answer(fd, "</methodResponse>", true, buffer, BUFFER_BYTES, NULL);
    }
    close(fd);
}

/* The session is started on one connection; its subscriber has one, and asks as soon as it knows.
 */
static void run_and_subscribe(char *buffer, struct times *times) {
    times->connected = now_ns();
    int fd = dial(), subscriber = dial();
    times->written = now_ns();
    struct bytes subscription = start_session(fd);
    if (subscriber >= 0 && subscription.data && send_request(subscriber, subscription))
        times->seen = read_answer(subscriber, options.needle, true, buffer, BUFFER_BYTES, NULL);
    free(subscription.data);
    if (fd >= 0) close(fd);
    if (subscriber >= 0) close(subscriber);
}

void measure_latency(void) {
    static char buffer[BUFFER_BYTES];
    int watch = -1;
    if (options.watch.data) {
        watch = dial();
        if (watch < 0 || !send_request(watch, options.watch)) die("subscribe");
        sleep_ns(300000000);
        recv(watch, buffer, sizeof buffer, MSG_DONTWAIT);
    }
    for (long i = 0; i < options.count; i++) {
        struct times times = {0};
        if (options.subscription.data)
            run_and_subscribe(buffer, &times);
        else
            run_once(watch, buffer, &times);
        if (times.seen)
            printf("%.1f %.1f\n", (double)(times.seen - times.connected) / 1e3,
                   (double)(times.seen - times.written) / 1e3);
        else
            printf("bad\n");
        sleep_ns(options.gap_us * 1000);
    }
}
