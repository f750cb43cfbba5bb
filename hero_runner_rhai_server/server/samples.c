#include "server/samples.h"

#include <string.h>

#define BUCKETS_A_DOUBLING 8
#define PERCENT_SCALE 100

/* ---- Delays ----------------------------------------------------------------------------- */

static unsigned bucket_of(uint64_t us) {
    if (us < BUCKETS_A_DOUBLING) return (unsigned)us;
    unsigned power = 63u - (unsigned)__builtin_clzll(us); /* 3 or more */
    unsigned bucket = (power - 2) * BUCKETS_A_DOUBLING + (unsigned)((us >> (power - 3)) & 7);
    return bucket < SAMPLES_DELAY_BUCKETS ? bucket : SAMPLES_DELAY_BUCKETS - 1;
}

/* The middle of what a bucket holds. */
static uint32_t value_of(unsigned bucket) {
    if (bucket < 2 * BUCKETS_A_DOUBLING) return bucket;
    unsigned power = bucket / BUCKETS_A_DOUBLING + 2;
    uint64_t step = UINT64_C(1) << (power - 3);
    uint64_t value = (8 + bucket % BUCKETS_A_DOUBLING) * step + step / 2;
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static uint32_t percentile(const struct samples *samples, uint32_t percent) {
    if (samples->delay_count == 0) return 0;
    uint64_t wanted =
        ((uint64_t)samples->delay_count * percent + PERCENT_SCALE - 1) / PERCENT_SCALE;
    uint64_t seen = 0;
    unsigned bucket = 0;
    while (bucket < SAMPLES_DELAY_BUCKETS - 1 && (seen += samples->delays[bucket]) < wanted)
        bucket++;
    return value_of(bucket);
}

void samples_note_start(struct samples *samples, int64_t delay_us) {
    samples->delays[bucket_of(delay_us > 0 ? (uint64_t)delay_us : 0)]++;
    samples->delay_count++;
}

void samples_add(struct samples *samples, const struct sample *sample) {
    struct sample *place = &samples->kept[samples->count++ % SAMPLES_KEPT];
    *place = *sample;
    place->start_p50_us = percentile(samples, 50);
    place->start_p99_us = percentile(samples, 99);
    memset(samples->delays, 0, sizeof samples->delays);
    samples->delay_count = 0;
}

/* ---- Steps ------------------------------------------------------------------------------ */

/* Counters are summed, states are those at the end, the median is weighted by starts and the 99th
 * percentile is the worst one. */
static struct sample merge(const struct samples *samples, uint64_t from, uint64_t until) {
    struct sample all = {0};
    uint64_t weighted = 0;
    for (uint64_t i = from; i < until; i++) {
        const struct sample *one = &samples->kept[i % SAMPLES_KEPT];
        struct sample sum = all;
        all = *one;
        for (int c = 0; c < SAMPLE_COUNTERS; c++)
            all.counters[c] += sum.counters[c];
        weighted += (uint64_t)one->start_p50_us * one->counters[SAMPLE_STARTED];
        if (sum.start_p99_us > all.start_p99_us) all.start_p99_us = sum.start_p99_us;
    }
    uint64_t started = all.counters[SAMPLE_STARTED];
    all.start_p50_us = started ? (uint32_t)(weighted / started) : 0;
    return all;
}

static void write_sample(const struct sample *sample, struct rpc_strbuf *out) {
    static const char *const names[SAMPLE_COUNTERS] = {
        [SAMPLE_STARTED] = "started", [SAMPLE_SUCCEEDED] = "succeeded",
        [SAMPLE_FAILED] = "failed",   [SAMPLE_CANCELLED] = "cancelled",
        [SAMPLE_LINES] = "lines",     [SAMPLE_CPU_MS] = "cpu_ms",
    };
    rpc_strbuf_addf(out, "{\"t_ms\":%lld,\"running\":%u,\"queued\":%u", (long long)sample->t_ms,
                    sample->running, sample->queued);
    for (int i = 0; i < SAMPLE_COUNTERS; i++)
        rpc_strbuf_addf(out, ",\"%s\":%llu", names[i], (unsigned long long)sample->counters[i]);
    rpc_strbuf_addf(out, ",\"memory_bytes\":%lld,\"start_p50_us\":%u,\"start_p99_us\":%u}",
                    (long long)sample->memory_bytes, sample->start_p50_us, sample->start_p99_us);
}

void samples_write(const struct samples *samples, int64_t seconds, int64_t step_s,
                   struct rpc_strbuf *out) {
    uint64_t kept = samples->count < SAMPLES_KEPT ? samples->count : SAMPLES_KEPT;
    if ((uint64_t)seconds < kept) kept = (uint64_t)seconds;
    uint64_t step = (uint64_t)step_s;
    rpc_strbuf_addf(out, "{\"step_s\":%lld,\"samples\":[", (long long)step_s);
    /* The newest step is a whole one, the oldest may be shorter. */
    uint64_t from = samples->count - kept;
    while (from < samples->count) {
        uint64_t len = (samples->count - from) % step;
        if (len == 0) len = step;
        struct sample sample = merge(samples, from, from + len);
        write_sample(&sample, out);
        from += len;
        if (from < samples->count) rpc_strbuf_add_char(out, ',');
    }
    rpc_strbuf_add_text(out, "]}");
}
