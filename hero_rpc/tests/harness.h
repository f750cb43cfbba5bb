/*
 * What the tests share: a home of their own, a server on its own thread, and a client that speaks
 * raw bytes. Nothing waits for time to pass: tests wait for the event itself, with a limit after
 * which they fail.
 */
#ifndef HERO_RPC_TESTS_HARNESS_H
#define HERO_RPC_TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hero_rpc/client.h"
#include "hero_rpc/http_server.h"
#include "hero_rpc/service.h"
#include "hero_rpc/stream.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#define WAIT_LIMIT_S 20

/* A directory under /tmp, set as HOME, with none of the directory variables set. */
struct home {
    char path[64];
};
void home_make(struct home *home);
void home_remove(struct home *home);

struct fixture {
    struct home home;
    char socket[128];
    struct event_base *base;
    struct rpc_server *server;
    struct rpc_service *service;
    pthread_t thread;
    struct event *job_event;
    int job_fd;
    void (*job)(void *ctx); /* NULL: end the loop */
    void *job_ctx;
    sem_t job_done;
    sem_t signalled; /* posted by the test's own handlers */
    sem_t problem;   /* posted with each on_problem */
    char problem_text[512];
};

/* Makes home and server with <home>/rpc.sock; `add_routes` (may be NULL) runs before the loop
 * starts. config may be NULL. */
void fixture_start(struct fixture *f, const struct rpc_server_config *config,
                   void (*add_routes)(struct fixture *f));
void fixture_stop(struct fixture *f);
/* Runs a function on the server's thread and waits for it. */
void fixture_run(struct fixture *f, void (*job)(void *ctx), void *ctx);
/* Waits for sem_post; fails the test after WAIT_LIMIT_S. */
void wait_for(sem_t *semaphore);

int connect_to(const char *socket_path);
void send_bytes(int fd, const char *bytes, size_t len);
void send_text(int fd, const char *text);
/* Sends POST <target> with a body on an open connection. headers: further ones, each with its line
 * end, or "". */
void send_post(int fd, const char *target, const char *headers, const char *body);
/* Reads until `text` has come, and returns all that was read; the caller frees. NULL at an early
 * end. */
char *read_until(int fd, const char *text);
/* Reads until the peer closes. */
char *read_all(int fd);

struct answer {
    int status; /* 0: the connection ended without an answer */
    char headers[4096];
    char *body; /* NUL-terminated */
    size_t len;
};
void answer_done(struct answer *answer);
/* Reads one answer with a Content-Length (or without a body). */
void read_answer(int fd, struct answer *ret_answer);
/* One request on a connection of its own. body: for POST. */
void http(const char *socket_path, const char *method, const char *target, const char *body,
          struct answer *ret_answer);
/* The body of POST /rpc as JSON; the caller frees. Fails the test when it is none. */
json_t *post_rpc(const char *socket_path, const char *body);

#endif
