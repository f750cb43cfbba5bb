#include "parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const keywords[] = {
    "as",     "break", "catch", "const",  "continue", "do",    "else",  "export", "false",
    "fn",     "for",   "if",    "import", "in",       "let",   "loop",  "return", "private",
    "switch", "this",  "throw", "true",   "try",      "until", "while", NULL};

typedef struct finder {
    completion *found;
    const char *prefix;
    size_t len;
    const char *object_type; /* letter of rhai_native.params for the object of a method; "": any */
    bool is_method;
} finder;

static void offer(finder *f, const char *name) {
    completion *c = f->found;
    if (strncmp(name, f->prefix, f->len) != 0) return;
    if (c->len == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 32;
        char **names = realloc(c->names, cap * sizeof *names);
        if (!names) return;
        c->names = names;
        c->cap = cap;
    }
    if ((c->names[c->len] = strdup(name))) c->len++;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_names(completion *c) {
    size_t kept = 0;
    if (c->len) qsort(c->names, c->len, sizeof *c->names, compare_names);
    for (size_t i = 0; i < c->len; i++) {
        if (kept && !strcmp(c->names[kept - 1], c->names[i]))
            free(c->names[i]);
        else
            c->names[kept++] = c->names[i];
    }
    c->len = kept;
}

void repl_completion_done(completion *c) {
    for (size_t i = 0; i < c->len; i++)
        free(c->names[i]);
    free(c->names);
    *c = (completion){0};
}

/* ---- Functions ---------------------------------------------------------------------------- */

static bool is_word(const char *name) {
    return isalpha((unsigned char)*name) || *name == '_';
}

static void offer_native(void *data, const rhai_native *native) {
    finder *f = data;
    const char *name = native->name, *first = native->params;
    if (f->is_method) {
        bool fits = *first == '?' || (*first && (!*f->object_type || *first == *f->object_type));
        if (!fits) return;
        if (!strncmp(name, "get$", 4)) name += 4;
    }
    if (is_word(name) && !strchr(name, '$')) offer(f, name);
}

static void offer_script_function(void *data, const rhai_script_function *function) {
    offer(data, function->name);
}

static void offer_functions(const repl *r, finder *f) {
    rhai_each_function(r->engine, offer_native, f);
    if (r->program) rhai_each_script_function(r->engine, r->program, offer_script_function, f);
}

/* ---- After a dot -------------------------------------------------------------------------- */

static const char *type_letter(rhai_type type) {
    static const char *const letters[] = {[RHAI_UNIT] = "u",      [RHAI_BOOL] = "b",
                                          [RHAI_INT] = "i",       [RHAI_FLOAT] = "f",
                                          [RHAI_CHAR] = "c",      [RHAI_BYTE] = "y",
                                          [RHAI_TIMESTAMP] = "t", [RHAI_STRING] = "s",
                                          [RHAI_ARRAY] = "a",     [RHAI_BLOB] = "l",
                                          [RHAI_MAP] = "m",       [RHAI_FN] = "F",
                                          [RHAI_RANGE] = "r",     [RHAI_RANGE_INCLUSIVE] = "R",
                                          [RHAI_CUSTOM] = "{",    [RHAI_SHARED] = ""};
    return letters[type];
}

static const rhai_value *member(const rhai_value *object, const char *name, size_t len) {
    return object && rhai_type_of(object) == RHAI_MAP ? rhai_map_get(object, name, len) : NULL;
}

/* The value of the chain of names text[from..to), as in `a.b.c`; NULL: not known. */
static const rhai_value *chain_value(const repl *r, const char *text, size_t from, size_t to) {
    const rhai_value *value = NULL;
    for (size_t at = from; at < to;) {
        const char *dot = memchr(text + at, '.', to - at);
        size_t len = dot ? (size_t)(dot - text) - at : to - at;
        if (at == from) {
            char *name = strndup(text, to);
            if (!name) return NULL;
            name[at + len] = '\0';
            value = rhai_scope_get(r->scope, name + at);
            free(name);
        } else {
            value = member(value, text + at, len);
        }
        if (!value) return NULL;
        at += len + 1;
    }
    return value;
}

static void offer_members(const repl *r, const rhai_value *object, finder *f) {
    f->is_method = true;
    f->object_type = object ? type_letter(rhai_type_of(object)) : "";
    if (object && rhai_type_of(object) == RHAI_MAP) {
        const char *key;
        size_t len;
        for (size_t i = 0; rhai_map_entry(r->engine, object, i, &key, &len); i++)
            if (is_word(key)) offer(f, key);
    }
    offer_functions(r, f);
}

/* ---- Entry -------------------------------------------------------------------------------- */

static size_t word_start(const char *text, size_t end, bool with_dots) {
    while (end && (isalnum((unsigned char)text[end - 1]) || text[end - 1] == '_' ||
                   (with_dots && text[end - 1] == '.')))
        end--;
    return end;
}

void repl_complete(const repl *r, const char *text, size_t len, completion *ret) {
    size_t start = word_start(text, len, false);
    *ret = (completion){.typed = len - start};
    char *prefix = strndup(text + start, len - start);
    if (!prefix) return;
    finder f = {.found = ret, .prefix = prefix, .len = len - start, .object_type = ""};

    if (start == 1 && text[0] == '.') {
        for (const repl_command *c = repl_commands; c->name; c++)
            offer(&f, c->name + 1);
    } else if (start && text[start - 1] == '.') {
        size_t chain = word_start(text, start - 1, true);
        offer_members(r, chain_value(r, text, chain, start - 1), &f);
    } else {
        for (size_t i = 0; i < rhai_scope_len(r->scope); i++)
            offer(&f, rhai_scope_name(r->scope, i));
        for (size_t i = 0; keywords[i]; i++)
            offer(&f, keywords[i]);
        offer_functions(r, &f);
    }
    free(prefix);
    sort_names(ret);
}
