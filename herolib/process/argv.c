#include "process/argv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 16

static bool grow(struct argv *argv) {
    size_t cap = argv->cap ? argv->cap * 2 : FIRST_CAP;
    char **items = realloc(argv->items, cap * sizeof *items);
    if (!items) return false;
    argv->items = items;
    argv->cap = cap;
    return true;
}

/* Takes `text` over; NULL means out of memory. */
static void add(struct argv *argv, char *text) {
    if (!text || (argv->count + 1 >= argv->cap && !grow(argv))) {
        argv->is_incomplete = true;
        free(text);
        return;
    }
    argv->items[argv->count++] = text;
    argv->items[argv->count] = NULL;
}

void argv_add(struct argv *argv, const char *text) {
    add(argv, strdup(text));
}

void argv_add_all(struct argv *argv, const char *const *texts) {
    for (size_t i = 0; texts[i]; i++)
        argv_add(argv, texts[i]);
}

void argv_add_format(struct argv *argv, const char *format, ...) {
    char *text;
    va_list values;
    va_start(values, format);
    if (vasprintf(&text, format, values) < 0) text = NULL;
    va_end(values);
    add(argv, text);
}

void argv_done(struct argv *argv) {
    for (size_t i = 0; i < argv->count; i++)
        free(argv->items[i]);
    free(argv->items);
    *argv = (struct argv){0};
}
