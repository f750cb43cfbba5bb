#include "case_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Spans -------------------------------------------------------------------------------- */

bool span_next_line(span *rest, span *ret_line) {
    if (!rest->len) return false;
    const char *newline = memchr(rest->text, '\n', rest->len);
    size_t len = newline ? (size_t)(newline - rest->text) : rest->len;
    *ret_line = (span){rest->text, len};
    size_t used = newline ? len + 1 : len;
    rest->text += used;
    rest->len -= used;
    return true;
}

bool span_is(span s, const char *text) {
    return s.len == strlen(text) && !memcmp(s.text, text, s.len);
}

/* If s begins with prefix, *ret is what follows it. */
static bool after_prefix(span s, const char *prefix, span *ret) {
    size_t len = strlen(prefix);
    if (s.len < len || memcmp(s.text, prefix, len) != 0) return false;
    *ret = (span){s.text + len, s.len - len};
    return true;
}

/* ---- The reader --------------------------------------------------------------------------- */

typedef struct reader {
    const char *path; /* as given, for messages */
    const char *base;
    span rest;
    unsigned line; /* number of the line read last */
    test_case now;
} reader;

static bool fail_at(const reader *r, const char *message, span what) {
    fprintf(stderr, "%s:%u: %s: %.*s\n", r->path, r->line, message, (int)what.len, what.text);
    return false;
}

static bool next_line(reader *r, span *ret) {
    if (!span_next_line(&r->rest, ret)) return false;
    r->line++;
    return true;
}

/* Looks at the next line without taking it. */
static bool peek_line(const reader *r, span *ret) {
    span rest = r->rest;
    return span_next_line(&rest, ret);
}

static bool is_title(span line) {
    span name;
    return after_prefix(line, "=== ", &name);
}

static bool read_limit(reader *r, span setting) {
    char name[64], value[32], *end;
    if (setting.len >= sizeof name) return fail_at(r, "no such limit", setting);
    char text[sizeof name];
    memcpy(text, setting.text, setting.len);
    text[setting.len] = '\0';
    rhai_limit limit;
    if (sscanf(text, "%63s %31s", name, value) != 2 || !rhai_limit_by_name(name, &limit))
        return fail_at(r, "no such limit", setting);
    r->now.limit[limit] = strtoull(value, &end, 10);
    if (*end) return fail_at(r, "not a number", setting);
    r->now.has_limit[limit] = true;
    return true;
}

static bool read_optimize(reader *r, span level) {
    if (span_is(level, "none"))
        r->now.optimize = RHAI_OPTIMIZE_NONE;
    else if (span_is(level, "simple"))
        r->now.optimize = RHAI_OPTIMIZE_SIMPLE;
    else if (span_is(level, "full"))
        r->now.optimize = RHAI_OPTIMIZE_FULL;
    else
        return fail_at(r, "no such level", level);
    return true;
}

/* A module's text goes up to the next line that starts with @. */
static bool read_module(reader *r, span path) {
    if (r->now.module_count == CASE_MODULES_MAX) return fail_at(r, "too many modules", path);
    case_module *m = &r->now.modules[r->now.module_count++];
    *m = (case_module){.path = path, .text = {r->rest.text, 0}};
    span line;
    while (peek_line(r, &line) && (!line.len || line.text[0] != '@')) {
        if (is_title(line)) return fail_at(r, "a module without @script", path);
        next_line(r, &line);
    }
    m->text.len = (size_t)(r->rest.text - m->text.text);
    return true;
}

/* Reads what stands between the title and the script. */
static bool read_directives(reader *r) {
    span line, what;
    while (peek_line(r, &line) && line.len && line.text[0] == '@') {
        next_line(r, &line);
        if (span_is(line, "@script")) return true;
        if (span_is(line, "@strict_variables")) {
            r->now.strict_variables = true;
            continue;
        }
        bool ok = after_prefix(line, "@limit ", &what)      ? read_limit(r, what)
                  : after_prefix(line, "@optimize ", &what) ? read_optimize(r, what)
                  : after_prefix(line, "@module ", &what)   ? read_module(r, what)
                                                            : fail_at(r, "no such directive", line);
        if (!ok) return false;
    }
    return true;
}

static bool read_script(reader *r) {
    span line, section;
    r->now.script = (span){r->rest.text, 0};
    while (peek_line(r, &line) && !after_prefix(line, "--- ", &section)) {
        if (is_title(line)) return fail_at(r, "a case without an expectation", r->now.name);
        next_line(r, &line);
    }
    r->now.script.len = (size_t)(r->rest.text - r->now.script.text);
    if (!r->rest.len) return fail_at(r, "a case without an expectation", r->now.name);
    return true;
}

/* The sections up to the next title: out and err at most once and in this order, then exactly
 * one of value and error. */
static bool read_expected(reader *r) {
    enum { NOTHING, OUT, ERR, END } last = NOTHING;
    span line, section;
    r->now.expected = (span){r->rest.text, 0};
    while (peek_line(r, &line) && !is_title(line)) {
        next_line(r, &line);
        if (!after_prefix(line, "--- ", &section)) continue;
        int found = span_is(section, "out")   ? OUT
                    : span_is(section, "err") ? ERR
                    : span_is(section, "error") || after_prefix(section, "value ", &section)
                        ? END
                        : NOTHING;
        if (found == NOTHING) return fail_at(r, "no such section", line);
        if (found <= (int)last) return fail_at(r, "a section in the wrong place", line);
        last = found;
    }
    r->now.expected.len = (size_t)(r->rest.text - r->now.expected.text);
    if (last != END) return fail_at(r, "a case without a value or an error", r->now.name);
    return true;
}

static bool add_case(case_list *list, const test_case *c) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 256;
        test_case *cases = realloc(list->cases, capacity * sizeof *cases);
        if (!cases) return false;
        list->cases = cases;
        list->capacity = capacity;
    }
    list->cases[list->count++] = *c;
    return true;
}

/* `first` is the index of the file's first case in the list. */
static bool read_case(reader *r, case_list *list, size_t first, span name) {
    for (size_t i = first; i < list->count; i++) {
        span other = list->cases[i].name;
        if (other.len == name.len && !memcmp(other.text, name.text, name.len))
            return fail_at(r, "a second case of this name", name);
    }
    r->now = (test_case){
        .file = r->base, .name = name, .line = r->line, .optimize = RHAI_OPTIMIZE_SIMPLE};
    if (!read_directives(r) || !read_script(r) || !read_expected(r)) return false;
    return add_case(list, &r->now) || fail_at(r, "out of memory", name);
}

/* ---- Files -------------------------------------------------------------------------------- */

static char *read_text(const char *path, size_t *ret_len) {
    char *text = NULL;
    size_t cap = 0;
    FILE *in = fopen(path, "re");
    if (!in) return NULL;
    /* No .cases file has a NUL in it, so all of it is one "line". */
    ssize_t len = getdelim(&text, &cap, '\0', in);
    int error = errno;
    if (len < 0) {
        free(text);
        text = ferror(in) ? NULL : calloc(1, 1);
        len = 0;
    }
    fclose(in);
    errno = error;
    *ret_len = (size_t)len;
    return text;
}

static bool keep_text(case_list *list, char *text) {
    char **texts = realloc(list->texts, (list->text_count + 1) * sizeof *texts);
    if (!texts) {
        free(text);
        return false;
    }
    list->texts = texts;
    list->texts[list->text_count++] = text;
    return true;
}

bool case_file_read(case_list *list, const char *path) {
    size_t len;
    char *text = read_text(path, &len);
    if (!text || !keep_text(list, text)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    const char *slash = strrchr(path, '/');
    reader r = {.path = path, .base = slash ? slash + 1 : path, .rest = {text, len}};
    size_t first = list->count;
    span line, name;
    while (next_line(&r, &line))
        if (after_prefix(line, "=== ", &name) && !read_case(&r, list, first, name)) return false;
    if (list->count == first) return fail_at(&r, "no cases", (span){"", 0});
    return true;
}

void case_list_done(case_list *list) {
    for (size_t i = 0; i < list->text_count; i++)
        free(list->texts[i]);
    free(list->texts);
    free(list->cases);
    *list = (case_list){0};
}
