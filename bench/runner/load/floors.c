/* What the machine can do without any server: "name value" lines. */
#include "load.h"

#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_UP 200
#define SAMPLES 2000
#define SPAWNS 300
#define FORK_LOOP_NS 1500000000L
#define LINE_BYTES 80
#define LINES_PER_WRITE 64

extern char **environ;

void print_stamps(long count, long ms_even, long ms_odd) {
    for (long i = 0; i < count; i++) {
        printf("T %ld\n", now_ns());
        fflush(stdout);
        sleep_ns((i % 2 ? ms_odd : ms_even) * 1000000);
    }
}

void hold_sleepers(long count) {
    for (long i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid < 0) die("fork");
        if (pid > 0) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}

/* A child that writes one byte, forked for it or waiting for it. Returns the microseconds. */
static double fork_once(bool is_parked) {
    int pair[2];
    char byte = 'x';
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) die("socketpair");
    long begin = now_ns();
    pid_t pid = fork();
    if (pid == 0) {
        if (is_parked && read(pair[1], &byte, 1) != 1) _exit(1);
        _exit(write(pair[1], &byte, 1) != 1);
    }
    if (is_parked) {
        sleep_ns(200000);
        begin = now_ns();
        if (write(pair[0], &byte, 1) != 1) die("write");
    }
    if (read(pair[0], &byte, 1) != 1) die("read");
    double us = (double)(now_ns() - begin) / 1e3;
    close(pair[0]);
    close(pair[1]);
    waitpid(pid, NULL, 0);
    return us;
}

static void measure_forks(const char *name, bool is_parked) {
    for (int i = 0; i < WARM_UP + SAMPLES; i++) {
        double us = fork_once(is_parked);
        if (i >= WARM_UP) printf("%s %.1f\n", name, us);
        if (!is_parked) sleep_ns(300000);
    }
}

/* To its first byte, or to its end. */
static void measure_spawn(const char *name, char *const argv[], bool is_to_first_byte) {
    for (int i = 0; i < SPAWNS; i++) {
        int ends[2];
        char buffer[64];
        if (pipe(ends)) die("pipe");
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
        posix_spawn_file_actions_addclose(&actions, ends[0]);
        pid_t pid;
        long begin = now_ns(), end = 0;
        int error = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
        close(ends[1]);
        if (!error && is_to_first_byte && read(ends[0], buffer, sizeof buffer) > 0) end = now_ns();
        if (!error) waitpid(pid, NULL, 0);
        if (!error && !is_to_first_byte) end = now_ns();
        if (end) printf("%s %.1f\n", name, (double)(end - begin) / 1e3);
        close(ends[0]);
        posix_spawn_file_actions_destroy(&actions);
        sleep_ns(500000);
    }
}

/* Connects, sends 100 bytes and reads them back. */
static void measure_echo(const char *name, int family) {
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool is_local = family == AF_UNIX;
    socklen_t len = is_local ? sizeof local : sizeof loopback;
    void *address = is_local ? (void *)&local : (void *)&loopback;
    char where[128], buffer[128] = {0};
    int listener = socket(family, SOCK_STREAM, 0);
    snprintf(local.sun_path, sizeof local.sun_path, "/tmp/load-echo-%d", (int)getpid());
    if (bind(listener, address, len) || listen(listener, 64)) die("listen");
    getsockname(listener, address, &len);
    if (is_local)
        snprintf(where, sizeof where, "unix:%s", local.sun_path);
    else
        snprintf(where, sizeof where, "tcp:%d", ntohs(loopback.sin_port));
    options.address = where;
    pid_t pid = fork();
    while (pid == 0) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) _exit(0);
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got > 0) got = write(fd, buffer, (size_t)got);
        close(fd);
    }
    for (int i = 0; i < WARM_UP + SAMPLES; i++) {
        long begin = now_ns();
        int fd = dial();
        if (write(fd, buffer, 100) != 100 || read(fd, buffer, sizeof buffer) != 100) die("echo");
        if (i >= WARM_UP) printf("%s %.1f\n", name, (double)(now_ns() - begin) / 1e3);
        close(fd);
        sleep_ns(500000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(listener);
    if (is_local) unlink(local.sun_path);
}

/* Lines per second over a socket pair. */
static void measure_writes(const char *name, long total, long batch) {
    static char lines[LINE_BYTES * LINES_PER_WRITE], buffer[256 * 1024];
    int pair[2];
    memset(lines, 'x', sizeof lines);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) die("socketpair");
    long begin = now_ns(), got = 0;
    pid_t pid = fork();
    if (pid == 0) {
        for (long i = 0; i < total; i += batch)
            if (write(pair[1], lines, (size_t)(LINE_BYTES * batch)) < 0) _exit(1);
        _exit(0);
    }
    while (got < total * LINE_BYTES) {
        ssize_t part = read(pair[0], buffer, sizeof buffer);
        if (part <= 0) break;
        got += part;
    }
    printf("%s %.0f\n", name, (double)total / ((double)(now_ns() - begin) / 1e9));
    waitpid(pid, NULL, 0);
    close(pair[0]);
    close(pair[1]);
}

/* Fork, write, exit, wait, in so many loops at the same time. */
static void measure_fork_rate(const char *name, int loops) {
    int ends[2];
    long total = 0, count = 0;
    if (pipe(ends)) die("pipe");
    for (int i = 0; i < loops; i++) {
        if (fork() != 0) continue;
        long end = now_ns() + FORK_LOOP_NS;
        for (; now_ns() < end; count++)
            fork_once(false);
        _exit(write(ends[1], &count, sizeof count) != sizeof count);
    }
    for (int i = 0; i < loops; i++) {
        if (read(ends[0], &count, sizeof count) == sizeof count) total += count;
        wait(NULL);
    }
    printf("%s %.0f\n", name, (double)total / ((double)FORK_LOOP_NS / 1e9));
    close(ends[0]);
    close(ends[1]);
}

static void measure_trickle(void) {
    int ends[2];
    if (pipe(ends)) die("pipe");
    if (fork() == 0) {
        dup2(ends[1], 1);
        print_stamps(60, 30, 50);
        _exit(0);
    }
    close(ends[1]);
    FILE *file = fdopen(ends[0], "r");
    char line[64];
    while (fgets(line, sizeof line, file))
        printf("trickle %.1f\n", (double)(now_ns() - atol(line + 2)) / 1e3);
    wait(NULL);
    fclose(file);
}

void measure_floors(void) {
    char *const argv_true[] = {(char[]){"/bin/true"}, NULL};
    char *const argv_lua[] = {(char[]){"/usr/bin/lua5.4"}, (char[]){"-e"},
                              (char[]){"print('hello-7')"}, NULL};
    setvbuf(stdout, NULL, _IOLBF, 0);
    measure_forks("fork", false);
    measure_forks("parked", true);
    measure_spawn("true", argv_true, false);
    measure_spawn("lua", argv_lua, true);
    measure_echo("uds_echo", AF_UNIX);
    measure_echo("tcp_echo", AF_INET);
    measure_trickle();
    measure_fork_rate("fork_rate_1", 1);
    measure_fork_rate("fork_rate_2", 2);
    for (int i = 0; i < 3; i++) {
        measure_writes("write80", 1000000, 1);
        measure_writes("write80x64", 10000000, LINES_PER_WRITE);
    }
}
