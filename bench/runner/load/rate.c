/* As many runs as there can be in a time, or, in an open loop, arrivals on a fixed clock. */
#include "load.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GIVE_UP_NS 3000000000L /* after the end, when nothing succeeds any more */

struct worker {
    pthread_t thread;
    long good, bad;
    double *us; /* open loop: latencies from the due time */
    size_t count, cap;
};

static long begin_ns, next_due; /* of all workers */

static bool run_once(void) {
    char buffer[65536];
    int fd = dial();
    if (fd < 0) return false;
    bool is_good = send_request(fd, options.request) &&
                   read_answer(fd, options.needle, false, buffer, sizeof buffer, NULL);
    close(fd);
    return is_good;
}

static void keep(struct worker *worker, double us) {
    if (worker->count == worker->cap) {
        worker->cap = worker->cap * 2 + 1024;
        worker->us = realloc(worker->us, worker->cap * sizeof *worker->us);
        if (!worker->us) die("realloc");
    }
    worker->us[worker->count++] = us;
}

static void *work(void *ctx) {
    struct worker *worker = ctx;
    long end = begin_ns + (long)(options.limit_s * 1e9);
    for (;;) {
        long due = now_ns();
        if (options.per_second > 0) {
            long turn = __atomic_fetch_add(&next_due, 1, __ATOMIC_RELAXED);
            due = begin_ns + (long)((double)turn * 1e9 / options.per_second);
        }
        if (due >= end) break;
        sleep_ns(due - now_ns());
        if (run_once()) {
            worker->good++;
            if (options.per_second > 0) keep(worker, (double)(now_ns() - due) / 1e3);
        } else {
            worker->bad++;
            sleep_ns(1000000);
            if (now_ns() > end + GIVE_UP_NS) break;
        }
    }
    return NULL;
}

void measure_rate(void) {
    struct worker *workers = calloc((size_t)options.clients, sizeof *workers);
    if (!workers) die("calloc");
    long good = 0, bad = 0;
    begin_ns = now_ns();
    for (long i = 0; i < options.clients; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) die("pthread_create");
    for (long i = 0; i < options.clients; i++) {
        pthread_join(workers[i].thread, NULL);
        good += workers[i].good;
        bad += workers[i].bad;
    }
    printf("%ld %ld %.4f\n", good, bad, (double)(now_ns() - begin_ns) / 1e9);
    for (long i = 0; i < options.clients; i++)
        for (size_t j = 0; j < workers[i].count; j++)
            printf("%.1f\n", workers[i].us[j]);
}
