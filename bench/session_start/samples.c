#include "samples.h"

#include <stdlib.h>
#include <time.h>

double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void samples_add(struct samples *samples, double us) {
    if (samples->count < SAMPLES_MAX) samples->us[samples->count++] = us;
}

/* The smallest of `count` sorted numbers that `percent` of them do not exceed. */
static double nearest_rank(const double *sorted, size_t count, size_t percent) {
    size_t rank = (count * percent + 99) / 100;
    return count ? sorted[rank - 1] : 0;
}

struct percentiles samples_take_percentiles(struct samples *samples) {
    size_t count = samples->count;
    qsort(samples->us, count, sizeof *samples->us, compare);
    samples->count = 0;
    return (struct percentiles){.p50 = nearest_rank(samples->us, count, 50),
                                .p90 = nearest_rank(samples->us, count, 90),
                                .p99 = nearest_rank(samples->us, count, 99)};
}

double median(double *numbers, size_t count) {
    qsort(numbers, count, sizeof *numbers, compare);
    return (numbers[(count - 1) / 2] + numbers[count / 2]) / 2;
}
