#include "command.h"

#include <hero_cli/duration.h>
#include <hero_rpc/clock.h>
#include <hero_rpc/fd.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX_BYTES (16u * 1024 * 1024)

/* ---- Calls ------------------------------------------------------------------------------ */

bool session_begin(struct session *session, const struct options *options) {
    *session = (struct session){.options = options};
    session->client = proc_open(options->socket, &session->err);
    return session->client;
}

int session_end(struct session *session, bool is_done) {
    int code = EXIT_OK;
    if (session->err.kind != RPC_ERROR_NONE)
        code = tell_error(&session->err);
    else if (!is_done)
        code = EXIT_FAILED;
    if (session->client && *proc_omitted(session->client))
        tell("this hero_proc does not know, and was not sent: %s", proc_omitted(session->client));
    proc_close(session->client);
    return code;
}

json_t *params_of(const struct options *options, ...) {
    json_t *params = json_object();
    const char *name, *value;
    va_list args;
    va_start(args, options);
    while ((name = va_arg(args, const char *))) {
        value = va_arg(args, const char *);
        if (value) json_object_set_new(params, name, json_string(value));
    }
    va_end(args);
    if (options->context) json_object_set_new(params, "context", json_string(options->context));
    return params;
}

json_t *params_with_id(const struct options *options) {
    const char *operand = options->line.operands[0];
    char *end;
    long long id = strtoll(operand, &end, 10);
    if (*operand < '0' || *operand > '9' || *end) {
        tell("an ID is a number, not '%s'", operand);
        return NULL;
    }
    json_t *params = params_of(options, NULL);
    json_object_set_new(params, "id", json_integer(id));
    return params;
}

static int read_input(struct rpc_strbuf *text, struct rpc_error *err) {
    for (ssize_t got = 1; got > 0 && text->len <= FILE_MAX_BYTES;) {
        char *room = rpc_strbuf_reserve(text, 64 * 1024);
        got = room ? rpc_fd_read(STDIN_FILENO, room, 64 * 1024) : 0;
        if (got < 0) {
            rpc_error_set_errno(err, "cannot read standard input");
            return -1;
        }
        text->len += (size_t)got;
    }
    return 0;
}

json_t *read_object(const char *file) {
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    struct rpc_error err = {0};
    json_error_t where;
    json_t *value = NULL;
    bool is_input = strcmp(file, "-") == 0;
    if ((is_input ? read_input(&text, &err) : rpc_file_read(file, FILE_MAX_BYTES, &text, &err)) < 0)
        tell_error(&err);
    else if (!(value = json_loadb(rpc_strbuf_text(&text), text.len, 0, &where)))
        tell("%s:%d:%d: %s", is_input ? "standard input" : file, where.line, where.column,
             where.text);
    else if (!json_is_object(value)) {
        tell("%s holds no JSON object", file);
        json_decref(value);
        value = NULL;
    }
    rpc_strbuf_done(&text);
    return value;
}

json_t *session_call(struct session *session, enum proc_method method, json_t *params) {
    json_t *result = proc_call(session->client, method, params, &session->err);
    json_decref(params);
    return result;
}

int show_result(const struct options *options, enum proc_method method, json_t *params) {
    struct session session;
    json_t *result = NULL;
    if (!params) return EXIT_USAGE;
    if (session_begin(&session, options))
        result = session_call(&session, method, params);
    else
        json_decref(params);
    return session_end(&session, result && print_json(result));
}

int do_quietly(const struct options *options, enum proc_method method, json_t *params,
               const char *done, ...) {
    struct session session;
    json_t *result = NULL;
    if (!params) return EXIT_USAGE;
    if (session_begin(&session, options))
        result = session_call(&session, method, params);
    else
        json_decref(params);
    bool is_done = result;
    if (result && options->as_json)
        is_done = print_json(result);
    else if (result) {
        va_list args;
        va_start(args, done);
        vprintf(done, args);
        va_end(args);
        putchar('\n');
        json_decref(result);
    }
    return session_end(&session, is_done);
}

int set_from_file(const struct options *options, enum proc_method method) {
    json_t *spec = read_object(options->line.operands[0]);
    if (!spec) return EXIT_USAGE;
    const char *name = lenient_text(spec, "name");
    char copy[256];
    snprintf(copy, sizeof copy, "%s", name ? name : "?");
    return do_quietly(options, method, spec, "%s is set", copy);
}

/* ---- Tables ----------------------------------------------------------------------------- */

struct look {
    const char *glyph;
    enum colour colour;
};

static const struct look state_looks[] = {
    [PROC_UNKNOWN] = {"?", COLOUR_GREY},   [PROC_INACTIVE] = {"○", COLOUR_GREY},
    [PROC_BLOCKED] = {"◌", COLOUR_YELLOW}, [PROC_STARTING] = {"◔", COLOUR_BLUE},
    [PROC_RUNNING] = {"●", COLOUR_GREEN},  [PROC_DEGRADED] = {"◐", COLOUR_YELLOW},
    [PROC_STOPPING] = {"◑", COLOUR_BLUE},  [PROC_EXITED] = {"○", COLOUR_GREY},
    [PROC_SUCCESS] = {"✓", COLOUR_GREEN},  [PROC_FAILED] = {"✗", COLOUR_RED},
};

static const struct look phase_looks[] = {
    [PROC_PHASE_UNKNOWN] = {"?", COLOUR_GREY}, [PROC_PENDING] = {"○", COLOUR_GREY},
    [PROC_WAITING] = {"◌", COLOUR_YELLOW},     [PROC_JOB_RUNNING] = {"●", COLOUR_BLUE},
    [PROC_RETRYING] = {"◔", COLOUR_YELLOW},    [PROC_SUCCEEDED] = {"✓", COLOUR_GREEN},
    [PROC_JOB_FAILED] = {"✗", COLOUR_RED},     [PROC_CANCELLED] = {"■", COLOUR_YELLOW},
};

/* Glyphs are part of the text: people look for "● running" in a pipe too. */
void add_state(struct table *table, enum proc_state state, const char *text) {
    const char *word = state == PROC_UNKNOWN && text ? text : proc_state_name(state);
    table_add(table, state_looks[state].colour, "%s %s", state_looks[state].glyph, word);
}

void add_phase(struct table *table, enum proc_phase phase) {
    table_add(table, phase_looks[phase].colour, "%s %s", phase_looks[phase].glyph,
              proc_phase_name(phase));
}

void add_number(struct table *table, int64_t number) {
    if (number)
        table_add(table, COLOUR_NONE, "%lld", (long long)number);
    else
        table_add(table, COLOUR_GREY, "-");
}

const char *format_time(int64_t ms, char text[TIME_TEXT_BYTES]) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    size_t len = 0;
    if (localtime_r(&seconds, &local))
        len = strftime(text, TIME_TEXT_BYTES, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(text + len, TIME_TEXT_BYTES - len, ".%03d", (int)(ms % 1000));
    return text;
}

void add_time(struct table *table, int64_t ms) {
    char text[TIME_TEXT_BYTES];
    if (ms > 0)
        table_add(table, COLOUR_NONE, "%.19s", format_time(ms, text));
    else
        table_add(table, COLOUR_GREY, "-");
}

void add_age(struct table *table, int64_t since_ms) {
    char text[DURATION_TEXT_BYTES];
    if (since_ms > 0)
        table_add(table, COLOUR_NONE, "%s", duration_format(rpc_clock_wall_ms() - since_ms, text));
    else
        table_add(table, COLOUR_GREY, "-");
}

void add_text(struct table *table, const char *text) {
    if (text)
        table_add(table, COLOUR_NONE, "%.*s", (int)strcspn(text, "\n"), text);
    else
        table_add(table, COLOUR_GREY, "-");
}

bool show_table(struct table *table) {
    struct style style = style_of(stdout);
    if (table_print(table, stdout, &style)) return true;
    tell("out of memory");
    return false;
}
