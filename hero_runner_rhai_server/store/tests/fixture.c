#include "fixture.h"

#include <ftw.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S 10

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static void open_store(struct fixture *fixture) {
    struct rpc_error err = {0};
    fixture->store = store_open(&fixture->config, &fixture->interrupted, &err);
    if (!fixture->store) fail_msg("%s", err.message);
}

int fixture_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->dir, "/tmp/store_test.XXXXXX");
    if (!fixture || !mkdtemp(fixture->dir)) return -1;
    store_config_init(&fixture->config);
    fixture->config.dir = fixture->dir;
    fixture->config.max_age_s = 0; /* the times of these sessions are small numbers */
    open_store(fixture);
    *state = fixture;
    return 0;
}

static void close_store(struct fixture *fixture) {
    store_close(fixture->store);
    fixture->store = NULL;
    store_sessions_free(fixture->interrupted);
    fixture->interrupted = NULL;
}

int fixture_teardown(void **state) {
    struct fixture *fixture = *state;
    close_store(fixture);
    nftw(fixture->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

void fixture_reopen(struct fixture *fixture) {
    close_store(fixture);
    open_store(fixture);
}

/* ---- Waiting ----------------------------------------------------------------------------- */

static int64_t now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void run_once(struct fixture *fixture, int timeout_ms) {
    struct pollfd poll_fd = {.fd = store_fd(fixture->store), .events = POLLIN};
    if (poll(&poll_fd, 1, timeout_ms) > 0) store_dispatch(fixture->store);
}

void wait_for(struct fixture *fixture, const bool *done) {
    int64_t until = now_s() + DEADLINE_S;
    store_nudge(fixture->store);
    while (!*done) {
        if (now_s() > until) fail_msg("no completion");
        run_once(fixture, 1000);
    }
}

void wait_for_stats(struct fixture *fixture, bool (*holds)(const struct store_stats *stats)) {
    int64_t until = now_s() + DEADLINE_S;
    struct store_stats stats;
    for (store_get_stats(fixture->store, &stats); !holds(&stats);
         store_get_stats(fixture->store, &stats)) {
        if (now_s() > until) fail_msg("the stats never became so");
        run_once(fixture, 5);
    }
}

/* What a completion brings. */
struct answer {
    bool is_done;
    int status;
    void *result;
};

static void on_done(void *ctx, int status) {
    *(struct answer *)ctx = (struct answer){.is_done = true, .status = status};
}
static void on_sessions(void *ctx, int status, struct store_sessions *sessions) {
    *(struct answer *)ctx = (struct answer){true, status, sessions};
}
static void on_record(void *ctx, int status, struct store_record *record) {
    *(struct answer *)ctx = (struct answer){true, status, record};
}
static void on_log(void *ctx, int status, struct store_log_page *page) {
    *(struct answer *)ctx = (struct answer){true, status, page};
}

/* ---- Sessions ---------------------------------------------------------------------------- */

const char *id_of(unsigned n) {
    static char ids[4][STORE_ID_BYTES];
    static unsigned next;
    char *id = ids[next++ % 4];
    snprintf(id, STORE_ID_BYTES, "%08x-0000-4000-8000-%012x", n * 2654435761u, n);
    return id;
}

struct store_session *pending_session(unsigned n) {
    static struct store_session session;
    session = (struct store_session){
        .id = id_of(n),
        .status = "pending",
        .queued_us = 1000000 + (int64_t)n,
        .source_kind = "script",
        .tags = "[]",
        .caller_uid = 1000,
        .caller_user = "ana",
    };
    return &session;
}

int insert_as(struct fixture *fixture, const struct store_session *session,
              const struct store_request *request, int64_t *ret_row) {
    struct answer answer = {0};
    int64_t row = store_insert(fixture->store, session, request, NULL, on_done, &answer);
    if (ret_row) *ret_row = row;
    if (row < 0) return (int)row;
    wait_for(fixture, &answer.is_done);
    return answer.status;
}

int insert(struct fixture *fixture, unsigned n, int64_t *ret_row) {
    static const char script[] = "print(1)";
    struct store_request request = {.script = {script, sizeof script - 1}};
    return insert_as(fixture, pending_session(n), &request, ret_row);
}

int end_with(struct fixture *fixture, int64_t row, const struct store_session *session,
             const char *value, struct store_lines *lines) {
    struct answer answer = {0};
    struct store_bytes bytes = {value, value ? strlen(value) : 0};
    assert_int_equal(store_end(fixture->store, row, session, bytes, lines, NULL, on_done, &answer),
                     0);
    wait_for(fixture, &answer.is_done);
    return answer.status;
}

int end(struct fixture *fixture, int64_t row, const char *status) {
    struct store_session session = {
        .status = status, .started_us = 2000000 + row, .ended_us = 3000000 + row};
    return end_with(fixture, row, &session, NULL, NULL);
}

int append(struct fixture *fixture, struct store_lines *lines) {
    struct answer answer = {0};
    assert_int_equal(store_append(fixture->store, lines, NULL, on_done, &answer), 0);
    wait_for(fixture, &answer.is_done);
    return answer.status;
}

int delete (struct fixture *fixture, const char *id) {
    struct answer answer = {0};
    assert_int_equal(store_delete(fixture->store, id, on_done, &answer), 0);
    wait_for(fixture, &answer.is_done);
    return answer.status;
}

struct store_record *get(struct fixture *fixture, const char *id) {
    struct answer answer = {0};
    assert_int_equal(store_get(fixture->store, id, on_record, &answer), 0);
    wait_for(fixture, &answer.is_done);
    if (answer.status) assert_int_equal(answer.status, -2); /* ENOENT */
    return answer.result;
}

struct store_sessions *list(struct fixture *fixture, const struct store_query *query) {
    struct answer answer = {0};
    assert_int_equal(store_list(fixture->store, query, on_sessions, &answer), 0);
    wait_for(fixture, &answer.is_done);
    assert_int_equal(answer.status, 0);
    return answer.result;
}

/* ---- Lines ------------------------------------------------------------------------------- */

size_t line_text(uint64_t seq, char out[256]) {
    size_t len = (size_t)(seq * 2654435761u % 201);
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(seq * 31 + i * 7);
    return len;
}

uint64_t line_time(uint64_t seq) {
    return 1700000000000000 + seq * 10;
}

uint8_t line_stream(uint64_t seq) {
    return seq % 3 == 0 ? 2 : 1;
}

struct store_lines *make_lines(int64_t row, unsigned n, uint64_t first, uint64_t last) {
    struct store_lines *lines = store_lines_new(row, id_of(n), first);
    char text[256];
    for (uint64_t seq = first; seq <= last; seq++) {
        size_t len = line_text(seq, text);
        assert_true(store_lines_add(lines, line_time(seq), line_stream(seq), text, len));
    }
    return lines;
}

void assert_is_line(const struct store_log_line *line, uint64_t seq) {
    char text[256];
    size_t len = line_text(seq, text);
    assert_int_equal(line->seq, seq);
    assert_int_equal(line->timestamp_us, line_time(seq));
    assert_int_equal(line->stream, line_stream(seq));
    assert_int_equal(line->len, len);
    assert_memory_equal(line->text, text, len);
}

struct store_log_page *read_log(struct fixture *fixture, const struct store_log_query *query) {
    struct answer answer = {0};
    assert_int_equal(store_read_log(fixture->store, query, on_log, &answer), 0);
    wait_for(fixture, &answer.is_done);
    if (answer.status) assert_int_equal(answer.status, -2); /* ENOENT */
    return answer.result;
}
