/*
 * The store by itself: what a row costs, one by one and in crowds, how fast lines go to their file,
 * and what a page or a list costs while it is busy. Usage: bench_store [--no-assert] DIRECTORY
 */
#include "samples.h"

#include <store/store.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ALONE 3000 /* sessions one after the other */
#define CROWD 60000
#define IN_FLIGHT 64
#define LINES 4000000
#define HISTORY 100000

static struct store *store;
static unsigned next_session;
static bool is_missed;

static void die(const char *what) {
    fprintf(stderr, "bench_store: %s\n", what);
    exit(2);
}

/* ---- Waiting ----------------------------------------------------------------------------- */

static void run_once(void) {
    struct pollfd poll_fd = {.fd = store_fd(store), .events = POLLIN};
    store_nudge(store);
    if (poll(&poll_fd, 1, -1) > 0) store_dispatch(store);
}

static void count(void *ctx, int status) {
    if (status) die("a change failed");
    ++*(unsigned *)ctx;
}

static double cpu_us(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void print_latency(const char *name, struct samples *samples) {
    struct percentiles p = samples_take_percentiles(samples);
    printf("%-52s %9.1f %9.1f µs\n", name, p.p50, p.p99);
}

static void expect(const char *what, double value, double least) {
    if (value >= least) return;
    printf("MISSED: %s is %.0f, promised %.0f\n", what, value, least);
    is_missed = true;
}

/* ---- Sessions ---------------------------------------------------------------------------- */

static const char *new_id(void) {
    static char id[STORE_ID_BYTES];
    static unsigned long long state = 88172645463325252ull;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* random, as ids are */
    snprintf(id, sizeof id, "%08x-%04x-4000-8000-%012x", (unsigned)state,
             (unsigned)(state >> 32) & 0xffff, next_session++);
    return id;
}

static int64_t wall_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t post_insert(const char *id, unsigned *done) {
    char script[120];
    int len = snprintf(script, sizeof script, "print(\"line of %u\"); %u * 2", next_session,
                       next_session);
    struct store_session session = {.id = id,
                                    .status = "pending",
                                    .queued_us = wall_us(),
                                    .source_kind = "script",
                                    .tags = "[]",
                                    .limits = "{}",
                                    .caller_uid = 1000,
                                    .caller_user = "ana",
                                    .forwarding = "off"};
    struct store_request request = {
        .script = {script, (size_t)len}, .env_vars = "[]", .args = "[]"};
    int64_t row = store_insert(store, &session, &request, NULL, count, done);
    if (row < 0) die("an insert was refused");
    return row;
}

static void post_end(int64_t row, const char *id, unsigned *done) {
    struct store_lines *lines = store_lines_new(row, id, 1);
    if (!lines || !store_lines_add(lines, 1, 1, "line of something", 17)) die("no memory");
    int64_t now = wall_us();
    struct store_session session = {.status = "succeeded",
                                    .started_us = now,
                                    .ended_us = now,
                                    .pid = 4711,
                                    .value_type = "i64",
                                    .forwarding = "off",
                                    .lines = 1,
                                    .bytes = 17,
                                    .user_us = 100,
                                    .system_us = 100,
                                    .peak_rss_bytes = 3 << 20,
                                    .operations = 9};
    if (store_start(store, row, now, 4711, NULL, NULL, NULL) < 0 ||
        store_end(store, row, &session, (struct store_bytes){"246", 3}, lines, NULL, count, done) <
            0)
        die("an end was refused");
}

static void sessions_one_by_one(void) {
    static struct samples safe, inserts, ends;
    for (unsigned i = 0; i < ALONE; i++) {
        unsigned inserted = 0, ended = 0;
        char id[STORE_ID_BYTES];
        strcpy(id, new_id());
        double begin = now_us();
        int64_t row = post_insert(id, &inserted);
        samples_add(&safe, now_us() - begin);
        while (!inserted)
            run_once();
        samples_add(&inserts, now_us() - begin);
        begin = now_us();
        post_end(row, id, &ended);
        while (!ended)
            run_once();
        samples_add(&ends, now_us() - begin);
    }
    struct {
        const char *name;
        struct samples *samples;
        double most;
    } rows[] = {{"insert, until it is safe: p50, p99", &safe, 10},
                {"insert, until it is in the database, alone", &inserts, 100},
                {"end with value and line, likewise", &ends, 100}};
    for (int i = 0; i < 3; i++) {
        struct percentiles p = samples_take_percentiles(rows[i].samples);
        printf("%-52s %9.1f %9.1f µs\n", rows[i].name, p.p50, p.p99);
        if (p.p50 > rows[i].most) {
            printf("MISSED: p50 is %.1f µs, promised %.0f\n", p.p50, rows[i].most);
            is_missed = true;
        }
    }
}

/* A session that is short: its end is posted as soon as its beginning is safe. */
struct visitor {
    unsigned inserted, ended;
    bool is_there;
};

static void visit(struct visitor *visitor) {
    char id[STORE_ID_BYTES];
    strcpy(id, new_id());
    *visitor = (struct visitor){.is_there = true};
    post_end(post_insert(id, &visitor->inserted), id, &visitor->ended);
}

static void sessions_in_a_crowd(const char *name, unsigned total, bool is_asserted) {
    static struct visitor visitors[IN_FLIGHT];
    memset(visitors, 0, sizeof visitors);
    unsigned begun = 0, over = 0;
    double begin = now_us(), begin_cpu = cpu_us();
    struct store_stats before, after;
    store_get_stats(store, &before);
    while (over < total) {
        for (unsigned i = 0; i < IN_FLIGHT; i++) {
            struct visitor *visitor = &visitors[i];
            if (visitor->is_there && !visitor->ended) continue;
            over += visitor->ended;
            visitor->ended = 0;
            if (begun == total) continue;
            begun++;
            visit(visitor);
        }
        if (over < total) run_once();
    }
    double us = now_us() - begin, cpu = cpu_us() - begin_cpu;
    store_get_stats(store, &after);
    printf("%-52s %9.0f /s, %.1f µs CPU each, %.0f a commit\n", name, total / us * 1e6, cpu / total,
           total / (double)(after.commits - before.commits));
    if (is_asserted) expect("sessions per second", total / us * 1e6, 5000);
}

/* ---- Lines ------------------------------------------------------------------------------- */

static char long_id[STORE_ID_BYTES];

static void lines_to_a_file(void) {
    unsigned inserted = 0, appended = 0, posted = 0;
    strcpy(long_id, new_id());
    int64_t row = post_insert(long_id, &inserted);
    double begin = now_us(), begin_cpu = cpu_us();
    uint64_t bytes = 0;
    struct store_lines *lines = NULL;
    for (uint64_t seq = 1; seq <= LINES; seq++) {
        if (!lines) lines = store_lines_new(row, long_id, seq);
        if (!store_lines_add(lines, seq, 1, "line 1234567", 12)) die("no memory");
        bytes += 12;
        if (store_lines_count(lines) < 4096 && seq < LINES) continue;
        while (store_append(store, lines, NULL, count, &appended) < 0)
            run_once();
        lines = NULL;
        posted++;
    }
    while (appended < posted)
        run_once();
    double us = now_us() - begin;
    printf("%-52s %9.2f M/s, %.0f ns CPU each, %.0f MB/s of text\n",
           "lines of 12 bytes, to the file", LINES / us, (cpu_us() - begin_cpu) * 1e3 / LINES,
           (double)bytes / us);
    expect("lines per second", LINES / us * 1e6, 2e6);
}

static void on_page(void *ctx, int status, struct store_log_page *page) {
    if (status || page->count == 0) die("a page failed");
    store_log_page_free(page);
    *(bool *)ctx = true;
}

static void read_page(struct store_log_query *query, struct samples *samples) {
    bool is_done = false;
    double begin = now_us();
    query->id = long_id;
    if (store_read_log(store, query, on_page, &is_done) < 0) die("a page was refused");
    while (!is_done)
        run_once();
    samples_add(samples, now_us() - begin);
}

static void pages_of_a_large_file(void) {
    static struct samples first, forwards, backwards, filtered;
    read_page(&(struct store_log_query){.after_seq = LINES / 2, .limit = 1000}, &first);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t seq = (uint64_t)rand() % (LINES / 4); /* the head, for sure */
        read_page(&(struct store_log_query){.after_seq = seq, .limit = 1000}, &forwards);
        read_page(&(struct store_log_query){.before_seq = LINES - seq / 8, .limit = 1000},
                  &backwards);
    }
    read_page(&(struct store_log_query){.contains = {"line", 4}, .limit = 1, .after_seq = 5},
              &filtered);
    print_latency("first page of that log, once", &first);
    print_latency("1,000 lines anywhere, forwards: p50, p99", &forwards);
    print_latency("1,000 lines near the end, backwards: p50, p99", &backwards);
}

/* ---- Lists ------------------------------------------------------------------------------- */

static void on_list(void *ctx, int status, struct store_sessions *sessions) {
    if (status) die("a list failed");
    store_sessions_free(sessions);
    *(bool *)ctx = true;
}

/* How long an insert takes while a list is being made. */
static void list(const char *name, const struct store_query *query, struct samples *inserts) {
    struct samples samples = {.count = 0};
    for (int i = 0; i < 5; i++) {
        bool is_done = false;
        double begin = now_us();
        if (store_list(store, query, on_list, &is_done) < 0) die("a list was refused");
        while (!is_done) {
            unsigned inserted = 0;
            double insert_begin = now_us();
            post_insert(new_id(), &inserted);
            while (!inserted)
                run_once();
            samples_add(inserts, now_us() - insert_begin);
        }
        samples_add(&samples, now_us() - begin);
    }
    print_latency(name, &samples);
}

static void lists_of_a_long_history(void) {
    static struct samples inserts;
    static const char *const failed[] = {"failed"};
    list("newest 100 of the history: p50, p99", &(struct store_query){.limit = 100}, &inserts);
    list("the failed ones, sorted by CPU time",
         &(struct store_query){
             .limit = 100, .statuses = failed, .status_count = 1, .sort = STORE_SORT_CPU},
         &inserts);
    list("a text that occurs in no script",
         &(struct store_query){.limit = 100, .text = "no such text"}, &inserts);
    print_latency("insert while these run: p50, p99", &inserts);
}

/* ---- The floor --------------------------------------------------------------------------- */

/* One byte to another thread and back, over what the store uses: what no store can be faster than.
 */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int asked, answered_fd;

static void *echo(void *ctx) {
    for (int i = 0; i < ALONE; i++) {
        pthread_mutex_lock(&mutex);
        while (!asked)
            pthread_cond_wait(&condition, &mutex);
        asked--;
        pthread_mutex_unlock(&mutex);
        eventfd_write(answered_fd, 1);
    }
    return ctx;
}

static void hand_over_and_back(void) {
    static struct samples samples;
    pthread_t thread;
    answered_fd = eventfd(0, EFD_CLOEXEC);
    if (answered_fd < 0 || pthread_create(&thread, NULL, echo, NULL)) die("no thread");
    for (int i = 0; i < ALONE; i++) {
        double begin = now_us();
        pthread_mutex_lock(&mutex);
        asked++;
        pthread_mutex_unlock(&mutex);
        pthread_cond_signal(&condition);
        struct pollfd poll_fd = {.fd = answered_fd, .events = POLLIN};
        eventfd_t value;
        if (poll(&poll_fd, 1, -1) < 0 || eventfd_read(answered_fd, &value) < 0) die("eventfd");
        samples_add(&samples, now_us() - begin);
    }
    pthread_join(thread, NULL);
    close(answered_fd);
    print_latency("floor: to another thread and back: p50, p99", &samples);
}

int main(int argc, char **argv) {
    bool is_asserting = true;
    if (argc == 3 && strcmp(argv[1], "--no-assert") == 0) {
        is_asserting = false;
        argv++, argc--;
    }
    if (argc != 2) {
        fputs("usage: bench_store [--no-assert] DIRECTORY\n", stderr);
        return 2;
    }
    struct store_config config;
    struct rpc_error err = {0};
    store_config_init(&config);
    config.dir = argv[1];
    config.session_log_bytes = 256 << 20; /* the head shall be large */
    config.max_sessions = 0;
    store = store_open(&config, NULL, &err);
    if (!store) die(err.message);
    hand_over_and_back();
    sessions_one_by_one();
    sessions_in_a_crowd("sessions, 64 at a time", CROWD, true);
    lines_to_a_file();
    pages_of_a_large_file();
    sessions_in_a_crowd("the same with a longer history", HISTORY - CROWD, false);
    lists_of_a_long_history();
    store_close(store);
    return is_missed && is_asserting ? 1 : 0;
}
