/* warm_process - a process with a warm engine that forks, as the zygote of the runner does. Built
 * twice: without herolib, and (WITH_HEROLIB) with all its modules registered.
 *
 * First it writes a line: how long the engine took, once in this process and then as the median of
 * many, in microseconds; the bytes that the engine holds; the KiB of memory that are the process's
 * own. Then, for each byte on standard input, a line: the medians of a number of forks, in
 * microseconds, to the child's first byte and to its end. For an 's' the child runs a small script
 * first, as sessions do.
 */
#include "samples.h"

#include <rhai/rhai.h>
#ifdef WITH_HEROLIB
#include <herolib/herolib.h>
#endif

#include <err.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ENGINES = 201, FORKS = 100 };

static double cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* With the time of the processor that it took. */
static rhai_engine *make_engine(double *ret_us) {
    double start = cpu_us();
    rhai_engine *engine = rhai_engine_new(NULL);
    if (!engine) errx(2, "no memory");
#ifdef WITH_HEROLIB
    static herolib_session session = HEROLIB_SESSION_INIT;
    if (herolib_register(engine, &session) < 0) errx(2, "no memory");
#endif
    *ret_us = cpu_us() - start;
    return engine;
}

static void run_script(rhai_engine *engine) {
    static const char script[] = "let a = [20, \"x\"]; let f = |n| n + 2; a[0] + f.call(20)";
    rhai_value value;
    rhai_error *error = NULL;
    if (rhai_eval(engine, script, sizeof script - 1, NULL, &value, &error) != RHAI_OK ||
        rhai_as_int(&value) != 42)
        errx(2, "a wrong result");
    rhai_value_done(engine, &value);
}

/* Memory that is this process's own, and no file's (proc(5), smaps_rollup). Private_Dirty would
 * count pages of a program that was linked just now and is not on disk yet. */
static long private_kib(void) {
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    if (!file) err(2, "/proc/self/smaps_rollup");
    while (kib < 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "Anonymous: %ld", &kib) != 1) kib = -1;
    fclose(file);
    return kib;
}

/* The medians, to the child's first byte and to its end. */
static void measure_forks(rhai_engine *engine, bool with_script) {
    static double first[FORKS], whole[FORKS];
    for (int i = 0; i < FORKS; i++) {
        int ends[2];
        char byte = 'x';
        if (pipe(ends) < 0) err(2, "pipe");
        double start = now_us();
        pid_t pid = fork();
        if (pid < 0) err(2, "fork");
        if (pid == 0) {
            if (with_script) run_script(engine);
            _exit(write(ends[1], &byte, 1) != 1);
        }
        if (read(ends[0], &byte, 1) != 1) err(2, "read");
        first[i] = now_us() - start;
        if (waitpid(pid, NULL, 0) != pid) err(2, "waitpid");
        whole[i] = now_us() - start;
        close(ends[0]);
        close(ends[1]);
    }
    printf("%.2f %.2f\n", median(first, FORKS), median(whole, FORKS));
    fflush(stdout);
}

int main(void) {
    static double times[ENGINES];
    double first_us;
    rhai_engine *engine = make_engine(&first_us);
    malloc_trim(0);
    run_script(engine);
    long kib = private_kib();
    for (int i = 0; i < ENGINES; i++)
        rhai_engine_free(make_engine(&times[i]));
    malloc_trim(0);
    printf("%.2f %.2f %zu %ld\n", first_us, median(times, ENGINES), rhai_engine_memory(engine),
           kib);
    fflush(stdout);
    for (char byte; read(STDIN_FILENO, &byte, 1) == 1;)
        measure_forks(engine, byte == 's');
    rhai_engine_free(engine);
    return 0;
}
