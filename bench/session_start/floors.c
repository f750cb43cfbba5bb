#include "floors.h"

#include <err.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_byte(int fd) {
    if (write(fd, "x", 1) != 1) err(2, "write");
}

static void read_byte(int fd) {
    char byte;
    if (read(fd, &byte, 1) != 1) err(2, "read");
}

static pid_t fork_child(void) {
    pid_t pid = fork();
    if (pid < 0) err(2, "fork");
    return pid;
}

static void wait_for(pid_t pid) {
    if (waitpid(pid, NULL, 0) != pid) err(2, "waitpid");
}

/* Forks a child that writes one byte into the pipe and exits, and reads that byte. */
static pid_t fork_and_read(const int ends[2]) {
    pid_t pid = fork_child();
    if (pid == 0) {
        write_byte(ends[1]);
        _exit(0);
    }
    read_byte(ends[0]);
    return pid;
}

void floor_fork(struct samples *samples, size_t count) {
    int ends[2];
    if (pipe(ends) < 0) err(2, "pipe");
    for (size_t i = 0; i < count; i++) {
        double begin = now_us();
        pid_t pid = fork_and_read(ends);
        samples_add(samples, now_us() - begin);
        wait_for(pid);
    }
    close(ends[0]);
    close(ends[1]);
}

void floor_parked(struct samples *samples, size_t count, unsigned pause_us) {
    for (size_t i = 0; i < count; i++) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) err(2, "socketpair");
        pid_t pid = fork_child();
        if (pid == 0) {
            write_byte(ends[1]); /* says that it is there */
            read_byte(ends[1]);
            write_byte(ends[1]);
            _exit(0);
        }
        read_byte(ends[0]);
        if (pause_us) usleep(pause_us);
        double begin = now_us();
        write_byte(ends[0]);
        read_byte(ends[0]);
        samples_add(samples, now_us() - begin);
        wait_for(pid);
        close(ends[0]);
        close(ends[1]);
    }
}

double floor_fork_rate(double seconds) {
    int ends[2];
    if (pipe(ends) < 0) err(2, "pipe");
    double begin = now_us(), now;
    size_t done = 0;
    do {
        wait_for(fork_and_read(ends));
        done++;
        now = now_us();
    } while (now - begin < seconds * 1e6);
    close(ends[0]);
    close(ends[1]);
    return (double)done / (now - begin) * 1e6;
}
