/* main.c - the conformance runner: does the engine do what Rhai 1.26 was recorded to do? */
#include "diff.h"
#include "pool.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

static const char help[] =
    "usage: conformance_runner [OPTION]... FILE.cases...\n"
    "Runs each case in a fresh engine and shows how the ones that fail differ from what is\n"
    "recorded. Exits 0 when all is as expected, 1 when not, 2 for wrong usage or a bad file.\n"
    "  --only TEXT      only cases with TEXT in their file:case\n"
    "  --jobs N         processes at one time (default: one per CPU)\n"
    "  --timeout N      seconds a case may take (default 20)\n";

typedef struct settings {
    const char *only;
    pool_options pool;
} settings;

typedef struct session {
    settings settings;
    case_list list;
    const test_case **cases; /* the ones to run */
    size_t count;
    outcome *outcomes;
} session;

/* ---- Options ------------------------------------------------------------------------------ */

static bool parse_count(const char *text, unsigned *ret) {
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || n == 0 || n > 100000) return false;
    *ret = (unsigned)n;
    return true;
}

static bool parse_options(settings *s, int argc, char **argv) {
    static const struct option options[] = {
        {"only", required_argument, NULL, 'o'},
        {"jobs", required_argument, NULL, 'j'},
        {"timeout", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    unsigned jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    s->pool.timeout_s = 20;
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool ok = true;
        switch (c) {
        case 'o': s->only = optarg; break;
        case 'j': ok = parse_count(optarg, &jobs); break;
        case 't': ok = parse_count(optarg, &s->pool.timeout_s); break;
        default: ok = false;
        }
        if (!ok) return false;
    }
    s->pool.jobs = jobs;
    return optind < argc;
}

/* ---- Choosing cases ----------------------------------------------------------------------- */

static bool is_wanted(const settings *s, const test_case *c) {
    if (!s->only) return true;
    char *name = NULL;
    if (asprintf(&name, "%s:%.*s", c->file, (int)c->name.len, c->name.text) < 0) return false;
    bool wanted = strstr(name, s->only) != NULL;
    free(name);
    return wanted;
}

static bool choose_cases(session *s) {
    s->cases = calloc(s->list.count, sizeof *s->cases);
    s->outcomes = calloc(s->list.count, sizeof *s->outcomes);
    if (!s->cases || !s->outcomes) return false;
    for (size_t i = 0; i < s->list.count; i++)
        if (is_wanted(&s->settings, &s->list.cases[i])) s->cases[s->count++] = &s->list.cases[i];
    return true;
}

/* ---- Telling ------------------------------------------------------------------------------ */

static void print_ending(const outcome *o) {
    if (WIFSIGNALED(o->wait_status))
        printf("killed by signal %d (%s)\n", WTERMSIG(o->wait_status),
               strsignal(WTERMSIG(o->wait_status)));
    else
        printf("exit status %d\n", WEXITSTATUS(o->wait_status));
}

static void print_failure(const test_case *c, const outcome *o, unsigned timeout_s) {
    printf("FAIL %s:%.*s (line %u)\n", c->file, (int)c->name.len, c->name.text, c->line);
    switch (o->verdict) {
    case VERDICT_FAILED:
        printf("  - expected, + got\n");
        diff_print(stdout, c->expected, (span){o->got, o->got_len});
        break;
    case VERDICT_TIMED_OUT: printf("  not done after %u s\n", timeout_s); break;
    case VERDICT_CRASHED:
        printf("  the process crashed: ");
        print_ending(o);
        break;
    case VERDICT_BAD_EXIT:
        printf("  the process that ran it and cases before it ended badly after it: ");
        print_ending(o);
        break;
    default: break;
    }
    printf("\n");
}

/* Returns the program's exit code. */
static int tell(const session *s) {
    size_t failed = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->outcomes[i].verdict == VERDICT_PASSED) continue;
        failed++;
        print_failure(s->cases[i], &s->outcomes[i], s->settings.pool.timeout_s);
    }
    printf("%zu passed, %zu failed\n", s->count - failed, failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- Main --------------------------------------------------------------------------------- */

static int run(session *s, int argc, char **argv) {
    if (!parse_options(&s->settings, argc, argv)) {
        fputs(help, stderr);
        return EXIT_USAGE;
    }
    for (int i = optind; i < argc; i++)
        if (!case_file_read(&s->list, argv[i])) return EXIT_USAGE;
    if (!choose_cases(s)) return EXIT_FAILURE;
    if (!s->count) {
        fprintf(stderr, "no case has '%s' in its name\n", s->settings.only);
        return EXIT_USAGE;
    }
    if (!pool_run(&s->settings.pool, s->cases, s->count, s->outcomes)) return EXIT_FAILURE;
    return tell(s);
}

int main(int argc, char **argv) {
    session s = {0};
    int code = run(&s, argc, argv);
    for (size_t i = 0; i < s.count; i++)
        free(s.outcomes[i].got);
    free(s.outcomes);
    free(s.cases);
    case_list_done(&s.list);
    return code;
}
