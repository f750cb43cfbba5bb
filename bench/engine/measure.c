/* measure - runs a program and writes what it used to a file.
 *
 * usage: measure RESULT_FILE PROGRAM [ARG...]
 *
 * The result is one line: user seconds, system seconds, peak resident KiB, exit code (or minus
 * the signal). A small program of its own, because a process inherits the peak memory of the
 * one that started it up to exec: started from Python, everything would seem to need 10 MB.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(struct timeval t) {
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: measure RESULT_FILE PROGRAM [ARG...]\n");
        return 2;
    }
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    int status;
    struct rusage used;
    if (pid < 0 || wait4(pid, &status, 0, &used) < 0) {
        perror("measure");
        return 1;
    }
    FILE *out = fopen(argv[1], "w");
    if (!out) {
        perror(argv[1]);
        return 1;
    }
    fprintf(out, "%.6f %.6f %ld %d\n", seconds(used.ru_utime), seconds(used.ru_stime),
            used.ru_maxrss, WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
    return fclose(out) != 0;
}
