/* Callbacks: who asked is told of the end of a session, sooner or later, also by the next server.
 */
#include "support/http.h"
#include "support/process.h"
#include "support/server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 20000 /* for a second try, which comes after a second */

static const char good[] = "HTTP/1.1 204 OK\r\nConnection: close\r\n\r\n";
static const char bad[] = "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

struct expected {
    const struct http_peer *peer;
    unsigned requests;
};

static bool has_come(void *ctx) {
    const struct expected *expected = ctx;
    return http_peer_requests(expected->peer) >= expected->requests;
}

static void await_requests(const struct http_peer *peer, unsigned requests) {
    struct expected expected = {peer, requests};
    if (!wait_until(has_come, &expected, PATIENCE_MS))
        fail_msg("only %u of %u requests", http_peer_requests(peer), requests);
}

static void post(struct test_server *server, struct runner_start start, char id[RUNNER_ID_BYTES]) {
    struct rpc_error err = {0};
    if (runner_session_start(server->runner, &start, id, &err) < 0) fail_msg("%s", err.message);
}

struct callback_of {
    struct test_server *server;
    const char *id, *state;
    json_int_t attempts;
    char error[128];
};

static bool has_state(void *ctx) {
    struct callback_of *of = ctx;
    struct runner_session session;
    get_session(of->server, of->id, &session);
    const json_t *callback = json_object_get(session.json, "callback");
    const char *state = json_string_value(json_object_get(callback, "state"));
    const char *error = json_string_value(json_object_get(callback, "error"));
    bool is_there = state && strcmp(state, of->state) == 0;
    of->attempts = json_integer_value(json_object_get(callback, "attempts"));
    snprintf(of->error, sizeof of->error, "%s", error ? error : "");
    runner_session_done(&session);
    return is_there;
}

static struct callback_of await_state(struct test_server *server, const char *id,
                                      const char *state) {
    struct callback_of of = {.server = server, .id = id, .state = state};
    if (!wait_until(has_state, &of, PATIENCE_MS))
        fail_msg("the callback is never %s: %lld attempts, %s", state, (long long)of.attempts,
                 of.error);
    return of;
}

static const char *url_of(const struct http_peer *peer, const char *path) {
    static char url[96];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", peer->port, path);
    return url;
}

static void it_is_tried_again_until_it_is_answered(void **state) {
    static struct http_peer peer;
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    http_peer_start(&peer, bad);
    post(server, (struct runner_start){.script = "6 * 7", .callback_url = url_of(&peer, "/done")},
         id);
    await_requests(&peer, 1);
    peer.answer = good;
    await_requests(&peer, 2);
    assert_memory_equal(peer.last, "POST /done ", 11);
    assert_non_null(strstr(peer.last, id));
    assert_non_null(strstr(peer.last, "\"status\":\"succeeded\""));
    assert_non_null(strstr(peer.last, "\"value\":42"));
    struct callback_of of = await_state(server, id, "delivered");
    assert_int_equal(of.attempts, 2);
    assert_string_equal(of.error, "");
}

static void it_goes_to_a_unix_socket_as_well(void **state) {
    static struct http_peer peer;
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES], path[128];
    snprintf(path, sizeof path, "%s/told.sock", server->home);
    http_peer_start_unix(&peer, path, good);
    post(server,
         (struct runner_start){
             .script = "print(1); throw 2", .callback_socket = path, .callback_path = "/a?b=c"},
         id);
    await_requests(&peer, 1);
    assert_memory_equal(peer.last, "POST /a?b=c ", 12);
    assert_non_null(strstr(peer.last, "\"status\":\"failed\""));
    assert_non_null(strstr(peer.last, "\"stdout\":[\"1\"]"));
    await_state(server, id, "delivered");
}

/* With all that is to be told: not as a GET. */
static void whoever_has_moved_is_told_where_he_is(void **state) {
    static struct http_peer old, new;
    static char moved[256];
    static const char *const statuses[] = {"301 Moved", "302 Found", "307 Moved", "308 Moved"};
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    http_peer_start(&new, good);
    http_peer_start(&old, bad);
    for (unsigned i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        snprintf(moved, sizeof moved,
                 "HTTP/1.1 %s\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                 statuses[i], url_of(&new, "/new"));
        old.answer = moved;
        post(server, (struct runner_start){.script = "6 * 7", .callback_url = url_of(&old, "/old")},
             id);
        await_requests(&new, i + 1);
        assert_memory_equal(new.last, "POST /new ", 10);
        assert_non_null(strstr(new.last, id));
        assert_non_null(strstr(new.last, "\"value\":42"));
        await_state(server, id, "delivered");
    }
}

/* A socket that takes connections, and never answers. */
static void one_that_hangs_is_left_and_tried_again(void **state) {
    static struct http_peer peer;
    static const char *const impatient[] = {"--url-timeout-ms", "200", NULL};
    struct test_server *server = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char id[RUNNER_ID_BYTES];
    assert_int_equal(server_stop(server), 0);
    server_start(server, impatient);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/hangs.sock", server->home);
    int silent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(silent, (struct sockaddr *)&address, sizeof address), 0);
    listen(silent, 16);
    post(server, (struct runner_start){.script = "1", .callback_socket = address.sun_path}, id);
    int taken = accept(silent, NULL, NULL);
    assert_true(taken >= 0);
    struct callback_of of = await_state(server, id, "pending");
    while (of.attempts == 0)
        of = await_state(server, id, "pending");
    assert_non_null(strstr(of.error, "timed out"));
    close(silent);
    assert_int_equal(unlink(address.sun_path), 0);
    http_peer_start_unix(&peer, address.sun_path, good);
    await_state(server, id, "delivered");
    close(taken);
}

static void what_cannot_be_called_is_refused_at_once(void **state) {
    static const struct {
        struct runner_start start;
        const char *param;
    } wrong[] = {
        {{.callback_url = "http://"}, "callback.url"},
        {{.callback_url = "http://a b/"}, "callback.url"},
        {{.callback_url = "http://localhost:99999/"}, "callback.url"},
        {{.callback_url = "ftp://localhost/"}, "callback.url"},
        {{.callback_url = "http://me:pass@localhost/"}, "callback.url"},
        {{.callback_socket = "told.sock"}, "callback.socket"},
        {{.callback_socket = "/told.sock", .callback_path = "/a b"}, "callback.path"},
    };
    struct test_server *server = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct runner_start start = wrong[i].start;
        struct rpc_error err = {0};
        char id[RUNNER_ID_BYTES];
        start.script = "1";
        assert_int_equal(runner_session_start(server->runner, &start, id, &err), -1);
        if (!strstr(err.message, wrong[i].param)) fail_msg("%zu: %s", i, err.message);
        rpc_error_clear(&err);
    }
}

static void kill_and_start(struct test_server *server, const char *const *options) {
    kill(server->pid, SIGKILL);
    server_wait(server);
    server_start(server, options);
}

static void the_next_server_goes_on_where_a_killed_one_was(void **state) {
    static struct http_peer peer;
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    http_peer_start(&peer, bad);
    post(server,
         (struct runner_start){.script = "print(`kept`); 6 * 7",
                               .callback_url = url_of(&peer, "/later")},
         id);
    await_requests(&peer, 1);
    kill_and_start(server, NULL);
    await_requests(&peer, 2);
    peer.answer = good;
    await_state(server, id, "delivered");
    assert_non_null(strstr(peer.last, id));
    assert_non_null(strstr(peer.last, "\"value\":42"));
    assert_non_null(strstr(peer.last, "\"stdout\":[\"kept\"]"));
    unsigned requests = http_peer_requests(&peer); /* and that is the end of it */
    kill_and_start(server, NULL);
    await_state(server, id, "delivered");
    assert_int_equal(http_peer_requests(&peer), requests);
}

static void a_session_that_dies_with_the_server_is_told_too(void **state) {
    static struct http_peer peer;
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES];
    http_peer_start(&peer, good);
    post(server,
         (struct runner_start){.script = "print(1); loop {}", .callback_url = url_of(&peer, "/")},
         id);
    await_lines(server, id, 1);
    kill_and_start(server, NULL);
    await_requests(&peer, 1);
    assert_non_null(strstr(peer.last, "\"reason\":\"lost\""));
    await_state(server, id, "delivered");
}

static void it_is_given_up_where_everybody_can_see_it(void **state) {
    static struct http_peer peer;
    static const char *const two[] = {"--callback-tries", "2", NULL};
    struct test_server *server = *state;
    char id[RUNNER_ID_BYTES], other[RUNNER_ID_BYTES];
    http_peer_start(&peer, bad);
    post(server, (struct runner_start){.script = "1", .callback_url = url_of(&peer, "/")}, id);
    await_requests(&peer, 1);
    kill_and_start(server, two); /* tries before count */
    struct callback_of of = await_state(server, id, "failed");
    assert_int_equal(of.attempts, 2);
    assert_string_equal(of.error, "the answer has status 500");

    post(server, (struct runner_start){.script = "1"}, other);
    struct runner_session_list list;
    struct runner_find find = {.callback = "failed"};
    assert_int_equal(runner_session_find(server->runner, &find, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.sessions[0].id, id);
    runner_session_list_done(&list);
    json_t *health = runner_health(server->runner, NULL);
    const json_t *callbacks = json_object_get(health, "callbacks");
    assert_int_equal(json_integer_value(json_object_get(callbacks, "given_up")), 1);
    assert_int_equal(json_integer_value(json_object_get(callbacks, "waiting")), 0);
    json_decref(health);
    char *log = server_log(server);
    assert_non_null(strstr(log, "callback is given up"));
    free(log);
}

static void one_that_nobody_takes_delays_no_other(void **state) {
    static struct http_peer peer;
    struct test_server *server = *state;
    enum { SILENT = 40 }; /* more than are called at a time */
    char id[RUNNER_ID_BYTES];
    http_peer_start(&peer, good);
    for (int i = 0; i < SILENT; i++) /* nobody listens there */
        post(server, (struct runner_start){.script = "1", .callback_socket = "/nowhere"}, id);
    post(server, (struct runner_start){.script = "1", .callback_url = url_of(&peer, "/")}, id);
    await_state(server, id, "delivered");
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(it_is_tried_again_until_it_is_answered),
        ON_SERVER(it_goes_to_a_unix_socket_as_well),
        ON_SERVER(what_cannot_be_called_is_refused_at_once),
        ON_SERVER(whoever_has_moved_is_told_where_he_is),
        ON_SERVER(one_that_hangs_is_left_and_tried_again),
        ON_SERVER(the_next_server_goes_on_where_a_killed_one_was),
        ON_SERVER(a_session_that_dies_with_the_server_is_told_too),
        ON_SERVER(it_is_given_up_where_everybody_can_see_it),
        ON_SERVER(one_that_nobody_takes_delays_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
