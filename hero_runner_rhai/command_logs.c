/* command_logs.c - shows the lines of a session. */
#include "command.h"

#include <stdint.h>

static bool on_line(void *ctx, const struct runner_line *line) {
    (void)ctx;
    return show_line(line);
}

static bool on_gap(void *ctx, uint64_t dropped) {
    (void)ctx;
    show_gap(dropped);
    return true;
}

/* The last ones. */
static int show_tail(struct runner *runner, const char *id, const struct options *options,
                     struct rpc_error *err) {
    const struct runner_log_query query = {.before_seq = INT64_MAX,
                                           .limit = (unsigned)options->tail,
                                           .kind = options->kind,
                                           .contains = options->grep};
    struct runner_log_page page;
    if (runner_session_logs(runner, id, &query, &page, err) < 0) return -1;
    for (size_t i = 0; i < page.count && show_line(&page.lines[i]); i++)
        continue;
    runner_log_page_done(&page);
    return 0;
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
