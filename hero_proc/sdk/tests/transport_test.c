/* A client on a transport of the program's own: here one that answers by itself. */
#include "hero_proc_sdk/proc.h"

#include <hero_rpc/client.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOCKET "/run/hero_proc/rpc.sock"

struct carrier {
    unsigned requests, pauses;
    unsigned pauses_allowed; /* one more is refused */
    const char *state;       /* of the service, as JSON */
    bool is_closed;
};

/* No document; status 200 with the state for every call. */
static int carry(void *ctx, const char *socket_path, const char *path, const char *body, size_t len,
                 struct rpc_strbuf *ret_body, struct rpc_error *err) {
    struct carrier *carrier = ctx;
    assert_string_equal(socket_path, SOCKET);
    carrier->requests++;
    rpc_strbuf_clear(ret_body);
    if (!body) return 404;
    assert_string_equal(path, "/rpc");
    json_t *call = json_loadb(body, len, 0, NULL);
    long long id = json_integer_value(json_object_get(call, "id"));
    json_decref(call);
    if (!carrier->state) {
        rpc_error_set(err, RPC_ERROR_UNREACHABLE, 0, "nobody there");
        return -1;
    }
    rpc_strbuf_addf(ret_body, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":%s}", id,
                    carrier->state);
    return 200;
}

static int pass_time(void *ctx, int64_t ms, struct rpc_error *err) {
    struct carrier *carrier = ctx;
    assert_true(ms > 0);
    if (carrier->pauses++ < carrier->pauses_allowed) return 0;
    rpc_error_set(err, RPC_ERROR_INTERRUPTED, 0, "no more time");
    return -1;
}

static void close_carrier(void *ctx) {
    ((struct carrier *)ctx)->is_closed = true;
}

static struct proc_client *open_client(struct carrier *carrier) {
    struct proc_transport transport = {carrier, carry, pass_time, close_carrier};
    struct proc_client *client = proc_open_with(&transport, SOCKET, NULL);
    assert_non_null(client);
    return client;
}

static void requests_go_through_it(void **state) {
    (void)state;
    struct carrier carrier = {.state = "{\"name\":\"web\",\"state\":\"running\",\"pid\":42}"};
    struct proc_client *client = open_client(&carrier);
    struct proc_service_status status;
    struct rpc_error err = {0};
    assert_int_equal(proc_service_status(client, "web", &status, &err), 0);
    assert_int_equal(status.pid, 42);
    proc_service_status_done(&status);
    carrier.state = NULL;
    assert_int_equal(proc_service_status(client, "web", &status, &err), -1);
    assert_int_equal(err.kind, RPC_ERROR_UNREACHABLE);
    assert_string_equal(err.message, "nobody there");
    proc_close(client);
    assert_true(carrier.is_closed);
}

static void a_pause_that_is_refused_ends_a_wait_without_another_question(void **state) {
    (void)state;
    struct carrier carrier = {.state = "{\"name\":\"web\",\"state\":\"starting\"}",
                              .pauses_allowed = 2};
    struct proc_client *client = open_client(&carrier);
    struct rpc_strbuf log = RPC_STRBUF_INIT;
    struct rpc_error err = {0};
    assert_int_equal(proc_service_wait(client, "web", 60000, &log, &err), -1);
    assert_int_equal(err.kind, RPC_ERROR_INTERRUPTED);
    assert_string_equal(err.message, "no more time");
    assert_int_equal(log.len, 0);
    assert_int_equal(carrier.pauses, 3);
    unsigned requests = carrier.requests;
    assert_int_equal(proc_stop_service(client, "web", 60000, NULL, &err), -1);
    assert_int_equal(err.kind, RPC_ERROR_INTERRUPTED);
    assert_int_equal(carrier.requests, requests + 2); /* the stop, and one look */
    proc_close(client);
}

static void a_path_too_long_for_a_socket_is_refused(void **state) {
    (void)state;
    char path[200];
    struct carrier carrier = {0};
    struct proc_transport transport = {&carrier, carry, pass_time, close_carrier};
    struct rpc_error err = {0};
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_null(proc_open_with(&transport, path, &err));
    assert_int_equal(err.kind, RPC_ERROR_INVALID);
    assert_false(carrier.is_closed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_go_through_it),
        cmocka_unit_test(a_pause_that_is_refused_ends_a_wait_without_another_question),
        cmocka_unit_test(a_path_too_long_for_a_socket_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
