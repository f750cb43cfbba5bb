#include "text/layout.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct line {
    const char *text;
    size_t len; /* without the newline */
    bool has_newline;
};

/* The next line of what is left; false at the end. */
static bool next_line(const char **at, const char *end, struct line *ret_line) {
    if (*at == end) return false;
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    const char *stop = newline ? newline : end;
    *ret_line = (struct line){*at, (size_t)(stop - *at), newline != NULL};
    *at = newline ? newline + 1 : end;
    return true;
}

static size_t indentation(const struct line *line) {
    size_t count = 0;
    while (count < line->len && isspace((unsigned char)line->text[count]))
        count++;
    return count;
}

static bool is_blank(const struct line *line) {
    return indentation(line) == line->len;
}

/* Of all lines that are not blank. */
static size_t common_indentation(const char *at, const char *end) {
    size_t common = SIZE_MAX;
    struct line line;
    while (next_line(&at, end, &line)) {
        size_t own = indentation(&line);
        if (own < line.len && own < common) common = own;
    }
    return common == SIZE_MAX ? 0 : common;
}

static char *add(char *out, const char *text, size_t len) {
    memcpy(out, text, len);
    return out + len;
}

static char *add_dedented(char *out, const char *at, const char *end, size_t indent) {
    struct line line;
    while (next_line(&at, end, &line)) {
        if (!is_blank(&line)) out = add(out, line.text + indent, line.len - indent);
        if (line.has_newline) *out++ = '\n';
    }
    return out;
}

static char *finish(char *made, char *out, size_t *ret_len) {
    *out = '\0';
    *ret_len = (size_t)(out - made);
    return made;
}

char *layout_dedent(const char *text, size_t len, size_t *ret_len) {
    char *made = malloc(len + 1);
    if (!made) return NULL;
    const char *end = text + len;
    return finish(made, add_dedented(made, text, end, common_indentation(text, end)), ret_len);
}

/* The blank lines at both ends, and the newline before the last of them. */
static void trim_blank_lines(const char **start, const char **end) {
    const char *at = *start;
    struct line line;
    while (next_line(&at, *end, &line) && is_blank(&line))
        *start = at;
    while (*end > *start && isspace((unsigned char)(*end)[-1]))
        (*end)--;
}

char *layout_dedent_block(const char *text, size_t len, size_t *ret_len) {
    char *made = malloc(len + 1), *out = made;
    if (!made) return NULL;
    const char *end = text + len, *start = text;
    struct line first;
    bool has_first = next_line(&start, end, &first) && !is_blank(&first);
    if (has_first) {
        size_t indent = indentation(&first);
        out = add(out, first.text + indent, first.len - indent);
        *out++ = '\n';
        while (end > start && isspace((unsigned char)end[-1]))
            end--;
    } else {
        trim_blank_lines(&start, &end);
    }
    return finish(made, add_dedented(out, start, end, common_indentation(start, end)), ret_len);
}

char *layout_prefix(const char *text, size_t len, const char *prefix, size_t prefix_len,
                    size_t *ret_len) {
    size_t lines = 0;
    const char *at = text, *end = text + len;
    struct line line;
    while (next_line(&at, end, &line))
        lines++;
    size_t extra;
    if (__builtin_mul_overflow(lines, prefix_len, &extra) || extra > SIZE_MAX - len - 1) return NULL;
    char *made = malloc(len + extra + 1), *out = made;
    if (!made) return NULL;
    for (at = text; next_line(&at, end, &line);) {
        out = add(out, prefix, prefix_len);
        out = add(out, line.text, line.len);
        if (line.has_newline) *out++ = '\n';
    }
    return finish(made, out, ret_len);
}

char *layout_strip_markers(const char *text, size_t len, const char *marker, size_t *ret_len) {
    char *made = malloc(len + 1), *out = made;
    if (!made) return NULL;
    const char *at = text, *end = text + len;
    size_t marker_len = strlen(marker);
    struct line line;
    while (next_line(&at, end, &line)) {
        size_t skip = indentation(&line);
        bool is_marked = line.len - skip >= marker_len &&
                         memcmp(line.text + skip, marker, marker_len) == 0;
        struct line rest = {line.text + skip, line.len - skip, false};
        if (is_marked) rest = (struct line){rest.text + marker_len, rest.len - marker_len, false};
        skip = indentation(&rest);
        size_t stop = rest.len;
        while (stop > skip && isspace((unsigned char)rest.text[stop - 1]))
            stop--;
        if (out > made) *out++ = '\n';
        out = add(out, rest.text + skip, stop - skip);
    }
    return finish(made, out, ret_len);
}

char *layout_name_fix(const char *name, size_t len, size_t *ret_len) {
    char *made = malloc(len + 1), *out = made;
    if (!made) return NULL;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c >= 0x80) continue;
        if (isalnum(c) || c == '.')
            *out++ = (char)tolower(c);
        else if (out == made || out[-1] != '_')
            *out++ = '_';
    }
    return finish(made, out, ret_len);
}

char *layout_path_fix(const char *path, size_t len, size_t *ret_len) {
    const char *slash = memrchr(path, '/', len);
    size_t dir_len = slash ? (size_t)(slash - path) + 1 : 0, name_len;
    char *name = layout_name_fix(path + dir_len, len - dir_len, &name_len);
    char *made = name ? malloc(dir_len + name_len + 1) : NULL;
    if (made) finish(made, add(add(made, path, dir_len), name, name_len), ret_len);
    free(name);
    return made;
}
