/*
 * bench_session_start - how soon a session runs, and how many run in a second.
 *
 * usage: bench_session_start [--rounds N] [--no-assert] SOCKET
 *
 * SOCKET is that of a running hero_runner_rhai_server; run.sh starts one. All rows are measured in
 * turn in each round, so that a change of the machine's speed meets all of them; what is printed
 * is the median of the rounds. Exits with 1 when a target is missed, with 2 when something fails.
 */
#include "floors.h"
#include "sessions.h"

#include <err.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS 7
#define ROUNDS_MAX 100
#define LATENCY_COUNT 400 /* samples of a row in a round */
#define PAUSED_COUNT 100
#define PAUSE_US 5000
#define WARM_UP_COUNT 200
#define RATE_SECONDS 0.5

enum latency_row {
    FORK,
    PARKED,
    PARKED_PAUSED,
    CALL,
    START_TO_ID,
    START_TO_LINE,
    RUN,
    RUN_PAUSED,
    LATENCY_ROWS
};

static const char *const latency_names[LATENCY_ROWS] = {
    [FORK] = "control: bare fork + 1 byte",
    [PARKED] = "control: parked child + 1 byte",
    [PARKED_PAUSED] = "  the same, 5 ms apart",
    [CALL] = "control: a call without a session (health)",
    [START_TO_ID] = "session_start: write to its answer, the id",
    [START_TO_LINE] = "session_start: write to first line at a subscriber *",
    [RUN] = "session_run: write to whole answer",
    [RUN_PAUSED] = "  the same, 5 ms apart",
};

/* `at_once` 0: the control row. */
static const struct {
    const char *name;
    unsigned at_once;
} rate_rows[] = {
    {"control: bare fork + write + exit + wait", 0},
    {"session_run, 1 at a time", 1},
    {"session_run, 2 at a time", 2},
    {"session_run, 4 at a time", 4},
    {"session_run, 8 at a time", 8},
};
#define RATE_ROWS (sizeof rate_rows / sizeof *rate_rows)

struct round {
    struct percentiles latency[LATENCY_ROWS];
    double rate[RATE_ROWS];
};

static void run_round(const char *socket_path, struct round *ret_round) {
    static struct samples samples[LATENCY_ROWS];
    floor_fork(&samples[FORK], LATENCY_COUNT);
    floor_parked(&samples[PARKED], LATENCY_COUNT, 0);
    floor_parked(&samples[PARKED_PAUSED], PAUSED_COUNT, PAUSE_US);
    sessions_measure_call(socket_path, &samples[CALL], LATENCY_COUNT);
    sessions_measure_start(socket_path, &samples[START_TO_ID], &samples[START_TO_LINE],
                           LATENCY_COUNT);
    sessions_measure_run(socket_path, &samples[RUN], LATENCY_COUNT, 0);
    sessions_measure_run(socket_path, &samples[RUN_PAUSED], PAUSED_COUNT, PAUSE_US);
    for (size_t i = 0; i < LATENCY_ROWS; i++)
        ret_round->latency[i] = samples_take_percentiles(&samples[i]);
    for (size_t i = 0; i < RATE_ROWS; i++) {
        unsigned at_once = rate_rows[i].at_once;
        ret_round->rate[i] = at_once ? sessions_run_rate(socket_path, at_once, RATE_SECONDS)
                                     : floor_fork_rate(RATE_SECONDS);
    }
}

/* The median of one number of each round, which is `offset` bytes into the round. */
static double median_of(const struct round *rounds, size_t count, size_t offset) {
    double numbers[ROUNDS_MAX];
    for (size_t i = 0; i < count; i++)
        numbers[i] = *(const double *)(const void *)((const char *)&rounds[i] + offset);
    return median(numbers, count);
}

static struct round median_round(const struct round *rounds, size_t count) {
    struct round result;
    for (size_t at = 0; at < sizeof result; at += sizeof(double))
        *(double *)(void *)((char *)&result + at) = median_of(rounds, count, at);
    return result;
}

static void print_machine(void) {
    double load[3] = {0};
    getloadavg(load, 3);
    printf("%ld CPUs, load average %.2f %.2f %.2f", sysconf(_SC_NPROCESSORS_ONLN), load[0], load[1],
           load[2]);
}

static void print_table(const struct round *result) {
    printf("\n%-54s %8s %8s %8s\n", "latency, us", "p50", "p90", "p99");
    for (size_t i = 0; i < LATENCY_ROWS; i++)
        printf("%-54s %8.0f %8.0f %8.0f\n", latency_names[i], result->latency[i].p50,
               result->latency[i].p90, result->latency[i].p99);
    printf("* its GET is written, on an open connection, when the id has been read\n");
    printf("\n%-54s %8s\n", "per second", "");
    for (size_t i = 0; i < RATE_ROWS; i++)
        printf("%-54s %8.0f\n", rate_rows[i].name, result->rate[i]);
}

static double best_session_rate(const struct round *result) {
    double best = 0;
    for (size_t i = 0; i < RATE_ROWS; i++)
        if (rate_rows[i].at_once && result->rate[i] > best) best = result->rate[i];
    return best;
}

/* On a machine with two cores. False when one is missed. */
static bool print_targets(const struct round *result) {
    const struct {
        const char *name;
        double target, reached;
        bool is_met;
    } targets[] = {
        {"session_run p50 under, us", 300, result->latency[RUN].p50,
         result->latency[RUN].p50 < 300},
        {"session_run p99 under, us", 2000, result->latency[RUN].p99,
         result->latency[RUN].p99 < 2000},
        {"sessions per second over (best row)", 3000, best_session_rate(result),
         best_session_rate(result) > 3000},
    };
    bool are_met = true;
    printf("\n%-45s %8s %8s\n", "targets", "wanted", "reached");
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        printf("%-45s %8.0f %8.0f   %s\n", targets[i].name, targets[i].target, targets[i].reached,
               targets[i].is_met ? "met" : "MISSED");
        are_met &= targets[i].is_met;
    }
    return are_met;
}

static void usage(void) {
    fprintf(stderr, "usage: bench_session_start [--rounds N] [--no-assert] SOCKET\n");
    exit(2);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"rounds", required_argument, NULL, 'r'}, {"no-assert", no_argument, NULL, 'n'}, {0}};
    static struct round rounds[ROUNDS_MAX];
    bool is_asserting = true;
    long count = ROUNDS;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'n')
            is_asserting = false;
        else if (option == 'r')
            count = strtol(optarg, NULL, 10);
        else
            usage();
    }
    if (argc - optind != 1 || count < 1 || count > ROUNDS_MAX) usage();
    const char *socket_path = argv[optind];

    static struct samples unused;
    sessions_measure_run(socket_path, &unused, WARM_UP_COUNT, 0);
    print_machine();
    for (long i = 0; i < count; i++)
        run_round(socket_path, &rounds[i]);
    printf("; medians of %ld rounds; afterwards ", count);
    print_machine();
    printf("\n");
    struct round result = median_round(rounds, (size_t)count);
    print_table(&result);
    return print_targets(&result) || !is_asserting ? 0 : 1;
}
