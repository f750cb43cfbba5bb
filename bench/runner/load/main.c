#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUEST_MAX_BYTES (1 << 20)

static const char usage[] =
    "usage: bench_runner_load latency ADDRESS -r REQUEST -k NEEDLE -n COUNT [-g GAP_US]\n"
    "                         [-w WATCH | -s SUBSCRIPTION]\n"
    "           each run: microseconds from connect() and from write() to the read() with NEEDLE\n"
    "       bench_runner_load rate ADDRESS -r REQUEST -k NEEDLE -c CLIENTS -t SECONDS [-R "
    "PER_SECOND]\n"
    "           \"good bad seconds\"; in the open loop of -R also the latency of each, from its "
    "due time\n"
    "       bench_runner_load lines ADDRESS -r REQUEST -f FRAMING -n LAST -c READERS -t LIMIT_S\n"
    "                         [-S START | -s SUBSCRIPTION] [-x SLEEPERS]\n"
    "           each reader: \"lines lost reordered seconds\"; \"T us\" for each line \"T "
    "<monotonic ns>\"\n"
    "       bench_runner_load stamps COUNT MS MS\n"
    "           lines \"T <monotonic ns>\", so far apart in turn\n"
    "       bench_runner_load sleepers COUNT\n"
    "           \"ready\" when so many bare forks sleep\n"
    "       bench_runner_load floors\n"
    "REQUEST and its like are files. ADDRESS is unix:PATH or tcp:PORT.\n";

struct options options = {.needle = "", .framing = "http", .count = 1, .clients = 1, .limit_s = 10};

static struct bytes read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    struct bytes bytes = {.data = malloc(REQUEST_MAX_BYTES)};
    if (!bytes.data) die("malloc");
    bytes.len = fread(bytes.data, 1, REQUEST_MAX_BYTES, file);
    fclose(file);
    return bytes;
}

static bool read_options(int argc, char **argv) {
    int option;
    while ((option = getopt(argc, argv, "r:s:w:S:k:f:n:c:x:g:t:R:")) != -1) {
        switch (option) {
        case 'r': options.request = read_file(optarg); break;
        case 's': options.subscription = read_file(optarg); break;
        case 'w': options.watch = read_file(optarg); break;
        case 'S': options.start = read_file(optarg); break;
        case 'k': options.needle = optarg; break;
        case 'f': options.framing = optarg; break;
        case 'n': options.count = atol(optarg); break;
        case 'c': options.clients = atol(optarg); break;
        case 'x': options.sleepers = atol(optarg); break;
        case 'g': options.gap_us = atol(optarg); break;
        case 't': options.limit_s = atof(optarg); break;
        case 'R': options.per_second = atof(optarg); break;
        default: return false;
        }
    }
    return options.request.data != NULL;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*measure)(void);
    } commands[] = {{"latency", measure_latency}, {"rate", measure_rate}, {"lines", measure_lines}};
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "floors") == 0) {
        measure_floors();
        return 0;
    }
    if (argc == 5 && strcmp(argv[1], "stamps") == 0) {
        print_stamps(atol(argv[2]), atol(argv[3]), atol(argv[4]));
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "sleepers") == 0) {
        hold_sleepers(atol(argv[2]));
        return 0;
    }
    for (size_t i = 0; argc > 3 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) != 0) continue;
        options.address = argv[2];
        if (!read_options(argc - 2, argv + 2)) break;
        commands[i].measure();
        return 0;
    }
    fputs(usage, stderr);
    return 2;
}
