/* Descriptors, processes and memory that are not there when they are wanted. */
#include "faults/health.h"
#include "support/http.h"
#include "support/process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define DESCRIPTORS 160
#define CONNECTIONS 300
#define OTHER_UID 64321 /* nobody's, so that its processes are the server's only */
#define PROCESSES 14
#define CGROUP "/sys/fs/cgroup/memory"

/* ---- EMFILE ------------------------------------------------------------------------------- */

static void bound_descriptors(const struct test_server *server) {
    (void)server;
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){DESCRIPTORS, DESCRIPTORS});
}

static bool is_answering(void *ctx) {
    const struct test_server *server = ctx;
    json_t *answer = NULL;
    int status = http_rpc(server->socket,
                          "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session_run\","
                          "\"params\":{\"script\":\"print(1)\"}}",
                          &answer);
    bool is_good = status == 200 && json_object_get(answer, "result");
    json_decref(answer);
    return is_good;
}

static int setup_with_few_descriptors(void **state) {
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    server->prepare = bound_descriptors;
    server_start(server, NULL);
    *state = server;
    return 0;
}

static void more_connections_than_descriptors_are_answered_or_closed(void **state) {
    struct test_server *server = *state;
    struct holdings before = holdings_of(server);
    char id[RUNNER_ID_BYTES];
    start_session(server, "for i in 0..100 { print(i); sleep(0.01) }", id);
    int fds[CONNECTIONS];
    unsigned refused = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = http_connect(server->socket);
        if (fds[i] >= 0) http_send_get(fds[i], "/health", "");
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        struct timeval soon = {.tv_sec = 5};
        char *body = NULL;
        if (fds[i] >= 0) setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
        int status = fds[i] < 0 ? -1 : http_read_answer(fds[i], &body);
        refused += status != 200;
        free(body);
    }
    assert_true(refused > 0); /* there really were too many */
    /* The session did not notice. */
    for (int i = 0; i < CONNECTIONS; i++)
        if (fds[i] >= 0) close(fds[i]);
    assert_true(wait_until(is_answering, server, 10000));
    struct runner_session session;
    await_end(server, id, &session);
    runner_session_done(&session);
    assert_counted(server, id, 100);
    assert_healthy(server);
    assert_nothing_left(server, &before);
}

/* ---- EAGAIN on fork ----------------------------------------------------------------------- */

static int give_away(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status, (void)kind, (void)walk;
    return chown(path, OTHER_UID, OTHER_UID);
}

static void bound_processes(const struct test_server *server) {
    nftw(server->home, give_away, 16, FTW_PHYS);
    setrlimit(RLIMIT_NPROC, &(struct rlimit){PROCESSES, PROCESSES});
    if (setgroups(0, NULL) || setgid(OTHER_UID) || setuid(OTHER_UID)) _exit(126);
}

static int setup_with_few_processes(void **state) {
    struct test_server *server = calloc(1, sizeof *server);
    server_init(server);
    *state = server;
    server->prepare = bound_processes;
    /* Server with its threads, zygote and these would be more than it may have. */
    static const char *const options[] = {"--workers", "16", "--parked", "16", NULL};
    if (geteuid() == 0) server_start(server, options);
    return 0;
}

static void sessions_wait_when_no_process_can_be_forked(void **state) {
    struct test_server *server = *state;
    if (!server->pid) {
        print_message("skipped: RLIMIT_NPROC needs a user of its own, and this is not root\n");
        skip();
    }
    struct holdings before = holdings_of(server);
    char ids[40][RUNNER_ID_BYTES];
    for (int i = 0; i < 40; i++)
        start_session(server, "print(\"a\"); sleep(0.05); print(\"b\")", ids[i]);
    for (int i = 0; i < 40; i++) {
        struct runner_session session;
        await_end(server, ids[i], &session);
        assert_int_equal(session.status, RUNNER_SUCCEEDED);
        assert_int_equal(session.lines, 2);
        runner_session_done(&session);
    }
    char *log = server_log(server);
    assert_non_null(strstr(log, "no new session process"));
    free(log);
    assert_healthy(server);
    assert_nothing_left(server, &before);
}

/* ---- Out of memory ------------------------------------------------------------------------ */

static bool write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) close(fd);
    return is_good;
}

/* Puts a process into a memory cgroup (v1) that is too small for what it is going to do. */
static bool confine(pid_t pid, char group[128]) {
    char path[192], text[32];
    snprintf(group, 128, CGROUP "/runner_fault_%d", (int)getpid());
    if (mkdir(group, 0755) < 0) return false;
    snprintf(path, sizeof path, "%s/memory.limit_in_bytes", group);
    bool is_good = write_file(path, "67108864");
    snprintf(path, sizeof path, "%s/cgroup.procs", group);
    snprintf(text, sizeof text, "%d", (int)pid);
    return write_file(path, text) && is_good;
}

static void a_session_that_is_killed_for_memory_fails_alone(void **state) {
    struct test_server *server = *state;
    struct holdings before = holdings_of(server);
    char id[RUNNER_ID_BYTES], other[RUNNER_ID_BYTES], group[128];
    start_session(server,
                  "print(\"begun\"); sleep(1); let a = []; loop { let s = \"x\"; "
                  "s.pad(1000000, 'x'); a.push(s); }",
                  id);
    await_lines(server, id, 1);
    start_session(server, "print(1); sleep(2); print(2)", other);
    struct runner_session session;
    get_session(server, id, &session);
    if (!confine(session.child_pid, group)) {
        print_message("injected: no memory cgroup is writable (%s); killed as the kernel would\n",
                      strerror(errno));
        kill(session.child_pid, SIGKILL);
    }
    runner_session_done(&session);
    await_end(server, id, &session);
    assert_int_equal(session.status, RUNNER_FAILED);
    assert_string_equal(session.reason, "signal");
    assert_int_equal(session.signal, SIGKILL);
    assert_int_equal(session.lines, 1);
    runner_session_done(&session);
    rmdir(group);
    await_end(server, other, &session);
    assert_int_equal(session.status, RUNNER_SUCCEEDED);
    assert_int_equal(session.lines, 2);
    runner_session_done(&session);
    assert_healthy(server);
    assert_nothing_left(server, &before);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(more_connections_than_descriptors_are_answered_or_closed,
                                        setup_with_few_descriptors, teardown_server),
        cmocka_unit_test_setup_teardown(sessions_wait_when_no_process_can_be_forked,
                                        setup_with_few_processes, teardown_server),
        ON_SERVER(a_session_that_is_killed_for_memory_fails_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
