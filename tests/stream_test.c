/* Following sessions: lines as they are printed, late and returning subscribers, readers that do
 * not read or go away. */
#include "support/http.h"
#include "support/process.h"
#include "support/server.h"

#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DELAY_LIMIT_MS 50
#define MAX_LINES 4096

/* Everything a follower was told, as one text: lines as "out 1 text", changes as "status running".
 */
struct record {
    struct test_server *server;
    const char *id;
    uint64_t after_seq;
    unsigned stop_after; /* lines; 0: never */
    unsigned lines;
    uint64_t seqs[MAX_LINES];
    int64_t worst_delay_ms;
    uint64_t gap;
    char text[8192];
    int outcome;
    struct runner_session end;
};

static void note(struct record *record, const char *text) {
    size_t at = strlen(record->text);
    snprintf(record->text + at, sizeof record->text - at, "%s\n", text);
}

static bool on_line(void *ctx, const struct runner_line *line) {
    struct record *record = ctx;
    char text[128];
    snprintf(text, sizeof text, "%s %llu %.80s", line->is_stderr ? "err" : "out",
             (unsigned long long)line->seq, line->text);
    note(record, text);
    int64_t delay = rpc_clock_wall_ms() - line->timestamp_ms;
    if (delay > record->worst_delay_ms) record->worst_delay_ms = delay;
    if (record->lines < MAX_LINES) record->seqs[record->lines] = line->seq;
    record->lines++;
    return record->lines != record->stop_after;
}

static bool on_status(void *ctx, const struct runner_session *session) {
    char text[64];
    snprintf(text, sizeof text, "status %s", runner_status_name(session->status));
    note(ctx, text);
    return true;
}

static bool on_gap(void *ctx, uint64_t dropped) {
    ((struct record *)ctx)->gap += dropped;
    return true;
}

static void *follow(void *ctx) {
    struct record *record = ctx;
    struct runner *runner = server_client(record->server);
    struct runner_follow how = {.line = on_line,
                                .status = on_status,
                                .gap = on_gap,
                                .ctx = record,
                                .after_seq = record->after_seq};
    record->outcome = runner_session_follow(runner, record->id, &how, &record->end, NULL);
    runner_close(runner);
    return NULL;
}

static struct record *new_record(struct test_server *server, const char *id) {
    struct record *record = calloc(1, sizeof *record);
    record->server = server;
    record->id = id;
    return record;
}

static void free_record(struct record *record) {
    runner_session_done(&record->end);
    free(record);
}

static void lines_arrive_one_by_one_as_they_are_printed(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(server, "for i in 1..=10 { print(i); if i < 10 { sleep(1) } }", id);
    struct record *record = new_record(server, id);
    follow(record);
    assert_int_equal(record->outcome, 0);
    assert_int_equal(record->lines, 10);
    assert_int_equal(record->end.status, RUNNER_SUCCEEDED);
    if (record->worst_delay_ms > allowed_ms(DELAY_LIMIT_MS))
        fail_msg("a line came after %lld ms", (long long)record->worst_delay_ms);
    free_record(record);
}

static void a_late_subscriber_gets_the_kept_lines_first(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(server, "print(\"a\"); debug(\"b\"); sleep(0.3); print(\"c\")", id);
    await_lines(server, id, 2);
    struct record *record = new_record(server, id);
    follow(record);
    assert_string_equal(record->text, "out 1 a\nerr 2 \"b\"\nstatus running\nout 3 c\n"
                                      "status succeeded\n");
    free_record(record);

    record = new_record(server, id); /* and one that comes after the end */
    follow(record);
    assert_string_equal(record->text, "out 1 a\nerr 2 \"b\"\nout 3 c\nstatus succeeded\n");
    assert_int_equal(record->end.lines, 3);
    free_record(record);
}

static void a_returning_subscriber_misses_and_repeats_nothing(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(server, "for i in 0..300 { print(i); if i % 10 == 0 { sleep(0.002) } }", id);
    uint64_t expected = 1, after = 0;
    for (unsigned round = 0; expected <= 300; round++) {
        struct record *record = new_record(server, id);
        record->after_seq = after;
        record->stop_after = 1 + round * 7 % 40;
        follow(record);
        for (unsigned i = 0; i < record->lines; i++)
            assert_int_equal(record->seqs[i], expected++);
        after = expected - 1;
        if (record->lines == 0) fail_msg("ended after %llu lines", (unsigned long long)after);
        free_record(record);
    }
}

static void a_reader_that_comes_late_gets_every_line_from_the_history(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    run_session(server, "for i in 0..3000 { print(i) }", &session, NULL);
    assert_int_equal(session.lines, 3000);
    assert_int_equal(session.dropped_lines, 0);
    struct record *record = new_record(server, session.id);
    follow(record);
    assert_int_equal(record->gap, 0);
    assert_int_equal(record->lines, 3000);
    for (unsigned i = 0; i < 3000; i++)
        assert_int_equal(record->seqs[i], i + 1);
    free_record(record);

    struct runner_log_page page;
    struct runner_log_query query = {.after_seq = 100, .limit = 10};
    assert_int_equal(runner_session_logs(server->runner, session.id, &query, &page, NULL), 0);
    assert_int_equal(page.dropped, 0);
    assert_int_equal(page.count, 10);
    assert_string_equal(page.lines[0].text, "100");
    assert_int_equal(page.next_seq, 110);
    assert_false(page.ended);
    runner_log_page_done(&page);
    runner_session_done(&session);
}

static int setup_small_logs(void **state) {
    static const char *const options[] = {"--log-bytes", "262144", NULL};
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    server_start(server, options);
    *state = server;
    return 0;
}

static void lines_beyond_the_bounds_are_told_as_a_gap(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    /* The bound is kept by whole batches: with pauses, not all lines are one. */
    run_session(server,
                "for i in 0..30000 {"
                "    print(`a line of some length, number ${i}`);"
                "    if i % 1000 == 0 { sleep(0.002) }"
                "}",
                &session, NULL);
    struct record *record = new_record(server, session.id);
    follow(record);
    assert_int_equal(record->outcome, 0);
    assert_int_equal(record->gap + record->lines, 30000);
    assert_true(record->gap > 0);
    assert_int_equal(record->seqs[0], 1); /* the head and the tail are kept */
    free_record(record);
    runner_session_done(&session);
}

static void a_held_call_for_lines_is_answered_when_one_is_printed(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(server, "print(1); sleep(0.3); print(2); loop {}", id);
    await_lines(server, id, 1);
    struct runner_log_page page;
    struct runner_log_query query = {.after_seq = 1, .wait_ms = 10000};
    int64_t since = now_ms();
    assert_int_equal(runner_session_logs(server->runner, id, &query, &page, NULL), 0);
    assert_true(now_ms() - since < 5000);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.lines[0].text, "2");
    assert_false(page.ended);
    runner_log_page_done(&page);

    query = (struct runner_log_query){.after_seq = 2, .wait_ms = 100};
    since = now_ms();
    assert_int_equal(runner_session_logs(server->runner, id, &query, &page, NULL), 0);
    assert_true(now_ms() - since >= 100);
    assert_int_equal(page.count, 0);
    assert_int_equal(page.next_seq, 2);
    runner_log_page_done(&page);
    assert_int_equal(runner_session_stop(server->runner, id, NULL, NULL), 0);
}

/* Readers at the same time, each of which gets all lines in order. */
static void follow_with(struct test_server *server, unsigned readers, const char *id,
                        unsigned lines) {
    pthread_t threads[64];
    struct record *records[64];
    for (unsigned i = 0; i < readers; i++) {
        records[i] = new_record(server, id);
        assert_int_equal(pthread_create(&threads[i], NULL, follow, records[i]), 0);
    }
    for (unsigned i = 0; i < readers; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(records[i]->outcome, 0);
        assert_int_equal(records[i]->end.status, RUNNER_SUCCEEDED);
        assert_int_equal(records[i]->lines, lines);
        for (unsigned n = 0; n < lines; n++)
            assert_int_equal(records[i]->seqs[n], n + 1);
        free_record(records[i]);
    }
}

static void many_readers_all_get_every_line(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(server, "sleep(0.2); for i in 0..1000 { print(i) }", id);
    follow_with(server, 8, id, 1000);
}

static void a_subscriber_that_never_reads_costs_the_server_nothing(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    run_session(server, "for i in 0..20000 { print(i) }", &session, NULL); /* a warm server */
    runner_session_done(&session);
    char id[RUNNER_ID_BYTES], path[128];
    start_session(server, "sleep(0.2); for i in 0..300000 { print(i) }", id);
    snprintf(path, sizeof path, "/sse/session/%s", id);
    int fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = http_connect(server->socket);
        http_send_get(fds[i], path, "");
    }
    int64_t before = process_memory_kib(server->pid);
    await_end(server, id, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(session.lines, 300000);
    int64_t grown = process_memory_kib(server->pid) - before;
    /* The ring of the session itself, at most a batch for each subscriber, and what waits to be
     * written. */
    if (grown > 40 * 1024) fail_msg("the server has grown by %lld KiB", (long long)grown);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    runner_session_done(&session);
}

/* A raw reader of one session's stream. */
static int open_stream(const struct test_server *server, const char *id) {
    char path[128];
    int fd = http_connect(server->socket);
    snprintf(path, sizeof path, "/sse/session/%s", id);
    if (fd >= 0) http_send_get(fd, path, "");
    return fd;
}

/* Reads until `text` has come, which may be cut by the end of a chunk only. Counts the ids before
 * it. */
static bool read_past(int fd, const char *text, unsigned *ret_ids) {
    char bytes[16384];
    size_t kept = 0;
    *ret_ids = 0;
    for (;;) {
        ssize_t got = read(fd, bytes + kept, sizeof bytes - 1 - kept);
        if (got <= 0) return false;
        size_t len = kept + (size_t)got;
        bytes[len] = '\0';
        char *line = bytes, *newline;
        for (; (newline = strchr(line, '\n')); line = newline + 1) {
            *newline = '\0';
            if (strstr(line, text)) return true;
            *ret_ids += strncmp(line, "id: ", 4) == 0;
        }
        kept = len - (size_t)(line - bytes);
        memmove(bytes, line, kept);
    }
}

#define STOPPED_LINES 2000

/* A process that subscribes, stops itself, and when it is continued reads to the end. */
static pid_t start_stopped_reader(const struct test_server *server, const char *id) {
    pid_t pid = fork();
    if (pid == 0) {
        unsigned ids;
        int fd = open_stream(server, id);
        raise(SIGSTOP);
        bool has_all = read_past(fd, "event: end", &ids) && ids == STOPPED_LINES;
        _exit(has_all ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    return pid;
}

static void a_stopped_reader_holds_up_neither_the_script_nor_the_others(void **state) {
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    start_session(server,
                  "let pad = \"\"; pad.pad(500, 'x'); sleep(0.3);"
                  "for i in 0..2000 { print(pad) }",
                  id);
    pid_t stopped = start_stopped_reader(server, id);
    /* All of them are through while the one has not read a byte. */
    follow_with(server, 63, id, STOPPED_LINES);
    /* And it has missed nothing. */
    int status;
    kill(stopped, SIGCONT);
    assert_int_equal(waitpid(stopped, &status, 0), stopped);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int64_t stat_of(struct test_server *server, const char *name) {
    json_t *stats = runner_stats(server->runner, NULL);
    int64_t value = json_integer_value(json_object_get(stats, name));
    json_decref(stats);
    return value;
}

static bool has_one_connection(void *ctx) {
    return stat_of(ctx, "connections") == 1;
}

static void a_client_that_goes_away_is_noticed_and_its_session_goes_on(void **state) {
    struct test_server *server = *state;
    static const char run[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session_run\",\"params\":"
                              "[\"print(1); sleep(3.0); 7\"]}";
    int fd = http_connect(server->socket);
    http_send_rpc(fd, run, sizeof run - 1);
    struct runner_session_list list = {0};
    while (list.count == 0) {
        runner_session_list_done(&list);
        assert_int_equal(runner_session_list(server->runner, &list, NULL), 0);
    }
    char path[128];
    snprintf(path, sizeof path, "/sse/session/%s", list.sessions[0].id);
    int stream = http_connect(server->socket);
    http_send_get(stream, path, "");
    await_lines(server, list.sessions[0].id, 1);
    close(fd);
    close(stream);
    if (!wait_until(has_one_connection, server, 2500)) /* before the session ends */
        fail_msg("connections are open: %lld", (long long)stat_of(server, "connections"));
    assert_int_equal(stat_of(server, "streams"), 0);
    struct runner_session session;
    await_end(server, list.sessions[0].id, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    struct runner_result result;
    bool has_ended;
    assert_int_equal(runner_session_result(server->runner, session.id, &has_ended, &result, NULL),
                     0);
    assert_int_equal(json_integer_value(result.value), 7);
    runner_result_done(&result);
    runner_session_done(&session);
    runner_session_list_done(&list);
}

static void a_thousand_streams_are_open_at_once(void **state) {
    struct test_server *server = *state;
    enum { STREAMS = 1000 };
    static int fds[STREAMS];
    char id[RUNNER_ID_BYTES];
    unsigned ids;
    assert_int_equal(rpc_fd_raise_limit(NULL, NULL), 0);
    start_session(server, "print(\"first\"); loop { sleep(60) }", id);
    await_lines(server, id, 1);
    int64_t before = process_memory_kib(server->pid);
    for (int i = 0; i < STREAMS; i++) {
        fds[i] = open_stream(server, id);
        assert_true(fds[i] >= 0);
        assert_true(read_past(fds[i], "first", &ids));
    }
    assert_int_equal(stat_of(server, "streams"), STREAMS);
    int64_t grown = process_memory_kib(server->pid) - before;
    print_message("%d streams: %lld KiB\n", STREAMS, (long long)grown);
    assert_true(grown < STREAMS * 100);
    assert_int_equal(runner_session_stop(server->runner, id, NULL, NULL), 0);
    for (int i = 0; i < STREAMS; i++) {
        assert_true(read_past(fds[i], "event: end", &ids));
        close(fds[i]);
    }
}

static void bytes_that_are_not_utf8_are_replaced_and_long_lines_split(void **state) {
    struct test_server *server = *state;
    struct runner_session session;
    run_session(server,
                "run_command(\"printf 'a\\\\377b\\\\n'; head -c 70000 /dev/zero | tr '\\\\0' x\")",
                &session, NULL);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    struct runner_log_page page;
    struct runner_log_query query = {0};
    assert_int_equal(runner_session_logs(server->runner, session.id, &query, &page, NULL), 0);
    assert_int_equal(page.count, 3);
    assert_string_equal(page.lines[0].text, "a\xef\xbf\xbd"
                                            "b");
    assert_int_equal(page.lines[1].len, 65536);
    assert_true(page.lines[1].is_partial);
    assert_int_equal(page.lines[2].len, 70000 - 65536);
    runner_log_page_done(&page);
    runner_session_done(&session);
}

static void any_bytes_pass_unharmed_and_are_kept(void **state) {
    struct test_server *server = *state;
    static const struct {
        const char *text;
        size_t len;
    } expected[] = {
        {"\x1b[31mred\x1b[0m", 12},
        {"a\r", 2},
        {"", 0},
        {"   ", 3},
        {"n\0l", 3},
        {"\xf0\x9f\x98\x80\xe2\x80\xa8", 7},
        {"cr\r", 3},
        {"   ", 3},
        {"z\0\xef\xbf\xbd", 5},
        {"no newline", 10},
    };
    enum { COUNT = sizeof expected / sizeof expected[0] };
    struct runner_session session;
    run_session(server,
                "print(\"\\x1b[31mred\\x1b[0m\"); print(\"a\\r\\n\"); print(\"   \");"
                "print(\"n\\x00l\"); print(\"\\U0001F600\\u2028\");"
                "run_command(\"printf 'cr\\\\r\\\\n   \\\\nz\\\\000\\\\376\\\\nno newline'\")",
                &session, NULL);
    if (session.status != RUNNER_SUCCEEDED) fail_msg("%s", session.message);
    struct runner_log_page page;
    struct runner_log_query query = {0};
    assert_int_equal(runner_session_logs(server->runner, session.id, &query, &page, NULL), 0);
    assert_int_equal(page.count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(page.lines[i].len, expected[i].len);
        assert_memory_equal(page.lines[i].text, expected[i].text, expected[i].len);
    }
    runner_log_page_done(&page);
    assert_int_equal(server_stop(server), 0);
    char command[160];
    snprintf(command, sizeof command, "LC_ALL=C grep -rqsaP 'z\\x00\\xfe' %s", server->home);
    assert_int_equal(system(command), 0);
    runner_session_done(&session);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(lines_arrive_one_by_one_as_they_are_printed),
        ON_SERVER(a_late_subscriber_gets_the_kept_lines_first),
        ON_SERVER(a_returning_subscriber_misses_and_repeats_nothing),
        ON_SERVER(a_reader_that_comes_late_gets_every_line_from_the_history),
        cmocka_unit_test_setup_teardown(lines_beyond_the_bounds_are_told_as_a_gap, setup_small_logs,
                                        teardown_server),
        ON_SERVER(a_held_call_for_lines_is_answered_when_one_is_printed),
        ON_SERVER(many_readers_all_get_every_line),
        ON_SERVER(a_subscriber_that_never_reads_costs_the_server_nothing),
        ON_SERVER(a_stopped_reader_holds_up_neither_the_script_nor_the_others),
        ON_SERVER(a_thousand_streams_are_open_at_once),
        ON_SERVER(a_client_that_goes_away_is_noticed_and_its_session_goes_on),
        ON_SERVER(bytes_that_are_not_utf8_are_replaced_and_long_lines_split),
        ON_SERVER(any_bytes_pass_unharmed_and_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
