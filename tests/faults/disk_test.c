/* A full disk: sessions go on, what could not be stored is counted and shown, and what can wait is
 * stored when there is room again. The disk is a small tmpfs where the state is; where this process
 * may not mount one, the server's files are bounded instead (RLIMIT_FSIZE), which fails the same
 * writes. */
#include "faults/health.h"
#include "support/http.h"
#include "support/process.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#define DISK "size=6m"
#define FILE_BYTES (3 * 1024 * 1024)
#define RECOVERY_MS 20000
#define SESSIONS 30
#define LINES 9000

static void bound_files(const struct test_server *server) {
    (void)server;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){FILE_BYTES, FILE_BYTES});
}

static void make_folder(const struct test_server *server, const char *path, char out[256]) {
    snprintf(out, 256, "%s/%s", server->home, path);
    assert_true(mkdir(out, 0755) == 0 || errno == EEXIST);
}

/* Where the state will be. False when nothing can be mounted. */
static bool mount_disk(const struct test_server *server, char out[256]) {
    make_folder(server, "hero", out);
    make_folder(server, "hero/var", out);
    make_folder(server, "hero/var/hero_runner_rhai", out);
    return mount("tmpfs", out, "tmpfs", MS_NOSUID | MS_NODEV, DISK) == 0;
}

/* A member of what health says of the store. */
static json_int_t store_number(struct test_server *server, const char *name) {
    json_t *health = runner_health(server->runner, NULL);
    json_int_t number = json_integer_value(json_object_get(json_object_get(health, "store"), name));
    json_decref(health);
    return number;
}

static bool has_nothing_waiting(void *ctx) {
    return store_number(ctx, "waiting") == 0;
}

/* Who follows sees each line in order, or how many are missing. */
static bool on_line(void *ctx, const struct runner_line *line) {
    uint64_t *last = ctx;
    assert_int_equal(line->seq, *last + 1);
    *last = line->seq;
    return true;
}

static bool on_gap(void *ctx, uint64_t dropped) {
    *(uint64_t *)ctx += dropped;
    return true;
}

/* Fills the disk with the lines of one session, which goes on to its end all the same, and so does
 * who follows it. */
static void fill(struct test_server *server, char ret_id[RUNNER_ID_BYTES]) {
    struct runner_session session;
    uint64_t last = 0;
    const struct runner_follow how = {.line = on_line, .gap = on_gap, .ctx = &last};
    start_session(
        server, "let pad = \"x\"; pad.pad(1000, 'x'); for i in 0..9000 { print(pad) } \"through\"",
        ret_id);
    assert_int_equal(runner_session_follow(server->runner, ret_id, &how, &session, NULL), 0);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(session.lines, LINES);
    assert_int_equal(last, LINES);
    assert_true(json_integer_value(json_object_get(session.json, "log_lost")) > 0);
    runner_session_done(&session);
    assert_true(store_number(server, "lost_lines") > 0);
}

static void start_short_ones(struct test_server *server, char ids[SESSIONS][RUNNER_ID_BYTES]) {
    for (int i = 0; i < SESSIONS; i++) {
        struct runner_session session;
        run_session(server, "print(\"kept\"); 5", &session, NULL);
        assert_int_equal(session.status, RUNNER_SUCCEEDED);
        strcpy(ids[i], session.id);
        runner_session_done(&session);
    }
}

/* How many sessions the list has: those the disk does not know of are in it, and none is twice. */
static unsigned listed(struct test_server *server) {
    struct runner_session_list list;
    assert_int_equal(runner_session_list(server->runner, &list, NULL), 0);
    unsigned count = (unsigned)list.count;
    assert_int_equal(list.total, count);
    runner_session_list_done(&list);
    return count;
}

/* Reads the log of the filler to its end, either way: every line is there or told to be missing. */
static void assert_all_is_told(struct test_server *server, const char *id) {
    for (int is_backwards = 0; is_backwards < 2; is_backwards++) {
        struct runner_log_query query = {.before_seq = is_backwards ? INT64_MAX : 0, .limit = 1000};
        uint64_t told = 0;
        for (bool is_end = false; !is_end;) {
            struct runner_log_page page;
            struct rpc_error err = {0};
            if (runner_session_logs(server->runner, id, &query, &page, &err) < 0)
                fail_msg("%s", err.message);
            told += page.count + page.dropped;
            is_end = is_backwards ? page.first_seq <= 1 : page.ended;
            assert_true(is_end || page.next_seq > query.after_seq);
            if (is_backwards)
                query.before_seq = page.first_seq;
            else
                query.after_seq = page.next_seq;
            runner_log_page_done(&page);
        }
        assert_int_equal(told, LINES);
    }
}

static void delete_session(struct test_server *server, const char *id) {
    char body[160];
    snprintf(body, sizeof body,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session_delete\",\"params\":[\"%s\"]}",
             id);
    json_t *answer = NULL;
    assert_int_equal(http_rpc(server->socket, body, &answer), 200);
    if (!json_object_get(answer, "result")) fail_msg("%s", json_dumps(answer, 0));
    json_decref(answer);
}

/* A server with its state on a disk of its own. */
struct place {
    struct test_server server;
    char disk[256];
    bool is_mounted;
};

static int setup(void **state) {
    struct place *place = calloc(1, sizeof *place);
    server_init(&place->server);
    place->is_mounted = mount_disk(&place->server, place->disk);
    if (!place->is_mounted) {
        print_message("injected: no tmpfs can be mounted (%s), files are bounded instead\n",
                      strerror(errno));
        place->server.prepare = bound_files;
    }
    *state = place;
    return 0;
}

static int teardown(void **state) {
    struct place *place = *state;
    if (place->server.pid) server_stop(&place->server);
    if (place->is_mounted) umount2(place->disk, MNT_DETACH);
    server_done(&place->server);
    free(place);
    return 0;
}

static void sessions_outlive_a_full_disk(void **state) {
    struct place *place = *state;
    struct test_server *server = &place->server;
    char filler[RUNNER_ID_BYTES], ids[SESSIONS][RUNNER_ID_BYTES];
    server_start(server, NULL);
    struct holdings before = holdings_of(server);
    fill(server, filler);
    start_short_ones(server, ids);
    assert_int_equal(listed(server), SESSIONS + 1);
    assert_all_is_told(server, filler);
    if (place->is_mounted) {
        delete_session(server, filler);
        assert_true(wait_until(has_nothing_waiting, server, RECOVERY_MS));
        assert_int_equal(listed(server), SESSIONS);
        /* What was acknowledged meanwhile is on the disk now. */
        assert_int_equal(server_stop(server), 0);
        server_start(server, NULL);
        for (int i = 0; i < SESSIONS; i++) {
            struct runner_session session;
            get_session(server, ids[i], &session);
            assert_int_equal(session.status, RUNNER_SUCCEEDED);
            runner_session_done(&session);
            await_lines(server, ids[i], 1);
        }
    }
    assert_healthy(server);
    assert_nothing_left(server, &before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sessions_outlive_a_full_disk, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
