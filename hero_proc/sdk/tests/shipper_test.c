/* Lines on their way to a hero_proc that is there, hangs, dies, comes back, or has no method for
 * them. The daemon here is a child that counts what it gets in shared memory. */
#include "hero_proc_sdk/shipper.h"

#include <hero_rpc/clock.h>
#include <hero_rpc/http_server.h>

#include <event2/event.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 20000

/* What the daemon has seen. */
struct seen {
    atomic_int lines, calls;
    atomic_bool is_ready, refuses;
    char first[256], last[256]; /* entries of the last call */
};

static struct seen *seen;
static char dir[64], socket_path[128];
static pid_t sink;

/* ---- The daemon ------------------------------------------------------------------------- */

static void on_document(struct rpc_request *request, void *ctx) {
    const char *text = ctx;
    rpc_request_reply(request, 200, "application/json", text, strlen(text));
}

static void on_rpc(struct rpc_request *request, void *ctx) {
    (void)ctx;
    size_t len;
    const char *body = rpc_request_body(request, &len);
    json_t *call = json_loadb(body, len, 0, NULL);
    json_t *entries = json_object_get(json_object_get(call, "params"), "logs");
    size_t count = json_array_size(entries);
    const char *first = json_string_value(json_object_get(json_array_get(entries, 0), "content"));
    snprintf(seen->first, sizeof seen->first, "%s", first ? first : "");
    char *last = json_dumps(json_array_get(entries, count - 1), JSON_COMPACT | JSON_SORT_KEYS);
    if (last) snprintf(seen->last, sizeof seen->last, "%s", last);
    free(last);
    atomic_fetch_add(&seen->calls, 1);
    if (atomic_load(&seen->refuses)) {
        rpc_request_reply_json(request, 200,
                               json_pack("{s:s, s:O, s:{s:i, s:s}}", "jsonrpc", "2.0", "id",
                                         json_object_get(call, "id"), "error", "code", -32000,
                                         "message", "Database error: disk is full"));
        json_decref(call);
        return;
    }
    atomic_fetch_add(&seen->lines, (int)count);
    rpc_request_reply_json(request, 200,
                           json_pack("{s:s, s:O, s:{s:i}}", "jsonrpc", "2.0", "id",
                                     json_object_get(call, "id"), "result", "dropped", 0));
    json_decref(call);
}

static const char with_logs[] =
    "{\"openrpc\":\"1.2.6\",\"methods\":[{\"name\":\"log.insert\",\"params\":[{\"name\":\"logs\","
    "\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"src\":{\"type"
    "\":\"string\"},\"epoch\":{\"type\":\"integer\"},\"loglevel\":{\"type\":\"integer\"},\"tags\":{"
    "\"type\":\"array\"},\"content\":{\"type\":\"string\"}}}}}]}]}";
static const char without_logs[] =
    "{\"openrpc\":\"1.2.6\",\"methods\":[{\"name\":\"service.list\",\"params\":[]}]}";

static _Noreturn void serve(const char *document) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct event_base *base = event_base_new();
    struct rpc_server *server = rpc_server_new(base, NULL, NULL);
    rpc_server_route(server, "POST", "/rpc", on_rpc, NULL);
    rpc_server_route(server, "GET", "/openrpc.json", on_document, (void *)(uintptr_t)document);
    if (rpc_server_listen_unix(server, socket_path, NULL, NULL) < 0) _exit(1);
    atomic_store(&seen->is_ready, true);
    event_base_dispatch(base);
    _exit(0);
}

static bool wait_until(bool (*condition)(void *ctx), void *ctx) {
    for (int64_t since = rpc_clock_monotonic_ms(); rpc_clock_monotonic_ms() - since < LIMIT_MS;) {
        if (condition(ctx)) return true;
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return condition(ctx);
}

static bool is_ready(void *ctx) {
    (void)ctx;
    return atomic_load(&seen->is_ready);
}

static void start_sink(const char *document) {
    memset(seen, 0, sizeof *seen);
    sink = fork();
    assert_true(sink >= 0);
    if (sink == 0) serve(document);
    assert_true(wait_until(is_ready, NULL));
}

static void kill_sink(void) {
    kill(sink, SIGKILL);
    waitpid(sink, NULL, 0);
}

/* ---- Shorthands ------------------------------------------------------------------------- */

static struct proc_shipper *start(size_t max_bytes) {
    struct proc_shipper_options options = {.socket_path = socket_path,
                                           .source = "runner",
                                           .max_bytes = max_bytes,
                                           .flush_ms = 20,
                                           .retry_ms = 50};
    struct proc_shipper *shipper = proc_shipper_start(&options, NULL);
    assert_non_null(shipper);
    return shipper;
}

static bool add(struct proc_shipper *shipper, const char *text) {
    static const char *const tags[] = {"session=1", "kind=stdout", NULL};
    struct proc_shipper_line line = {
        .text = text, .len = strlen(text), .timestamp_ms = 1764000000000, .tags = tags};
    return proc_shipper_add(shipper, &line);
}

static bool is_active(void *ctx) {
    struct proc_shipper_status status;
    proc_shipper_status(ctx, &status);
    return status.state == PROC_SHIPPER_ACTIVE;
}

static bool is_unavailable(void *ctx) {
    struct proc_shipper_status status;
    proc_shipper_status(ctx, &status);
    return status.state == PROC_SHIPPER_UNAVAILABLE;
}

static bool has_lines(void *ctx) {
    return atomic_load(&seen->lines) >= *(int *)ctx;
}

static void await_lines(int count) {
    if (!wait_until(has_lines, &count))
        fail_msg("%d lines of %d came", atomic_load(&seen->lines), count);
}

/* ---- Tests ------------------------------------------------------------------------------ */

static void lines_go_in_batches_under_the_server_s_names(void **state) {
    (void)state;
    start_sink(with_logs);
    struct proc_shipper *shipper = start(0);
    for (int i = 0; i < 2000; i++)
        assert_true(add(shipper, i < 1999 ? "a line" : "the \xff last"));
    await_lines(2000);
    assert_in_range(atomic_load(&seen->calls), 1, 200);
    assert_string_equal(seen->last,
                        "{\"content\":\"the \xef\xbf\xbd last\",\"epoch\":1764000000,\"loglevel\":"
                        "10,\"src\":\"runner\",\"tags\":[\"session=1\",\"kind=stdout\"]}");
    proc_shipper_stop(shipper, 0);
    kill_sink();
}

static void a_dead_daemon_is_noticed_and_found_again(void **state) {
    (void)state;
    start_sink(with_logs);
    struct proc_shipper *shipper = start(0);
    assert_true(wait_until(is_active, shipper));
    kill_sink();
    assert_true(wait_until(is_unavailable, shipper)); /* without a line to send */
    struct proc_shipper_status status;
    proc_shipper_status(shipper, &status);
    assert_non_null(strstr(status.message, "no server reachable"));
    for (int i = 0; i < 10; i++)
        assert_true(add(shipper, "kept"));
    start_sink(with_logs);
    await_lines(10);
    assert_true(wait_until(is_active, shipper));
    proc_shipper_status(shipper, &status);
    assert_int_equal(status.dropped, 0);
    assert_string_equal(status.message, "");
    proc_shipper_stop(shipper, 0);
    kill_sink();
}

static void memory_is_bounded_and_the_oldest_go_first(void **state) {
    (void)state;
    struct proc_shipper *shipper = start(10000); /* nobody listens */
    char text[1024];
    struct proc_shipper_status status;
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "line %d", i);
        add(shipper, text);
        proc_shipper_status(shipper, &status);
        assert_in_range(status.waiting_bytes, 1, 10000);
    }
    proc_shipper_status(shipper, &status);
    assert_true(status.dropped > 0);
    assert_int_equal(status.dropped + status.waiting_lines, 1000);
    start_sink(with_logs);
    await_lines((int)status.waiting_lines + 1);
    snprintf(text, sizeof text, "%d lines are missing here: more than hero_proc took in time",
             (int)status.dropped);
    assert_string_equal(seen->first, text);
    assert_non_null(strstr(seen->last, "\"line 999\""));
    proc_shipper_stop(shipper, 0);
    kill_sink();
}

static void a_daemon_that_hangs_costs_the_caller_nothing(void **state) {
    (void)state;
    start_sink(with_logs);
    struct proc_shipper *shipper = start(100000);
    assert_true(wait_until(is_active, shipper));
    kill(sink, SIGSTOP);
    int64_t since_us = rpc_clock_monotonic_us();
    for (int i = 0; i < 10000; i++)
        add(shipper, "a line that nobody takes");
    assert_in_range(rpc_clock_monotonic_us() - since_us, 0, 2000000);
    proc_shipper_stop(shipper, 10); /* and does not hold up the end */
    kill_sink();
}

static bool has_dropped(void *ctx) {
    struct proc_shipper_status status;
    proc_shipper_status(ctx, &status);
    return status.dropped > 0;
}

static void a_daemon_without_the_method_is_said_so(void **state) {
    (void)state;
    start_sink(without_logs);
    struct proc_shipper *shipper = start(0);
    struct proc_shipper_status status;
    add(shipper, "dropped");
    assert_true(wait_until(has_dropped, shipper));
    assert_true(wait_until(is_unavailable, shipper));
    proc_shipper_status(shipper, &status);
    assert_string_equal(status.message, "this hero_proc takes no log lines from others");
    assert_false(add(shipper, "dropped at once"));
    kill_sink();
    start_sink(with_logs); /* a newer one */
    assert_true(wait_until(is_active, shipper));
    assert_true(add(shipper, "taken"));
    await_lines(1);
    proc_shipper_stop(shipper, 0);
    kill_sink();
}

static void a_daemon_that_refuses_is_said_so_until_it_takes_lines(void **state) {
    (void)state;
    start_sink(with_logs);
    struct proc_shipper *shipper = start(0);
    struct proc_shipper_status status;
    assert_true(wait_until(is_active, shipper));
    atomic_store(&seen->refuses, true);
    add(shipper, "refused");
    assert_true(wait_until(is_unavailable, shipper));
    proc_shipper_status(shipper, &status);
    assert_string_equal(status.message, "Database error: disk is full");
    assert_int_equal(status.dropped, 1);
    atomic_store(&seen->refuses, false);
    add(shipper, "taken");
    await_lines(1);
    assert_true(wait_until(is_active, shipper));
    proc_shipper_stop(shipper, 0);
    kill_sink();
}

static void what_waits_is_sent_at_the_end(void **state) {
    (void)state;
    start_sink(with_logs);
    struct proc_shipper_options options = {
        .socket_path = socket_path, .source = "runner", .flush_ms = 60000};
    struct proc_shipper *shipper = proc_shipper_start(&options, NULL);
    assert_true(wait_until(is_active, shipper));
    for (int i = 0; i < 100; i++)
        add(shipper, "late");
    proc_shipper_stop(shipper, LIMIT_MS);
    assert_int_equal(atomic_load(&seen->lines), 100);
    kill_sink();
}

int main(void) {
    strcpy(dir, "/tmp/proc_ship_XXXXXX");
    if (!mkdtemp(dir)) return 1;
    snprintf(socket_path, sizeof socket_path, "%s/rpc.sock", dir);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_go_in_batches_under_the_server_s_names),
        cmocka_unit_test(a_dead_daemon_is_noticed_and_found_again),
        cmocka_unit_test(memory_is_bounded_and_the_oldest_go_first),
        cmocka_unit_test(a_daemon_that_hangs_costs_the_caller_nothing),
        cmocka_unit_test(a_daemon_without_the_method_is_said_so),
        cmocka_unit_test(a_daemon_that_refuses_is_said_so_until_it_takes_lines),
        cmocka_unit_test(what_waits_is_sent_at_the_end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) == 0 ? failed : 1;
}
