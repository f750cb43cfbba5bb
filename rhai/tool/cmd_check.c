/* cmd_check.c - `rhai check`: every syntax error of some scripts, without running them. */
#include "commands.h"

#include <rhai_console/scripts.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char cmd_check_help[] =
    "rhai check [--json] FILE|-...\n"
    "    Reports every syntax error that can be found, as FILE:LINE:COLUMN: MESSAGE. Exits 0\n"
    "    when there is none, 1 with findings, 2 for wrong usage or a file that cannot be read.\n"
    "      --json                  one array of {file, line, column, message}\n";

typedef struct check {
    rhai_engine *engine;
    const char *file;
    rhai_value findings; /* an array of maps; () unless --json */
    bool is_json;
    bool out_of_memory;
    size_t count;
} check;

/* The text without the position at its end, which stands in front. */
static size_t message_len(const char *text, rhai_pos pos) {
    char end[64];
    size_t len = strlen(text);
    size_t end_len = (size_t)snprintf(end, sizeof end, " (line %u, position %u)",
                                      (unsigned)pos.line, (unsigned)pos.column);
    return len >= end_len && !strcmp(text + len - end_len, end) ? len - end_len : len;
}

static bool set_int(check *c, rhai_value *map, const char *key, uint32_t number) {
    rhai_value v = rhai_from_int(number);
    return rhai_map_set(c->engine, map, key, strlen(key), &v) == RHAI_OK;
}

static bool set_text(check *c, rhai_value *map, const char *key, const char *text, size_t len) {
    rhai_value v;
    return rhai_from_text(c->engine, text, len, &v) == RHAI_OK &&
           rhai_map_set(c->engine, map, key, strlen(key), &v) == RHAI_OK;
}

static bool add_finding(check *c, const char *text, size_t len, rhai_pos pos) {
    rhai_value finding;
    if (rhai_new_map(c->engine, &finding) != RHAI_OK) return false;
    bool ok = set_text(c, &finding, "file", c->file, strlen(c->file)) &&
              set_int(c, &finding, "line", pos.line) &&
              set_int(c, &finding, "column", pos.column) &&
              set_text(c, &finding, "message", text, len);
    ok = ok && rhai_array_push(c->engine, &c->findings, &finding) == RHAI_OK;
    rhai_value_done(c->engine, &finding);
    return ok;
}

static void on_error(void *data, const rhai_error *error) {
    check *c = data;
    const char *text = rhai_error_text(error);
    rhai_pos pos = rhai_error_pos(error);
    size_t len = message_len(text, pos);
    c->count++;
    if (c->is_json)
        c->out_of_memory |= !add_finding(c, text, len, pos);
    else
        printf("%s:%u:%u: %.*s\n", c->file, (unsigned)pos.line, (unsigned)pos.column, (int)len,
               text);
}

static bool print_json(check *c) {
    rhai_value json;
    bool truncated;
    if (rhai_to_json(c->engine, &c->findings, 0, &json, &truncated) != RHAI_OK) return false;
    size_t len;
    const char *text = rhai_as_text(&json, &len);
    printf("%s\n", text);
    rhai_value_done(c->engine, &json);
    return true;
}

/* Returns false after a message when the file cannot be read. */
static bool check_file(check *c, const char *path) {
    script_text script;
    int error = script_read(path, &script);
    if (error) {
        fprintf(stderr, "rhai: cannot read %s: %s\n", path, strerror(error));
        return false;
    }
    c->file = path;
    rhai_check(c->engine, script.text, script.len, on_error, c);
    script_text_done(&script);
    return true;
}

static int check_files(check *c, char **paths, int count) {
    bool all_read = true;
    if (c->is_json && rhai_new_array(c->engine, &c->findings) != RHAI_OK) c->out_of_memory = true;
    for (int i = 0; i < count && !c->out_of_memory; i++) all_read &= check_file(c, paths[i]);
    if (c->is_json && !c->out_of_memory) c->out_of_memory = !print_json(c);
    rhai_value_done(c->engine, &c->findings);
    if (c->out_of_memory) fprintf(stderr, "rhai: out of memory\n");
    if (!all_read) return EXIT_USAGE;
    return c->count || c->out_of_memory ? EXIT_SCRIPT : 0;
}

int cmd_check(int argc, char **argv) {
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    check c = {.findings = rhai_unit()};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'j': c.is_json = true; break;
        case 'h': fputs(cmd_check_help, stdout); return 0;
        default: return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        fprintf(stderr, "rhai check: no script is given; see rhai --help\n");
        return EXIT_USAGE;
    }
    c.engine = rhai_engine_new(NULL);
    if (!c.engine) {
        fprintf(stderr, "rhai: out of memory\n");
        return EXIT_SCRIPT;
    }
    int code = check_files(&c, argv + optind, argc - optind);
    rhai_engine_free(c.engine);
    return code;
}
