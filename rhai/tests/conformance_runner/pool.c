#include "pool.h"
#include "case_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32, JOBS_MAX = 64 };

/* What a child writes per case, followed by got_len bytes. */
typedef struct report {
    verdict verdict;
    size_t got_len;
} report;

typedef struct worker {
    pid_t pid; /* 0: none */
    int fd;
    size_t next, end; /* cases it has still to report */
    int64_t deadline_ms;
    bool timed_out;
} worker;

typedef struct pool {
    const pool_options *options;
    const test_case *const *cases;
    size_t count, next; /* next case that no worker has */
    outcome *outcomes;
    worker workers[JOBS_MAX];
} pool;

/* ---- In the child ------------------------------------------------------------------------- */

static void write_all(int fd, const void *bytes, size_t len) {
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) exit(EXIT_FAILURE);
        bytes = (const char *)bytes + n;
        len -= (size_t)n;
    }
}

/* Ends by exit, so that a leak check sees the process's end, unless a case has told of a leak
 * already: that would be told twice, the second time of the wrong case. */
static void __attribute__((noreturn)) child_main(const pool *p, const worker *w, int fd) {
    bool leaked = false;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = w->next; i < w->end; i++) {
        span expected = p->cases[i]->expected;
        case_result got;
        if (!case_run(p->cases[i], &got)) exit(EXIT_FAILURE);
        leaked |= got.leaked;
        bool same = got.len == expected.len && !memcmp(got.text, expected.text, got.len);
        report r = {.verdict = same ? VERDICT_PASSED : VERDICT_FAILED,
                    .got_len = same ? 0 : got.len};
        write_all(fd, &r, sizeof r);
        write_all(fd, got.text, r.got_len);
        free(got.text);
    }
    if (leaked) _exit(EXIT_SUCCESS);
    exit(EXIT_SUCCESS);
}

/* ---- In the parent ------------------------------------------------------------------------ */

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void reset_deadline(const pool *p, worker *w) {
    w->deadline_ms = now_ms() + (int64_t)p->options->timeout_s * 1000;
}

/* Starts a child for the cases next..end of w, or for a new batch when there are none left.
 * Without any case left the worker stays idle. */
static bool worker_start(pool *p, worker *w) {
    if (w->next == w->end) {
        size_t left = p->count - p->next;
        w->next = p->next;
        w->end = p->next += left < BATCH ? left : BATCH;
    }
    if (w->next == w->end) return true;

    int fds[2];
    if (pipe(fds) < 0) return false;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        child_main(p, w, fds[1]);
    }
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return false;
    }
    w->pid = pid;
    w->fd = fds[0];
    w->timed_out = false;
    reset_deadline(p, w);
    return true;
}

static bool read_all(int fd, void *bytes, size_t len) {
    while (len) {
        ssize_t n = read(fd, bytes, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes = (char *)bytes + n;
        len -= (size_t)n;
    }
    return true;
}

/* One report. False when the child has ended instead. */
static bool worker_read(pool *p, worker *w) {
    report r;
    if (!read_all(w->fd, &r, sizeof r)) return false;
    char *got = malloc(r.got_len + 1);
    if (!got || !read_all(w->fd, got, r.got_len)) {
        free(got);
        return false;
    }
    p->outcomes[w->next++] = (outcome){.verdict = r.verdict, .got = got, .got_len = r.got_len};
    reset_deadline(p, w);
    return true;
}

/* The child has closed its pipe: it is done, or it died at case `next`. */
static bool worker_end(pool *p, worker *w) {
    int status = 0;
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    close(w->fd);
    w->pid = 0;
    if (w->next < w->end) {
        p->outcomes[w->next++] = (outcome){
            .verdict = w->timed_out ? VERDICT_TIMED_OUT : VERDICT_CRASHED, .wait_status = status};
    } else if (status != 0 && p->outcomes[w->end - 1].verdict == VERDICT_PASSED) {
        p->outcomes[w->end - 1].verdict = VERDICT_BAD_EXIT;
        p->outcomes[w->end - 1].wait_status = status;
    }
    return worker_start(p, w);
}

/* Waits for reports, or for the first deadline to pass. */
static bool wait_once(pool *p, size_t jobs) {
    struct pollfd fds[JOBS_MAX];
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < jobs; i++) {
        const worker *w = &p->workers[i];
        fds[i] = (struct pollfd){.fd = w->pid ? w->fd : -1, .events = POLLIN};
        if (w->pid && !w->timed_out && w->deadline_ms < first) first = w->deadline_ms;
    }
    int64_t wait_ms = first == INT64_MAX ? -1 : first - now_ms();
    if (wait_ms < 0 && first != INT64_MAX) wait_ms = 0;
    if (poll(fds, jobs, (int)wait_ms) < 0 && errno != EINTR) return false;

    for (size_t i = 0; i < jobs; i++) {
        worker *w = &p->workers[i];
        if (!w->pid) continue;
        if (fds[i].revents && !worker_read(p, w) && !worker_end(p, w)) return false;
        if (w->pid && !w->timed_out && now_ms() > w->deadline_ms) {
            w->timed_out = true;
            kill(w->pid, SIGKILL);
        }
    }
    return true;
}

static bool any_running(const pool *p, size_t jobs) {
    for (size_t i = 0; i < jobs; i++)
        if (p->workers[i].pid) return true;
    return false;
}

bool pool_run(const pool_options *options, const test_case *const *cases, size_t count,
              outcome *outcomes) {
    pool p = {.options = options, .cases = cases, .count = count, .outcomes = outcomes};
    size_t jobs = options->jobs < JOBS_MAX ? options->jobs : JOBS_MAX;
    bool ok = true;
    for (size_t i = 0; ok && i < jobs; i++)
        ok = worker_start(&p, &p.workers[i]);
    while (ok && any_running(&p, jobs))
        ok = wait_once(&p, jobs);
    if (!ok) fprintf(stderr, "cannot run the cases: %s\n", strerror(errno));
    return ok;
}
