#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What goes wrong here is the machine's fault, not the tested program's. */
static void __attribute__((noreturn)) give_up(const char *what) {
    perror(what);
    abort();
}

/* ---- Sandbox ------------------------------------------------------------------------------ */

void sandbox_init(sandbox *s) {
    const char *base = getenv("TMPDIR");
    *s = (sandbox){0};
    snprintf(s->dir, sizeof s->dir, "%s/rhai-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(s->dir)) give_up("mkdtemp");
}

static void forget_last(sandbox *s) {
    free(s->last.out);
    free(s->last.err);
    s->last = (ran){0};
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void sandbox_done(sandbox *s) {
    forget_last(s);
    nftw(s->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int sandbox_set_up(void **state) {
    static sandbox s;
    sandbox_init(&s);
    *state = &s;
    return 0;
}

int sandbox_tear_down(void **state) {
    sandbox_done(*state);
    return 0;
}

static void make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST) give_up(path);
        *slash = '/';
    }
}

void sandbox_write(sandbox *s, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    make_folders(path);
    FILE *out = fopen(path, "we");
    if (!out || fputs(text, out) < 0 || fclose(out) != 0) give_up(path);
}

static char *read_fd(int fd) {
    char *text = NULL, buffer[4096];
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    ssize_t n;
    /* The reading end of a pseudo-terminal says EIO when the other side is closed. */
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, (size_t)n, to);
    fclose(to);
    return text;
}

char *sandbox_read(sandbox *s, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) give_up(path);
    char *text = read_fd(fd);
    close(fd);
    return text;
}

/* ---- Programs ----------------------------------------------------------------------------- */

static int open_file(const sandbox *s, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) give_up(path);
    return fd;
}

static pid_t start(const sandbox *s, const char *const *argv, int in, int out, int err) {
    pid_t pid = fork();
    if (pid < 0) give_up("fork");
    if (pid > 0) return pid;
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (chdir(s->dir) == 0) {
        /* execv's argument is not const for history's sake only. */
        char **arguments;
        memcpy(&arguments, &argv, sizeof arguments);
        execv(argv[0], arguments);
    }
    perror(argv[0]);
    _exit(127);
}

static int wait_for_end(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) give_up("waitpid");
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Input and output are files, so that no side ever waits for the other. */
const ran *run_program(sandbox *s, const char *const *argv, const char *input) {
    forget_last(s);
    int in = open_file(s, ".in"), out = open_file(s, ".out"), err = open_file(s, ".err");
    size_t len = input ? strlen(input) : 0;
    if (len && pwrite(in, input, len, 0) != (ssize_t)len) give_up("write");
    s->last.code = wait_for_end(start(s, argv, in, out, err));
    close(in);
    close(out);
    close(err);
    s->last.out = sandbox_read(s, ".out");
    s->last.err = sandbox_read(s, ".err");
    return &s->last;
}

const ran *run_program_on_terminal(sandbox *s, const char *const *argv) {
    forget_last(s);
    int in = open_file(s, ".in"), out = open_file(s, ".out"), ours, theirs;
    if (openpty(&ours, &theirs, NULL, NULL, NULL) < 0) give_up("openpty");
    pid_t pid = start(s, argv, in, out, theirs);
    close(theirs);
    close(in);
    close(out);
    s->last.err = read_fd(ours);
    s->last.code = wait_for_end(pid);
    close(ours);
    s->last.out = sandbox_read(s, ".out");
    return &s->last;
}
