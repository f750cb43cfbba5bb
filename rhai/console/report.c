#include <rhai_console/report.h>

#include "suggest.h"

#include <string.h>
#include <unistr.h>
#include <uniwidth.h>

/* Characters shown of a source line; of a longer one the part around the column. */
enum { SHOWN_MAX = 120, SHOWN_BEFORE = 80 };

static bool find_line(const script_text *t, uint32_t number, const char **ret_line,
                      size_t *ret_len) {
    const char *line = t->text, *end = t->text + t->len;
    for (uint32_t n = 1; n < number; n++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        if (!newline) return false;
        line = newline + 1;
    }
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    size_t len = (size_t)((newline ? newline : end) - line);
    if (len && line[len - 1] == '\r') len--;
    *ret_line = line;
    *ret_len = len;
    return true;
}

/* One character of a source line: what shows it, and what fills its place on the line of the
 * caret. Control characters other than the tab would act on the terminal; they show as '?'. */
static void put_char(FILE *out, const char *bytes, int size, ucs4_t c) {
    if (c != '\t' && uc_width(c, "UTF-8") < 0)
        fputc('?', out);
    else
        fwrite(bytes, 1, (size_t)size, out);
}

static void put_blank(FILE *out, ucs4_t c) {
    if (c == '\t') {
        fputc('\t', out);
        return;
    }
    int width = uc_width(c, "UTF-8");
    for (int i = width < 0 ? 1 : width; i > 0; i--)
        fputc(' ', out);
}

typedef void (*put_fn)(FILE *out, const char *bytes, int size, ucs4_t c);

static void put_blank_char(FILE *out, const char *bytes, int size, ucs4_t c) {
    (void)bytes, (void)size;
    put_blank(out, c);
}

/* Calls put for characters from..to (counted from 0) of the line; returns false if the line
 * ends before `to`. */
static bool each_char(FILE *out, const char *line, size_t len, size_t from, size_t to, put_fn put) {
    size_t at = 0;
    for (size_t i = 0; i < to; i++) {
        if (at == len) return false;
        ucs4_t c;
        int size = u8_mbtouc(&c, (const uint8_t *)line + at, len - at);
        if (i >= from) put(out, line + at, size, c);
        at += (size_t)size;
    }
    return at < len;
}

static void report_line(FILE *out, const char *line, size_t len, rhai_pos pos) {
    size_t column = pos.column ? pos.column - 1 : 0;
    size_t from = column > SHOWN_BEFORE ? column - SHOWN_BEFORE : 0;
    const char *before = from ? "..." : "";

    fprintf(out, "%5u | %s", (unsigned)pos.line, before);
    bool more = each_char(out, line, len, from, from + SHOWN_MAX, put_char);
    fprintf(out, "%s\n", more ? "..." : "");
    if (!pos.column) return;
    fprintf(out, "      | %*s", (int)strlen(before), "");
    each_char(out, line, len, from, column, put_blank_char);
    fprintf(out, "^\n");
}

static void report_place(FILE *out, const rhai_error *error, const char *script_path,
                         const script_text *script, const module_files *modules) {
    rhai_pos pos = rhai_error_pos(error);
    if (!pos.line) return;

    const char *source = rhai_error_source(error);
    const char *path = source ? module_files_find(modules, source) : script_path;
    fprintf(out, "  --> %s:%u", path ? path : source, (unsigned)pos.line);
    if (pos.column) fprintf(out, ":%u", (unsigned)pos.column);
    fputc('\n', out);

    script_text module = {0};
    if (source && (!path || script_read(path, &module) != 0)) return;
    const char *line;
    size_t len;
    if (find_line(source ? &module : script, pos.line, &line, &len))
        report_line(out, line, len, pos);
    script_text_done(&module);
}

void report_error(FILE *out, const rhai_error *error, const char *script_path,
                  const script_text *script, const module_files *modules,
                  const known_names *known) {
    report_place(out, error, script_path, script, modules);
    suggest_names(out, error, known, script->text, script->len);
}
