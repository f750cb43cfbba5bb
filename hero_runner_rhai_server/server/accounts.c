/* What the server counts: each change of a session, and once a second a sample of it all. */
#include "server/log.h"
#include "server/runner.h"

#include <event2/event.h>
#include <fcntl.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int64_t accounts_memory_bytes(void) {
    /* The second number of statm, in pages. */
    static int fd = -1;
    char text[128];
    long pages = 0;
    if (fd < 0) fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : 0;
    text[got > 0 ? got : 0] = '\0';
    if (sscanf(text, "%*d %ld", &pages) != 1) pages = 0;
    return pages * (int64_t)sysconf(_SC_PAGESIZE);
}

void accounts_note_change(struct runner *runner, const struct session *session) {
    if (session->status == SESSION_RUNNING) {
        runner->started_count++;
        samples_note_start(&runner->samples, rpc_clock_monotonic_us() - session->posted_us);
    }
    if (!log_is_debug()) return;
    log_debug("session", "session=%s status=%s lines=%llu%s%s%s", session->id,
              session_status_name(session->status),
              (unsigned long long)ring_last_seq(&session->ring),
              session->message ? " message=\"" : "", session->message ? session->message : "",
              session->message ? "\"" : "");
}

static int64_t cpu_ms(const struct runner *runner) {
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    return (own.ru_utime.tv_sec + own.ru_stime.tv_sec) * INT64_C(1000) +
           (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1000 +
           (runner->slots.usage.user_us + runner->slots.usage.system_us) / 1000;
}

static void on_second(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct runner *runner = ctx;
    const struct slots *slots = &runner->slots;
    const struct sample totals = {
        .t_ms = rpc_clock_wall_ms(),
        .running = (uint32_t)slots->running,
        .queued = (uint32_t)(slots->queue.len + slots->preparing_count),
        .memory_bytes = accounts_memory_bytes(),
        .counters =
            {
                [SAMPLE_STARTED] = runner->started_count,
                [SAMPLE_SUCCEEDED] = runner->sessions.totals[SESSION_SUCCEEDED],
                [SAMPLE_FAILED] = runner->sessions.totals[SESSION_FAILED],
                [SAMPLE_CANCELLED] = runner->sessions.totals[SESSION_CANCELLED],
                [SAMPLE_LINES] = session_lines_added(),
                [SAMPLE_CPU_MS] = (uint64_t)cpu_ms(runner),
            },
    };
    struct sample sample = totals;
    for (int i = 0; i < SAMPLE_COUNTERS; i++)
        sample.counters[i] -= runner->last_totals.counters[i];
    runner->last_totals = totals;
    samples_add(&runner->samples, &sample);
}

int accounts_init(struct runner *runner) {
    accounts_memory_bytes(); /* opens its file */
    runner->second = event_new(runner->base, -1, EV_PERSIST, on_second, runner);
    if (!runner->second) return -1;
    return event_add(runner->second, &(struct timeval){.tv_sec = 1});
}

void accounts_done(struct runner *runner) {
    if (runner->second) event_free(runner->second);
}
