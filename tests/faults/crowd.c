#include "faults/crowd.h"

#include "support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#define DEADLINE_MS 60000
#define RETRY_MS 20

uint64_t fault_seed(void) {
    const char *text = getenv("FAULT_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : 0;
    if (!text && getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = (uint64_t)now_ms();
    if (!seed) seed = 1;
    print_message("FAULT_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

unsigned random_below(uint64_t *state, unsigned bound) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (unsigned)((*state >> 11) % bound);
}

/* ---- Callers ------------------------------------------------------------------------------ */

/* Short ones, ones that take a while with lines in between, and some whose log needs a file. */
static void write_script(char out[256], unsigned number) {
    static const struct {
        unsigned lines;
        const char *pause; /* after some of them */
    } shapes[] = {{3, "0"}, {40, "0.01"}, {2, "0.05"}, {3000, "0"}};
    unsigned shape = number % 16 == 15 ? 3 : number % 3;
    snprintf(out, 256, "for i in 1..=%u { print(`%u:${i}`); if i %% 10 == 1 { sleep(%s) } } %u",
             shapes[shape].lines, number, shapes[shape].pause, number);
}

/* status -1: only begun; else it was answered with its end and all its lines. */
static void note_promise(struct crowd *crowd, unsigned number, const char *id, int status,
                         uint64_t lines) {
    unsigned place = atomic_fetch_add(&crowd->promised, 1);
    struct promise *promise = &crowd->promises[place];
    strcpy(promise->id, id);
    promise->number = number;
    promise->status = status;
    promise->seen = lines;
    promise->is_there = true;
}

static void *call(void *ctx) {
    struct crowd_thread *self = ctx;
    struct crowd *crowd = self->crowd;
    struct runner *runner = server_client(crowd->server);
    while (atomic_load(&crowd->promised) + CROWD_CALLERS <= crowd->wanted && !crowd->is_over) {
        unsigned number = atomic_fetch_add(&crowd->begun, 1);
        char script[256], id[RUNNER_ID_BYTES];
        write_script(script, number);
        struct runner_start start = {.script = script};
        struct runner_session session = {0};
        bool is_run = random_below(&self->random, 2);
        int failed = is_run ? runner_session_run(runner, &start, &session, NULL, NULL)
                            : runner_session_start(runner, &start, id, NULL);
        if (failed)
            pause_ms(RETRY_MS);
        else
            note_promise(crowd, number, is_run ? session.id : id, is_run ? (int)session.status : -1,
                         session.lines);
        runner_session_done(&session);
    }
    runner_close(runner);
    return NULL;
}

/* ---- Subscribers -------------------------------------------------------------------------- */

struct reading {
    struct crowd *crowd;
    struct promise *promise;
    uint64_t last; /* line */
};

static void note_wrong(struct crowd *crowd, const char *id, uint64_t seq, const char *text) {
    if (atomic_fetch_add(&crowd->wrong_lines, 1) == 0)
        snprintf(crowd->first_wrong, sizeof crowd->first_wrong, "%s line %llu: \"%.60s\"", id,
                 (unsigned long long)seq, text);
}

static bool is_right_line(const struct promise *promise, uint64_t seq, const char *text) {
    char expected[48];
    snprintf(expected, sizeof expected, "%u:%llu", promise->number, (unsigned long long)seq);
    return strcmp(text, expected) == 0;
}

static bool on_line(void *ctx, const struct runner_line *line) {
    struct reading *reading = ctx;
    struct promise *promise = reading->promise;
    if (line->seq != reading->last + 1 || !is_right_line(promise, line->seq, line->text))
        note_wrong(reading->crowd, promise->id, line->seq, line->text);
    reading->last = line->seq;
    uint64_t seen = promise->seen;
    while (line->seq > seen && !atomic_compare_exchange_weak(&promise->seen, &seen, line->seq))
        ;
    return !reading->crowd->is_over;
}

/* Nothing was printed that is not kept, so there are no gaps. */
static bool on_gap(void *ctx, uint64_t dropped) {
    struct reading *reading = ctx;
    note_wrong(reading->crowd, reading->promise->id, dropped, "(lines missing)");
    reading->last += dropped;
    return true;
}

/* One of the newest, which may still run, and none twice. */
static struct promise *choose(struct crowd_thread *self, unsigned *last) {
    struct crowd *crowd = self->crowd;
    unsigned count = crowd->promised, back = 1 + random_below(&self->random, 8);
    if (count < back || count - back <= *last || !crowd->promises[count - back].is_there)
        return NULL;
    *last = count - back;
    return &crowd->promises[*last];
}

static void *subscribe(void *ctx) {
    struct crowd_thread *self = ctx;
    struct crowd *crowd = self->crowd;
    struct runner *runner = server_client(crowd->server);
    unsigned last = 0;
    while (!crowd->is_over) {
        struct reading reading = {.crowd = crowd, .promise = choose(self, &last)};
        struct runner_follow how = {.line = on_line, .gap = on_gap, .ctx = &reading};
        if (!reading.promise ||
            runner_session_follow(runner, reading.promise->id, &how, NULL, NULL) < 0)
            pause_ms(RETRY_MS);
    }
    runner_close(runner);
    return NULL;
}

/* ---- The crowd ---------------------------------------------------------------------------- */

static void begin_thread(struct crowd *crowd, struct crowd_thread *thread, void *(*run)(void *),
                         uint64_t number) {
    thread->crowd = crowd;
    thread->random = crowd->seed * 2654435761u + number * 40503u + 1;
    assert_int_equal(pthread_create(&thread->thread, NULL, run, thread), 0);
}

void crowd_begin(struct crowd *crowd, struct test_server *server, unsigned wanted,
                 unsigned subscribers, uint64_t seed) {
    memset(crowd, 0, sizeof *crowd);
    crowd->server = server;
    crowd->wanted = wanted;
    crowd->subscribers = subscribers;
    crowd->seed = seed;
    crowd->promises = calloc(wanted + CROWD_CALLERS, sizeof *crowd->promises);
    assert_non_null(crowd->promises);
    for (unsigned i = 0; i < CROWD_CALLERS; i++)
        begin_thread(crowd, &crowd->callers[i], call, i);
    for (unsigned i = 0; i < subscribers; i++)
        begin_thread(crowd, &crowd->readers[i], subscribe, 100 + i);
}

struct awaited {
    struct crowd *crowd;
    unsigned promised;
};

static bool has_promised(void *ctx) {
    struct awaited *awaited = ctx;
    return awaited->crowd->promised >= awaited->promised;
}

bool crowd_await(struct crowd *crowd, unsigned promised) {
    if (promised > crowd->wanted - CROWD_CALLERS) promised = crowd->wanted - CROWD_CALLERS;
    struct awaited awaited = {crowd, promised};
    return wait_until(has_promised, &awaited, DEADLINE_MS);
}

void crowd_end(struct crowd *crowd) {
    bool has_come_through = crowd_await(crowd, crowd->wanted);
    if (!has_come_through) crowd->is_over = true;
    for (unsigned i = 0; i < CROWD_CALLERS; i++)
        pthread_join(crowd->callers[i].thread, NULL);
    crowd->is_over = true;
    for (unsigned i = 0; i < crowd->subscribers; i++)
        pthread_join(crowd->readers[i].thread, NULL);
    if (!has_come_through)
        fail_msg("only %u of %u sessions were acknowledged", crowd->promised, crowd->wanted);
}

/* ---- Afterwards --------------------------------------------------------------------------- */

struct ending {
    struct test_server *server;
    const char *id;
    struct runner_session session;
};

static bool has_ended(void *ctx) {
    struct ending *ending = ctx;
    struct rpc_error err = {0};
    runner_session_done(&ending->session);
    if (runner_session_get(ending->server->runner, ending->id, &ending->session, &err) < 0)
        fail_msg("session %s: %s", ending->id, err.message);
    return runner_status_is_final(ending->session.status);
}

static void assert_lines_kept(struct test_server *server, const struct promise *promise) {
    struct runner_log_query query = {.limit = 10000};
    uint64_t seen = promise->seen;
    for (;;) {
        struct runner_log_page page = {0};
        struct rpc_error err = {0};
        if (runner_session_logs(server->runner, promise->id, &query, &page, &err) < 0)
            fail_msg("lines of %s: %s", promise->id, err.message);
        for (size_t i = 0; i < page.count; i++) {
            const struct runner_line *line = &page.lines[i];
            uint64_t expected = query.after_seq + page.dropped + 1 + i;
            if (line->seq != expected || !is_right_line(promise, line->seq, line->text))
                fail_msg("session %s line %llu, expected %llu: \"%s\"", promise->id,
                         (unsigned long long)line->seq, (unsigned long long)expected, line->text);
        }
        if (page.dropped && query.after_seq < seen)
            fail_msg("session %s: a line up to %llu was given to a reader, but %llu behind %llu "
                     "are gone",
                     promise->id, (unsigned long long)seen, (unsigned long long)page.dropped,
                     (unsigned long long)query.after_seq);
        bool is_end = page.count == 0;
        query.after_seq = page.next_seq;
        runner_log_page_done(&page);
        if (is_end) break;
    }
    if (query.after_seq < seen)
        fail_msg("session %s: line %llu was given to a reader, only %llu are kept", promise->id,
                 (unsigned long long)seen, (unsigned long long)query.after_seq);
}

static void assert_kept(struct test_server *server, const struct promise *promise) {
    struct ending ending = {.server = server, .id = promise->id};
    if (!wait_until(has_ended, &ending, DEADLINE_MS))
        fail_msg("session %s does not end", promise->id);
    if (promise->status >= 0 && (int)ending.session.status != promise->status)
        fail_msg("session %s was answered as %s and is %s", promise->id,
                 runner_status_name((enum runner_status)promise->status),
                 runner_status_name(ending.session.status));
    runner_session_done(&ending.session);
    assert_lines_kept(server, promise);
}

void crowd_assert_kept(struct crowd *crowd) {
    if (crowd->wrong_lines)
        fail_msg("%u lines came wrong, first %s", crowd->wrong_lines, crowd->first_wrong);
    for (unsigned i = 0; i < crowd->promised; i++)
        assert_kept(crowd->server, &crowd->promises[i]);
    free(crowd->promises);
    crowd->promises = NULL;
}
