/*
 * A dashboard server of its own, with a home of its own, and a runner that the test plays: it
 * listens on rpc.sock, and the test reads requests and writes answers byte by byte. Everything
 * waits for the event itself, with a limit after which the test fails.
 */
#ifndef UI_TESTS_PLACE_H
#define UI_TESTS_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/types.h>

#define WAIT_LIMIT_MS 20000

struct place {
    char home[64];
    char ui_socket[128], runner_socket[128];
    pid_t ui;
    int port;   /* of --listen; 0: none */
    int runner; /* listening descriptor, -1: down */
    int early;  /* a connection that came before the one waited for, with its request; -1: none */
    char *early_request;
};

/* Makes a home. */
void place_init(struct place *place);
void place_done(struct place *place);
/* Starts the server with these options (NULL-terminated) and variables ("NAME=value", likewise;
 * may be NULL) and waits until it listens. */
void place_start(struct place *place, const char *const *options, const char *const *variables);
/* The runner begins to listen, or ends. */
void runner_up(struct place *place);
void runner_down(struct place *place);
/* The next connection whose request begins with `start` ("POST /rpc"), in whatever order two come;
 * probes of the runner's health are answered. *ret_request (freed by the caller, may be NULL) is what was sent,
 * its body included. */
int runner_accept(struct place *place, const char *start, char **ret_request);
void send_text(int fd, const char *text);

int dial_ui(const struct place *place);
int dial_tcp(const struct place *place);
/* Reads until `text` has come (NULL: to the end); the caller frees. What was read without it when
 * the connection ended. */
char *read_until(int fd, const char *text);
/* Whether the peer closes within the limit; reads and drops what it sends. */
bool is_closed_by_peer(int fd);
/* A request, the whole answer, and the end of the connection. The caller frees. */
char *talk(int fd, const char *request);
/* Both over the Unix socket. headers: lines with their ends. */
char *get(const struct place *place, const char *target, const char *headers);
char *post_rpc(const struct place *place, const char *body);

int64_t now_ms(void);
#define assert_contains(text, part) assert_contains_(text, part, __FILE__, __LINE__)
void assert_contains_(const char *text, const char *part, const char *file, int line);

#endif
