/* command_logs.c - shows the lines of a session. */
#include "command.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define PAGE_LINES 10000 /* the most that the server gives at a time */

static bool on_line(void *ctx, const struct runner_line *line) {
    (void)ctx;
    return show_line(line);
}

static bool on_gap(void *ctx, uint64_t dropped) {
    (void)ctx;
    show_gap(dropped);
    return true;
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
    free(pages);
    return outcome;
}

/* Page after page until nothing new comes. */
static int show_kept(struct runner *runner, const char *id, const struct options *options,
                     struct rpc_error *err) {
    struct runner_log_query query = {.kind = options->kind, .contains = options->grep};
    for (;;) {
        struct runner_log_page page;
        if (runner_session_logs(runner, id, &query, &page, err) < 0) return -1;
        if (page.dropped > 0) show_gap(page.dropped);
        bool is_read = true;
        for (size_t i = 0; i < page.count && is_read; i++)
            is_read = show_line(&page.lines[i]);
        bool has_more = is_read && page.next_seq > query.after_seq;
        query.after_seq = page.next_seq;
        runner_log_page_done(&page);
        if (!has_more) return 0;
    }
}

static int run(const struct options *options) {
    struct rpc_error err = {0};
    char id[RUNNER_ID_BYTES];
    if (options->follow && (options->tail || options->grep || options->kind)) {
        tell("logs: --follow does not go with --tail, --grep and --kind");
        return EXIT_USAGE;
    }
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    const struct runner_follow follow = {.line = on_line, .gap = on_gap};
    int failed = find_session(runner, options->line.operands[0], id, &err);
    if (!failed && options->follow)
        failed = runner_session_follow(runner, id, &follow, NULL, &err);
    else if (!failed && options->tail > 0)
        failed = show_tail(runner, id, options, &err);
    else if (!failed)
        failed = show_kept(runner, id, options, &err);
    runner_close(runner);
    return failed < 0 ? tell_error(&err) : EXIT_OK;
}

static const struct option_spec specs[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(struct options, follow), NULL,
     "go on until the session has ended"},
    {"tail", 'n', OPTION_NUMBER, offsetof(struct options, tail), "N", "only the last N lines"},
    {"grep", 0, OPTION_TEXT, offsetof(struct options, grep), "TEXT", "only lines with this text"},
    {"kind", 0, OPTION_TEXT, offsetof(struct options, kind), "stdout|stderr",
     "only lines of that stream"},
};

const struct command logs_command = {
    .name = "logs",
    .operands = "ID",
    .summary = "show the lines of a session",
    .description = "Shows what a session has printed, from the first line that is kept: print on\n"
                   "standard output, debug on standard error.",
    .rules = {COMMAND_RULES(specs), .operands_min = 1, .operands_max = 1,
              .operand_name = "the session's ID"},
    .run = run,
};
