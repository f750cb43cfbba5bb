/* inputs.c - what a script declares that it wants to be given: `/// @input` lines.
 *
 * Reads comments only, up to the first thing that is none. Everything found lies in an arena of
 * the result's own heap.
 */
#include "lib/json_read.h"
#include "lib/json_write.h"
#include "syntax/arena.h"
#include "syntax/lex.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_INPUTS = 256, MAX_ERRORS = 256, MAX_NAME = 255 };

typedef struct input_type {
    const char *name;
    const char *schema; /* JSON Schema's name of it */
    rhai_type type;
} input_type;

static const input_type types[] = {
    {"string", "string", RHAI_STRING}, {"int", "integer", RHAI_INT},
    {"float", "number", RHAI_FLOAT},   {"bool", "boolean", RHAI_BOOL},
    {"array", "array", RHAI_ARRAY},    {"map", "object", RHAI_MAP},
};
enum { TYPE_COUNT = sizeof types / sizeof types[0] };

typedef struct store {
    rhai_inputs shown; /* first: what the caller holds */
    heap h;
    arena arena;
    rhai_input items[MAX_INPUTS];
    rhai_input_error errors[MAX_ERRORS];
} store;

/* Inside the doc-comments: between a declaration and the next line that is not its own. */
typedef enum continuation { NOTHING_OPEN, INPUT_OPEN, FAULTY_INPUT_OPEN } continuation;

typedef struct reader {
    store *s;
    const char *p, *end;
    const char *line; /* where the current line begins */
    uint32_t line_number;
    continuation open;
    text input_text;  /* description of the open input */
    text script_text; /* description of the script */
    /* Adjacent lines of doc-comment: where their part of script_text begins. */
    size_t group_start;
    bool in_group, group_declares;
    bool failed; /* out of memory */
} reader;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool begins(const char *p, const char *end, const char *with) {
    size_t len = strlen(with);
    return (size_t)(end - p) >= len && memcmp(p, with, len) == 0;
}

static const char *keep(reader *r, const char *s, size_t len) {
    char *copy = arena_alloc(&r->s->arena, len + 1);
    if (!copy) {
        r->failed = true;
        return "";
    }
    if (len) memcpy(copy, s, len);
    return copy;
}

static const char *keep_text(reader *r, text *t) {
    if (t->failed) r->failed = true;
    const char *kept = keep(r, t->data, t->failed ? 0 : t->len);
    text_done(t);
    return kept;
}

static rhai_pos position(const reader *r, const char *at) {
    uint32_t column = (uint32_t)utf8_count(r->line, (size_t)(at - r->line)) + 1;
    return (rhai_pos){r->line_number, column};
}

/* False, for the caller to hand on. */
__attribute__((format(printf, 3, 4))) static bool fault(reader *r, const char *at,
                                                        const char *format, ...) {
    rhai_inputs *shown = &r->s->shown;
    if (shown->error_count == MAX_ERRORS) return false;
    text message;
    text_init(&message, &r->s->h);
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    r->s->errors[shown->error_count].message = keep_text(r, &message);
    r->s->errors[shown->error_count++].pos = position(r, at);
    return false;
}

/* ---- One declaration: name: type = default  description ---- */

typedef struct declaration {
    const char *p, *end;
    rhai_input input;
} declaration;

static void skip_blanks(declaration *d) {
    while (d->p < d->end && is_blank(*d->p))
        d->p++;
}

/* A run of characters that may be meant as a name or a type. */
static size_t word_length(const declaration *d) {
    size_t len = 0, left = (size_t)(d->end - d->p);
    while (len < left && !is_blank(d->p[len]) && !strchr(":=?", d->p[len]))
        len++;
    return len;
}

static bool read_name(reader *r, declaration *d) {
    skip_blanks(d);
    size_t len = word_length(d);
    d->input.pos = position(r, d->p);
    if (len == 0) return fault(r, d->p, "@input needs a name");
    if (len > MAX_NAME) return fault(r, d->p, "the name is longer than %d bytes", MAX_NAME);
    if (!lex_is_function_name(d->p, len))
        return fault(r, d->p, "'%.*s' cannot be the name of a variable", (int)len, d->p);
    d->input.name = keep(r, d->p, len);
    for (size_t i = 0; i < r->s->shown.count; i++) {
        const rhai_input *other = &r->s->items[i];
        if (strcmp(other->name, d->input.name) == 0)
            return fault(r, d->p, "input '%s' is declared on line %u already", other->name,
                         other->pos.line);
    }
    d->p += len;
    return true;
}

static bool read_type(reader *r, declaration *d) {
    d->input.type = RHAI_UNIT;
    skip_blanks(d);
    if (d->p == d->end || *d->p != ':') return true;
    d->p++;
    skip_blanks(d);
    size_t len = word_length(d);
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (len != strlen(types[i].name) || memcmp(d->p, types[i].name, len) != 0) continue;
        d->input.type = types[i].type;
        d->p += len;
        return true;
    }
    return fault(r, d->p, "input '%s' needs a type: string, int, float, bool, array or map",
                 d->input.name);
}

static const char *type_word(const rhai_value *v) {
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (types[i].type == rhai_type_of(v)) return types[i].name;
    return "null";
}

/* The default's canonical JSON text; a whole number does for a float. */
static bool keep_default(reader *r, declaration *d, const char *at, rhai_value *v) {
    rhai_type wanted = d->input.type;
    if (wanted == RHAI_FLOAT && v->type == RHAI_INT) *v = VALUE_FLOAT((double)v->i);
    if (wanted != RHAI_UNIT && wanted != rhai_type_of(v)) {
        rhai_value model = {.type = (uint8_t)wanted};
        return fault(r, at, "the default of input '%s' must be %s, not %s", d->input.name,
                     type_word(&model), type_word(v));
    }
    text json;
    text_init(&json, &r->s->h);
    if (json_write(&json, v, JSON_STANDARD, 0) != JSON_WRITTEN) r->failed = true;
    d->input.default_json = keep_text(r, &json);
    return true;
}

static bool read_default(reader *r, declaration *d) {
    skip_blanks(d);
    if (d->p == d->end || *d->p != '=') return true;
    d->p++;
    skip_blanks(d);
    json_reader json = {.h = &r->s->h,
                        .text = d->p,
                        .len = (size_t)(d->end - d->p),
                        .max_depth = JSON_MAX_DEPTH,
                        .is_prefix = true};
    rhai_value v;
    switch (json_read(&json, &v)) {
    case JSON_OK: break;
    case JSON_INVALID:
        return fault(r, d->p + json.at, "the default of input '%s' is not JSON: %s", d->input.name,
                     json.message);
    case JSON_NO_MEMORY: r->failed = true; return false;
    }
    bool is_good = keep_default(r, d, d->p, &v);
    value_drop(&r->s->h, &v);
    d->p += json.at;
    return is_good;
}

static bool read_declaration(reader *r, declaration *d) {
    if (r->s->shown.count == MAX_INPUTS)
        return fault(r, d->p, "there are more than %d inputs", MAX_INPUTS);
    if (!utf8_is_valid(d->p, (size_t)(d->end - d->p))) return fault(r, d->p, "invalid UTF-8");
    if (!read_name(r, d) || !read_type(r, d)) return false;
    bool is_optional = d->p < d->end && *d->p == '?';
    d->p += is_optional;
    if (!read_default(r, d)) return false;
    if (d->p < d->end && !is_blank(d->p[0]) && !is_blank(d->p[-1]))
        return fault(r, d->p, "unexpected text in the declaration of input '%s'", d->input.name);
    skip_blanks(d);
    d->input.required = !is_optional && !d->input.default_json;
    return true;
}

/* ---- Lines of doc-comments ---- */

static void add_line(text *t, const char *separator, const char *p, const char *end) {
    if (t->len > 0) text_add_cstr(t, separator);
    text_add_lossy(t, p, (size_t)(end - p));
}

static void close_input(reader *r) {
    if (r->open == INPUT_OPEN)
        r->s->items[r->s->shown.count - 1].description = keep_text(r, &r->input_text);
    r->open = NOTHING_OPEN;
}

static void begin_input(reader *r, const char *p, const char *end) {
    declaration d = {.p = p, .end = end};
    close_input(r);
    r->group_declares = true;
    r->open = FAULTY_INPUT_OPEN;
    if (!read_declaration(r, &d)) return;
    r->s->items[r->s->shown.count++] = d.input;
    r->open = INPUT_OPEN;
    text_add_lossy(&r->input_text, d.p, (size_t)(end - d.p));
}

/* A line without its markers. */
static void read_doc_line(reader *r, const char *p, const char *end) {
    static const char keyword[] = "@input";
    while (end > p && is_blank(end[-1]))
        end--;
    const char *word = p;
    while (word < end && is_blank(*word))
        word++;
    const char *behind = word + sizeof keyword - 1;
    if (begins(word, end, keyword) && (behind == end || is_blank(*behind))) {
        begin_input(r, behind, end);
    } else if (r->open != NOTHING_OPEN && word - p >= 2) {
        if (r->open == INPUT_OPEN) add_line(&r->input_text, " ", word, end);
    } else {
        close_input(r);
        if (word > p) p++;
        if (p < end || r->script_text.len > 0) add_line(&r->script_text, "\n", p, end);
    }
}

static void begin_group(reader *r) {
    if (r->in_group) return;
    r->in_group = true;
    r->group_declares = false;
    r->group_start = r->script_text.len;
}

static void end_group(reader *r) {
    close_input(r);
    r->in_group = false;
}

/* ---- Comments ---- */

static const char *end_of_line(const reader *r, const char *p) {
    const char *newline = memchr(p, '\n', (size_t)(r->end - p));
    return newline ? newline : r->end;
}

static bool line_is_blank(const reader *r) {
    const char *p = r->line;
    while (p < r->p && is_blank(*p))
        p++;
    return p == r->p;
}

/* To the character behind the line's end. */
static void next_line(reader *r, const char *end) {
    r->p = end < r->end ? end + 1 : end;
    r->line = r->p;
    r->line_number++;
}

static void read_line_comment(reader *r) {
    const char *end = end_of_line(r, r->p);
    bool is_of_script = begins(r->p, r->end, "//!");
    if (is_of_script || (begins(r->p, r->end, "///") && !begins(r->p, r->end, "////"))) {
        if (is_of_script) end_group(r);
        begin_group(r);
        read_doc_line(r, r->p + 3, end);
        if (is_of_script) end_group(r);
    } else {
        end_group(r);
    }
    next_line(r, end);
}

/* Behind the comment that begins at p; such comments nest. */
static const char *end_of_block(const reader *r, const char *p) {
    unsigned level = 0;
    do {
        if (begins(p, r->end, "/*")) {
            level++;
            p += 2;
        } else if (begins(p, r->end, "*/")) {
            level--;
            p += 2;
        } else {
            p++;
        }
    } while (level > 0 && p < r->end);
    return p;
}

static void read_block_comment(reader *r) {
    const char *behind = end_of_block(r, r->p);
    bool is_doc = begins(r->p, behind, "/**") && behind - r->p > 4 && r->p[3] != '*';
    if (is_doc)
        begin_group(r);
    else
        end_group(r);
    const char *text_end = begins(behind - 2, behind, "*/") ? behind - 2 : behind;
    r->p += is_doc ? 3 : 2;
    for (;;) {
        const char *end = end_of_line(r, r->p);
        bool is_last = end >= text_end;
        if (is_doc) read_doc_line(r, r->p, is_last ? text_end : end);
        if (is_last) break;
        next_line(r, end);
        const char *star = r->p;
        while (star < text_end && is_blank(*star))
            star++;
        if (star < text_end && *star == '*') r->p = star + 1;
    }
    r->p = behind;
}

/* True: there was a comment, or space. */
static bool read_comment(reader *r) {
    if (r->p == r->end) return false;
    if (is_blank(*r->p)) {
        r->p++;
    } else if (*r->p == '\n') {
        if (line_is_blank(r)) end_group(r);
        next_line(r, r->p);
    } else if (begins(r->p, r->end, "//")) {
        read_line_comment(r);
    } else if (begins(r->p, r->end, "/*")) {
        read_block_comment(r);
    } else {
        return false;
    }
    return true;
}

static void read_comments(reader *r) {
    if (begins(r->p, r->end, "#!")) next_line(r, end_of_line(r, r->p));
    while (read_comment(r)) {
    }
    close_input(r);
    bool before_function = begins(r->p, r->end, "fn ") || begins(r->p, r->end, "private ");
    if (r->in_group && !r->group_declares && before_function) r->script_text.len = r->group_start;
    while (r->script_text.len > 0 && r->script_text.data[r->script_text.len - 1] == '\n')
        r->script_text.len--;
}

/* ---- As JSON Schema ---- */

static void add_property(text *t, const rhai_input *input) {
    const char *separator = "";
    json_write_string(t, input->name, strlen(input->name));
    text_add_cstr(t, ":{");
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (types[i].type != input->type) continue;
        text_printf(t, "\"type\":\"%s\"", types[i].schema);
        separator = ",";
    }
    if (input->description[0]) {
        text_printf(t, "%s\"description\":", separator);
        json_write_string(t, input->description, strlen(input->description));
        separator = ",";
    }
    if (input->default_json) text_printf(t, "%s\"default\":%s", separator, input->default_json);
    text_add_cstr(t, "}");
}

static const char *make_schema(reader *r) {
    const rhai_inputs *shown = &r->s->shown;
    text t;
    text_init(&t, &r->s->h);
    text_add_cstr(&t, "{\"type\":\"object\",");
    if (shown->description[0]) {
        text_add_cstr(&t, "\"description\":");
        json_write_string(&t, shown->description, strlen(shown->description));
        text_add_cstr(&t, ",");
    }
    text_add_cstr(&t, "\"properties\":{");
    for (size_t i = 0; i < shown->count; i++) {
        if (i > 0) text_add_cstr(&t, ",");
        add_property(&t, &shown->items[i]);
    }
    text_add_cstr(&t, "},\"required\":[");
    const char *separator = "";
    for (size_t i = 0; i < shown->count; i++) {
        if (!shown->items[i].required) continue;
        text_add_cstr(&t, separator);
        json_write_string(&t, shown->items[i].name, strlen(shown->items[i].name));
        separator = ",";
    }
    text_add_cstr(&t, "],\"additionalProperties\":false}");
    return keep_text(r, &t);
}

rhai_inputs *rhai_inputs_read(const char *script, size_t len) {
    store *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    heap_init(&s->h, NULL, NULL);
    arena_init(&s->arena, &s->h);
    s->shown.items = s->items;
    s->shown.errors = s->errors;
    reader r = {.s = s, .p = script, .end = script + len, .line = script, .line_number = 1};
    text_init(&r.input_text, &s->h);
    text_init(&r.script_text, &s->h);
    read_comments(&r);
    s->shown.description = keep_text(&r, &r.script_text);
    s->shown.schema = make_schema(&r);
    text_done(&r.input_text);
    if (r.failed) {
        rhai_inputs_free(&s->shown);
        return NULL;
    }
    return &s->shown;
}

void rhai_inputs_free(rhai_inputs *inputs) {
    store *s = (store *)inputs;
    if (!s) return;
    arena_done(&s->arena);
    heap_done(&s->h);
    free(s);
}
