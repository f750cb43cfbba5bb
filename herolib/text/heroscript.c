#include "text/heroscript.h"

#include "text/layout.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_MAX 3

struct reader {
    rhai_engine *engine;
    const char *at, *end;
    unsigned line;
    const char *comment; /* lines of comment just before, NULL: none */
    const char *comment_end;
    struct heroscript_error *err;
};

static bool fail(struct reader *reader, unsigned line, const char *what, const char *text,
                 size_t len) {
    reader->err->line = line;
    snprintf(reader->err->message, sizeof reader->err->message, "%s%.*s", what,
             (int)(len < 100 ? len : 100), text);
    return false;
}

static bool fail_memory(struct reader *reader) {
    reader->err->line = 0;
    snprintf(reader->err->message, sizeof reader->err->message, "out of memory");
    return false;
}

/* ---- Building values --------------------------------------------------------------------- */

/* Takes *item over. */
static bool set_member(struct reader *reader, rhai_value *map, const char *key, size_t key_len,
                       rhai_value *item) {
    return rhai_map_set(reader->engine, map, key, key_len, item) == RHAI_OK || fail_memory(reader);
}

static bool set_text(struct reader *reader, rhai_value *map, const char *key, const char *text,
                     size_t len) {
    rhai_value value;
    if (rhai_from_text(reader->engine, text, len, &value) != RHAI_OK) return fail_memory(reader);
    return set_member(reader, map, key, strlen(key), &value);
}

static bool set_int(struct reader *reader, rhai_value *map, const char *key, int64_t number) {
    rhai_value value = rhai_from_int(number);
    return set_member(reader, map, key, strlen(key), &value);
}

/* ---- Words ------------------------------------------------------------------------------- */

/* White space inside a line. */
static bool is_space(char c) {
    return isspace((unsigned char)c) && c != '\n';
}

static bool is_name_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static void skip_line(struct reader *reader) {
    const char *newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    reader->at = newline ? newline + 1 : reader->end;
    reader->line++;
}

static bool is_comment(const struct reader *reader) {
    return reader->end - reader->at >= 2 && reader->at[0] == '/' && reader->at[1] == '/';
}

/* To the next word of this action, over line ends and comments. False at the action's end, which is
 * a line that is not indented, or is blank. */
static bool skip_to_word(struct reader *reader) {
    for (;;) {
        while (reader->at < reader->end && is_space(*reader->at))
            reader->at++;
        if (reader->at == reader->end) return false;
        if (*reader->at != '\n' && !is_comment(reader)) return true;
        skip_line(reader);
        if (reader->at == reader->end || !is_space(*reader->at)) return false;
        const char *first = reader->at;
        while (first < reader->end && is_space(*first))
            first++;
        if (first == reader->end || *first == '\n' || *first == '!') return false;
    }
}

/* A quoted text; `at` is at the quote. */
static bool read_quoted(struct reader *reader, rhai_value *ret) {
    char quote = *reader->at++;
    const char *start = reader->at, *close = memchr(start, quote, (size_t)(reader->end - start));
    if (!close) return fail(reader, reader->line, "a text in quotes has no end: ", start - 1,
                            strcspn(start - 1, "\n"));
    for (const char *c = start; c < close; c++)
        reader->line += *c == '\n';
    reader->at = close + 1;
    size_t len = (size_t)(close - start);
    if (!memchr(start, '\n', len))
        return rhai_from_text(reader->engine, start, len, ret) == RHAI_OK || fail_memory(reader);
    char *dedented = layout_dedent_block(start, len, &len);
    bool is_made = dedented && rhai_from_text(reader->engine, dedented, len, ret) == RHAI_OK;
    free(dedented);
    return is_made || fail_memory(reader);
}

static bool read_word(struct reader *reader, rhai_value *ret) {
    const char *start = reader->at;
    while (reader->at < reader->end && !isspace((unsigned char)*reader->at))
        reader->at++;
    size_t len = (size_t)(reader->at - start);
    return rhai_from_text(reader->engine, start, len, ret) == RHAI_OK || fail_memory(reader);
}

static bool read_value(struct reader *reader, rhai_value *ret) {
    while (reader->at < reader->end && is_space(*reader->at))
        reader->at++;
    bool is_end = reader->at == reader->end || *reader->at == '\n' || is_comment(reader);
    if (is_end) return rhai_from_text(reader->engine, "", 0, ret) == RHAI_OK || fail_memory(reader);
    bool is_quoted = *reader->at == '\'' || *reader->at == '"';
    return is_quoted ? read_quoted(reader, ret) : read_word(reader, ret);
}

/* ---- An action --------------------------------------------------------------------------- */

/* The length of a key with its colon at `at`; 0 when an argument stands there. */
static size_t key_len(const struct reader *reader) {
    const char *c = reader->at;
    while (c < reader->end && is_name_char(*c))
        c++;
    if (c == reader->at || c == reader->end || *c != ':') return 0;
    /* https://... is an argument. */
    bool is_url = reader->end - c > 2 && c[1] == '/' && c[2] == '/';
    return is_url ? 0 : (size_t)(c - reader->at) + 1;
}

static bool read_param(struct reader *reader, size_t len, rhai_value *params) {
    char key[128];
    rhai_value value;
    if (len > sizeof key)
        return fail(reader, reader->line, "the name of a parameter is too long: ", reader->at, len);
    for (size_t i = 0; i + 1 < len; i++)
        key[i] = (char)tolower((unsigned char)reader->at[i]);
    reader->at += len;
    return read_value(reader, &value) && set_member(reader, params, key, len - 1, &value);
}

static bool read_argument(struct reader *reader, rhai_value *args) {
    rhai_value value;
    if (!read_value(reader, &value)) return false;
    return rhai_array_push(reader->engine, args, &value) == RHAI_OK || fail_memory(reader);
}

static bool read_params(struct reader *reader, rhai_value *params, rhai_value *args) {
    while (skip_to_word(reader)) {
        size_t len = key_len(reader);
        bool is_read = len ? read_param(reader, len, params) : read_argument(reader, args);
        if (!is_read) return false;
    }
    return true;
}

static bool set_comment(struct reader *reader, rhai_value *action) {
    char *text = NULL;
    size_t len = 0;
    if (reader->comment) {
        text = layout_strip_markers(reader->comment, (size_t)(reader->comment_end - reader->comment),
                                    "//", &len);
        if (!text) return fail_memory(reader);
    }
    bool is_set = set_text(reader, action, "comment", text ? text : "", len);
    free(text);
    return is_set;
}

/* `!!actor.name`, at the first "!". */
static bool read_head(struct reader *reader, rhai_value *action) {
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at == '!')
        reader->at++;
    int64_t level = reader->at - start;
    const char *name = reader->at, *dot = NULL;
    for (; reader->at < reader->end && (is_name_char(*reader->at) || *reader->at == '.'); reader->at++)
        if (*reader->at == '.' && !dot) dot = reader->at;
    const char *end = reader->at;
    bool is_ended = end == reader->end || isspace((unsigned char)*end);
    bool is_whole = end > name && dot != name && (!dot || dot + 1 < end) && end[-1] != '.';
    if (level > LEVEL_MAX || !is_ended || !is_whole)
        return fail(reader, reader->line, "not the name of an action: ", start,
                    strcspn(start, " \t\r\n"));
    size_t actor_len = dot ? (size_t)(dot - name) : 0;
    const char *own = dot ? dot + 1 : name;
    return set_text(reader, action, "actor", name, actor_len) &&
           set_text(reader, action, "name", own, (size_t)(end - own)) &&
           set_int(reader, action, "level", level) &&
           set_int(reader, action, "line", reader->line) && set_comment(reader, action);
}

static bool read_action(struct reader *reader, rhai_value *actions) {
    rhai_engine *engine = reader->engine;
    rhai_value action = rhai_unit(), params = rhai_unit(), args = rhai_unit();
    bool is_done = rhai_new_map(engine, &action) == RHAI_OK &&
                   rhai_new_map(engine, &params) == RHAI_OK &&
                   rhai_new_array(engine, &args) == RHAI_OK;
    is_done = is_done ? read_head(reader, &action) && read_params(reader, &params, &args)
                      : fail_memory(reader);
    is_done = is_done && set_member(reader, &action, "params", 6, &params) &&
              set_member(reader, &action, "args", 4, &args);
    if (is_done && rhai_array_push(engine, actions, &action) != RHAI_OK) is_done = fail_memory(reader);
    rhai_value_done(engine, &action);
    rhai_value_done(engine, &params);
    rhai_value_done(engine, &args);
    reader->comment = NULL;
    return is_done;
}

static void note_comment(struct reader *reader) {
    if (!reader->comment) reader->comment = reader->at;
    skip_line(reader);
    reader->comment_end = reader->at;
}

static bool read_line(struct reader *reader, rhai_value *actions) {
    while (reader->at < reader->end && is_space(*reader->at))
        reader->at++;
    if (is_comment(reader)) {
        note_comment(reader);
        return true;
    }
    /* ![...] is a picture in Markdown. */
    bool is_action = reader->at < reader->end && *reader->at == '!' &&
                     !(reader->end - reader->at > 1 && reader->at[1] == '[');
    if (is_action) return read_action(reader, actions);
    reader->comment = NULL;
    skip_line(reader);
    return true;
}

bool heroscript_parse(rhai_engine *engine, const char *text, size_t len, rhai_value *ret,
                      struct heroscript_error *err) {
    struct reader reader = {
        .engine = engine, .at = text, .end = text + len, .line = 1, .err = err};
    if (len > HEROSCRIPT_MAX_BYTES) return fail(&reader, 1, "the text is larger than 16 MiB", "", 0);
    rhai_value actions;
    if (rhai_new_array(engine, &actions) != RHAI_OK) return fail_memory(&reader);
    while (reader.at < reader.end) {
        if (read_line(&reader, &actions)) continue;
        rhai_value_done(engine, &actions);
        return false;
    }
    *ret = actions;
    return true;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static const char *member_text(const rhai_value *map, const char *key, size_t *ret_len) {
    const rhai_value *value = rhai_map_get(map, key, strlen(key));
    *ret_len = 0;
    return value && rhai_type_of(value) == RHAI_STRING ? rhai_as_text(value, ret_len) : "";
}

/* Bare when it can be, else in quotes that do not stand in it. */
static bool write_value(rhai_engine *engine, const rhai_value *value, FILE *out) {
    rhai_value text;
    size_t len;
    if (rhai_to_text(engine, value, &text) != RHAI_OK) return false;
    const char *bytes = rhai_as_text(&text, &len);
    bool is_bare = len > 0 && bytes[0] != '/' && !memchr(bytes, ':', len);
    for (size_t i = 0; i < len && is_bare; i++)
        is_bare = !isspace((unsigned char)bytes[i]) && bytes[i] != '\'' && bytes[i] != '"';
    char quote = memchr(bytes, '\'', len) ? '"' : '\'';
    bool can_quote = !memchr(bytes, quote, len);
    if (!is_bare) fputc(quote, out);
    for (size_t i = 0; i < len; i++)
        fputc(!can_quote && bytes[i] == quote ? '\'' : bytes[i], out);
    if (!is_bare) fputc(quote, out);
    rhai_value_done(engine, &text);
    return true;
}

static bool write_action(rhai_engine *engine, const rhai_value *action, FILE *out) {
    size_t actor_len, name_len;
    const char *actor = member_text(action, "actor", &actor_len);
    const char *name = member_text(action, "name", &name_len);
    const rhai_value *level = rhai_map_get(action, "level", 5);
    int64_t bangs = level && rhai_type_of(level) == RHAI_INT ? rhai_as_int(level) : 2;
    for (int64_t i = 0; i < bangs && i < LEVEL_MAX; i++)
        fputc('!', out);
    fprintf(out, "%.*s%s%.*s", (int)actor_len, actor, actor_len ? "." : "", (int)name_len, name);
    const rhai_value *args = rhai_map_get(action, "args", 4);
    bool has_args = args && rhai_type_of(args) == RHAI_ARRAY;
    for (size_t i = 0; has_args && i < rhai_array_len(args); i++) {
        fputc(' ', out);
        if (!write_value(engine, rhai_array_at(args, i), out)) return false;
    }
    fputc('\n', out);
    const rhai_value *params = rhai_map_get(action, "params", 6);
    bool has_params = params && rhai_type_of(params) == RHAI_MAP;
    for (size_t i = 0; has_params && i < rhai_map_len(params); i++) {
        const char *key;
        size_t len;
        const rhai_value *value = rhai_map_entry(engine, params, i, &key, &len);
        if (!value) return false;
        fprintf(out, "    %.*s: ", (int)len, key);
        if (!write_value(engine, value, out)) return false;
        fputc('\n', out);
    }
    return true;
}

char *heroscript_write(rhai_engine *engine, const rhai_value *action, size_t *ret_len,
                       struct heroscript_error *err) {
    char *text = NULL;
    size_t name_len;
    err->line = 0;
    member_text(action, "name", &name_len);
    if (name_len == 0) {
        snprintf(err->message, sizeof err->message, "an action needs a name");
        return NULL;
    }
    FILE *out = open_memstream(&text, ret_len);
    bool is_written = out && write_action(engine, action, out);
    if (out && fclose(out) != 0) is_written = false;
    if (is_written) return text;
    free(text);
    snprintf(err->message, sizeof err->message, "out of memory");
    return NULL;
}
