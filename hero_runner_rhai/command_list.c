/* command_list.c - the sessions as a table. */
#include "command.h"

#include <hero_cli/duration.h>
#include <hero_cli/table.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHORT_ID_MIN_LEN 8

static const struct status_look {
    const char *glyph;
    enum colour colour;
} looks[] = {
    [RUNNER_PENDING] = {"○", COLOUR_GREY},     [RUNNER_RUNNING] = {"●", COLOUR_BLUE},
    [RUNNER_SUCCEEDED] = {"✓", COLOUR_GREEN},  [RUNNER_FAILED] = {"✗", COLOUR_RED},
    [RUNNER_CANCELLED] = {"■", COLOUR_YELLOW},
};

static int compare_ids(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t common_len(const char *a, const char *b) {
    size_t len = 0;
    while (a[len] && a[len] == b[len])
        len++;
    return len;
}

/* How many characters tell all ids apart: sorted, those most alike are neighbours. */
static size_t short_id_len(const struct runner_session_list *list) {
    size_t len = SHORT_ID_MIN_LEN;
    const char **ids = calloc(list->count + 1, sizeof *ids);
    if (!ids) return RUNNER_ID_BYTES;
    for (size_t i = 0; i < list->count; i++)
        ids[i] = list->sessions[i].id;
    qsort(ids, list->count, sizeof *ids, compare_ids);
    for (size_t i = 1; i < list->count; i++) {
        size_t needed = common_len(ids[i - 1], ids[i]) + 1;
        if (needed > len) len = needed;
    }
    free(ids);
    return len;
}

static void add_time(struct table *table, int64_t ms) {
    char text[32] = "-";
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    if (ms > 0 && localtime_r(&seconds, &local))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
    table_add(table, COLOUR_NONE, "%s", text);
}

static void add_run_time(struct table *table, const struct runner_session *session,
                         int64_t now_ms) {
    char text[DURATION_TEXT_BYTES] = "-";
    int64_t end_ms = session->ended_at_ms ? session->ended_at_ms : now_ms;
    if (session->started_at_ms) duration_format(end_ms - session->started_at_ms, text);
    table_add(table, COLOUR_NONE, "%s", text);
}

/* What it uses now, or used at most. */
static void add_use(struct table *table, const struct runner_session *session) {
    char cpu[DURATION_TEXT_BYTES] = "-", memory[BYTES_TEXT_BYTES] = "-";
    if (session->has_usage) {
        duration_format(session->cpu_us / 1000, cpu);
        format_bytes(session->rss_bytes ? session->rss_bytes : session->peak_rss_bytes, memory);
    }
    table_add(table, COLOUR_NONE, "%s", cpu);
    table_add(table, COLOUR_NONE, "%s", memory);
}

/* What there is to know beyond the status, on one line. */
static void add_detail(struct table *table, const struct runner_session *session) {
    const char *reason = session->reason ? session->reason : "";
    const char *message = session->message ? session->message : "";
    if (session->has_exit_code)
        table_add(table, COLOUR_NONE, "%s: code %d", reason, session->exit_code);
    else if (session->queue_position)
        table_add(table, COLOUR_NONE, "number %u in the queue", session->queue_position);
    else if (session->has_progress && !runner_status_is_final(session->status))
        table_add(table, COLOUR_NONE, "%s", session->progress_text);
    else
        table_add(table, COLOUR_NONE, "%s%s%.*s", reason, *reason && *message ? ": " : "",
                  (int)strcspn(message, "\n"), message);
}

static bool print_table(const struct runner_session_list *list) {
    static const struct table_column columns[] = {
        {"ID", false}, {"STATUS", false}, {"STARTED", false}, {"TIME", true},
        {"CPU", true}, {"MEMORY", true},  {"LINES", true},    {"DETAIL", false}};
    struct table table = TABLE_INIT(columns);
    struct style style = style_of(stdout);
    size_t id_len = style.is_terminal ? short_id_len(list) : RUNNER_ID_BYTES;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;

    for (size_t i = 0; i < list->count; i++) {
        const struct runner_session *session = &list->sessions[i];
        const struct status_look *look = &looks[session->status];
        const char *name = runner_status_name(session->status);
        table_add(&table, COLOUR_NONE, "%.*s", (int)id_len, session->id);
        table_add(&table, look->colour, "%s%s%s", style.is_terminal ? look->glyph : "",
                  style.is_terminal ? " " : "", name);
        add_time(&table, session->started_at_ms);
        add_run_time(&table, session, now_ms);
        add_use(&table, session);
        table_add(&table, COLOUR_NONE, "%" PRIu64, session->lines);
        add_detail(&table, session);
    }
    return table_print(&table, stdout, &style);
}

/* ---- Changes as they come ------------------------------------------------------------------ */

static bool on_session(void *ctx, const struct runner_session *session) {
    const struct options *options = ctx;
    if (options->as_json)
        json_dumpf(session->json, stdout, JSON_COMPACT);
    else
        printf("%s  %-9s%s%.*s", session->id, runner_status_name(session->status),
               session->message ? "  " : "",
               session->message ? (int)strcspn(session->message, "\n") : 0,
               session->message ? session->message : "");
    putchar('\n');
    return fflush(stdout) == 0;
}

static bool on_gap(void *ctx, uint64_t dropped) {
    (void)ctx;
    tell("%" PRIu64 " session%s changed meanwhile: more than can be told", dropped,
         dropped == 1 ? "" : "s");
    return true;
}

static int follow(struct runner *runner, const struct options *options) {
    struct rpc_error err = {0};
    const struct runner_watch watch = {
        .session = on_session, .gap = on_gap, .ctx = (void *)(uintptr_t)options};
    return runner_watch(runner, &watch, &err) < 0 ? tell_error(&err) : EXIT_FAILED;
}

static bool has_filter(const struct options *options) {
    return options->statuses || options->tag || options->text || options->caller ||
           options->callback || options->within_ms || options->before_ms || options->sort ||
           options->is_ascending || options->limit || options->offset;
}

static int run(const struct options *options) {
    struct rpc_error err = {0};
    if (options->follow && has_filter(options)) {
        tell("list: --follow goes with --json alone");
        return EXIT_USAGE;
    }
    struct runner_session_list list;
    struct runner *runner = open_runner();
    if (!runner) return EXIT_FAILED;
    if (options->follow) {
        int code = follow(runner, options);
        runner_close(runner);
        return code;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct runner_find find = {
        .statuses = options->statuses,
        .since_ms = options->within_ms ? now.tv_sec * INT64_C(1000) - options->within_ms : 0,
        .until_ms = options->before_ms ? now.tv_sec * INT64_C(1000) - options->before_ms : 0,
        .text = options->text,
        .caller = options->caller,
        .tag = options->tag,
        .callback = options->callback,
        .sort = options->sort,
        .is_ascending = options->is_ascending,
        .offset = (unsigned)options->offset,
        .limit = (unsigned)options->limit,
    };
    int failed = runner_session_find(runner, &find, &list, &err);
    runner_close(runner);
    if (failed) return tell_error(&err);

    bool is_shown;
    if (options->as_json)
        is_shown = print_json(
            json_pack("{s:O, s:I}", "sessions", list.json, "total", (json_int_t)list.total));
    else
        is_shown = print_table(&list);
    runner_session_list_done(&list);
    if (!is_shown) tell("out of memory");
    return is_shown ? EXIT_OK : EXIT_FAILED;
}

static const struct option_spec specs[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct options, as_json), NULL,
     "print one JSON document: {\"sessions\": [...]}; with\n--follow one for each change, on a "
     "line"},
    {"status", 's', OPTION_LIST, offsetof(struct options, statuses), "STATUS",
     "pending, running, succeeded, failed or cancelled;\nmay be given several times"},
    {"tag", 't', OPTION_TEXT, offsetof(struct options, tag), "TAG", "with this tag"},
    {"text", 0, OPTION_TEXT, offsetof(struct options, text), "TEXT",
     "with this in the script, its name, the message or a tag"},
    {"caller", 0, OPTION_TEXT, offsetof(struct options, caller), "USER", "asked for by this user"},
    {"callback", 0, OPTION_TEXT, offsetof(struct options, callback), "pending|delivered|failed",
     "whose callback is in this state"},
    {"within", 0, OPTION_DURATION, offsetof(struct options, within_ms), "TIME",
     "posted in the last 30m, 12h, ..."},
    {"before", 0, OPTION_DURATION, offsetof(struct options, before_ms), "TIME",
     "posted before the last 30m, 12h, ..."},
    {"follow", 'f', OPTION_FLAG, offsetof(struct options, follow), NULL,
     "show those that have not ended, and then each change of\nany session, until Ctrl-C"},
    {"sort", 0, OPTION_TEXT, offsetof(struct options, sort), "WHAT",
     "by queued (the default), started, ended, duration,\nlines, cpu or memory"},
    {"ascending", 0, OPTION_FLAG, offsetof(struct options, is_ascending), NULL,
     "the smallest or oldest first"},
    {"limit", 'n', OPTION_NUMBER, offsetof(struct options, limit), "N",
     "so many at most (default: 1,000)"},
    {"offset", 0, OPTION_NUMBER, offsetof(struct options, offset), "N", "pass over the first N"},
};

const struct command list_command = {
    .name = "list",
    .operands = "",
    .summary = "show the sessions",
    .description = "Shows the sessions that the server knows, newest first, or those asked for. "
                   "Whole IDs are shown\n"
                   "where the output is no terminal.",
    .rules = {COMMAND_RULES(specs)},
    .run = run,
};
