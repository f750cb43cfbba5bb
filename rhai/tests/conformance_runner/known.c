#include "known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_entry(const char *line) {
    return *line && *line != '#';
}

static bool add_line(known_list *known, char *line) {
    char **lines = realloc(known->lines, (known->count + 1) * sizeof *lines);
    if (!lines) return false;
    known->lines = lines;
    known->lines[known->count++] = line;
    return true;
}

bool known_read(known_list *known, const char *path) {
    FILE *in = fopen(path, "re");
    bool ok = in != NULL;
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while (ok && (len = getline(&line, &cap, in)) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        char *copy = strdup(line);
        ok = copy && add_line(known, copy);
        if (!ok) free(copy);
    }
    if (!ok) fprintf(stderr, "%s: %s\n", path, strerror(errno));
    free(line);
    if (in) fclose(in);
    return ok;
}

/* The part after "file:" if the line is an entry of that file, else NULL. */
static const char *entry_of(const char *line, const char *file) {
    size_t len = strlen(file);
    return is_entry(line) && !strncmp(line, file, len) && line[len] == ':' ? line + len + 1 : NULL;
}

bool known_has(const known_list *known, const test_case *c) {
    for (size_t i = 0; i < known->count; i++) {
        const char *name = entry_of(known->lines[i], c->file);
        if (name && span_is(c->name, name)) return true;
    }
    return false;
}

void known_each(const known_list *known, const char *file,
                void (*visit)(void *data, const char *name), void *data) {
    for (size_t i = 0; i < known->count; i++) {
        const char *name = entry_of(known->lines[i], file);
        if (name) visit(data, name);
    }
}

void known_done(known_list *known) {
    for (size_t i = 0; i < known->count; i++)
        free(known->lines[i]);
    free(known->lines);
    *known = (known_list){0};
}

static bool is_of_files(const char *line, const char *const *files, size_t file_count) {
    for (size_t i = 0; i < file_count; i++)
        if (entry_of(line, files[i])) return true;
    return false;
}

bool known_write(const known_list *old, const char *path, const char *const *files,
                 size_t file_count, const test_case *const *failing, size_t failing_count) {
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.new", path) < 0) return false;
    FILE *out = fopen(temporary, "we");
    for (size_t i = 0; out && i < old->count; i++)
        if (!is_of_files(old->lines[i], files, file_count)) fprintf(out, "%s\n", old->lines[i]);
    for (size_t i = 0; out && i < failing_count; i++)
        fprintf(out, "%s:%.*s\n", failing[i]->file, (int)failing[i]->name.len,
                failing[i]->name.text);
    bool is_written = out && !ferror(out);
    if (out && fclose(out) != 0) is_written = false;
    bool ok = is_written && rename(temporary, path) == 0;
    if (!ok) fprintf(stderr, "%s: %s\n", path, strerror(errno));
    free(temporary);
    return ok;
}
