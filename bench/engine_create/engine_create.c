/* engine_create - how long an engine takes to make, and a run of the program `rhai`.
 *
 * usage: engine_create RHAI   the program's path
 *
 * An engine with the whole standard library is made and freed in batches; the row is the median
 * of the batches, beside the floor of the same run: as many bytes from malloc, cleared, and freed.
 * An empty script is run as a process many times; the row is the median CPU time, user and system,
 * beside that of /bin/true. Exits with 1 when a promise is not kept.
 */
#include <rhai/rhai.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES = 101, ENGINES = 50, RUNS = 101 };

/* What is promised. */
static const double engine_max_us = 50, run_max_ms = 2;

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n) {
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static size_t make_engines(void) {
    size_t bytes = 0;
    for (int i = 0; i < ENGINES; i++) {
        rhai_engine *engine = rhai_engine_new(NULL);
        if (!engine) {
            fprintf(stderr, "engine_create: no memory\n");
            exit(2);
        }
        bytes = rhai_engine_memory(engine);
        rhai_engine_free(engine);
    }
    return bytes;
}

static void make_blocks(size_t bytes) {
    for (int i = 0; i < ENGINES; i++) {
        void *volatile block = malloc(bytes);
        if (block) memset(block, 0, bytes);
        free(block);
    }
}

/* CPU time of a process from fork to its end, in ms. */
static double run_ms(const char *program, const char *command, const char *file) {
    pid_t pid = fork();
    if (pid == 0) {
        execl(program, program, command, file, (char *)NULL);
        _exit(127);
    }
    int status;
    struct rusage used;
    if (pid < 0 || wait4(pid, &status, 0, &used) < 0 || status != 0) {
        fprintf(stderr, "engine_create: %s failed\n", program);
        exit(2);
    }
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: engine_create RHAI\n");
        return 2;
    }
    double engines[BATCHES], blocks[BATCHES], runs[RUNS], floors[RUNS];
    size_t bytes = make_engines();
    for (int i = 0; i < BATCHES; i++) {
        double start = now_us();
        make_engines();
        double middle = now_us();
        make_blocks(bytes);
        engines[i] = (middle - start) / ENGINES;
        blocks[i] = (now_us() - middle) / ENGINES;
    }
    for (int i = 0; i < RUNS; i++) {
        runs[i] = run_ms(argv[1], "run", "/dev/null");
        floors[i] = run_ms("/bin/true", NULL, NULL);
    }
    double engine_us = median(engines, BATCHES), ms = median(runs, RUNS);
    printf("%-34s %8.2f us   (promised: below %.0f)\n", "engine, made and freed", engine_us,
           engine_max_us);
    printf("%-34s %8.2f us   (%zu bytes)\n", "  floor: malloc, memset, free", median(blocks, BATCHES),
           bytes);
    printf("%-34s %8.2f ms   (promised: below %.0f)\n", "rhai run of an empty script, CPU", ms,
           run_max_ms);
    printf("%-34s %8.2f ms\n", "  floor: /bin/true", median(floors, RUNS));
    return engine_us < engine_max_us && ms < run_max_ms ? 0 : 1;
}
