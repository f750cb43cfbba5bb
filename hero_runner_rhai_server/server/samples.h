/*
 * What the server did, second by second, for an hour: the numbers of the dashboard's curves and of
 * GET /metrics.
 */
#ifndef RUNNER_SERVER_SAMPLES_H
#define RUNNER_SERVER_SAMPLES_H

#include <hero_rpc/strbuf.h>
#include <stdint.h>

#define SAMPLES_KEPT 3600
#define SAMPLES_DELAY_BUCKETS 256

enum sample_counter {
    SAMPLE_STARTED,
    SAMPLE_SUCCEEDED,
    SAMPLE_FAILED,
    SAMPLE_CANCELLED,
    SAMPLE_LINES,
    SAMPLE_CPU_MS,
    SAMPLE_COUNTERS,
};

struct sample {
    int64_t t_ms; /* its end, wall clock */
    uint32_t running, queued;
    uint64_t counters[SAMPLE_COUNTERS];
    int64_t memory_bytes;
    uint32_t start_p50_us, start_p99_us; /* 0 when nothing started */
};

struct samples {
    struct sample kept[SAMPLES_KEPT]; /* a circle */
    uint64_t count;                   /* taken since the start; the newest is count - 1 */
    /* Of the second under way: how long sessions waited for their start. Eight buckets for each
     * doubling, so a percentile is right within 9 %. */
    uint32_t delays[SAMPLES_DELAY_BUCKETS];
    uint32_t delay_count;
};

/* A session has started so long after it was posted. */
void samples_note_start(struct samples *samples, int64_t delay_us);
/* Ends the second under way. `sample` has what the caller knows, counters for this second only; the
 * percentiles are added. */
void samples_add(struct samples *samples, const struct sample *sample);

/* The object {step_s, samples} of the method stats: the last `seconds`, in steps. */
void samples_write(const struct samples *samples, int64_t seconds, int64_t step_s,
                   struct rpc_strbuf *out);

#endif
