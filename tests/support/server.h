/* A real server with a home directory of its own. */
#ifndef TESTS_SUPPORT_SERVER_H
#define TESTS_SUPPORT_SERVER_H

#include <hero_runner_rhai_sdk/runner.h>

struct test_server {
    char home[64];
    char socket[128];
    pid_t pid; /* 0: not running */
    struct runner *runner;
    /* For tests that make the server's life harder; both may be left out. */
    void (*prepare)(const struct test_server *server); /* in its process, before exec */
    const char *variables[8];                          /* "NAME=value", besides the usual ones */
};

/* Makes a home. The server is started by server_start. */
void server_init(struct test_server *server);
/* Stops the server if it runs and removes the home. */
void server_done(struct test_server *server);

/* Starts it with these further options (NULL-terminated; NULL: none) and waits until it is healthy.
 * All failures fail the test. */
void server_start(struct test_server *server, const char *const *options);
/* SIGTERM; returns the exit code, -1 when it died otherwise. */
int server_stop(struct test_server *server);
/* Waits for a server that was killed. */
void server_wait(struct test_server *server);
pid_t server_zygote(struct test_server *server);
/* What the server wrote to its log, freed with free(). */
char *server_log(const struct test_server *server);

/* A second client, for another thread. */
struct runner *server_client(const struct test_server *server);

/* Shorthands that fail the test when the call fails. */
void start_session(struct test_server *server, const char *script, char ret_id[RUNNER_ID_BYTES]);
void run_session(struct test_server *server, const char *script, struct runner_session *ret_session,
                 struct runner_result *ret_result);
void get_session(struct test_server *server, const char *id, struct runner_session *ret_session);
/* Waits for the end; its final state. */
void await_end(struct test_server *server, const char *id, struct runner_session *ret_session);
/* Waits for so many lines. */
void await_lines(struct test_server *server, const char *id, uint64_t count);

/* cmocka set-up and tear-down: *state is a struct test_server * of a running server. */
int setup_server(void **state);
int teardown_server(void **state);

#endif
