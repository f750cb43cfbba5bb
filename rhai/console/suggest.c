#include "suggest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LEN = 63, NEAREST = 3 };

typedef struct search {
    char wanted[NAME_MAX_LEN + 1];
    enum { WANT_VARIABLE, WANT_FUNCTION, WANT_PROPERTY } what;
    size_t limit; /* largest distance that still counts as near */
    struct {
        char name[NAME_MAX_LEN + 1];
        size_t distance;
    } best[NEAREST];
    size_t len;
} search;

/* Insertions, deletions, replacements and swaps of neighbours that turn one into the other. */
static size_t edit_distance(const char *a, const char *b) {
    size_t m = strlen(a), n = strlen(b);
    size_t rows[3][NAME_MAX_LEN + 1], *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= n; j++)
        last[j] = j;
    for (size_t i = 1; i <= m; i++) {
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[n];
}

/* Keeps the nearest names, nearest first; of equals the one offered first. */
static void offer(search *s, const char *name, size_t len) {
    char text[NAME_MAX_LEN + 1];
    if (!len || len > NAME_MAX_LEN) return;
    snprintf(text, sizeof text, "%.*s", (int)len, name);
    size_t distance = edit_distance(s->wanted, text);
    if (!distance || distance > s->limit) return;
    size_t at = s->len;
    for (size_t i = s->len; i-- > 0;) {
        if (!strcmp(s->best[i].name, text)) return;
        if (distance < s->best[i].distance) at = i;
    }
    if (at == NEAREST) return;
    if (s->len < NEAREST) s->len++;
    memmove(&s->best[at + 1], &s->best[at], (s->len - at - 1) * sizeof s->best[0]);
    memcpy(s->best[at].name, text, sizeof text);
    s->best[at].distance = distance;
}

/* ---- Where names come from ---------------------------------------------------------------- */

static void offer_native(void *data, const rhai_native *native) {
    search *s = data;
    const char *name = native->name;
    bool is_getter = !strncmp(name, "get$", 4);
    if (s->what == WANT_PROPERTY ? !is_getter : is_getter || !native->doc) return;
    if (is_getter) name += 4;
    if (isalpha((unsigned char)*name)) offer(s, name, strlen(name));
}

static void offer_script_function(void *data, const rhai_script_function *function) {
    offer(data, function->name, strlen(function->name));
}

static bool is_name_char(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

static bool is_word(const char *at, size_t len, const char *word) {
    return strlen(word) == len && !memcmp(at, word, len);
}

/* Names behind let, const, for and fn, and parameters: read off the text, as the variables are
 * gone when the error arrives. */
static void offer_defined(search *s, const char *script, size_t len) {
    const char *end = script + len;
    bool defines = false, in_list = false;
    for (const char *p = script; p < end; p++) {
        if (*p == ')' || *p == '{' || *p == ';' || *p == '=') in_list = false;
        if (*p == '|') in_list = !in_list;
        if (!is_name_char(*p) || isdigit((unsigned char)*p)) continue;
        const char *word = p;
        while (p < end && is_name_char(*p))
            p++;
        size_t word_len = (size_t)(p - word);
        p--;
        if (is_word(word, word_len, "fn") || is_word(word, word_len, "for")) {
            defines = in_list = true;
        } else if (is_word(word, word_len, "let") || is_word(word, word_len, "const") ||
                   is_word(word, word_len, "as")) {
            defines = true;
        } else if (is_word(word, word_len, "in")) {
            in_list = false;
        } else {
            if (defines || in_list) offer(s, word, word_len);
            defines = false;
        }
    }
}

/* ---- Entry -------------------------------------------------------------------------------- */

/* The unknown name stands in the text behind one of these. */
static bool read_wanted(search *s, const rhai_error *error) {
    static const struct {
        const char *before;
        unsigned what;
    } texts[] = {
        {"Variable not found: ", WANT_VARIABLE},
        {"Function not found: ", WANT_FUNCTION},
        {"Unknown property '", WANT_PROPERTY},
        {"No writable property '", WANT_PROPERTY},
    };
    const char *text = rhai_error_text(error);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *found = strstr(text, texts[i].before);
        if (!found) continue;
        found += strlen(texts[i].before);
        size_t len = 0;
        while (is_name_char(found[len]))
            len++;
        if (!len || len > NAME_MAX_LEN) return false;
        memcpy(s->wanted, found, len);
        s->wanted[len] = '\0';
        s->what = texts[i].what;
        s->limit = len < 3 ? 1 : (len + 2) / 3;
        return true;
    }
    return false;
}

static bool is_about_names(const rhai_error *error) {
    const char *kind = rhai_error_kind(error);
    return strcmp(kind, "ErrorRuntime") != 0 && strcmp(kind, "ErrorParsing") != 0;
}

void suggest_names(FILE *out, const rhai_error *error, const known_names *known, const char *script,
                   size_t len) {
    search s = {.len = 0};
    if (!is_about_names(error) || !read_wanted(&s, error)) return;
    if (s.what == WANT_VARIABLE && known->scope)
        for (size_t i = 0; i < rhai_scope_len(known->scope); i++) {
            const char *name = rhai_scope_name(known->scope, i);
            offer(&s, name, strlen(name));
        }
    if (s.what != WANT_PROPERTY) offer_defined(&s, script, len);
    if (s.what != WANT_PROPERTY && known->program)
        rhai_each_script_function(known->engine, known->program, offer_script_function, &s);
    rhai_each_function(known->engine, offer_native, &s);
    for (size_t i = 0; i < s.len; i++)
        fprintf(out, "%s%s", i ? ", " : "  did you mean ", s.best[i].name);
    if (s.len) fputs("?\n", out);
}
