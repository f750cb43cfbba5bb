/* place.h - a home of its own with a server in it, and the command line run there. */
#ifndef CLI_TESTS_PLACE_H
#define CLI_TESTS_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PLACE_PATH_BYTES 128

struct place {
    char home[PLACE_PATH_BYTES / 2];
    pid_t server; /* 0: not started */
};

/* A fresh home in a directory without a server. */
void place_open(struct place *place);
/* Starts the server and returns when it says that it is well. */
void place_start_server(struct place *place);
/* Ends the server and removes the home. */
void place_close(struct place *place);

/* The path of a file in the home. */
const char *place_path(const struct place *place, const char *name, char path[PLACE_PATH_BYTES]);
void place_write(const struct place *place, const char *name, const char *text);
char *place_read(const struct place *place, const char *name); /* the caller frees it */

/* How a command ended. */
struct outcome {
    int code;        /* exit code; 128 + signal */
    char *out, *err; /* what it wrote */
};
void outcome_done(struct outcome *outcome);

/* Starts the command line with arguments up to NULL. Standard input is the file "input" of the
 * home if there is one, else /dev/null; standard output goes to `out_fd`, or to the file "out" when
 * it is negative; standard error to the file "err", or with place_start_both to `out_fd` too. */
pid_t place_start(const struct place *place, int out_fd, const char *const *argv);
pid_t place_start_both(const struct place *place, int out_fd, const char *const *argv);
/* Runs it to its end. */
#define place_run(place, outcome, ...)                                                             \
    place_run_argv((place), (outcome), (const char *const[]){"hero_runner_rhai", __VA_ARGS__, NULL})
void place_run_argv(const struct place *place, struct outcome *ret, const char *const *argv);
/* Waits for its end, 20 s at most. */
int place_wait(pid_t pid);

#endif
