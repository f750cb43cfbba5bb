/* sandbox.h - the fixture in a directory of its own, which is the working directory and is deleted
 * at the end, so that scripts of tests use short relative paths. */
#ifndef HEROLIB_OS_TESTS_SANDBOX_H
#define HEROLIB_OS_TESTS_SANDBOX_H

#include "os/copy.h"
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char sandbox[64];

static int sandbox_set_up(void **state) {
    snprintf(sandbox, sizeof sandbox, "/tmp/herolib-os-XXXXXX");
    if (!mkdtemp(sandbox) || chdir(sandbox) < 0) return -1;
    return fixture_set_up(state);
}

static int sandbox_tear_down(void **state) {
    struct fixture *f = *state;
    struct copy_error err;
    /* A stop that a test has made would stop this as well. */
    if (f->session.stop_fd >= 0) close(f->session.stop_fd);
    f->session.stop_fd = -1;
    int failed = chdir("/") < 0 ? -1 : delete_tree(&f->session, sandbox, &err);
    return fixture_tear_down(state) < 0 || failed ? -1 : 0;
}

/* Runs a line of the shell in the sandbox, to prepare it or to look at it. */
static inline void sandbox_shell(const char *line) {
    if (system(line) != 0) fail_msg("failed: %s", line);
}

#define SANDBOX_CASE(name) cmocka_unit_test_setup_teardown(name, sandbox_set_up, sandbox_tear_down)
/* What a script catches. */
#define CAUGHT(script) "let m = \"nothing\"; try { " script " } catch (e) { m = e; } m"

#endif
