/*
 * What the machine needs without us: the control rows.
 */
#ifndef BENCH_FLOORS_H
#define BENCH_FLOORS_H

#include "samples.h"

/* From fork() to the read of one byte that the child writes first of all. */
void floor_fork(struct samples *samples, size_t count);

/* From the write of one byte to a child that is there already to the read of its answer, over a
 * socket pair. Each child is used once, as session processes are, `pause_us` after it is there. */
void floor_parked(struct samples *samples, size_t count, unsigned pause_us);

/* Fork, write of a byte, exit, wait, one after the other: how often per second. */
double floor_fork_rate(double seconds);

#endif
