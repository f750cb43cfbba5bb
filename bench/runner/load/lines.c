/* Readers of lines: every line's number is checked. */
#include "framing.h"
#include "load.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES (256 * 1024)
#define MAX_DELAYS 4096
#define LINE_MIN_BYTES 60 /* of a numbered one */

struct reader {
    pthread_t thread;
    int fd;
    struct bytes request;
    struct unframer unframer;
    long next, lines, lost, reordered, end_ns;
    double delays[MAX_DELAYS];
    int delay_count;
    bool is_done;
};

static long begin_ns;
static pthread_barrier_t barrier;

static void on_line(void *ctx, char *line) {
    struct reader *reader = ctx;
    if (line[0] == 'T') {
        if (reader->delay_count < MAX_DELAYS)
            reader->delays[reader->delay_count++] = (double)(now_ns() - atol(line + 2)) / 1e3;
        reader->is_done = reader->delay_count >= options.count;
        return;
    }
    if (line[0] < '0' || line[0] > '9' || strlen(line) < LINE_MIN_BYTES) return;
    long number = atol(line);
    reader->lines++;
    if (number < reader->next) {
        reader->reordered++;
        if (reader->lost > 0) reader->lost--;
    } else {
        reader->lost += number - reader->next;
        reader->next = number + 1;
    }
    reader->is_done = number >= options.count;
}

static void *read_lines(void *ctx) {
    struct reader *reader = ctx;
    char *buffer = malloc(BUFFER_BYTES);
    if (!buffer) die("malloc");
    reader->fd = dial();
    if (options.start.data && reader->fd >= 0) send_request(reader->fd, reader->request);
    pthread_barrier_wait(&barrier); /* all are there */
    pthread_barrier_wait(&barrier); /* the clock runs */
    if (reader->fd >= 0 && !options.start.data) send_request(reader->fd, reader->request);
    long limit = begin_ns + (long)(options.limit_s * 1e9);
    while (reader->fd >= 0 && !reader->is_done && now_ns() < limit) {
        struct pollfd poll_fd = {.fd = reader->fd, .events = POLLIN};
        if (poll(&poll_fd, 1, 200) == 0) continue;
        ssize_t got = read(reader->fd, buffer, BUFFER_BYTES);
        if (got <= 0) break;
        unframe(&reader->unframer, buffer, (size_t)got);
    }
    reader->end_ns = now_ns();
    if (reader->fd >= 0) close(reader->fd);
    free(buffer);
    return NULL;
}

static void send_start(void) {
    char buffer[4096];
    int fd = dial();
    if (fd < 0) return;
    if (send_request(fd, options.start))
        read_answer(fd, "</methodResponse>", true, buffer, sizeof buffer, NULL);
    close(fd);
}

/* Subscribers that ask and then do not read. */
static void add_sleepers(struct bytes request) {
    for (long i = 0; i < options.sleepers; i++) {
        int fd = dial(); /* stays open until the process ends */
        if (fd >= 0) send_request(fd, request);
    }
}

void measure_lines(void) {
    struct reader *readers = calloc((size_t)options.clients, sizeof *readers);
    int framing = framing_from_name(options.framing);
    if (!readers || framing < 0) die("readers");
    struct bytes request = options.request;
    long started = now_ns();
    if (options.subscription.data) {
        int fd = dial();
        request = start_session(fd);
        if (!request.data) die("no session");
        close(fd);
    }
    add_sleepers(request);
    pthread_barrier_init(&barrier, NULL, (unsigned)options.clients + 1);
    for (long i = 0; i < options.clients; i++) {
        struct reader *reader = &readers[i];
        reader->next = 1;
        reader->request = request;
        reader->unframer =
            (struct unframer){.framing = (enum framing)framing, .line = on_line, .ctx = reader};
        if (pthread_create(&reader->thread, NULL, read_lines, reader)) die("pthread_create");
    }
    pthread_barrier_wait(&barrier);
    if (options.start.data) sleep_ns(300000000); /* the subscriptions have no answer to wait for */
    begin_ns = options.subscription.data ? started : now_ns();
    pthread_barrier_wait(&barrier);
    if (options.start.data) send_start();
    for (long i = 0; i < options.clients; i++) {
        struct reader *reader = &readers[i];
        pthread_join(reader->thread, NULL);
        if (!reader->delay_count && reader->next <= options.count)
            reader->lost += options.count - reader->next + 1;
        printf("%ld %ld %ld %.4f\n", reader->lines, reader->lost, reader->reordered,
               (double)(reader->end_ns - begin_ns) / 1e9);
    }
    for (long i = 0; i < options.clients; i++)
        for (int j = 0; j < readers[i].delay_count; j++)
            printf("T %.1f\n", readers[i].delays[j]);
}
