#include "terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

terminal terminal_open(const char *dir, const char *const *argv) {
    terminal t = {.fd = -1};
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    t.pid = forkpty(&t.fd, NULL, NULL, &size);
    assert_true(t.pid >= 0);
    if (t.pid == 0) {
        setenv("HOME", dir, 1);
        setenv("TERM", "xterm", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        unsetenv("XDG_STATE_HOME");
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return t;
}

void terminal_await(terminal *t, const char *wanted) {
    for (;;) {
        t->text[t->len] = '\0';
        char *found = strstr(t->text + t->seen, wanted);
        if (found) {
            t->seen = (size_t)(found - t->text) + strlen(wanted);
            return;
        }
        struct pollfd p = {.fd = t->fd, .events = POLLIN};
        ssize_t n = -1;
        if (poll(&p, 1, 20000) == 1) n = read(t->fd, t->text + t->len, sizeof t->text - 1 - t->len);
        if (n <= 0) {
            kill(t->pid, SIGKILL);
            fail_msg("no '%s' in:\n%s", wanted, t->text + t->seen);
        }
        t->len += (size_t)n;
    }
}

void terminal_type(terminal *t, const char *keys) {
    assert_int_equal(write(t->fd, keys, strlen(keys)), strlen(keys));
}

void terminal_close(terminal *t) {
    int status;
    char rest[256];
    terminal_type(t, "\4");
    while (read(t->fd, rest, sizeof rest) > 0)
        continue;
    assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(t->fd);
}
