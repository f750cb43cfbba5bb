/* Reading script files: every job comes to an end, also that which the server's end meets. */
#include "server/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define JOBS 300

struct counts {
    unsigned read, stopped;
};

struct fixture {
    char root[64], path[80];
    struct event_base *base;
    struct files *files;
    struct counts counts;
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct rpc_error err = {0};
    strcpy(fixture->root, "/tmp/files_test.XXXXXX");
    if (!mkdtemp(fixture->root)) return -1;
    snprintf(fixture->path, sizeof fixture->path, "%s/a.rhai", fixture->root);
    FILE *file = fopen(fixture->path, "we");
    fputs("40 + 2", file);
    fclose(file);
    fixture->base = event_base_new();
    fixture->files = files_new(fixture->base, fixture->root, &err);
    *state = fixture;
    return fixture->files ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    files_free(fixture->files);
    event_base_free(fixture->base);
    unlink(fixture->path);
    rmdir(fixture->root);
    free(fixture);
    return 0;
}

static void on_done(void *ctx, struct files_script *script) {
    struct counts *counts = ctx;
    if (script->is_stopped) {
        counts->stopped++;
        assert_null(script->text);
        assert_null(script->dir);
    } else {
        counts->read++;
        assert_memory_equal(script->text, "40 + 2", 6);
        free(script->text);
        free(script->dir);
    }
}

static void a_script_is_read(void **state) {
    struct fixture *fixture = *state;
    assert_non_null(files_read(fixture->files, "a.rhai", on_done, &fixture->counts));
    while (fixture->counts.read == 0)
        event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_int_equal(fixture->counts.stopped, 0);
}

static void jobs_that_the_end_meets_are_told(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < JOBS; i++)
        assert_non_null(files_read(fixture->files, "a.rhai", on_done, &fixture->counts));
    files_free(fixture->files);
    fixture->files = NULL;
    assert_int_equal(fixture->counts.stopped, JOBS); /* the loop has not run */
    assert_int_equal(fixture->counts.read, 0);
}

static void but_not_those_that_were_given_up(void **state) {
    struct fixture *fixture = *state;
    struct files_job *job = files_read(fixture->files, "a.rhai", on_done, &fixture->counts);
    files_give_up(job);
    files_free(fixture->files);
    fixture->files = NULL;
    assert_int_equal(fixture->counts.stopped, 0);
}

#define CASE(TEST) cmocka_unit_test_setup_teardown(TEST, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_script_is_read),
        CASE(jobs_that_the_end_meets_are_told),
        CASE(but_not_those_that_were_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
