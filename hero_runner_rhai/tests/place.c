#include "tests/place.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 20000

const char *place_path(const struct place *place, const char *name, char path[PLACE_PATH_BYTES]) {
    assert_in_range(snprintf(path, PLACE_PATH_BYTES, "%s/%s", place->home, name), 1,
                    PLACE_PATH_BYTES - 1);
    return path;
}

void place_write(const struct place *place, const char *name, const char *text) {
    char path[PLACE_PATH_BYTES];
    FILE *file = fopen(place_path(place, name, path), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

char *place_read(const struct place *place, const char *name) {
    char path[PLACE_PATH_BYTES], *text = NULL;
    size_t size = 0;
    FILE *file = fopen(place_path(place, name, path), "re");
    assert_non_null(file);
    ssize_t len = getdelim(&text, &size, '\0', file);
    fclose(file);
    if (len < 0) {
        free(text);
        text = strdup("");
    }
    return text;
}

/* ---- Programs --------------------------------------------------------------------------- */

static int open_input(const struct place *place) {
    char path[PLACE_PATH_BYTES];
    int fd = open(place_path(place, "input", path), O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int open_output(const struct place *place, const char *name) {
    char path[PLACE_PATH_BYTES];
    return open(place_path(place, name, path), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
}

/* Nothing of the caller's environment that says where sockets are may get through. */
static _Noreturn void become(const struct place *place, const char *program,
                             const char *const *argv) {
    char home[PLACE_PATH_BYTES], path[4096];
    const char *no_color = getenv("NO_COLOR");
    snprintf(home, sizeof home, "HOME=%s", place->home);
    snprintf(path, sizeof path, "PATH=%s", getenv("PATH"));
    char *const env[] = {home,
                         path,
                         (char[]){"TZ=UTC"},
                         (char[]){"LANG=C.UTF-8"},
                         no_color ? (char[]){"NO_COLOR=1"} : NULL,
                         NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execve(program, (char *const *)(uintptr_t)argv, env);
    _exit(126);
}

static pid_t start(const struct place *place, int out_fd, int err_fd, const char *const *argv) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    dup2(open_input(place), STDIN_FILENO);
    dup2(out_fd >= 0 ? out_fd : open_output(place, "out"), STDOUT_FILENO);
    dup2(err_fd >= 0 ? err_fd : open_output(place, "err"), STDERR_FILENO);
    become(place, CLI_PROGRAM, argv);
}

pid_t place_start(const struct place *place, int out_fd, const char *const *argv) {
    return start(place, out_fd, -1, argv);
}

pid_t place_start_both(const struct place *place, int out_fd, const char *const *argv) {
    return start(place, out_fd, out_fd, argv);
}

int place_wait(pid_t pid) {
    int status, pidfd = pidfd_open(pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    assert_true(pidfd >= 0);
    if (poll(&ended, 1, WAIT_MS) != 1) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        fail_msg("a command does not end");
    }
    close(pidfd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void place_run_argv(const struct place *place, struct outcome *ret, const char *const *argv) {
    int code = place_wait(place_start(place, -1, argv));
    *ret = (struct outcome){code, place_read(place, "out"), place_read(place, "err")};
}

void outcome_done(struct outcome *outcome) {
    free(outcome->out);
    free(outcome->err);
    *outcome = (struct outcome){0};
}

/* ---- The server ------------------------------------------------------------------------- */

void place_open(struct place *place) {
    *place = (struct place){0};
    strcpy(place->home, "/tmp/hero_cli_XXXXXX");
    assert_non_null(mkdtemp(place->home));
}

void place_start_server(struct place *place) {
    const char *const argv[] = {"hero_runner_rhai_server", NULL};
    place->server = fork();
    assert_true(place->server >= 0);
    if (place->server == 0) {
        int log = open_output(place, "server.log");
        dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        become(place, SERVER_PROGRAM, argv);
    }
    for (int tries = 0; tries < 1000; tries++) {
        struct outcome outcome;
        place_run(place, &outcome, "status");
        int code = outcome.code;
        outcome_done(&outcome);
        if (code == 0) return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    fail_msg("the server does not become healthy; its log:\n%s", place_read(place, "server.log"));
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

void place_close(struct place *place) {
    if (place->server > 0) {
        kill(place->server, SIGTERM);
        place_wait(place->server);
    }
    nftw(place->home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
