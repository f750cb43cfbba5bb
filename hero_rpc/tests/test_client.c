/* The blocking client against a real server, and its parser of events. */
#include "service_fixture.h"

#include "src/sse_parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct rpc_client *client_of(const struct fixture *f) {
    struct rpc_error err = {0};
    struct rpc_client *client = rpc_client_new_unix(f->socket, &err);
    if (!client) fail_msg("%s", err.message);
    return client;
}

static void calls_return_results(void **state) {
    (void)state;
    struct fixture f;
    struct rpc_error err = {0};
    fixture_start(&f, NULL, add_service);
    struct rpc_client *client = client_of(&f);
    json_t *params = json_pack("{s:s}", "who", "w\xc3\xb6rld");
    json_t *result = rpc_client_call(client, "greet", params, &err);
    assert_string_equal(json_string_value(result), "hello w\xc3\xb6rld");
    json_decref(result);
    json_decref(params);
    result = rpc_client_call(client, "nothing", NULL, &err);
    assert_true(json_is_null(result)); /* a value, not a failure */
    rpc_client_free(client);
    fixture_stop(&f);
}

static void count_connections(void *ctx) {
    struct fixture *f = ((void **)ctx)[0];
    *(unsigned *)((void **)ctx)[1] = rpc_server_connections(f->server);
}

static void the_connection_is_kept_between_calls(void **state) {
    (void)state;
    struct fixture f;
    unsigned count = 0;
    fixture_start(&f, NULL, add_service);
    struct rpc_client *client = client_of(&f);
    for (int i = 0; i < 20; i++) {
        json_t *result = rpc_client_call(client, "health", NULL, NULL);
        assert_non_null(result);
        json_decref(result);
        fixture_run(&f, count_connections, (void *[]){&f, &count});
        assert_int_equal(count, 1);
    }
    rpc_client_free(client);
    fixture_stop(&f);
}

static void errors_tell_a_missing_server_from_a_refusal(void **state) {
    (void)state;
    struct fixture f;
    struct rpc_error err = {0};
    char path[128], expected[256];
    fixture_start(&f, NULL, add_service);
    struct rpc_client *client = client_of(&f);

    assert_null(rpc_client_call(client, "fail", NULL, &err));
    assert_int_equal(err.kind, RPC_ERROR_RPC);
    assert_int_equal(err.code, -32001);
    assert_string_equal(err.message, "it failed");
    assert_int_equal(json_integer_value(json_object_get(err.data, "number")), 7);
    rpc_error_clear(&err);
    rpc_client_free(client);

    snprintf(path, sizeof path, "%s/none.sock", f.home.path);
    client = rpc_client_new_unix(path, &err);
    assert_null(rpc_client_call(client, "health", NULL, &err));
    assert_int_equal(err.kind, RPC_ERROR_UNREACHABLE);
    snprintf(expected, sizeof expected, "no server reachable at %s: No such file or directory",
             path);
    assert_string_equal(err.message, expected);
    rpc_client_free(client);
    assert_false(rpc_client_is_listening(path));
    assert_true(rpc_client_is_listening(f.socket));
    fixture_stop(&f);

    fixture_start(&f, NULL, NULL); /* a server without /rpc */
    client = client_of(&f);
    assert_null(rpc_client_call(client, "health", NULL, &err));
    assert_int_equal(err.kind, RPC_ERROR_HTTP);
    assert_int_equal(err.code, 404);
    assert_string_equal(err.message, "HTTP 404: nothing at /rpc");
    rpc_client_free(client);
    fixture_stop(&f);
}

static void a_socket_nobody_listens_on_is_unreachable(void **state) {
    (void)state;
    struct fixture f;
    struct rpc_error err = {0};
    fixture_start(&f, NULL, add_service);
    struct rpc_client *client = client_of(&f);
    json_t *result = rpc_client_call(client, "health", NULL, &err);
    json_decref(result);
    fixture_stop(&f); /* the kept connection is dead, and so is the path */
    assert_null(rpc_client_call(client, "health", NULL, &err));
    assert_int_equal(err.kind, RPC_ERROR_UNREACHABLE);
    rpc_client_free(client);
}

static void a_call_that_takes_too_long_times_out(void **state) {
    (void)state;
    struct fixture f;
    struct rpc_error err = {0};
    fixture_start(&f, NULL, add_service);
    struct rpc_client *client = client_of(&f);
    rpc_client_set_timeouts(client, 0, 50);
    assert_null(rpc_client_call(client, "hold", NULL, &err));
    assert_int_equal(err.kind, RPC_ERROR_TIMEOUT);
    wait_for(&f.signalled); /* held */
    wait_for(&f.signalled); /* and noticed that we left */
    rpc_client_free(client);
    fixture_stop(&f);
}

struct interrupter {
    struct fixture *fixture;
    int fd;
};

static void *interrupt_when_held(void *ctx) {
    struct interrupter *interrupter = ctx;
    uint64_t one = 1;
    wait_for(&interrupter->fixture->signalled);
    assert_int_equal(write(interrupter->fd, &one, sizeof one), sizeof one);
    return NULL;
}

static bool ignore_event(void *ctx, const struct rpc_sse_event *event) {
    (void)ctx, (void)event;
    return true;
}

static void calls_and_streams_can_be_interrupted(void **state) {
    (void)state;
    struct fixture f;
    fixture_start(&f, NULL, add_service);
    for (int is_stream = 0; is_stream < 2; is_stream++) {
        struct rpc_error err = {0};
        struct rpc_client *client = client_of(&f);
        struct interrupter interrupter = {&f, eventfd(0, EFD_CLOEXEC)};
        pthread_t thread;
        pthread_create(&thread, NULL, interrupt_when_held, &interrupter);
        rpc_client_set_stop_fd(client, interrupter.fd);
        if (is_stream)
            assert_int_equal(rpc_client_follow(client, "/silence", NULL, ignore_event, NULL, &err),
                             -1);
        else
            assert_null(rpc_client_call(client, "hold", NULL, &err));
        assert_int_equal(err.kind, RPC_ERROR_INTERRUPTED);
        pthread_join(thread, NULL);
        close(interrupter.fd);
        rpc_client_free(client);
    }
    fixture_stop(&f);
}

struct reader {
    struct rpc_strbuf seen;
    const char *stop_at;
};

static bool note_event(void *ctx, const struct rpc_sse_event *event) {
    struct reader *reader = ctx;
    rpc_strbuf_addf(&reader->seen, "%s/%s/%.*s ", event->event, event->id, (int)event->data_len,
                    event->data);
    return !reader->stop_at || strcmp(event->id, reader->stop_at) != 0;
}

static void a_stream_is_read_to_its_end_or_stopped_and_resumed(void **state) {
    (void)state;
    struct fixture f;
    struct rpc_error err = {0};
    struct reader reader = {.stop_at = "2"};
    fixture_start(&f, NULL, add_service);
    struct rpc_client *client = client_of(&f);
    assert_int_equal(rpc_client_follow(client, "/feed", NULL, note_event, &reader, &err),
                     RPC_FOLLOW_STOPPED);
    assert_string_equal(reader.seen.data, "line/1/1 line/2/2 ");
    assert_string_equal(rpc_client_last_event_id(client), "2");
    reader.stop_at = NULL;
    assert_int_equal(rpc_client_follow(client, "/feed", rpc_client_last_event_id(client),
                                       note_event, &reader, &err),
                     RPC_FOLLOW_CLOSED);
    assert_string_equal(reader.seen.data, "line/1/1 line/2/2 line/3/3 line/4/4 end/5/5 ");
    assert_int_equal(rpc_client_follow(client, "/feed", "junk", note_event, &reader, &err), -1);
    assert_int_equal(err.kind, RPC_ERROR_HTTP);
    assert_string_equal(err.message, "HTTP 400: bad id");
    assert_int_equal(rpc_client_follow(client, "/nowhere", NULL, note_event, &reader, &err), -1);
    assert_int_equal(err.code, 404);
    rpc_strbuf_done(&reader.seen);
    rpc_client_free(client);
    fixture_stop(&f);
}

static void a_posted_stream_is_read_and_its_refusal_is_an_error_of_json_rpc(void **state) {
    (void)state;
    struct fixture f;
    struct rpc_error err = {0};
    struct reader reader = {.stop_at = NULL};
    static const char ada[] = "{\"who\":\"Ada\"}", nobody[] = "{\"who\":\"nobody\"}";
    fixture_start(&f, NULL, add_service);
    struct rpc_client *client = client_of(&f);
    struct rpc_follow follow = {.path = "/greeting",
                                .body = ada,
                                .len = sizeof ada - 1,
                                .event = note_event,
                                .ctx = &reader};
    assert_int_equal(rpc_client_follow_with(client, &follow, &err), RPC_FOLLOW_CLOSED);
    assert_string_equal(reader.seen.data, "line/1/1 line/2/2 line/3/3 line/4/4 end/5/5 ");
    follow.body = nobody;
    follow.len = sizeof nobody - 1;
    assert_int_equal(rpc_client_follow_with(client, &follow, &err), -1);
    assert_int_equal(err.kind, RPC_ERROR_RPC);
    assert_int_equal(err.code, -32001);
    assert_string_equal(err.message, "nobody is there");
    assert_string_equal(json_string_value(json_object_get(err.data, "who")), "nobody");
    rpc_error_clear(&err);
    rpc_strbuf_done(&reader.seen);
    rpc_client_free(client);
    fixture_stop(&f);
}

/* A socket of the test's own in a new home. */
static int listen_in(struct home *home, char path[108]) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    home_make(home);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/canned.sock", home->path);
    memcpy(path, address.sun_path, sizeof address.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    return listener;
}

/* A server that writes the next event when the client has paused after the one before. */
struct pausing {
    int listener, fd;
    int pauses;
    int last; /* the pause that ends the reading */
    struct reader reader;
};

static void send_event(struct pausing *pausing, int number) {
    char event[32];
    snprintf(event, sizeof event, "id: %d\ndata: x\n\n", number);
    send_text(pausing->fd, event);
}

static void *serve_first(void *ctx) {
    struct pausing *pausing = ctx;
    char request[4096];
    pausing->fd = accept(pausing->listener, NULL, NULL);
    if (read(pausing->fd, request, sizeof request) > 0)
        send_text(pausing->fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                               "id: 0\ndata: x\n\n");
    return NULL;
}

static bool on_pause(void *ctx) {
    struct pausing *pausing = (void *)((char *)ctx - offsetof(struct pausing, reader));
    rpc_strbuf_add_text(&pausing->reader.seen, "pause ");
    if (++pausing->pauses == pausing->last) return false;
    send_event(pausing, pausing->pauses);
    return true;
}

static void a_stream_pauses_before_it_waits(void **state) {
    (void)state;
    struct home home;
    struct rpc_error err = {0};
    char path[108];
    struct pausing pausing = {.listener = listen_in(&home, path), .last = 3};
    pthread_t thread;
    pthread_create(&thread, NULL, serve_first, &pausing);
    struct rpc_client *client = rpc_client_new_unix(path, &err);
    const struct rpc_follow follow = {
        .path = "/x", .event = note_event, .pause = on_pause, .ctx = &pausing.reader};
    assert_int_equal(rpc_client_follow_with(client, &follow, &err), RPC_FOLLOW_STOPPED);
    assert_string_equal(pausing.reader.seen.data,
                        "message/0/x pause message/1/x pause message/2/x pause ");
    pthread_join(thread, NULL);
    close(pausing.fd);
    close(pausing.listener);
    rpc_strbuf_done(&pausing.reader.seen);
    rpc_client_free(client);
    home_remove(&home);
}

/* A server that answers every connection with the same bytes. */
struct canned {
    int listener;
    const char *bytes;
};

static void *serve_canned(void *ctx) {
    const struct canned *canned = ctx;
    char request[4096];
    int fd = accept(canned->listener, NULL, NULL);
    if (read(fd, request, sizeof request) > 0) send_text(fd, canned->bytes);
    close(fd);
    return NULL;
}

static void answers_that_are_not_json_rpc_are_refused(void **state) {
    (void)state;
    static const char *const bodies[] = {"not json",
                                         "[]",
                                         "{}",
                                         "{\"jsonrpc\":\"2.0\",\"id\":99,\"result\":1}",
                                         "{\"jsonrpc\":\"1.0\",\"id\":1,\"result\":1}",
                                         "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":\"text\"}",
                                         "{\"jsonrpc\":\"2.0\",\"id\":1}"};
    struct home home;
    char path[108];
    int listener = listen_in(&home, path);
    for (size_t i = 0; i <= sizeof bodies / sizeof *bodies; i++) {
        struct rpc_strbuf bytes = RPC_STRBUF_INIT;
        struct rpc_error err = {0};
        if (i < sizeof bodies / sizeof *bodies)
            rpc_strbuf_addf(&bytes, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                            strlen(bodies[i]), bodies[i]);
        else
            rpc_strbuf_add_text(&bytes, "SSH-2.0-OpenSSH_9.2p1\r\n");
        struct canned canned = {listener, bytes.data};
        pthread_t thread;
        pthread_create(&thread, NULL, serve_canned, &canned);
        struct rpc_client *client = rpc_client_new_unix(path, &err);
        assert_null(rpc_client_call(client, "health", NULL, &err));
        assert_int_equal(err.kind, RPC_ERROR_PROTOCOL);
        pthread_join(thread, NULL);
        rpc_client_free(client);
        rpc_strbuf_done(&bytes);
    }
    close(listener);
    home_remove(&home);
}

/* Feeds the text in pieces of every size and compares what comes out each time. */
static void assert_parsed(const char *text, const char *expected) {
    size_t len = strlen(text);
    for (size_t piece = 1; piece <= len; piece++) {
        struct reader reader = {0};
        struct sse_parser parser;
        sse_parser_init(&parser, note_event, &reader);
        for (size_t at = 0; at < len; at += piece)
            assert_int_equal(
                sse_parser_feed(&parser, text + at, len - at < piece ? len - at : piece),
                SSE_CONTINUE);
        assert_string_equal(rpc_strbuf_text(&reader.seen), expected);
        sse_parser_done(&parser);
        rpc_strbuf_done(&reader.seen);
    }
}

static void the_event_stream_format_is_understood(void **state) {
    (void)state;
    assert_parsed("data: a\n\ndata:b\n\n", "message//a message//b ");
    assert_parsed("data: a\r\n\r\ndata: b\r\rdata: c\n\n", "message//a message//b message//c ");
    assert_parsed("id: 7\nevent: line\ndata: x\n\ndata: y\n\n", "line/7/x message/7/y ");
    assert_parsed("data: one\ndata: two\ndata\n\n", "message//one\ntwo\n ");
    assert_parsed(": comment\nretry: 5\nunknown: x\n\n", "");
    assert_parsed("event: only\n\ndata: z\n\n", "message//z ");
    assert_parsed("data:  two spaces\n\n", "message// two spaces ");
    assert_parsed("\xef\xbb\xbf"
                  "data: mark\n\n",
                  "message//mark ");
    assert_parsed("data: cut off", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_return_results),
        cmocka_unit_test(the_connection_is_kept_between_calls),
        cmocka_unit_test(errors_tell_a_missing_server_from_a_refusal),
        cmocka_unit_test(a_socket_nobody_listens_on_is_unreachable),
        cmocka_unit_test(a_call_that_takes_too_long_times_out),
        cmocka_unit_test(calls_and_streams_can_be_interrupted),
        cmocka_unit_test(a_stream_is_read_to_its_end_or_stopped_and_resumed),
        cmocka_unit_test(a_posted_stream_is_read_and_its_refusal_is_an_error_of_json_rpc),
        cmocka_unit_test(a_stream_pauses_before_it_waits),
        cmocka_unit_test(answers_that_are_not_json_rpc_are_refused),
        cmocka_unit_test(the_event_stream_format_is_understood),
    };
    return cmocka_run_group_tests_name("hero_rpc client", tests, NULL, NULL);
}
