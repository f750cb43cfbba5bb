/* A store in a fresh directory, and calls that wait for their completion. */
#ifndef STORE_TESTS_FIXTURE_H
#define STORE_TESTS_FIXTURE_H

#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    char dir[64];
    struct store_config config;
    struct store *store;
    struct store_sessions *interrupted; /* by the last opening */
};

/* cmocka's set-up and tear-down: *state is the fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_reopen(struct fixture *fixture);

/* The id of session n. */
const char *id_of(unsigned n);
/* A pending session; the struct and what it points to live until the next call. */
struct store_session *pending_session(unsigned n);

/* Each posts, waits, and returns the completion's status. */
int insert(struct fixture *fixture, unsigned n, int64_t *ret_row);
int insert_as(struct fixture *fixture, const struct store_session *session,
              const struct store_request *request, int64_t *ret_row);
int end(struct fixture *fixture, int64_t row, const char *status);
int end_with(struct fixture *fixture, int64_t row, const struct store_session *session,
             const char *value, struct store_lines *lines);
int append(struct fixture *fixture, struct store_lines *lines);
int delete (struct fixture *fixture, const char *id);
/* NULL when there is none; the caller frees. */
struct store_record *get(struct fixture *fixture, const char *id);
struct store_sessions *list(struct fixture *fixture, const struct store_query *query);
struct store_log_page *read_log(struct fixture *fixture, const struct store_log_query *query);

/* Lines `first` to `last` of session n, as line_text makes them. */
struct store_lines *make_lines(int64_t row, unsigned n, uint64_t first, uint64_t last);
/* Lengths between 0 and 200, any bytes; from the number alone. */
size_t line_text(uint64_t seq, char out[256]);
uint64_t line_time(uint64_t seq);
uint8_t line_stream(uint64_t seq);
void assert_is_line(const struct store_log_line *line, uint64_t seq);

/* Runs the loop until *done, for ten seconds at most. */
void wait_for(struct fixture *fixture, const bool *done);
/* Runs it until a condition on the stats holds. */
void wait_for_stats(struct fixture *fixture, bool (*holds)(const struct store_stats *stats));

#endif
