/* A hero_proc_server in a home of its own, spoken to over its socket. All failures fail the test.
 */
#ifndef HERO_PROC_TESTS_FIXTURE_H
#define HERO_PROC_TESTS_FIXTURE_H

#include <hero_rpc/client.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 20000

struct fixture {
    char home[64], socket[128], state_dir[128];
    pid_t pid;
    struct rpc_client *client;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* NAME=value pairs for the daemon, NULL-terminated; NULL: none. Waits until it answers. */
void fixture_start(struct fixture *fixture, const char *const *variables);
void fixture_kill(struct fixture *fixture);                  /* SIGKILL */
void fixture_shut_down(struct fixture *fixture, bool force); /* and waits for its end */

/* A call; params as JSON text in which "'" stands for a quote, made as printf does. A new
 * reference. */
json_t *call(struct fixture *fixture, const char *method, const char *params, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, thrown away. */
void tell(struct fixture *fixture, const char *method, const char *params, ...)
    __attribute__((format(printf, 3, 4)));
/* One that is refused: the code, and the message, which lasts until the next one. */
int refused(struct fixture *fixture, const char **ret_message, const char *method,
            const char *params, ...) __attribute__((format(printf, 4, 5)));

/* A service with one action of the same name, whose further fields are `action` (begins with a
 * comma or is empty) and `service`. */
void set_service(struct fixture *fixture, const char *name, const char *script, const char *action,
                 const char *service);
json_t *status_of(struct fixture *fixture, const char *name);
/* Borrowed texts do not last; these are copied into one buffer, good until the next call. */
const char *state_of(struct fixture *fixture, const char *name);
const char *why_of(struct fixture *fixture, const char *name);
pid_t pid_of(struct fixture *fixture, const char *name);
void await_state(struct fixture *fixture, const char *name, const char *wanted);
int64_t run_job(struct fixture *fixture, const char *params); /* job.create */
/* Waits until it has ended: the record, a new reference. */
json_t *await_job(struct fixture *fixture, int64_t id);
/* Text of all lines of a source, each ended by a newline; freed by the caller. */
char *lines_of(struct fixture *fixture, const char *source);
void await_line(struct fixture *fixture, const char *source, const char *text);

const char *text_in(const json_t *object, const char *name); /* "" when absent */
int64_t number_in(const json_t *object, const char *name);
bool is_alive(pid_t pid);
void await_gone(pid_t pid);
void pause_ms(int ms);
/* For loops that wait: pauses, and fails the test with `what` when it lasts too long. */
struct patience {
    int64_t until_ms;
};
struct patience patience(void);
void wait_more(const struct patience *patience, const char *what);

#endif
