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
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STARTS = 21, ROUNDS = 51 };

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

/* All on one processor: which one the child of a fork begins on costs more than what is measured.
 */
static void stay_on_one_processor(void) {
    cpu_set_t all, one;
    int cpu = 0;
    if (sched_getaffinity(0, sizeof all, &all) < 0) err(2, "sched_getaffinity");
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) < 0) err(2, "sched_setaffinity");
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

static void fork_round(const struct warm *warm, const char *kind, double *ret_first_us,
                       double *ret_whole_us) {
    if (write(warm->in_fd, kind, 1) != 1 ||
        fscanf(warm->out, "%lf %lf", ret_first_us, ret_whole_us) != 2)
        errx(2, "a process failed");
}

static void print_row(const char *name, double bare, double with, const char *unit, double added,
                      const char *added_unit, double max) {
    printf("%-36s %9.1f %9.1f %-4s %+8.1f %-4s", name, bare, with, unit, added, added_unit);
    if (max > 0) printf(" (promised: below %.0f)", max);
    putchar('\n');
}

/* `max` 0: nothing is promised. False: it is not kept. */
static bool row(const char *name, double bare, double with, const char *unit, double max) {
    print_row(name, bare, with, unit, with - bare, unit, max);
    return max <= 0 || with - bare < max;
}

/* Of forks of one kind, by turns: both times, and how much more the second is. */
struct fork_times {
    double bare[ROUNDS], with[ROUNDS], percent[ROUNDS];
};

static void set_times(struct fork_times *times, int round, const double us[2]) {
    times->bare[round] = us[0];
    times->with[round] = us[1];
    times->percent[round] = (us[1] - us[0]) / us[0] * 100;
}

static bool fork_row(const char *name, struct fork_times *times, double max) {
    double percent = median(times->percent, ROUNDS);
    print_row(name, median(times->bare, ROUNDS), median(times->with, ROUNDS), "us", percent, "%",
              max);
    return max <= 0 || percent < max;
}

/* Where the kernel puts a program decides how many pages its children touch: so each round has new
 * processes. Which of them is measured first changes from round to round. */
static bool measure_forks(const char *bare_program, const char *with_program) {
    static struct fork_times first, whole, script;
    struct costs costs;
    for (int i = 0; i < ROUNDS; i++) {
        struct warm warm[2]; /* without and with herolib */
        double first_us[2], whole_us[2], script_us[2], unused;
        start(bare_program, &warm[0], &costs);
        start(with_program, &warm[1], &costs);
        for (int turn = 0; turn < 2; turn++) {
            int which = (turn + i) % 2;
            fork_round(&warm[which], "f", &first_us[which], &whole_us[which]);
            fork_round(&warm[which], "s", &unused, &script_us[which]);
        }
        set_times(&first, i, first_us);
        set_times(&whole, i, whole_us);
        set_times(&script, i, script_us);
        stop(&warm[0]);
        stop(&warm[1]);
    }
    bool is_kept = fork_row("fork, first byte", &first, fork_max_percent);
    is_kept &= fork_row("fork, end", &whole, fork_max_percent);
    fork_row("fork, script, end", &script, 0);
    return is_kept;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: herolib_register BARE WITH\n");
        return 2;
    }
    stay_on_one_processor();
    struct costs bare = measure_starts(argv[1]), with = measure_starts(argv[2]);
    printf("%-36s %9s %9s %-4s %8s\n", "", "rhai", "herolib", "", "added");
    bool is_kept =
        row("engine made, first in a process", bare.first_us, with.first_us, "us", register_max_us);
    row("engine made, later", bare.median_us, with.median_us, "us", 0);
    row("memory held by the engine", bare.engine_kib, with.engine_kib, "KiB", 0);
    is_kept &= row("private memory of the process", bare.private_kib, with.private_kib, "KiB",
                   memory_max_kib);
    is_kept &= measure_forks(argv[1], argv[2]);
    return is_kept ? 0 : 1;
}
