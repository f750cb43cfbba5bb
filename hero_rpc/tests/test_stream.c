/* Server-sent events from the server's side. */
#include "harness.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A log of `published` numbered lines; each subscriber is a cursor into it. */
static struct {
    struct fixture *fixture;
    uint64_t published;
    bool is_ended;
    size_t event_bytes; /* size of the data of each event */
    struct rpc_stream *streams[8];
    _Atomic unsigned closed;
} feed;

struct cursor {
    uint64_t seen;
    size_t slot;
};

static enum rpc_stream_state produce(void *ctx, struct rpc_strbuf *out, size_t want) {
    struct cursor *cursor = ctx;
    static char data[1 << 20];
    memset(data, 'd', feed.event_bytes);
    while (cursor->seen < feed.published && out->len < want)
        rpc_sse_add_numbered(out, "line", ++cursor->seen, data, feed.event_bytes);
    if (cursor->seen < feed.published) return RPC_STREAM_MORE;
    return feed.is_ended ? RPC_STREAM_END : RPC_STREAM_IDLE;
}

static void closed(void *ctx) {
    struct cursor *cursor = ctx;
    feed.streams[cursor->slot] = NULL;
    free(cursor);
    feed.closed++;
    sem_post(&feed.fixture->signalled);
}

static void subscribe(struct rpc_request *request, void *ctx) {
    (void)ctx;
    static const struct rpc_stream_ops ops = {produce, closed};
    struct cursor *cursor = calloc(1, sizeof *cursor);
    if (rpc_sse_resume_id(request, "after_seq", &cursor->seen) < 0) {
        rpc_request_reply_error(request, 400, "Last-Event-ID is not a number");
        free(cursor);
        return;
    }
    while (feed.streams[cursor->slot])
        cursor->slot++;
    struct rpc_stream *stream = rpc_stream_open(request, &ops, cursor);
    if (stream)
        feed.streams[cursor->slot] = stream;
    else
        free(cursor);
}

static void add_routes(struct fixture *f) {
    memset(&feed, 0, sizeof feed);
    feed.fixture = f;
    feed.event_bytes = 10;
    rpc_server_route(f->server, "GET", "/feed", subscribe, NULL);
}

static void wake_all(void) {
    for (size_t i = 0; i < 8; i++)
        if (feed.streams[i]) rpc_stream_wake(feed.streams[i]);
}

static void publish(void *ctx) {
    feed.published += *(uint64_t *)ctx;
    wake_all();
}

static void publish_on(struct fixture *f, uint64_t count) {
    fixture_run(f, publish, &count);
}

static void end_feed(void *ctx) {
    (void)ctx;
    feed.is_ended = true;
    wake_all();
}

static int subscribe_to(struct fixture *f, const char *target, const char *headers) {
    char request[256];
    int fd = connect_to(f->socket);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, headers);
    send_text(fd, request);
    return fd;
}

/* --- Tests --- */

static void a_stream_has_the_headers_that_keep_proxies_from_buffering(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = subscribe_to(&f, "/feed", "");
    char *headers = read_until(fd, "\r\n\r\n");
    assert_non_null(strstr(headers, "HTTP/1.1 200"));
    assert_non_null(strstr(headers, "\r\nContent-Type: text/event-stream\r\n"));
    assert_non_null(strstr(headers, "\r\nCache-Control: no-store\r\n"));
    assert_non_null(strstr(headers, "\r\nX-Accel-Buffering: no\r\n"));
    free(headers);
    close(fd);
    wait_for(&f.signalled); /* closed */
    fixture_stop(&f);
}

static void events_arrive_as_they_are_published(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    publish_on(&f, 2);
    int fd = subscribe_to(&f, "/feed", "");
    char *text = read_until(fd, "id: 2\nevent: line\ndata: dddddddddd\n\n");
    assert_non_null(strstr(text, "id: 1\nevent: line\ndata: dddddddddd\n\n"));
    free(text);
    for (uint64_t i = 3; i < 50; i++) {
        char expected[32];
        publish_on(&f, 1);
        snprintf(expected, sizeof expected, "id: %d\n", (int)i);
        free(read_until(fd, expected));
    }
    close(fd);
    wait_for(&f.signalled);
    fixture_stop(&f);
}

static void the_end_closes_the_connection(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = subscribe_to(&f, "/feed", "");
    free(read_until(fd, "\r\n\r\n"));
    publish_on(&f, 1);
    fixture_run(&f, end_feed, NULL);
    char *rest = read_all(fd);
    assert_non_null(strstr(rest, "id: 1\n"));
    assert_non_null(strstr(rest, "\r\n0\r\n\r\n")); /* a proper end, not a broken one */
    free(rest);
    wait_for(&f.signalled);
    assert_int_equal(feed.closed, 1);
    close(fd);
    fixture_stop(&f);
}

static void a_reader_goes_on_where_it_was(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    publish_on(&f, 5);
    static const char *const ways[][2] = {{"/feed", "Last-Event-ID: 3\r\n"},
                                          {"/feed?after_seq=3", ""},
                                          {"/feed?after_seq=1", "Last-Event-ID: 3\r\n"}};
    for (size_t i = 0; i < 3; i++) {
        int fd = subscribe_to(&f, ways[i][0], ways[i][1]);
        char *text = read_until(fd, "id: 5\n");
        assert_null(strstr(text, "id: 3\n"));
        assert_non_null(strstr(text, "id: 4\n"));
        free(text);
        close(fd);
        wait_for(&f.signalled);
    }
    struct answer answer;
    http(f.socket, "GET", "/feed?after_seq=12x", NULL, &answer);
    assert_int_equal(answer.status, 400);
    answer_done(&answer);
    http(f.socket, "GET", "/feed?after_seq=-1", NULL, &answer);
    assert_int_equal(answer.status, 400);
    answer_done(&answer);
    fixture_stop(&f);
}

static void an_event_larger_than_any_buffer_arrives_whole(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    feed.event_bytes = 1 << 20;
    int fd = subscribe_to(&f, "/feed", "");
    free(read_until(fd, "\r\n\r\n"));
    publish_on(&f, 3);
    fixture_run(&f, end_feed, NULL);
    char *rest = read_all(fd);
    size_t count = 0;
    for (const char *at = rest; *at; at++)
        count += *at == 'd';
    /* The d of id, of data and none of event, three times each; chunk sizes are in capitals or have
     * no d at all. */
    assert_in_range(count, 3 * (1 << 20) + 6, 3 * (1 << 20) + 6 + 300);
    assert_non_null(strstr(rest, "id: 3\n"));
    free(rest);
    close(fd);
    wait_for(&f.signalled);
    fixture_stop(&f);
}

/* As read_until, in a fixed buffer: allocations of the test would hide those of the server. `text`
 * must come last. */
static void read_past(int fd, const char *text) {
    static char buffer[1 << 20];
    size_t kept = 0, text_len = strlen(text);
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, WAIT_LIMIT_S * 1000), 1);
        ssize_t n = read(fd, buffer + kept, sizeof buffer - kept);
        assert_true(n > 0);
        if (memmem(buffer, kept + (size_t)n, text, text_len)) return;
        size_t have = kept + (size_t)n;
        kept = have < text_len ? have : text_len;
        memmove(buffer, buffer + have - kept, kept);
    }
}

static long resident_pages(void) {
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_int_equal(fscanf(file, "%ld %ld", &size, &resident), 2);
    fclose(file);
    return resident;
}

static void a_reader_that_never_reads_costs_nothing(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    feed.event_bytes = 1000;
    int stuck = subscribe_to(&f, "/feed", "");
    free(read_until(stuck, "\r\n\r\n"));
    int reader = subscribe_to(&f, "/feed", "");
    free(read_until(reader, "\r\n\r\n"));
    /* Both get 1,000 lines once, so that every buffer has been used. */
    publish_on(&f, 1000);
    read_past(reader, "id: 1000\n");
    long before = resident_pages();
    for (int i = 2; i <= 100; i++) {
        char expected[32];
        publish_on(&f, 1000);
        snprintf(expected, sizeof expected, "id: %d\n", i * 1000);
        read_past(reader, expected); /* is not delayed by the other */
    }
    long grown = resident_pages() - before;
    /* 100 MB went by. The sanitizers' allocator keeps freed memory for a while, so the bound is far
     * over nothing and far under one copy of the data. */
    assert_in_range(grown < 0 ? 0 : grown, 0, 16L * 1024 * 1024 / sysconf(_SC_PAGESIZE));
    close(stuck);
    close(reader);
    wait_for(&f.signalled);
    wait_for(&f.signalled);
    assert_int_equal(feed.closed, 2);
    fixture_stop(&f);
}

static void a_client_that_goes_away_is_noticed_without_a_write(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = subscribe_to(&f, "/feed", "");
    free(read_until(fd, "\r\n\r\n"));
    close(fd);
    wait_for(&f.signalled);
    assert_int_equal(feed.closed, 1);
    fixture_stop(&f);
}

static void a_stuck_client_that_goes_away_is_noticed(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    feed.event_bytes = 100000;
    int fd = subscribe_to(&f, "/feed", "");
    free(read_until(fd, "\r\n\r\n"));
    publish_on(&f, 100); /* far more than the socket takes */
    close(fd);
    wait_for(&f.signalled);
    assert_int_equal(feed.closed, 1);
    fixture_stop(&f);
}

static void a_client_that_sends_into_a_stream_is_closed(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = subscribe_to(&f, "/feed", "");
    free(read_until(fd, "\r\n\r\n"));
    send_text(fd, "GET /feed HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&f.signalled);
    assert_int_equal(feed.closed, 1);
    free(read_all(fd)); /* ends */
    close(fd);
    fixture_stop(&f);
}

static void a_quiet_stream_gets_heartbeats(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, &(struct rpc_server_config){.heartbeat_ms = 40}, add_routes);
    int fd = subscribe_to(&f, "/feed", "");
    free(read_until(fd, "\r\n:\n\n\r\n"));
    free(read_until(fd, "\r\n:\n\n\r\n"));
    publish_on(&f, 1);
    free(read_until(fd, "id: 1\n"));
    close(fd);
    wait_for(&f.signalled);
    fixture_stop(&f);
}

static void streams_over_the_limit_get_503(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, &(struct rpc_server_config){.stream_limit = 1}, add_routes);
    int fd = subscribe_to(&f, "/feed", "");
    free(read_until(fd, "\r\n\r\n"));
    struct answer answer;
    http(f.socket, "GET", "/feed", NULL, &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.headers, "\r\nRetry-After: 1\r\n"));
    assert_string_equal(answer.body, "{\"error\":\"too many open streams: 1\"}");
    answer_done(&answer);
    close(fd);
    wait_for(&f.signalled);
    fd = subscribe_to(&f, "/feed", "");
    char *headers = read_until(fd, "\r\n\r\n");
    assert_non_null(strstr(headers, "HTTP/1.1 200"));
    free(headers);
    close(fd);
    wait_for(&f.signalled);
    fixture_stop(&f);
}

static void a_server_that_ends_closes_its_streams(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    feed.event_bytes = 100000;
    int idle = subscribe_to(&f, "/feed?after_seq=100", "");
    free(read_until(idle, "\r\n\r\n"));
    int stuck = subscribe_to(&f, "/feed", "");
    free(read_until(stuck, "\r\n\r\n"));
    publish_on(&f, 100);
    fixture_stop(&f);
    assert_int_equal(feed.closed, 2);
    close(idle);
    close(stuck);
}

/* --- Bodies in pieces --- */

static struct rpc_stream *body;
static enum rpc_stream_state body_next; /* what the next produce says */

static enum rpc_stream_state produce_body(void *ctx, struct rpc_strbuf *out, size_t want) {
    (void)ctx, (void)want;
    enum rpc_stream_state state = body_next;
    if (state != RPC_STREAM_CUT) rpc_strbuf_add_text(out, "piece");
    body_next = RPC_STREAM_END;
    return state;
}

static void body_closed(void *ctx) {
    struct fixture *f = ctx;
    sem_post(&f->signalled);
}

static void get_body(struct rpc_request *request, void *ctx) {
    static const struct rpc_stream_ops ops = {produce_body, body_closed};
    body = rpc_stream_open_body(request, 201, "text/plain", 10, &ops, ctx);
}

static void add_body_route(struct fixture *f) {
    body_next = RPC_STREAM_IDLE;
    rpc_server_route(f->server, "GET", "/body", get_body, f);
}

static void wake_body(void *ctx) {
    body_next = *(enum rpc_stream_state *)ctx;
    rpc_stream_wake(body);
}

static void a_body_comes_in_pieces_and_its_connection_lives_on(void **state) {
    (void)state;
    struct fixture f;
    enum rpc_stream_state next = RPC_STREAM_END;
    fixture_start(&f, NULL, add_body_route);
    int fd = subscribe_to(&f, "/body", "");
    char *answer = read_until(fd, "piece");
    assert_non_null(strstr(answer, "HTTP/1.1 201"));
    assert_non_null(strstr(answer, "\r\nContent-Type: text/plain\r\n"));
    assert_non_null(strstr(answer, "\r\nContent-Length: 10\r\n"));
    free(answer);
    /* A request sent meanwhile is the next one, and no reason to close. */
    send_text(fd, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    fixture_run(&f, wake_body, &next);
    answer = read_until(fd, "nothing at /nothing");
    assert_memory_equal(answer, "pieceHTTP/1.1 404", strlen("pieceHTTP/1.1 404"));
    free(answer);
    wait_for(&f.signalled);
    close(fd);
    fixture_stop(&f);
}

static void a_body_whose_rest_is_lost_ends_early(void **state) {
    (void)state;
    struct fixture f;
    enum rpc_stream_state next = RPC_STREAM_CUT;
    fixture_start(&f, NULL, add_body_route);
    int fd = subscribe_to(&f, "/body", "");
    free(read_until(fd, "piece"));
    fixture_run(&f, wake_body, &next);
    char *rest = read_all(fd);
    assert_string_equal(rest, "");
    free(rest);
    wait_for(&f.signalled);
    close(fd);
    fixture_stop(&f);
}

/* --- Bytes that many streams send --- */

#define BLOCK_BYTES ((size_t)1 << 20)

static struct rpc_block *block;

struct block_reader {
    struct rpc_stream *stream;
    bool has_had_it;
};

static enum rpc_stream_state produce_block(void *ctx, struct rpc_strbuf *out, size_t want) {
    (void)want;
    struct block_reader *reader = ctx;
    rpc_strbuf_add_text(out, reader->has_had_it ? "data: last\n\n" : "data: first\n\n");
    if (reader->has_had_it) return RPC_STREAM_END;
    reader->has_had_it = true;
    rpc_stream_add_block(reader->stream, block, 1, block->len - 1);
    return RPC_STREAM_MORE;
}

static void block_reader_closed(void *ctx) {
    free(ctx);
    sem_post(&feed.fixture->signalled);
}

static void get_block(struct rpc_request *request, void *ctx) {
    (void)ctx;
    static const struct rpc_stream_ops ops = {produce_block, block_reader_closed};
    struct block_reader *reader = calloc(1, sizeof *reader);
    reader->stream = rpc_stream_open(request, &ops, reader);
}

static void add_block_route(struct fixture *f) {
    add_routes(f);
    rpc_server_route(f->server, "GET", "/block", get_block, NULL);
}

static void readers_are_sent_the_same_bytes_of_a_block(void **state) {
    (void)state;
    struct fixture f;
    block = rpc_block_new(BLOCK_BYTES);
    memset(block->bytes, 'b', BLOCK_BYTES);
    memcpy(block->bytes + 1, "data: ", 6);
    memcpy(block->bytes + BLOCK_BYTES - 2, "\n\n", 2);
    block->len = BLOCK_BYTES;
    fixture_start(&f, NULL, add_block_route);
    int fds[3];
    for (size_t i = 0; i < 3; i++)
        fds[i] = subscribe_to(&f, "/block", "");
    free(read_until(fds[0], "data: first"));
    close(fds[0]); /* in the middle of it */
    for (size_t i = 1; i < 3; i++) {
        char *text = read_all(fds[i]);
        const char *first = strstr(text, "data: first\n\ndata: b");
        const char *last = strstr(text, "data: last");
        assert_non_null(first);
        assert_non_null(last);
        assert_true((size_t)(last - first) >= strlen("data: first\n\n") + BLOCK_BYTES - 1);
        assert_non_null(strstr(last, "\r\n0\r\n\r\n"));
        free(text);
        close(fds[i]);
    }
    for (size_t i = 0; i < 3; i++)
        wait_for(&f.signalled);
    fixture_stop(&f);
    assert_int_equal(block->refs, 1);
    rpc_block_unref(block);
}

static void a_client_of_HTTP_1_0_gets_events_without_chunks(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    int fd = connect_to(f.socket);
    send_text(fd, "GET /feed HTTP/1.0\r\n\r\n");
    publish_on(&f, 1);
    char *headers = read_until(fd, "\r\n\r\n");
    assert_null(strstr(headers, "Transfer-Encoding"));
    fixture_run(&f, end_feed, NULL);
    char *rest = read_all(fd);
    const char *event = strstr(*rest ? rest : headers, "id: 1\n");
    assert_string_equal(event, "id: 1\nevent: line\ndata: dddddddddd\n\n");
    free(headers);
    free(rest);
    close(fd);
    wait_for(&f.signalled);
    fixture_stop(&f);
}

static void HEAD_of_a_stream_is_its_head(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_routes);
    publish_on(&f, 1);
    int fd = connect_to(f.socket);
    send_text(fd, "HEAD /feed HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = read_all(fd);
    assert_memory_equal(answer, "HTTP/1.1 200", strlen("HTTP/1.1 200"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
    close(fd);
    wait_for(&f.signalled);
    fixture_stop(&f);
}

static void data_with_newlines_becomes_one_field_per_line(void **state) {
    (void)state;
    struct rpc_strbuf out = RPC_STRBUF_INIT;
    rpc_sse_add_event(&out, "note", "x1", "a\nb\r\nc\rd", 8);
    assert_string_equal(out.data, "id: x1\nevent: note\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
    rpc_strbuf_clear(&out);
    rpc_sse_add_event(&out, NULL, NULL, "", 0);
    assert_string_equal(out.data, "data: \n\n");
    rpc_strbuf_done(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_has_the_headers_that_keep_proxies_from_buffering),
        cmocka_unit_test(events_arrive_as_they_are_published),
        cmocka_unit_test(the_end_closes_the_connection),
        cmocka_unit_test(a_reader_goes_on_where_it_was),
        cmocka_unit_test(an_event_larger_than_any_buffer_arrives_whole),
        cmocka_unit_test(a_reader_that_never_reads_costs_nothing),
        cmocka_unit_test(a_client_that_goes_away_is_noticed_without_a_write),
        cmocka_unit_test(a_stuck_client_that_goes_away_is_noticed),
        cmocka_unit_test(a_client_that_sends_into_a_stream_is_closed),
        cmocka_unit_test(a_quiet_stream_gets_heartbeats),
        cmocka_unit_test(streams_over_the_limit_get_503),
        cmocka_unit_test(a_server_that_ends_closes_its_streams),
        cmocka_unit_test(a_body_comes_in_pieces_and_its_connection_lives_on),
        cmocka_unit_test(a_body_whose_rest_is_lost_ends_early),
        cmocka_unit_test(readers_are_sent_the_same_bytes_of_a_block),
        cmocka_unit_test(a_client_of_HTTP_1_0_gets_events_without_chunks),
        cmocka_unit_test(HEAD_of_a_stream_is_its_head),
        cmocka_unit_test(data_with_newlines_becomes_one_field_per_line),
    };
    return cmocka_run_group_tests_name("hero_rpc streams", tests, NULL, NULL);
}
