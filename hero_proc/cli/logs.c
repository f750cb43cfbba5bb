/* logs.c - what was written. */
#include "command.h"

#include <hero_rpc/clock.h>

#include <errno.h>

static struct proc_log_query query_of(const struct options *options) {
    return (struct proc_log_query){
        .source = options->line.operand_count ? options->line.operands[0] : options->source,
        .tags = options->tags,
        .level = options->level,
        .text = options->text,
        .since_ms = options->since_ms ? rpc_clock_wall_ms() - options->since_ms : 0,
        .limit = (unsigned)options->limit,
    };
}

static void print_tags(const json_t *tags) {
    size_t index;
    json_t *tag;
    if (json_array_size(tags) == 0) return;
    json_array_foreach((json_t *)(uintptr_t)tags, index, tag)
        printf("%s%s", index ? "," : "  [", json_string_value(tag));
    putchar(']');
}

/* "<time>  <level>  <source>  [tags]  text"; false when nobody reads it. */
static bool print_line(const struct proc_log_line *line) {
    char time[TIME_TEXT_BYTES];
    if (line->timestamp_ms > 0) printf("%s  ", format_time(line->timestamp_ms, time));
    printf("%-5s  %s", line->level, line->source);
    print_tags(line->tags);
    printf("  %s\n", line->text);
    return !ferror(stdout);
}

static int run_list(const struct options *options) {
    struct session session;
    struct proc_log_page page = {0};
    struct proc_log_query query = query_of(options);
    bool is_done = false;
    if (session_begin(&session, options) &&
        proc_logs_list(session.client, &query, &page, &session.err) == 0) {
        is_done = true;
        for (size_t i = 0; i < page.count && is_done && !options->as_json; i++)
            is_done = print_line(&page.lines[i]);
        if (options->as_json) is_done = print_json(json_incref(page.json));
    }
    proc_log_page_done(&page);
    return session_end(&session, is_done);
}

static bool on_line(void *ctx, const struct proc_log_line *line) {
    const struct options *options = ctx;
    if (!options->as_json) print_line(line);
    if (options->as_json) {
        json_t *record = json_pack("{s:I, s:s, s:s, s:O*, s:s}", "timestamp_ms",
                                   (json_int_t)line->timestamp_ms, "source", line->source, "level",
                                   line->level, "tags", line->tags, "line", line->text);
        json_dumpf(record, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(record);
    }
    return fflush(stdout) == 0 && !ferror(stdout);
}

static int run_tail(const struct options *options) {
    struct session session;
    struct proc_log_query query = query_of(options);
    bool is_done = session_begin(&session, options) &&
                   proc_logs_follow(session.client, &query, on_line, (void *)(uintptr_t)options,
                                    &session.err) == 0;
    return session_end(&session, is_done);
}

static bool show_sources(const json_t *result) {
    static const struct table_column columns[] = {
        {"SOURCE", false}, {"LINES", true}, {"DROPPED", true}, {"LAST", false}};
    struct table table = TABLE_INIT(columns);
    size_t index;
    json_t *source;
    json_array_foreach(lenient_list(result, "sources|items"), index, source) {
        add_text(&table, json_is_string(source) ? json_string_value(source)
                                                : lenient_text(source, "name|source|src"));
        add_number(&table, lenient_number(source, "lines|count", 0));
        add_number(&table, lenient_number(source, "dropped", 0));
        add_time(&table, lenient_time_ms(lenient_get(source, "last_ms|last")));
    }
    return show_table(&table);
}

static int run_sources(const struct options *options) {
    struct session session;
    json_t *result = NULL;
    bool is_done = false;
    if (session_begin(&session, options))
        result = session_call(&session, PROC_LOGS_SOURCES, params_of(options, NULL));
    if (result) is_done = options->as_json ? print_json(json_incref(result)) : show_sources(result);
    json_decref(result);
    return session_end(&session, is_done);
}

#define FILTER_SPECS                                                                               \
    {"source",    0,                                                                               \
     OPTION_TEXT, offsetof(struct options, source),                                                \
     "PREFIX",    "only sources that begin so"},                                                   \
        {"tag",                                                                                    \
         0,                                                                                        \
         OPTION_LIST,                                                                              \
         offsetof(struct options, tags),                                                           \
         "TAG",                                                                                    \
         "only lines with this tag, for example session=ID; may\nbe given several times"},         \
        {"level",     0,                                                                           \
         OPTION_TEXT, offsetof(struct options, level),                                             \
         "LEVEL",     "only this level and above: debug, info, warn, error"},                      \
    {                                                                                              \
        "text", 0, OPTION_TEXT, offsetof(struct options, text), "TEXT",                            \
            "only lines that contain this"                                                         \
    }

static const struct option_spec list_specs[] = {
    FILTER_SPECS,
    {"since", 0, OPTION_DURATION, offsetof(struct options, since_ms), "TIME",
     "only lines of the last 10m, 24h ..."},
    {"limit", 'n', OPTION_NUMBER, offsetof(struct options, limit), "COUNT", "at most so many"},
};

static const struct option_spec tail_specs[] = {FILTER_SPECS};

static const struct command logs_list = {
    .name = "logs list",
    .operands = "[SOURCE]",
    .summary = "show lines that are kept",
    .description = "Shows lines with their time, level, source and tags, oldest first.",
    .rules = {COMMAND_RULES(list_specs), .operands_max = 1, .operand_name = "SOURCE"},
    .run = run_list,
};

static const struct command logs_tail = {
    .name = "logs tail",
    .operands = "[SOURCE]",
    .summary = "show lines as they come",
    .description = "Shows new lines until Ctrl-C. With --json each is an object on a line.",
    .rules = {COMMAND_RULES(tail_specs), .operands_max = 1, .operand_name = "SOURCE"},
    .run = run_tail,
};

static const struct command logs_sources = {
    .name = "logs sources",
    .operands = "",
    .summary = "show who has written",
    .description = "Shows the sources of lines that are kept.",
    .run = run_sources,
};

const struct command *const log_commands[] = {&logs_list, &logs_tail, &logs_sources, NULL};
