/* command_logs.c - shows the lines of a session. */
#include "command.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAGE_LINES 10000 /* the most that the server gives at a time */

static bool on_line(void *ctx, const struct runner_line *line) {
    (void)ctx;
    return show_line(line);
}

static bool on_pause(void *ctx) {
    (void)ctx;
    return show_pause();
}

static bool on_gap(void *ctx, uint64_t dropped) {
    (void)ctx;
    show_gap(dropped);
    return true;
}

/* ---- Several sessions --------------------------------------------------------------------- */

#define SHORT_ID_LEN 8

static bool on_line_of(void *ctx, const char *id, const struct runner_line *line) {
    (void)ctx;
    FILE *out = line->is_stderr ? stderr : stdout;
    fprintf(out, "%.*s | ", SHORT_ID_LEN, id);
    return show_line(&(struct runner_line){
               .is_stderr = line->is_stderr, .text = line->text, .len = line->len}) &&
           show_pause();
}

static bool on_gap_of(void *ctx, const char *id, uint64_t dropped) {
    (void)ctx;
    fprintf(stderr, "%.*s | ", SHORT_ID_LEN, id);
    show_gap(dropped);
    return true;
}

static bool on_end_of(void *ctx, const struct runner_session *session) {
    (void)ctx;
    tell("%.*s %s", SHORT_ID_LEN, session->id, runner_status_name(session->status));
    return true;
}

static int follow_many(struct runner *runner, const struct options *options,
                       struct rpc_error *err) {
    char found[RUNNER_FOLLOW_MAX][RUNNER_ID_BYTES];
    const char *ids[RUNNER_FOLLOW_MAX];
    size_t count = 0;
    for (size_t i = 0; i < options->line.operand_count; i++) {
        size_t n = 0;
        if (find_session(runner, options->line.operands[i], found[count], err) < 0) return -1;
        while (n < count && strcmp(found[n], found[count]) != 0)
            n++;
        ids[count] = found[count];
        count += n == count; /* each of them once */
    }
    const struct runner_follow_many follow = {
        .line = on_line_of, .gap = on_gap_of, .end = on_end_of};
    return runner_sessions_follow(runner, ids, count, &follow, err);
}

/* ---- One session ---------------------------------------------------------------------------- */

static int show_coming(struct runner *runner, const char *id, int64_t after,
                       struct rpc_error *err) {
    const struct runner_follow follow = {
        .line = on_line, .gap = on_gap, .pause = on_pause, .after_seq = (uint64_t)after};
    int outcome = runner_session_follow(runner, id, &follow, NULL, err);
    if (outcome == 0) show_pause();
    return outcome;
}

/* The last ones: page by page from the end, each with the lines that are missing behind it, until
 * there are enough; then in order. */
static int show_tail(struct runner *runner, const char *id, const struct options *options,
                     struct rpc_error *err) {
    struct runner_log_page *pages = NULL;
    size_t count = 0;
    int64_t left = options->tail;
    uint64_t before = INT64_MAX;
    int outcome = 0;
    while (left > 0 && before > 1 && outcome == 0) {
        struct runner_log_page *more = realloc(pages, (count + 1) * sizeof *pages);
        if (!more) {
            rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
            outcome = -1;
            break;
        }
        pages = more;
        const struct runner_log_query query = {.before_seq = before,
                                               .limit =
                                                   left < PAGE_LINES ? (unsigned)left : PAGE_LINES,
                                               .kind = options->kind,
                                               .contains = options->grep};
        outcome = runner_session_logs(runner, id, &query, &pages[count], err);
        if (outcome < 0) break;
        left -= (int64_t)pages[count].count;
        before = pages[count++].first_seq;
    }
    bool is_read = outcome == 0;
    while (count-- > 0) {
        for (size_t i = 0; i < pages[count].count && is_read; i++)
            is_read = show_line(&pages[count].lines[i]);
        if (pages[count].dropped > 0 && is_read) show_gap(pages[count].dropped);
        runner_log_page_done(&pages[count]);
    }
    if (is_read) show_pause();
    free(pages);
    return outcome;
}

/* Page after page until nothing new comes. */
static int show_kept(struct runner *runner, const char *id, const struct options *options,
                     struct rpc_error *err) {
    struct runner_log_query query = {
        .after_seq = (uint64_t)options->after, .kind = options->kind, .contains = options->grep};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (options->since_ms) query.after_ts_ms = now.tv_sec * INT64_C(1000) - options->since_ms;
    for (;;) {
        struct runner_log_page page;
        if (runner_session_logs(runner, id, &query, &page, err) < 0) return -1;
        if (page.dropped > 0) show_gap(page.dropped);
        bool is_read = true;
        for (size_t i = 0; i < page.count && is_read; i++)
            is_read = show_line(&page.lines[i]);
        is_read = is_read && show_pause();
        bool has_more = is_read && page.next_seq > query.after_seq;
        query.after_seq = page.next_seq;
        runner_log_page_done(&page);
        if (!has_more) return 0;
    }
}

/* What does not go together; NULL: nothing. */
static const char *wrong_options(const struct options *options) {
    if (options->follow && (options->tail || options->since_ms || options->grep || options->kind))
        return "--follow does not go with --tail, --since, --grep and --kind";
    if (options->line.operand_count > 1 && (!options->follow || options->after))
        return "several sessions go with --follow alone";
    if ((options->after != 0) + (options->since_ms != 0) + (options->tail != 0) > 1)
        return "only one of --after, --since and --tail goes";
    return NULL;
}

static int show_one(struct runner *runner, const struct options *options, struct rpc_error *err) {
    char id[RUNNER_ID_BYTES];
    if (find_session(runner, options->line.operands[0], id, err) < 0) return -1;
    if (options->follow) return show_coming(runner, id, options->after, err);
    if (options->tail > 0) return show_tail(runner, id, options, err);
    return show_kept(runner, id, options, err);
}

static int run(const struct options *options) {
    struct rpc_error err = {0};
    const char *wrong = wrong_options(options);
    if (wrong) {
        tell("logs: %s", wrong);
        return EXIT_USAGE;
    }
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    prepare_lines();
    int failed = options->line.operand_count > 1 ? follow_many(runner, options, &err)
                                                 : show_one(runner, options, &err);
    runner_close(runner);
    return failed < 0 ? tell_error(&err) : EXIT_OK;
}

static const struct option_spec specs[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(struct options, follow), NULL,
     "go on until the session has ended; of several sessions\neach line begins with the ID"},
    {"after", 0, OPTION_NUMBER, offsetof(struct options, after), "N", "only lines behind line N"},
    {"since", 0, OPTION_DURATION, offsetof(struct options, since_ms), "TIME",
     "only lines of the last 30s, 5m, ..."},
    {"tail", 'n', OPTION_NUMBER, offsetof(struct options, tail), "N", "only the last N lines"},
    {"grep", 0, OPTION_TEXT, offsetof(struct options, grep), "TEXT", "only lines with this text"},
    {"kind", 0, OPTION_TEXT, offsetof(struct options, kind), "stdout|stderr",
     "only lines of that stream"},
};

const struct command logs_command = {
    .name = "logs",
    .operands = "ID...",
    .summary = "show the lines of a session",
    .description = "Shows what a session has printed, from the first line that is kept: print on\n"
                   "standard output, debug on standard error.",
    .rules = {COMMAND_RULES(specs), .operands_min = 1, .operands_max = RUNNER_FOLLOW_MAX,
              .operand_name = "the session's ID"},
    .run = run,
};
