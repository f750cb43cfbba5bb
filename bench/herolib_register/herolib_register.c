/* herolib_register - what all modules of herolib add to an engine and to a fork of it.
 *
 * usage: herolib_register BARE WITH   the two programs of warm_process.c
 *
 * Both are started several times, since an engine is made for the first time only once in a
 * process; then two of them fork by turns. Rows are medians. Exits with 1 when a promise is not
 * kept.
 */
#include "samples.h"

#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STARTS = 21, ROUNDS = 15 };

/* What is promised. */
static const double register_max_us = 300, memory_max_kib = 1024, fork_max_percent = 10;

/* A running program of warm_process.c. */
struct warm {
    pid_t pid;
    FILE *out;
    int in_fd;
};

/* What it says of itself at its start. */
struct costs {
    double first_us, median_us, engine_kib, private_kib;
};

static void start(const char *program, struct warm *ret, struct costs *ret_costs) {
    int ours[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ours) < 0) err(2, "socketpair");
    ret->pid = fork();
    if (ret->pid < 0) err(2, "fork");
    if (ret->pid == 0) {
        dup2(ours[1], STDIN_FILENO);
        dup2(ours[1], STDOUT_FILENO);
        execl(program, program, (char *)NULL);
        err(2, "%s", program);
    }
    close(ours[1]);
    ret->in_fd = ours[0];
    ret->out = fdopen(ours[0], "r");
    double bytes;
    if (!ret->out || fscanf(ret->out, "%lf %lf %lf %lf", &ret_costs->first_us,
                            &ret_costs->median_us, &bytes, &ret_costs->private_kib) != 4)
        errx(2, "%s failed", program);
    ret_costs->engine_kib = bytes / 1024;
}

static void stop(struct warm *warm) {
    shutdown(warm->in_fd, SHUT_WR);
    fclose(warm->out);
    waitpid(warm->pid, NULL, 0);
}

static struct costs measure_starts(const char *program) {
    double values[4][STARTS];
    struct costs costs;
    for (int i = 0; i < STARTS; i++) {
        struct warm warm;
        start(program, &warm, &costs);
        stop(&warm);
        values[0][i] = costs.first_us;
        values[1][i] = costs.median_us;
        values[2][i] = costs.engine_kib;
        values[3][i] = costs.private_kib;
    }
    return (struct costs){median(values[0], STARTS), median(values[1], STARTS),
                          median(values[2], STARTS), median(values[3], STARTS)};
}

static void fork_round(const struct warm *warm, double *ret_first_us, double *ret_whole_us) {
    if (write(warm->in_fd, "x", 1) != 1 ||
        fscanf(warm->out, "%lf %lf", ret_first_us, ret_whole_us) != 2)
        errx(2, "a process failed");
}

/* One row; `max` 0: nothing is promised. False: it is not kept. */
static bool row(const char *name, double bare, double with, const char *unit, bool in_percent,
                double max) {
    double added = in_percent ? (with - bare) / bare * 100 : with - bare;
    printf("%-36s %9.1f %9.1f %-4s %+8.1f %-4s", name, bare, with, unit, added,
           in_percent ? "%" : unit);
    if (max > 0) printf(" (promised: below %.0f)", max);
    putchar('\n');
    return max <= 0 || added < max;
}

static bool measure_forks(const char *bare_program, const char *with_program) {
    double bare_first[ROUNDS], bare_whole[ROUNDS], with_first[ROUNDS], with_whole[ROUNDS];
    struct warm bare, with;
    struct costs costs;
    start(bare_program, &bare, &costs);
    start(with_program, &with, &costs);
    for (int i = 0; i < ROUNDS; i++) {
        fork_round(&bare, &bare_first[i], &bare_whole[i]);
        fork_round(&with, &with_first[i], &with_whole[i]);
    }
    stop(&bare);
    stop(&with);
    bool is_kept = row("fork, script, first byte", median(bare_first, ROUNDS),
                       median(with_first, ROUNDS), "us", true, fork_max_percent);
    is_kept &= row("fork, script, end", median(bare_whole, ROUNDS), median(with_whole, ROUNDS),
                   "us", true, fork_max_percent);
    return is_kept;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: herolib_register BARE WITH\n");
        return 2;
    }
    struct costs bare = measure_starts(argv[1]), with = measure_starts(argv[2]);
    printf("%-36s %9s %9s %-4s %8s\n", "", "rhai", "herolib", "", "added");
    bool is_kept = row("engine made, first in a process", bare.first_us, with.first_us, "us", false,
                       register_max_us);
    row("engine made, later", bare.median_us, with.median_us, "us", false, 0);
    row("memory held by the engine", bare.engine_kib, with.engine_kib, "KiB", false, 0);
    is_kept &= row("private memory of the process", bare.private_kib, with.private_kib, "KiB",
                   false, memory_max_kib);
    is_kept &= measure_forks(argv[1], argv[2]);
    return is_kept ? 0 : 1;
}
