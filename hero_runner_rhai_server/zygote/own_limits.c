#include "zygote/own_limits.h"

#include "zygote/cgroup.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Beyond what the engine may hold: for the libraries that modules load, and for the engine's error
 * to come first. */
#define DATA_MARGIN_BYTES (64 * 1024 * 1024)
/* The kernel counts whole seconds, and the timer comes first: this is for code that does not poll.
 */
#define CPU_MARGIN_S 1
#define CPU_HARD_MARGIN_S 3

static uint64_t data_base; /* RLIMIT_DATA counts this already (proc(5), VmData) */
static int64_t cpu_ms;

void own_limits_init(void) {
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long kib = 0;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmData: %llu kB", &kib) == 1) break;
    if (status) fclose(status);
    data_base = kib * 1024;
}

static void set(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) < 0) return;
    if (hard > now.rlim_max) hard = now.rlim_max;
    struct rlimit limit = {.rlim_cur = soft < hard ? soft : hard, .rlim_max = hard};
    setrlimit((__rlimit_resource_t)resource, &limit);
}

static void set_cpu(int64_t ms) {
    if (ms == 0) return;
    cpu_ms = ms;
    uint64_t seconds = (uint64_t)(ms + 999) / 1000;
    set(RLIMIT_CPU, seconds + CPU_MARGIN_S, seconds + CPU_HARD_MARGIN_S);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGXCPU};
    struct timespec used;
    if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) < 0) return;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used); /* what parking took does not count */
    int64_t at_ns = used.tv_sec * INT64_C(1000000000) + used.tv_nsec + ms * 1000000;
    struct itimerspec once = {
        .it_value = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000}};
    timer_settime(timer, TIMER_ABSTIME, &once, NULL);
}

static int64_t number_of(const rhai_value *limits, const char *name) {
    const rhai_value *value = rhai_map_get(limits, name, strlen(name));
    return value && rhai_type_of(value) == RHAI_INT ? rhai_as_int(value) : 0;
}

void own_limits_set(rhai_engine *engine, const rhai_value *limits) {
    if (!limits) return;
    int64_t memory = number_of(limits, "memory_bytes"), files = number_of(limits, "open_files");
    int64_t operations = number_of(limits, "operations");
    if (memory > 0) {
        rhai_engine_set_limit(engine, RHAI_MAX_MEMORY,
                              rhai_engine_memory(engine) + (uint64_t)memory);
        uint64_t data = data_base + (uint64_t)memory + DATA_MARGIN_BYTES;
        set(RLIMIT_DATA, data, data);
    }
    if (operations > 0) rhai_engine_set_limit(engine, RHAI_MAX_OPERATIONS, (uint64_t)operations);
    if (files > 0) set(RLIMIT_NOFILE, (uint64_t)files, (uint64_t)files);
    set_cpu(number_of(limits, "cpu_ms"));
    if (number_of(limits, "processes") > 0) cgroup_enter(number_of(limits, "processes"));
}

int64_t own_limits_cpu_ms(void) {
    return cpu_ms;
}
