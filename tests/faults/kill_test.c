/* kill -9 of each process at random moments, while sessions are started and followed. The seed is
 * printed; FAULT_SEED repeats a run, as far as the scheduler does. */
#include "faults/crowd.h"
#include "faults/health.h"
#include "support/process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define SESSIONS 2000 /* over all cases */
#define SUBSCRIBERS 20
#define MAX_PAUSE_US 30000

/* One kill for so many sessions that were acknowledged. */
static void kill_all_along(struct test_server *server, unsigned sessions, unsigned kills,
                           void (*strike)(struct test_server *server, uint64_t *random)) {
    struct holdings before = holdings_of(server);
    uint64_t random = fault_seed();
    struct crowd crowd;
    crowd_begin(&crowd, server, sessions, SUBSCRIBERS, random);
    for (unsigned i = 1; i <= kills; i++) {
        if (!crowd_await(&crowd, sessions / (kills + 1) * i)) break;
        usleep(random_below(&random, MAX_PAUSE_US));
        strike(server, &random);
    }
    crowd_end(&crowd);
    assert_healthy(server);
    crowd_assert_kept(&crowd);
    assert_nothing_left(server, &before);
}

static void kill_session_process(struct test_server *server, uint64_t *random) {
    pid_t pid = some_session_process(zygote_of(server->pid), random_below(random, 64));
    if (pid) kill(pid, SIGKILL);
}

static void kill_zygote(struct test_server *server, uint64_t *random) {
    (void)random;
    pid_t pid = zygote_of(server->pid);
    if (pid) kill(pid, SIGKILL);
}

static void kill_server(struct test_server *server, uint64_t *random) {
    (void)random;
    kill(server->pid, SIGKILL);
    server_wait(server);
    server_start(server, NULL);
}

static void kill_any(struct test_server *server, uint64_t *random) {
    static void (*const strikes[])(struct test_server *, uint64_t *) = {
        kill_session_process, kill_session_process, kill_zygote, kill_server};
    strikes[random_below(random, 4)](server, random);
}

static void session_processes_die(void **state) {
    kill_all_along(*state, SESSIONS / 4, 50, kill_session_process);
}

static void the_zygote_dies(void **state) {
    kill_all_along(*state, SESSIONS / 4, 8, kill_zygote);
}

static void the_server_dies(void **state) {
    kill_all_along(*state, SESSIONS / 4, 6, kill_server);
}

static void each_of_them_dies(void **state) {
    kill_all_along(*state, SESSIONS / 4, 20, kill_any);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SERVER(session_processes_die),
        ON_SERVER(the_zygote_dies),
        ON_SERVER(the_server_dies),
        ON_SERVER(each_of_them_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
