/*
 * Times in microseconds, and what is told of them.
 */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stddef.h>

#define SAMPLES_MAX 4096

struct samples {
    double us[SAMPLES_MAX];
    size_t count;
};

struct percentiles {
    double p50, p90, p99;
};

/* CLOCK_MONOTONIC in microseconds. */
double now_us(void);

/* More than SAMPLES_MAX are not kept. */
void samples_add(struct samples *samples, double us);

/* Nearest rank; sorts the samples and empties the list. */
struct percentiles samples_take_percentiles(struct samples *samples);

/* Of at least one number, which are sorted by it. */
double median(double *numbers, size_t count);

#endif
